//! Which programs are tested, and which are tested against.

use std::env;
use std::path::{Path, PathBuf};

/// The pen under test: `PEN_BIN`, or the one built beside the tests.
pub fn pen() -> PathBuf {
    ours("PEN_BIN", "pen")
}

/// The penctl under test: `PENCTL_BIN`, or the one built beside the tests.
pub fn penctl() -> PathBuf {
    ours("PENCTL_BIN", "penctl")
}

/// The pen 0.34.1 that Debian has.
pub fn old_pen() -> PathBuf {
    installed("OLD_PEN_BIN", "/usr/bin/pen")
}

/// The penctl of pen 0.34.1.
pub fn old_penctl() -> PathBuf {
    installed("OLD_PENCTL_BIN", "/usr/bin/penctl")
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
