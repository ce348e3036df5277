//! The rounds of a case, condensed: medians, spread, and ours over the best peer.

use crate::results::{CaseResults, ProxyResults, Round, Unit};
use crate::statistics::{median, paired_ratios, spread};

/// The share of units that a peer may lose and still be the one that we are compared with.
const LOST_AT_MOST: f64 = 0.001;

/// A case.
#[derive(Clone, Debug)]
pub struct Summary {
    /// The proxies, in the order of the results.
    pub lines: Vec<Line>,
    /// The peer whose median cost is the least, of those who did all of the work.
    pub best_peer: Option<String>,
}

/// A proxy in a case. What was not measured is missing.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its name.
    pub name: String,
    /// Whether it is somebody else's.
    pub peer: bool,
    /// Median cost of a unit.
    pub cost: Option<f64>,
    /// Least and greatest cost.
    pub spread: Option<(f64, f64)>,
    /// Its cost over that of the best peer: the median of the ratios of rounds.
    pub ratio: Option<f64>,
    /// Its cost over that of pen, likewise.
    pub over_pen: Option<f64>,
    /// Its cost over its own in the first case of the scenario, likewise.
    pub growth: Option<f64>,
    /// Median throughput.
    pub rate: Option<f64>,
    /// Median of the 50th, 99th and 99.9th percentile, in microseconds.
    pub percentiles: [Option<f64>; 3],
    /// Median memory, in bytes.
    pub memory: Option<f64>,
    /// Units that were not done, in all rounds.
    pub lost: u64,
    /// Units that should have been done, in all rounds.
    pub wanted: u64,
    /// Rounds in which nothing could be measured.
    pub failed: usize,
}

impl Summary {
    /// Condenses a case. `first` is the first case of the scenario, if this is another one.
    pub fn of(case: &CaseResults, unit: Unit, first: Option<&CaseResults>) -> Summary {
        let mut lines: Vec<Line> = case.proxies.iter().map(|proxy| Line::of(proxy, unit)).collect();
        let candidates =
            lines.iter().filter(|line| line.peer && line.failed == 0 && line.has_done_its_work());
        let best = candidates
            .filter_map(|line| Some((line.cost?, line.name.clone())))
            .min_by(|one, other| one.0.total_cmp(&other.0))
            .map(|(_, name)| name);
        let costs = |case: &CaseResults, name: &str| {
            let proxy = case.proxies.iter().find(|proxy| proxy.name == name);
            proxy.map(|proxy| proxy.costs(unit)).unwrap_or_default()
        };
        for line in &mut lines {
            let own = costs(case, &line.name);
            let over = |other: &[Option<f64>]| median(paired_ratios(&own, other));
            line.ratio = best.as_ref().and_then(|best| over(&costs(case, best)));
            line.over_pen = over(&costs(case, "pen"));
            line.growth = first.and_then(|first| over(&costs(first, &line.name)));
        }
        Summary { lines, best_peer: best }
    }
}

impl Line {
    fn of(proxy: &ProxyResults, unit: Unit) -> Line {
        let of_rounds = |value: fn(&Round) -> Option<f64>| median(proxy.rounds.iter().filter_map(value));
        let costs = proxy.costs(unit);
        let measured = || proxy.rounds.iter().filter(|round| round.error.is_none());
        Line {
            name: proxy.name.clone(),
            peer: proxy.peer,
            cost: median(costs.iter().flatten().copied()),
            spread: spread(costs.iter().flatten().copied()),
            ratio: None,
            over_pen: None,
            growth: None,
            rate: median(proxy.rounds.iter().filter_map(|round| round.rate(unit))),
            percentiles: [
                of_rounds(|round| round.p50_us),
                of_rounds(|round| round.p99_us),
                of_rounds(|round| round.p999_us),
            ],
            memory: median(measured().map(|round| round.memory_bytes as f64)),
            lost: measured().map(|round| round.wanted.saturating_sub(round.done)).sum(),
            wanted: measured().map(|round| round.wanted).sum(),
            failed: proxy.rounds.len() - measured().count(),
        }
    }

    fn has_done_its_work(&self) -> bool {
        self.lost as f64 <= self.wanted as f64 * LOST_AT_MOST
    }

