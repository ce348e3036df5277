//! The real thing: `FreeRDP`, pen, xrdp.

use pen_tests::rdp::{Display, Xrdp};
use pen_tests::{Pen, PenBuilder, wait_until};

/// A farm of two, and doors to it at which everybody comes from an address of this door's.
struct Rig {
    display: Display,
    farm: Pen,
    doors: Vec<Pen>,
    servers: [Xrdp; 2],
}

impl Rig {
    fn new(farm: impl FnOnce(PenBuilder) -> PenBuilder) -> Self {
        let servers = [Xrdp::start(), Xrdp::start()];
        let builder = Pen::builder().servers(servers.iter().map(Xrdp::address)).command("peek rdp");
        let farm = farm(builder).start();
        let door = |host: u8| {
            Pen::builder().server(farm.address()).command(&format!("source 127.0.0.{host}")).start()
        };
        Self { display: Display::start(), doors: (1..=3).map(door).collect(), farm, servers }
    }

    /// The slot of the server that the user gets who comes by this door; `None`: none.
    #[track_caller]
    fn log_in(&self, door: usize, user: &str) -> Option<usize> {
        let before = self.connects();
        let ended = self.display.log_in(self.doors[door].address(), user);
        let reached = self.connects().iter().zip(before).position(|(now, before)| *now > before);
        assert_eq!(ended.code == Some(0), reached.is_some(), "{ended:?}");
        reached
    }

    fn connects(&self) -> Vec<u64> {
        let status = self.farm.status();
        let servers = status["services"][0]["servers"].as_array().expect("a list").iter();
        servers.map(|server| server["connects"].as_u64().expect("a number")).collect()
    }

    /// The clients whom the farm has seen.
    fn addresses(&self) -> usize {
        self.farm.ask("recent").lines().count()
    }
}

#[test]
fn a_user_comes_back_to_the_same_xrdp_from_another_address() {
    let rig = Rig::new(|farm| farm.option("-r"));
    let alice = rig.log_in(0, "alice");
    let bob = rig.log_in(0, "bob");
    assert!(alice.is_some() && bob.is_some() && alice != bob, "alice: {alice:?}, bob: {bob:?}");
    for door in [1, 2, 0] {
        assert_eq!([rig.log_in(door, "bob"), rig.log_in(door, "alice")], [bob, alice], "door {door}");
    }
    assert_eq!(rig.addresses(), 3);
    rig.farm.stop();
}

#[test]
fn names_of_a_domain_are_the_same_user_if_the_service_says_so() {
    let rig = Rig::new(|farm| farm.option("-r").command("peek rdp fold nodomain short"));
    let alexander = rig.log_in(0, "alexander");
    let other = rig.log_in(0, "bob");
    assert_ne!(alexander, other);
    assert_eq!(rig.log_in(1, "CORP\\ALEXANDER"), alexander);
    assert_eq!(rig.log_in(2, "Alexander.the.Great"), alexander);
}

#[test]
fn a_user_whose_xrdp_has_died_is_served_by_the_other_one() {
    let mut rig = Rig::new(|farm| farm);
    let alice = rig.log_in(0, "alice").expect("both are there");
    rig.servers[alice].kill();
    assert_eq!(rig.log_in(1, "alice"), Some(1 - alice));
    rig.servers[alice].revive();
    rig.farm.tell(&format!("server {alice} blacklist 0"));
    assert_eq!(rig.log_in(2, "alice"), Some(1 - alice), "the session is there now");
}

#[test]
fn a_dead_xrdp_is_noticed_before_a_user_meets_it() {
    let mut rig = Rig::new(|farm| farm.command("health rdp interval 1 timeout 5 rise 1 fall 1"));
    let state = |rig: &Rig, slot: usize| {
        rig.farm.status()["services"][0]["servers"][slot]["state"].as_str().expect("a word").to_owned()
    };
    let alice = rig.log_in(0, "alice").expect("both are there");
    rig.servers[alice].kill();
    wait_until("it is down", || state(&rig, alice) == "down");
    assert_eq!(state(&rig, 1 - alice), "up");
    let before = rig.connects();
    assert_eq!(rig.log_in(1, "alice"), Some(1 - alice));
    assert_eq!(rig.connects()[alice], before[alice]);
    rig.servers[alice].revive();
    wait_until("it is up again", || state(&rig, alice) == "up");
    let said = rig.farm.stderr();
    for word in ["is down: rdp check: ", "is up again: rdp check passed"] {
        assert_eq!(said.matches(word).count(), 1, "{word} in: {said}");
    }
}
