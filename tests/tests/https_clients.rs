//! What people and programs fetch pages with, through TLS and `-H`, from real servers.

#[path = "https_clients/curl.rs"]
mod curl;
#[path = "https_clients/load.rs"]
mod load;
#[path = "https_clients/websocket.rs"]
mod websocket;

use pen_tests::{
    Authority, Browser, Ended, Order, Pen, PenBuilder, WebServer, clients, private_address, program,
    run_to_the_end,
};
use std::fmt::Display;
use std::process::Command;

const NAME: &str = "www.example.com";

/// A pen with a certificate for [`NAME`] and its own address.
struct Site {
    root: Authority,
    pen: Pen,
}

impl Site {
    /// With `-H`.
    fn before(server: impl Display) -> Self {
        Self::with(server, |pen| pen.option("-H"))
    }

    fn with(server: impl Display, more: impl FnOnce(PenBuilder) -> PenBuilder) -> Self {
        let root = Authority::new("root");
        let address = private_address();
        let order = Order::server(NAME).name(&address.ip().to_string());
        let site = root.intermediate("issuer").issue(&order);
        let builder = Pen::builder().listen_at(address).server(server).tls(&site).command("threads 2");
        Self { root, pen: more(builder).start() }
    }

    fn url(&self, path: &str) -> String {
        format!("https://{}{path}", self.pen.address())
    }

    #[track_caller]
    fn curl(&self, path: &str, arguments: &[&str]) -> Ended {
        clients::curl(self.pen.address(), NAME, path, &self.root.certificate(), arguments)
    }
}

#[test]
fn wget_fetches_a_page_that_tells_of_https() {
    let nginx = WebServer::nginx_seeing();
    let site = Site::before(&nginx);
    let mut wget = Command::new(program::find("wget"));
    wget.args(["--no-config", "--no-proxy", "--no-hsts", "-S", "-O", "-", "--tries=1", "--ca-certificate"]);
    wget.arg(site.root.certificate()).arg(site.url("/name"));
    let ended = run_to_the_end(wget);
    assert_eq!((ended.code, ended.stdout.trim_end()), (Some(0), "nginx"), "{ended:?}");
    assert!(ended.stderr.contains("Seen-Proto: https"), "{ended:?}");
    assert!(ended.stderr.contains("Seen-For: 127.0.0.1"), "{ended:?}");
}

#[test]
fn chromium_shows_a_page() {
    let nginx = WebServer::nginx_seeing();
    let page = "<!doctype html><title>waits</title><script>\
        fetch('/name').then(answer => answer.text().then(text => \
        document.title = `${text} ${answer.headers.get('seen-proto')} ${answer.headers.get('seen-for')}`))\
        </script>";
    std::fs::write(nginx.site().join("page.html"), page).unwrap();
    let site = Site::before(&nginx);
    let browser = Browser::start();
    browser.open(&site.url("/page.html"));
    browser.wait_until("document.title == 'nginx https 127.0.0.1'");
}
