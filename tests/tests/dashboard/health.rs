//! What the dashboard tells of servers that are down, drained or in maintenance, and of users.

use pen_tests::{Backend, Browser, DeadPort, Pen};

use super::super::{assert_no_complaints, open};

/// What is so of the state of a slot's server, which the names of these tests' servers tell.
fn row(name: &str, selector: &str) -> String {
    let rows = "[...document.querySelectorAll('.servers tbody tr')]";
    format!(
        "{rows}.find((row) => row.querySelector('.server-name').textContent === '{name}')?.querySelector('{selector}')"
    )
}

#[test]
fn states_are_told_with_since_when_and_why_on_every_screen() {
    let (server, dead) = (Backend::holding("a"), DeadPort::new());
    let agent = Backend::serve(|client| client.send("65\n"));
    let port = agent.to_string().rsplit_once(':').unwrap().1.to_owned();
    let pen = Pen::builder()
        .servers([&server, &server, &server])
        .server(&dead)
        .command("web 0")
        .command("health tcp interval 1")
        .command(&format!("health agent {port} interval 1"))
        .command("peek rdp")
        .start();
    for (slot, name) in ["part", "drained", "kept", "broken"].iter().enumerate() {
        pen.tell(&format!("server {slot} name {name}"));
    }
    pen.tell("drain 1");
    pen.tell("maint 2");
    let browser = Browser::start();
    open(&browser, &pen);
    let is = |name: &str, selector: &str, test: &str| format!("{}?.{test}", row(name, selector));
    for (name, class, state) in [
        ("part", "up", "/^up \\d+ s$/"),
        ("drained", "draining", "/^draining \\d+ s$/"),
        ("kept", "maintenance", "/^maintenance \\d+ s$/"),
        ("broken", "down", "/^down \\d+ s$/"),
    ] {
        browser.wait_until(&format!("{state}.test({}?.textContent)", row(name, ".state")));
        browser.wait_until(&is(name, ".state", &format!("className === 'state {class}'")));
    }
    browser.wait_until(&is("broken", ".why", "textContent.startsWith('tcp check: Connection refused')"));
    browser.wait_until(&is("part", ".why", "textContent === '35 % by its agent'"));
    browser.wait_until(&is("broken", ".checks", "textContent.endsWith(' failed')"));
    browser.wait_until("document.getElementById('verdict').textContent === '1 of 4 servers up'");
    browser.wait_until(
        "document.querySelector('#users .nothing')?.textContent === 'No user has been here yet.'",
    );
    for width in [1280, 360] {
        browser.resize(width, 900);
        for scheme in ["light", "dark"] {
            browser.prefer_colours(scheme);
            assert_eq!(
                browser.run("return document.scrollingElement.scrollWidth <= innerWidth"),
                true,
                "{width} {scheme}: wider than the screen"
            );
            browser.screenshot(&format!("health-{width}-{scheme}"));
        }
    }
    pen.tell("no maint 2");
    browser.wait_until(&is("kept", ".state", "textContent.startsWith('up')"));
    server.kill();
    browser.wait_until(&is("part", ".state", "className === 'state down'"));
    // It is said aloud, with the reason.
    browser.wait_until(
        "document.getElementById('announcer').textContent.includes('tcp check: Connection refused')",
    );
    pen.tell("no peek");
    browser.wait_until("document.querySelector('#users') === null");
    assert_no_complaints(&browser);
    pen.stop();
}
