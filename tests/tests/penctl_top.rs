//! The live view, in a real terminal.

use std::fs;

use nix::sys::signal::Signal;
use pen_tests::{Address, Backend, Pen, PenBuilder, Process, Tmux, program, wait_until};
use tempfile::TempDir;

/// The live view of a pen in a terminal of so many columns and lines.
fn top(control: &Address, size: (u16, u16), variables: &[&str]) -> Tmux {
    Tmux::start(size, variables, &[&program::penctl().display().to_string(), &control.to_string(), "top"])
}

fn pen_with(backend: &Backend) -> PenBuilder {
    Pen::builder().server(backend).server("127.0.0.1:1")
}

#[test]
fn servers_clients_and_connections_are_shown_live_in_80_columns() {
    let web = Backend::holding("a");
    let pen = pen_with(&web).start();
    let terminal = top(pen.control_address(), (80, 24), &[]);
    let screen = terminal.wait_for_text(" live");
    assert!(screen.contains(&format!("process {}", pen.process().0)), "{screen}");
    assert!(screen.contains(&web.to_string()) && screen.contains(" 2 up"), "{screen}");
    assert!(screen.lines().last().unwrap().contains("q quit"), "{screen}");

    let (_, held) = pen.hold_from(7);
    terminal.wait_for("the connection is counted", |screen| {
        screen.contains(" 1 of 500 open") && screen.contains("1 accepted so far")
    });
    terminal.press(["Tab"]);
    terminal.wait_for("the client is listed", |screen| screen.contains("127.0.0.7  1 open"));
    terminal.press(["3"]);
    terminal.wait_for("the connection is listed", |screen| screen.contains("127.0.0.7  0       connected"));
    drop(held);
    terminal.wait_for("the connection is gone", |screen| screen.contains("3 Connections 0"));
    pen.tell("server 1 blacklist 500");
    terminal.press(["1"]);
    terminal.wait_for("the state is told in words", |screen| screen.contains("blacklisted 4"));
}

#[test]
fn rates_and_charts_grow_with_what_passes() {
    let web = Backend::named("hello");
    let pen = pen_with(&web).start();
    let terminal = top(pen.control_address(), (140, 30), &[]);
    terminal.wait_for_text(" live");
    let has_chart = |screen: &str| screen.contains(['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']);
    assert!(!has_chart(&terminal.screen()));
    // Connections are made for as long as it takes the view to see two snapshots with some between them.
    wait_until("a chart is drawn", || {
        pen.get();
        has_chart(&terminal.screen())
    });
    let screen = terminal.screen();
    for title in ["conn/s", "bytes/s", "sent", "received", "served", "conn trend"] {
        assert!(screen.contains(title), "{title} in {screen}");
    }
}

#[test]
fn keys_sort_filter_and_explain() {
    let web = Backend::named("a");
    let pen = pen_with(&web).server("127.0.0.9:9").start();
    let terminal = top(pen.control_address(), (80, 24), &[]);
    terminal.wait_for_text("slot ▲");
    let slots = |screen: &str| -> String {
        let rows = screen.lines().skip(6).filter_map(|line| line.trim_start().chars().next());
        rows.take(3).collect()
    };
    assert_eq!(slots(&terminal.screen()), "012");
    terminal.press(["r"]);
    terminal.wait_for("the order is reversed", |screen| screen.contains("slot ▼") && slots(screen) == "210");
    terminal.press(["/"]);
    terminal.type_text("0.9:");
    let screen = terminal.wait_for("only one row is left", |screen| {
        screen.contains("/0.9:_") && !screen.contains("127.0.0.1:1 ")
    });
    assert!(screen.contains("127.0.0.9:9"), "{screen}");
    terminal.press(["Enter"]);
    terminal.wait_for_text("1 rows with '0.9:'");
    terminal.press(["Escape"]);
    terminal.wait_for("all are back", |screen| slots(screen) == "210");
    terminal.press(["?"]);
    terminal.wait_for_text("this help");
    terminal.press(["x"]);
    terminal.wait_for("the help is gone", |screen| !screen.contains("this help"));
    pen.tell("service mail");
    pen.tell("service mail server 0 address 127.0.0.8 port 8");
    terminal.wait_for_text("(1 of 2)");
    terminal.press(["s"]);
    terminal.wait_for("the other service is shown", |screen| {
        screen.contains("service mail (2 of 2)") && screen.contains("127.0.0.8:8")
    });
    terminal.press(["q"]);
    assert_eq!(terminal.wait_for_end(), 0);
}

