//! Judges merged lines: each server line must be there once, name the client that it says itself, and stand in order.

use std::collections::HashSet;
use std::net::SocketAddr;

use super::format::named;

/// What is true of merged lines.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Lines of the servers, each counted once.
    pub out: usize,
    /// Lines that name the right client.
    pub right: usize,
    /// Lines that show a port and name the right address, but with a wrong port.
    pub wrong_port: usize,
    /// Lines that stand there a second time.
    pub doubled: usize,
    /// Lines that stand behind a later one of the same server.
    pub disordered: usize,
    /// Lines that no server wrote.
    pub foreign: usize,
    /// The first few that are wrong.
    pub examples: Vec<String>,
}

/// Judges lines that say `true=ADDR:PORT seq=SERVER.NUMBER`.
pub fn judge<'a>(lines: impl IntoIterator<Item = &'a str>) -> Verdict {
    let mut verdict = Verdict::default();
    let mut seen = HashSet::new();
    let mut latest: Vec<u64> = Vec::new();
    for line in lines {
        let Some((client, server, number)) = truth(line) else {
            verdict.foreign += 1;
            verdict.example(line);
            continue;
        };
        if !seen.insert((server, number)) {
            verdict.doubled += 1;
            verdict.example(line);
            continue;
        }
        verdict.out += 1;
        latest.resize(latest.len().max(server + 1), 0);
        if number < latest[server] {
            verdict.disordered += 1;
        }
        latest[server] = number.max(latest[server]);
        match named(line) {
            Some((address, port)) if address == client.ip() => {
                verdict.right += 1;
                if port.is_some_and(|port| port != client.port()) {
                    verdict.wrong_port += 1;
                    verdict.example(line);
                }
            }
            _ => verdict.example(line),
        }
    }
    verdict
}

impl Verdict {
    /// The share of `logged` lines that name the right client, in percent.
    pub fn percent(&self, logged: usize) -> f64 {
        100.0 * self.right as f64 / logged.max(1) as f64
    }

    fn example(&mut self, line: &str) {
        if self.examples.len() < 5 {
            self.examples.push(line.to_owned());
        }
    }
}

/// Who the client is, which server wrote the line, and its number there.
fn truth(line: &str) -> Option<(SocketAddr, usize, u64)> {
    let (_, rest) = line.rsplit_once("true=")?;
    let (client, rest) = rest.split_once(" seq=")?;
    let (sequence, _) = rest.split_once('"')?;
    let (server, number) = sequence.split_once('.')?;
    Some((client.parse().ok()?, server.parse().ok()?, number.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_of_being_wrong_is_counted() {
        let verdict = judge([
            "127.1.0.1 - - [] \"GET\" \"true=127.1.0.1:9 seq=0.1\"",
            "127.1.0.2 - - [] \"GET\" \"true=127.1.0.1:9 seq=0.3\"",
            "127.1.0.1:9 - - [] \"GET\" \"true=127.1.0.1:9 seq=0.2\"",
            "127.1.0.1:8 - - [] \"GET\" \"true=127.1.0.1:9 seq=1.1\"",
            "127.1.0.1 - - [] \"GET\" \"true=127.1.0.1:9 seq=0.1\"",
            "nothing",
        ]);
        assert_eq!((verdict.out, verdict.right, verdict.wrong_port), (4, 3, 1));
        assert_eq!((verdict.doubled, verdict.disordered, verdict.foreign), (1, 1, 1));
        assert_eq!(verdict.examples.len(), 4);
    }
}
