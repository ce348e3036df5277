use std::time::Duration;

use super::*;
use crate::engine::time::Tick;
use crate::settings::testing::{draft, next, run, say};

fn lists(draft: Draft) -> Vec<String> {
    let (settings, _) = draft.finish().unwrap();
    settings.acls.iter().map(|list| list_text(list)).collect()
}

fn list_text(list: &Acl) -> String {
    let entries = list.entries().iter().map(|entry| format!("{:?} {}", entry.action, entry.network));
    entries.collect::<Vec<_>>().join(", ")
}

#[test]
fn a_draft_that_nothing_was_said_to_is_not_published() {
    assert!(draft(Stage::Live).finish().is_none());
}

#[test]
fn acl_appends_and_no_acl_empties() {
    let mut first = draft(Stage::Live);
    run(&mut first, &["acl 1 permit 10.0.0.0 255.0.0.0", "acl 2 deny 2001:db8::/32"]);
    let mut second = next(first);
    run(&mut second, &["acl 1 deny 192.0.2.1"]);
    let mut third = next(second);
    run(&mut third, &["no acl 2", "acl 3 permit ::1"]);
    let lists = lists(third);
    assert_eq!(lists[1], "Permit 10.0.0.0 255.0.0.0, Deny 192.0.2.1 255.255.255.255");
    assert_eq!(lists[2], "");
    assert_eq!(lists[3], "Permit ::1/128");
}

#[test]
fn an_entry_after_no_acl_is_the_only_one() {
    let mut draft = draft(Stage::Live);
    run(&mut draft, &["acl 0 permit ::1", "no acl 0", "acl 0 deny ::2"]);
    assert_eq!(lists(draft)[0], "Deny ::2/128");
}

#[test]
fn within_a_file_the_first_entry_begins_a_list_anew() {
    let mut first = draft(Stage::Live);
    run(&mut first, &["acl 1 permit 10.0.0.1", "acl 2 permit 2001:db8::/32"]);
    let mut second = next(first);
    let reading = ["acl 1 permit ::1", "acl 1 deny ::2"];
    second.within_file(|draft| draft.within_file(|inner| run(inner, &reading[..1])));
    second.within_file(|draft| {
        run(draft, &reading[..1]);
        draft.within_file(|inner| run(inner, &reading[1..]));
    });
    run(&mut second, &["acl 1 permit ::3"]);
    let lists = lists(second);
    assert_eq!(lists[1], "Permit ::1/128, Deny ::2/128, Permit ::3/128");
    assert_eq!(lists[2], "Permit 2001:db8::/32");
}

#[test]
fn lists_that_are_not_touched_are_shared_with_the_settings_before() {
    let mut draft = draft(Stage::Live);
    let before = draft.settings().acls.clone();
    run(&mut draft, &["acl 4 permit ::1"]);
    let (settings, _) = draft.finish().unwrap();
    for (number, (before, after)) in before.iter().zip(&settings.acls).enumerate() {
        assert_eq!(Arc::ptr_eq(before, after), number != 4);
    }
}

#[test]
fn every_occupant_of_a_slot_has_a_generation_of_its_own() {
    let draft = draft(Stage::Live);
    let first = draft.new_server_state(3).id;
    let second = next(draft).new_server_state(3).id;
    assert_eq!((first.slot, second.slot), (3, 3));
    assert_ne!(first.generation, second.generation);
}

#[test]
fn a_blacklist_by_hand_takes_effect_on_publication_only() {
    let now = Tick(1000);
    let mut first = draft(Stage::Live);
    run(&mut first, &["server 0 address 192.0.2.1 port 80"]);
    let mut dropped = next(first);
    run(&mut dropped, &["server 0 blacklist 60"]);
    let state = Arc::clone(&dropped.service().servers[0].as_ref().unwrap().state);
    assert_eq!(state.blacklisted(now), None);
    let (_, effects) = dropped.finish().unwrap();
    assert_eq!(state.blacklisted(now), None);
    for effect in effects {
        assert!(matches!(&effect, Effect::Blacklist(affected, _) if Arc::ptr_eq(affected, &state)));
        effect.happen(now);
    }
    assert_eq!(state.blacklisted(now), Some(Duration::from_mins(1)));
    Effect::Blacklist(Arc::clone(&state), 0).happen(now);
    assert_eq!(state.blacklisted(now), None);
}

