use std::io::Read;
use std::net::TcpListener;
use std::thread;

use super::*;

/// Both ends of a connection; a read from the second one that finds its end means that the first was dismissed.
fn pair(listener: &TcpListener) -> (Arc<TcpStream>, TcpStream) {
    let peer = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    (Arc::new(listener.accept().unwrap().0), peer)
}

fn is_dismissed(mut peer: &TcpStream) -> bool {
    peer.set_nonblocking(true).unwrap();
    matches!(peer.read(&mut [0]), Ok(0))
}

/// So many peers, and who is the first to go when one more comes.
fn first_to_go(permitted: impl Fn(usize) -> bool, activity: impl Fn(usize) -> Activity) -> Vec<usize> {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peers = Arc::<Peers>::default();
    let mut places = Vec::new();
    for index in 0..PEERS_MOST {
        let (ours, theirs) = pair(&listener);
        let place = peers.enter(ours, permitted(index)).unwrap();
        place.note(activity(index));
        places.push((place, theirs));
    }
    let (ours, _theirs) = pair(&listener);
    thread::scope(|scope| {
        let newcomer = scope.spawn(|| peers.enter(ours, true).is_some());
        let dismissed = |places: &[(Place, TcpStream)]| -> Vec<usize> {
            (0..PEERS_MOST).filter(|&index| is_dismissed(&places[index].1)).collect()
        };
        let mut gone = dismissed(&places);
        while gone.is_empty() {
            thread::yield_now();
            gone = dismissed(&places);
        }
        places.remove(gone[0]);
        assert!(newcomer.join().unwrap());
        gone
    })
}

#[test]
fn whoever_has_been_idle_longest_makes_room() {
    assert_eq!(first_to_go(|_| true, |_| Activity::Idle), [0]);
}

#[test]
fn whoever_is_not_permitted_goes_first() {
    assert_eq!(first_to_go(|index| index != 7, |_| Activity::Idle), [7]);
}

#[test]
fn who_says_nothing_goes_before_who_takes_nothing_and_who_is_served_stays() {
    let busy = |index| if index < 5 { Activity::Working } else { Activity::Writing };
    assert_eq!(first_to_go(|_| true, busy), [5]);
    assert_eq!(first_to_go(|_| true, |index| if index == 9 { Activity::Idle } else { busy(index) }), [9]);
}

#[test]
fn the_end_dismisses_who_waits_and_lets_the_others_finish() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let peers = Arc::<Peers>::default();
    let (idle, idle_peer) = pair(&listener);
    let (busy, busy_peer) = pair(&listener);
    let (_idle, served) = (peers.enter(idle, true).unwrap(), peers.enter(busy, true).unwrap());
    assert_eq!(served.note(Activity::Working), Onward::Stay);
    peers.end();
    assert!(is_dismissed(&idle_peer) && !is_dismissed(&busy_peer));
    assert_eq!(served.note(Activity::Idle), Onward::End);
    assert!(peers.enter(pair(&listener).0, true).is_none());
    drop(served);
    assert_eq!(peers.count(), 1);
}
