use std::fs;
use std::time::Duration;

use super::*;
use crate::engine::time::Tick;
use crate::settings::draft::{Effect, Stage};
use crate::settings::file;
use crate::settings::testing::{ChangingNames, environment_with, initial_settings, next, run};

/// Servers and their names, in drafts that follow each other as a running pen's.
struct Rig {
    names: ChangingNames,
    draft: Option<Draft>,
}

impl Rig {
    fn new(known: &[(&str, &[&str])], lines: &[&str]) -> Rig {
        let names = ChangingNames::default();
        for (host, addresses) in known {
            names.set(host, addresses);
        }
        let environment = environment_with(names.clone(), false);
        let mut draft = Draft::new(initial_settings(), Stage::Start, environment);
        run(&mut draft, lines);
        Rig { names, draft: Some(next(draft)) }
    }

    fn draft(&mut self) -> &mut Draft {
        self.draft.as_mut().unwrap()
    }

    /// Looks all names up again: what is told of it, and the effects.
    fn round(&mut self) -> (Vec<String>, Vec<Effect>) {
        let mut draft = self.draft.take().unwrap();
        let answers = look_up(names(draft.settings()), &self.names);
        let moves = take_in(&mut draft, &answers).iter().map(ToString::to_string).collect();
        let environment = Arc::clone(&draft.environment);
        let settings = draft.settings().clone();
        let effects = draft.finish().map_or(Vec::new(), |(_, effects)| effects);
        self.draft = Some(Draft::new(settings, Stage::Live, environment));
        (moves, effects)
    }

    fn server(&mut self, slot: usize) -> Arc<Server> {
        Arc::clone(self.draft().service().servers[slot].as_ref().unwrap())
    }

    fn addresses(&mut self) -> Vec<String> {
        let servers = self.draft().service().servers.iter().flatten();
        servers.map(|server| server.address().to_string()).collect()
    }
}

#[test]
fn a_name_with_another_address_takes_its_server_along_with_all_that_it_has() {
    let line = "server 2 name web address www1 port 81 max 5 hard 6 weight 7 prio 8 acl 9";
    let mut rig = Rig::new(&[("www1", &["10.0.0.1"])], &[line]);
    let before = rig.server(2);
    rig.names.set("www1", &["2001:db8::1", "10.0.0.9"]);
    let (told, effects) = rig.round();
    assert_eq!(told, ["server 2 of default: www1 is now at 2001:db8::1"]);
    assert!(matches!(&effects[..], [Effect::Moved(state)] if Arc::ptr_eq(state, &before.state)));
    let after = rig.server(2);
    assert_eq!(after.address().to_string(), "[2001:db8::1]:81");
    assert!(Arc::ptr_eq(&after.state, &before.state));
    assert_ne!(after.hash_seed(), before.hash_seed());
    let rest = |server: &Server| {
        let Server { name, host, acl, max, hard, weight, prio, .. } = server.clone();
        (name, host, acl, max, hard, weight, prio)
    };
    assert_eq!(rest(&after), rest(&before));
}

#[test]
fn an_address_that_is_still_among_the_answers_stays_and_nothing_is_published() {
    let mut rig = Rig::new(&[("www1", &["10.0.0.1"])], &["server 0 address www1 port 80"]);
    rig.names.set("www1", &["10.0.0.2", "10.0.0.1"]);
    let mut draft = rig.draft.take().unwrap();
    let answers = look_up(names(draft.settings()), &rig.names);
    assert!(take_in(&mut draft, &answers).is_empty());
    assert!(draft.finish().is_none());
}

#[test]
fn a_look_up_that_fails_moves_nobody() {
    let mut rig = Rig::new(&[("www1", &["10.0.0.1"])], &["server 0 address www1 port 80"]);
    rig.names.set("www1", &[]);
    assert!(rig.round().0.is_empty());
    assert_eq!(rig.addresses(), ["10.0.0.1:80"]);
}

#[test]
fn servers_of_one_name_keep_their_own_addresses_and_share_the_new_ones() {
    let mut rig = Rig::new(&[], &[]);
    // As if each of them had met the name when it had another address.
    for (slot, address) in ["10.0.0.1", "10.0.0.2", "10.0.0.3"].into_iter().enumerate() {
        rig.names.set("www", &[address]);
        run(rig.draft(), &[&format!("server {slot} address www port 80")]);
        assert_eq!(rig.addresses()[slot], format!("{address}:80"));
    }
    rig.names.set("www", &["10.0.0.2", "10.0.0.1", "10.0.0.9"]);
    assert_eq!(rig.round().0, ["server 2 of default: www is now at 10.0.0.9"]);
    rig.names.set("www", &["10.0.0.7", "10.0.0.8"]);
    assert_eq!(rig.round().0.len(), 3);
    assert_eq!(rig.addresses(), ["10.0.0.7:80", "10.0.0.8:80", "10.0.0.7:80"]);
}

