//! Clients as people have them: curl, ab, h2load.

use std::fs;
use std::process::Command;

use pen_tests::{Content, program, run_patiently, wait_until};

use super::servers::{Site, on_both};

/// What a client says on standard output when it has ended well.
#[track_caller]
fn said(name: &str, words: &[&str]) -> String {
    let mut command = Command::new(program::find(name));
    command.args(words);
    let ended = run_patiently(command);
    assert_eq!(ended.code, Some(0), "{words:?}: {}{}", ended.stdout, ended.stderr);
    ended.stdout
}

fn url(site: &Site, path: &str) -> String {
    format!("http://{}{path}", site.pen.address())
}

#[test]
fn curl_keeps_its_connection_through_every_kind_of_request() {
    on_both(|site| {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("file");
        let content = Content::new(61).bytes(5 << 20);
        fs::write(&file, &content).unwrap();
        let file = file.to_string_lossy();
        let (name, upload) = (url(site, "/name"), url(site, "/upload/curl"));
        let show = "%{http_code} %{num_connects} %header{seen-for}\n";
        let next = ["--next", "-q", "--noproxy", "*", "-s", "-S", "-o", "/dev/null", "-w", show];
        let requests: [&[&str]; 5] = [
            &[&name],
            &["-I", &name],
            // Above a mebibyte curl asks with Expect: 100-continue.
            &["-T", &file, &upload],
            &["-T", &file, "-H", "Transfer-Encoding: chunked", &upload],
            &["-r", "0-9", &upload],
        ];
        let words: Vec<&str> = requests.iter().flat_map(|words| next.iter().chain(*words)).copied().collect();
        let said = said("curl", &words[1..]);
        let (codes, told): (Vec<_>, Vec<_>) = said.lines().filter_map(|line| line.split_once(' ')).unzip();
        assert_eq!(codes, ["200", "200", "201", "204", "206"], "{said}");
        assert_eq!(told[0], "1 127.0.0.1");
        assert!(told[1..].iter().all(|told| *told == "0 127.0.0.1"), "{said}");
        assert!(fs::read(site.server.site().join("upload/curl")).unwrap() == content);
    });
}

/// The server was told of a curl that asks in this way, and answered in HTTP/1.1.
#[track_caller]
fn assert_told_by_curl(site: &Site, way: &str) {
    let show = "%header{seen-proto} %header{seen-for} %{http_version}";
    let url = url(site, "/name");
    let said = said("curl", &["-q", "--noproxy", "*", way, "-s", "-o", "/dev/null", "-w", show, &url]);
    assert_eq!(said, "http 127.0.0.1 1.1\n");
}

#[test]
fn curl_is_served_in_http_1_0() {
    on_both(|site| assert_told_by_curl(site, "--http1.0"));
}

#[test]
fn curl_without_prior_knowledge_of_http_2_stays_with_http_1() {
    on_both(|site| assert_told_by_curl(site, "--http2"));
}

#[test]
fn five_thousand_requests_of_ab_in_kept_connections_of_http_1_0_all_tell() {
    on_both(|site| {
        let said = said("ab", &["-k", "-q", "-n", "5000", "-c", "20", &url(site, "/name")]);
        assert_line(&said, "Complete requests:", "5000");
        assert_line(&said, "Failed requests:", "0");
        assert!(!said.contains("Non-2xx"), "{said}");
        assert_told(site, 5_000);
    });
}

#[test]
fn five_thousand_requests_of_h2load_in_http_1_1_all_tell() {
    on_both(|site| {
        let words = ["--h1", "-n", "5000", "-c", "20", "-m", "10", &url(site, "/name")];
        let said = said("h2load", &words);
        assert!(said.contains("5000 succeeded, 0 failed, 0 errored, 0 timeout"), "{said}");
        assert_told(site, 5_000);
    });
}

/// A line of a report: what it says behind its name.
#[track_caller]
fn assert_line(report: &str, name: &str, expected: &str) {
    let value = report.lines().find_map(|line| line.strip_prefix(name)).map(str::trim);
    assert_eq!(value, Some(expected), "{report}");
}

#[track_caller]
fn assert_told(site: &Site, count: usize) {
    // The harness asks the server itself when it starts it, and tells of nobody.
    let told = || site.told("/name").into_iter().filter(|told| told != "- -").collect::<Vec<_>>();
    wait_until("all are logged", || told().len() >= count);
    let told = told();
    assert_eq!(told.len(), count);
    assert!(told.iter().all(|told| told == "http 127.0.0.1"), "{told:?}");
}
