//! pen(1): a template, and the options from their table.

use std::fmt::Write as _;

use common::mdoc::{fill, prose, usage};

use super::table::{GROUPS, Group, Kind, OptionRow, Own, rows};

const TEMPLATE: &str = include_str!("../../../man/pen.1.in");

/// The manual page, as mdoc(7).
pub fn manual() -> String {
    let options = GROUPS.iter().map(group).collect();
    let parts = [("OPTIONS", options), ("INERT", names(|kind| kind == Kind::Inert))];
    fill(TEMPLATE, &parts)
}

/// A subsection of the options that do something, unless there are none.
fn group(group: &Group) -> String {
    let rows: String = group.rows.iter().filter_map(row).collect();
    match rows.as_str() {
        "" => rows,
        _ => format!(".Ss {}\n.Bl -tag -width Ds\n{rows}.El\n", group.title),
    }
}

fn row(row: &OptionRow) -> Option<String> {
    let details = match row.kind {
        Kind::Inert | Kind::Refused(_) => return None,
        Kind::Command(command) => format!("The command `{command}`."),
        Kind::CommandText | Kind::DebugLevel => String::new(),
        Kind::Own(own) => details(own).to_owned(),
    };
    let mut text = format!(".It {}\n{}", head(row), prose(&sentence(row.about)));
    if !details.is_empty() {
        text.push_str(&prose(&details));
    }
    Some(text)
}

/// `-b SEC, --blacklist SEC`, as arguments of a macro.
fn head(row: &OptionRow) -> String {
    let value = row.value.map_or(String::new(), |value| format!(" {}", usage(value)));
    let short = row.short.map(|short| format!("Fl {short}{value}"));
    let long = row.long.map(|long| format!("Fl Fl {}{value}", long.replace('-', "\\-")));
    short.into_iter().chain(long).collect::<Vec<_>>().join(" , ")
}

fn sentence(about: &str) -> String {
    let mut characters = about.chars();
    let first = characters.next().map(|first| first.to_ascii_uppercase());
    format!("{}.", first.into_iter().chain(characters).collect::<String>())
}

/// The single letters of these options, a line each.
fn names(is_meant: impl Fn(Kind) -> bool) -> String {
    let letters: Vec<char> = rows().filter(|row| is_meant(row.kind)).filter_map(|row| row.short).collect();
    let mut lines = String::new();
    for (index, letter) in letters.iter().enumerate() {
        let comma = if index + 1 < letters.len() { " ," } else { "" };
        // Writing to a string cannot fail.
        let _ = writeln!(lines, ".Fl {letter}{comma}");
    }
    lines
}

/// What the manual adds to an option that has no command, and so no more words elsewhere.
fn details(own: Own) -> &'static str {
    match own {
        Own::Foreground => {
            "Without it pen goes to the background as soon as all is open, and messages go to syslog."
        }
        Own::Config => "pen.conf(5) describes it. When it has a `listen`, no other argument is needed.",
        Own::Control => {
            "penctl(1) sends commands there. Until `control_acl` says otherwise, only this host may use it, \
             and a control socket only pen's user. Root has to be told with `-u` who shall run pen; without, \
             the control port is not opened."
        }
        Own::EnableExit => "Without it the command is refused.",
        Own::User => {
            "A name or a number. Everything that needs root is opened before; what pen is told to write is \
             written as this user. `-u root` insists on root."
        }
        Own::Chroot => {
            "Logs, pid file and status file are found inside it, and so is the file of `-F` when it is read \
             again, and certificates. Listeners, control port, users and the first reading come before."
        }
        Own::PidFile => "The number stands alone in it. It is removed when pen ends.",
        Own::Check => "It tells which mistakes stand on the command line and in the file of `-F`.",
        Own::Generate => "Its standard output is this page.",
        Own::Help => "`-h` is something else.",
        Own::Version => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_has_every_option_that_does_something() {
        let page = manual();
        for row in rows() {
            let has_head = page.contains(&format!(".It {}\n", head(row)));
            let does_something = !matches!(row.kind, Kind::Inert | Kind::Refused(_));
            assert_eq!(has_head, does_something, "{row:?}");
        }
        assert!(!page.contains('@'), "a placeholder is left");
    }

    #[test]
    fn an_option_has_its_spellings_and_what_it_does() {
        let row = rows().find(|row| row.short == Some('b')).unwrap();
        let expected = "\
            .It Fl b Ar SEC , Fl Fl blacklist Ar SEC\n\
            How long a failed server is left alone (30).\n\
            The command \\fBblacklist\\fP.\n";
        assert_eq!(super::row(row).as_deref(), Some(expected));
        let old = names(|kind| kind == Kind::Inert);
        assert!(old.starts_with(".Fl Z ,\n.Fl D ,\n") && old.ends_with(".Fl S\n"), "{old}");
    }
}
