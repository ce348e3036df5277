//! Whether the client is heard, and if not, what it is told.

/// What the rewriter is ready for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stand {
    /// For whatever the client says.
    Listening,
    /// For nothing more from the client, before the server has answered what was passed on.
    Waiting,
    /// For nothing more. As every earlier request is answered, the client is to be told so.
    Refusing(Refusal),
}

/// Why a client's bytes were not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// They break the rules, or can be read in two ways.
    Malformed,
    /// The head is larger than any server needs.
    TooLarge,
    /// The head did not come in time.
    TooSlow,
    /// They are another protocol, in which no answer can be given, or nobody knows what the server has answered so far.
    Silent,
}

impl Refusal {
    /// What the client is told, in http; empty: nothing.
    pub fn answer(self) -> &'static [u8] {
        match self {
            Refusal::Malformed => b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
            Refusal::TooLarge => {
                b"HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            }
            Refusal::TooSlow => {
                b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
            }
            Refusal::Silent => b"",
        }
    }
}
