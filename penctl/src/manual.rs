//! penctl(1), with its options, and pen.conf(5), with the commands: templates, and what the tables say.

use common::command;
use common::mdoc::{fill, paragraphs, usage};

use crate::generate::KINDS;
use crate::options::{Flag, OPTIONS, Row};
use crate::report;

/// penctl(1), as mdoc(7).
pub fn penctl() -> String {
    let options = OPTIONS.iter().map(option).collect();
    fill(include_str!("../../man/penctl.1.in"), &[("OPTIONS", options)])
}

/// pen.conf(5), as mdoc(7).
pub fn pen_conf() -> String {
    fill(include_str!("../../man/pen.conf.5.in"), &[("COMMANDS", command::manual())])
}

fn option(row: &Row) -> String {
    let text = format!("{}. {}", row.about, details(row.flag));
    format!(".It {}\n{}", head(row), paragraphs(text.trim_end()))
}

/// `--name VALUE`, as arguments of a macro.
fn head(row: &Row) -> String {
    let value = row.value.map_or(String::new(), |value| format!(" {}", usage(value)));
    format!("Fl Fl {}{value}", row.name.trim_start_matches('-'))
}

/// What the manual adds to the one line of `--help`.
fn details(flag: Flag) -> String {
    match flag {
        Flag::Json => format!(
            "It goes with {}, also after `service NAME`. The fields are those of `status json`; \
             a terminal gets it indented.",
            report::COMMANDS
        ),
        Flag::Table => "It goes with the same commands.".to_owned(),
        Flag::Generate => KINDS.iter().flat_map(|kind| ["\n* ", kind.name, ": ", kind.about]).collect(),
        Flag::Help | Flag::Version => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn penctls_page_has_every_option_and_kind() {
        let page = penctl();
        for row in OPTIONS {
            assert!(page.contains(&format!(".It {}\n", head(row))), "{}", row.name);
        }
        for kind in KINDS {
            assert!(page.contains(&format!("\n{}\n", kind.about)), "{}", kind.name);
        }
    }

    #[test]
    fn no_placeholder_is_left() {
        for page in [penctl(), pen_conf()] {
            assert!(page.lines().all(|line| !line.starts_with('@')), "{page}");
        }
    }
}
