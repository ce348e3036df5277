use common::addr::ServerSpec;

use super::*;
use crate::engine::time::Tick;
use crate::settings::draft::Stage;
use crate::settings::testing::{draft, next, run, say};

/// Three servers behind a pen that listens on port 8080.
fn three() -> Draft {
    let mut draft = draft(Stage::Start);
    run(&mut draft, &["listen 8080"]);
    for spec in ["www1", "www2:8000:10:12:3:4", "[2001:db8::6]:80"] {
        append(&mut draft, &spec.parse::<ServerSpec>().unwrap()).unwrap();
    }
    next(draft)
}

/// The slots, as `ADDRESS max hard weight prio`; empty ones as a dash.
fn slots(draft: &Draft) -> Vec<String> {
    let text = |server: &Server| {
        let Server { max, hard, weight, prio, .. } = server;
        format!("{} {max} {hard} {weight} {prio}", server.address())
    };
    let servers = draft.service().servers.iter();
    servers.map(|slot| slot.as_deref().map_or("-".to_owned(), text)).collect()
}

fn occupant(draft: &Draft, slot: usize) -> &Server {
    draft.service().servers[slot].as_deref().unwrap()
}

/// What a slot of `three` becomes by a line.
fn after(line: &str, slot: usize) -> String {
    let mut draft = three();
    run(&mut draft, &[line]);
    slots(&draft)[slot].clone()
}

#[test]
fn the_command_lines_servers_fill_the_slots_in_their_order() {
    let expected = ["10.0.0.1:8080 0 0 0 0", "10.0.0.2:8000 10 12 3 4", "[2001:db8::6]:80 0 0 0 0"];
    assert_eq!(slots(&three()), expected);
}

#[test]
fn each_attribute_changes_itself_only() {
    let table = [
        ("server 1 max 5", "10.0.0.2:8000 5 12 3 4"),
        ("server 1 hard 5", "10.0.0.2:8000 10 5 3 4"),
        ("server 1 weight 5", "10.0.0.2:8000 10 12 5 4"),
        ("server 1 prio 5", "10.0.0.2:8000 10 12 3 5"),
        ("server 1 port 5", "10.0.0.2:5 10 12 3 4"),
        ("server 1 port http", "10.0.0.2:80 10 12 3 4"),
        ("server 1 address www1", "10.0.0.1:8000 10 12 3 4"),
        ("server 1 address six port 81", "[2001:db8::6]:81 10 12 3 4"),
        ("server 1 address /run/web.sock", "/run/web.sock 10 12 3 4"),
        ("server 1 max 0 hard 0 weight 0 prio 0", "10.0.0.2:8000 0 0 0 0"),
        ("server 1 name web2 acl 3", "10.0.0.2:8000 10 12 3 4"),
        ("server 1 address 0.0.0.0", "-"),
        ("server 1 address 0.0.0.0 port 0", "-"),
        ("no server 1", "-"),
        ("server 9 address www1", "10.0.0.1:8080 0 0 0 0"),
        ("server 9 address www1 port 90 max 7 weight 2", "10.0.0.1:90 7 0 2 0"),
    ];
    for (line, server) in table {
        let slot = if line.contains('9') { 9 } else { 1 };
        assert_eq!(after(line, slot), server, "{line}");
    }
}

#[test]
fn a_port_beside_a_path_means_nothing_as_in_old_files() {
    for line in ["server 0 acl 0 address /run/web.sock port 1 max 0 hard 0", "server 0 address /run/web.sock"]
    {
        assert_eq!(after(line, 0), "/run/web.sock 0 0 0 0", "{line}");
    }
}

#[test]
fn names_and_lists_are_kept_until_they_are_changed() {
    let mut draft = three();
    run(&mut draft, &["server 0 name web-1 acl 3", "server 0 max 1"]);
    let server = occupant(&draft, 0);
    assert_eq!((server.name.as_deref(), server.acl), (Some("web-1"), 3));
    run(&mut draft, &["server 0 name other acl 0"]);
    let server = occupant(&draft, 0);
    assert_eq!((server.name.as_deref(), server.acl), (Some("other"), 0));
    run(&mut draft, &["server 0 name -"]);
    assert_eq!(occupant(&draft, 0).name, None);
}

