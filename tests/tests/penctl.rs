//! penctl's own doings: other forms of the status, commands from standard input, exit statuses.

use std::fmt::Display;
use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use pen_tests::{
    Address, Backend, DeadPort, Ended, FullBacklog, Pen, Tmux, private_address, program, run_to_the_end,
    run_with_input,
};
use serde_json::Value;

/// Runs penctl with these words and nothing on its standard input.
#[track_caller]
fn penctl(words: &[&dyn Display]) -> Ended {
    run_to_the_end(command(words))
}

fn command(words: &[&dyn Display]) -> Command {
    let mut command = Command::new(program::penctl());
    command.env_remove("PEN_CONTROL").args(words.iter().map(ToString::to_string));
    command
}

/// Runs penctl with commands on its standard input.
#[track_caller]
fn script(control: &Address, commands: &str) -> Ended {
    run_with_input(command(&[control]), commands.as_bytes())
}

/// What a successful penctl prints.
#[track_caller]
fn printed(words: &[&dyn Display]) -> String {
    let Ended { code, stdout, stderr, .. } = penctl(words);
    assert_eq!((code, stderr.as_str()), (Some(0), ""), "{stdout}");
    stdout
}

#[track_caller]
fn json(words: &[&dyn Display]) -> Value {
    let text = printed(words);
    assert_eq!(text.lines().count(), 1, "{text}");
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error} in {text}"))
}

/// A pen with one connection open and one server that nobody listens at.
fn busy_pen() -> (Backend, Pen, pen_tests::Stream) {
    let server = Backend::holding("a");
    let pen = Pen::builder().server(&server).server("127.0.0.1:1").start();
    let (_, held) = pen.hold_from(7);
    (server, pen, held)
}

#[test]
fn parts_of_the_status_are_arrays_in_json() {
    let (server, pen, _held) = busy_pen();
    let control = pen.control_address();
    let servers = json(&[&"--json", control, &"servers"]);
    assert_eq!(servers.as_array().unwrap().len(), 2);
    assert_eq!(servers[0]["port"], server.address().port());
    assert_eq!((&servers[0]["connections"], &servers[0]["state"]), (&1.into(), &"up".into()));
    let connections = json(&[control, &"--json", &"connections"]);
    assert_eq!(connections[0]["client_address"], "127.0.0.7");
    let clients = json(&[control, &"--json", &"recent", &"60"]);
    assert_eq!((&clients[0]["address"], &clients[0]["open"]), (&"127.0.0.7".into(), &1.into()));
    assert_eq!(json(&[control, &"--json", &"recent", &"0"]), Value::Array(vec![]));
    assert_eq!(json(&[control, &"--json", &"services"])[0]["name"], "default");
    assert_eq!(json(&[control, &"--json", &"status"])["schema"], 1);
    assert_eq!(json(&[control, &"--json", &"service default servers"]).as_array().unwrap().len(), 2);
}

#[test]
fn parts_of_the_status_are_tables_for_people() {
    let (server, pen, _held) = busy_pen();
    let control = pen.control_address();
    let servers = printed(&[&"--table", control, &"servers"]);
    assert!(servers.contains(&format!("│ 0    │ {server} ")), "{servers}");
    let connections = printed(&[control, &"--table", &"connections"]);
    assert!(connections.contains("│ 127.0.0.7 │ 0      │ connected │"), "{connections}");
    assert!(printed(&[control, &"--table", &"recent"]).contains("│ 127.0.0.7 │ 1 open │ 0 "));
    let services = printed(&[control, &"--table", &"services"]);
    assert!(services.contains(&format!("│ default │ {} ", pen.address())), "{services}");
    let status = printed(&[control, &"--table", &"status"]);
    for title in ["Services", "Servers of default", "Clients of default", "Connections of default"] {
        assert!(status.contains(&format!("\n{title}\n╭")), "{title} in {status}");
    }
    pen.tell("service web");
    pen.tell("service web server 3 address 127.0.0.9 port 9");
    let of_web = printed(&[control, &"--table", &"service web servers"]);
    assert!(of_web.contains("│ 3    │ 127.0.0.9:9 │ up    │"), "{of_web}");
    assert_eq!(printed(&[control, &"--table", &"service web connections"]), "none\n");
    let missing = penctl(&[control, &"--table", &"service mail servers"]);
    assert_eq!(missing.code, Some(1));
    assert_eq!(missing.stderr, "penctl: pen has no service 'mail': there are default, web\n");
}

#[test]
fn in_a_terminal_tables_fit_it_and_json_is_indented() {
    let (_server, pen, _held) = busy_pen();
    let (penctl, control) = (program::penctl().display().to_string(), pen.control_address().to_string());
    let terminal = Tmux::start((80, 80), &[], &[&penctl, &control, "--table", "status"]);
    assert_eq!(terminal.wait_for_end(), 0);
    let screen = terminal.screen();
    // A line that did not fit would go on in the next one.
    let is_whole =
        |line: &&str| !line.starts_with(['╭', '│', '├', '╰']) || line.ends_with(['╮', '│', '┤', '╯']);
    assert!(screen.lines().all(|line| is_whole(&line)) && screen.contains("╰"), "{screen}");
    let terminal = Tmux::start((60, 200), &[], &[&penctl, &control, "--json", "servers"]);
    assert_eq!(terminal.wait_for_end(), 0);
    let screen = terminal.screen();
    assert!(screen.contains("\n    \"slot\": 0,\n"), "{screen}");
}

