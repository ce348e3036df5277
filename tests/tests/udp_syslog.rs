//! pen in front of rsyslog's daemons: lines of one sender are spread evenly, none is lost, and none is written twice.

use std::fmt::Write as _;
use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use pen_tests::udp::receive_queue;
use pen_tests::{Address, Pen, PenBuilder, in_own_network, program, run_to_the_end, wait_until};
use tempfile::TempDir;

/// So many small datagrams fit into any queue of the kernel.
const BURST: usize = 120;

/// rsyslog's daemon.
struct Rsyslogd {
    process: Child,
    directory: TempDir,
}

impl Rsyslogd {
    fn start(configure: impl FnOnce(&Path) -> String) -> Self {
        let directory = TempDir::new().unwrap();
        let file = directory.path().join("rsyslog.conf");
        // It would ask for its host's name otherwise.
        let global = format!(
            "global(workDirectory=\"{}\" localHostname=\"loghost\" net.enableDNS=\"off\")\n",
            directory.path().display()
        );
        fs::write(&file, global + &configure(directory.path())).unwrap();
        let mut command = Command::new(program::copy("rsyslogd", directory.path()));
        command.args(["-n", "-i", "NONE", "-f"]).arg(&file);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        Self { process: command.spawn().expect("rsyslogd can be run"), directory }
    }

    /// One that writes what comes to this address into a file.
    fn writing(address: SocketAddr) -> Self {
        let daemon = Self::start(|directory| {
            format!(
                "module(load=\"imudp\")\n\
                 input(type=\"imudp\" address=\"{}\" port=\"{}\")\n\
                 template(name=\"text\" type=\"string\" string=\"%msg:::drop-last-lf%\\n\")\n\
                 action(type=\"omfile\" file=\"{}/lines\" template=\"text\")\n",
                address.ip(),
                address.port(),
                directory.display()
            )
        });
        wait_until("rsyslogd listens", || receive_queue(address).is_some());
        daemon
    }

    /// One that sends what is written to its socket to this address, from one port.
    fn forwarding(to: SocketAddr) -> Self {
        let daemon = Self::start(|directory| {
            format!(
                "module(load=\"imuxsock\" sysSock.use=\"off\")\n\
                 input(type=\"imuxsock\" socket=\"{}/log\")\n\
                 action(type=\"omfwd\" target=\"{}\" port=\"{}\" protocol=\"udp\")\n",
                directory.display(),
                to.ip(),
                to.port()
            )
        });
        wait_until("rsyslogd listens", || UnixDatagram::unbound().unwrap().connect(daemon.socket()).is_ok());
        daemon
    }

    fn socket(&self) -> std::path::PathBuf {
        self.directory.path().join("log")
    }

    /// Numbers of the lines that it has written, in their order.
    fn lines(&self) -> Vec<usize> {
        let text = fs::read_to_string(self.directory.path().join("lines")).unwrap_or_default();
        let whole = text.rfind('\n').map_or("", |end| &text[..=end]);
        let number = |line: &str| line.trim().strip_prefix("line ").and_then(|number| number.parse().ok());
        whole.lines().map(|line| number(line).unwrap_or_else(|| panic!("a strange line: {line:?}"))).collect()
    }

    fn kill(&mut self) {
        // Dead already after an earlier call.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Rsyslogd {
    fn drop(&mut self) {
        self.kill();
    }
}

const FRONT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 514);

/// A pen before three daemons, in a network of the test's own.
struct Farm {
    pen: Pen,
    daemons: Vec<Rsyslogd>,
}

impl Farm {
    fn start(set: impl FnOnce(PenBuilder) -> PenBuilder) -> Self {
        let addresses = [1, 2, 3].map(|last| SocketAddr::from((Ipv4Addr::new(127, 5, 14, last), 514)));
        let daemons = addresses.map(Rsyslogd::writing).into();
        let builder = Pen::builder().listen_at(Address::from(FRONT)).servers(addresses).option("-U");
        Self { pen: set(builder).start(), daemons }
    }

    fn lines(&self) -> Vec<Vec<usize>> {
        self.daemons.iter().map(Rsyslogd::lines).collect()
    }

    /// Waits until so many lines are written.
    #[track_caller]
    fn wait_for(&self, count: usize) {
        wait_until("all lines are written", || self.lines().iter().map(Vec::len).sum::<usize>() >= count);
    }

