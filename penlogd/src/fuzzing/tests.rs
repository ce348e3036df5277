use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;

const LINES: &str = include_str!("../../../fuzz/seeds/log_line.txt");
const DATAGRAMS: &str = include_str!("../../../fuzz/seeds/log_datagram.txt");

/// The seeds as `scripts/fuzz` takes them from a file: its lines, but for what it says about itself.
fn seeds(file: &'static str) -> Vec<&'static str> {
    file.lines().filter(|line| !line.starts_with("##")).collect()
}

/// Random bytes, or pieces of seeds one after the other with a few bytes changed.
fn input(file: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let piece = (select(seeds(file)), any::<Index>(), any::<Index>()).prop_map(|(seed, a, b)| {
        let (a, b) = (a.index(seed.len() + 1), b.index(seed.len() + 1));
        seed.as_bytes()[a.min(b)..a.max(b)].to_vec()
    });
    let whole = select(seeds(file)).prop_map(|seed| seed.as_bytes().to_vec());
    let separator = select(vec![" ", "\n", "\"", "\\", "]"]).prop_map(|text| text.as_bytes().to_vec());
    let pieces = vec(prop_oneof![piece, whole, separator], 1..6).prop_map(|pieces| pieces.concat());
    let changed = (pieces, vec((any::<Index>(), any::<u8>()), 0..4)).prop_map(|(mut bytes, changes)| {
        for (place, byte) in changes {
            let place = place.index(bytes.len() + 1);
            bytes.insert(place, byte);
        }
        bytes
    });
    prop_oneof![1 => vec(any::<u8>(), 0..200), 5 => changed]
}

#[test]
fn the_seeds_pass_every_target() {
    for seed in seeds(LINES) {
        log_line(seed.as_bytes());
    }
    for seed in seeds(DATAGRAMS) {
        log_datagram(seed.as_bytes());
    }
}

#[test]
fn long_lines_of_one_kind_pass() {
    for part in
        [" ", "\"", "\\", "[", "{\"a\":", "[\"", "1 ", "port=1 ", "<1>", "\"\\", ":", "\u{e9}", "x\" "]
    {
        let text = part.repeat(64 * 1024 / part.len());
        for begin in ["", "10.9.9.9 ", "{\"remote_addr\":\"10.9.9.9\",\"a\":", "10.9.9.9 - - [", "x \"GET\" "]
        {
            log_line([begin, &text].concat().as_bytes());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_line_is_taken(bytes in input(LINES)) {
        log_line(&bytes);
    }

    #[test]
    fn any_datagram_is_taken(bytes in input(DATAGRAMS)) {
        log_datagram(&bytes);
    }
}
