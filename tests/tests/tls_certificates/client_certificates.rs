//! Clients who have to show a certificate.

use std::fs;

use pen_tests::{Authority, Backend, Certificate, Ended, Order, Pen};

use super::seen::{NAME, is_served, text, visit};

const VERSIONS: [&str; 2] = ["-tls1_2", "-tls1_3"];

fn visit_as(pen: &Pen, name: &str, version: &str, certificate: Option<&Certificate>) -> Ended {
    let Some(certificate) = certificate else { return visit(pen, name, &[version]) };
    let (chain, key) = (certificate.chain(), certificate.key());
    let arguments = [version, "-cert", text(&chain), "-cert_chain", text(&chain), "-key", text(&key)];
    visit(pen, name, &arguments)
}

#[test]
fn who_has_no_valid_certificate_is_refused_with_the_reason_as_an_alert() {
    let echo = Backend::named("hello");
    let (root, stranger) = (Authority::new("root"), Authority::new("root"));
    let issuer = root.intermediate("issuer");
    let pen = Pen::builder()
        .server(&echo)
        .tls(&root.issue(&Order::server(NAME)))
        .option(&format!("-G {}", root.certificate().display()))
        .option("-R")
        .start();
    let client = || Order::client("somebody");
    for (who, certificate, alert) in [
        ("of the root", Some(root.issue(&client())), ""),
        ("of an intermediate", Some(issuer.issue(&client())), ""),
        ("nobody", None, "certificate required|handshake failure"),
        ("of a stranger", Some(stranger.issue(&client())), "unknown ca|decrypt error"),
        ("expired", Some(root.issue(&client().expired())), "certificate expired"),
        ("too early", Some(root.issue(&client().valid(1, 2))), "certificate expired"),
        (
            "a server's",
            Some(root.issue(&Order::server("somebody"))),
            "unsupported certificate|bad certificate",
        ),
        ("of version 1", Some(root.issue(&client().version_1())), "certificate unknown"),
        ("an authority's", Some(root.issue(&client().of_an_authority())), "certificate unknown"),
    ] {
        for version in VERSIONS {
            let ended = visit_as(&pen, NAME, version, certificate.as_ref());
            let said = ended.stderr.to_lowercase();
            assert_eq!(is_served(&ended), alert.is_empty(), "{who}, {version}: {ended:?}");
            let told = alert.split('|').any(|alert| said.contains(&format!("alert {alert}")));
            assert!(alert.is_empty() || told, "{who}, {version}: {said}");
        }
    }
    assert!(
        visit_as(&pen, NAME, "-tls1_3", None)
            .stdout
            .contains("Acceptable client certificate CA names\nCN = root")
    );
    pen.stop();
}

#[test]
fn without_the_option_nobody_is_asked() {
    let echo = Backend::named("hello");
    let root = Authority::new("root");
    let pen = Pen::builder()
        .server(&echo)
        .tls(&root.issue(&Order::server(NAME)))
        .option(&format!("-G {}", root.certificate().display()))
        .start();
    let ended = visit(&pen, NAME, &[]);
    assert!(is_served(&ended) && ended.stdout.contains("No client certificate CA names sent"), "{ended:?}");
    pen.stop();
}

#[test]
fn a_directory_of_authorities_is_trusted_and_those_of_a_name_under_it_alone() {
    let echo = Backend::named("hello");
    let (common, own) = (Authority::new("common"), Authority::new("own"));
    let (names, cas) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::copy(common.certificate(), cas.path().join("0123abcd.0")).unwrap();
    common.issue(&Order::server(NAME)).install(names.path(), NAME);
    fs::copy(own.certificate(), names.path().join(format!("{NAME}.ca"))).unwrap();
    let pen = Pen::builder()
        .server(&echo)
        .tls(&common.issue(&Order::server("default")))
        .option(&format!("-A {}", cas.path().display()))
        .option("-R")
        .command(&format!("ssl_sni_path {}", names.path().display()))
        .start();
    let commons = common.issue(&Order::client("somebody"));
    let owns = own.issue(&Order::client("somebody"));
    for (name, certificate, served) in
        [(NAME, &commons, true), (NAME, &owns, true), ("default", &commons, true), ("default", &owns, false)]
    {
        for version in VERSIONS {
            let ended = visit_as(&pen, name, version, Some(certificate));
            assert_eq!(is_served(&ended), served, "{name} {version}: {ended:?}");
        }
    }
    pen.stop();
}
