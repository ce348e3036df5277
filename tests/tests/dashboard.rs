//! The dashboard in a real browser: what people see, hear and can reach with a keyboard.

mod dashboard {
    mod facts;
    mod health;
}

use std::fs;
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use pen_tests::browser::{ENTER, TAB};
use pen_tests::{Address, Backend, Browser, DeadPort, Pen, Stream};
use serde_json::json;

/// What the first server's row says about its state.
const FIRST_STATE: &str = "document.querySelector('.servers tbody .state').textContent";

/// Opens a pen's dashboard, and waits until it shows numbers.
fn open(browser: &Browser, pen: &Pen) {
    browser.open(&format!("http://127.0.0.1:{}/", pen.ask("web").trim_end()));
    browser.wait_until("!document.getElementById('main').hidden");
}

fn assert_no_complaints(browser: &Browser) {
    assert_eq!(browser.complaints(), Vec::<String>::new());
}

#[test]
fn numbers_are_live_and_a_server_that_dies_is_blacklisted_in_words() {
    let (a, b) = (Backend::holding("a"), Backend::holding("b"));
    let pen = Pen::builder().servers([&a, &b]).option("-r").option("-b 3600").command("web 0").start();
    let browser = Browser::start();
    open(&browser, &pen);
    browser.wait_until("document.getElementById('verdict').textContent === 'All 2 servers are up'");
    browser.wait_until("document.querySelector('.tile.connections .value').textContent === '0'");
    let held: Vec<_> = (1..=3).map(|host| pen.hold_from(host)).collect();
    browser.wait_until("document.querySelector('.tile.connections .value').textContent === '3'");
    browser.wait_until("document.querySelector('.tile.accepted .peak').textContent !== 'peak 0'");
    browser.wait_until("document.querySelector('#connections caption').textContent === 'all 3'");
    browser.wait_until("document.querySelector('#clients').textContent.includes('127.0.0.3')");
    // Charts are drawn, and say in words what they show.
    browser.wait_until("document.querySelector('.servers .load .line').getAttribute('d').includes('L')");
    browser.wait_until("document.querySelector('.servers .load .chart').ariaLabel.endsWith('now 2')");
    a.kill();
    // One of two is meant for the dead server.
    let late = [8, 9].map(|host| pen.hold_from(host));
    assert!(late.iter().all(|(name, _)| name == "b"));
    browser.wait_until(&format!("{FIRST_STATE}.startsWith('blacklisted 3')"));
    browser.wait_until("document.getElementById('verdict').textContent === '1 of 2 servers up'");
    browser.wait_until("document.querySelector('.servers .error').textContent === 'Connection refused'");
    // It is said aloud once, and nothing else is.
    browser.wait_until("document.getElementById('announcer').textContent.includes(': blacklisted 3')");
    let announced = browser.text("return document.getElementById('announcer').textContent");
    browser.wait_until(&format!("{FIRST_STATE} !== 'blacklisted 3600s'"));
    assert_eq!(browser.text("return document.getElementById('announcer').textContent"), announced);
    pen.tell("server 0 blacklist 0");
    browser.wait_until(&format!("{FIRST_STATE} === 'up'"));
    drop((held, late));
    browser.wait_until("document.querySelector('#connections .nothing').hidden === false");
    assert_no_complaints(&browser);
    pen.stop();
}

#[test]
fn a_pen_that_does_not_answer_is_told_at_once_and_greeted_when_it_does() {
    let pen = Pen::builder().command("web 0").start();
    let port = pen.ask("web");
    let browser = Browser::start();
    open(&browser, &pen);
    browser.wait_until("document.getElementById('liveness-text').textContent === 'live'");
    pen.tell("no web");
    browser.wait_until("!document.getElementById('trouble').hidden");
    let trouble = browser.text("return document.getElementById('trouble-text').textContent");
    assert!(trouble.starts_with("Pen does not answer. The numbers are from "), "{trouble}");
    browser.wait_until(
        "/^no answer, seen \\d+ s ago$/.test(document.getElementById('liveness-text').textContent)",
    );
    browser.screenshot("no-answer");
    pen.ask(&format!("web {}", port.trim_end()));
    browser.run("document.getElementById('retry').click()");
    browser.wait_until("document.getElementById('trouble').hidden");
    browser.wait_until("document.getElementById('liveness-text').textContent === 'live'");
    browser.run("document.getElementById('pause').click()");
    browser.wait_until("document.getElementById('liveness-text').textContent.startsWith('paused')");
    let uptime = "return document.getElementById('about').textContent";
    let before = browser.text(uptime);
    browser
        .wait_until("/paused, seen [2-9] s ago/.test(document.getElementById('liveness-text').textContent)");
    assert_eq!(browser.text(uptime), before);
    browser.run("document.getElementById('pause').click()");
    browser.wait_until(&format!("document.getElementById('about').textContent !== {}", json!(before)));
    pen.stop();
}

