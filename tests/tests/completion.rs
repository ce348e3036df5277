//! What shells offer to complete, by the files that penctl generates for them: in real shells.

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use pen_tests::{Tmux, program, run_to_the_end, run_with_input};
use tempfile::TempDir;

/// A line up to the cursor, and what must be offered: all, or some of many.
const OFFERS: &[(&str, Offer)] = &[
    ("penctl st", All(&["status", "stubborn"])),
    ("penctl ", Some(&["servers", "top", "no", "--json", "192.0.2.1:8888"])),
    ("penctl 192", All(&["192.0.2.1:8888"])),
    ("penctl 192.0.2.1:88", All(&["192.0.2.1:8888"])),
    ("penctl --j", All(&["--json"])),
    ("penctl x:1 serv", All(&["server", "servers", "service", "services"])),
    ("penctl x:1 --json ", Some(&["recent", "status", "service", "--table"])),
    ("penctl --json x:1 service web ", All(&["connections", "recent", "servers"])),
    ("penctl x:1 service web no ab", All(&["abuse"])),
    ("penctl x:1 no hash", All(&["hash", "hash_only"])),
    ("penctl status ", All(&["html", "json", "prometheus", "text"])),
    ("penctl x:1 status j", All(&["json"])),
    ("penctl x:1 status json ", All(&[])),
    ("penctl x:1 acl 3 ", All(&["deny", "permit"])),
    ("penctl x:1 threads a", All(&["auto"])),
    ("penctl x:1 proxy_protocol ", All(&["accept", "send", "send-v2"])),
    ("penctl x:1 proxy_protocol accept ", All(&[])),
    ("penctl x:1 no proxy_protocol ", All(&["accept", "send"])),
    ("penctl x:1 ssl_c", All(&["ssl_ciphers"])),
    ("penctl x:1 tls_protocol ", All(&["ssl23", "tls1"])),
    ("penctl x:1 tls_cert FILE", All(&["FILE.conf"])),
    ("penctl x:1 ssl_sni_path FILE", All(&["FILE.conf"])),
    ("penctl x:1 health t", All(&["tcp", "tls"])),
    ("penctl x:1 health tcp ", All(&["fall", "interval", "port", "rise", "timeout"])),
    ("penctl x:1 service web no health ", All(&["agent"])),
    ("penctl x:1 peek ", All(&["rdp", "sni"])),
    ("penctl x:1 peek rdp f", All(&["fold"])),
    ("penctl x:1 no drain ", All(&[])),
    ("penctl x:1 server ", All(&[])),
    ("penctl x:1 server 0 we", All(&["weight"])),
    ("penctl x:1 server 0 weight ", All(&[])),
    (
        "penctl x:1 server 0 name www port 80 weight 3 prio 1 ",
        All(&["acl", "address", "blacklist", "hard", "max"]),
    ),
    ("penctl x:1 service web server 0 na", All(&["name"])),
    ("penctl x:1 help tcp_", All(&["tcp_fastclose", "tcp_nodelay"])),
    ("penctl x:1 include FILE", All(&["FILE.conf"])),
    ("penctl --generate complete-", Some(&["complete-bash", "complete-fish", "complete-zsh"])),
];

/// What must be offered.
enum Offer {
    All(&'static [&'static str]),
    Some(&'static [&'static str]),
}

use Offer::{All, Some};

/// A directory with the completion for a shell, and a file whose name can be completed.
struct Files {
    directory: TempDir,
}

impl Files {
    #[track_caller]
    fn new(shell: &str) -> Files {
        let directory = TempDir::new().unwrap();
        fs::write(directory.path().join("some.conf"), "").unwrap();
        let mut penctl = Command::new(program::penctl());
        penctl.args(["--generate", &format!("complete-{shell}")]);
        let ended = run_to_the_end(penctl);
        assert_eq!((ended.code, ended.stderr.as_str()), (Option::Some(0), ""));
        fs::write(directory.path().join("completion"), ended.stdout).unwrap();
        Files { directory }
    }

    fn completion(&self) -> PathBuf {
        self.directory.path().join("completion")
    }

    /// With the name of the file.
    fn in_place(&self, text: &str) -> String {
        text.replace("FILE", &self.directory.path().join("some").display().to_string())
    }