#[test]
fn errors_say_which_word_is_at_fault_and_what_would_be_right() {
    let mut draft = three();
    run(&mut draft, &["server 2 address /run/web.sock"]);
    let table = [
        ("server 0 address nonesuch", "unknown host 'nonesuch': not in the table"),
        ("server 0 address www2 port gopher", "unknown port 'gopher': not in the table"),
        ("server 0 port gopher", "unknown port 'gopher': not in the table"),
        ("server 0 port 0", "bad port '0': a server's port is from 1 to 65535"),
        ("server 0 port nowhere", "bad port '0': a server's port is from 1 to 65535"),
        ("server 0 address www2 port nowhere", "bad port '0': a server's port is from 1 to 65535"),
        ("server 2 port 1", "server 2 is the Unix socket /run/web.sock, which has no port"),
        ("server 5 max 1", "slot 5 is empty: 'server 5 address ADDRESS' fills it"),
        ("server 5 blacklist 0", "slot 5 is empty: 'server 5 address ADDRESS' fills it"),
        ("drain 5", "there is no server 5: 'servers' lists those that there are"),
        ("maint 3", "there is no server 3: 'servers' lists those that there are"),
        ("no drain 3", "there is no server 3: 'servers' lists those that there are"),
        ("no maint 3", "there is no server 3: 'servers' lists those that there are"),
        ("no server 3", "there is no server 3: the slots are 0 to 2; usage: no server N"),
        ("abuse nonesuch", "unknown host 'nonesuch': not in the table"),
        ("emergency www1:nowhere", "bad port '0': a server's port is from 1 to 65535"),
    ];
    let before = slots(&draft);
    for (line, error) in table {
        assert_eq!(say(&mut draft, line), Err(error.to_owned()), "{line}");
        assert_eq!(slots(&draft), before, "{line}");
    }
}

#[test]
fn without_slots_there_is_no_server_to_remove() {
    let error = say(&mut draft(Stage::Live), "no server 0");
    assert_eq!(
        error,
        Err("there is no server 0: no slot has ever been filled; usage: no server N".to_owned())
    );
}

#[test]
fn a_server_without_a_port_needs_a_pen_that_listens_on_one() {
    let error = "server 'www1' needs a port: pen itself listens on no fixed port that could be taken for it";
    for line in ["server 0 address www1", "abuse www1", "emergency www1"] {
        let mut draft = draft(Stage::Start);
        run(&mut draft, &["listen 127.0.0.1:0 /run/pen"]);
        assert_eq!(say(&mut draft, line), Err(error.to_owned()), "{line}");
    }
}

#[test]
fn a_server_far_behind_the_last_leaves_empty_slots_between() {
    let mut draft = three();
    run(&mut draft, &["server 7 address www1"]);
    let slots = slots(&draft);
    assert_eq!(slots.len(), 8);
    assert_eq!(slots[3..7], ["-", "-", "-", "-"]);
    assert_eq!(slots[7], "10.0.0.1:8080 0 0 0 0");
    assert_eq!(occupant(&draft, 7).id().slot, 7);
}

#[test]
fn the_same_address_is_the_same_server() {
    let mut draft = three();
    let state = Arc::clone(&occupant(&draft, 0).state);
    run(
        &mut draft,
        &[
            "server 0 max 3",
            "server 0 address www1",
            "server 0 address 10.0.0.1 port 8080",
            "server 0 port 8080",
            "server 0 name same prio 1 weight 4",
        ],
    );
    assert!(Arc::ptr_eq(&occupant(&draft, 0).state, &state));
}

#[test]
fn a_name_with_several_addresses_keeps_the_one_that_the_server_has() {
    for line in ["server 0 address many", "server 1 address many port 8000", "server 2 address many port 80"]
    {
        let mut draft = three();
        let slot = usize::from(line.as_bytes()[7] - b'0');
        let state = Arc::clone(&occupant(&draft, slot).state);
        run(&mut draft, &[line]);
        assert!(Arc::ptr_eq(&occupant(&draft, slot).state, &state), "{line}");
    }
    let mut draft = three();
    run(&mut draft, &["emergency www2:81", "server 1 address many port 99", "server 5 address many"]);
    assert_eq!(slots(&draft)[1], "10.0.0.1:99 10 12 3 4");
    assert_eq!(slots(&draft)[5], "10.0.0.1:8080 0 0 0 0");
    let emergency = Arc::clone(draft.service().emergency.as_ref().unwrap());
    run(&mut draft, &["emergency many:81"]);
    assert_eq!(draft.service().emergency.as_ref().unwrap().id(), emergency.id());
}