    /// That every line was written once, as the numbers say.
    #[track_caller]
    fn assert_each_once(&self, count: usize) {
        let mut all = self.lines().concat();
        all.sort_unstable();
        assert_eq!(all, (0..count).collect::<Vec<_>>());
    }

    fn flows(&self) -> usize {
        self.pen.servers().iter().map(|row| row.conn).sum()
    }
}

/// Writes lines to a daemon's socket, as programs do that log.
fn log(socket: &Path, numbers: std::ops::Range<usize>) {
    let sender = UnixDatagram::unbound().unwrap();
    for number in numbers {
        sender.send_to(format!("<13>test: line {number}").as_bytes(), socket).unwrap();
    }
}

fn logger(arguments: &[&str]) {
    let mut logger = Command::new("logger");
    logger.args(["-n", "127.0.0.1", "-P", "514", "-d", "--tag", "test"]).args(arguments);
    let ended = run_to_the_end(logger);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
}

/// A file with these lines.
fn file_of_lines(directory: &Path, count: usize) -> String {
    let mut text = String::new();
    for number in 0..count {
        writeln!(text, "line {number}").unwrap();
    }
    let path = directory.join("input");
    fs::write(&path, text).unwrap();
    path.display().to_string()
}

#[test]
fn lines_of_one_rsyslog_are_spread_evenly() {
    in_own_network(|| {
        let farm = Farm::start(|pen| pen.command("udp_requests 1"));
        let source = Rsyslogd::forwarding(FRONT);
        for burst in 0..10 {
            log(&source.socket(), burst * BURST..(burst + 1) * BURST);
            farm.wait_for((burst + 1) * BURST);
        }
        farm.assert_each_once(10 * BURST);
        for (index, lines) in farm.lines().iter().enumerate() {
            assert!(lines.iter().copied().eq((index..10 * BURST).step_by(3)), "server {index}: {lines:?}");
        }
        assert_eq!(farm.flows(), 1, "all came from one port");
        farm.pen.stop();
    });
}

#[test]
fn lines_of_one_rsyslog_go_to_one_server_where_that_is_not_asked_for() {
    in_own_network(|| {
        let farm = Farm::start(|pen| pen.option("-r"));
        let source = Rsyslogd::forwarding(FRONT);
        log(&source.socket(), 0..BURST);
        farm.wait_for(BURST);
        let lines = farm.lines();
        assert_eq!(lines, [(0..BURST).collect::<Vec<_>>(), vec![], vec![]]);
        farm.pen.stop();
    });
}

#[test]
fn a_file_that_logger_sends_is_spread_evenly() {
    in_own_network(|| {
        let farm = Farm::start(|pen| pen.command("udp_requests 1"));
        logger(&["--file", &file_of_lines(farm.pen.directory(), BURST)]);
        farm.wait_for(BURST);
        farm.assert_each_once(BURST);
        assert_eq!(farm.lines().iter().map(Vec::len).collect::<Vec<_>>(), [BURST / 3; 3]);
        farm.pen.stop();
    });
}

#[test]
fn each_logger_is_a_flow_of_its_own() {
    in_own_network(|| {
        let farm = Farm::start(|pen| pen.option("-r"));
        for number in 0..6 {
            logger(&[&format!("line {number}")]);
            farm.wait_for(number + 1);
        }
        assert_eq!(farm.lines(), [[0, 3], [1, 4], [2, 5]]);
        assert_eq!(farm.flows(), 6);
        farm.pen.stop();
    });
}

#[test]
fn a_daemon_that_is_killed_costs_no_line() {
    in_own_network(|| {
        let mut farm = Farm::start(|pen| pen.command("udp_requests 1").option("-b 3600"));
        let source = Rsyslogd::forwarding(FRONT);
        log(&source.socket(), 0..BURST);
        farm.wait_for(BURST);
        farm.daemons[1].kill();
        for number in BURST..BURST + 12 {
            log(&source.socket(), number..number + 1);
            farm.wait_for(number + 1);
        }
        log(&source.socket(), BURST + 12..2 * BURST);
        farm.wait_for(2 * BURST);
        farm.assert_each_once(2 * BURST);
        assert_eq!(farm.lines()[1].len(), BURST / 3);
        farm.pen.stop();
    });
}
