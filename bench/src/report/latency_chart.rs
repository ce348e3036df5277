//! How long units take: for each proxy a line from the median over 99 % to 99.9 %, on a logarithmic axis.

use super::chart::{Chart, colour};
use super::cost_chart::names;
use super::summary::{Summary, short_number};
use crate::results::{CaseResults, Results, ScenarioResults};

/// The scenarios that are shown, if they were measured.
const SHOWN: [&str; 5] = ["latency", "ping", "short", "tlsshort", "udpflow"];
const WIDTH: f64 = 860.0;
const LEFT: f64 = 130.0;
const RIGHT: f64 = 810.0;
const ROW: f64 = 17.0;

pub(super) fn draw(results: &Results) -> String {
    let mut chart =
        Chart::new(WIDTH, "How long units take: median, 99 % and 99.9 % of them, µs (less is better)");
    let names = names(results);
    chart.legend(46.0, &names);
    let shown: Vec<(&ScenarioResults, &CaseResults, Summary)> = SHOWN
        .iter()
        .filter_map(|name| results.scenarios.iter().find(|scenario| scenario.name == *name))
        .filter_map(|scenario| {
            let case = scenario.cases.first()?;
            Some((scenario, case, Summary::of(case, scenario.unit, None)))
        })
        .collect();
    let values =
        || shown.iter().flat_map(|(.., summary)| &summary.lines).flat_map(|line| line.percentiles).flatten();
    let axis = Axis::around(values());
    let rows: usize = shown.iter().map(|(.., summary)| summary.lines.len()).sum();
    let bottom = 66.0 + rows as f64 * ROW + shown.len() as f64 * 12.0;
    for decade in axis.decades() {
        let x = axis.place(decade);
        chart.line("line", (x, 58.0), (x, bottom));
        chart.text(x, bottom + 14.0, "small middle", &format!("{decade:.0}"));
    }
    let mut y = 66.0;
    for (scenario, case, summary) in &shown {
        let height = summary.lines.len() as f64 * ROW;
        chart.text(LEFT - 12.0, y + height / 2.0, "end", &scenario.name);
        if let Some(rate) = case.rate {
            chart.text(LEFT - 12.0, y + height / 2.0 + 13.0, "small end", &format!("{rate:.0}/s"));
        }
        for line in &summary.lines {
            let class = colour(names.iter().position(|name| *name == line.name).unwrap_or(usize::MAX));
            if let [Some(p50), Some(p99), Some(p999)] = line.percentiles {
                let at = |value| (axis.place(value), y + ROW / 2.0);
                chart.line(class, at(p50), at(p999));
                for (value, radius, what) in [(p50, 4.0, "median"), (p99, 3.2, "99 %"), (p999, 2.4, "99.9 %")]
                {
                    let meaning = format!("{}, {what}: {} µs", line.name, short_number(value));
                    chart.dot(class, at(value), radius, &meaning);
                }
            }
            y += ROW;
        }
        y += 12.0;
    }
    chart.finish(bottom + 24.0)
}

/// Where microseconds stand.
struct Axis {
    least: f64,
    most: f64,
}

impl Axis {
    /// Whole decades that have room for these.
    fn around(values: impl Iterator<Item = f64>) -> Axis {
        let logs: Vec<f64> = values.filter(|value| *value > 0.0).map(f64::log10).collect();
        let least = logs.iter().copied().fold(f64::INFINITY, f64::min);
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if logs.is_empty() {
            return Axis { least: 1.0, most: 4.0 };
        }
        Axis { least: least.floor(), most: most.ceil().max(least.floor() + 1.0) }
    }

    fn place(&self, value: f64) -> f64 {
        LEFT + (value.max(0.001).log10() - self.least) / (self.most - self.least) * (RIGHT - LEFT)
    }

    fn decades(&self) -> impl Iterator<Item = f64> {
        (self.least as i32..=self.most as i32).map(|decade| 10_f64.powi(decade))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::chart::tests::expect_well_formed;
    use crate::report::summary::tests::{case, proxy};
    use crate::results::{About, Unit};

    fn results(proxies: Vec<crate::results::ProxyResults>) -> Results {
        let cases = vec![CaseResults { rate: Some(5000.0), ..case(proxies) }];
        let scenario =
            ScenarioResults { name: "latency".into(), about: String::new(), unit: Unit::Request, cases };
        Results { about: About::default(), scenarios: vec![scenario] }
    }

    #[test]
    fn each_proxy_has_three_dots_on_a_line() {
        let svg = draw(&results(vec![proxy("pen", &[1.0]), proxy("nginx", &[1.0])]));
        expect_well_formed(&svg);
        assert_eq!(svg.matches("<circle").count(), 6);
        assert!(svg.contains("pen, 99.9 %: 1500 µs") && svg.contains(">5000/s<"), "{svg}");
    }

    #[test]
    fn without_times_the_axis_is_there_all_the_same() {
        let mut silent = proxy("pen", &[1.0]);
        silent.rounds[0].p50_us = None;
        let svg = draw(&results(vec![silent]));
        expect_well_formed(&svg);
        assert_eq!(svg.matches("<circle").count(), 0);
        expect_well_formed(&draw(&Results { about: About::default(), scenarios: Vec::new() }));
    }
}
