use std::thread;
use std::time::Duration;

use mio::{Events, Poll};

use super::testing::shared;
use super::*;
use crate::settings::DEFAULT_SERVICE;
use crate::settings::draft::Stage;
use crate::settings::testing::{draft, initial_settings, run};

/// Far more than any test needs, so that only a hang reaches it.
const LIMIT: Duration = Duration::from_mins(1);

fn settings(conn_max: u32, pending_max: u32) -> Settings {
    let mut settings = initial_settings();
    let limits = &mut settings.services.get_mut(DEFAULT_SERVICE).unwrap().limits;
    limits.conn_max = conn_max;
    limits.pending_max = pending_max;
    settings
}

fn take(shared: &Arc<Shared>) -> Option<Room> {
    take_both(shared).map(|(room, _)| room)
}

fn take_both(shared: &Arc<Shared>) -> Option<(Room, PendingRoom)> {
    let settings = shared.settings.load();
    shared.take_room(settings.service(DEFAULT_SERVICE))
}

fn is_awake(poll: &mut Poll) -> bool {
    let mut events = Events::with_capacity(4);
    poll.poll(&mut events, Some(Duration::ZERO)).unwrap();
    !events.is_empty()
}

#[test]
fn there_is_room_for_conn_max_connections() {
    let (shared, _polls) = shared(settings(3, 1), 1);
    let mut rooms: Vec<Room> = (0..3).map(|_| take(&shared).unwrap()).collect();
    assert!(take(&shared).is_none());
    assert_eq!(shared.open_connections(), 3);
    rooms.pop();
    assert_eq!(shared.open_connections(), 2);
    assert!(take(&shared).is_some());
}

#[test]
fn numbers_are_the_lowest_free_ones() {
    let (shared, _polls) = shared(settings(4, 1), 1);
    let mut rooms: Vec<Room> = (0..4).map(|_| take(&shared).unwrap()).collect();
    let numbers = |rooms: &[Room]| rooms.iter().map(Room::number).collect::<Vec<_>>();
    assert_eq!(numbers(&rooms), [0, 1, 2, 3]);
    rooms.remove(2);
    rooms.remove(1);
    rooms.extend([take(&shared).unwrap(), take(&shared).unwrap()]);
    assert_eq!(numbers(&rooms), [0, 3, 1, 2]);
}

#[test]
fn every_connection_needs_two_descriptors() {
    let (shared, _polls) = shared(settings(10, 1), 1);
    shared.allow_descriptors(5);
    assert_eq!(shared.reachable_connections(), 2);
    let first = take(&shared).unwrap();
    let _second = take(&shared).unwrap();
    assert!(take(&shared).is_none());
    // What was not given must not be counted either.
    assert_eq!(shared.open_connections(), 2);
    drop(first);
    assert!(take(&shared).is_some());
}

#[test]
fn no_connection_gets_a_descriptor_before_they_are_allowed() {
    let (shared, _polls) = shared(settings(10, 1), 1);
    shared.allow_descriptors(0);
    assert!(take(&shared).is_none());
    assert_eq!(shared.open_connections(), 0);
}

#[test]
fn a_raised_conn_max_makes_room_and_numbers() {
    let (shared, _polls) = shared(settings(1, 1), 1);
    let first = take(&shared).unwrap();
    let mut more = shared.settings.load().as_ref().clone();
    more.services.get_mut(DEFAULT_SERVICE).unwrap().limits.conn_max = 2;
    shared.publish(Arc::new(more));
    assert_eq!(shared.connection_numbers(), 2);
    assert_eq!(take(&shared).unwrap().number(), first.number() + 1);
}

#[test]
fn connects_in_progress_have_a_limit_of_their_own() {
    let (shared, _polls) = shared(settings(10, 2), 1);
    let (_room, pending) = take_both(&shared).unwrap();
    let _other = take_both(&shared).unwrap();
    assert!(take_both(&shared).is_none());
    assert_eq!(shared.open_connections(), 2);
    drop(pending);
    assert!(take_both(&shared).is_some());
}

