use super::*;

const LIMITS: Limits = Limits { sockets: 16, programs: 2 };
const EVERY_SECOND: Manner = Manner { lane: Lane::Socket, interval: 1 };

fn errand(service: u16, slot: u32) -> Errand {
    Errand { service, server: ServerId { slot, generation: slot }, kind: Kind::Check }
}

fn wanted(errands: impl IntoIterator<Item = Errand>, manner: Manner) -> BTreeMap<Errand, Manner> {
    errands.into_iter().map(|errand| (errand, manner)).collect()
}

fn of_service(service: u16, servers: u32) -> impl Iterator<Item = Errand> {
    (0..servers).map(move |slot| errand(service, slot))
}

fn schedule(wanted: &BTreeMap<Errand, Manner>) -> Schedule {
    let mut schedule = Schedule::new(LIMITS);
    schedule.follow(wanted, Tick(0));
    schedule
}

/// All that begin now.
fn begun(schedule: &mut Schedule, now: Tick) -> Vec<Errand> {
    std::iter::from_fn(|| schedule.next(now)).collect()
}

/// Runs for so long errands that each take no time at all: when each began.
fn run(schedule: &mut Schedule, from: Tick, until: Tick) -> BTreeMap<Errand, Vec<u64>> {
    let mut times: BTreeMap<Errand, Vec<u64>> = BTreeMap::new();
    let mut now = from;
    while now <= until {
        while let Some(errand) = schedule.next(now) {
            times.entry(errand).or_default().push(now.0);
            schedule.ended(&errand, now);
        }
        let Some(next) = schedule.poll_timeout() else { break };
        assert!(next > now);
        now = next;
    }
    times
}

#[test]
fn the_first_ones_follow_each_other_within_a_second() {
    for count in [1, 3, 50, 1000, 10_000] {
        let mut schedule = schedule(&wanted(of_service(0, count), EVERY_SECOND));
        let times = run(&mut schedule, Tick(0), Tick(999));
        let first: Vec<u64> = times.values().map(|times| times[0]).collect();
        assert_eq!(first.len(), count as usize);
        let latest = first.iter().max().unwrap();
        assert!(*latest <= 10 * u64::from(count - 1), "{count}: {latest}");
        assert!(count < 100 || *latest > 900, "{count}: {latest}");
    }
}

#[test]
fn each_is_asked_once_an_interval_give_or_take_a_tenth() {
    let manner = Manner { lane: Lane::Socket, interval: 5 };
    let mut schedule = schedule(&wanted(of_service(0, 40), manner));
    let times = run(&mut schedule, Tick(0), Tick(1_000_000));
    assert_eq!(times.len(), 40);
    for times in times.values() {
        let gaps: Vec<u64> = times.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| (4500..=5500).contains(gap)), "{gaps:?}");
        assert!((195..=205).contains(&times.len()), "{}", times.len());
        assert!(gaps.iter().any(|gap| *gap < 4600) && gaps.iter().any(|gap| *gap > 5400));
    }
}

#[test]
fn an_errand_begins_again_only_after_it_has_ended() {
    let mut schedule = schedule(&wanted([errand(0, 0)], EVERY_SECOND));
    assert_eq!(schedule.next(Tick(0)), Some(errand(0, 0)));
    assert_eq!(schedule.poll_timeout(), None);
    assert_eq!(schedule.next(Tick(30_000)), None);
    schedule.ended(&errand(0, 0), Tick(30_000));
    assert_eq!(schedule.poll_timeout(), Some(Tick(30_000)));
    assert_eq!(schedule.next(Tick(30_000)), Some(errand(0, 0)));
}

#[test]
fn there_are_never_more_under_way_than_places() {
    let programs = Manner { lane: Lane::Program, interval: 1 };
    let mut all = wanted((0..20).flat_map(|service| of_service(service, 5)), EVERY_SECOND);
    all.extend(wanted((20..30).flat_map(|service| of_service(service, 20)), programs));
    let mut schedule = schedule(&all);
    let hung = begun(&mut schedule, Tick(5000));
    assert_eq!((schedule.under_way(Lane::Socket), schedule.under_way(Lane::Program)), (16, 2));
    assert_eq!((hung.len(), schedule.poll_timeout()), (18, None));
    schedule.ended(&hung[0], Tick(6000));
    assert_eq!(begun(&mut schedule, Tick(6000)).len(), 1);
    assert_eq!(schedule.poll_timeout(), None);
}

