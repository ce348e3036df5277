//! Quantities and states as people read them. Exact numbers are the matter of the renderings.

use std::fmt::{self, Display, Formatter};

use super::{ClientStatus, ConnectionState, ServerState, ServerStatus, ServiceStatus};

/// A number of bytes: `999 B`, `1.2 kB`, `18.4 EB`. Rounded down, in powers of 1000.
#[derive(Clone, Copy, Debug)]
pub struct Bytes(pub u64);

/// A number of seconds, in its two largest units: `45 s`, `12 min 5 s`, `3 d 4 h`.
#[derive(Clone, Copy, Debug)]
pub struct Seconds(pub u64);

impl Display for Bytes {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let bytes = self.0;
        let mut unit = 1;
        for prefix in ["", "k", "M", "G", "T", "P"] {
            if bytes / unit < 1000 {
                return write_scaled(f, bytes, unit, prefix);
            }
            unit *= 1000;
        }
        write_scaled(f, bytes, unit, "E")
    }
}

fn write_scaled(f: &mut Formatter<'_>, bytes: u64, unit: u64, prefix: &str) -> fmt::Result {
    let whole = bytes / unit;
    if unit == 1 || whole >= 100 {
        write!(f, "{whole} {prefix}B")
    } else {
        write!(f, "{whole}.{} {prefix}B", bytes % unit / (unit / 10))
    }
}

impl Display for Seconds {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let seconds = self.0;
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400);
        if days > 0 {
            write!(f, "{days} d {} h", hours % 24)
        } else if hours > 0 {
            write!(f, "{hours} h {} min", minutes % 60)
        } else if minutes > 0 {
            write!(f, "{minutes} min {} s", seconds % 60)
        } else {
            write!(f, "{seconds} s")
        }
    }
}

impl ServerState {
    /// The states in the order in which they are told.
    pub const WORDS: [&str; 4] = ["up", "blacklisted", "empty", "unknown"];

    /// The state in one word.
    pub fn word(self) -> &'static str {
        match self {
            ServerState::Up => "up",
            ServerState::Blacklisted { .. } => "blacklisted",
            ServerState::Empty => "empty",
            ServerState::Unknown => "unknown",
        }
    }
}

impl Display for ServerState {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())?;
        match self {
            ServerState::Blacklisted { blacklisted_seconds } => write!(f, " {blacklisted_seconds}s"),
            ServerState::Up | ServerState::Empty | ServerState::Unknown => Ok(()),
        }
    }
}

impl Display for ConnectionState {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words().join(", "))
    }
}

impl ConnectionState {
    /// The stage, and the sides that are closed.
    pub fn words(self) -> Vec<&'static str> {
        let stage = if self.connecting { "connecting" } else { "connected" };
        let client = self.client_closed.then_some("client closed");
        let server = self.server_closed.then_some("server closed");
        [Some(stage), client, server].into_iter().flatten().collect()
    }
}

/// How many servers are in each state that occurs: 3 `up`, 1 `empty`.
pub fn census<'a>(servers: impl Iterator<Item = &'a ServerStatus>) -> Vec<(usize, &'static str)> {
    let mut counts = ServerState::WORDS.map(|word| (0, word));
    for server in servers {
        for (count, word) in &mut counts {
            *count += usize::from(*word == server.state.word());
        }
    }
    counts.into_iter().filter(|(count, _)| *count > 0).collect()
}

/// What is to be said of a service beside its name, if it is not in force any more.
pub fn condition(service: &ServiceStatus) -> &'static str {
    if service.draining { " (removed, waits for its last connections)" } else { "" }
}

/// Where a service listens.
pub fn listens(service: &ServiceStatus) -> String {
    if service.listen.is_empty() { "nowhere".to_owned() } else { service.listen.join(", ") }
}

/// The modes of a service, also those that are on because no other is.
pub fn modes(service: &ServiceStatus) -> String {
    if service.dummy {
        return "dummy: pen itself answers".to_owned();
    }
    if service.modes.is_empty() { "tracking, round robin".to_owned() } else { service.modes.join(", ") }
}

