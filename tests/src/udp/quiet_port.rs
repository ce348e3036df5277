//! Ports of clients. The kernel gives none of them to a socket that asks for no port of its own, as pen's towards servers are: else
//! a client could get the number of such a socket that has closed, and with it answers that are still on their way there.

use std::io;
use std::ops::Range;
use std::process;
use std::sync::atomic::{AtomicU16, Ordering};

/// Below those that the kernel gives away, and above those of servers.
const PORTS: Range<u16> = 20_000..32_000;

/// The socket that `bind` makes at the first port that is free for it.
#[track_caller]
pub(super) fn at_quiet_port<T>(bind: impl Fn(u16) -> io::Result<T>) -> T {
    let count = PORTS.end - PORTS.start;
    for _ in PORTS {
        match bind(PORTS.start + next_number() % count) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            bound => return bound.expect("the address is this host's"),
        }
    }
    panic!("no port of {PORTS:?} is free");
}

/// Another one for each socket, which other processes have not used either of late.
fn next_number() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let of_process = (process::id() as u16).wrapping_mul(997);
    NEXT.fetch_add(1, Ordering::Relaxed).wrapping_add(of_process)
}
