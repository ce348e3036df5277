//! Lines of JSON, as nginx (`escape=json`), Caddy, Traefik and others write them: an object with the peer, the request and the
//! time under one of the usual names. What is put in the peer's place takes only the bytes of that value.
//!
//! Names are compared without regard to case and to `_`, `-`, `.` and `@`. They count at the top, and in an object `request`, as
//! Caddy has it; `ip` and `port` also in `client` and `source`. Headers, which clients choose, are nested deeper.

mod scanner;

use std::borrow::Cow;
use std::ops::Range;

use super::place::What;
use super::{Line, Ports, Stamp, Yearless, escape, peer, time};
use scanner::{Member, Parent};

/// Reads a line. Where it is no JSON any more, reading ends: what was read so far counts, because a line may have been cut.
pub(super) fn read(text: &[u8], yearless: Option<Yearless>) -> Line<'_> {
    let mut found = Found { text, yearless, ..Found::default() };
    scanner::members(text, &mut |member| found.take(&member));
    found.line()
}

/// What a member is about. Of several addresses and ports, the lowest rank is the peer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Meaning {
    Address(u8),
    Port(u8),
    Request,
    Method,
    Target,
    Protocol,
    Time,
}

/// What a name at the top or in `request` means, in its plainest form.
fn meaning(name: &[u8]) -> Option<Meaning> {
    Some(match name {
        b"remoteaddr" | b"remoteip" | b"remoteaddress" | b"remotehost" | b"peeraddr" | b"peerip" => {
            Meaning::Address(0)
        }
        b"clienthost" | b"clientip" | b"clientaddr" | b"clientaddress" | b"sourceip" | b"srcip" => {
            Meaning::Address(1)
        }
        b"ip" | b"client" | b"peer" => Meaning::Address(2),
        b"remoteport" | b"peerport" | b"rport" => Meaning::Port(0),
        b"clientport" | b"sourceport" | b"srcport" => Meaning::Port(1),
        b"request" | b"requestline" | b"httprequest" => Meaning::Request,
        b"method" | b"requestmethod" | b"httpmethod" => Meaning::Method,
        b"uri" | b"requesturi" | b"requestpath" | b"path" | b"url" => Meaning::Target,
        b"proto" | b"protocol" | b"requestprotocol" | b"serverprotocol" => Meaning::Protocol,
        b"time" | b"ts" | b"timestamp" | b"timeiso8601" | b"timelocal" | b"msec" | b"datetime" => {
            Meaning::Time
        }
        _ => return None,
    })
}

#[derive(Default)]
struct Found<'a> {
    text: &'a [u8],
    yearless: Option<Yearless>,
    addresses: Ranked,
    ports: Ranked,
    request: Option<&'a [u8]>,
    method: Option<&'a [u8]>,
    target: Option<&'a [u8]>,
    protocol: Option<&'a [u8]>,
    time: Option<Stamp>,
}

/// Values with their ranks.
type Ranked = [Option<(u8, usize, usize)>; 4];

impl<'a> Found<'a> {
    fn take(&mut self, member: &Member<'_>) {
        let mut buffer = [0; LONGEST_NAME];
        let Some(name) = plainest(member.name, &mut buffer) else { return };
        let meaning = match member.parent {
            Parent::None => meaning(name),
            Parent::Named(parent) if parent.eq_ignore_ascii_case(b"request") => meaning(name),
            Parent::Named(parent)
                if parent.eq_ignore_ascii_case(b"client") || parent.eq_ignore_ascii_case(b"source") =>
            {
                match name {
                    b"ip" | b"address" | b"addr" => Some(Meaning::Address(1)),
                    b"port" => Some(Meaning::Port(1)),
                    _ => None,
                }
            }
            Parent::Named(_) => None,
        };
        let value = &self.text[member.value.clone()];
        match meaning {
            None => {}
            Some(Meaning::Address(rank)) => keep(&mut self.addresses, rank, &member.value),
            Some(Meaning::Port(rank)) => keep(&mut self.ports, rank, &member.value),
            Some(Meaning::Time) => self.take_time(value),
            Some(Meaning::Request) => first(&mut self.request, value),
            Some(Meaning::Method) => first(&mut self.method, value),
            Some(Meaning::Target) => first(&mut self.target, value),
            Some(Meaning::Protocol) => first(&mut self.protocol, value),
        }
    }

