//! A running pen.

use std::ffi::OsStr;
use std::fmt::Display;
use std::fs;
use std::net::Ipv4Addr;
use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::thread;

use nix::sys::signal::Signal;
use rustls::ClientConfig;
use tempfile::TempDir;

use crate::address::{Address, Family};
use crate::certificates::{Authority, Certificate, Order};
use crate::child::{Ended, Transcript, run_to_the_end};
use crate::control::Control;
use crate::daemon::Daemon;
use crate::network::is_root;
use crate::process::Process;
use crate::program;
use crate::stream::Stream;
use crate::tls::trusting;
use crate::udp::UdpClient;
use crate::wait::{LIMIT, wait_until, within};

/// Whom clients ask for at a pen that listens on [`Family::Tls`].
const SECURE_NAME: &str = "www.example.com";

/// What a pen is started with.
pub struct PenBuilder {
    program: PathBuf,
    wrapper: Vec<String>,
    directory: TempDir,
    listen: Address,
    /// Whether the command line names the listening address.
    positional: bool,
    control: Address,
    servers: Vec<String>,
    options: Vec<String>,
    user: Option<String>,
    config: Option<PathBuf>,
    foreground: bool,
    certificates: Vec<Certificate>,
    secure: Option<Arc<ClientConfig>>,
}

impl PenBuilder {
    /// Starts this program instead of the pen under test.
    #[must_use]
    pub fn program(mut self, program: PathBuf) -> Self {
        self.program = program;
        self
    }

    /// Starts pen by another program, whose command line this is: `prlimit`, `strace`.
    #[must_use]
    pub fn under<const N: usize>(mut self, wrapper: [&str; N]) -> Self {
        self.wrapper = wrapper.map(str::to_owned).to_vec();
        self
    }

    /// Listens on a socket of this family.
    #[must_use]
    pub fn listen_on(mut self, family: Family) -> Self {
        self.listen = Address::unused(family, self.directory.path());
        if family == Family::Tls {
            let authority = Authority::new("authority");
            self.secure = Some(trusting(&authority));
            return self.tls(&authority.issue(&Order::server(SECURE_NAME)));
        }
        self
    }

    /// Balances datagrams.
    #[must_use]
    pub fn udp(self) -> Self {
        self.option("-U")
    }

    /// Listens at this address.
    #[must_use]
    pub fn listen_at(mut self, address: impl Into<Address>) -> Self {
        self.listen = address.into();
        self
    }

    /// Leaves the listening address, and servers, to the file.
    #[must_use]
    pub fn without_address(mut self) -> Self {
        self.positional = false;
        self
    }

    /// Has its control port at this address instead of at a Unix socket.
    #[must_use]
    pub fn control_at(mut self, address: impl Into<Address>) -> Self {
        self.control = address.into();
        self
    }

    /// Appends servers: anything that prints itself as the command line writes it.
    #[must_use]
    pub fn servers<S: Display>(mut self, servers: impl IntoIterator<Item = S>) -> Self {
        self.servers.extend(servers.into_iter().map(|server| server.to_string()));
        self
    }

    /// Appends two servers at ports where nobody listens.
    #[must_use]
    pub fn two_dead_servers(self) -> Self {
        self.servers(["127.0.0.1:1", "127.0.0.2:1"])
    }

    /// Appends one server.
    #[must_use]
    pub fn server(self, server: impl Display) -> Self {
        self.servers([server])
    }

    /// Appends an option, with its value after a space if it has one: `-b 1`.
    #[must_use]
    pub fn option(mut self, option: &str) -> Self {
        match option.split_once(' ') {
            Some((name, value)) => self.options.extend([name.to_owned(), value.to_owned()]),
            None => self.options.push(option.to_owned()),
        }
        self
    }

    /// Appends a command, as `-O` does.
    #[must_use]
    pub fn command(mut self, command: &str) -> Self {
        self.options.extend(["-O".to_owned(), command.to_owned()]);
        self
    }

