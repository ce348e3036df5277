//! Addresses as the kernel writes and reads them, byte by byte: nothing that it could say is unsafe to read.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4, SocketAddrV6};

use super::Name;

/// The size of an address of any kind.
pub(super) const SIZE: usize = size_of::<libc::sockaddr_storage>();

/// Every address begins with its family.
const FAMILY: usize = size_of::<libc::sa_family_t>();
/// No name of a Unix socket is longer.
const LONGEST_NAME: usize = size_of::<libc::sockaddr_un>() - FAMILY;

/// An address of any kind, or room for one.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
pub(super) struct Address([u8; SIZE]);

impl Address {
    pub(super) const fn new() -> Address {
        Address([0; SIZE])
    }

    pub(super) fn as_mut_ptr(&mut self) -> *mut u8 {
        self.0.as_mut_ptr()
    }

    /// Writes a name, and returns how many bytes that are. What cannot be a name of a Unix socket becomes one that the kernel
    /// refuses (`EINVAL`).
    pub(super) fn write(&mut self, name: Name<'_>) -> usize {
        match name {
            Name::Inet(SocketAddr::V4(inet)) => {
                self.0[..2].copy_from_slice(&family(libc::AF_INET));
                self.0[2..4].copy_from_slice(&inet.port().to_be_bytes());
                self.0[4..8].copy_from_slice(&inet.ip().octets());
                self.0[8..16].fill(0);
                16
            }
            Name::Inet(SocketAddr::V6(inet)) => {
                self.0[..2].copy_from_slice(&family(libc::AF_INET6));
                self.0[2..4].copy_from_slice(&inet.port().to_be_bytes());
                self.0[4..8].copy_from_slice(&inet.flowinfo().to_ne_bytes());
                self.0[8..24].copy_from_slice(&inet.ip().octets());
                self.0[24..28].copy_from_slice(&inet.scope_id().to_ne_bytes());
                28
            }
            Name::Unix(path) => {
                let path = if path.len() > LONGEST_NAME { &[] } else { path };
                self.0[..2].copy_from_slice(&family(libc::AF_UNIX));
                self.0[FAMILY..][..path.len()].copy_from_slice(path);
                FAMILY + path.len()
            }
        }
    }

    /// The name that the kernel has written here with so many bytes. What is of no known kind has the empty name.
    pub(super) fn read(&self, length: usize) -> Name<'_> {
        read(&self.0[..length.min(SIZE)]).unwrap_or(Name::Unix(&[]))
    }
}

/// The name in these bytes.
pub(super) fn read(bytes: &[u8]) -> Option<Name<'_>> {
    let family = libc::c_int::from(u16::from_ne_bytes(part(bytes, 0)?));
    Some(match family {
        libc::AF_INET => {
            let ip = Ipv4Addr::from(part::<4>(bytes, 4)?);
            Name::Inet(SocketAddrV4::new(ip, u16::from_be_bytes(part(bytes, 2)?)).into())
        }
        libc::AF_INET6 => {
            let port = u16::from_be_bytes(part(bytes, 2)?);
            let flow_info = u32::from_ne_bytes(part(bytes, 4)?);
            let ip = Ipv6Addr::from(part::<16>(bytes, 8)?);
            let scope = u32::from_ne_bytes(part(bytes, 24)?);
            Name::Inet(SocketAddrV6::new(ip, port, flow_info, scope).into())
        }
        libc::AF_UNIX => Name::Unix(path(&bytes[FAMILY..])),
        _ => return None,
    })
}

/// A name of a Unix socket. A path may end with a NUL, which does not belong to it; an abstract name may have NULs anywhere.
fn path(bytes: &[u8]) -> &[u8] {
    match bytes {
        [0, ..] | [] => bytes,
        _ => bytes.split(|&byte| byte == 0).next().unwrap_or(bytes),
    }
}

fn part<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk().copied()
}

fn family(number: libc::c_int) -> [u8; FAMILY] {
    libc::sa_family_t::try_from(number).unwrap_or_default().to_ne_bytes()
}
