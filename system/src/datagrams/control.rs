//! Control messages: what the kernel tells of a datagram besides its bytes, and what it is told. They are read and written byte
//! by byte, so that nothing in them is unsafe to read.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use libc::{c_int, msghdr};

use super::Local;

/// Room for all that the kernel tells of one datagram: 32 bytes for its time, 32 and 40 for its destination (a mapped one is told
/// in both ways), 24 for the size of what is joined.
pub(super) const SIZE: usize = 128;

/// Every message begins with its size, which is a word, and two numbers of what it is.
const HEADER: usize = WORD + 2 * size_of::<c_int>();
/// The next message begins at a multiple of this.
const WORD: usize = size_of::<usize>();

/// The control messages of one datagram, or room for them.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(super) struct Control([u8; SIZE]);

/// What the kernel has told of a datagram.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Notes {
    pub(super) local: Option<Local>,
    pub(super) segment: Option<usize>,
    pub(super) arrived: Option<Duration>,
}

/// One control message.
#[derive(Clone, Copy, Debug)]
pub(super) struct Message<'a> {
    pub(super) level: c_int,
    pub(super) kind: c_int,
    pub(super) data: &'a [u8],
}

impl Control {
    pub(super) const fn new() -> Control {
        Control([0; SIZE])
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut u8 {
        self.0.as_mut_ptr()
    }

    /// What the kernel has written here with so many bytes.
    pub(super) fn written(&self, length: usize) -> &[u8] {
        &self.0[..length.min(SIZE)]
    }

    /// Writes where a datagram leaves from and of what size its parts are; returns how many bytes that are.
    pub(super) fn write(&mut self, from: Option<Local>, segment: Option<u16>) -> usize {
        let mut used = 0;
        if let Some(local) = from {
            used = self.write_local(local);
        }
        if let Some(size) = segment {
            used = self.push(used, libc::SOL_UDP, libc::UDP_SEGMENT, &size.to_ne_bytes());
        }
        used
    }

    fn write_local(&mut self, local: Local) -> usize {
        match local.address.to_canonical() {
            // An IPv6 socket takes this, too, for a datagram that leaves by IPv4.
            IpAddr::V4(address) => {
                let mut data = [0; 12];
                data[..4].copy_from_slice(&local.interface.to_ne_bytes());
                data[4..8].copy_from_slice(&address.octets());
                self.push(0, libc::SOL_IP, libc::IP_PKTINFO, &data)
            }
            IpAddr::V6(address) => {
                // Nothing can leave from a group's address.
                let address = if address.is_multicast() { Ipv6Addr::UNSPECIFIED } else { address };
                let mut data = [0; 20];
                data[..16].copy_from_slice(&address.octets());
                data[16..].copy_from_slice(&local.interface.to_ne_bytes());
                self.push(0, libc::SOL_IPV6, libc::IPV6_PKTINFO, &data)
            }
        }
    }

    /// Writes a message behind the others, and returns where the next one begins.
    fn push(&mut self, at: usize, level: c_int, kind: c_int, data: &[u8]) -> usize {
        let length = HEADER + data.len();
        let message = &mut self.0[at..][..length];
        message[..WORD].copy_from_slice(&length.to_ne_bytes());
        message[WORD..][..4].copy_from_slice(&level.to_ne_bytes());
        message[WORD + 4..][..4].copy_from_slice(&kind.to_ne_bytes());
        message[HEADER..].copy_from_slice(data);
        at + length.next_multiple_of(WORD)
    }
}

/// How long the control messages of this header are. glibc has a word for that, as the kernel, and musl half a word.
#[allow(clippy::useless_conversion, reason = "it is one under musl")]
pub(super) fn length(header: &msghdr) -> usize {
    usize::try_from(header.msg_controllen).unwrap_or(0)
}

/// Says how long the control messages of a header are, or how much room there is for them: at most [`SIZE`].
#[allow(clippy::useless_conversion, reason = "it is one under musl")]
pub(super) fn set_length(header: &mut msghdr, length: usize) {
    header.msg_controllen = length.try_into().unwrap_or(0);
}

/// The messages in these bytes, up to the first one that is not whole.
pub(super) fn messages(mut bytes: &[u8]) -> impl Iterator<Item = Message<'_>> {
    std::iter::from_fn(move || {
        let length = usize::from_ne_bytes(*bytes.first_chunk()?);
        let level = number(bytes, WORD)?;
        let kind = number(bytes, WORD + 4)?;
        let data = bytes.get(HEADER..length)?;
        bytes = bytes.get(length.next_multiple_of(WORD)..).unwrap_or_default();
        Some(Message { level, kind, data })
    })
}

/// Reads what concerns us.
pub(super) fn notes(bytes: &[u8]) -> Notes {
    let mut notes = Notes::default();
    let mut local_of_ipv4 = None;
    for Message { level, kind, data } in messages(bytes) {
        match (level, kind) {
            (libc::SOL_SOCKET, libc::SCM_TIMESTAMPNS) => notes.arrived = time(data),
            (libc::SOL_IP, libc::IP_PKTINFO) => local_of_ipv4 = destination_of_ipv4(data),
            (libc::SOL_IPV6, libc::IPV6_PKTINFO) => notes.local = destination_of_ipv6(data),
            (libc::SOL_UDP, libc::UDP_GRO) => {
                notes.segment = number(data, 0).and_then(|size| usize::try_from(size).ok());
            }
            _ => (),
        }
    }
    if let Some(address) = local_of_ipv4 {
        // Told in both ways, by an IPv6 socket. This one is right for broadcasts, too.
        let address = if notes.local.is_some() { address.to_ipv6_mapped().into() } else { address.into() };
        notes.local = Some(Local { address, interface: 0 });
    }
    notes
}

/// The address that an answer is to leave from: behind the number of the interface, and before what the header said.
fn destination_of_ipv4(data: &[u8]) -> Option<Ipv4Addr> {
    let octets: [u8; 4] = *data.get(4..)?.first_chunk()?;
    Some(octets.into())
}

fn destination_of_ipv6(data: &[u8]) -> Option<Local> {
    let octets: [u8; 16] = *data.first_chunk()?;
    let address = Ipv6Addr::from(octets);
    let depends_on_interface = address.is_unicast_link_local() || address.is_multicast();
    let interface = u32::from_ne_bytes(*data.get(16..)?.first_chunk()?);
    Some(Local { address: address.into(), interface: if depends_on_interface { interface } else { 0 } })
}

/// Seconds and nanoseconds, both words.
fn time(data: &[u8]) -> Option<Duration> {
    const SECOND: u32 = 1_000_000_000;
    let seconds = isize::from_ne_bytes(*data.first_chunk()?);
    let nanoseconds = isize::from_ne_bytes(*data.get(WORD..)?.first_chunk()?);
    let nanoseconds = u32::try_from(nanoseconds).ok().filter(|&nanoseconds| nanoseconds < SECOND)?;
    Some(Duration::new(u64::try_from(seconds).ok()?, nanoseconds))
}

fn number(bytes: &[u8], at: usize) -> Option<c_int> {
    Some(c_int::from_ne_bytes(*bytes.get(at..)?.first_chunk()?))
}
