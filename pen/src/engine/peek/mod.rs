//! What a client's first bytes say about the server that it wants: the connection request of RDP, the name in a TLS handshake.

/// How far the reading of a client's first bytes has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight<T> {
    /// More has to come.
    Incomplete,
    /// This is what they say; `None`: nothing that would help.
    Seen(Option<T>),
}
