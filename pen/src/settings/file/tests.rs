use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use common::command::AdminState;
use tempfile::TempDir;

use super::*;
use crate::settings::draft::{Draft, Stage};
use crate::settings::testing::{draft, environment, initial_settings, next, run};

/// A directory with these files in it.
fn directory(files: &[(&str, &str)]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text.replace("DIR", directory.path().to_str().unwrap()))
            .unwrap();
    }
    directory
}

/// Reads the file `main` of these; the error without the directory's name.
fn read_main(files: &[(&str, &str)], draft: &mut Draft) -> Result<(), String> {
    let directory = directory(files);
    let result = read(&directory.path().join("main"), draft);
    result.map_err(|error| error.replace(&format!("{}/", directory.path().display()), ""))
}

fn error(files: &[(&str, &str)]) -> String {
    read_main(files, &mut draft(Stage::Live)).unwrap_err()
}

fn path_error(path: &Path) -> String {
    let error = read(path, &mut draft(Stage::Live)).unwrap_err();
    error.strip_prefix(&format!("cannot read {}: ", path.display())).unwrap().to_owned()
}

#[test]
fn a_files_lines_are_commands() {
    let mut draft = draft(Stage::Start);
    let text = "# a comment\n\n  conn_max 77\t\r\nserver 1 address www1 port 80\nroundrobin";
    read_main(&[("main", text)], &mut draft).unwrap();
    assert_eq!(draft.service().limits.conn_max, 77);
    assert_eq!(draft.service().servers.len(), 2);
    assert!(draft.service().modes.roundrobin);
}

#[test]
fn questions_in_a_file_are_answered_to_nobody() {
    let mut draft = draft(Stage::Live);
    read_main(&[("main", "mode\nstatus\nservers\nlisten\nhelp\n")], &mut draft).unwrap();
    assert!(draft.finish().is_none());
}

#[test]
fn errors_name_file_and_line() {
    let table = [
        ("hash\nhsah\n", "main:2: unknown command 'hsah': penctl's 'help' lists the commands"),
        (
            "\n\ntimeout 0",
            "main:3: bad timeout '0': a number from 1 to 31536000 is expected; usage: timeout [T]",
        ),
        ("no server 4", "main:1: there is no server 4: no slot has ever been filled; usage: no server N"),
        ("maint 0", "main:1: there is no server 0: 'servers' lists those that there are"),
        ("write", "main:1: 'write' is for the control port only"),
        ("close 1", "main:1: 'close' is for the control port only"),
    ];
    for (text, expected) in table {
        assert_eq!(error(&[("main", text)]), expected, "{text:?}");
    }
}

#[test]
fn exit_is_for_the_control_port_only() {
    let mut draft = Draft::new(initial_settings(), Stage::Live, environment(true));
    let error = read_main(&[("main", "exit")], &mut draft);
    assert_eq!(error, Err("main:1: 'exit' is for the control port only".to_owned()));
}

#[test]
fn a_command_of_the_command_line_may_include_a_file() {
    let directory =
        directory(&[("first", "acl 1 permit ::1\nacl 1 permit ::2"), ("broken", "hash\nexit now")]);
    let include = |name: &str| Command::Include(directory.path().join(name));
    let mut draft = draft(Stage::Start);
    super::run(include("first"), &mut draft).unwrap();
    super::run(Command::Mode, &mut draft).unwrap();
    let error = super::run(include("broken"), &mut draft).unwrap_err();
    let expected =
        format!("{}:2: superfluous word 'now'; usage: exit", directory.path().join("broken").display());
    assert_eq!(error, expected);
    assert!(draft.service().modes.hash);
    let (settings, _) = draft.finish().unwrap();
    assert_eq!(settings.acls[1].entries().len(), 2);
    let error = super::run(Command::Close(1), &mut self::draft(Stage::Start));
    assert_eq!(error, Err("'close' is for the control port only".to_owned()));
}

#[test]
fn an_error_in_an_included_file_names_both() {
    let files = [("main", "hash\ninclude DIR/other"), ("other", "weight\nprio\nserver x max 1")];
    let expected = "main:2: other:3: bad slot 'x': a number from 0 to 9999 is expected; usage: server N";
    let error = error(&files);
    assert!(error.starts_with(expected), "{error}");
}

#[test]
fn a_file_that_is_missing_is_named() {
    let missing = path_error(Path::new("/nonexistent/pen.cfg"));
    assert!(missing.starts_with("No such file or directory"), "{missing}");
    let included = error(&[("main", "include DIR/nothing")]);
    assert!(included.starts_with("main:1: cannot read nothing: No such file or directory"), "{included}");
}

