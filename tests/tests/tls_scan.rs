//! What scanners say of pen's TLS: Debian's testssl.sh, and sslyze where it is installed. Nothing may be worse than a note.

use std::env;
use std::fs;
use std::process::Command;

use pen_tests::{Authority, Key, Order, Pen, WebServer, program, run_patiently};

const NAME: &str = "www.example.com";

/// What is tolerated: the id of a finding, and why.
const TOLERATED: [(&str, &str); 2] = [
    (
        "RC4",
        "Debian's openssl has no RC4 to try with; that the protocol's messages have none is seen by itself",
    ),
    (
        "sessionresumption_ticket",
        "its openssl hangs up before a ticket of TLS 1.3 can have come; that sessions are resumed is in tls_clients",
    ),
];

/// A finding of testssl.sh.
#[derive(Debug)]
struct Finding {
    id: String,
    severity: String,
    text: String,
}

impl Finding {
    /// The fields of a line: `"id","fqdn/ip","port","severity","finding","cve","cwe"`.
    fn parse(line: &str) -> Option<Self> {
        let fields: Vec<_> = line.strip_prefix('"')?.strip_suffix('"')?.split("\",\"").collect();
        let [id, _, _, severity, text, ..] = fields.as_slice() else { return None };
        let [id, severity, text] = [id, severity, text].map(|field| (*field).to_owned());
        Some(Self { id, severity, text })
    }

    fn is_a_note(&self) -> bool {
        matches!(self.severity.as_str(), "OK" | "INFO")
    }
}

struct Site {
    root: Authority,
    pen: Pen,
    _server: WebServer,
}

impl Site {
    fn new(key: Key) -> Self {
        let root = Authority::new("root");
        let issuer = root.intermediate("issuer");
        // Neither about to expire nor longer valid than browsers take.
        let site = issuer.issue(&Order::server(NAME).key(key).valid(-1, 200));
        let response = issuer.ocsp_response(&site);
        let server = WebServer::nginx();
        let pen = Pen::builder().server(&server).tls(&site).option("-H").option("-x 1000");
        let pen = pen.command(&format!("ssl_ocsp_response {}", response.display())).start();
        Self { root, pen, _server: server }
    }

    /// Runs testssl.sh with these checks.
    #[track_caller]
    fn findings(&self, checks: &[&str]) -> Vec<Finding> {
        let (address, table) = (self.pen.address().ip(), self.pen.directory().join("findings"));
        let mut testssl = Command::new(program::find("testssl"));
        // Nobody else is asked, no name is looked up, and nothing waits for a key.
        testssl.args(["--quiet", "--color", "0", "--warnings", "off", "--nodns", "none", "--fast"]);
        testssl.args(["--ip", &address.ip().to_string(), "--add-ca"]).arg(self.root.certificate());
        testssl.args(checks).arg("-oC").arg(&table).arg(format!("https://{NAME}:{}/", address.port()));
        let ended = run_patiently(testssl);
        let text = fs::read_to_string(&table).unwrap_or_default();
        let findings: Vec<_> = text.lines().skip(1).filter_map(Finding::parse).collect();
        assert!(!findings.is_empty(), "{ended:?}");
        findings
    }
}

#[track_caller]
fn assert_nothing_worse_than_a_note(findings: &[Finding]) {
    let is_tolerated = |finding: &&Finding| TOLERATED.iter().any(|(id, _)| *id == finding.id);
    let bad: Vec<_> =
        findings.iter().filter(|finding| !finding.is_a_note() && !is_tolerated(finding)).collect();
    assert!(bad.is_empty(), "{bad:#?}");
}

#[track_caller]
fn assert_found(findings: &[Finding], id: &str, text: &str) {
    let found = findings.iter().find(|finding| finding.id == id);
    assert!(found.is_some_and(|finding| finding.text.contains(text)), "{id}: {text}, not {found:?}");
}

#[test]
fn testssl_finds_nothing_worse_than_a_note() {
    let site = Site::new(Key::EcdsaP256);
    // Protocols, cipher lists, defaults, preferences, forward secrecy, vulnerabilities, and the server's own faults.
    let findings = site.findings(&["-p", "-s", "-S", "-P", "-f", "-U", "-g"]);
    assert_nothing_worse_than_a_note(&findings);
    for (id, text) in [
        ("SSLv2", "not offered"),
        ("SSLv3", "not offered"),
        ("TLS1", "not offered"),
        ("TLS1_1", "not offered"),
        ("TLS1_2", "offered"),
        ("TLS1_3", "offered"),
        ("cipher_order", "server"),
        ("OCSP_stapling", "offered"),
        ("PFS", "offered"),
        ("heartbleed", "not vulnerable"),
        ("ROBOT", "not vulnerable"),
        ("secure_renego", "supported"),
    ] {
        assert_found(&findings, id, text);
    }
    site.pen.wait_until_idle();
    site.pen.stop();
}

#[test]
fn testssl_finds_nothing_worse_than_a_note_with_a_key_of_rsa() {
    let site = Site::new(Key::Rsa);
    // What depends on the key.
    let findings = site.findings(&["-S", "-BB"]);
    assert_nothing_worse_than_a_note(&findings);
    assert_found(&findings, "cert_keySize", "RSA 2048");
    site.pen.stop();
}

#[test]
fn sslyze_finds_what_mozilla_recommends() {
    let Some(sslyze) = env::var_os("SSLYZE_BIN") else {
        eprintln!("skipped: SSLYZE_BIN names no sslyze; scripts/test gets one if PyPI can be reached");
        return;
    };
    for key in [Key::EcdsaP256, Key::Rsa] {
        let site = Site::new(key);
        let mut command = Command::new(&sslyze);
        command.args(["--mozilla_config=intermediate", "--sni", NAME, "--certinfo_ca_file"]);
        command.arg(site.root.certificate()).arg(site.pen.address().to_string());
        let ended = run_patiently(command);
        // It ends with 0 only if all complies.
        assert_eq!(ended.code, Some(0), "{key:?}: {}", ended.stdout);
        assert!(ended.stdout.contains("OK - Compliant."), "{key:?}: {}", ended.stdout);
        assert!(!ended.stdout.contains("VULNERABLE"), "{key:?}: {}", ended.stdout);
        site.pen.wait_until_idle();
        site.pen.stop();
    }
}