#[test]
fn fallbacks_and_other_services_move_too_and_what_drains_does_not() {
    let lines = [
        "emergency www1:81",
        "abuse www1:82",
        "service web listen 127.0.0.1:0",
        "service web server 1 address www1 port 83",
        "service old listen 127.0.0.1:0",
        "service old server 0 address www2 port 84",
        "no service old",
    ];
    let mut rig = Rig::new(&[("www1", &["10.0.0.1"]), ("www2", &["10.0.0.2"])], &lines);
    let asked = rig.names.asked();
    rig.names.set("www1", &["10.0.0.8", "10.0.0.9"]);
    rig.names.set("www2", &["10.0.0.8"]);
    let expected = [
        "the emergency server of default: www1 is now at 10.0.0.8",
        "the abuse server of default: www1 is now at 10.0.0.9",
        "server 1 of web: www1 is now at 10.0.0.8",
    ];
    assert_eq!(rig.round().0, expected);
    // Each name is asked for once.
    assert_eq!(rig.names.asked() - asked, 1);
    let emergency = rig.draft().service().emergency.clone().unwrap();
    assert_eq!(emergency.address().to_string(), "10.0.0.8:81");
}

#[test]
fn who_got_another_name_or_an_address_meanwhile_stays() {
    let known: &[(&str, &[&str])] = &[("www1", &["10.0.0.1"]), ("www2", &["10.0.0.2"])];
    let mut rig = Rig::new(known, &["server 0 address www1 port 80", "server 1 address www1 port 80"]);
    rig.names.set("www1", &["10.0.0.9"]);
    let answers = look_up(names(rig.draft().settings()), &rig.names);
    run(rig.draft(), &["server 0 address www2", "server 1 address 10.0.0.1"]);
    assert!(take_in(rig.draft(), &answers).is_empty());
    assert_eq!(rig.addresses(), ["10.0.0.2:80", "10.0.0.1:80"]);
}

#[test]
fn a_move_ends_the_blacklist_of_a_failure_and_not_one_set_by_hand() {
    let mut rig = Rig::new(
        &[("www1", &["10.0.0.1"]), ("www2", &["10.0.0.2"])],
        &["server 0 address www1 port 80", "server 1 address www2 port 80"],
    );
    let later = Tick(60_000);
    rig.server(0).state.blacklist(later);
    rig.server(1).state.blacklist_by_hand(later);
    rig.names.set("www1", &["10.0.0.8"]);
    rig.names.set("www2", &["10.0.0.9"]);
    for effect in rig.round().1 {
        effect.happen(Tick(0));
    }
    assert_eq!(rig.server(0).state.blacklisted(Tick(0)), None);
    assert_eq!(rig.server(1).state.blacklisted(Tick(0)), Some(Duration::from_mins(1)));
}

#[test]
fn many_names_are_looked_up_once_each() {
    let known: Vec<String> = (0..100).map(|number| format!("www{number}")).collect();
    let names = ChangingNames::default();
    for host in &known {
        names.set(host, &["10.0.0.1"]);
    }
    let asked: HashSet<Host> = known.iter().map(|host| host.parse().unwrap()).collect();
    let answers = look_up(asked, &names);
    assert_eq!((answers.len(), names.asked()), (100, 100));
    assert!(look_up(HashSet::new(), &names).is_empty());
}

#[test]
fn the_same_name_given_again_is_the_same_server_wherever_it_is() {
    let mut rig =
        Rig::new(&[("www1", &["10.0.0.1"])], &["server 0 address www1 port 80", "emergency www1:81"]);
    let before = (rig.server(0), rig.draft().service().emergency.clone().unwrap());
    rig.names.set("www1", &["10.0.0.2"]);
    run(rig.draft(), &["server 0 address www1", "emergency www1:81"]);
    let after = (rig.server(0), rig.draft().service().emergency.clone().unwrap());
    assert_eq!(after.0.address().to_string(), "10.0.0.2:80");
    assert_eq!(after.1.address().to_string(), "10.0.0.2:81");
    assert_eq!((after.0.id(), after.1.id()), (before.0.id(), before.1.id()));
    run(rig.draft(), &["server 0 address www1 port 82"]);
    assert_ne!(rig.server(0).id(), before.0.id());
}

#[test]
fn a_file_that_names_a_server_again_waits_for_no_look_up() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("file");
    fs::write(&path, "server 0 address www1 port 80 max 3\nemergency www1:81\n").unwrap();
    let mut rig =
        Rig::new(&[("www1", &["10.0.0.1"])], &["server 0 address www1 port 80", "emergency www1:81"]);
    rig.names.set("www1", &[]);
    let asked = rig.names.asked();
    file::read(&path, rig.draft()).unwrap();
    assert_eq!(rig.names.asked(), asked);
    assert_eq!((rig.addresses(), rig.server(0).max), (vec!["10.0.0.1:80".to_owned()], 3));
    fs::write(&path, "server 0 address www2 port 80\n").unwrap();
    assert!(file::read(&path, rig.draft()).unwrap_err().contains("unknown host 'www2'"));
}
