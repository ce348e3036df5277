//! What a client's first bytes say about the server that it wants: the connection request of RDP (`rdp`, and `user` for the names in
//! it), the name in a TLS handshake (`sni`). Whatever else they are, they are passed on as they came; which server follows from
//! what they say is `select`'s matter, who remembers users is `users`'.

pub mod rdp;
pub mod sni;
pub mod user;

/// How far the reading of a client's first bytes has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight<T> {
    /// More has to come.
    Incomplete,
    /// This is what they say; `None`: nothing that would help.
    Seen(Option<T>),
}
