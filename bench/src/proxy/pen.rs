//! pen, ours and the old one.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Demands, Place, Protocol, acl_addresses};
use crate::{Error, Result};

/// Ours.
pub(super) fn ours(program: &Path, demands: &Demands, place: &Place) -> Result<Command> {
    let mut command = Command::new(program);
    command.args(["-O", &format!("threads {}", demands.workers)]);
    if demands.protocol == Protocol::SingleDatagrams {
        command.args(["-O", "udp_responses 1"]);
    }
    common(&mut command, demands, place)?;
    Ok(command)
}

/// The old one has one thread, and looks at its whole table of clients for each connection: with 100,000 that takes it half
/// a millisecond, and a run minutes.
pub(super) fn old(program: &Path, demands: &Demands, place: &Place) -> Result<Option<Command>> {
    if demands.workers > 1 || demands.tracked > 10_000 || !demands.have_sockets_for_all_flows() {
        return Ok(None);
    }
    let mut command = Command::new(program);
    common(&mut command, demands, place)?;
    Ok(Some(command))
}

/// What both understand.
fn common(command: &mut Command, demands: &Demands, place: &Place) -> Result<()> {
    command.arg("-f");
    command.args(["-x", &demands.connections.to_string()]);
    command.args(["-c", &demands.tracked.max(2048).to_string()]);
    command.args(["-O", "pending_max 5000"]);
    if demands.tracked == 0 {
        command.arg("-r");
    }
    if demands.protocol.is_udp() {
        command.arg("-U");
    }
    if demands.protocol == Protocol::Tls {
        command.arg("-E").arg(place.certificate);
    }
    if demands.idle_timeout > 0 {
        command.args(["-O", &format!("idle_timeout {}", demands.idle_timeout)]);
    }
    if demands.acl > 0 {
        let file = place.directory.join("pen.conf");
        let mut lines = String::new();
        for (address, mask) in acl_addresses(demands.acl) {
            let _ = writeln!(lines, "acl 1 permit {address} {mask}");
        }
        lines.push_str("client_acl 1\n");
        fs::write(&file, lines).map_err(Error::doing(file.display().to_string()))?;
        command.arg("-F").arg(file);
    }
    command.arg(place.listen.to_string());
    command.args(place.servers.iter().map(ToString::to_string));
    Ok(())
}