#[test]
fn hostile_text_does_not_reach_the_terminal() {
    let name = "/x\u{202e}\u{9b}2J\u{1b}]0;owned\u{7}";
    let status = serde_json::json!({
        "schema": 1,
        "version": name,
        "services": [{
            "name": "default",
            "listen": [name],
            "modes": [name],
            "servers": [{ "address": name, "name": name, "state": "up", "failures": 1, "last_error": name }],
            "clients": [{ "address": name }],
            "open_connections": [{ "client_address": name }],
        }],
    });
    let answer = format!("{status}\n");
    let hostile = Backend::serve(move |client| {
        client.line();
        client.send(&answer);
        client.finish();
    });
    let text = printed(&[&hostile, &"--table", &"status"]);
    let is_harmless = |c: char| c == '\n' || !(c.is_control() || c == '\u{202e}');
    assert!(text.chars().all(is_harmless), "{text:?}");
    let address = hostile.address().to_string();
    let penctl = program::penctl().display().to_string();
    // What is printed to a terminal cannot be seen in what the terminal shows of it: `script` keeps it.
    let directory = tempfile::tempdir().unwrap();
    let typescript = directory.path().join("typescript");
    let shell = format!("script -qc '{penctl} {address} --json status' {} ", typescript.display());
    let ended = run_to_the_end({
        let mut command = Command::new("sh");
        command.args(["-c", &shell]);
        command
    });
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let kept = fs::read_to_string(&typescript).unwrap();
    let (_, kept) = kept.split_once('\n').unwrap();
    assert!(kept.contains("\\u202e\\u009b2J\\u001b]0;owned\\u0007"), "{kept:?}");
    assert!(kept.chars().all(|c| c == '\r' || is_harmless(c)), "{kept:?}");
}

#[test]
fn an_old_pen_that_knows_no_json_is_told_in_a_friendly_way() {
    for option in ["", "-w page.html"] {
        let mut builder = Pen::builder().server("127.0.0.1:1").program(program::old_pen());
        if !option.is_empty() {
            builder = builder.option(option);
        }
        let pen = builder.start();
        let control = pen.control_address();
        for form in ["--json", "--table"] {
            let ended = penctl(&[control, &form, &"servers"]);
            let said = format!(
                "penctl: no JSON from {control}: a pen from before version 1.0, as it seems, which has none; plain 'penctl {control} servers' works with it, too\n"
            );
            assert_eq!((ended.code, ended.stdout.as_str(), ended.stderr), (Some(1), "", said), "{option}");
        }
        assert!(printed(&[control, &"servers"]).starts_with("0 addr 127.0.0.1 port 1 "));
    }
}

#[test]
fn commands_are_read_from_standard_input() {
    let pen = Pen::builder().server("127.0.0.1:1").start();
    let ended = script(pen.control_address(), "# a comment\n\nblacklist 7\r\nhash\nblacklist\n  mode");
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    assert_eq!(ended.stdout, "7\n7\nhash no roundrobin no stubborn no weight no prio\n");
}

#[test]
fn a_line_with_a_service_has_the_next_ones_speak_of_it_as_in_a_file() {
    let pen = Pen::builder().server("127.0.0.1:1").start();
    let (web, lines) = (private_address(), |answer: String| answer.lines().count());
    let commands = format!(
        "service web\nlisten {web}\nserver 0 address 127.0.0.2 port 1\nserver 1 address 127.0.0.3 port 1\npid\nblacklist 7\nservice default\nblacklist\n"
    );
    let ended = script(pen.control_address(), &commands);
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    assert_eq!(ended.stdout, format!("{web}\n{}\n7\n30\n", pen.process().0));
    assert_eq!((lines(pen.ask("servers")), lines(pen.ask("service web servers"))), (1, 2));
}

#[test]
fn what_is_refused_is_told_by_its_line_and_the_rest_is_done() {
    let pen = Pen::builder().server("127.0.0.1:1").start();
    let commands = "blacklist 7\nblacklist x\nnonsense\nexit\nservice we/b\nno server 0\n\nblacklist\nconnection 99999\n";
    let ended = script(pen.control_address(), commands);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), "7\n"));
    assert_eq!(
        ended.complaints(),
        [
            "line 2: error: bad blacklist 'x': a number from 0 to 31536000 is expected; usage: blacklist [T]",
            "line 3: do_cmd: ignoring command starting with 'nonsense'",
            "line 4: Exit is not enabled; restart with -X flag",
            "line 5: error: bad name 'we/b': at most 64 letters, digits, '-', '.' and '_' are expected; usage: service NAME [COMMAND]",
            "line 6: not sent, because the service of line 5 was refused; 'service NAME' names another",
            "line 8: not sent, because the service of line 5 was refused; 'service NAME' names another",
            "line 9: Connection 99999 out of range",
        ]
    );
    assert_eq!(pen.servers().len(), 1);
}

