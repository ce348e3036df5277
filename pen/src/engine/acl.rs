//! Access lists: which clients a list lets in.

use common::acl::Entry;
use common::client_addr::ClientAddr;

/// An access list, made once and then only asked.
#[derive(Clone, Debug, Default)]
pub struct Acl {
    entries: Vec<Entry>,
}

impl Acl {
    /// Makes the list and its index.
    pub fn new(entries: Vec<Entry>) -> Acl {
        Acl { entries }
    }

    /// The entries as given.
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Whether it has no entries, and so permits everyone.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether the client is let in.
    pub fn permits(&self, _client: ClientAddr) -> bool {
        todo!()
    }
}