#[test]
fn hostile_names_are_text() {
    let pen = Pen::builder().command("web 0").start();
    let script = "<img/src=x/onerror=document.title='owned'>";
    let path = format!("/run/{script}\"'&<b>.sock");
    pen.tell(&format!("server 0 address {path}"));
    pen.tell("server 1 address /run/</script><svg/onload=alert(1)>{{x}}${y}");
    let browser = Browser::start();
    open(&browser, &pen);
    browser.wait_until("document.querySelectorAll('.servers .server-name').length === 2");
    assert_eq!(browser.text("return document.querySelector('.servers .server-name').textContent"), path);
    assert_eq!(
        browser.run("return document.querySelectorAll('main img, main b, [onerror], [onload]').length"),
        0
    );
    assert_eq!(browser.run("return document.title"), "pen");
    assert_no_complaints(&browser);
    pen.stop();
}

#[test]
fn a_removed_service_and_the_next_one_of_its_name_are_two() {
    let backend = Backend::silent();
    let [first, second] = [pen_tests::private_address(), pen_tests::private_address()];
    let pen = Pen::builder().command("web 0").start();
    let serve = |listen| {
        pen.tell("service mail");
        let told = pen.ask(&format!("service mail listen {listen}"));
        assert!(!told.starts_with("error"), "{told}");
        let port = backend.address().port();
        pen.tell(&format!("service mail server 0 address 127.0.0.1 port {port}"));
    };
    serve(first);
    let client = Stream::connect(&Address::from(first)).unwrap();
    pen_tests::wait_until("the client is served", || backend.current() == 1);
    pen.tell("no service mail");
    serve(second);
    let browser = Browser::start();
    // Only charts that can be seen are drawn.
    browser.resize(1280, 3000);
    open(&browser, &pen);
    browser.wait_until(
        "[...document.querySelectorAll('#services h2')].map(h => h.id).join() === 'service-default,removed-1-mail,service-mail'",
    );
    browser.wait_until(
        "[...document.querySelectorAll('#services .load .line')].every(l => (l.getAttribute('d') ?? '').split('L').length > 3)",
    );
    let links = "return [...document.querySelectorAll('#contents a')].map(a => a.hash).join()";
    assert_eq!(browser.text(links), "#service-default,#removed-1-mail,#service-mail");
    drop(client);
    browser.wait_until("document.querySelectorAll('#services h2').length === 2");
    assert_no_complaints(&browser);
    pen.stop();
}

#[test]
fn a_clock_that_is_set_back_makes_charts_begin_anew() {
    let pen = Pen::builder().command("web 0").start();
    let browser = Browser::start();
    open(&browser, &pen);
    browser.run("import('./history.js').then(history => { window.pensHistory = history; })");
    browser.wait_until("window.pensHistory");
    let track = "const t = new pensHistory.Track(['a']); for (let i = 0; i < 50; i += 1) t.add(9000 + i, { a: 1 }); \
                 for (let i = 0; i < 1000; i += 1) t.add(1000 + i, { a: 2 });";
    assert_eq!(browser.run(&format!("{track} return t.times.length")), 121);
    assert_eq!(browser.run(&format!("{track} return t.series.a.length + t.least('a')")), 123);
    pen.stop();
}

#[test]
fn the_policy_holds_and_its_violations_would_be_seen() {
    let pen = Pen::builder().command("web 0").start();
    let browser = Browser::start();
    open(&browser, &pen);
    assert_no_complaints(&browser);
    for inline in [
        "const s = document.createElement('script'); s.textContent = 'window.owned = 1'; document.body.append(s)",
        "document.body.setAttribute('style', 'color: red')",
        "document.body.append(Object.assign(new Image(), { src: 'http://127.0.0.2:9/x.png' }))",
    ] {
        browser.run(inline);
        pen_tests::wait_until("the browser complains", || {
            browser.complaints().iter().any(|complaint| complaint.contains("Content Security Policy"))
        });
    }
    assert_eq!(browser.run("return window.owned === undefined"), true);
    pen.stop();
}

