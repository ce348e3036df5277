//! What a unit costs each proxy, over what it costs pen: a group of bars for each case.

use super::chart::{Chart, colour};
use super::summary::{Summary, joined, short_number};
use crate::results::Results;

const WIDTH: f64 = 860.0;
/// Where bars begin, and how long that of pen is.
const LEFT: f64 = 220.0;
const ONE: f64 = 170.0;
/// Longer bars end here, and tell their length.
const MOST: f64 = 3.0;
const BAR: f64 = 11.0;

pub(super) fn draw(results: &Results) -> String {
    let mut chart = Chart::new(WIDTH, "Cost of a unit of work, with pen as 1 (less is better)");
    let names = names(results);
    chart.legend(46.0, &names);
    let mut bars = Chart::new(WIDTH, "");
    let mut y = 66.0;
    for scenario in &results.scenarios {
        for (number, case) in scenario.cases.iter().enumerate() {
            let summary = Summary::of(case, scenario.unit, (number > 0).then(|| &scenario.cases[0]));
            let shown: Vec<_> =
                summary.lines.iter().filter_map(|line| Some((line, line.over_pen?))).collect();
            if shown.len() < 2 {
                continue;
            }
            let height = shown.len() as f64 * BAR;
            let label = joined(&scenario.name, &case.label);
            bars.text(LEFT - 10.0, y + height / 2.0 + 4.0, "end", &label);
            for (line, ratio) in shown {
                let colour = colour(names.iter().position(|name| *name == line.name).unwrap_or(usize::MAX));
                let cost = line.cost.map(short_number).unwrap_or_default();
                let meaning = format!("{}: {cost} {}", line.name, scenario.unit.cost());
                bars.bar(colour, (LEFT, y), ratio.min(MOST) * ONE, BAR - 1.5, &meaning);
                let note = [short_number(ratio), complaint(&line.complaint())].concat();
                bars.text(LEFT + ratio.min(MOST) * ONE + 5.0, y + BAR - 2.0, "small", &note);
                y += BAR;
            }
            y += 9.0;
        }
    }
    for tick in 0..=3 {
        let x = LEFT + f64::from(tick) * ONE;
        chart.line(if tick == 1 { "axis" } else { "line" }, (x, 60.0), (x, y));
        chart.text(x, y + 14.0, "small middle", &tick.to_string());
    }
    chart.append(&bars);
    chart.finish(y + 24.0)
}

fn complaint(complaint: &str) -> String {
    if complaint.is_empty() { String::new() } else { format!(" ({complaint})") }
}

/// The proxies that are there at all, pen first.
pub(super) fn names(results: &Results) -> Vec<String> {
    let mut names = vec!["pen".to_owned()];
    let cases = results.scenarios.iter().flat_map(|scenario| &scenario.cases);
    for proxy in cases.flat_map(|case| &case.proxies) {
        if !names.contains(&proxy.name) {
            names.push(proxy.name.clone());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::chart::tests::expect_well_formed;
    use crate::report::summary::tests::{case, proxy};
    use crate::results::{About, ScenarioResults, Unit};

    fn results(proxies: &[(&str, f64)]) -> Results {
        let proxies = proxies.iter().map(|(name, cost)| proxy(name, &[*cost])).collect();
        let cases = vec![case(proxies)];
        let scenario =
            ScenarioResults { name: "ping".into(), about: String::new(), unit: Unit::Request, cases };
        Results { about: About::default(), scenarios: vec![scenario] }
    }

    #[test]
    fn bars_are_as_long_as_costs_and_end_before_the_edge() {
        let svg = draw(&results(&[("pen", 10.0), ("nginx", 20.0), ("<slow>", 900.0)]));
        expect_well_formed(&svg);
        assert!(svg.contains(&format!(r#"width="{ONE:.1}""#)), "{svg}");
        assert!(svg.contains(&format!(r#"width="{:.1}""#, ONE * 2.0)), "{svg}");
        assert!(svg.contains(&format!(r#"width="{:.1}""#, ONE * MOST)), "{svg}");
        assert!(svg.contains("&lt;slow&gt;") && svg.contains(">90.0<"), "{svg}");
    }

    #[test]
    fn nothing_is_drawn_of_pen_alone() {
        let svg = draw(&results(&[("pen", 10.0)]));
        expect_well_formed(&svg);
        assert!(!svg.contains(">ping<"), "{svg}");
    }
}
