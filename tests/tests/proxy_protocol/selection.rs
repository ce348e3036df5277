//! Who gets which server, when all clients come by way of one proxy.

use pen_tests::{Backend, Pen};

use super::header::{accepting, connect_for};

fn named<const N: usize>(names: [&str; N]) -> [Backend; N] {
    names.map(Backend::named)
}

fn server_of(pen: &Pen, client: &str) -> String {
    connect_for(pen, client).drain().text()
}

#[test]
fn clients_behind_one_proxy_are_tracked_one_by_one() {
    let servers = named(["a", "b", "c"]);
    let pen = accepting().servers(&servers).start();
    let all = || -> String { (1..=6).map(|host| server_of(&pen, &format!("192.0.2.{host}:4000"))).collect() };
    assert_eq!(all(), "abcabc");
    assert_eq!(all(), "abcabc");
    assert_eq!(pen.ask("recent").lines().count(), 6);
    // The same clients without their ports, and an IPv6 one more.
    assert_eq!(server_of(&pen, "192.0.2.2:5000"), "b");
    assert_eq!(server_of(&pen, "[2001:db8::1]:4000"), "a");
}

#[test]
fn access_lists_speak_of_the_client_and_not_of_its_proxy() {
    let [a, b, abuse] = named(["a", "b", "abuse"]);
    let pen = accepting()
        .servers([&a, &b])
        .option("-r")
        .command("acl 1 deny 192.0.2.7")
        .command("client_acl 1")
        .command("acl 2 permit 2001:db8::/32")
        .command("server 1 acl 2")
        .command(&format!("abuse {abuse}"))
        .start();
    assert_eq!(server_of(&pen, "192.0.2.7:1"), "abuse");
    for _ in 0..4 {
        assert_eq!(server_of(&pen, "192.0.2.8:1"), "a");
    }
    let answers: Vec<String> = (0..4).map(|_| server_of(&pen, "[2001:db8::8]:1")).collect();
    assert!(answers.contains(&"b".to_owned()), "{answers:?}");
    pen.tell("acl 1 deny 127.0.0.1");
    assert_eq!(server_of(&pen, "192.0.2.8:1"), "a");
}

#[test]
fn the_hash_is_of_the_clients_address_and_port() {
    let servers = named(["a", "b", "c", "d"]);
    let by_address = accepting().servers(&servers).option("-h").start();
    let without = Pen::builder().servers(&servers).option("-h").start();
    for host in 1..=20 {
        let expected = without.get_from(host);
        assert_eq!(server_of(&by_address, &format!("127.0.0.{host}:77")), expected);
        assert_eq!(server_of(&by_address, &format!("127.0.0.{host}:78")), expected);
    }
    let by_port = accepting().servers(&servers).option("-hr").start();
    let all = || -> Vec<String> {
        (1..=40).map(|port| server_of(&by_port, &format!("192.0.2.7:{port}"))).collect()
    };
    let answers = all();
    assert!(answers.iter().any(|answer| *answer != answers[0]), "{answers:?}");
    assert_eq!(all(), answers);
}
