//! A scenario as it is shown when it is over.

use std::fmt::Write;

use super::summary::{Line, Summary, short_number};
use crate::results::ScenarioResults;

/// The table of a scenario.
pub fn scenario(results: &ScenarioResults) -> String {
    let mut text = format!("\n{}: {}\n", results.name, results.about);
    for (number, case) in results.cases.iter().enumerate() {
        let first = (number > 0).then(|| &results.cases[0]);
        let summary = Summary::of(case, results.unit, first);
        let rate = case.rate.map(|rate| format!("{rate:.0} requests/s")).unwrap_or_default();
        let label = [case.label.as_str(), &rate].concat();
        let _ = writeln!(
            text,
            "  {label:16} {:>17} {:>17} {:>8} {:>8} {:>9} {:>8} {:>8} {:>8} {:>8}",
            results.unit.cost(),
            "from … to",
            "of best",
            if first.is_some() { "growth" } else { "" },
            results.unit.rate(),
            "p50 µs",
            "p99 µs",
            "p99.9 µs",
            "MiB",
        );
        for line in &summary.lines {
            row(&mut text, line, summary.best_peer.as_deref());
        }
    }
    text
}

fn row(text: &mut String, line: &Line, best: Option<&str>) {
    let shown = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), short_number);
    let ratio = |value: Option<f64>| value.map(|ratio| format!("{ratio:.2}")).unwrap_or_default();
    let spread = line.spread.map(|(least, most)| format!("{} … {}", short_number(least), short_number(most)));
    let [p50, p99, p999] = line.percentiles.map(shown);
    let name = if best == Some(&line.name) { format!("{} *", line.name) } else { line.name.clone() };
    let memory = line.memory.map_or_else(|| "-".to_owned(), |bytes| format!("{:.1}", bytes / 1_048_576.0));
    let rate = line.rate.map_or_else(|| "-".to_owned(), |rate| format!("{rate:.0}"));
    let _ = writeln!(
        text,
        "    {name:14} {:>17} {:>17} {:>8} {:>8} {rate:>9} {p50:>8} {p99:>8} {p999:>8} {memory:>8}  {}",
        shown(line.cost),
        spread.unwrap_or_default(),
        ratio(line.ratio),
        ratio(line.growth),
        line.complaint(),
    );
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::summary::tests::{case, proxy};
    use crate::results::Unit;

    #[test]
    fn each_proxy_has_a_line_and_the_best_peer_a_star() {
        let results = ScenarioResults {
            name: "ping".into(),
            about: "requests".into(),
            unit: Unit::Request,
            cases: vec![case(vec![proxy("pen", &[9.0]), proxy("nginx", &[12.0])])],
        };
        let text = scenario(&results);
        assert!(text.starts_with("\nping: requests\n"), "{text}");
        let lines: Vec<&str> = text.lines().skip(3).collect();
        assert!(
            lines[0].contains("pen  ") && lines[0].contains("9.00") && lines[0].contains("0.75"),
            "{text}"
        );
        assert!(lines[1].contains("nginx *") && lines[1].contains("1.00"), "{text}");
    }
}
