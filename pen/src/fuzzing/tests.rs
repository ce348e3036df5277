use std::collections::BTreeSet;

use common::command::FAMILIES;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use super::*;
use crate::cli::{self, Request};

/// A target and its seeds.
type Target = (fn(&[u8]), &'static str);

const ACCESS_LIST: Target = (access_list, include_str!("../../../fuzz/seeds/access_list.txt"));
const ADDRESS: Target = (address, include_str!("../../../fuzz/seeds/address.txt"));
const COMMAND: Target = (command, include_str!("../../../fuzz/seeds/command.txt"));
const COMMAND_LINE: Target = (command_line, include_str!("../../../fuzz/seeds/command_line.txt"));
const CONTROL_LINE: Target = (control_line, include_str!("../../../fuzz/seeds/control_line.txt"));
const REQUEST: Target = (request, include_str!("../../../fuzz/seeds/request.txt"));

const CONFIGS: [&str; 5] = [
    include_str!("../../../fuzz/seeds/config/everything.cfg"),
    include_str!("../../../fuzz/seeds/config/removed_service.cfg"),
    include_str!("../../../fuzz/seeds/config/several_services.cfg"),
    include_str!("../../../fuzz/seeds/config/udp.cfg"),
    include_str!("../../../fuzz/seeds/config/written_by_0_34_1.cfg"),
];

const PROBES: [&[u8]; 15] = [
    include_bytes!("../../../fuzz/seeds/probe/agent_http"),
    include_bytes!("../../../fuzz/seeds/probe/agent_load"),
    include_bytes!("../../../fuzz/seeds/probe/agent_words"),
    include_bytes!("../../../fuzz/seeds/probe/dialogue"),
    include_bytes!("../../../fuzz/seeds/probe/dns_address"),
    include_bytes!("../../../fuzz/seeds/probe/dns_refused"),
    include_bytes!("../../../fuzz/seeds/probe/dns_servfail"),
    include_bytes!("../../../fuzz/seeds/probe/http_chunks"),
    include_bytes!("../../../fuzz/seeds/probe/http_interim"),
    include_bytes!("../../../fuzz/seeds/probe/http_length"),
    include_bytes!("../../../fuzz/seeds/probe/http_status"),
    include_bytes!("../../../fuzz/seeds/probe/rdp_confirm"),
    include_bytes!("../../../fuzz/seeds/probe/rdp_failure"),
    include_bytes!("../../../fuzz/seeds/probe/rdp_plain"),
    include_bytes!("../../../fuzz/seeds/probe/tls_alert"),
];

const PROXY_HEADERS: [&[u8]; 11] = [
    include_bytes!("../../../fuzz/seeds/proxy_header/block_checksum"),
    include_bytes!("../../../fuzz/seeds/proxy_header/block_extensions"),
    include_bytes!("../../../fuzz/seeds/proxy_header/block_local"),
    include_bytes!("../../../fuzz/seeds/proxy_header/block_tcp4"),
    include_bytes!("../../../fuzz/seeds/proxy_header/block_tcp6"),
    include_bytes!("../../../fuzz/seeds/proxy_header/block_tls"),
    include_bytes!("../../../fuzz/seeds/proxy_header/block_unix"),
    include_bytes!("../../../fuzz/seeds/proxy_header/block_unknown"),
    include_bytes!("../../../fuzz/seeds/proxy_header/line_tcp4"),
    include_bytes!("../../../fuzz/seeds/proxy_header/line_tcp6"),
    include_bytes!("../../../fuzz/seeds/proxy_header/line_unknown"),
];

const CLIENT_HELLOS: [&[u8]; 4] = [
    include_bytes!("../../../fuzz/seeds/client_hello/named"),
    include_bytes!("../../../fuzz/seeds/client_hello/nameless"),
    include_bytes!("../../../fuzz/seeds/client_hello/in_records"),
    include_bytes!("../../../fuzz/seeds/client_hello/oldest"),
];

const RDP_REQUESTS: [&[u8]; 6] = [
    include_bytes!("../../../fuzz/seeds/rdp_request/broker"),
    include_bytes!("../../../fuzz/seeds/rdp_request/domain"),
    include_bytes!("../../../fuzz/seeds/rdp_request/longest"),
    include_bytes!("../../../fuzz/seeds/rdp_request/nobody"),
    include_bytes!("../../../fuzz/seeds/rdp_request/token"),
    include_bytes!("../../../fuzz/seeds/rdp_request/user"),
];

const DICTIONARY: &str = include_str!("../../../fuzz/words.dict");

/// The seeds as `scripts/fuzz` takes them from a file: its lines, but for what it says about itself.
fn seeds(file: &'static str) -> Vec<&'static str> {
    file.lines().filter(|line| !line.starts_with("##")).collect()
}

fn try_seeds((target, file): Target) {
    for seed in seeds(file) {
        target(seed.as_bytes());
    }
}

/// Random bytes, or pieces of seeds one after the other with a few bytes changed.
fn input(file: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let piece = (select(seeds(file)), any::<Index>(), any::<Index>()).prop_map(|(seed, a, b)| {
        let (a, b) = (a.index(seed.len() + 1), b.index(seed.len() + 1));
        seed.as_bytes()[a.min(b)..a.max(b)].to_vec()
    });
    let whole = select(seeds(file)).prop_map(|seed| seed.as_bytes().to_vec());
    let separator = select(vec![" ", "\n", ",", ";", ":"]).prop_map(|text| text.as_bytes().to_vec());
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

/// Seeds with a few bytes changed and something behind them.
fn changed(seeds: &[&'static [u8]]) -> impl Strategy<Value = Vec<u8>> + use<> {
    let changes = vec((any::<Index>(), any::<u8>()), 0..4);
    let behind = vec(any::<u8>(), 0..20);
    (select(seeds.to_vec()), changes, behind).prop_map(|(seed, changes, behind)| {
        let mut bytes = [seed, &behind].concat();
        for (place, byte) in changes {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        bytes
    })
}

/// Lines of configurations, and now and then any command, which is mostly wrong and ends the file.
fn configuration() -> impl Strategy<Value = String> {
    let right: Vec<_> = CONFIGS.iter().flat_map(|text| text.lines()).collect();
    let line = prop_oneof![20 => select(right), 1 => select(seeds(COMMAND.1))];
    vec(line, 0..40).prop_map(|lines| lines.join("\n"))
}

#[test]
fn the_seeds_pass_every_target() {
    [ACCESS_LIST, ADDRESS, COMMAND, COMMAND_LINE, CONTROL_LINE, REQUEST].into_iter().for_each(try_seeds);
    PROBES.into_iter().for_each(probe);
    PROXY_HEADERS.into_iter().for_each(proxy_header);
    CLIENT_HELLOS.into_iter().for_each(client_hello);
    RDP_REQUESTS.into_iter().for_each(rdp_request);
}

#[test]
fn the_configurations_among_the_seeds_are_right() {
    for text in CONFIGS {
        assert_eq!(config::read(text, &mut config::starting()), Ok(()));
    }
}

#[test]
fn every_command_is_a_seed() {
    let first = |line: &'static str| line.strip_prefix("no ").unwrap_or(line).split(' ').next();
    let seeds: BTreeSet<_> = seeds(COMMAND.1).into_iter().filter_map(first).collect();
    for row in FAMILIES.iter().flat_map(|family| family.rows) {
        assert!(seeds.contains(row.name), "fuzz/seeds/command.txt lacks {}", row.name);
    }
}

#[test]
fn the_dictionary_has_every_command_and_option() {
    let words: BTreeSet<&str> =
        DICTIONARY.lines().filter_map(|line| line.strip_prefix('"')?.strip_suffix('"')).collect();
    let commands = FAMILIES.iter().flat_map(|family| family.rows).map(|row| row.name.to_owned());
    let Ok(Request::Print(help)) = cli::parse(["--help".into()]) else { panic!("pen has no help") };
    let columns = help.lines().filter(|line| line.starts_with("  ")).filter_map(|line| line.get(..36));
    let options = columns.flat_map(|options| options.split([' ', ','])).filter(|word| word.starts_with('-'));
    for word in commands.chain(options.map(str::to_owned)) {
        assert!(words.contains(&*word), "fuzz/words.dict lacks {word}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_access_list_is_taken(bytes in input(ACCESS_LIST.1)) {
        access_list(&bytes);
    }

    #[test]
    fn any_address_is_taken(bytes in input(ADDRESS.1)) {
        address(&bytes);
    }

    #[test]
    fn any_command_is_taken(bytes in input(COMMAND.1)) {
        command(&bytes);
    }

    #[test]
    fn any_command_line_is_taken(bytes in input(COMMAND_LINE.1)) {
        command_line(&bytes);
    }

    #[test]
    fn any_control_line_is_taken(bytes in input(CONTROL_LINE.1)) {
        control_line(&bytes);
    }

    #[test]
    fn any_answer_to_a_check_is_taken(bytes in changed(&PROBES)) {
        probe(&bytes);
    }

    #[test]
    fn any_proxy_header_is_taken(bytes in changed(&PROXY_HEADERS)) {
        proxy_header(&bytes);
    }

    #[test]
    fn any_client_hello_is_taken(bytes in changed(&CLIENT_HELLOS)) {
        client_hello(&bytes);
    }

    #[test]
    fn any_rdp_request_is_taken(bytes in changed(&RDP_REQUESTS)) {
        rdp_request(&bytes);
    }

    #[test]
    fn any_request_is_taken(bytes in input(REQUEST.1)) {
        request(&bytes);
    }

    #[test]
    fn any_file_is_taken(text in configuration()) {
        config(text.as_bytes());
    }
}
