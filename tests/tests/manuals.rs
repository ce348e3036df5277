//! The manual pages: that they are what the programs say, sound mdoc(7), and true where that can be tried. Also that the code
//! which CONTRIBUTING shows is today's.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Output};

use pen_tests::program;
use tempfile::TempDir;

const PAGES: [&str; 6] = ["pen.1", "penctl.1", "pen.conf.5", "penlogd.1", "penlog.1", "mergelogs.1"];

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn page(name: &str) -> String {
    fs::read_to_string(root().join("man").join(name)).expect("the manual page is there")
}

/// For scripts/generate, which would build them.
fn programs() -> [(&'static str, PathBuf); 5] {
    [
        ("PEN_BIN", program::pen()),
        ("PENCTL_BIN", program::penctl()),
        ("PENLOGD_BIN", program::penlogd()),
        ("PENLOG_BIN", program::penlog()),
        ("MERGELOGS_BIN", program::mergelogs()),
    ]
}

fn text(output: Output) -> String {
    String::from_utf8(output.stdout).expect("it is text") + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn no_generated_file_is_stale() {
    let mut check = Command::new(root().join("scripts/generate"));
    check.arg("--check").envs(programs());
    let output = check.output().expect("the script can be run");
    let is_current = output.status.success();
    assert!(is_current, "{}", text(output));
}

#[test]
fn a_stale_file_is_told() {
    let copy = TempDir::new().expect("a directory can be made");
    for directory in ["man", "scripts"] {
        fs::create_dir(copy.path().join(directory)).expect("it is ours");
    }
    let script = copy.path().join("scripts/generate");
    fs::copy(root().join("scripts/generate"), &script).expect("it can be copied");
    for name in PAGES {
        fs::write(copy.path().join("man").join(name), page(name)).expect("it is ours");
    }
    let check = |arguments: &[&str]| {
        Command::new(&script).args(arguments).envs(programs()).output().expect("the script can be run")
    };
    fs::write(copy.path().join("man/penctl.1"), "old").expect("it is ours");
    let stale = check(&["--check"]);
    assert_eq!(stale.status.code(), Some(1));
    assert!(text(stale).contains("man/penctl.1 is stale"));
    assert_eq!(check(&[]).status.code(), Some(0));
    assert_eq!(check(&["--check"]).status.code(), Some(0));
    assert_eq!(check(&["--chek"]).status.code(), Some(2));
}

/// Whether a page is installed on the machine that looks says nothing about this one.
const ABOUT_OTHER_PAGES: &str = "referenced manual not found";

#[test]
fn mandoc_has_no_complaint_not_even_of_style() {
    for name in PAGES {
        let path = root().join("man").join(name);
        let lint = Command::new("mandoc").args(["-T", "lint", "-W", "style"]).arg(path).output();
        let said = lint.expect("mandoc is installed: scripts/test installs it").stdout;
        let said = String::from_utf8_lossy(&said).into_owned();
        let complaints: Vec<&str> = said.lines().filter(|line| !line.contains(ABOUT_OTHER_PAGES)).collect();
        assert!(complaints.is_empty(), "{}", complaints.join("\n"));
    }
}

/// A page as mandoc shows it on a wide terminal.
fn shown(name: &str) -> String {
    let path = root().join("man").join(name);
    let mandoc = Command::new("mandoc").args(["-T", "utf8", "-O", "width=200"]).arg(path).output();
    // Bold and underlined characters are typed over each other.
    let page = text(mandoc.expect("mandoc is installed: scripts/test installs it"));
    page.replace("_\u{8}", "").chars().fold(String::new(), |mut plain, character| {
        if character == '\u{8}' {
            _ = plain.pop();
        } else {
            plain.push(character);
        }
        plain
    })
}

#[test]
fn mandoc_shows_every_command_and_option() {
    let (pen, language) = (shown("pen.1"), shown("pen.conf.5"));
    assert!(pen.contains("     -b SEC, --blacklist SEC\n"), "{pen}");
    for head in [
        "acl N permit|deny ADDR[/LEN] [MASK], no acl N",
        "[no] roundrobin",
        "server N [name NAME] [acl A] [address A] [port P] [max M] [hard H] [blacklist T] [weight W] [prio P], no server N",
        "listen [ADDR...]",
        "log [FILE|HOST:PORT] [connections], no log",
    ] {
        assert!(language.contains(&format!("     {head}\n")), "{head} in {language}");
    }
}

#[test]
fn long_options_have_two_dashes_in_the_manuals() {
    for name in PAGES {
        let page = shown(name);
        for long in ["json", "table", "generate", "check", "config"] {
            let single = [" -", "[-", "|-"].map(|before| format!("{before}{long}"));
            assert!(!single.iter().any(|single| page.contains(single)), "{name}: -{long}");
        }
    }
    assert!(shown("penctl.1").contains("[--json | --table]"));
}

#[test]
fn pen_takes_the_files_that_its_manual_shows() {
    let page = page("pen.conf.5");
    let blocks = page.split(".Bd -literal -offset indent\n").skip(1);
    let files: Vec<&str> = blocks
        .filter_map(|block| block.split(".Ed\n").next())
        .filter(|block| block.starts_with("listen ") || block.starts_with("service "))
        .collect();
    assert!(files.len() >= 4, "{files:?}");
    for file in files {
        let directory = TempDir::new().expect("a directory can be made");
        let config = directory.path().join("pen.conf");
        // The servers' names exist in the manual only.
        let text = ["www1", "www2", "mx1", "mx2", "dir1", "dir2"]
            .iter()
            .fold(file.to_owned(), |text, name| text.replace(name, "192.0.2.9"));
        fs::write(&config, &text).expect("it is ours");
        let check = Command::new(program::pen()).arg("--check").arg("-F").arg(&config).output();
        let check = check.expect("pen can be run");
        assert!(check.status.success(), "{text}\n{check:?}");
    }
}

#[test]
fn the_code_in_contributing_is_todays() {
    let page = fs::read_to_string(root().join("CONTRIBUTING.md")).expect("the page is there");
    let plain = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join("\n");
    let examples: Vec<&str> =
        page.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert!(examples.len() >= 4, "{examples:?}");
    for example in examples {
        let (head, code) = example.split_once('\n').expect("an example has several lines");
        let file = head.strip_prefix("// ").expect("an example begins with its file");
        let source = fs::read_to_string(root().join(file)).expect("the file is there");
        assert!(plain(&source).contains(&plain(code)), "{file} has not\n{code}");
    }
}
