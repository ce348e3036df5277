//! Prometheus itself, which scrapes pen, and its judgement of what pen tells it.

use std::fs;
use std::io::Write;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tempfile::TempDir;

use crate::address::{Address, private_address};
use crate::http::page;
use crate::program::find;
use crate::wait::wait_until;

/// What `promtool check metrics` has against a text: nothing, if it is as it should be.
#[track_caller]
pub fn complaints_of_promtool(metrics: &str) -> String {
    let mut promtool = Command::new(find("promtool"));
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = promtool.spawn().expect("promtool can be run");
    let mut stdin = child.stdin.take().expect("stdin is piped");
    stdin.write_all(metrics.as_bytes()).expect("promtool reads all before it judges");
    drop(stdin);
    let output = child.wait_with_output().expect("it is our child");
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said).into_owned();
    if output.status.success() { said } else { format!("{said}\n{}", output.status) }
}

/// A Prometheus that scrapes one target five times a second, until it is dropped.
pub struct Prometheus {
    child: Child,
    address: Address,
    _directory: TempDir,
}

impl Prometheus {
    /// Starts it and waits until its interface answers.
    #[track_caller]
    pub fn scraping(target: &Address) -> Self {
        let directory = TempDir::new().expect("a directory can be made");
        let config = directory.path().join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 200ms}}\n\
             scrape_configs: [{{job_name: pen, static_configs: [{{targets: ['{target}']}}]}}]\n"
        );
        fs::write(&config, text).expect("the directory is ours");
        let address = Address::Ip(private_address());
        let option = |name: &str, value: String| format!("--{name}={value}");
        let child = Command::new(find("prometheus"))
            .arg(option("config.file", config.display().to_string()))
            .arg(option("storage.tsdb.path", directory.path().join("data").display().to_string()))
            .arg(option("web.listen-address", address.to_string()))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("prometheus can be run");
        let prometheus = Self { child, address, _directory: directory };
        wait_until("prometheus is ready", || page(&prometheus.address, "/-/ready").is_ok());
        prometheus
    }

    /// The series that an expression has at the moment: labels and value.
    pub fn query(&self, expression: &str) -> Vec<(Value, String)> {
        let path = format!("/api/v1/query?query={}", encoded(expression));
        let answer = page(&self.address, &path).unwrap_or_default();
        let answer: Value = serde_json::from_str(&answer).unwrap_or_default();
        let Some(series) = answer["data"]["result"].as_array() else { return Vec::new() };
        let value = |one: &Value| one["value"][1].as_str().unwrap_or_default().to_owned();
        series.iter().map(|one| (one["metric"].clone(), value(one))).collect()
    }

    /// The values of all series of an expression, sorted.
    pub fn values(&self, expression: &str) -> Vec<String> {
        let mut values: Vec<_> = self.query(expression).into_iter().map(|(_, value)| value).collect();
        values.sort();
        values
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An expression as a part of an address.
fn encoded(expression: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'_' | b'-' | b'.' => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    expression.bytes().map(encode).collect()
}
