//! Clients that others wrote: curl, openssl, and whatever else speaks http or TLS. Each runs to its end, with a limit.

use std::path::Path;
use std::process::Command;

use crate::address::Address;
use crate::child::{Ended, run_patiently, run_with_input};
use crate::program::find;

/// `openssl s_client` to this address with more arguments; it sends `input` and reads until pen ends the connection.
///
/// What arrives is on stdout among what `s_client` tells of the connection; `-quiet` leaves the first alone.
#[track_caller]
pub fn s_client(address: &Address, arguments: &[&str], input: &[u8]) -> Ended {
    let mut command = Command::new(find("openssl"));
    command.args(["s_client", "-ign_eof", "-connect", &address.to_string()]).args(arguments);
    run_with_input(command, input)
}

/// curl for `https://NAME/path` at this address, trusting this CA certificate alone; with more arguments. Proxies
/// and files of the user's own play no part.
#[track_caller]
pub fn curl(address: &Address, name: &str, path: &str, authority: &Path, arguments: &[&str]) -> Ended {
    let port = address.port();
    let mut command = Command::new(find("curl"));
    command.args(["-q", "-sS", "--noproxy", "*", "--max-time", "60", "--cacert"]).arg(authority);
    command.args(["--resolve", &format!("{name}:{port}:{}", address.ip().ip())]).args(arguments);
    command.arg(format!("https://{name}:{port}{path}"));
    run_patiently(command)
}