#[test]
fn another_address_is_another_server_with_the_old_ones_settings() {
    for line in ["server 1 address www1", "server 1 port 81", "server 1 address /run/web.sock"] {
        let mut draft = three();
        run(&mut draft, &["server 1 name kept"]);
        let (id, seed) = (occupant(&draft, 1).id(), occupant(&draft, 1).hash_seed());
        run(&mut draft, &[line]);
        let server = occupant(&draft, 1);
        assert_eq!(server.id().slot, 1, "{line}");
        assert_ne!(server.id().generation, id.generation, "{line}");
        assert_ne!(server.hash_seed(), seed, "{line}");
        assert_eq!((server.name.as_deref(), server.max, server.hard), (Some("kept"), 10, 12), "{line}");
    }
}

#[test]
fn a_server_that_comes_back_to_its_slot_is_another() {
    let mut draft = three();
    let before = occupant(&draft, 1).id();
    run(&mut draft, &["no server 1", "no server 1", "server 1 address www2 port 8000"]);
    assert_ne!(occupant(&draft, 1).id(), before);
    assert_eq!(slots(&draft)[1], "10.0.0.2:8000 0 0 0 0");
}

#[test]
fn a_new_address_and_a_blacklist_on_one_line_concern_the_new_server() {
    let mut draft = three();
    run(&mut draft, &["server 0 address www2 blacklist 9"]);
    let state = Arc::clone(&occupant(&draft, 0).state);
    let (_, effects) = draft.finish().unwrap();
    assert!(matches!(&effects[..], [Effect::Blacklist(affected, 9)] if Arc::ptr_eq(affected, &state)));
}

#[test]
fn emergency_and_abuse_servers_stand_outside_the_slots() {
    let mut draft = three();
    run(&mut draft, &["emergency www1", "abuse /run/abuse.sock"]);
    let address = |server: &Option<Arc<Server>>| server.as_ref().map(|server| server.address().to_string());
    assert_eq!(address(&draft.service().emergency).as_deref(), Some("10.0.0.1:8080"));
    assert_eq!(address(&draft.service().abuse).as_deref(), Some("/run/abuse.sock"));
    assert_eq!(slots(&draft).len(), 3);
    run(&mut draft, &["no emergency"]);
    assert_eq!(address(&draft.service().emergency), None);
    run(&mut draft, &["no abuse", "no abuse"]);
    assert_eq!(address(&draft.service().abuse), None);
}

#[test]
fn an_emergency_server_named_again_is_the_same() {
    let mut draft = three();
    run(&mut draft, &["emergency www1:81"]);
    let first = Arc::clone(draft.service().emergency.as_ref().unwrap());
    run(&mut draft, &["emergency 10.0.0.1:81"]);
    assert_eq!(draft.service().emergency.as_ref().unwrap().id(), first.id());
    run(&mut draft, &["emergency www1:82"]);
    assert_ne!(draft.service().emergency.as_ref().unwrap().id(), first.id());
}

#[test]
fn the_name_that_an_address_was_looked_up_from_is_remembered() {
    let host = |draft: &Draft, slot: usize| occupant(draft, slot).host.as_ref().map(ToString::to_string);
    let draft = three();
    assert_eq!((host(&draft, 0).as_deref(), host(&draft, 2)), (Some("www1"), None));
    let table = [
        ("server 0 max 5", Some("www1")),
        ("server 0 port 81", Some("www1")),
        ("server 0 address www2", Some("www2")),
        ("server 0 address many", Some("many")),
        ("server 0 address 10.0.0.1", None),
        ("server 0 address 2001:db8::6", None),
        ("server 0 address /run/web.sock", None),
    ];
    for (line, expected) in table {
        let mut draft = three();
        run(&mut draft, &[line]);
        assert_eq!(host(&draft, 0).as_deref(), expected, "{line}");
    }
}

