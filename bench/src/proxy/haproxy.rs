//! haproxy in TCP mode. It has no UDP.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Demands, Place, Protocol, acl_addresses};
use crate::{Error, Result};

pub(super) fn command(program: &Path, demands: &Demands, place: &Place) -> Result<Option<Command>> {
    if demands.protocol.is_udp() {
        return Ok(None);
    }
    let file = place.directory.join("haproxy.cfg");
    fs::write(&file, configuration(demands, place)?).map_err(Error::doing(file.display().to_string()))?;
    let mut command = Command::new(program);
    command.args(["-db", "-q", "-f"]).arg(file);
    Ok(Some(command))
}

fn configuration(demands: &Demands, place: &Place) -> Result<String> {
    let Demands { workers, connections, tracked, .. } = demands;
    let timeout = if demands.idle_timeout > 0 { demands.idle_timeout } else { 60 };
    let tls = if demands.protocol == Protocol::Tls {
        format!(" ssl crt {}", place.certificate.display())
    } else {
        String::new()
    };
    let mut text = format!(
        "global\n  maxconn {connections}\n  nbthread {workers}\ndefaults\n  mode tcp\n  timeout connect 5s\n  \
         timeout client {timeout}s\n  timeout server {timeout}s\nfrontend f\n  bind {}{tls}\n  default_backend b\n",
        place.listen
    );
    if demands.acl > 0 {
        let list = place.directory.join("haproxy.acl");
        let lines: String =
            acl_addresses(demands.acl).map(|(address, mask)| network(&address, mask)).collect();
        fs::write(&list, lines).map_err(Error::doing(list.display().to_string()))?;
        let _ = writeln!(text, "  tcp-request connection reject unless {{ src -f {} }}", list.display());
    }
    text.push_str("backend b\n  balance roundrobin\n");
    if *tracked > 0 {
        let _ = writeln!(text, "  stick-table type ip size {tracked}\n  stick on src");
    }
    for (number, server) in place.servers.iter().enumerate() {
        let _ = writeln!(text, "  server s{number} {server}");
    }
    Ok(text)
}

fn network(address: &str, mask: &str) -> String {
    if mask == "255.0.0.0" { format!("{address}/8\n") } else { format!("{address}\n") }
}
