//! The commands for pen.conf(5), rendered from the table.

use super::{FAMILIES, Family, Row, Scope, When};
use crate::mdoc;

/// All commands as mdoc(7), a subsection for each family.
pub fn manual() -> String {
    FAMILIES.iter().map(family).collect()
}

fn family(family: &Family) -> String {
    let rows: String = family.rows.iter().map(row).collect();
    format!(".Ss {}\n.Bl -tag -width Ds\n{rows}.El\n", family.title)
}

fn row(row: &Row) -> String {
    let (about, _) = row.about_and_default();
    if row.is_ignored() {
        return format!(".It {}\n{}", head(row), mdoc::prose(&format!("{about}.")));
    }
    let details = mdoc::paragraphs(row.details);
    let details = if details.is_empty() { details } else { format!(".Pp\n{details}") };
    format!(".It {}\n{}{details}.Pp\n{}", head(row), mdoc::prose(&format!("{about}.")), properties(row))
}

/// The command's forms.
fn head(row: &Row) -> String {
    let usage = mdoc::usage(&row.usage());
    match row.negated_usage() {
        None => usage,
        Some(negated) if negated == format!("no {}", row.usage()) => format!("Oo Cm no Oc {usage}"),
        Some(negated) => format!("{usage} , {}", mdoc::usage(&negated)),
    }
}

/// Default, range, scope, and when it can be given if that is not always.
fn properties(row: &Row) -> String {
    let default = row.default().map(|default| format!("Default: {default}."));
    let range = row.range().map(|range| format!("Range: {} to {}.", range.start(), range.end()));
    let scope = match row.scope {
        Scope::Process => "Scope: process.",
        Scope::Service => "Scope: service.",
    };
    let when = match row.when {
        When::Live => None,
        When::AtStart => Some("Only at start.".to_owned()),
    };
    let properties = [default, range, Some(scope.to_owned()), when];
    mdoc::prose(&properties.into_iter().flatten().collect::<Vec<_>>().join(" "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::{Form, Number};

    #[test]
    fn the_manual_names_every_command_once() {
        let text = manual();
        for row in FAMILIES.iter().flat_map(|family| family.rows) {
            let head = format!(".It {}\n", head(row));
            assert_eq!(text.matches(&head).count(), 1, "{}", row.name);
        }
    }

    #[test]
    fn forms_share_a_line() {
        let head = |name| head(Row::find(name).unwrap());
        assert_eq!(head("pid"), "Cm pid");
        assert_eq!(head("hash"), "Oo Cm no Oc Cm hash");
        assert_eq!(head("source"), "Cm source Ar IP , Cm no Cm source");
    }

    #[test]
    fn a_command_has_its_forms_its_story_and_its_properties() {
        let backlog = Row {
            name: "backlog",
            args: "[N]",
            form: Form::Number(Number::Backlog, 50..=100),
            scope: Scope::Service,
            when: When::AtStart,
            about: "So many may wait (500)",
            details: "More. `no acl N` too.",
        };
        let expected = "\
            .It Cm backlog Oo Ar N Oc\n\
            So many may wait.\n\
            .Pp\n\
            More.\n\
            \\fBno\\fP \\fBacl\\fP \\fIN\\fP too.\n\
            .Pp\n\
            Default: 500.\n\
            Range: 50 to 100.\n\
            Scope: service.\n\
            Only at start.\n";
        assert_eq!(row(&backlog), expected);
    }
}
