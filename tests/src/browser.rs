//! A headless Chromium, steered through chromedriver in the `WebDriver` protocol.

use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::Ipv4Addr;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::address::Address;
use crate::http::Answer;
use crate::program::find;
use crate::stream::Stream;
use crate::wait::wait_until;

/// One browser at a time: a machine with few cores has enough to do with it.
static TURN: Mutex<()> = Mutex::new(());

/// The Tab key.
pub const TAB: &str = "\u{e004}";
/// The Enter key.
pub const ENTER: &str = "\u{e007}";

/// A browser with one page, ended when it is dropped.
pub struct Browser {
    driver: Child,
    address: Address,
    session: String,
    profile: TempDir,
    _turn: MutexGuard<'static, ()>,
}

impl Browser {
    /// Starts a browser with a window of 1280 by 900.
    #[track_caller]
    pub fn start() -> Self {
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let mut driver = Command::new(find("chromedriver"));
        // Its own process group, so that nothing of it is left.
        driver
            .arg("--port=0")
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null());
        let mut driver = driver.spawn().expect("chromedriver can be run");
        let port = port_of(&mut driver);
        let profile = TempDir::new().expect("a directory can be made");
        let mut browser = Self {
            driver,
            address: Address::Ip((Ipv4Addr::LOCALHOST, port).into()),
            session: String::new(),
            profile,
            _turn: turn,
        };
        let arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--hide-scrollbars",
            "--window-size=1280,900",
            &format!("--user-data-dir={}", browser.profile.path().display()),
        ];
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            // Those of the tests come from authorities of their own.
            "acceptInsecureCerts": true,
            "goog:loggingPrefs": { "browser": "ALL" },
            "goog:chromeOptions": { "args": arguments, "binary": find("chromium") },
        } } });
        let session = browser.ask("POST", "/session", &wanted);
        browser.session = session["sessionId"].as_str().map(str::to_owned).expect("a session has an id");
        browser
    }

    /// Opens a page and waits until it has loaded.
    #[track_caller]
    pub fn open(&self, url: &str) {
        self.command("POST", "/url", &json!({ "url": url }));
    }

    /// Runs a script's body, and returns what it returns.
    #[track_caller]
    pub fn run(&self, script: &str) -> Value {
        self.command("POST", "/execute/sync", &json!({ "script": script, "args": [] }))
    }

    /// [`Browser::run`] where a text comes back.
    #[track_caller]
    pub fn text(&self, script: &str) -> String {
        let value = self.run(script);
        value.as_str().unwrap_or_else(|| panic!("{script}: {value} is no text")).to_owned()
    }

    /// Waits until an expression is true.
    #[track_caller]
    pub fn wait_until(&self, expression: &str) {
        wait_until(expression, || self.run(&format!("return Boolean({expression})")) == json!(true));
    }

    /// Presses a key.
    #[track_caller]
    pub fn press(&self, key: &str) {
        let presses = [json!({ "type": "keyDown", "value": key }), json!({ "type": "keyUp", "value": key })];
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": presses });
        self.command("POST", "/actions", &json!({ "actions": [keyboard] }));
    }

    /// The role, or the label, that assistive technology is told for the first element of a selector.
    #[track_caller]
    pub fn computed(&self, what: &str, selector: &str) -> String {
        let wanted = json!({ "using": "css selector", "value": selector });
        let element = self.command("POST", "/element", &wanted);
        let id = element.as_object().and_then(|element| element.values().next()).and_then(Value::as_str);
        let id = id.expect("an element has an id").to_owned();
        let value = self.command("GET", &format!("/element/{id}/computed{what}"), &Value::Null);
        value.as_str().unwrap_or_default().to_owned()
    }

    /// Pretends a screen of this size.
    #[track_caller]
    pub fn resize(&self, width: u32, height: u32) {
        let size = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.devtools("Emulation.setDeviceMetricsOverride", &size);
        self.wait_until(&format!("innerWidth === {width}"));
    }

    /// Pretends that the user prefers `dark` or `light` colours.
    #[track_caller]
    pub fn prefer_colours(&self, scheme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
        self.devtools("Emulation.setEmulatedMedia", &features);
    }

    /// What the console complained of since the last call: errors, also those of the content security policy.
    #[track_caller]
    pub fn complaints(&self) -> Vec<String> {
        let entries = self.command("POST", "/se/log", &json!({ "type": "browser" }));
        let entries = entries.as_array().expect("a log is a list");
        let complaints =
            entries.iter().filter(|entry| entry["level"] == "SEVERE" || entry["level"] == "WARNING");
        complaints.map(|entry| entry["message"].to_string()).collect()
    }

    /// Writes what the page looks like, as `screenshots/NAME.png` beside the build, and returns the file's path.
    #[track_caller]
    pub fn screenshot(&self, name: &str) -> PathBuf {
        let directory = screenshots();
        fs::create_dir_all(&directory).expect("the build's directory is writable");
        let height = self.run("return Math.min(document.scrollingElement.scrollHeight, 2400)");
        let width = self.run("return innerWidth");
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let picture = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let answer = self.devtools("Page.captureScreenshot", &picture);
        let path = directory.join(format!("{name}.png"));
        let bytes = base64(answer["data"].as_str().expect("a picture is text"));
        fs::write(&path, bytes).expect("the build's directory is writable");
        println!("screenshot: {}", path.display());
        path
    }

    #[track_caller]
    fn devtools(&self, command: &str, parameters: &Value) -> Value {
        self.command("POST", "/goog/cdp/execute", &json!({ "cmd": command, "params": parameters }))
    }

    #[track_caller]
    fn command(&self, method: &str, path: &str, body: &Value) -> Value {
        self.ask(method, &format!("/session/{}{path}", self.session), body)
    }

    #[track_caller]
    fn ask(&self, method: &str, path: &str, body: &Value) -> Value {
        let answer = self.try_ask(method, path, body).expect("chromedriver answers");
        let mut value: Value = serde_json::from_str(&answer.body).expect("chromedriver speaks JSON");
        assert_eq!(answer.status, 200, "{method} {path} {body}: {value}");
        value["value"].take()
    }

    fn try_ask(&self, method: &str, path: &str, body: &Value) -> std::io::Result<Answer> {
        let stream = Stream::connect(&self.address)?;
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let (address, length) = (&self.address, body.len());
        write!(
            &stream,
            "{method} {path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
        )?;
        Answer::read(&stream, true)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // Chromium quits with its session; should it not, its process group goes with chromedriver's.
        let _ = self.try_ask("DELETE", &format!("/session/{}", self.session), &Value::Null);
        let group = Pid::from_raw(i32::try_from(self.driver.id()).expect("process ids are small"));
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.driver.wait();
    }
}

