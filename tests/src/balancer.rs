//! Other load balancers, in front of pen or behind it: haproxy, and nginx with its module for streams.

use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::address::Address;
use crate::program::find;
use crate::stream::Stream;
use crate::wait::{wait_for, wait_until};

/// Where Debian has nginx's module for streams.
const STREAM_MODULE: &str = "/usr/lib/nginx/modules/ngx_stream_module.so";

/// A load balancer that runs until it is dropped.
#[derive(Debug)]
pub struct Balancer {
    child: Child,
    directory: TempDir,
}

impl Balancer {
    /// Starts haproxy with these sections, and waits until it is up.
    #[track_caller]
    pub fn haproxy(sections: &str) -> Self {
        let balancer = Self::start(|directory| {
            let config = format!(
                "global\n  maxconn 2000\n  nbthread 1\n  stats socket {directory}/ready\n\
                 defaults\n  mode tcp\n  timeout connect 20s\n  timeout client 60s\n  timeout server 60s\n{sections}\n"
            );
            let path = write(directory, "haproxy.cfg", &config);
            let mut haproxy = Command::new(find("haproxy"));
            haproxy.args(["-db", "-f", &path]);
            haproxy
        });
        wait_until("haproxy answers", || !balancer.ask("show info").is_empty());
        balancer
    }

    /// Starts nginx with these blocks in its `stream`, and waits until it is up.
    #[track_caller]
    pub fn nginx_stream(blocks: &str) -> Self {
        Self::start(|directory| {
            let config = format!(
                "load_module {STREAM_MODULE}; worker_processes 1; daemon off; pid {directory}/pid;
                 error_log {directory}/error.log;
                 events {{ worker_connections 1024; }}
                 stream {{ {blocks} server {{ listen unix:{directory}/ready; return ready; }} }}"
            );
            let path = write(directory, "nginx.conf", &config);
            let mut nginx = Command::new(find("nginx"));
            nginx.args(["-e", &format!("{directory}/error.log"), "-p", directory, "-c", &path]);
            nginx
        })
    }

    #[track_caller]
    fn start(configure: impl FnOnce(&str) -> Command) -> Self {
        let directory = TempDir::new().expect("a directory can be made");
        let mut command = configure(&directory.path().to_string_lossy());
        // Its own process group, so that nothing of it is left.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("the program can be run");
        let balancer = Self { child, directory };
        wait_for("it is up", || Stream::connect(&balancer.ready()).ok());
        balancer
    }

    /// Asks haproxy on its control socket.
    pub fn ask(&self, command: &str) -> String {
        let Ok(stream) = Stream::connect(&self.ready()) else { return String::new() };
        stream.send(format!("{command}\n"));
        stream.drain().text()
    }

    /// Its files.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    fn ready(&self) -> Address {
        Address::Unix(self.directory.path().join("ready"))
    }
}

impl Drop for Balancer {
    fn drop(&mut self) {
        let group = Pid::from_raw(i32::try_from(self.child.id()).expect("process ids are small"));
        // Dead already if it failed.
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

fn write(directory: &str, name: &str, text: &str) -> String {
    let path = format!("{directory}/{name}");
    std::fs::write(&path, text).expect("the directory is ours");
    path
}
