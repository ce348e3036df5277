//! RDP as others speak it: xrdp's servers, `FreeRDP`'s client, and the display that this wants to have.

use std::fs;
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::address::{Address, private_address};
use crate::certificates::{Authority, Certificate, Order};
use crate::child::{Ended, run_patiently};
use crate::program::find;
use crate::stream::Stream;
use crate::wait::wait_until;

/// An xrdp at an address of its own. It shows whoever connects its login window; nobody gets a session.
pub struct Xrdp {
    program: Option<Child>,
    address: Address,
    directory: TempDir,
    _certificate: Certificate,
}

impl Xrdp {
    /// Starts one.
    pub fn start() -> Self {
        let directory = TempDir::new().expect("a directory can be made");
        let certificate = Authority::new("authority").issue(&Order::server("xrdp.test"));
        let address: Address = private_address().into();
        let (cert, key) = (certificate.chain(), certificate.key());
        let settings = format!(
            "[Globals]\nini_version=1\nfork=false\nport=tcp://{address}\nsecurity_layer=negotiate\ncrypt_level=high\n\
             certificate={}\nkey_file={}\nmax_bpp=32\nallow_channels=true\n\
             [Logging]\nLogFile={}\nLogLevel=INFO\nEnableSyslog=false\n[Channels]\n\
             [Xorg]\nname=Xorg\nlib=libxup.so\nusername=ask\npassword=ask\nip=127.0.0.1\nport=-1\ncode=20\n",
            cert.display(),
            key.display(),
            directory.path().join("log").display(),
        );
        fs::write(directory.path().join("xrdp.ini"), settings).expect("the test's directory is writable");
        let mut xrdp = Self { program: None, address, directory, _certificate: certificate };
        xrdp.revive();
        xrdp
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// Ends it, with all its connections.
    pub fn kill(&mut self) {
        if let Some(mut program) = self.program.take() {
            let _ = program.kill();
            let _ = program.wait();
        }
    }

    /// Starts it again, at the same address.
    pub fn revive(&mut self) {
        let mut command = Command::new(find("xrdp"));
        command.args(["--nodaemon", "--config"]).arg(self.directory.path().join("xrdp.ini"));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        self.program = Some(command.spawn().expect("xrdp can be run"));
        wait_until("xrdp listens", || Stream::connect(&self.address).is_ok());
    }
}

impl Drop for Xrdp {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A display that nobody sees, for clients of RDP.
pub struct Display {
    program: Child,
    name: String,
    home: TempDir,
}

impl Display {
    /// Starts one.
    pub fn start() -> Self {
        let home = TempDir::new().expect("a directory can be made");
        let mut command = Command::new(find("Xvfb"));
        command.args(["-displayfd", "1", "-nolisten", "tcp", "-screen", "0", "800x600x24"]);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut program = command.spawn().expect("Xvfb can be run");
        let mut number = String::new();
        let said = BufReader::new(program.stdout.take().expect("stdout is piped")).read_line(&mut number);
        assert!(said.is_ok_and(|length| length > 1), "Xvfb tells its number: {number:?}");
        Self { program, name: format!(":{}", number.trim()), home }
    }

    /// Has `FreeRDP` connect as this user until a session could begin, and end there. Whether that has come about is its exit
    /// status.
    #[track_caller]
    pub fn log_in(&self, address: &Address, user: &str) -> Ended {
        let mut command = Command::new(find("xfreerdp"));
        command.args([
            &format!("/v:{address}"),
            &format!("/u:{user}"),
            "/p:secret",
            "/cert:ignore",
            "+auth-only",
        ]);
        command.env("DISPLAY", &self.name).env("HOME", self.home.path());
        command.env("XDG_CONFIG_HOME", self.home.path());
        run_patiently(command)
    }
}

impl Drop for Display {
    fn drop(&mut self) {
        let _ = self.program.kill();
        let _ = self.program.wait();
    }
}
