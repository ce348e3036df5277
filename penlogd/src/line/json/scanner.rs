//! Reading JSON without making anything of it: each member of an object, with the place of its value in the text. Strict, but
//! for strings: these may have any bytes in them, and any escapes, because servers write such.

use std::ops::Range;

/// Objects and arrays are nested no deeper.
const DEEPEST: usize = 32;

/// A member of an object, whose value is a string or a number.
#[derive(Debug)]
pub struct Member<'a> {
    /// The object that has it.
    pub parent: Parent<'a>,
    /// Its name, as it stands there.
    pub name: &'a [u8],
    /// Where its value stands, without quotes.
    pub value: Range<usize>,
}

/// Which object it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Parent<'a> {
    /// The whole.
    None,
    /// A member of the whole, of this name.
    Named(&'a [u8]),
}

/// Gives all members of the object at the beginning of `text`, and of the objects that are its members, to `take`, up to
/// where it is no JSON any more.
pub fn members<'a>(text: &'a [u8], take: &mut impl FnMut(Member<'a>)) {
    let _ = Scanner { text, at: 0, take }.value(Place::Whole);
}

/// Where a value stands.
#[derive(Clone, Copy)]
enum Place<'a> {
    Whole,
    /// A member of the whole.
    Member(&'a [u8]),
    /// A member of a member of the whole.
    Nested {
        parent: &'a [u8],
        name: &'a [u8],
    },
    /// So deep that it does not matter.
    Deep(usize),
}

struct Scanner<'a, 't, T> {
    text: &'a [u8],
    at: usize,
    take: &'t mut T,
}

impl<'a, T: FnMut(Member<'a>)> Scanner<'a, '_, T> {
    /// Reads a value; `None`: it is none.
    fn value(&mut self, place: Place<'a>) -> Option<()> {
        self.skip_spaces();
        match self.text.get(self.at)? {
            b'{' => self.object(place),
            b'[' => self.array(place.inside()?),
            b'"' => {
                let value = self.string()?;
                self.tell(place, value);
                Some(())
            }
            b'-' | b'0'..=b'9' => {
                let value = self.number();
                self.tell(place, value);
                Some(())
            }
            _ => ["true", "false", "null"].iter().find_map(|word| self.expect(word.as_bytes())),
        }
    }

    fn tell(&mut self, place: Place<'a>, value: Range<usize>) {
        match place {
            Place::Member(name) => (self.take)(Member { parent: Parent::None, name, value }),
            Place::Nested { parent, name } => {
                (self.take)(Member { parent: Parent::Named(parent), name, value });
            }
            Place::Whole | Place::Deep(_) => {}
        }
    }

    fn object(&mut self, place: Place<'a>) -> Option<()> {
        self.expect(b"{")?;
        self.skip_spaces();
        if self.expect(b"}").is_some() {
            return Some(());
        }
        loop {
            self.skip_spaces();
            let name = self.string()?;
            let name = &self.text[name];
            self.skip_spaces();
            self.expect(b":")?;
            self.value(place.member(name)?)?;
            self.skip_spaces();
            if self.expect(b",").is_none() {
                return self.expect(b"}");
            }
        }
    }

    fn array(&mut self, inside: Place<'a>) -> Option<()> {
        self.expect(b"[")?;
        self.skip_spaces();
        if self.expect(b"]").is_some() {
            return Some(());
        }
        loop {
            self.value(inside)?;
            self.skip_spaces();
            if self.expect(b",").is_none() {
                return self.expect(b"]");
            }
        }
    }

    /// What stands between the quotes.
    fn string(&mut self) -> Option<Range<usize>> {
        self.expect(b"\"")?;
        let start = self.at;
        loop {
            self.at += memchr::memchr2(b'"', b'\\', self.text.get(self.at..)?)?;
            if self.text[self.at] == b'"' {
                self.at += 1;
                return Some(start..self.at - 1);
            }
            self.at += 2;
        }
    }

    fn number(&mut self) -> Range<usize> {
        let start = self.at;
        let of_number = |byte: &&u8| matches!(byte, b'-' | b'+' | b'.' | b'e' | b'E' | b'0'..=b'9');
        self.at += self.text[start..].iter().take_while(of_number).count();
        start..self.at
    }

    fn skip_spaces(&mut self) {
        let spaces = |byte: &&u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
        self.at += self.text[self.at..].iter().take_while(spaces).count();
    }

    fn expect(&mut self, word: &[u8]) -> Option<()> {
        self.text.get(self.at..)?.starts_with(word).then(|| self.at += word.len())
    }
}

impl<'a> Place<'a> {
    fn member(self, name: &'a [u8]) -> Option<Place<'a>> {
        match self {
            Place::Whole => Some(Place::Member(name)),
            Place::Member(parent) => Some(Place::Nested { parent, name }),
            Place::Nested { .. } | Place::Deep(_) => self.inside(),
        }
    }

    fn inside(self) -> Option<Place<'a>> {
        match self {
            Place::Whole | Place::Member(_) | Place::Nested { .. } => Some(Place::Deep(3)),
            Place::Deep(depth) => (depth < DEEPEST).then_some(Place::Deep(depth + 1)),
        }
    }
}
