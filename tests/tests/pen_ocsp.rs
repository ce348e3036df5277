//! The script `pen-ocsp`, with a responder that is openssl's, and with one that always says the same.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use pen_tests::{Authority, Backend, Certificate, Ended, Order, Pen, clients, run_to_the_end, wait_until};
use tempfile::TempDir;

const NAME: &str = "www.example.com";

/// `openssl ocsp` on a port of its own.
struct Responder {
    child: Child,
    url: String,
}

impl Responder {
    fn of(authority: &Authority) -> Self {
        let mut command = Command::new("openssl");
        command.args(["ocsp", "-port", "0", "-ndays", "1", "-index"]).arg(authority.index());
        command.arg("-CA").arg(authority.certificate()).arg("-rsigner").arg(authority.certificate());
        command.arg("-rkey").arg(authority.key()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("openssl can be run");
        let mut said = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut line = String::new();
        said.read_line(&mut line).expect("openssl tells its port");
        let port = line.split_once("]:").and_then(|(_, rest)| rest.split(' ').next());
        let url = format!("http://127.0.0.1:{}/", port.unwrap_or_else(|| panic!("no port in {line}")));
        Self { child, url }
    }
}

impl Drop for Responder {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pen_ocsp<'a>(arguments: impl IntoIterator<Item = &'a str>) -> Ended {
    let mut script = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/pen-ocsp"));
    script.args(arguments);
    run_to_the_end(script)
}

#[track_caller]
fn succeeds(ended: &Ended) {
    assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr.as_str()), (Some(0), "", ""));
}

/// A certificate whose chain ends with the root, and a place for its response.
struct Site {
    certificate: Certificate,
    chain: String,
    response: PathBuf,
    directory: TempDir,
}

impl Site {
    fn of(authority: &Authority) -> Self {
        let certificate = authority.issue(&Order::server(NAME));
        let directory = TempDir::new().expect("a directory can be made");
        let chain = directory.path().join("chain.pem");
        let read = |path: PathBuf| fs::read_to_string(path).expect("openssl has written it");
        fs::write(&chain, read(certificate.leaf()) + &read(authority.certificate()))
            .expect("the directory is ours");
        let response = directory.path().join("response");
        Self { certificate, chain: chain.display().to_string(), response, directory }
    }

    /// The script's outcome with this responder.
    fn fetch(&self, url: &str, more: &[&str]) -> Ended {
        let place = self.response.display().to_string();
        pen_ocsp([&["-u", url], more, &[&self.chain, &place]].concat())
    }

    /// Whether nothing was left behind.
    fn is_tidy(&self) -> bool {
        let entries = fs::read_dir(self.directory.path()).expect("it is there");
        entries.count() == 1 + usize::from(self.response.exists())
    }
}

#[test]
fn a_response_is_fetched_verified_and_stapled_by_a_running_pen() {
    let authority = Authority::new("root");
    let (site, responder) = (Site::of(&authority), Responder::of(&authority));
    let first = site.fetch(&responder.url, &[]);
    succeeds(&first);
    let old = fs::read(&site.response).expect("the response is there");

    let echo = Backend::named("hello");
    let command = format!("ssl_ocsp_response {}", site.response.display());
    let pen = Pen::builder().server(&echo).tls(&site.certificate).command(&command).option("-p pid").start();
    let stapled = || {
        let ended = clients::s_client(pen.address(), &["-servername", NAME, "-status"], b"");
        ended.stdout.contains("Cert Status: good")
    };
    assert!(stapled());
    let pid_file = pen.directory().join("pid").display().to_string();
    succeeds(&site.fetch(&responder.url, &["-p", &pid_file]));
    assert_ne!(fs::read(&site.response).expect("the response is there"), old, "it has another signature");
    wait_until("pen has read it", || pen.stderr().contains("certificates were read again"));
    assert!(stapled());

    authority.revoke(&site.certificate);
    drop(responder);
    let (responder, old) = (Responder::of(&authority), fs::read(&site.response).expect("it is there"));
    let revoked = site.fetch(&responder.url, &["-p", &pid_file]);
    let expected =
        format!("pen-ocsp: {}: the certificate is 'revoked', which is not stapled\n", responder.url);
    assert_eq!((revoked.code, revoked.stderr), (Some(1), expected));
    assert_eq!(fs::read(&site.response).expect("it is there"), old);
    assert!(site.is_tidy());
    pen.stop();
}

