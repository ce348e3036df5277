//! The help texts, rendered from the table.

use super::{FAMILIES, Row, Scope, When};

/// All commands, a line each, grouped by family.
pub fn help() -> String {
    let families = FAMILIES.iter().map(|family| {
        let rows: String = family.rows.iter().map(summary).collect();
        format!("{}:\n{rows}\n", family.title)
    });
    families.chain(["'help COMMAND' tells more about a command.\n".to_owned()]).collect()
}

impl Row {
    /// The help text of this command: its forms, what it does, what it speaks of, when it can be given.
    pub fn help(&self) -> String {
        let forms = match self.negated_usage() {
            Some(negated) => format!("{}\n{negated}", self.usage()),
            None => self.usage(),
        };
        let details: String = self.details.lines().map(paragraph).collect();
        let details = if details.is_empty() { details } else { format!("\n{details}\n") };
        let range = match self.range() {
            Some(range) => format!("{} to {}; ", range.start(), range.end()),
            None => String::new(),
        };
        let scope = match self.scope {
            Scope::Process => "the whole process",
            Scope::Service => "one service",
        };
        let effect = match self.when {
            When::Live => "at any time",
            When::AtStart => "only at start",
        };
        format!("{forms}\n    {}\n{details}    ({range}for {scope}, {effect})\n", self.about)
    }
}

/// A paragraph of details in lines that fit a terminal; an item of a list hangs.
fn paragraph(text: &str) -> String {
    const WIDTH: usize = 78;
    let hanging = if text.starts_with("* ") { "      " } else { "    " };
    let text = text.replace('`', "'");
    let mut lines = vec!["   ".to_owned()];
    for word in text.split(' ') {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= WIDTH => line.extend([" ", word]),
            _ => lines.push(format!("{hanging}{word}")),
        }
    }
    lines.join("\n") + "\n"
}

/// `usage  about` in two columns; of several forms, each has a line, and so has one that is too long.
fn summary(row: &Row) -> String {
    const COLUMN: usize = 30;
    let usage = match row.negated_usage() {
        None => row.usage(),
        Some(negated) if negated == format!("no {}", row.usage()) => format!("[no] {}", row.usage()),
        Some(negated) => format!("{}\n  {negated}", row.usage()),
    };
    let last = usage.lines().next_back().unwrap_or_default().trim_start();
    let gap = match last.len() {
        ..COLUMN => " ".repeat(COLUMN - last.len()),
        COLUMN.. => format!("\n  {}", " ".repeat(COLUMN)),
    };
    format!("  {usage}{gap}{}\n", row.about)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn help_names_every_command() {
        let text = help();
        for row in FAMILIES.iter().flat_map(|family| family.rows) {
            assert!(text.contains(&format!(" {}", row.usage())), "{}", row.name);
            assert!(text.contains(row.about), "{}", row.name);
        }
        assert!(text.lines().all(|line| line.trim_end() == line));
    }

    #[test]
    fn help_on_a_command_shows_its_forms_and_what_it_does() {
        let help = |name| Row::find(name).unwrap().help();
        assert_eq!(
            help("help"),
            "help [COMMAND]\n    Explains a command, or lists them all\n    (for the whole process, at any time)\n"
        );
        assert!(help("backlog").ends_with("\n    (50 to 65535; for one service, at any time)\n"));
        assert!(help("acl").starts_with("acl N permit|deny ADDR[/LEN] [MASK]\nno acl N\n    "));
        assert!(help("threads").ends_with("(for the whole process, only at start)\n"));
    }

    #[test]
    fn details_are_wrapped_and_items_hang() {
        let words = "word ".repeat(20);
        let text = paragraph(&format!("* html: `{}", words.trim_end()));
        assert!(text.starts_with("    * html: 'word word"), "{text}");
        assert_eq!(text.lines().nth(1).map(|line| &line[..10]), Some("      word"));
        for row in FAMILIES.iter().flat_map(|family| family.rows) {
            assert!(
                row.help().lines().all(|line| line.len() <= 110 && line.trim_end() == line),
                "{}",
                row.help()
            );
        }
    }
}
