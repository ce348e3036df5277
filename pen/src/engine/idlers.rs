//! Where a service's idle connections go: in turn over its servers, and gently to those that fail. The sockets are a shell's.

use std::time::Duration;

use super::time::Tick;

/// How long a server is left alone after an idle connection to it failed, and how long one must last not to count as failed.
const RESPITE: Duration = Duration::from_secs(1);
/// Connects in progress to one server, at most.
const AT_ONCE: u32 = 8;

/// The idle connections of a service, counted by slot.
#[derive(Debug, Default)]
pub struct Posts {
    slots: Vec<Post>,
    /// The slot after the one that got the latest.
    turn: usize,
}

/// A slot.
#[derive(Clone, Copy, Debug, Default)]
struct Post {
    /// Idle connections, those in the making included.
    held: u32,
    connecting: u32,
    trouble: Option<Trouble>,
}

/// The latest idle connection failed. One at a time finds out whether the server is well again.
#[derive(Clone, Copy, Debug)]
struct Trouble {
    retry_at: Tick,
    probing: bool,
}

/// The place of one idle connection. It is given back when that is gone, by one of `failed`, `ended` and `dismissed`.
#[derive(Debug)]
pub struct Place {
    slot: usize,
    /// When it was opened; `None`: it is in the making.
    opened: Option<Tick>,
    probe: bool,
}

impl Place {
    /// At which server.
    pub fn slot(&self) -> usize {
        self.slot
    }

    /// Whether the connection is not there yet.
    pub fn is_connecting(&self) -> bool {
        self.opened.is_none()
    }

    fn has_lasted(&self, now: Tick) -> bool {
        self.opened.is_some_and(|opened| opened.plus(RESPITE) <= now)
    }
}

impl Posts {
    /// The place for another idle connection: of `usable` servers one with the fewest, in turn. `None`: nowhere now.
    pub fn take(&mut self, count: usize, now: Tick, usable: impl Fn(usize) -> bool) -> Option<Place> {
        if self.slots.len() < count {
            self.slots.resize(count, Post::default());
        }
        let turns = (self.turn..count).chain(0..self.turn.min(count));
        let open = turns.filter(|&slot| self.slots[slot].takes_another(now) && usable(slot));
        let slot = open.min_by_key(|&slot| self.slots[slot].held)?;
        self.turn = slot + 1;
        let post = &mut self.slots[slot];
        post.held += 1;
        post.connecting += 1;
        if let Some(trouble) = &mut post.trouble {
            trouble.probing = true;
        }
        Some(Place { slot, opened: None, probe: post.trouble.is_some() })
    }

    /// The connection is there.
    pub fn opened(&mut self, place: &mut Place, now: Tick) {
        if place.opened.is_none() {
            place.opened = Some(now);
            self.slots[place.slot].connecting -= 1;
        }
    }

    /// Time has passed: one that has lasted proves that its server is well.
    pub fn look_at(&mut self, place: &mut Place, now: Tick) {
        if place.probe && place.has_lasted(now) {
            place.probe = false;
            self.slots[place.slot].trouble = None;
        }
    }

    /// The connection did not come about.
    pub fn failed(&mut self, place: Place, now: Tick) {
        let slot = place.slot;
        self.give_back(place);
        self.slots[slot].trouble = Some(Trouble { retry_at: now.plus(RESPITE), probing: false });
    }

    /// The server has ended the connection.
    pub fn ended(&mut self, place: Place, now: Tick) {
        if place.has_lasted(now) { self.give_back(place) } else { self.failed(place, now) }
    }

    /// Nobody wants the connection any more.
    pub fn dismissed(&mut self, place: Place) {
        self.give_back(place);
    }

    #[expect(clippy::needless_pass_by_value, reason = "it is given back once")]
    fn give_back(&mut self, place: Place) {
        let post = &mut self.slots[place.slot];
        post.held -= 1;
        post.connecting -= u32::from(place.is_connecting());
        if let Some(trouble) = &mut post.trouble
            && place.probe
        {
            trouble.probing = false;
        }
    }
}