    /// Terminates TLS with this certificate.
    #[must_use]
    pub fn tls(mut self, certificate: &Certificate) -> Self {
        self.options.extend(["-E".to_owned(), certificate.pem().display().to_string()]);
        self.certificates.push(certificate.clone());
        self
    }

    /// Runs as this user; as root the default is root, without which there is no control port.
    #[must_use]
    pub fn user(mut self, user: &str) -> Self {
        self.user = Some(user.to_owned());
        self
    }

    /// Writes these commands to a file for `-F`.
    #[must_use]
    pub fn config(mut self, commands: &str) -> Self {
        let path = self.directory.path().join("pen.cfg");
        fs::write(&path, commands).expect("the test's directory is writable");
        self.config = Some(path);
        self
    }

    /// The directory of this pen: sockets, logs, files. Everybody may write there, as `-u nobody` needs.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Starts pen in the foreground and waits until its control port answers.
    #[track_caller]
    pub fn start(self) -> Pen {
        let control = Control::new(self.control.clone());
        let mut command = self.command_line();
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("pen can be run");
        let stderr = Transcript::of(child.stderr.take().expect("stderr is piped"));
        let mut answer = String::new();
        let answered = within(LIMIT, || {
            answer = control.try_ask("pid").unwrap_or_default();
            !answer.is_empty() || child.try_wait().is_ok_and(|status| status.is_some())
        });
        let Ok(pid) = answer.trim().parse() else {
            let _ = child.kill();
            let status = child.wait();
            panic!("no pen ({answered}, {answer:?}, {status:?}) from {command:?}: {}", stderr.end());
        };
        let process = Process(pid);
        Pen {
            child,
            process,
            control,
            listen: self.listen,
            stderr: Some(stderr),
            directory: self.directory,
            _certificates: self.certificates,
            secure: self.secure,
        }
    }

    /// Starts pen in the background: the daemon, or how the start failed.
    #[track_caller]
    pub fn start_in_background(mut self) -> Result<Daemon, Ended> {
        let control = Control::new(self.control.clone());
        let pid_file = self.directory.path().join("pid");
        self.foreground = false;
        let mut command = self.command_line();
        command.arg("-p").arg(&pid_file);
        let ended = run_to_the_end(command);
        if ended.code != Some(0) {
            return Err(ended);
        }
        let pid = fs::read_to_string(&pid_file).expect("the pid file is there when the parent has ended");
        let process = Process(pid.trim_end().parse().expect("the pid file holds a number"));
        Ok(Daemon { process, control, listen: self.listen, pid_file, directory: self.directory })
    }

    fn command_line(&self) -> Command {
        let program = self.program.to_string_lossy().into_owned();
        let mut words = self.wrapper.iter().cloned().chain([program]);
        let mut command = Command::new(words.next().expect("the program is one word at least"));
        command.args(words).args(self.foreground.then_some("-f"));
        command.args(["-C", &self.control.to_string()]).args(&self.options);
        match &self.user {
            Some(user) => _ = command.args(["-u", user]),
            None if is_root() => _ = command.args(["-u", "root"]),
            None => {}
        }
        if let Some(config) = &self.config {
            command.arg("-F").arg(config);
        }
        if self.positional {
            command.arg(self.listen.to_string()).args(&self.servers);
        }
        command.current_dir(&self.directory);
        command
    }
}

/// A pen that runs until it is stopped or dropped.
pub struct Pen {
    child: Child,
    process: Process,
    control: Control,
    listen: Address,
    stderr: Option<Transcript>,
    directory: TempDir,
    _certificates: Vec<Certificate>,
    /// How clients speak TLS with it, if they do.
    secure: Option<Arc<ClientConfig>>,
}

