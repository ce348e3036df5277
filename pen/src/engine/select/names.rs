//! The names of servers, as clients ask for them in their first bytes: compared once for a selection, however many servers there are.

/// The servers of one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Group(usize);

impl Group {
    /// Its place among all groups, counted from 0.
    pub(super) fn place(self) -> usize {
        let Group(place) = self;
        place
    }
}

/// All names that servers have, in lower case and in their order. Where a name stands is its group; those without a name of their
/// own are the last one.
#[derive(Debug)]
pub(super) struct Names(Box<[Box<str>]>);

impl Names {
    /// The names of these servers.
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Names {
        let mut names: Vec<Box<str>> =
            names.filter(|name| !is_any(name)).map(|name| trim(name).to_ascii_lowercase().into()).collect();
        names.sort_unstable();
        names.dedup();
        Names(names.into())
    }

    /// How many groups there are.
    pub(super) fn groups(&self) -> usize {
        self.nameless().place() + 1
    }

    /// The group of a server with this name.
    pub(super) fn group_of(&self, name: Option<&str>) -> Group {
        name.and_then(|name| self.find(trim(name).bytes())).unwrap_or(self.nameless())
    }

    /// Who serves those that ask for this name: whoever has it, or else `*.` and what follows its first label, or else no name.
    pub(super) fn group(&self, asked: &str) -> Group {
        let asked = trim(asked);
        let wildcard = || {
            let (_, rest) = asked.split_once('.')?;
            self.find(b"*.".iter().copied().chain(rest.bytes()))
        };
        self.find(asked.bytes()).or_else(wildcard).unwrap_or(self.nameless())
    }

    fn find(&self, name: impl Iterator<Item = u8> + Clone) -> Option<Group> {
        let name = name.map(|byte| byte.to_ascii_lowercase());
        self.0.binary_search_by(|other| other.bytes().cmp(name.clone())).ok().map(Group)
    }

    /// Those without a name of their own.
    fn nameless(&self) -> Group {
        Group(self.0.len())
    }
}

/// Whether a server of this name is for whatever name nobody else has.
fn is_any(name: &str) -> bool {
    name == "*"
}

/// Without the root's dot, which says nothing.
fn trim(name: &str) -> &str {
    name.strip_suffix('.').unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 6] = ["www.example.com", "WWW.Example.COM", "*.example.com", "*", "b.org.", "*.org"];

    fn who_serves(asked: &str) -> Vec<Option<&'static str>> {
        let names = Names::new(NAMES.into_iter());
        let all = NAMES.into_iter().map(Some).chain([None]);
        all.filter(|name| names.group_of(*name) == names.group(asked)).collect()
    }

    #[test]
    fn the_exact_name_goes_before_a_wildcard_and_that_before_none() {
        let exact = [Some("www.example.com"), Some("WWW.Example.COM")];
        assert_eq!(who_serves("www.example.com"), exact);
        assert_eq!(who_serves("Www.eXample.com."), exact);
        assert_eq!(who_serves("mail.example.com"), [Some("*.example.com")]);
        assert_eq!(who_serves("b.org"), [Some("b.org.")]);
        assert_eq!(who_serves("c.org"), [Some("*.org")]);
    }

    #[test]
    fn a_wildcard_stands_for_one_label() {
        for asked in ["example.com", "a.b.example.com", ".example.com.", "a.c.org", "org", "", ".", "*", "x"]
        {
            let expected =
                if asked == ".example.com." { vec![Some("*.example.com")] } else { vec![Some("*"), None] };
            assert_eq!(who_serves(asked), expected, "{asked:?}");
        }
    }
}