    /// The first is taken that is finer than seconds, or else the first.
    fn take_time(&mut self, value: &[u8]) {
        if self.time.is_none_or(|time| !time.fine) {
            let time = time::read(value, self.yearless).filter(|time| self.time.is_none() || time.fine);
            self.time = time.or(self.time);
        }
    }

    fn line(&self) -> Line<'a> {
        let mut line = Line::unread(self.text);
        self.take_addresses(&mut line);
        self.take_ports(&mut line);
        line.request = self.request();
        line.time = self.time;
        line
    }

    /// The peer is the first address of the lowest rank; others that are the same are replaced as well.
    fn take_addresses(&self, line: &mut Line<'_>) {
        let read = |&(rank, start, end): &(u8, usize, usize)| {
            let text = &self.text[start..end];
            let peer = peer::read(text);
            (peer.address.is_some() || peer.ambiguous).then(|| (rank, peer, peer.place(text, start..end)))
        };
        let addresses = || self.addresses.iter().flatten().filter_map(read);
        let Some((_, first, _)) = addresses().min_by_key(|(rank, ..)| *rank) else { return };
        line.take_peer(first);
        for (_, peer, place) in addresses() {
            if peer.address == first.address {
                line.places.add(peer.what(), place);
                if let Some(port) = peer.certain_port() {
                    line.ports = Ports::certain(port);
                }
            }
        }
    }

    fn take_ports(&self, line: &mut Line<'_>) {
        if !line.shows_peer() {
            return;
        }
        let read = |&(rank, start, end): &(u8, usize, usize)| {
            peer::port(&self.text[start..end]).map(|port| (rank, port, start..end))
        };
        let ports = || self.ports.iter().flatten().filter_map(read);
        let Some((_, first, _)) = ports().min_by_key(|(rank, ..)| *rank) else { return };
        line.ports = Ports::certain(first);
        for (.., place) in ports().filter(|(_, port, _)| *port == first) {
            line.places.add(What::Port, place);
        }
    }

    /// The request, or what it is made of. Without a protocol it is taken for HTTP/1.1.
    fn request(&self) -> Option<Cow<'a, [u8]>> {
        if let Some(request) = self.request {
            return Some(escape::request(request));
        }
        let mut request = Vec::new();
        escape::append(self.method?, &mut request);
        request.push(b' ');
        escape::append(self.target?, &mut request);
        request.push(b' ');
        escape::append(self.protocol.unwrap_or(b"HTTP/1.1"), &mut request);
        Some(Cow::Owned(request))
    }
}

fn keep(values: &mut Ranked, rank: u8, value: &Range<usize>) {
    if let Some(free) = values.iter_mut().find(|slot| slot.is_none()) {
        *free = Some((rank, value.start, value.end));
    }
}

fn first<'a>(slot: &mut Option<&'a [u8]>, value: &'a [u8]) {
    slot.get_or_insert(value);
}

const LONGEST_NAME: usize = 24;

/// A name in lower case, without what separates words. A longer one means nothing here.
fn plainest<'b>(name: &[u8], buffer: &'b mut [u8; LONGEST_NAME]) -> Option<&'b [u8]> {
    if name.len() > LONGEST_NAME {
        return None;
    }
    let letters = name.iter().filter(|byte| !b"_-.@".contains(byte)).map(u8::to_ascii_lowercase);
    let length = buffer.iter_mut().zip(letters).map(|(slot, letter)| *slot = letter).count();
    Some(&buffer[..length])
}
