//! The scripts that users get: the status page that cron makes. And that of developers names only programs that it has built.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use pen_tests::{Backend, Ended, Pen, program, run_to_the_end};
use serde_json::Value;
use tempfile::TempDir;

fn status_page(address: &str, page: &Path) -> Ended {
    let mut script = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/status-page"));
    script.arg(address).arg(page).env("PENCTL_BIN", program::penctl());
    run_to_the_end(script)
}

fn names(directory: &TempDir) -> Vec<PathBuf> {
    fs::read_dir(directory).expect("it is there").map(|entry| entry.expect("it is ours").path()).collect()
}

#[test]
fn the_page_is_replaced_when_pen_answers_and_stays_when_it_does_not() {
    let directory = TempDir::new().expect("a directory can be made");
    let page = directory.path().join("index of pen.html");
    let backend = Backend::named("a");
    let pen = Pen::builder().server(&backend).start();
    let address = pen.control_address().to_string();

    let made = status_page(&address, &page);
    assert_eq!((made.code, made.stdout.as_str(), made.stderr.as_str()), (Some(0), "", ""));
    let first = fs::read_to_string(&page).expect("the page is there");
    assert!(first.contains("<title>Pen status page") && first.trim_end().ends_with("</html>"), "{first}");
    let mode = fs::metadata(&page).expect("the page is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o644, "a web server can read it");

    pen.tell("server 0 name renamed");
    assert_eq!(status_page(&address, &page).code, Some(0));
    let second = fs::read_to_string(&page).expect("the page is there");
    assert!(!first.contains("renamed") && second.contains("renamed"));

    pen.stop();
    let dead = status_page(&address, &page);
    assert_eq!(dead.code, Some(3));
    assert!(dead.stderr.starts_with("penctl: "), "{}", dead.stderr);
    assert_eq!(fs::read_to_string(&page).expect("the old page stays"), second);
    assert_eq!(names(&directory), [page], "nothing else is left behind");
}

#[test]
fn the_page_is_made_with_the_penctl_beside_the_script_when_cron_does_not_find_one() {
    let directory = TempDir::new().expect("a directory can be made");
    let script = directory.path().join("status-page");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/status-page");
    fs::copy(source, &script).expect("the script can be copied");
    std::os::unix::fs::symlink(program::penctl(), directory.path().join("penctl"))
        .expect("a link can be made");
    let page = directory.path().join("index.html");
    let backend = Backend::named("a");
    let pen = Pen::builder().server(&backend).start();

    let mut cron = Command::new(&script);
    cron.arg(pen.control_address().to_string())
        .arg(&page)
        .env("PATH", "/usr/bin:/bin")
        .env_remove("PENCTL_BIN");
    let made = run_to_the_end(cron);
    assert_eq!((made.code, made.stderr.as_str()), (Some(0), ""));
    assert!(fs::read_to_string(&page).expect("the page is there").contains("Pen status page"));
    // An older penctl of the system would do, too, but for its exit status.
    pen.stop();
    let mut cron = Command::new(&script);
    cron.arg("127.0.0.1:1").arg(&page).env("PATH", "/usr/bin:/bin").env_remove("PENCTL_BIN");
    assert_eq!(run_to_the_end(cron).code, Some(3));
}

#[test]
fn a_page_needs_an_address_and_a_file() {
    let directory = TempDir::new().expect("a directory can be made");
    let missing = directory.path().join("missing/index.html");
    assert_eq!(status_page("127.0.0.1:1", &missing).code, Some(1));
    let mut script = Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/status-page"));
    script.arg("127.0.0.1:1");
    let ended = run_to_the_end(script);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(2), "usage: status-page ADDRESS FILE\n"));
}

#[test]
fn whatever_program_the_tests_are_told_to_use_has_been_built_before() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let script = fs::read_to_string(workspace.join("scripts/test")).expect("the script is there");
    let mut cargo = Command::new("cargo");
    cargo.args(["metadata", "--no-deps", "--offline", "--format-version", "1"]).current_dir(&workspace);
    let metadata = run_to_the_end(cargo).stdout;
    let metadata: Value = serde_json::from_str(&metadata).expect("cargo tells of the workspace");
    let list = |value: &Value| value.as_array().expect("it is a list").clone();
    let by_default = list(&metadata["workspace_default_members"]);
    let is_built = |package: &Value| {
        let named =
            format!("cargo build --release -p {}\n", package["name"].as_str().expect("it has a name"));
        by_default.contains(&package["id"]) || script.contains(&named)
    };
    let built: Vec<Value> = list(&metadata["packages"])
        .into_iter()
        .filter(is_built)
        .flat_map(|package| list(&package["targets"]))
        .filter(|target| target["kind"][0] == "bin")
        .map(|target| target["name"].clone())
        .collect();
    let used: Vec<&str> =
        script.split("$target/release/").skip(1).filter_map(|rest| rest.split('}').next()).collect();
    assert!(used.len() >= 6, "{used:?}");
    let missing: Vec<_> = used.iter().filter(|name| !built.contains(&Value::from(**name))).collect();
    assert!(missing.is_empty(), "{missing:?} of {built:?}");
}