    /// What is to be said of units that were not done and rounds that failed; empty if there are none.
    pub fn complaint(&self) -> String {
        let mut parts = Vec::new();
        if self.lost > 0 {
            let share = self.lost as f64 / self.wanted as f64 * 100.0;
            let digits = if share < 0.1 { 3 } else { 1 };
            parts.push(format!("{share:.digits$} % lost"));
        }
        if self.failed > 0 {
            parts.push(format!("failed {} ×", self.failed));
        }
        parts.join(", ")
    }
}

impl ProxyResults {
    /// What a unit cost in each round.
    fn costs(&self, unit: Unit) -> Vec<Option<f64>> {
        self.rounds.iter().map(|round| round.cost(unit)).collect()
    }
}

/// Two texts with a comma between them, if there are two.
pub(super) fn joined(one: &str, other: &str) -> String {
    let texts: Vec<&str> = [one, other].into_iter().filter(|text| !text.is_empty()).collect();
    texts.join(", ")
}

/// A number with about three digits.
pub(super) fn short_number(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => format!("{value:.0}"),
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

#[cfg(test)]
#[allow(clippy::float_cmp)]
pub(super) mod tests {
    use super::*;

    /// A proxy whose units cost so many microseconds in each round.
    pub(in crate::report) fn proxy(name: &str, costs: &[f64]) -> ProxyResults {
        let round = |cost: &f64| Round {
            wanted: 1000,
            done: 1000,
            cpu_ns: (cost * 1e6) as u64,
            seconds: 0.1,
            memory_bytes: 3 << 20,
            p50_us: Some(100.0),
            p99_us: Some(200.0),
            p999_us: Some(1500.0),
            ..Round::default()
        };
        ProxyResults { name: name.into(), peer: name != "pen", rounds: costs.iter().map(round).collect() }
    }

    pub(in crate::report) fn case(proxies: Vec<ProxyResults>) -> CaseResults {
        CaseResults { label: String::new(), rate: None, proxies }
    }

    #[test]
    fn pen_is_compared_with_the_best_peer_round_by_round() {
        let case = case(vec![
            proxy("pen", &[9.0, 20.0, 6.0]),
            proxy("haproxy", &[10.0, 40.0, 10.0]),
            proxy("nginx", &[30.0, 30.0, 30.0]),
        ]);
        let summary = Summary::of(&case, Unit::Request, None);
        assert_eq!(summary.best_peer.as_deref(), Some("haproxy"));
        let pen = &summary.lines[0];
        assert_eq!((pen.cost, pen.spread), (Some(9.0), Some((6.0, 20.0))));
        assert_eq!(pen.ratio, Some(0.6));
        assert_eq!(summary.lines[1].ratio, Some(1.0));
        assert_eq!(summary.lines[2].over_pen, Some(30.0 / 9.0));
    }

    #[test]
    fn who_lost_units_or_rounds_is_not_the_best_peer_and_says_so() {
        let mut lossy = proxy("old-pen", &[1.0, 1.0]);
        lossy.rounds[0].done = 900;
        let mut broken = proxy("haproxy", &[1.0, 1.0]);
        broken.rounds[1] = Round { error: Some("haproxy ended at once".into()), ..Round::default() };
        let case = case(vec![proxy("pen", &[5.0, 5.0]), lossy, broken, proxy("nginx", &[6.0, 6.0])]);
        let summary = Summary::of(&case, Unit::Request, None);
        assert_eq!(summary.best_peer.as_deref(), Some("nginx"));
        let complaints: Vec<String> = summary.lines.iter().map(Line::complaint).collect();
        assert_eq!(complaints, ["", "5.0 % lost", "failed 1 ×", ""]);
    }

    #[test]
    fn growth_is_over_the_first_case_of_the_same_proxy() {
        let few = case(vec![proxy("pen", &[4.0, 8.0, 5.0])]);
        let many = case(vec![proxy("pen", &[6.0, 8.0, 10.0])]);
        assert_eq!(Summary::of(&many, Unit::Request, Some(&few)).lines[0].growth, Some(1.5));
        assert_eq!(Summary::of(&few, Unit::Request, None).lines[0].growth, None);
    }

    #[test]
    fn pen_alone_has_no_peer() {
        let summary = Summary::of(&case(vec![proxy("pen", &[4.0])]), Unit::Request, None);
        assert_eq!((summary.best_peer, summary.lines[0].ratio), (None, None));
    }
}