#[test]
fn looking_for_room_in_vain_wakes_nobody() {
    for (conn_max, pending_max) in [(1, 2), (2, 1)] {
        let (shared, mut polls) = shared(settings(conn_max, pending_max), 2);
        let _taken = take_both(&shared).unwrap();
        shared.mailboxes[0].wait_for_room();
        shared.mailboxes[1].wait_for_room();
        assert!(take_both(&shared).is_none());
        assert!(polls.iter_mut().all(|poll| !is_awake(poll)));
    }
}

#[test]
fn freed_room_wakes_those_who_wait_for_it_once() {
    let (shared, mut polls) = shared(settings(1, 1), 3);
    let room = take(&shared).unwrap();
    shared.mailboxes[0].wait_for_room();
    shared.mailboxes[2].wait_for_room();
    assert!(polls.iter_mut().all(|poll| !is_awake(poll)));
    drop(room);
    let awake: Vec<bool> = polls.iter_mut().map(is_awake).collect();
    assert_eq!(awake, [true, false, true]);
    drop(take(&shared).unwrap());
    assert!(polls.iter_mut().all(|poll| !is_awake(poll)));
}

#[test]
fn a_connect_that_is_over_wakes_those_who_wait_too() {
    let (shared, mut polls) = shared(settings(2, 1), 1);
    let (_room, pending) = take_both(&shared).unwrap();
    shared.mailboxes[0].wait_for_room();
    drop(pending);
    assert!(is_awake(&mut polls[0]));
}

#[test]
fn every_worker_is_told_of_new_settings() {
    let (shared, mut polls) = shared(settings(1, 1), 2);
    shared.publish(Arc::new(settings(2, 2)));
    assert!(polls.iter_mut().all(is_awake));
    assert_eq!(shared.settings.load().service(DEFAULT_SERVICE).limits.conn_max, 2);
}

#[test]
fn a_mailbox_keeps_the_order_of_its_messages() {
    let (shared, mut polls) = shared(settings(1, 1), 1);
    let mailbox = &shared.mailboxes[0];
    for number in 0..3 {
        mailbox.send(Message::EndConnection(number));
    }
    assert!(is_awake(&mut polls[0]));
    let messages = mailbox.take();
    assert!(matches!(
        messages[..],
        [Message::EndConnection(0), Message::EndConnection(1), Message::EndConnection(2)]
    ));
    assert!(mailbox.take().is_empty());
}

/// Takes room as a worker does: if there is none it sleeps until it is woken.
fn take_or_sleep(shared: &Arc<Shared>, mailbox: &Mailbox, poll: &mut Poll) -> Room {
    let mut events = Events::with_capacity(4);
    loop {
        if let Some(room) = mailbox.take_or_wait(|| take(shared)) {
            return room;
        }
        poll.poll(&mut events, Some(LIMIT)).unwrap();
        assert!(!events.is_empty(), "a wake-up was lost");
    }
}

#[test]
fn no_wake_up_is_lost_however_many_threads_wait() {
    const ROUNDS: usize = 3000;
    let (shared, mut polls) = shared(settings(2, 1), 4);
    thread::scope(|scope| {
        for (mailbox, poll) in shared.mailboxes.iter().zip(&mut polls) {
            let shared = &shared;
            scope.spawn(move || {
                for _ in 0..ROUNDS {
                    let room = take_or_sleep(shared, mailbox, poll);
                    assert!(room.number() < 2);
                    thread::yield_now();
                }
            });
        }
    });
    assert_eq!(shared.open_connections(), 0);
    assert_eq!(take(&shared).unwrap().number(), 0);
}

/// Settings of a service of datagrams with so many flows and servers, beside `default` with its connections.
fn with_flows(flows: u32, servers: &[&str], listen: &[&str]) -> Settings {
    let mut draft = draft(Stage::Start);
    run(&mut draft, &["conn_max 10"]);
    run(&mut draft, listen);
    run(&mut draft, &["service dns", "udp", "listen 5300", &format!("conn_max {flows}")]);
    run(&mut draft, servers);
    draft.settings().clone()
}

