//! Programs that send many requests, and count those that fail.

use std::process::Command;

use pen_tests::{Ended, WebServer, program, run_patiently};

use super::Site;

const REQUESTS: &str = "3000";
const PARALLEL: &str = "30";

fn h2load(site: &Site, arguments: &[&str]) -> Ended {
    let mut h2load = Command::new(program::find("h2load"));
    h2load.args(["-n", REQUESTS, "-c", PARALLEL, "-t", "1"]).args(arguments).arg(site.url("/name"));
    run_patiently(h2load)
}

#[track_caller]
fn assert_all_succeeded(ended: &Ended) {
    let all = "requests: 3000 total, 3000 started, 3000 done, 3000 succeeded, 0 failed, 0 errored, 0 timeout";
    assert!(ended.stdout.contains(all), "{ended:?}");
    assert!(ended.stdout.contains("status codes: 3000 2xx, 0 3xx, 0 4xx, 0 5xx"), "{ended:?}");
}

#[test]
fn h2load_has_every_request_answered_over_http1() {
    for server in [WebServer::nginx_seeing(), WebServer::apache_seeing()] {
        let site = Site::before(&server);
        assert_all_succeeded(&h2load(&site, &["--h1"]));
        // Many requests ahead of their answers.
        assert_all_succeeded(&h2load(&site, &["--h1", "-m", "20"]));
        site.pen.wait_until_idle();
        site.pen.stop();
    }
}

#[test]
fn h2load_has_every_request_answered_over_http2() {
    let nginx = WebServer::nginx_of_http2();
    let site = Site::with(&nginx, |pen| pen.command("tls_alpn h2"));
    assert_all_succeeded(&h2load(&site, &["-m", "10"]));
    site.pen.wait_until_idle();
}

#[test]
fn ab_loses_nothing_whether_it_keeps_its_connections_or_not() {
    let apache = WebServer::apache_seeing();
    let site = Site::before(&apache);
    for keep in [["-k", "-n3000"], ["-q", "-n600"]] {
        let mut ab = Command::new(program::find("ab"));
        ab.args(keep).args(["-c", PARALLEL]).arg(site.url("/name"));
        let ended = run_patiently(ab);
        assert_eq!(ended.code, Some(0), "{ended:?}");
        assert!(ended.stdout.contains("Failed requests:        0\n"), "{ended:?}");
        assert!(!ended.stdout.contains("Non-2xx"), "{ended:?}");
    }
    site.pen.wait_until_idle();
    site.pen.stop();
}
