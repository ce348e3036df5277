//! The requests that are known: each server and text once, with a number that stands for both.

use std::borrow::Borrow;
use std::collections::{BTreeMap, HashMap};
use std::net::IpAddr;
use std::ops::Bound;
use std::sync::Arc;

/// The number of a server's request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TextId(pub(super) u32);

/// Texts of all servers.
#[derive(Debug, Default)]
pub(super) struct Texts {
    servers: HashMap<IpAddr, OfServer>,
    all: Vec<Text>,
    free: Vec<TextId>,
}

#[derive(Debug, Default)]
struct OfServer {
    all: HashMap<Arc<[u8]>, TextId>,
    /// Those that are beginnings of longer ones, in order, so that those a text begins with are found without looking at others.
    cut: BTreeMap<Arc<[u8]>, TextId>,
}

#[derive(Debug)]
struct Text {
    server: IpAddr,
    text: Arc<[u8]>,
}

/// Texts that may be a line's: itself, and what it begins with.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Found {
    ids: [Option<TextId>; Found::MOST],
}

impl Texts {
    /// The number of a text; `cut`: it is the beginning only.
    pub(super) fn intern(&mut self, server: IpAddr, text: &[u8], cut: bool) -> TextId {
        let of_server = self.servers.entry(server).or_default();
        let id = if let Some(id) = of_server.all.get(text) {
            *id
        } else {
            let text: Arc<[u8]> = text.into();
            let new = Text { server, text: Arc::clone(&text) };
            let id = if let Some(id) = self.free.pop() {
                self.all[id.index()] = new;
                id
            } else {
                self.all.push(new);
                TextId(u32::try_from(self.all.len() - 1).expect("no memory holds so many texts"))
            };
            of_server.all.insert(text, id);
            id
        };
        if cut && !of_server.cut.contains_key(text) {
            of_server.cut.insert(Arc::clone(&self.all[id.index()].text), id);
        }
        id
    }

    /// Forgets a text. Its number may soon be another's.
    pub(super) fn forget(&mut self, id: TextId) {
        let Text { server, text } = &self.all[id.index()];
        let Some(of_server) = self.servers.get_mut(server) else { return };
        of_server.all.remove(text);
        of_server.cut.remove(text);
        if of_server.all.is_empty() {
            self.servers.remove(server);
        }
        self.free.push(id);
    }

    /// What a line with this request may be recorded as, the longest first.
    pub(super) fn find(&self, server: IpAddr, request: &[u8]) -> Found {
        let mut found = Found::default();
        let Some(of_server) = self.servers.get(&server) else { return found };
        if let Some(id) = of_server.all.get(request) {
            found.add(*id);
        }
        of_server.add_beginnings(request, &mut found);
        found
    }
}

impl OfServer {
    /// Adds what was cut and is a beginning of `request`. In order, whatever stands between a text and a beginning of it begins
    /// like both, so each step to the text before either finds one or shortens what can still be found.
    fn add_beginnings(&self, request: &[u8], found: &mut Found) {
        let mut rest = Bound::Included(request);
        for _ in 0..Found::STEPS {
            let before = self.cut.range::<[u8], _>((Bound::Unbounded, rest)).next_back();
            let Some((text, id)) = before else { return };
            let common = text.iter().zip(request).take_while(|(a, b)| a == b).count();
            if common == text.len() {
                found.add(*id);
                let text: &[u8] = (**text).borrow();
                rest = Bound::Excluded(text);
            } else {
                rest = Bound::Included(&request[..common]);
            }
        }
    }
}

impl Found {
    /// A line has no more, but for forgeries.
    const MOST: usize = 4;
    const STEPS: usize = 16;

    fn add(&mut self, id: TextId) {
        if !self.ids.contains(&Some(id))
            && let Some(free) = self.ids.iter_mut().find(|slot| slot.is_none())
        {
            *free = Some(id);
        }
    }

    /// They, the longest first.
    pub(super) fn iter(&self) -> impl Iterator<Item = TextId> + '_ {
        self.ids.iter().copied().flatten()
    }
}

impl TextId {
    /// Its place in an array.
    pub(super) fn index(self) -> usize {
        self.0 as usize
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SERVER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn a_text_has_one_number_until_it_is_forgotten() {
        let mut texts = Texts::default();
        let (a, b) = (texts.intern(SERVER, b"a", false), texts.intern(SERVER, b"b", false));
        assert_ne!(a, b);
        assert_eq!(texts.intern(SERVER, b"a", false), a);
        texts.forget(a);
        assert_eq!(texts.find(SERVER, b"a").iter().count(), 0);
        assert_eq!(texts.intern(SERVER, b"c", true), a);
        assert_eq!(texts.find(SERVER, b"cd").iter().collect::<Vec<_>>(), [a]);
        texts.forget(a);
        texts.forget(b);
        assert!(texts.servers.is_empty());
    }

    proptest! {
        #[test]
        fn what_was_cut_is_found_by_whatever_begins_with_it(
            cut in proptest::collection::hash_set("[ab]{1,5}", 0..20),
            whole in proptest::collection::hash_set("[ab]{1,5}", 0..20),
            request in "[ab]{0,6}",
        ) {
            let mut texts = Texts::default();
            for text in &whole {
                texts.intern(SERVER, text.as_bytes(), false);
            }
            for text in &cut {
                texts.intern(SERVER, text.as_bytes(), true);
            }
            let mut naive: Vec<&String> = cut.iter().filter(|text| request.starts_with(text.as_str())).collect();
            naive.extend(whole.get(&request).filter(|text| !cut.contains(*text)));
            naive.sort_by_key(|text| std::cmp::Reverse(text.len()));
            naive.truncate(Found::MOST);
            let found = texts.find(SERVER, request.as_bytes());
            let found: Vec<String> = found
                .iter()
                .map(|id| String::from_utf8(texts.all[id.index()].text.to_vec()).unwrap())
                .collect();
            prop_assert_eq!(found.iter().collect::<Vec<_>>(), naive);
        }
    }
}