#[test]
fn flows_to_different_servers_need_one_descriptor() {
    let servers = ["server 0 address 127.0.0.1", "server 1 address 127.0.0.2"];
    for (flows, servers, listen, descriptors, reachable) in [
        (100, &servers[..1], &[][..], 120, 110),
        (100, &servers[..1], &[], 60, 55),
        (100, &servers, &[], 70, 110),
        (100, &servers, &[], 35, 55),
        (100, &servers, &["listen 8000"], 100, 110),
        // Half of them are for connections.
        (100, &servers, &["listen 8000"], 90, 99),
    ] {
        let (shared, _polls) = shared(with_flows(flows, servers, listen), 1);
        shared.allow_descriptors(descriptors);
        assert_eq!(shared.reachable_connections(), reachable, "with {descriptors}, {listen:?}");
    }
}

#[test]
fn flows_leave_half_of_the_descriptors_to_connections() {
    for (listen, for_flows) in [(&["listen 8000"][..], 4), (&[], 8)] {
        let (shared, mut polls) = shared(with_flows(100, &[], listen), 1);
        shared.allow_descriptors(8);
        let mut ports: Vec<PortDescriptor> = std::iter::from_fn(|| shared.take_port_descriptor()).collect();
        assert_eq!(ports.len(), for_flows);
        let rooms: Vec<Room> = std::iter::from_fn(|| take(&shared)).collect();
        assert_eq!(rooms.len(), (8 - for_flows) / DESCRIPTORS_PER_CONNECTION);
        shared.mailboxes[0].wait_for_room();
        while is_awake(&mut polls[0]) {}
        ports.pop();
        assert!(is_awake(&mut polls[0]));
        assert!(shared.take_port_descriptor().is_some());
    }
}

#[test]
fn what_serves_no_client_gets_half_of_the_descriptors_at_most() {
    let (shared, mut polls) = shared(settings(9, 9), 1);
    shared.allow_descriptors(8);
    let mut spare: Vec<SpareDescriptor> = std::iter::from_fn(|| shared.take_spare_descriptor()).collect();
    assert_eq!(spare.len(), 4);
    let rooms: Vec<Room> = std::iter::from_fn(|| take(&shared)).collect();
    assert_eq!(rooms.len(), 2);
    shared.mailboxes[0].wait_for_room();
    spare.truncate(2);
    assert!(is_awake(&mut polls[0]));
    let _third = take(&shared).unwrap();
    // There are none left, though fewer than half are spare.
    assert!(shared.take_spare_descriptor().is_none());
}

#[test]
fn room_for_flows_beyond_the_limit_is_one_for_each_worker() {
    let mut settings = settings(2, 1);
    settings.services.get_mut(DEFAULT_SERVICE).unwrap().udp = true;
    let (shared, _polls) = shared(settings, 3);
    let settings = shared.settings.load();
    let service = settings.service(DEFAULT_SERVICE);
    // They need no descriptors.
    shared.allow_descriptors(0);
    let within: Vec<Room> = std::iter::from_fn(|| shared.take_flow(service)).collect();
    let beyond: Vec<Room> = std::iter::from_fn(|| shared.take_flow_beyond(service)).collect();
    assert_eq!((within.len(), beyond.len()), (2, 3));
    drop(within);
    assert!(shared.take_flow(service).is_none(), "there are more than the limit yet");
    drop(beyond);
    assert!(shared.take_flow(service).is_some());
}

#[test]
fn a_worker_that_asks_for_room_wakes_the_others() {
    let (shared, mut polls) = shared(settings(1, 1), 3);
    shared.ask_for_flow(DEFAULT_SERVICE, 1);
    assert_eq!([0, 1, 2].map(|worker: usize| is_awake(&mut polls[worker])), [true, false, true]);
    assert!(matches!(shared.mailboxes[0].take()[..], [Message::MakeRoom(DEFAULT_SERVICE)]));
}