/// The servers of a service, the slots by their numbers and then the others by their roles.
pub fn all_servers(service: &ServiceStatus) -> impl Iterator<Item = (String, &ServerStatus)> {
    let slots = service.servers.iter().map(|server| (slot(server), server));
    slots.chain(
        service.fallbacks.iter().map(|fallback| (fallback.role.clone().into_owned(), &fallback.server)),
    )
}

/// The number of a server's slot; nothing if it has none.
pub fn slot(server: &ServerStatus) -> String {
    server.slot.map_or_else(String::new, |slot| slot.to_string())
}

/// Where a server is: `192.0.2.1:80`, `[2001:db8::1]:80`, `/run/www.sock`; `none` for an empty slot.
pub fn place(server: &ServerStatus) -> String {
    match server {
        ServerStatus { state: ServerState::Empty, .. } => "none".to_owned(),
        ServerStatus { address, port: 0, .. } => address.clone(),
        ServerStatus { address, port, .. } if address.contains(':') => format!("[{address}]:{port}"),
        ServerStatus { address, port, .. } => format!("{address}:{port}"),
    }
}

/// When a client was last here: `3 s ago`, `2 open`.
pub fn seen(client: &ClientStatus) -> String {
    match client {
        ClientStatus { open: 0, age, .. } => format!("{} ago", Seconds(*age)),
        ClientStatus { open, .. } => format!("{open} open"),
    }
}

/// The number of a slot, if there is one; or else `none`.
pub fn slot_or_none(slot: Option<u32>) -> String {
    slot.map_or_else(|| "none".to_owned(), |slot| slot.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn server(state: ServerState) -> ServerStatus {
        ServerStatus { state, address: "10.0.0.1".to_owned(), port: 80, ..ServerStatus::default() }
    }

    #[test]
    fn bytes_have_a_prefix_and_at_most_three_digits() {
        let cases = [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (1999, "1.9 kB"),
            (99_999, "99.9 kB"),
            (100_000, "100 kB"),
            (999_999, "999 kB"),
            (1_000_000, "1.0 MB"),
            (5_368_709_120, "5.3 GB"),
            (u64::MAX, "18.4 EB"),
        ];
        for (bytes, expected) in cases {
            assert_eq!(Bytes(bytes).to_string(), expected);
        }
    }

    #[test]
    fn seconds_are_told_in_the_two_largest_units() {
        let cases = [
            (0, "0 s"),
            (59, "59 s"),
            (60, "1 min 0 s"),
            (3599, "59 min 59 s"),
            (3660, "1 h 1 min"),
            (273_600, "3 d 4 h"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(Seconds(seconds).to_string(), expected);
        }
        assert_eq!(Seconds(u64::MAX).to_string(), "213503982334601 d 7 h");
    }

    #[test]
    fn a_connection_tells_its_stage_and_which_sides_are_closed() {
        let state = |connecting, client_closed, server_closed| {
            ConnectionState { connecting, client_closed, server_closed }.to_string()
        };
        assert_eq!(state(true, false, false), "connecting");
        assert_eq!(state(false, true, false), "connected, client closed");
        assert_eq!(state(false, true, true), "connected, client closed, server closed");
    }

    #[test]
    fn the_census_counts_the_states_that_occur() {
        let up = server(ServerState::Up);
        let empty = server(ServerState::Empty);
        let out = server(ServerState::Blacklisted { blacklisted_seconds: 3 });
        assert_eq!(
            census([&out, &up, &empty, &up].into_iter()),
            [(2, "up"), (1, "blacklisted"), (1, "empty")]
        );
        assert_eq!(census([&up].into_iter()), [(1, "up")]);
        assert_eq!(census([].into_iter()), []);
    }

    #[test]
    fn places_are_written_as_servers_are_named() {
        let at = |address: &str, port| ServerStatus {
            address: address.to_owned(),
            port,
            ..server(ServerState::Up)
        };
        assert_eq!(place(&at("192.0.2.1", 80)), "192.0.2.1:80");
        assert_eq!(place(&at("2001:db8::1", 80)), "[2001:db8::1]:80");
        assert_eq!(place(&at("/run/www.sock", 0)), "/run/www.sock");
        assert_eq!(place(&server(ServerState::Empty)), "none");
    }
}
