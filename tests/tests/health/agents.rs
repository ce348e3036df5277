//! Agents, which say how busy their servers are.

use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use pen_tests::{Backend, Pen, program, wait_until};

use super::log::{lines, wait_for_line, wait_for_lines};

/// A server and its agent, which says what it is told to.
struct Site {
    server: Backend,
    agent: Backend,
    words: Arc<Mutex<String>>,
}

impl Site {
    fn new(words: &str) -> Site {
        let words = Arc::new(Mutex::new(words.to_owned()));
        let said = Arc::clone(&words);
        let agent = Backend::serve(move |client| {
            let words = said.lock().unwrap().clone();
            let _ = { client }.write_all(words.as_bytes());
            client.finish();
            client.drain();
        });
        Site { server: Backend::named("server"), agent, words }
    }

    fn say(&self, words: &str) {
        words.clone_into(&mut self.words.lock().unwrap());
    }

    fn pen(&self) -> Pen {
        let agent = format!("health agent {} interval 1 timeout 5", self.agent.address().port());
        Pen::builder().server(&self.server).command(&agent).start()
    }

    fn who(&self) -> String {
        format!("the agent of server 0 ({})", self.server)
    }
}

#[test]
fn what_it_wants_is_told_once_a_change() {
    let site = Site::new("ready\n");
    let (pen, who) = (site.pen(), site.who());
    wait_until("it was asked twice", || site.agent.total() >= 2);
    assert_eq!(lines(&pen, "agent"), [""; 0]);
    for (words, told) in [
        ("drain\n", "drain"),
        ("down # the disk is full\n", "down: the disk is full"),
        ("up maint\n", "maint"),
        ("ready 0%\n", "full"),
        ("50% maxconn:10\n", "ready"),
    ] {
        site.say(words);
        wait_for_line(&pen, &format!("{who} says {told}"));
    }
    let asked = site.agent.total();
    wait_until("it was asked twice more", || site.agent.total() >= asked + 2);
    wait_for_lines(&pen, 5, "agent of");
    pen.stop();
}

#[test]
fn one_that_cannot_be_reached_or_understood_keeps_what_it_has_said() {
    let site = Site::new("drain\n");
    let (pen, who) = (site.pen(), site.who());
    wait_for_line(&pen, &format!("{who} says drain"));
    site.agent.refuse();
    wait_for_line(&pen, &format!("{who} does not answer: Connection refused; what it has said holds"));
    site.say("what?\n");
    site.agent.revive();
    let asked = site.agent.total();
    wait_until("it was asked twice", || site.agent.total() >= asked + 2);
    wait_for_lines(&pen, 2, "agent of");
    site.say("ready\n");
    wait_for_line(&pen, &format!("{who} answers again"));
    wait_for_line(&pen, &format!("{who} says ready"));
    pen.stop();
}

#[test]
fn a_load_of_a_hundred_is_full() {
    let site = Site::new("100\n");
    let (pen, who) = (site.pen(), site.who());
    wait_for_line(&pen, &format!("{who} says full"));
    site.say("HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\n7\n");
    wait_for_line(&pen, &format!("{who} says ready"));
    pen.stop();
}

#[test]
fn an_agent_is_asked_beside_a_check_and_alone() {
    let site = Site::new("down\n");
    let pen = site.pen();
    wait_for_line(&pen, "says down");
    pen.tell("health tcp interval 1 timeout 1");
    wait_until("the server is checked", || site.server.total() > 0);
    pen.tell("no health agent");
    let asked = site.agent.total();
    let checked = site.server.total();
    wait_until("the server is checked", || site.server.total() > checked + 2);
    // One may have been on its way.
    assert!(site.agent.total() <= asked + 1);
    pen.stop();
}

/// A Python program that runs until it is dropped.
struct Python(Child);

impl Python {
    fn run(script: &str, arguments: &[String]) -> Python {
        let mut python = Command::new(program::find("python3"));
        python.arg("-c").arg(script).args(arguments).stdin(Stdio::null());
        Python(python.spawn().expect("Python can be run"))
    }
}

impl Drop for Python {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Says what stands in a file, and closes.
const PLAIN: &str = "
import socketserver, sys
class Agent(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.sendall(open(sys.argv[2], 'rb').read())
socketserver.TCPServer.allow_reuse_address = True
socketserver.TCPServer(('127.0.0.1', int(sys.argv[1])), Agent).serve_forever()
";

/// The same by http.
const HTTP: &str = "
import http.server, sys
class Agent(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    def do_GET(self):
        words = open(sys.argv[2], 'rb').read()
        self.send_response(200)
        self.send_header('Content-Length', str(len(words)))
        self.end_headers()
        self.wfile.write(words)
    def log_message(self, *words):
        pass
http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), Agent).serve_forever()
";

#[test]
fn agents_in_python_are_understood() {
    for script in [PLAIN, HTTP] {
        let server = Backend::named("server");
        let builder = Pen::builder().server(&server);
        let file = builder.directory().join("words");
        fs::write(&file, "60\n").unwrap();
        // Its port is free again at once.
        let port = Backend::silent().address().port();
        let _python = Python::run(script, &[port.to_string(), file.display().to_string()]);
        let pen = builder.command(&format!("health agent {port} interval 1 timeout 5")).start();
        fs::write(&file, "drain\n").unwrap();
        wait_for_line(&pen, "says drain");
        fs::write(&file, "ready\n").unwrap();
        wait_for_line(&pen, "says ready");
        pen.stop();
    }
}