#[test]
fn fallbacks_remember_their_names_too() {
    let mut draft = three();
    let host = |draft: &Draft| draft.service().emergency.as_ref()?.host.as_ref().map(ToString::to_string);
    run(&mut draft, &["emergency www1:81"]);
    assert_eq!(host(&draft).as_deref(), Some("www1"));
    let state = Arc::clone(&draft.service().emergency.as_ref().unwrap().state);
    run(&mut draft, &["emergency 10.0.0.1:81"]);
    assert_eq!(host(&draft), None);
    run(&mut draft, &["emergency many:81"]);
    assert_eq!(host(&draft).as_deref(), Some("many"));
    assert!(Arc::ptr_eq(&draft.service().emergency.as_ref().unwrap().state, &state));
}

fn admin(draft: &Draft, slot: usize) -> AdminState {
    occupant(draft, slot).admin
}

#[test]
fn draining_and_maintenance_are_taken_back_by_their_own_names_only() {
    use AdminState::{Drain, Maint, Ready};
    let mut draft = three();
    for (line, state) in [
        ("no drain 0", Ready),
        ("drain 0", Drain),
        ("drain 0", Drain),
        ("no maint 0", Drain),
        ("maint 0", Maint),
        ("no drain 0", Maint),
        ("drain 0", Drain),
        ("no drain 0", Ready),
        ("maint 0", Maint),
        ("no maint 0", Ready),
    ] {
        run(&mut draft, &[line]);
        assert_eq!(admin(&draft, 0), state, "{line}");
        assert_eq!(admin(&draft, 1), Ready, "{line}");
    }
}

#[test]
fn a_machine_that_is_replaced_in_maintenance_stays_in_maintenance() {
    for line in
        ["server 1 max 5", "server 1 address www1", "server 1 port 81", "server 1 address /run/web.sock"]
    {
        let mut draft = three();
        run(&mut draft, &["maint 1", line]);
        assert_eq!(admin(&draft, 1), AdminState::Maint, "{line}");
    }
}

#[test]
fn a_slot_that_was_emptied_forgets_how_its_server_was_wanted() {
    for line in ["no server 1", "server 1 address 0.0.0.0"] {
        let mut draft = three();
        run(&mut draft, &["drain 1", line]);
        let error = Err("there is no server 1: 'servers' lists those that there are".to_owned());
        assert_eq!(say(&mut draft, "no drain 1"), error, "{line}");
        run(&mut draft, &["server 1 address www2"]);
        assert_eq!(admin(&draft, 1), AdminState::Ready, "{line}");
    }
}

#[test]
fn a_server_begins_gently_when_it_comes_back_from_maintenance_and_not_from_draining() {
    for (before, after, returns) in [
        ("maint 0", "no maint 0", true),
        ("maint 0", "drain 0", true),
        ("maint 0", "maint 0", false),
        ("maint 0", "no drain 0", false),
        ("drain 0", "no drain 0", false),
        ("drain 0", "maint 0", false),
    ] {
        let mut draft = three();
        run(&mut draft, &[before]);
        let mut draft = next(draft);
        run(&mut draft, &[after]);
        let server = draft.service().servers[0].clone().unwrap();
        let (_, effects) = draft.finish().unwrap();
        effects.iter().for_each(|effect| effect.happen(Tick(1_000)));
        assert_eq!(server.state.fitness.share(60, Tick(1_000)) < 100, returns, "{before}, {after}");
    }
}

#[test]
fn it_is_known_since_when_a_slot_is_out_of_use_and_only_a_change_begins_anew() {
    let mut draft = three();
    let environment = Arc::clone(&draft.environment);
    for (second, command, since) in [
        (1, "drain 0", Some(1)),
        (2, "drain 0", Some(1)),
        (3, "server 0 address 192.0.2.77", Some(1)),
        (4, "maint 0", Some(4)),
        (5, "no drain 0", Some(4)),
        (6, "no maint 0", None),
    ] {
        run(&mut draft, &[command]);
        let server = draft.service().servers[0].clone().unwrap();
        let (settings, effects) = draft.finish().unwrap();
        effects.iter().for_each(|effect| effect.happen(Tick(second * 1000)));
        let known = server.state.reports.lock().administered;
        assert_eq!(known, since.map(|second: u64| Tick(second * 1000)), "{command}");
        draft = Draft::new(settings, Stage::Live, Arc::clone(&environment));
    }
}