#[test]
fn nothing_more_is_sent_once_pen_cannot_be_reached() {
    let ended = script(DeadPort::new().address(), "# nobody there\nblacklist 7\nblacklist\n");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), ""));
    let [complaint] = ended.complaints()[..] else { panic!("{}", ended.stderr) };
    assert!(complaint.starts_with("line 2: cannot connect to 127.0.0.1:"), "{complaint}");
    let breaking = Backend::serve(|client| {
        if client.line() == "blacklist 7" {
            client.send("7\n");
            client.finish();
        } else {
            client.reset_on_close();
        }
    });
    let ended = script(breaking.address(), "blacklist 7\npid\nblacklist 7\n");
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(3), "7\n"));
    let [complaint] = ended.complaints()[..] else { panic!("{}", ended.stderr) };
    assert!(complaint.starts_with("line 2: the connection broke"), "{complaint}");
}

#[test]
fn at_a_terminal_there_is_a_prompt_until_quit() {
    let pen = Pen::builder().server("127.0.0.1:1").start();
    let (penctl, control) = (program::penctl().display().to_string(), pen.control_address().to_string());
    let terminal = Tmux::start((100, 24), &[], &[&penctl, &control]);
    terminal.wait_for_text("pen>");
    terminal.type_text("blacklist 77\n");
    terminal.wait_for_text("\n77\npen>");
    terminal.type_text("blacklist x\n");
    terminal.wait_for_text("line 2: error: bad blacklist 'x'");
    terminal.type_text("quit\n");
    assert_eq!(terminal.wait_for_end(), 1);
}

#[test]
fn exit_statuses_tell_done_refused_usage_and_unreachable_apart() {
    let pen = Pen::builder().server("127.0.0.1:1").start();
    let (control, dead) = (pen.control_address(), DeadPort::new());
    let cases: &[(&[&dyn Display], i32, &str)] = &[
        (&[control, &"mode"], 0, ""),
        (&[control, &"connection", &"99999"], 1, ""),
        (&[control, &"close", &"99999"], 1, ""),
        (&[control, &"exit"], 1, ""),
        (&[control, &"nonsense"], 1, ""),
        (&[control, &"blacklist", &"x"], 1, "error: bad blacklist 'x'"),
        (&[], 2, "penctl: no command\nusage: penctl "),
        (&[&"--jason", control, &"servers"], 2, "penctl: unknown option '--jason'"),
        (&[control, &"--json", &"mode"], 2, "penctl: --json goes with status, servers, recent"),
        (&[control, &"top"], 2, "penctl: 'top' needs a terminal"),
        (&[&dead, &"mode"], 3, "penctl: cannot connect to 127.0.0.1:"),
        (&[&dead, &"--json", &"servers"], 3, "penctl: cannot connect to 127.0.0.1:"),
        (&[&"/nonexistent/x", &"mode"], 3, "penctl: cannot connect to /nonexistent/x: No such file"),
    ];
    for (words, code, beginning) in cases {
        let ended = penctl(words);
        let words: Vec<_> = words.iter().map(ToString::to_string).collect();
        assert_eq!(ended.code, Some(*code), "{words:?}: {} {}", ended.stdout, ended.stderr);
        assert!(ended.stderr.starts_with(beginning), "{words:?}: {}", ended.stderr);
        assert_eq!(ended.stderr.is_empty(), beginning.is_empty(), "{words:?}: {}", ended.stderr);
    }
}

#[test]
fn every_address_of_a_name_is_tried_each_for_a_limited_time() {
    let pen = Backend::serve(|client| {
        let command = client.line();
        client.send(format!("{command}\n"));
        client.finish();
    });
    // The name is of ::1, too, on most machines, where nobody listens.
    assert_eq!(printed(&[&format!("localhost:{}", pen.address().port()), &"mode"]), "mode\n");
    let full = FullBacklog::new();
    let ended = penctl(&[&full, &"mode"]);
    assert_eq!(ended.code, Some(3));
    assert!(ended.stderr.contains("timed out"), "{}", ended.stderr);
}

#[test]
fn a_reader_who_has_enough_is_no_error() {
    let pen = Pen::builder().server("127.0.0.1:1").start();
    for words in ["help", "--table status", "--json status"] {
        let mut command = command(&[pen.control_address()]);
        let mut child = command
            .args(words.split(' '))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{words}: {output:?}");
    }
    let mut child = command(&[pen.control_address()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    // It may have left before it has read all.
    let _ = child.stdin.take().unwrap().write_all(b"pid\n".repeat(9).as_slice());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0), "{output:?}");
}

#[test]
fn help_and_version_are_told() {
    let help = printed(&[&"--help"]);
    for word in ["--json", "--table", "--generate", "complete-bash", "top", "$PEN_CONTROL", "Exit status"] {
        assert!(help.contains(word), "{word} in {help}");
    }
    assert!(printed(&[&"--version"]).starts_with("penctl "));
}