/// Where screenshots are kept, for people to look at: `PEN_SCREENSHOTS`, or beside the build.
fn screenshots() -> PathBuf {
    if let Some(path) = env::var_os("PEN_SCREENSHOTS") {
        return PathBuf::from(path);
    }
    let executable = env::current_exe().expect("a process knows its executable");
    // target/debug/deps/suite-0123 → target
    let target = executable.ancestors().nth(3).expect("tests are built into target/PROFILE/deps");
    Path::new(target).join("screenshots")
}

/// chromedriver says which port it found.
#[track_caller]
fn port_of(driver: &mut Child) -> u16 {
    let mut lines =
        BufReader::new(driver.stdout.take().expect("stdout is piped")).lines().map_while(Result::ok);
    let port = lines.find_map(|line| {
        let (_, port) = line.split_once("successfully on port ")?;
        port.trim_end_matches('.').parse().ok()
    });
    // It may say more, which nobody needs, but must not find its output closed.
    std::thread::spawn(move || lines.count());
    port.expect("chromedriver tells its port")
}

/// Decodes a picture.
fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let digits = text.bytes().filter_map(|byte| DIGITS.iter().position(|digit| *digit == byte));
    let (mut bytes, mut buffer, mut bits) = (Vec::with_capacity(text.len() * 3 / 4), 0_usize, 0);
    for digit in digits {
        buffer = buffer << 6 | digit;
        bits += 6;
        if bits >= 8 {
            bits -= 8;
            bytes.push((buffer >> bits & 0xff) as u8);
        }
        buffer &= 0xffff;
    }
    bytes
}