#[test]
fn drafts_of_the_same_settings_know_nothing_of_each_other() {
    let first = draft(Stage::Live);
    let mut dropped = Draft::new(first.settings().clone(), Stage::Live, Arc::clone(&first.environment));
    run(&mut dropped, &["acl 1 permit ::1", "weight", "server 2 address 192.0.2.1 port 80"]);
    drop(dropped);
    let mut other = next(first);
    assert_eq!(say(&mut other, "server 2 max 1").unwrap_err().split(':').next(), Some("slot 2 is empty"));
    assert!(other.settings().acls[1].is_empty());
    assert!(!other.service().modes.weight);
}

fn name(text: &str) -> ServiceName {
    ServiceName::new(text).unwrap()
}

#[test]
fn commands_speak_of_the_service_that_was_named_and_of_the_default_one_again_after_a_file() {
    let mut draft = draft(Stage::Live);
    draft.within_file(|draft| run(draft, &["timeout 11", "service web", "timeout 12"]));
    run(&mut draft, &["timeout 13"]);
    let timeout = |name| {
        let index = draft.settings().services.find(name).unwrap();
        draft.settings().service(index).limits.timeout
    };
    assert_eq!((timeout("default"), timeout("web")), (13, 12));
}

#[test]
fn one_command_may_speak_of_another_service_and_an_unknown_one_is_only_added_by_where_it_listens() {
    let mut draft = draft(Stage::Live);
    assert_eq!(
        say(&mut draft, "service web timeout 9"),
        Err("there is no service 'web': there are default, 'service web' adds it; usage: service NAME [COMMAND]".to_owned())
    );
    run(&mut draft, &["service web listen 127.0.0.1:1", "service web timeout 9", "timeout 8"]);
    assert_eq!(draft.service().limits.timeout, 8);
    let web = draft.settings().services.find("web").unwrap();
    assert_eq!(draft.settings().service(web).limits.timeout, 9);
}

#[test]
fn a_removed_service_drains_and_its_name_is_free() {
    let mut draft = draft(Stage::Live);
    run(&mut draft, &["service web listen 127.0.0.1:1", "service web idlers 3"]);
    let first = draft.settings().services.find("web").unwrap();
    run(&mut draft, &["no service web"]);
    let removed = draft.settings().service(first);
    assert!(removed.draining && removed.listen.is_empty() && removed.limits.idlers == 0);
    assert_eq!(draft.settings().services.find("web"), None);
    run(&mut draft, &["service web"]);
    assert_ne!(draft.settings().services.find("web"), Some(first));
}

#[test]
fn a_service_that_is_removed_while_a_file_speaks_of_it_is_not_spoken_of_any_more() {
    let mut draft = draft(Stage::Live);
    draft.within_file(|draft| run(draft, &["service web", "no service web", "timeout 7"]));
    assert_eq!(draft.service().limits.timeout, 7);
    assert_eq!(draft.subject(), DEFAULT_SERVICE);
}

#[test]
fn there_are_at_most_a_thousand_services() {
    let mut draft = draft(Stage::Live);
    for number in 1..SERVICES_MOST {
        draft.add_service(&name(&format!("s{number}"))).unwrap();
    }
    assert_eq!(draft.add_service(&name("more")), Err("too many services: 1000 are the most".to_owned()));
}

#[test]
fn the_tables_of_a_running_service_only_grow_and_those_of_a_new_one_are_as_its_file_says() {
    let lines = ["service web", "conn_max 10", "clients_max 20", "service default", "conn_max 10"];
    let mut first = draft(Stage::Live);
    first.within_file(|draft| run(draft, &lines));
    let limits = |draft: &Draft, name| {
        let index = draft.settings().services.find(name).unwrap();
        let limits = &draft.settings().service(index).limits;
        (limits.conn_max, limits.clients_max)
    };
    assert_eq!((limits(&first, "web"), limits(&first, "default")), ((10, 20), (500, 2048)));
    let mut second = next(first);
    run(&mut second, &["service web conn_max 5", "service web clients_max 30"]);
    assert_eq!(limits(&second, "web"), (10, 30));
}