#[test]
fn a_pen_that_went_away_is_told_and_found_again() {
    let directory = TempDir::new().unwrap();
    let control = Address::Unix(directory.path().join("control"));
    let web = Backend::named("a");
    let terminal = top(&control, (80, 24), &[]);
    terminal.wait_for("nobody is there yet", |screen| {
        screen.contains("no answer, trying again") && screen.contains("cannot connect to")
    });
    let pen = pen_with(&web).control_at(control.clone()).start();
    terminal.wait_for("pen is found", |screen| screen.contains(" live") && screen.contains(&web.to_string()));
    pen.stop();
    let screen =
        terminal.wait_for("its end is told", |screen| screen.contains("no answer: cannot connect to"));
    assert!(screen.contains(&web.to_string()), "what was known stays: {screen}");
    let again = pen_with(&web).control_at(control).start();
    let process = format!("process {}", again.process().0);
    terminal.wait_for("another is found", |screen| screen.contains(" live") && screen.contains(&process));
}

#[test]
fn an_old_pen_is_told_in_a_friendly_way() {
    let pen = Pen::builder().server("127.0.0.1:1").program(program::old_pen()).start();
    let terminal = top(pen.control_address(), (100, 24), &[]);
    terminal.wait_for_text("a pen from before version 1.0");
    terminal.press(["q"]);
    assert_eq!(terminal.wait_for_end(), 0);
}

#[test]
fn a_pen_that_hangs_does_not_keep_the_screen_from_hearing_keys() {
    let hanging = Backend::silent();
    let terminal = top(hanging.address(), (80, 24), &[]);
    terminal.wait_for_text("asking");
    wait_until("it was asked", || hanging.total() > 0);
    terminal.press(["?"]);
    terminal.press(["x"]);
    terminal.press(["q"]);
    assert_eq!(terminal.wait_for_end(), 0);
}

#[test]
fn the_terminal_is_as_it_was_after_every_end() {
    let web = Backend::named("a");
    let pen = pen_with(&web).start();
    let directory = TempDir::new().unwrap();
    let modes = directory.path().join("modes");
    let shell = format!(
        "echo before; {} {} top; echo left with $?; stty -a > {}; read wait",
        program::penctl().display(),
        pen.control_address(),
        modes.display()
    );
    for key in ["q", "Escape", "C-c"] {
        let terminal = Tmux::start((80, 24), &[], &["sh", "-c", &shell]);
        terminal.wait_for_text(" live");
        assert!(terminal.is_alternate_screen());
        terminal.press([key]);
        let screen = terminal.wait_for_text("left with 0");
        assert!(screen.starts_with("before\n") && !terminal.is_alternate_screen(), "{key}: {screen}");
        wait_until("the modes are written", || {
            fs::read_to_string(&modes).is_ok_and(|text| text.contains(" echo "))
        });
        let text = fs::read_to_string(&modes).unwrap();
        assert!(text.contains(" icanon ") && text.contains("isig "), "{key}: {text}");
        fs::remove_file(&modes).unwrap();
    }
    let terminal = top(pen.control_address(), (80, 24), &[]);
    terminal.wait_for_text(" live");
    let process: Process = terminal.process();
    process.signal(Signal::SIGTERM);
    assert_eq!(terminal.wait_for_end(), 0);
    assert!(!terminal.is_alternate_screen());
}

#[test]
fn it_ends_when_the_terminal_is_gone() {
    let web = Backend::named("a");
    let pen = pen_with(&web).start();
    let terminal = top(pen.control_address(), (80, 24), &[]);
    terminal.wait_for_text(" live");
    let process = terminal.process();
    terminal.hang_up();
    wait_until("the program has ended", || !process.is_alive());
}

#[test]
fn what_is_no_key_does_not_keep_the_screen_from_going_on() {
    let web = Backend::named("a");
    let pen = pen_with(&web).start();
    let terminal = top(pen.control_address(), (80, 24), &[]);
    terminal.wait_for_text(" live");
    terminal.type_text("\u{1b}[99");
    pen.get();
    terminal.wait_for_text("1 accepted so far");
    terminal.process().signal(Signal::SIGTERM);
    assert_eq!(terminal.wait_for_end(), 0);
}

#[test]
fn the_view_follows_the_size_of_the_terminal() {
    let web = Backend::named("a");
    let pen = pen_with(&web).start();
    let terminal = top(pen.control_address(), (80, 24), &[]);
    terminal.wait_for_text(" live");
    assert!(!terminal.screen().contains("received"));
    terminal.resize(150, 12);
    terminal.wait_for("there is room for more", |screen| screen.contains("received"));
    terminal.resize(20, 4);
    terminal
        .wait_for("there is room for little", |screen| screen.lines().all(|line| line.chars().count() <= 20));
    terminal.resize(80, 24);
    terminal.wait_for_text(&web.to_string());
}

#[test]
fn colours_are_left_out_where_they_are_not_wanted() {
    let web = Backend::named("a");
    let pen = pen_with(&web).start();
    let is_coloured = |screen: &str| screen.contains("\u{1b}[32m") || screen.contains("\u{1b}[38;5;2m");
    for (variables, expected) in [(&[][..], true), (&["NO_COLOR=1"], false), (&["NO_COLOR="], true)] {
        let terminal = top(pen.control_address(), (80, 24), variables);
        terminal.wait_for_text(" live");
        assert_eq!(is_coloured(&terminal.coloured_screen()), expected, "{variables:?}");
    }
}