    /// Compares what a shell offers with the table.
    #[track_caller]
    fn expect_offers(&self, offers: impl Fn(&str) -> Vec<String>) {
        for (line, expected) in OFFERS {
            let line = self.in_place(line);
            let mut offers = offers(&line);
            offers.sort();
            match expected {
                All(words) => {
                    let words: Vec<_> = words.iter().map(|word| self.in_place(word)).collect();
                    assert_eq!(offers, words, "{line}");
                }
                Some(words) => {
                    for word in *words {
                        assert!(offers.iter().any(|offer| offer == word), "{word} for {line}: {offers:?}");
                    }
                }
            }
        }
    }
}

#[track_caller]
fn run(shell: &str, arguments: &[&str], input: &str) -> String {
    let mut command = Command::new(program::find(shell));
    command.env("PEN_CONTROL", "192.0.2.1:8888").env("LC_ALL", "C.UTF-8").args(arguments);
    let ended = run_with_input(command, input.as_bytes());
    assert_eq!(ended.code, Option::Some(0), "{shell} {arguments:?}: {}", ended.stderr);
    ended.stdout
}

#[test]
fn every_shell_can_read_its_file() {
    for shell in ["bash", "zsh", "fish"] {
        let files = Files::new(shell);
        run(shell, &["-n", &files.completion().display().to_string()], "");
    }
}

#[test]
fn bash_offers_what_fits() {
    let files = Files::new("bash");
    // What is given back replaces what follows the last colon; bash puts the rest before it.
    let script = format!(
        "source {}
         compopt() {{ :; }}
         COMP_LINE=$1 COMP_POINT=${{#1}}
         _penctl
         current=${{1##* }} prefix=
         [[ $current != *:* ]] || prefix=${{current%\"${{current##*:}}\"}}
         for word in \"${{COMPREPLY[@]}}\"; do echo \"$prefix$word\"; done",
        files.completion().display()
    );
    files.expect_offers(|line| {
        run("bash", &["--norc", "-c", &script, "bash", line], "").lines().map(str::to_owned).collect()
    });
}

#[test]
fn fish_offers_what_fits() {
    let files = Files::new("fish");
    let script = format!("source {}; complete -C $argv[1]", files.completion().display());
    files.expect_offers(|line| {
        let offers = run("fish", &["--no-config", "-c", &script, line], "");
        let words = offers.lines().map(|line| line.split('\t').next().unwrap_or_default().to_owned());
        // fish also offers what has the letters elsewhere, if nothing begins with them.
        words.collect()
    });
}

/// Types a line and the tabulator in a shell at a terminal, and waits for what it makes of that.
fn completes_at_a_terminal(shell: &[&str], setup: &str) {
    let files = Files::new(shell[0]);
    let variables = [
        "PEN_CONTROL=192.0.2.1:8888",
        "PS1=> ",
        "HISTFILE=",
        "LC_ALL=C.UTF-8",
        &format!("HOME={}", files.directory.path().display()),
    ];
    let terminal = Tmux::start((120, 40), &variables, shell);
    let setup = setup.replace("COMPLETION", &files.completion().display().to_string());
    terminal.type_text(&format!("{setup}; echo is re''ady\n"));
    terminal.wait_for_text("is ready");
    for (typed, completed) in [
        ("penctl 192.0", "penctl 192.0.2.1:8888"),
        ("penctl 192.0.2.1:8", "penctl 192.0.2.1:8888"),
        ("penctl x:1 idle_", "penctl x:1 idle_timeout"),
        ("penctl x:1 service web no rou", "penctl x:1 service web no roundrobin"),
        ("penctl x:1 server 7 max 5 bl", "penctl x:1 server 7 max 5 blacklist"),
        ("penctl --json x:1 rec", "penctl --json x:1 recent"),
        ("penctl x:1 include FILE", "penctl x:1 include FILE.conf"),
    ] {
        terminal.type_text(&files.in_place(typed));
        terminal.press(["Tab"]);
        let completed = files.in_place(completed);
        terminal.wait_for(&format!("{typed:?} is completed"), |screen| {
            screen.lines().any(|line| line.ends_with(&completed))
        });
        terminal.press(["C-u"]);
    }
}

#[test]
fn bash_completes_at_a_terminal() {
    completes_at_a_terminal(&["bash", "--norc"], "source COMPLETION");
}

#[test]
fn zsh_completes_at_a_terminal() {
    completes_at_a_terminal(&["zsh", "-f"], "autoload -U compinit; compinit -u -D; source COMPLETION");
}
