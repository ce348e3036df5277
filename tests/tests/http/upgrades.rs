//! Requests after which another protocol may be spoken: the server decides.

use std::process::{Command, Stdio};

use pen_tests::{Content, End, Family, Pair, Pen, private_address, run_patiently, wait_until};

const TOLD: &str = "X-Forwarded-Proto: http\r\nX-Forwarded-For: 127.0.0.1\r\n\r\n";
const NEXT: &str = "GET /next HTTP/1.1\r\nHost: x\r\n\r\n";

fn told(head: &str) -> String {
    format!("{}{TOLD}", head.strip_suffix("\r\n").expect("a head ends with an empty line"))
}

/// A connection whose server has got the head of a request to upgrade, with what comes after it already sent.
fn asked(head: &str, ahead: &[u8]) -> Pair {
    let pair = Pair::with(Family::Tcp4, Family::Tcp4, "http");
    pair.client().send([head.as_bytes(), ahead].concat());
    let expected = told(head);
    assert_eq!(String::from_utf8_lossy(&pair.server().receive(expected.len())), expected);
    pair
}

#[track_caller]
fn answer(pair: &Pair, text: &str) {
    pair.server().send(text);
    assert_eq!(String::from_utf8_lossy(&pair.client().receive(text.len())), text);
}

const UPGRADE: &str = "GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
const SWITCHING: &str =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n";
const REFUSED: &str = "HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno";

#[test]
fn after_a_101_both_sides_are_passed_through() {
    let pair = asked(UPGRADE, b"");
    answer(&pair, SWITCHING);
    let text = Content::new(41).bytes(300_000);
    pair.client().send(&text);
    assert!(pair.server().receive(text.len()) == text);
    // It looks like a request, but is none.
    pair.client().send(NEXT);
    assert_eq!(pair.server().receive(NEXT.len()), NEXT.as_bytes());
    pair.server().send(&text);
    assert!(pair.client().receive(text.len()) == text);
    pair.client().finish();
    assert_eq!(pair.server().drain().end, End::Eof);
}

#[test]
fn what_was_sent_ahead_of_a_101_arrives_after_it_and_first() {
    let pair = asked(UPGRADE, b"early ");
    pair.client().send("and more ");
    answer(&pair, SWITCHING);
    pair.client().send("and late");
    pair.client().finish();
    assert_eq!(pair.server().drain().text(), "early and more and late");
}

#[test]
fn a_client_that_has_said_all_before_the_101_is_heard_to_the_end() {
    let pair = asked(UPGRADE, b"all");
    pair.client().finish();
    answer(&pair, SWITCHING);
    let received = pair.server().drain();
    assert_eq!((received.text().as_str(), received.end), ("all", End::Eof));
    pair.server().send("well");
    pair.server().finish();
    assert_eq!(pair.client().drain().text(), "well");
    pair.pen.wait_until_idle();
}

#[test]
fn a_101_in_pieces_is_one_too() {
    let pair = asked(UPGRADE, b"");
    for byte in SWITCHING.bytes() {
        pair.server().send([byte]);
        assert_eq!(pair.client().receive(1), [byte]);
    }
    pair.client().send(NEXT);
    pair.client().finish();
    assert_eq!(pair.server().drain().text(), NEXT);
}

#[test]
fn after_a_refused_upgrade_the_next_request_tells_of_the_client_again() {
    let pair = asked(UPGRADE, b"");
    answer(&pair, REFUSED);
    pair.client().send(NEXT);
    pair.client().finish();
    assert_eq!(pair.server().drain().text(), told(NEXT));
}

#[test]
fn so_does_a_request_that_was_sent_ahead_of_the_refusal() {
    let pair = asked(UPGRADE, NEXT.as_bytes());
    answer(&pair, REFUSED);
    pair.client().finish();
    assert_eq!(pair.server().drain().text(), told(NEXT));
}

#[test]
fn a_100_before_the_answer_decides_nothing() {
    let pair = asked(UPGRADE, NEXT.as_bytes());
    answer(&pair, "HTTP/1.1 100 Continue\r\n\r\n");
    answer(&pair, REFUSED);
    pair.client().finish();
    assert_eq!(pair.server().drain().text(), told(NEXT));
}

#[test]
fn a_server_that_closes_instead_of_answering_ends_the_connection() {
    let pair = asked(UPGRADE, b"early");
    pair.server().finish();
    assert_eq!(pair.client().drain().end, End::Eof);
    let received = pair.server().drain();
    assert_eq!((received.text().as_str(), received.end), ("", End::Eof));
    pair.pen.wait_until_idle();
}

#[test]
fn a_tunnel_is_one_when_the_server_says_so() {
    let connect = "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n";
    let pair = asked(connect, b"\x16\x03\x01");
    answer(&pair, "HTTP/1.1 200 Connection established\r\n\r\n");
    pair.client().send(NEXT);
    pair.client().finish();
    assert_eq!(pair.server().drain().text(), format!("\x16\x03\x01{NEXT}"));

    let pair = asked(connect, NEXT.as_bytes());
    answer(&pair, "HTTP/1.1 405 Method Not Allowed\r\nContent-Length: 0\r\n\r\n");
    pair.client().finish();
    assert_eq!(pair.server().drain().text(), told(NEXT));
}

/// The server echoes, and tells of the header that it has seen; the client sends texts of many sizes at once.
const SERVER: &str = "
import asyncio, sys, websockets
async def serve(socket):
    await socket.send(socket.request_headers['X-Forwarded-For'])
    async for message in socket:
        await socket.send(message)
async def main():
    async with websockets.serve(serve, sys.argv[1], int(sys.argv[2]), max_size=None):
        await asyncio.Future()
asyncio.run(main())
";
const CLIENT: &str = "
import asyncio, sys, websockets
async def main():
    async with websockets.connect(sys.argv[1], max_size=None) as socket:
        print(await socket.recv())
        texts = [bytes(range(256)) * (1 << size) for size in range(0, 14)]
        async def send():
            for text in texts:
                await socket.send(text)
        sender = asyncio.create_task(send())
        for text in texts:
            assert await socket.recv() == text
        await sender
        pong = await socket.ping()
        await pong
    print(socket.close_code)
asyncio.run(main())
";

#[test]
fn a_websocket_works_with_a_real_library_on_both_sides() {
    let address = private_address();
    let mut server = Command::new("/usr/bin/python3");
    server.args(["-c", SERVER, &address.ip().to_string(), &address.port().to_string()]);
    let mut server = server.stdin(Stdio::null()).spawn().expect("Debian has python");
    wait_until("the server listens", || pen_tests::Stream::connect(&address.into()).is_ok());
    let pen = Pen::builder().server(address).option("-H").start();
    let mut client = Command::new("/usr/bin/python3");
    client.args(["-c", CLIENT, &format!("ws://{}/chat", pen.address())]);
    let ended = run_patiently(client);
    server.kill().expect("it is our child");
    server.wait().expect("it is our child");
    assert_eq!(ended.stdout, "127.0.0.1\n1000\n", "{}", ended.stderr);
}