#[test]
fn pen_is_told_only_of_another_response() {
    let authority = Authority::new("root");
    let site = Site::of(&authority);
    let response = fs::read(authority.ocsp_response(&site.certificate)).expect("openssl has written it");
    let responder = Backend::serve(move |client| {
        let mut client = BufReader::new(client);
        let (mut line, mut length) = (String::new(), 0);
        while client.read_line(&mut line).is_ok_and(|count| count > 2) {
            let (name, value) = line.split_once(':').unwrap_or_default();
            if name.eq_ignore_ascii_case("content-length") {
                length = value.trim().parse().unwrap_or(0);
            }
            line.clear();
        }
        let _ = client.read_exact(&mut vec![0; length]);
        let head = format!(
            "HTTP/1.0 200 OK\r\nContent-Type: application/ocsp-response\r\nContent-Length: {}\r\n\r\n",
            response.len()
        );
        let mut answer = head.into_bytes();
        answer.extend_from_slice(&response);
        let _ = client.into_inner().write_all(&answer);
    });
    let url = format!("http://{}/", responder.address());
    // This one would end of a HUP, also where the tests were started to survive one.
    let mut listener =
        Command::new("env").args(["--default-signal=HUP", "sleep", "60"]).spawn().expect("sleep can be run");
    let pid_file = site.directory.path().join("response.pid");
    succeeds(&site.fetch(&url, &[]));
    fs::write(&pid_file, format!("{}\n", listener.id())).expect("the directory is ours");
    let pid_file = pid_file.display().to_string();
    succeeds(&site.fetch(&url, &["-p", &pid_file]));
    assert!(listener.try_wait().expect("it is our child").is_none(), "the response is the same");
    fs::remove_file(&site.response).expect("it is there");
    succeeds(&site.fetch(&url, &["-p", &pid_file]));
    wait_until("the HUP arrives", || listener.try_wait().expect("it is our child").is_some());
    // A pen that does not run reads the response when it starts.
    fs::remove_file(&site.response).expect("it is there");
    fs::remove_file(&pid_file).expect("it is there");
    succeeds(&site.fetch(&url, &["-p", &pid_file]));
}

#[test]
fn what_goes_wrong_is_told_in_one_line_and_leaves_the_old_response() {
    let authority = Authority::new("root");
    let (site, responder) = (Site::of(&authority), Responder::of(&authority));
    fs::write(&site.response, "old").expect("the directory is ours");
    let stranger = Authority::new("root");
    let other = stranger.certificate().display().to_string();
    let leaf = site.certificate.leaf().display().to_string();
    let place = site.response.display().to_string();
    let url = &*responder.url;
    let issuer = "the issuer's certificate is not in it: '-i ISSUER' names its file";
    for (arguments, code, expected) in [
        (
            vec!["-t", "1", "-u", "http://127.0.0.1:1/", &site.chain, &place],
            1,
            "http://127.0.0.1:1/: Error querying OCSP responder: ".to_owned(),
        ),
        (vec!["-u", url, "-i", &other, &site.chain, &place], 1, format!("{url}: Response Verify Failure: ")),
        (vec!["-u", url, &leaf, &place], 1, format!("{leaf}: {issuer}")),
        (vec!["-u", url, "/nonexistent", &place], 1, "/nonexistent cannot be read".to_owned()),
        (vec!["-u", url, &place, &place], 1, format!("{place}: no certificate is in it: PEM is expected")),
        (vec![&site.chain], 2, "CERTIFICATE and RESPONSE are expected; usage: ".to_owned()),
        (vec!["-t", "x"], 2, "-t x: a number of seconds is expected; usage: ".to_owned()),
        (vec!["-x"], 2, "unknown option -x; usage: ".to_owned()),
        (vec!["-p"], 2, "-p: a value is missing; usage: ".to_owned()),
    ] {
        let ended = pen_ocsp(arguments.iter().copied());
        let said = ended.stderr.strip_prefix("pen-ocsp: ").unwrap_or_else(|| panic!("{ended:?}"));
        assert!(said.starts_with(&expected), "{expected} in {said}");
        assert_eq!((ended.code, said.lines().count()), (Some(code), 1), "{said}");
        assert_eq!(fs::read(&site.response).expect("it is there"), b"old");
        assert!(site.is_tidy());
    }
}
