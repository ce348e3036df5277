//! What was read of a client is passed on whatever else is done with its bytes and whatever is set meanwhile, and users are counted
//! out however they leave.

use pen_tests::{Content, End, Pen, wait_until};

use super::desk::{begin, desks, farm, request_of, server_of};

/// How many connections users have, and how many users are known.
fn users(pen: &Pen) -> (u64, u64) {
    let status = pen.status();
    let service = &status["services"][0];
    let open = service["users"].as_array().unwrap().iter().map(|user| user["open"].as_u64().unwrap());
    (open.sum(), service["users_known"].as_u64().unwrap())
}

fn number(pen: &Pen, name: &str) -> u64 {
    pen.status()["services"][0][name].as_u64().unwrap()
}

#[test]
fn whatever_is_done_with_its_bytes_a_server_gets_all_of_them_once() {
    let request = request_of("alice");
    let bytes = [&request[..], &Content::new(5).bytes(200_000)].concat();
    for (commands, told_first) in [
        (&["log requests.log"][..], ""),
        (&["http"], ""),
        (&["debug 3"], ""),
        (&["proxy_protocol send"], "PROXY TCP4 127.0.0.1 "),
        (&["http", "log requests.log", "proxy_protocol send", "debug 3"], "PROXY TCP4 127.0.0.1 "),
    ] {
        let servers = desks(["a"]);
        let pen = commands.iter().fold(farm(&servers), |pen, command| pen.command(command)).start();
        for front in [0, 1, 20, request.len(), 5000] {
            let client = pen.connect();
            let answer = std::thread::scope(|scope| {
                scope.spawn(|| {
                    client.send(&bytes[..front]);
                    client.send(&bytes[front..]);
                    client.finish();
                });
                client.drain()
            });
            assert_eq!(answer.end, End::Eof, "{commands:?}");
            let heard = answer.bytes.strip_prefix(b"a\n").unwrap();
            let (told, rest) = heard.split_at(heard.len() - bytes.len());
            let told = String::from_utf8_lossy(told);
            assert!(told.starts_with(told_first) && told.is_empty() == told_first.is_empty(), "{told}");
            assert!(rest == bytes, "{commands:?}, in parts at {front}");
        }
        wait_until("the user is counted out", || users(&pen) == (0, 1));
        pen.stop();
    }
}

#[test]
fn who_is_awaited_when_nobody_is_to_be_any_more_is_served_with_what_came() {
    let servers = desks(["a"]);
    let pen = farm(&servers).start();
    let request = request_of("alice");
    let (silent, slow) = (pen.connect(), pen.connect());
    slow.send(&request[..20]);
    wait_until("both are awaited", || number(&pen, "connections") == 2);
    pen.tell("no peek");
    let (_, _other) = begin(&pen, 1, b"x");
    silent.send(&request);
    slow.send(&request[20..]);
    for client in [silent, slow] {
        assert_eq!(client.line(), "a");
        assert_eq!(client.receive(request.len()), request);
    }
    pen.stop();
}

#[test]
fn users_are_counted_out_however_they_leave() {
    let servers = desks(["a", "b"]);
    // Not all servers are there, and nobody waits for those that are not.
    let pen = farm(&servers)
        .option("-r")
        .command("pending_max 2")
        .command("server 2 address 127.0.0.1 port 1")
        .command("blacklist 0")
        .start();
    for round in 0..300_u32 {
        let request = request_of(&format!("user{}", round % 7));
        let client = pen.connect_from(u8::try_from(round % 5 + 1).unwrap());
        match round % 6 {
            0 => client.send(&request),
            1 => client.send(&request[..request.len() - 9]),
            2 => client.send([&request[..], &vec![7; 20_000]].concat()),
            3 => {
                client.send(&request);
                client.finish();
            }
            4 => {
                client.send(&request);
                client.reset();
            }
            _ => {
                client.send(&request[..15]);
                client.reset();
            }
        }
    }
    wait_until("all have come and gone", || {
        (number(&pen, "accepted"), number(&pen, "connections")) == (300, 0)
    });
    let (open, known) = users(&pen);
    assert!(open == 0 && (1..=7).contains(&known), "{open} connections of {known} users");
    assert_eq!(server_of(&pen, 1, "user1"), server_of(&pen, 2, "user1"));
    pen.stop();
}
