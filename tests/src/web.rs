//! Debian's web servers, each with its own configuration, directory and address.

use std::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tempfile::TempDir;

use crate::address::{Address, private_address};
use crate::http::page;
use crate::network::is_root;
use crate::program::find;
use crate::stream::Stream;
use crate::wait::wait_until;

/// A web server and its site, removed when it is dropped.
///
/// The site has `/name` with the server's name, takes `PUT` below `/upload/`, and whatever a test puts into
/// [`WebServer::site`].
pub struct WebServer {
    master: Child,
    address: Address,
    directory: TempDir,
    is_nginx: bool,
}

impl WebServer {
    /// Starts nginx.
    pub fn nginx() -> Self {
        Self::nginx_with(2, Address::Ip(private_address()), |_| "access_log off;".to_owned())
    }

    /// Starts nginx at this address, with the directives for its logs that `logging` says for its directory. It has a single
    /// worker, so all its logs have the same order.
    pub fn nginx_logging(address: Address, logging: impl FnOnce(&str) -> String) -> Self {
        Self::nginx_with(1, address, logging)
    }

    /// Starts nginx, which says in each answer, as `Seen-Proto` and `Seen-For`, what it was told of the client.
    pub fn nginx_seeing() -> Self {
        Self::nginx_with(2, Address::Ip(private_address()), |_| {
            "access_log off; keepalive_requests 1000000;
             add_header Seen-Proto $http_x_forwarded_proto always;
             add_header Seen-For $http_x_forwarded_for always;"
                .to_owned()
        })
    }

    /// Starts nginx, which speaks HTTP/2 alone, and that without TLS.
    pub fn nginx_of_http2() -> Self {
        Self::nginx_at(2, Address::Ip(private_address()), "http2", |_| "access_log off;".to_owned())
    }

    fn nginx_with(workers: u32, address: Address, logging: impl FnOnce(&str) -> String) -> Self {
        Self::nginx_at(workers, address, "", logging)
    }

    fn nginx_at(
        workers: u32,
        address: Address,
        protocol: &str,
        logging: impl FnOnce(&str) -> String,
    ) -> Self {
        let answers = move |address: &Address| match protocol {
            "" => page(address, "/name").is_ok(),
            _ => Stream::connect(address).is_ok(),
        };
        Self::start("nginx", address, answers, |directory, address| {
            let logging = logging(directory);
            let user = if is_root() { "user root;" } else { "" };
            let config = format!(
                "{user} worker_processes {workers}; daemon off; pid {directory}/pid; error_log {directory}/error.log;
                 worker_rlimit_nofile 8192;
                 events {{ worker_connections 4096; }}
                 http {{
                     {logging} client_max_body_size 0; sendfile on;
                     client_body_temp_path {directory}/body; proxy_temp_path {directory}/proxy;
                     fastcgi_temp_path {directory}/fastcgi; uwsgi_temp_path {directory}/uwsgi;
                     scgi_temp_path {directory}/scgi;
                     server {{
                         listen {address} {protocol} backlog=4096; root {directory}/site;
                         location /upload/ {{ dav_methods PUT; }}
                     }}
                 }}"
            );
            let path = write(directory, "nginx.conf", &config);
            let mut nginx = Command::new(find("nginx"));
            nginx.args(["-e", &format!("{directory}/error.log"), "-p", directory, "-c"]).arg(path);
            nginx
        })
    }

    /// Starts Apache.
    pub fn apache() -> Self {
        Self::apache_logging(Address::Ip(private_address()), |_| String::new())
    }

    /// Starts Apache, which says what [`WebServer::nginx_seeing`] does.
    pub fn apache_seeing() -> Self {
        Self::apache_logging(Address::Ip(private_address()), |_| {
            "LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so\n\
             MaxKeepAliveRequests 0\n\
             Header always set Seen-Proto \"expr=%{HTTP:X-Forwarded-Proto}\"\n\
             Header always set Seen-For \"expr=%{HTTP:X-Forwarded-For}\"\n"
                .to_owned()
        })
    }

    /// Starts Apache at this address, with the directives for its logs that `logging` says for its directory.
    pub fn apache_logging(address: Address, logging: impl FnOnce(&str) -> String) -> Self {
        let answers = |address: &Address| page(address, "/name").is_ok();
        Self::start("apache", address, answers, |directory, address| {
            let logging = logging(directory);
            let user = if is_root() { "User www-data\nGroup www-data" } else { "" };
            let modules = ["mpm_event", "authz_core", "dav", "dav_fs"].map(|module| {
                format!("LoadModule {module}_module /usr/lib/apache2/modules/mod_{module}.so\n")
            });
            let config = format!(
                "ServerRoot {directory}\nServerName localhost\nListen {address}\nListenBacklog 4096\n{user}\n\
                 PidFile {directory}/pid\nErrorLog {directory}/error.log\nDocumentRoot {directory}/site\n\
                 {modules}LimitRequestBody 0\nTimeout 60\nDavLockDB {directory}/site/upload/.locks\n\
                 ServerLimit 4\nThreadsPerChild 64\nMaxRequestWorkers 256\n\
                 <Directory {directory}/site/upload>\nDav On\n</Directory>\n{logging}\n",
                modules = modules.concat(),
            );
            let path = write(directory, "apache.conf", &config);
            let mut apache = Command::new(find("apache2"));
            apache.args(["-d", directory, "-DFOREGROUND", "-f"]).arg(path);
            apache
        })
    }

    fn start(
        name: &str,
        address: Address,
        answers: impl Fn(&Address) -> bool,
        configure: impl FnOnce(&str, &Address) -> Command,
    ) -> Self {
        let directory = TempDir::new().expect("a directory can be made");
        let site = directory.path().join("site");
        let upload = site.join("upload");
        fs::create_dir_all(&upload).expect("the directory is ours");
        for (path, mode) in [(directory.path(), 0o755), (&upload, 0o777)] {
            fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("the directory is ours");
        }
        fs::write(site.join("name"), name).expect("the directory is ours");
        let mut command = configure(&directory.path().to_string_lossy(), &address);
        // Its own process group, so that master and workers can be killed at one blow.
        command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let master = command.spawn().expect("the web server can be run");
        let server = Self { master, address, directory, is_nginx: name == "nginx" };
        wait_until("the web server answers", || answers(&server.address));
        server
    }

    /// Where it listens.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The directory that it serves.
    pub fn site(&self) -> PathBuf {
        self.directory.path().join("site")
    }

    /// Its configuration, its logs, and its site.
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Has it end when every connection is served, with all that it has to log.
    pub fn finish(&mut self) {
        let graceful = if self.is_nginx { Signal::SIGQUIT } else { Signal::SIGWINCH };
        let master = Pid::from_raw(i32::try_from(self.master.id()).expect("process ids are small"));
        kill(master, graceful).expect("it is our child");
        wait_until("the web server ends", || self.master.try_wait().is_ok_and(|status| status.is_some()));
    }

    /// Ends all its processes with SIGKILL. The death is complete when this returns: nothing listens any more.
    pub fn kill(&mut self) {
        let group = Pid::from_raw(i32::try_from(self.master.id()).expect("process ids are small"));
        // Dead already after an earlier call.
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.master.wait();
        // A worker that still dies holds the listening socket, and its queue takes connections that it then resets.
        wait_until("the last worker is gone", || Stream::connect(&self.address).is_err());
    }
}

impl fmt::Display for WebServer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(out)
    }
}

impl Drop for WebServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn write(directory: &str, name: &str, text: &str) -> PathBuf {
    let path = Path::new(directory).join(name);
    fs::write(&path, text).expect("the directory is ours");
    path
}
