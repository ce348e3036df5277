//! What docs/health.md shows: its agent is the one in scripts/examples, and works; its steps drain a server.

use std::fs;
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use pen_tests::{Backend, Pen, Stream, private_address, wait_until};

fn project(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

fn text(path: &str) -> String {
    fs::read_to_string(project(path)).expect("the file is there")
}

/// The agent of the examples, which listens at all addresses of this machine.
struct LoadAgent(Child);

impl LoadAgent {
    fn start(port: u16) -> LoadAgent {
        let mut agent = Command::new("/usr/bin/python3");
        agent.arg(project("scripts/examples/load-agent")).arg(port.to_string()).stdin(Stdio::null());
        LoadAgent(agent.spawn().expect("Debian has python"))
    }
}

impl Drop for LoadAgent {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_page_shows_the_agent_as_it_is() {
    let page = text("docs/health.md");
    let agent = text("scripts/examples/load-agent");
    let code = agent.split_once("\n\n").map(|(_, code)| code).unwrap();
    for line in code.lines().filter(|line| !line.is_empty()) {
        assert!(page.contains(&format!("\n    {line}\n")), "{line}");
    }
}

#[test]
fn the_agent_of_the_page_is_understood() {
    let port = TcpListener::bind("0.0.0.0:0").unwrap().local_addr().unwrap().port();
    let agent = format!("health agent {port} interval 1");
    let pen = Pen::builder().server(private_address()).command(&agent).start();
    let said = |words: &str| pen.stderr().contains(words);
    wait_until("pen misses the agent", || {
        said("does not answer: Connection refused; what it has said holds")
    });
    let _agent = LoadAgent::start(port);
    wait_until("pen understands the agent", || said("answers again"));
    assert!(!said("says full"), "{}", pen.stderr());
}

#[test]
fn the_steps_of_the_page_empty_a_server() {
    let (first, second) = (Backend::holding("a"), Backend::holding("b"));
    let pen = Pen::builder().servers([&first, &second]).option("-r").start();
    let (_, held) = pen.hold_from(1);
    let (_, other) = pen.hold_from(2);
    let connections = |slot: usize| {
        let answer = pen.ask("servers");
        answer.lines().nth(slot).is_some_and(|line| line.contains(" conn 0 "))
    };
    pen.tell("drain 0");
    let more: Vec<(String, Stream)> = (3..7).map(|host| pen.hold_from(host)).collect();
    assert!(more.iter().all(|(name, _)| name == "b"), "nobody new comes to it");
    assert!(!connections(0), "whoever is there stays");
    drop(held);
    wait_until("it is empty", || connections(0));
    pen.tell("maint 0");
    pen.tell("no maint 0");
    drop((other, more));
}
