//! Host names of a test's own.

use std::fmt::Write as _;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

use nix::sched::{CloneFlags, unshare};
use tempfile::TempDir;

use crate::network::{in_own_network, run};

/// What the system's files of names say to everything that the test starts.
pub struct Names {
    hosts: File,
    nsswitch: File,
    resolv: File,
    _directory: TempDir,
}

/// Runs `test` in a network of its own, with an `/etc/hosts` of its own that is the only source of names.
///
/// Needs root: without it the test is skipped, and says so.
pub fn with_own_names(test: impl FnOnce(&Names) + Send) {
    in_own_network(|| {
        unshare(CloneFlags::CLONE_NEWNS).expect("root can make a mount namespace");
        run("mount", &["--make-rprivate", "/"]);
        let directory = TempDir::new().expect("a directory can be made");
        let names = Names {
            hosts: laid_over("/etc/hosts", directory.path()),
            nsswitch: laid_over("/etc/nsswitch.conf", directory.path()),
            resolv: laid_over("/etc/resolv.conf", directory.path()),
            _directory: directory,
        };
        names.set(&[]);
        names.look_in("files");
        test(&names);
    });
}

impl Names {
    /// From now on these are the names and their addresses.
    pub fn set(&self, entries: &[(&str, &str)]) {
        let mut text = String::from("127.0.0.1 localhost\n");
        for (name, address) in entries {
            writeln!(text, "{address} {name}").expect("a string takes everything");
        }
        replace(&self.hosts, &text);
    }

    /// What the files do not have, the name server at this address is asked for; patiently.
    pub fn ask_name_server(&self, address: &str) {
        replace(&self.resolv, &format!("nameserver {address}\noptions timeout:30 attempts:5\n"));
        self.look_in("files dns");
    }

    fn look_in(&self, sources: &str) {
        replace(&self.nsswitch, &format!("passwd: files\ngroup: files\nservices: files\nhosts: {sources}\n"));
    }
}

/// A file that stands in the place of the system's, for this namespace only.
fn laid_over(path: &str, directory: &Path) -> File {
    let own = directory.join(path.replace('/', "_"));
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(&own);
    let file = file.expect("the directory is ours");
    run("mount", &["--bind", &own.to_string_lossy(), path]);
    file
}

/// Replaces the content at one go, so that no reader meets half of it.
fn replace(file: &File, text: &str) {
    const LENGTH: usize = 2048;
    let mut content = text.as_bytes().to_vec();
    assert!(content.len() <= LENGTH, "too much for one file: {text}");
    content.resize(LENGTH, b'\n');
    file.write_all_at(&content, 0).expect("the file takes everything");
}