#[test]
fn files_may_include_each_other_eight_deep() {
    let mut files = Vec::new();
    for depth in 1..8 {
        files.push((format!("file{depth}"), format!("include DIR/file{}", depth + 1)));
    }
    files.push(("file8".to_owned(), "conn_max 88".to_owned()));
    files[0].0 = "main".to_owned();
    let files: Vec<_> = files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let mut draft = draft(Stage::Start);
    read_main(&files, &mut draft).unwrap();
    assert_eq!(draft.service().limits.conn_max, 88);
}

#[test]
fn a_file_that_includes_itself_is_an_error() {
    let expected = format!("{}files include each other more than 8 deep", "main:2: ".repeat(8));
    assert_eq!(error(&[("main", "hash\ninclude DIR/main\n")]), expected);
}

#[test]
fn only_regular_files_are_read() {
    let directory = tempfile::tempdir().unwrap();
    let fifo = directory.path().join("fifo");
    nix::unistd::mkfifo(&fifo, nix::sys::stat::Mode::S_IRWXU).unwrap();
    for path in [directory.path(), &fifo, Path::new("/dev/zero")] {
        assert_eq!(path_error(path), "not a regular file");
    }
}

#[test]
fn a_file_that_is_too_large_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("large");
    fs::File::create(&path).unwrap().set_len(LARGEST + 1).unwrap();
    assert_eq!(path_error(&path), "larger than 16777216 bytes");
}

#[test]
fn a_file_that_is_not_text_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("latin1");
    fs::write(&path, b"hash\n# caf\xe9\n").unwrap();
    assert_eq!(path_error(&path), "not UTF-8 text after byte 10");
}

#[test]
fn reading_a_file_again_does_not_double_its_entries() {
    let files = [
        ("main", "acl 1 permit ::1\ninclude DIR/more\nacl 1 permit ::3\n"),
        ("more", "acl 1 permit ::2\nacl 2 deny ::1\n"),
    ];
    let mut live = draft(Stage::Live);
    run(&mut live, &["acl 1 permit 192.0.2.1", "acl 3 permit ::3"]);
    for _ in 0..3 {
        live = next(live);
        read_main(&files, &mut live).unwrap();
    }
    let (settings, _) = live.finish().unwrap();
    let list = |number: usize| {
        let entries = settings.acls[number].entries().iter();
        entries.fold(String::new(), |mut text, entry| {
            write!(text, "{} ", entry.network).unwrap();
            text
        })
    };
    assert_eq!(list(1), "::1/128 ::2/128 ::3/128 ");
    assert_eq!(list(2), "::1/128 ");
    assert_eq!(list(3), "::3/128 ");
}

#[test]
fn reading_a_file_again_leaves_maintenance_as_it_is_unless_the_file_speaks_of_it() {
    let servers = "listen 80\nserver 0 address www1\nserver 1 address www2\nserver 2 address six\n";
    let text = &*format!("{servers}no maint 1\ndrain 2\n");
    let mut live = draft(Stage::Live);
    read_main(&[("main", text)], &mut live).unwrap();
    run(&mut live, &["maint 0", "maint 1", "no drain 2"]);
    let mut live = next(live);
    read_main(&[("main", text)], &mut live).unwrap();
    let admin: Vec<_> = live.service().servers.iter().flatten().map(|server| server.admin).collect();
    assert_eq!(admin, [AdminState::Maint, AdminState::Ready, AdminState::Drain]);
}

#[test]
fn what_a_failed_file_said_before_its_error_goes_with_the_draft() {
    let settings = draft(Stage::Live).settings().clone();
    let environment = environment(false);
    let before = format!("{settings:?}");
    let mut failed = Draft::new(settings.clone(), Stage::Live, std::sync::Arc::clone(&environment));
    let text = "conn_max 900\nacl 1 deny ::1\nserver 0 address www1 port 80\nlisten nonesuch:1\n";
    let error = read_main(&[("main", text)], &mut failed);
    assert_eq!(error, Err("main:4: unknown host 'nonesuch': not in the table".to_owned()));
    drop(failed);
    assert_eq!(format!("{settings:?}"), before);
}

#[test]
fn relative_names_are_looked_up_where_pen_runs() {
    let path = PathBuf::from("no-such-file-here.cfg");
    let error = read(&path, &mut draft(Stage::Live)).unwrap_err();
    assert!(error.starts_with("cannot read no-such-file-here.cfg: No such file"), "{error}");
}
