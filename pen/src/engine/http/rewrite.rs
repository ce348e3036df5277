//! Tells servers of their clients: X-Forwarded-Proto and X-Forwarded-For in the head of each request (SPEC 10). What a server
//! could read in another way than this does is refused rather than passed on.

use std::borrow::Cow;

use common::client_addr::ClientAddr;

/// What is to be sent, piece by piece: heads are edited copies, everything else is what was read.
pub type Pieces<'a> = Vec<Cow<'a, [u8]>>;

/// What servers are told of a client.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// Who it is.
    pub client: ClientAddr,
    /// Whether it spoke TLS.
    pub secure: bool,
}

/// Rewrites the requests of one connection.
#[derive(Debug)]
pub struct Rewriter {
    origin: Origin,
}

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

impl Rewriter {
    /// Before the first byte.
    pub fn new(origin: Origin) -> Rewriter {
        Rewriter { origin }
    }

    /// Takes what the client sent, and appends what the server is to get.
    pub fn client_spoke<'a>(&mut self, data: &'a [u8], pieces: &mut Pieces<'a>) {
        let _ = self.origin;
        pieces.push(Cow::Borrowed(data));
    }

    /// Watches what the server sends, which is passed on in any case.
    pub fn server_spoke(&mut self, _data: &[u8]) {}

    /// Appends what was held back and need not be any more: because the server has answered, or because the client has sent
    /// all (`finished`), and it is no request.
    pub fn go_on(&mut self, _finished: bool, _pieces: &mut Pieces<'_>) {}

    /// Whether `go_on` would append something, or come to another stand. `finished` is as there.
    pub fn holds(&self, _finished: bool) -> bool {
        false
    }

    /// Whether an end of file must wait, because something is held back that may go out before it.
    pub fn delays_end(&self) -> bool {
        false
    }

    /// What it is ready for.
    pub fn stand(&self) -> Stand {
        Stand::Listening
    }

    /// Whether a head has begun that is not complete.
    pub fn awaits_head(&self) -> bool {
        false
    }

    /// How many heads were complete so far.
    pub fn heads(&self) -> u64 {
        0
    }

    /// Gives the head that is awaited up.
    pub fn give_up(&mut self) {}
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
