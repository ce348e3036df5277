//! Networks of a test's own, and who runs the tests.

use std::process::Command;
use std::thread;

use nix::sched::{CloneFlags, unshare};

/// Whether the tests run as root.
pub fn is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// Runs `test` in a network namespace that has a loopback interface only; every thread and process that `test`
/// starts lives in it too, and the kernel removes it with the last of them.
///
/// Needs root: without it the test is skipped, and says so.
pub fn in_own_network(test: impl FnOnce() + Send) {
    if !is_root() {
        eprintln!("skipped: a network namespace needs root");
        return;
    }
    let body = || {
        unshare(CloneFlags::CLONE_NEWNET).expect("root can make a network namespace");
        run("ip", &["link", "set", "lo", "up"]);
        test();
    };
    let result = thread::scope(|scope| scope.spawn(body).join());
    if let Err(panic) = result {
        std::panic::resume_unwind(panic);
    }
}

/// Runs a program that must succeed, and returns what it printed.
#[track_caller]
pub fn run(program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program).args(arguments).output();
    let output = output.unwrap_or_else(|error| panic!("{program} cannot be run: {error}"));
    assert!(output.status.success(), "{program} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).into_owned()
}
