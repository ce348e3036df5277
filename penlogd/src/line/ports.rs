//! Candidates for the port of a server's peer.

/// What a line shows that may be the port of the server's peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ports {
    length: u8,
    certain: bool,
    numbers: [u16; Ports::MOST],
}

impl Ports {
    /// More are not looked at.
    pub const MOST: usize = 4;

    /// The one that the line says it is.
    pub fn certain(port: u16) -> Ports {
        let mut ports = Ports { certain: true, ..Ports::default() };
        ports.push(port);
        ports
    }

    /// Adds one, unless there are enough.
    pub fn push(&mut self, port: u16) {
        if let Some(slot) = self.numbers.get_mut(usize::from(self.length)) {
            *slot = port;
            self.length += 1;
        }
    }

    /// Adds one, unless a certain one is there.
    pub(super) fn guess(&mut self, port: u16) {
        if !self.certain {
            self.push(port);
        }
    }

    /// Whether the line says that it is the peer's port, so that it is the only one: `10.0.0.9:41234`, `rport=41234`. Else any
    /// number of the line may be meant.
    pub fn are_certain(&self) -> bool {
        self.certain
    }

    /// They, most likely first.
    pub fn iter(&self) -> impl Iterator<Item = u16> + '_ {
        self.numbers.iter().take(self.length.into()).copied()
    }
}