impl Pen {
    /// A pen with nothing but a control socket and a listening address of its own.
    pub fn builder() -> PenBuilder {
        let directory = TempDir::new().expect("a directory can be made");
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o777)).expect("it is ours");
        PenBuilder {
            program: program::pen(),
            wrapper: Vec::new(),
            listen: Address::unused(Family::Tcp4, directory.path()),
            control: Address::Unix(directory.path().join("control")),
            directory,
            positional: true,
            servers: Vec::new(),
            options: Vec::new(),
            user: None,
            config: None,
            foreground: true,
            certificates: Vec::new(),
            secure: None,
        }
    }

    /// Runs pen with these arguments until it ends by itself; the test fails when it does not.
    #[track_caller]
    pub fn run<A: AsRef<OsStr>>(arguments: impl IntoIterator<Item = A>) -> Ended {
        let directory = TempDir::new().expect("a directory can be made");
        let mut command = Command::new(program::pen());
        command.args(arguments).current_dir(directory.path());
        run_to_the_end(command)
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.listen
    }

    /// Where its control port is.
    pub fn control_address(&self) -> &Address {
        self.control.address()
    }

    /// The process.
    pub fn process(&self) -> Process {
        self.process
    }

    /// The directory of sockets, logs and files.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// A client's connection.
    #[track_caller]
    pub fn connect(&self) -> Stream {
        let stream = Stream::connect(&self.listen).expect("pen accepts");
        match &self.secure {
            Some(config) => stream.secure(SECURE_NAME, config).expect("pen shakes hands"),
            None => stream,
        }
    }

    /// A client's connection from 127.0.0.`host`.
    #[track_caller]
    pub fn connect_from(&self, host: u8) -> Stream {
        let source = Ipv4Addr::new(127, 0, 0, host).into();
        Stream::connect_from(source, &self.listen).expect("pen accepts")
    }

    /// A client that sends it datagrams.
    #[track_caller]
    pub fn udp_client(&self) -> UdpClient {
        UdpClient::of(&self.listen)
    }

    /// A client that sends it datagrams from 127.0.0.`host`.
    #[track_caller]
    pub fn udp_client_from(&self, host: u8) -> UdpClient {
        UdpClient::from(Ipv4Addr::new(127, 0, 0, host), &self.listen)
    }

    /// Connects, and returns what the server says until it finishes.
    #[track_caller]
    pub fn get(&self) -> String {
        self.connect().drain().text()
    }

    /// [`Pen::get`] from 127.0.0.`host`.
    #[track_caller]
    pub fn get_from(&self, host: u8) -> String {
        self.connect_from(host).drain().text()
    }

    /// Connects, and returns the first line that the server says and the connection, still open.
    #[track_caller]
    pub fn hold_from(&self, host: u8) -> (String, Stream) {
        let stream = self.connect_from(host);
        (stream.line(), stream)
    }

    /// Waits until no connection is open.
    #[track_caller]
    pub fn wait_until_idle(&self) {
        wait_until("pen has no connection", || self.servers().iter().all(|server| server.conn == 0));
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        self.process.signal(signal);
    }

    /// All that it said so far.
    pub fn stderr(&self) -> String {
        self.stderr.as_ref().map(Transcript::so_far).unwrap_or_default()
    }

    /// Ends pen with TERM, which it must obey with exit status 0 and without complaints.
    #[track_caller]
    pub fn stop(self) -> Ended {
        self.signal(Signal::SIGTERM);
        let ended = self.wait();
        assert_eq!((ended.code, ended.signal), (Some(0), None), "pen's end: {}", ended.stderr);
        assert!(!ended.stderr.contains("panicked"), "{}", ended.stderr);
        ended
    }

    /// Waits until pen ends by itself.
    #[track_caller]
    pub fn wait(mut self) -> Ended {
        wait_until("pen ends", || self.child.try_wait().expect("it is our child").is_some());
        let status = self.child.wait().expect("it is our child");
        let stderr = self.stderr.take().map(Transcript::end).unwrap_or_default();
        Ended { code: status.code(), signal: status.signal(), stdout: String::new(), stderr }
    }
}

impl Deref for Pen {
    type Target = Control;

    fn deref(&self) -> &Control {
        &self.control
    }
}

impl Drop for Pen {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_some()) {
            return;
        }
        // Under a wrapper that waits, pen is not our child itself; the wrapper ends with it.
        self.process.signal(Signal::SIGKILL);
        let _ = self.child.wait();
        if thread::panicking() {
            eprintln!("pen said:\n{}", self.stderr());
        }
    }
}