#[test]
fn services_whose_servers_hang_leave_places_to_others() {
    let mut schedule = schedule(&wanted((0..10).flat_map(|service| of_service(service, 100)), EVERY_SECOND));
    let hung = begun(&mut schedule, Tick(2000));
    assert!((0..10).all(|service| hung.iter().any(|errand| errand.service == service)));
    // Another one comes later, and its servers answer.
    let mut all = wanted((0..10).flat_map(|service| of_service(service, 100)), EVERY_SECOND);
    all.extend(wanted(of_service(10, 5), EVERY_SECOND));
    schedule.follow(&all, Tick(2000));
    let times = run(&mut schedule, Tick(2000), Tick(12_000));
    let answering: Vec<usize> =
        times.iter().filter(|(errand, _)| errand.service == 10).map(|(_, times)| times.len()).collect();
    assert_eq!(answering.len(), 5);
    assert!(answering.iter().all(|count| (9..=12).contains(count)), "{answering:?}");
    assert_eq!(schedule.under_way(Lane::Socket), hung.len());
}

#[test]
fn a_service_alone_has_most_of_the_places() {
    let mut schedule = schedule(&wanted(of_service(0, 100), EVERY_SECOND));
    let taken = begun(&mut schedule, Tick(2000)).len();
    assert!((9..16).contains(&taken), "{taken}");
}

#[test]
fn what_is_put_off_is_tried_again_soon_and_not_at_once() {
    let mut schedule = schedule(&wanted([errand(0, 0)], Manner { lane: Lane::Socket, interval: 3600 }));
    assert!(schedule.next(Tick(0)).is_some());
    schedule.put_off(&errand(0, 0), Tick(10));
    let next = schedule.poll_timeout().unwrap();
    assert!((260..=510).contains(&next.0), "{next:?}");
    assert_eq!(schedule.under_way(Lane::Socket), 0);
}

#[test]
fn what_is_not_wanted_any_more_ends_and_is_forgotten() {
    let mut schedule = schedule(&wanted(of_service(0, 2), EVERY_SECOND));
    assert_eq!(schedule.next(Tick(0)), Some(errand(0, 0)));
    schedule.follow(&BTreeMap::new(), Tick(0));
    assert_eq!((schedule.poll_timeout(), schedule.under_way(Lane::Socket)), (None, 1));
    schedule.ended(&errand(0, 0), Tick(1));
    assert_eq!((schedule.poll_timeout(), schedule.under_way(Lane::Socket)), (None, 0));
    assert!(schedule.entries.is_empty());
}

#[test]
fn what_is_wanted_anew_begins_as_new_once_the_former_has_ended() {
    let long = Manner { lane: Lane::Program, interval: 3600 };
    let mut schedule = schedule(&wanted([errand(0, 0)], long));
    assert!(schedule.next(Tick(0)).is_some());
    schedule.forget(&errand(0, 0));
    schedule.follow(&wanted([errand(0, 0)], Manner { lane: Lane::Socket, ..long }), Tick(100));
    assert_eq!(schedule.next(Tick(2000)), None);
    schedule.ended(&errand(0, 0), Tick(3000));
    assert_eq!(schedule.next(Tick(3000)), Some(errand(0, 0)));
    assert_eq!((schedule.under_way(Lane::Socket), schedule.under_way(Lane::Program)), (1, 0));
}

#[test]
fn a_shorter_interval_holds_from_now_on_and_a_longer_one_too() {
    let long = Manner { lane: Lane::Socket, interval: 3600 };
    let mut schedule = schedule(&wanted(of_service(0, 100), long));
    run(&mut schedule, Tick(0), Tick(10_000));
    schedule.follow(&wanted(of_service(0, 100), EVERY_SECOND), Tick(10_000));
    let times = run(&mut schedule, Tick(10_000), Tick(10_999));
    let first: Vec<u64> = times.values().map(|times| times[0]).collect();
    assert_eq!(first.len(), 100);
    assert!(first.iter().filter(|time| **time < 10_200).count() < 50, "{first:?}");
    schedule.follow(&wanted(of_service(0, 100), long), Tick(11_500));
    assert!(run(&mut schedule, Tick(11_500), Tick(3_000_000)).is_empty());
}
