//! The benchmark counts what it does, tells what fails, and leaves nothing behind. How fast anything was is not judged here.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::Signal;
use pen_tests::{Process, program, run_patiently, wait_for, wait_until};
use serde_json::Value;

/// The benchmark with pen alone.
fn bench(words: &str) -> Command {
    let mut command = Command::new(program::bench());
    command.env("PEN_BIN", program::pen());
    command.args(["--proxies", "pen"]).args(words.split_whitespace());
    command
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

#[test]
fn the_smallest_run_does_every_scenario_completely_and_writes_it_down() {
    let directory = tempfile::tempdir().unwrap();
    let json = directory.path().join("rounds.json");
    let tables = directory.path().join("tables.md");
    let mut command = bench("--scale 0.002 --rounds 1");
    command.arg("--json").arg(&json).arg("--markdown").arg(&tables).arg("--charts").arg(directory.path());
    let ended = run_patiently(command);
    assert_eq!((ended.code, ended.complaints()), (Some(0), vec![]));

    let list = run_patiently(bench("--list")).stdout;
    let results = read(&json);
    let scenarios = results["scenarios"].as_array().unwrap();
    assert!(list.lines().count() > 10);
    for (line, scenario) in list.lines().zip(scenarios) {
        assert_eq!(line.split(' ').next(), scenario["name"].as_str());
        for case in scenario["cases"].as_array().unwrap() {
            let [proxy] = case["proxies"].as_array().unwrap().as_slice() else { panic!("{case}") };
            let [round] = proxy["rounds"].as_array().unwrap().as_slice() else { panic!("{proxy}") };
            assert_eq!((&proxy["name"], &proxy["peer"]), (&"pen".into(), &false.into()));
            assert!(round["done"].as_u64().unwrap() > 0, "{line}: {round}");
            assert_eq!((&round["done"], &round["error"]), (&round["wanted"], &Value::Null), "{line}");
            assert!(round["cpu_ns"].as_u64().unwrap() > 0 && round["memory_bytes"].as_u64().unwrap() > 0);
        }
    }
    assert_eq!(list.lines().count(), scenarios.len());

    let tables = fs::read_to_string(tables).unwrap();
    assert!(list.lines().all(|line| tables.contains(&format!("`{}`: ", line.split(' ').next().unwrap()))));
    for chart in ["cost.svg", "latency.svg"] {
        assert!(fs::read_to_string(directory.path().join(chart)).unwrap().ends_with("</svg>\n"));
    }
}

#[test]
fn what_was_measured_can_be_shown_again() {
    let directory = tempfile::tempdir().unwrap();
    let (json, again) = (directory.path().join("rounds.json"), directory.path().join("again.json"));
    let mut command = bench("--scale 0.002 --rounds 2 short");
    command.arg("--json").arg(&json);
    let measured = run_patiently(command);
    let mut command = bench("");
    command.arg("--from").arg(&json).arg("--json").arg(&again);
    let shown = run_patiently(command);
    assert_eq!((measured.code, shown.code), (Some(0), Some(0)));
    assert!(measured.stdout.ends_with(&shown.stdout) && shown.stdout.contains("short: "));
    assert_eq!(read(&json), read(&again));
}

#[test]
fn who_does_not_start_is_told_and_never_counted() {
    let directory = tempfile::tempdir().unwrap();
    let json = directory.path().join("rounds.json");
    let mut command = bench("--scale 0.002 --rounds 1 ping --also broken=/bin/false");
    command.arg("--json").arg(&json);
    let ended = run_patiently(command);
    assert_eq!(ended.code, Some(1));
    assert_eq!(ended.complaints(), ["ping: broken: broken ended at once: it said nothing"]);
    let results = read(&json);
    let proxies = &results["scenarios"][0]["cases"][0]["proxies"];
    assert_eq!(proxies[0]["rounds"][0]["error"], Value::Null);
    let round = &proxies[1]["rounds"][0];
    assert_eq!(
        (&round["done"], &round["error"]),
        (&0.into(), &"broken ended at once: it said nothing".into())
    );
}

#[test]
fn an_interrupted_run_ends_all_that_it_has_started() {
    let mut command = bench("short ping --rounds 1000");
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let bench = Process(child.id());
    // The servers and a pen.
    let started = wait_for("a pen is measured", || {
        let children = children(bench);
        (children.len() == 2).then_some(children)
    });
    bench.signal(Signal::SIGTERM);
    wait_until("the benchmark ends", || child.try_wait().unwrap().is_some());
    assert_eq!(child.wait().unwrap().code(), Some(1));
    assert!(started.into_iter().all(|child| !child.is_alive()));
}

fn children(process: Process) -> Vec<Process> {
    let path = format!("/proc/{0}/task/{0}/children", process.0);
    let text = fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().map(|id| Process(id.parse().unwrap())).collect()
}