impl Post {
    fn takes_another(&self, now: Tick) -> bool {
        self.connecting < AT_ONCE
            && self.trouble.is_none_or(|trouble| trouble.retry_at <= now && !trouble.probing)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Tick = Tick(10_000);
    const LATER: Tick = Tick(11_000);

    /// Takes as many places as there are.
    fn take_all(posts: &mut Posts, now: Tick, usable: impl Fn(usize) -> bool + Copy) -> Vec<Place> {
        std::iter::from_fn(|| posts.take(3, now, usable)).collect()
    }

    fn slots(places: &[Place]) -> Vec<usize> {
        places.iter().map(Place::slot).collect()
    }

    #[test]
    fn the_servers_that_can_be_used_get_them_in_turn() {
        let mut posts = Posts::default();
        let mut places: Vec<Place> = (0..4).filter_map(|_| posts.take(3, NOW, |_| true)).collect();
        places.extend((0..3).filter_map(|_| posts.take(3, NOW, |slot| slot != 1)));
        assert_eq!(slots(&places), [0, 1, 2, 0, 2, 0, 2]);
        assert!(posts.take(3, NOW, |_| false).is_none());
        assert!(Posts::default().take(0, NOW, |_| true).is_none());
    }

    #[test]
    fn who_has_lost_some_gets_them_back() {
        let mut posts = Posts::default();
        let mut places: Vec<Place> = (0..6).filter_map(|_| posts.take(3, NOW, |_| true)).collect();
        for mut lost in places.extract_if(.., |place| place.slot == 1).collect::<Vec<_>>() {
            posts.opened(&mut lost, NOW);
            posts.ended(lost, LATER);
        }
        places.extend((0..3).filter_map(|_| posts.take(3, LATER, |_| true)));
        assert_eq!(slots(&places), [0, 2, 0, 2, 1, 1, 2]);
    }

    #[test]
    fn few_connects_are_in_progress_to_one_server_at_one_time() {
        let mut posts = Posts::default();
        let mut places = take_all(&mut posts, NOW, |slot| slot == 2);
        assert_eq!(places.len(), 8);
        posts.opened(&mut places[3], NOW);
        posts.opened(&mut places[3], NOW);
        assert_eq!(take_all(&mut posts, NOW, |slot| slot == 2).len(), 1);
    }

    #[test]
    fn a_server_that_fails_is_asked_again_by_one_connection_a_second() {
        let mut posts = Posts::default();
        for place in take_all(&mut posts, NOW, |slot| slot == 1) {
            posts.failed(place, NOW);
        }
        assert!(take_all(&mut posts, Tick(10_999), |slot| slot == 1).is_empty());
        for now in [LATER, Tick(12_000)] {
            let mut probe = take_all(&mut posts, now, |slot| slot == 1);
            assert_eq!(probe.len(), 1);
            posts.failed(probe.remove(0), now);
        }
        // The others get what it cannot have.
        assert_eq!(slots(&take_all(&mut posts, NOW, |_| true)).len(), 16);
    }

    #[test]
    fn a_connection_that_lasts_proves_that_the_server_is_well() {
        let mut posts = Posts::default();
        let place = posts.take(1, NOW, |_| true).unwrap();
        posts.failed(place, NOW);
        let mut probe = posts.take(1, LATER, |_| true).unwrap();
        posts.opened(&mut probe, LATER);
        posts.look_at(&mut probe, Tick(11_999));
        assert!(posts.take(1, Tick(11_999), |_| true).is_none());
        posts.look_at(&mut probe, Tick(12_000));
        assert!(posts.take(1, Tick(12_000), |_| true).is_some());
    }

    #[test]
    fn a_server_that_closes_at_once_counts_as_one_that_fails() {
        let mut posts = Posts::default();
        let mut place = posts.take(1, NOW, |_| true).unwrap();
        posts.opened(&mut place, NOW);
        posts.ended(place, Tick(10_999));
        assert!(posts.take(1, LATER, |_| true).is_none());
        assert!(posts.take(1, Tick(11_999), |_| true).is_some());
    }

    #[test]
    fn a_probe_that_is_dismissed_makes_room_for_another() {
        let mut posts = Posts::default();
        let place = posts.take(1, NOW, |_| true).unwrap();
        posts.failed(place, NOW);
        let probe = posts.take(1, LATER, |_| true).unwrap();
        assert!(posts.take(1, LATER, |_| true).is_none());
        posts.dismissed(probe);
        assert!(posts.take(1, LATER, |_| true).is_some());
    }
}
