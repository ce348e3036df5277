//! Which programs are tested, and which are tested against.

use std::env;
use std::path::{Path, PathBuf};

use crate::network::run;

/// The pen under test: `PEN_BIN`, or the one built beside the tests.
pub fn pen() -> PathBuf {
    ours("PEN_BIN", "pen")
}

/// The penctl under test: `PENCTL_BIN`, or the one built beside the tests.
pub fn penctl() -> PathBuf {
    ours("PENCTL_BIN", "penctl")
}

/// The penlogd under test: `PENLOGD_BIN`, or the one built beside the tests.
pub fn penlogd() -> PathBuf {
    ours("PENLOGD_BIN", "penlogd")
}

/// The penlog under test: `PENLOG_BIN`, or the one built beside the tests.
pub fn penlog() -> PathBuf {
    ours("PENLOG_BIN", "penlog")
}

/// The mergelogs under test: `MERGELOGS_BIN`, or the one built beside the tests.
pub fn mergelogs() -> PathBuf {
    ours("MERGELOGS_BIN", "mergelogs")
}

/// The benchmark under test: `PEN_BENCH_BIN`, or the one built beside the tests.
pub fn bench() -> PathBuf {
    ours("PEN_BENCH_BIN", "pen-bench")
}

/// The pen 0.34.1 that Debian has.
pub fn old_pen() -> PathBuf {
    installed("OLD_PEN_BIN", "/usr/bin/pen")
}

/// The penctl of pen 0.34.1.
pub fn old_penctl() -> PathBuf {
    installed("OLD_PENCTL_BIN", "/usr/bin/penctl")
}

/// The penlogd of pen 0.34.1. It notices a signal at the next datagram only.
pub fn old_penlogd() -> PathBuf {
    installed("OLD_PENLOGD_BIN", "/usr/bin/penlogd")
}

/// The penlog of pen 0.34.1.
pub fn old_penlog() -> PathBuf {
    installed("OLD_PENLOG_BIN", "/usr/bin/penlog")
}

/// The mergelogs of pen 0.34.1.
pub fn old_mergelogs() -> PathBuf {
    installed("OLD_MERGELOGS_BIN", "/usr/bin/mergelogs")
}

fn ours(variable: &str, name: &str) -> PathBuf {
    if let Some(path) = env::var_os(variable) {
        return PathBuf::from(path);
    }
    let executable = env::current_exe().expect("a process knows its executable");
    // target/debug/deps/suite-0123 → target/debug
    let directory = executable.ancestors().nth(2).expect("tests are built into target/PROFILE/deps");
    let path = directory.join(name);
    assert!(path.exists(), "{} is not built: run `cargo build --workspace`", path.display());
    path
}

fn installed(variable: &str, default: &str) -> PathBuf {
    let path = env::var_os(variable).map_or_else(|| PathBuf::from(default), PathBuf::from);
    assert!(path.exists(), "{} is missing: scripts/test installs what the tests need", path.display());
    path
}

/// The path of an installed program, looked for where daemons are too.
pub fn find(name: &str) -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let directories = env::split_paths(&path).chain(["/usr/sbin", "/sbin"].map(PathBuf::from));
    let found = directories.map(|directory| directory.join(name)).find(|path| Path::is_file(path));
    found.unwrap_or_else(|| panic!("{name} is missing: scripts/test installs what the tests need"))
}

/// A copy of an installed program in this directory. Some systems confine daemons, by the path of their program, to the files
/// that they have when they are installed.
pub fn copy(name: &str, directory: &Path) -> PathBuf {
    let copy = directory.join(name);
    // By a process of its own: a program cannot be run while another test starts one that has it open for writing.
    run("cp", &[&find(name).to_string_lossy(), &copy.to_string_lossy()]);
    copy
}
