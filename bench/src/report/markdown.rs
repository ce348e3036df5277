//! The tables of a page in the documentation.

use std::fmt::Write;

use super::summary::{Line, Summary, joined, short_number};
use crate::results::{About, Results, ScenarioResults};

/// All of it: where it was measured, the charts if they are somewhere, a line for each case, and then everything.
pub(super) fn page(results: &Results, charts: Option<&str>) -> String {
    let mut text = about(&results.about);
    if let Some(charts) = charts {
        let _ = writeln!(text, "\n![What a unit costs each proxy, with pen as 1]({charts}/cost.svg)");
        let _ = writeln!(text, "\n![How long units take: median, 99 % and 99.9 %]({charts}/latency.svg)");
    }
    text.push_str("\n### At a glance\n\n");
    text.push_str(
        "| scenario | | pen | best peer | pen ÷ best peer | growth of pen |\n|---|---|---:|---:|---:|---:|\n",
    );
    results.scenarios.iter().for_each(|scenario| glance(&mut text, scenario));
    text.push_str("\n### Everything\n");
    results.scenarios.iter().for_each(|scenario| details(&mut text, scenario));
    text
}

fn about(about: &About) -> String {
    let versions: Vec<String> = about.versions.values().map(|version| escaped(version)).collect();
    let namespace =
        if about.isolated { "in a network namespace of its own" } else { "among the host's other traffic" };
    let load = about.load.map(|load| format!(", load average {load} before it began")).unwrap_or_default();
    let note = if about.note.is_empty() { String::new() } else { format!("\n{}\n", escaped(&about.note)) };
    format!(
        "Measured on {}: {} × {}, Linux {}, {} rounds, {} of the usual units, {namespace}{load}. With {}.\n{note}",
        about.date,
        about.cores,
        escaped(&about.processor),
        escaped(&about.kernel),
        about.rounds,
        if about.scale < 1.0 { format!("{} %", about.scale * 100.0) } else { "all".to_owned() },
        versions.join(", "),
    )
}

fn glance(text: &mut String, scenario: &ScenarioResults) {
    for (number, case) in scenario.cases.iter().enumerate() {
        let first = (number > 0).then(|| &scenario.cases[0]);
        let summary = Summary::of(case, scenario.unit, first);
        let Some(pen) = summary.lines.iter().find(|line| line.name == "pen") else { continue };
        let best = summary.lines.iter().find(|line| Some(&line.name) == summary.best_peer.as_ref());
        let best =
            best.map(|line| format!("{} ({})", shown(line.cost), escaped(&line.name))).unwrap_or_default();
        let name = if number == 0 { format!("`{}`", scenario.name) } else { String::new() };
        let label = joined(&escaped(&case.label), scenario.unit.cost());
        let _ = writeln!(
            text,
            "| {name} | {label} | {} | {best} | {} | {} |",
            shown(pen.cost),
            ratio(pen.ratio),
            ratio(pen.growth)
        );
    }
}

fn details(text: &mut String, scenario: &ScenarioResults) {
    let _ = writeln!(text, "\n`{}`: {}.", scenario.name, escaped(&scenario.about));
    for (number, case) in scenario.cases.iter().enumerate() {
        let first = (number > 0).then(|| &scenario.cases[0]);
        let rate = case.rate.map(|rate| format!("{rate:.0} requests/s")).unwrap_or_default();
        let _ = writeln!(
            text,
            "\n| {}{rate} | {} | from … to | ÷ best peer | growth | {} | p50 µs | p99 µs | p99.9 µs | MiB | |\n\
             |---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---|",
            escaped(&case.label),
            scenario.unit.cost(),
            scenario.unit.rate()
        );
        Summary::of(case, scenario.unit, first).lines.iter().for_each(|line| row(text, line));
    }
}

fn row(text: &mut String, line: &Line) {
    let spread = line.spread.map(|(least, most)| format!("{} … {}", short_number(least), short_number(most)));
    let [p50, p99, p999] = line.percentiles.map(shown);
    let _ = writeln!(
        text,
        "| {} | {} | {} | {} | {} | {} | {p50} | {p99} | {p999} | {} | {} |",
        escaped(&line.name),
        shown(line.cost),
        spread.unwrap_or_default(),
        ratio(line.ratio),
        ratio(line.growth),
        line.rate.map(|rate| format!("{rate:.0}")).unwrap_or_default(),
        line.memory.map(|bytes| format!("{:.1}", bytes / 1_048_576.0)).unwrap_or_default(),
        line.complaint(),
    );
}

fn shown(value: Option<f64>) -> String {
    value.map(short_number).unwrap_or_default()
}

fn ratio(value: Option<f64>) -> String {
    value.map(|ratio| format!("{ratio:.2}")).unwrap_or_default()
}

/// Text that ends no cell and begins no markup.
fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for letter in text.chars().filter(|letter| !letter.is_control()) {
        if "\\|<>`*_[]".contains(letter) {
            safe.push('\\');
        }
        safe.push(letter);
    }
    safe
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::summary::tests::{case, proxy};
    use crate::results::Unit;

    fn results() -> Results {
        let scenario = ScenarioResults {
            name: "ping".into(),
            about: "requests | answers".into(),
            unit: Unit::Request,
            cases: vec![
                case(vec![proxy("pen", &[9.0]), proxy("a|b", &[12.0])]),
                case(vec![proxy("pen", &[18.0])]),
            ],
        };
        let about =
            About { processor: "<fast>".into(), load: Some(1.5), note: "*busy*".into(), ..About::default() };
        Results { about, scenarios: vec![scenario] }
    }

    #[test]
    fn every_row_of_a_table_has_as_many_cells_as_its_head() {
        let text = page(&results(), Some("performance"));
        let mut columns = None;
        for line in text.lines() {
            let cells = line.replace("\\|", "").matches('|').count();
            match (line.starts_with('|'), columns) {
                (false, _) => columns = None,
                (true, None) => columns = Some(cells),
                (true, Some(columns)) => assert_eq!(cells, columns, "{line}"),
            }
        }
        assert!(text.contains("(performance/cost.svg)"));
    }

    #[test]
    fn the_glance_has_a_line_for_each_case_with_ratio_and_growth() {
        let text = page(&results(), None);
        assert!(text.contains("| `ping` | CPU µs/request | 9.00 | 12.0 (a\\|b) | 0.75 |  |"), "{text}");
        assert!(text.contains("|  | CPU µs/request | 18.0 |  |  | 2.00 |"), "{text}");
        assert!(!text.contains("svg"));
    }

    #[test]
    fn text_from_outside_is_harmless() {
        let text = page(&results(), None);
        assert!(
            text.contains("\\<fast\\>")
                && text.contains("\n\\*busy\\*\n")
                && text.contains("requests \\| answers"),
            "{text}"
        );
    }
}
