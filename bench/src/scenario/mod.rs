//! The work: a row for each scenario, in the order in which they are shown.
//!
//! A new one is a row in `tcp`, `udp` or `growth`, with the function that does its work. What is measured is what stands in
//! [`Arena::metered`] or one of its companions; whatever the function does before that is preparation.

mod growth;
mod tcp;
mod udp;

use crate::Result;
use crate::arena::Arena;
use crate::proxy::Demands;
use crate::results::{Round, Unit};

/// What proxies are compared by.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// What it is called on the command line.
    pub name: &'static str,
    /// What is done, in a sentence.
    pub about: &'static str,
    /// What is counted.
    pub unit: Unit,
    /// How many of what there are, for scenarios that show what more of them cost. One case without a number: empty.
    pub counts: Counts,
    /// What the proxy must do.
    pub demands: fn(u32) -> Demands,
    /// The work.
    pub work: fn(&Arena, u32) -> Result<Round>,
}

/// The cases of a scenario: the first is the one with which the others are compared.
#[derive(Clone, Copy, Debug)]
pub enum Counts {
    /// There is only one.
    None,
    /// Numbers as they are, and what they count.
    Exactly(&'static [u32], &'static str),
    /// Numbers that follow the scale of the run.
    Scaled(&'static [u32], &'static str),
    /// One case, at a fixed rate: a share of what the slowest proxy is capable of.
    Rate(f64),
}

/// All of them.
pub fn all() -> impl Iterator<Item = Scenario> {
    [tcp::ROWS, udp::ROWS, growth::ROWS].into_iter().flatten().copied()
}

impl Scenario {
    /// Its cases: the number, and what they are called.
    pub fn cases(&self, scale: f64) -> Vec<(u32, String)> {
        let named = |count: u32, of: &str| {
            let of = if count == 1 { of.trim_end_matches('s') } else { of };
            (count, format!("{} {of}", grouped(count)))
        };
        match self.counts {
            Counts::None | Counts::Rate(_) => vec![(0, String::new())],
            Counts::Exactly(counts, of) => counts.iter().map(|count| named(*count, of)).collect(),
            Counts::Scaled(counts, of) => {
                counts.iter().map(|count| named(crate::arena::scaled(*count, scale), of)).collect()
            }
        }
    }
}

/// A number with commas, as 1,000,000.
pub fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_single_words_and_differ() {
        let mut seen = HashSet::new();
        for scenario in all() {
            assert!(
                scenario.name.chars().all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
            );
            assert!(seen.insert(scenario.name), "{} is there twice", scenario.name);
        }
    }

    #[test]
    fn cases_follow_the_scale_where_they_may() {
        let counts = |counts| Scenario { counts, ..all().next().unwrap() };
        assert_eq!(counts(Counts::None).cases(1.0), [(0, String::new())]);
        let servers = counts(Counts::Exactly(&[2, 1000], "servers"));
        assert_eq!(servers.cases(0.1), [(2, "2 servers".into()), (1000, "1,000 servers".into())]);
        let clients = counts(Counts::Scaled(&[1000, 1_000_000], "clients"));
        assert_eq!(clients.cases(0.1), [(100, "100 clients".into()), (100_000, "100,000 clients".into())]);
    }

    #[test]
    fn numbers_are_grouped_by_thousands() {
        let texts = [0, 999, 1000, 12_345, 1_000_000].map(grouped);
        assert_eq!(texts, ["0", "999", "1,000", "12,345", "1,000,000"]);
    }
}