#[test]
fn a_keyboard_reaches_everything() {
    let (a, dead) = (Backend::named("a"), DeadPort::new());
    let pen = Pen::builder().server(&a).server(&dead).option("-r").command("web 0").start();
    assert_eq!((pen.get(), pen.get()), ("a".to_owned(), "a".to_owned()));
    let browser = Browser::start();
    open(&browser, &pen);
    browser.wait_until("document.querySelectorAll('.servers tbody tr').length === 2");
    let focused = || browser.text("return document.activeElement.textContent.trim()");
    browser.press(TAB);
    assert_eq!(focused(), "Skip to the services");
    assert_eq!(browser.run("return document.activeElement.getBoundingClientRect().top >= 0"), true);
    browser.press(ENTER);
    browser.wait_until("document.activeElement.id === 'services'");
    let mut reached = Vec::new();
    while reached.last().is_none_or(|name| name != "Failures") {
        browser.press(TAB);
        reached.push(focused());
        assert_eq!(
            browser.run("return getComputedStyle(document.activeElement).outlineStyle !== 'none'"),
            true,
            "{reached:?}"
        );
        assert!(reached.len() < 10, "{reached:?}");
    }
    assert_eq!(reached, ["Server", "State", "Connections", "Traffic", "New a second", "Failures"]);
    let sorted = "return [...document.querySelectorAll('.servers th[aria-sort]')].map(h => h.textContent + ' ' + h.ariaSort).join()";
    let first = "return document.querySelector('.servers .where').textContent.split(' · ')[0]";
    assert_eq!((browser.text(sorted), browser.text(first)), ("Server ascending".into(), "slot 0".into()));
    browser.press(ENTER);
    assert_eq!((browser.text(sorted), browser.text(first)), ("Failures descending".into(), "slot 1".into()));
    browser.press(ENTER);
    assert_eq!((browser.text(sorted), browser.text(first)), ("Failures ascending".into(), "slot 0".into()));
    assert_eq!(focused(), "Failures");
    pen.stop();
}

#[test]
fn assistive_technology_is_told_what_everything_is() {
    let server = Backend::named("a");
    let pen = Pen::builder().server(&server).command("web 0").start();
    assert_eq!(pen.get(), "a");
    let browser = Browser::start();
    for width in [1280, 360] {
        browser.resize(width, 800);
        open(&browser, &pen);
        browser.wait_until("document.querySelector('.servers .load .chart').ariaLabel");
        for (selector, role) in [
            ("header.bar", "banner"),
            ("main", "main"),
            ("footer", "contentinfo"),
            (".service", "region"),
            (".servers", "table"),
            (".servers tbody tr", "row"),
            (".servers tbody th", "rowheader"),
            (".servers tbody td", "cell"),
            (".servers .load .chart", "image"),
            ("#announcer", "status"),
        ] {
            let told = browser.computed("role", selector);
            assert!(told == role || (role == "image" && told == "img"), "{selector} at {width}: {told}");
        }
        assert_eq!(browser.computed("label", ".servers"), "Servers of default");
        assert_eq!(browser.computed("label", ".service"), "default");
        let chart = browser.computed("label", ".servers .load .chart");
        assert!(chart.starts_with("connections in the last two minutes: "), "{chart}");
        assert_eq!(browser.computed("label", "#theme"), "Colours");
    }
    // Several headings of one level below one of the first.
    assert_eq!(
        browser.text("return [...document.querySelectorAll('h1, h2')].map(h => h.tagName).join(' ')"),
        "H1 H2 H2 H2"
    );
    pen.stop();
}

/// Ends the traffic when it is dropped, also when the test fails.
struct Stop<'a>(&'a AtomicBool);

impl Drop for Stop<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Keeps a little traffic up while something else is done.
fn with_traffic(addresses: &[Address], work: impl FnOnce()) {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let _stop = Stop(&over);
        for (address, host) in addresses.iter().cycle().zip(1..=6) {
            let over = &over;
            scope.spawn(move || {
                let source = Ipv4Addr::new(127, 0, 9, host).into();
                while !over.load(Ordering::Relaxed) {
                    if let Ok(stream) = Stream::connect_from(source, address) {
                        stream.send(vec![b'x'; 200 * usize::from(host)]);
                        stream.finish();
                        stream.drain();
                    }
                    thread::sleep(std::time::Duration::from_millis(50));
                }
            });
        }
        work();
    });
}

