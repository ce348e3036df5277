//! The table against a list that is gone through each time.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

const CAPACITY: usize = 40;

/// In the order in which they were last used.
#[derive(Default)]
struct Model(Vec<ModelUser>);

struct ModelUser {
    name: u8,
    source: u8,
    server: Option<ServerId>,
    open: u32,
    last_seen: Tick,
}

/// The user goes by the address.
#[derive(Debug, PartialEq)]
struct NoRoom;

impl Model {
    fn open(&mut self, name: u8, source: u8, now: Tick) -> Result<Option<ServerId>, NoRoom> {
        self.0.retain(|user| !user.is_forgotten(now));
        let mut user = if let Some(place) = self.0.iter().position(|user| user.name == name) {
            self.0.remove(place)
        } else {
            if self.0.iter().filter(|user| user.source == source).count() == NAMES_PER_SOURCE {
                let own = self.0.iter().position(|user| user.source == source && user.open == 0);
                self.0.remove(own.ok_or(NoRoom)?);
            }
            if self.0.len() == CAPACITY {
                let idle = self.0.iter().position(|user| user.open == 0);
                self.0.remove(idle.ok_or(NoRoom)?);
            }
            ModelUser { name, source, server: None, open: 0, last_seen: now }
        };
        user.open += 1;
        user.last_seen = now;
        let server = user.server;
        self.0.push(user);
        Ok(server)
    }

    fn user(&mut self, name: u8) -> &mut ModelUser {
        self.0.iter_mut().find(|user| user.name == name).expect("who has a connection is known")
    }

    fn close(&mut self, name: u8, now: Tick) {
        let place = self.0.iter().position(|user| user.name == name).expect("who has a connection is known");
        let mut user = self.0.remove(place);
        user.open -= 1;
        user.last_seen = now;
        self.0.push(user);
    }

    fn rows(&self, now: Tick) -> Vec<UserRow> {
        let (busy, idle): (Vec<_>, Vec<_>) =
            self.0.iter().rev().filter(|user| !user.is_forgotten(now)).partition(|user| user.open > 0);
        let row = |user: &ModelUser| UserRow {
            name: [user.name].into(),
            last_server: user.server,
            open: user.open,
            last_seen: user.last_seen,
        };
        busy.into_iter().chain(idle).map(row).collect()
    }
}

impl ModelUser {
    fn is_forgotten(&self, now: Tick) -> bool {
        self.open == 0 && now.since(self.last_seen) >= TRACKING.unwrap()
    }
}

#[derive(Clone, Debug)]
enum Event {
    Open { name: u8, source: u8, slot: u32 },
    Close(prop::sample::Index),
    Wait(u64),
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => (0..60_u8, 0..4_u8, 0..5_u32).prop_map(|(name, source, slot)| Event::Open { name, source, slot }),
        4 => any::<prop::sample::Index>().prop_map(Event::Close),
        1 => (0..40_000_u64).prop_map(Event::Wait),
    ]
}

proptest! {
    #[test]
    fn the_table_does_what_a_plain_list_does(events in vec(event(), 0..300)) {
        let (mut users, mut model) = (users(CAPACITY), Model::default());
        let mut held: Vec<(u8, User)> = Vec::new();
        let mut now = Tick(0);
        for event in events {
            match event {
                Event::Wait(time) => now = Tick(now.0 + time),
                Event::Open { name, source: from, slot } => {
                    // It clears away a few at a time, and the list all: only where there is room that is the same.
                    while users.known(now, TRACKING).is_none() {}
                    let opened = users.open(&[name], source(from), now, TRACKING);
                    prop_assert_eq!(opened.as_ref().map(|opened| opened.last_server).ok_or(NoRoom), model.open(name, from, now));
                    if let Some(Opened { user, .. }) = opened {
                        users.remember(&user, server(slot));
                        model.user(name).server = server(slot);
                        held.push((name, user));
                    }
                }
                Event::Close(which) => {
                    if !held.is_empty() {
                        let (name, user) = held.swap_remove(which.index(held.len()));
                        users.close(user, now);
                        model.close(name, now);
                    }
                }
            }
            prop_assert_eq!(users.rows(None, 100, now, TRACKING).0, model.rows(now));
            let linked = users.busy.len() + users.idle.len();
            prop_assert_eq!((linked, users.idle_by_source.len()), (users.len(), users.idle.len()));
            prop_assert_eq!(users.names.values().sum::<usize>(), users.len());
        }
    }
}
