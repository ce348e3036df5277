//! nginx with its stream module. It cannot remember clients, except by a hash.

use std::fmt::Write;
use std::fs;
use std::path::Path;
use std::process::Command;

use super::{Demands, Place, Protocol, acl_addresses};
use crate::{Error, Result};

const MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// Whether the module for streams is installed.
pub(super) fn has_module() -> bool {
    Path::new(MODULE).is_file()
}

pub(super) fn command(program: &Path, demands: &Demands, place: &Place) -> Result<Option<Command>> {
    if demands.tracked > 0 || !demands.have_sockets_for_all_flows() {
        return Ok(None);
    }
    let file = place.directory.join("nginx.conf");
    fs::write(&file, configuration(demands, place)).map_err(Error::doing(file.display().to_string()))?;
    let mut command = Command::new(program);
    command.arg("-c").arg(file).arg("-p").arg(place.directory);
    Ok(Some(command))
}

fn configuration(demands: &Demands, place: &Place) -> String {
    let Demands { workers, connections, .. } = demands;
    let directory = place.directory.display();
    // A connection is two for nginx, and its listener is one.
    let connections = connections * 2 + 500;
    let mut text = format!(
        "load_module {MODULE};\ndaemon off; worker_processes {workers}; pid {directory}/nginx.pid; \
         error_log stderr crit;\nevents {{ worker_connections {connections}; multi_accept on; }}\nstream {{\n"
    );
    // Its `allow` and `deny` are looked at one after the other; `geo` is a tree.
    let upstream = if demands.acl > 0 {
        text.push_str("geo $upstream {\n default refused;\n");
        for (address, mask) in acl_addresses(demands.acl) {
            let bits = if mask == "255.0.0.0" { 8 } else { 32 };
            let _ = writeln!(text, " {address}/{bits} u;");
        }
        text.push_str("}\nupstream refused { server 127.0.0.1:1 down; }\n");
        "$upstream"
    } else {
        "u"
    };
    text.push_str("upstream u {\n");
    for server in place.servers {
        let _ = writeln!(text, " server {server};");
    }
    let kind = match demands.protocol {
        Protocol::Tcp => "",
        Protocol::Tls => " ssl",
        Protocol::SingleDatagrams | Protocol::Datagrams => " udp",
    };
    // Each worker has a socket of its own, as pen's and haproxy's threads have.
    let shared = if *workers > 1 { " reuseport" } else { "" };
    let _ = writeln!(text, "}}\nserver {{\n listen {}{kind}{shared};\n proxy_pass {upstream};", place.listen);
    match demands.protocol {
        Protocol::Tls => {
            let certificate = place.certificate.display();
            let _ = writeln!(text, " ssl_certificate {certificate}; ssl_certificate_key {certificate};");
        }
        Protocol::SingleDatagrams => text.push_str(" proxy_responses 1; proxy_timeout 5s;\n"),
        Protocol::Datagrams => text.push_str(" proxy_timeout 5s;\n"),
        Protocol::Tcp if demands.idle_timeout > 0 => {
            let _ = writeln!(text, " proxy_timeout {}s;", demands.idle_timeout);
        }
        Protocol::Tcp => {}
    }
    text.push_str("}\n}\n");
    text
}