#[test]
fn it_fits_every_screen_in_light_and_dark() {
    let servers: Vec<_> = (0..3).map(|_| Backend::echo()).collect();
    let dead = DeadPort::new();
    let mail = pen_tests::private_address();
    let idle = pen_tests::private_address();
    let pen = Pen::builder()
        .servers(&servers)
        .server(&dead)
        .option("-r")
        .option("-b 3600")
        .command("web 0")
        .start();
    for (slot, name) in
        ["www1", "www2", "www3-with-a-rather-long-name.example.com", "www4"].iter().enumerate()
    {
        pen.tell(&format!("server {slot} name {name} max 10"));
    }
    assert!(!pen.ask(&format!("service mail listen {mail}")).starts_with("error"));
    for slot in 0..40 {
        let server = if slot % 9 == 5 { dead.address() } else { servers[slot % 3].address() }.to_string();
        let (address, port) = server.split_once(':').unwrap();
        pen.tell(&format!("service mail server {slot} address {address} port {port}"));
    }
    pen.tell("service mail roundrobin");
    pen.tell(&format!("service mail server 44 address /run/{}/socket", "a-path-without-end/".repeat(4)));
    assert!(!pen.ask(&format!("service idle listen {idle}")).starts_with("error"));
    let browser = Browser::start();
    with_traffic(&[pen.address().clone(), mail.into()], || {
        open(&browser, &pen);
        browser.wait_until("document.querySelectorAll('.servers tbody tr').length >= 49");
        browser
            .wait_until("document.querySelector('.tile.sent .line').getAttribute('d').split('L').length > 6");
        for (width, height) in [(1280, 900), (768, 1024), (360, 800)] {
            browser.resize(width, height);
            let mut pictures = Vec::new();
            for scheme in ["light", "dark"] {
                browser.prefer_colours(scheme);
                browser.wait_until(&format!("matchMedia('(prefers-color-scheme: {scheme})').matches"));
                assert_eq!(
                    browser.run("return document.scrollingElement.scrollWidth <= innerWidth"),
                    true,
                    "{width} {scheme}: wider than the screen"
                );
                pictures.push(browser.text("return getComputedStyle(document.body).backgroundColor"));
                browser.screenshot(&format!("dashboard-{width}-{scheme}"));
            }
            assert_ne!(pictures[0], pictures[1]);
        }
        // The choice on the page goes before the system's.
        browser.run("const t = document.getElementById('theme'); t.value = 'light'; t.dispatchEvent(new Event('change'))");
        browser.wait_until("getComputedStyle(document.documentElement).colorScheme === 'light'");
        open(&browser, &pen);
        assert_eq!(browser.text("return document.documentElement.dataset.theme"), "light");
        assert_no_complaints(&browser);
    });
    pen.stop();
}

#[test]
fn a_pen_without_servers_says_so_and_one_with_a_thousand_stays_usable() {
    let pen = Pen::builder().command("web 0").start();
    let browser = Browser::start();
    open(&browser, &pen);
    browser.wait_until("document.getElementById('verdict').textContent === 'No servers yet'");
    browser.resize(360, 800);
    browser.screenshot("dashboard-empty-360-light");
    browser.resize(1280, 900);
    browser.screenshot("dashboard-empty-1280-light");
    for slot in 0..1000 {
        pen.tell(&format!("server {slot} address 192.0.2.{} port 80", slot % 250 + 1));
    }
    browser.wait_until("document.querySelectorAll('.servers tbody tr').length === 1000");
    browser.run("const f = document.querySelector('.filter input'); f.value = 'slot 777'; f.dispatchEvent(new Event('input'))");
    browser.wait_until("document.querySelectorAll('.servers tbody tr').length === 1");
    browser.wait_until(
        "document.querySelector('.servers caption').textContent === 'Servers of default: 1 of 1000'",
    );
    assert_no_complaints(&browser);
    pen.stop();
}

#[test]
fn the_status_page_shares_the_look_and_fits_a_phone() {
    let server = Backend::named("a");
    let pen = Pen::builder().server(&server).start();
    assert_eq!(pen.get(), "a");
    let file = pen.directory().join("index.html");
    fs::write(&file, pen.ask("status")).unwrap();
    let browser = Browser::start();
    browser.open(&format!("file://{}", file.display()));
    for scheme in ["light", "dark"] {
        browser.prefer_colours(scheme);
        for width in [1280, 360] {
            browser.resize(width, 800);
            assert_eq!(
                browser.run("return document.scrollingElement.scrollWidth <= innerWidth"),
                true,
                "{width}"
            );
            browser.screenshot(&format!("status-{width}-{scheme}"));
        }
    }
    assert_no_complaints(&browser);
    pen.stop();
}
