//! A network of the benchmark's own, if it may have one: there no port is taken and no other program's traffic passes.

use std::fs::{self, File};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener, UdpSocket};
use std::process::Command;

use nix::sched::{CloneFlags, setns, unshare};

use crate::{Error, Result};

/// Enters a network namespace of its own, with the loopback interface alone; whether that was possible. All processes that
/// are started from now on live in it too, and the kernel removes it with the last of them.
///
/// To be called before there are other threads: a namespace is a thread's.
pub fn isolate() -> bool {
    let Ok(host) = File::open("/proc/self/ns/net") else { return false };
    if unshare(CloneFlags::CLONE_NEWNET).is_err() {
        return false;
    }
    let up = Command::new("ip").args(["link", "set", "lo", "up"]).status();
    if !up.is_ok_and(|status| status.success()) {
        // Without the program `ip` there would be no traffic at all in there.
        let _ = setns(host, CloneFlags::CLONE_NEWNET);
        return false;
    }
    // Short connections by the hundred thousand: more ports than the system's default, and longer queues. If it may not be, the
    // defaults do, too.
    let _ = fs::write("/proc/sys/net/ipv4/ip_local_port_range", "10000 65000");
    let _ = fs::write("/proc/sys/net/core/somaxconn", "8192");
    let _ = fs::write("/proc/sys/net/ipv4/tcp_max_syn_backlog", "8192");
    true
}

/// An address where a proxy can listen, for TCP and UDP.
pub fn free_address() -> Result<SocketAddrV4> {
    for _ in 0..100 {
        let probe = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(Error::doing("a free port"))?;
        let port = probe.local_addr().map_err(Error::doing("a free port"))?.port();
        let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
        if UdpSocket::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err(Error::System { what: "a free port".into(), source: std::io::ErrorKind::AddrInUse.into() })
}
