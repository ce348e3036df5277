//! penlogd and millions of lines: none is lost, all are right and in order, and memory does not grow.

use std::fmt::Write as _;
use std::io::{BufRead, BufReader};
use std::net::Ipv4Addr;

use pen_tests::{Penlogd, alone, udp, wait_until};

/// So many lines; `PENLOGD_LINES` names another number.
const LINES: usize = 1_000_000;

const SERVERS: [&str; 4] = ["127.0.1.1", "127.0.1.2", "127.0.1.3", "127.0.1.4"];

/// Less than the kernel keeps for it.
const QUEUE: u64 = 2 << 20;

/// Memory for address space: code, stacks, buffers, and room for datagrams.
const MEMORY: &str = "--as=209715200";

fn client(number: usize) -> Ipv4Addr {
    Ipv4Addr::from_bits(0x0a00_0000 + (number % 1_000_003) as u32)
}

fn line(text: &mut String, peer: Ipv4Addr, number: usize) {
    // Every hundredth request is one that pen does not know.
    let path = if number % 100 == 7 { "unknown" } else { "page" };
    text.clear();
    let end = "[21/Nov/2026:14:31:53 +0000]";
    let _ = writeln!(text, "{peer} - - {end} \"GET /{path}/{number} HTTP/1.1\" 200 1234 \"-\" \"benchmark\"");
}

#[test]
fn memory_does_not_grow_with_the_number_of_lines() {
    let lines = std::env::var("PENLOGD_LINES").map_or(LINES, |number| number.parse().expect("a number"));
    let _alone = alone();
    let penlogd = Penlogd::builder().under(["prlimit", MEMORY]).option("-w 50").start();
    let pen = penlogd.peer("127.0.0.1");
    let servers = SERVERS.map(|server| penlogd.peer(server));
    let peer = Ipv4Addr::new(10, 9, 9, 9);
    let unread = || udp::receive_queue(penlogd.address()).expect("it has a socket");
    let mut text = String::new();
    for number in 0..lines {
        let server = number % SERVERS.len();
        if number % 100 != 7 {
            text.clear();
            let to = SERVERS[server];
            let _ = writeln!(text, "+ {} {to} GET /page/{number} HTTP/1.1", client(number));
            pen.send(&text);
        }
        line(&mut text, peer, number);
        servers[server].send(&text);
        if number % 500 == 0 {
            wait_until("it has read", || unread().bytes < QUEUE);
        }
    }
    wait_until("it has read all", || unread().bytes == 0);
    assert_eq!(unread().drops, 0);
    let peak = penlogd.process().status("VmHWM");
    // What it holds is written at its end.
    let file = penlogd.stop_and_open_log();
    let mut next: Vec<usize> = (0..SERVERS.len()).collect();
    let mut reader = BufReader::new(file);
    let mut written = String::new();
    let mut count = 0;
    while reader.read_line(&mut written).expect("it is text") > 0 {
        let of = |number: usize| if number % 100 == 7 { peer } else { client(number) };
        let found = next.iter_mut().find(|number| {
            line(&mut text, of(**number), **number);
            text == written
        });
        let Some(found) = found else { panic!("line {count}, which is none of {next:?}: {written}") };
        *found += SERVERS.len();
        count += 1;
        written.clear();
    }
    assert_eq!(count, lines);
    eprintln!("{lines} lines, at most {peak} of memory");
}
