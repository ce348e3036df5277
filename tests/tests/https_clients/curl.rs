//! curl: kept connections, large bodies, versions of TLS and of http.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;

use pen_tests::{Content, WebServer};

use super::{NAME, Site};

const LARGE: u64 = 64 << 20;

fn write(path: &Path, content: Content) {
    let mut file = BufWriter::new(File::create(path).unwrap());
    content.write_to(&mut file, LARGE).unwrap();
    file.flush().unwrap();
}

#[track_caller]
fn assert_content(path: &Path, content: Content) {
    let bytes = fs::read(path).unwrap();
    assert_eq!(bytes.len() as u64, LARGE, "the length of {}", path.display());
    for (number, part) in bytes.chunks(1 << 20).enumerate() {
        assert!(content.matches((number as u64) << 20, part), "{} in MiB {number}", path.display());
    }
}

#[test]
fn servers_are_told_of_https_and_the_client_in_every_request_of_a_connection() {
    for server in [WebServer::nginx_seeing(), WebServer::apache_seeing()] {
        let site = Site::before(&server);
        let again = format!("https://{NAME}:{}/name", site.pen.address().port());
        let arguments =
            ["-i", "-w", "\nconnects=%{num_connects}\n", "-H", "X-Forwarded-For: 1.2.3.4", &again, &again];
        let said = site.curl("/name", &arguments).stdout;
        let said = said.to_ascii_lowercase();
        assert_eq!(said.matches("seen-proto: https\r\n").count(), 3, "{said}");
        assert_eq!(said.matches("seen-for: 1.2.3.4, 127.0.0.1\r\n").count(), 3, "{said}");
        let connects: Vec<_> = said.lines().filter_map(|line| line.strip_prefix("connects=")).collect();
        assert_eq!(connects, ["1", "0", "0"], "{said}");
        site.pen.wait_until_idle();
        site.pen.stop();
    }
}

#[test]
fn large_downloads_arrive_unchanged() {
    let content = Content::new(41);
    for server in [WebServer::nginx(), WebServer::apache()] {
        write(&server.site().join("large"), content);
        let site = Site::before(&server);
        for version in ["1.2", "1.3"] {
            let file = site.pen.directory().join("got");
            let ended = site.curl("/large", &["-f", "--tls-max", version, "-o", &file.to_string_lossy()]);
            assert_eq!(ended.code, Some(0), "{ended:?}");
            assert_content(&file, content);
        }
        // A part, so that the server ends in the middle of what curl might have.
        let part =
            site.curl("/large", &["-f", "-r", "1000-1999", "-o", "/dev/null", "-w", "%{size_download}"]);
        assert_eq!(part.stdout.trim_end(), "1000", "{part:?}");
        site.pen.stop();
    }
}

#[test]
fn large_uploads_arrive_unchanged_by_length_and_by_chunks() {
    let content = Content::new(42);
    for server in [WebServer::nginx(), WebServer::apache()] {
        let site = Site::before(&server);
        let file = site.pen.directory().join("sent");
        write(&file, content);
        for (name, header) in [("length", "X-Nothing: 1"), ("chunks", "Transfer-Encoding: chunked")] {
            let path = format!("/upload/{name}");
            let ended = site.curl(&path, &["-f", "-H", header, "-T", &file.to_string_lossy()]);
            assert_eq!(ended.code, Some(0), "{name}: {ended:?}");
            assert_content(&server.site().join("upload").join(name), content);
        }
        site.pen.stop();
    }
}

#[test]
fn either_version_of_tls_can_be_asked_for_and_no_older_one() {
    let nginx = WebServer::nginx();
    let site = Site::before(&nginx);
    for (wanted, spoken) in [("1.2", "TLSv1.2"), ("1.3", "TLSv1.3")] {
        let ended = site.curl("/name", &["-v", "--tls-max", wanted]);
        assert_eq!(ended.stdout.trim_end(), "nginx", "{ended:?}");
        assert!(ended.stderr.contains(&format!("SSL connection using {spoken}")), "{ended:?}");
    }
    let old = site.curl("/name", &["--tlsv1.0", "--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0"]);
    assert_eq!(old.code, Some(35), "a failed handshake: {old:?}");
}

#[test]
fn http2_is_spoken_where_the_server_does_and_tls_alpn_says_so() {
    let version = |site: &Site| {
        let ended = site.curl("/name", &["--http2", "-f", "-o", "/dev/null", "-w", "%{http_version}"]);
        (ended.code, ended.stdout.trim_end().to_owned())
    };
    let old = WebServer::nginx();
    assert_eq!(version(&Site::before(&old)), (Some(0), "1.1".to_owned()));
    let offering = Site::with(&old, |pen| pen.option("-H").command("tls_alpn http/1.1"));
    assert_eq!(version(&offering), (Some(0), "1.1".to_owned()));

    let new = WebServer::nginx_of_http2();
    let site = Site::with(&new, |pen| pen.command("tls_alpn h2,http/1.1"));
    assert_eq!(version(&site), (Some(0), "2".to_owned()));
    assert!(site.curl("/name", &["--http2"]).stdout.contains("nginx"));
}

#[test]
fn http2_is_closed_where_requests_get_headers() {
    let new = WebServer::nginx_of_http2();
    let site = Site::with(&new, |pen| pen.option("-H").command("tls_alpn h2"));
    let ended = site.curl("/name", &["--http2"]);
    assert!(![Some(0), Some(28)].contains(&ended.code), "neither an answer nor silence: {ended:?}");
    site.pen.wait_until_idle();
}

#[test]
fn a_client_that_does_not_trust_the_certificate_is_told_nothing() {
    let nginx = WebServer::nginx();
    let site = Site::before(&nginx);
    let stranger = pen_tests::Authority::new("root");
    let ended = pen_tests::clients::curl(site.pen.address(), NAME, "/name", &stranger.certificate(), &[]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(60), ""), "{ended:?}");
    site.pen.wait_until_idle();
}
