//! A soak: 100,000 connections whose clients and servers close, reset, half-close, stall and vanish at random.
//!
//! The life of a connection is a function of its number: client and server know it both, so that each can tell which
//! bytes must arrive and which ending must be seen.

use std::io::{self, Read, Write};
use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use fastrand::Rng;
use pen_tests::soak::{Complaints, random_length};
use pen_tests::{Backend, Content, End, Pen, Stream, in_parallel, wait_until};

const CONNECTIONS: usize = 100_000;
const PARALLEL: usize = 200;
const SEED: u64 = 20_160_229;

/// How one side behaves when it has read or written its part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    /// Ends in order, when everything was said.
    Orderly,
    /// Resets after so many bytes of what it sends.
    ResetAfter(u64),
    /// Says nothing after so many bytes, and holds the connection until pen ends it.
    VanishAfter(u64),
}

/// A connection's life.
#[derive(Clone, Copy, Debug)]
struct Life {
    number: u64,
    /// Bytes that the client sends after the 8 that name the number, and the server answers.
    up: u64,
    down: u64,
    client: Ending,
    server: Ending,
    /// The client half-closes after its part; else it keeps its side open until the server has finished.
    half_close: bool,
    /// The server speaks without waiting for the client's part.
    server_first: bool,
    /// The client pauses in the middle of its part.
    stall: bool,
}

impl Life {
    fn of(number: u64) -> Self {
        let mut random = Rng::with_seed(SEED ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let up = random_length(&mut random);
        let server_first = random.u8(..) < 40;
        // What a server says before it listens must fit into the buffers on the way.
        let down =
            if server_first { random_length(&mut random).min(16 * 1024) } else { random_length(&mut random) };
        Self {
            number,
            up,
            down,
            client: ending(&mut random, up),
            server: ending(&mut random, down),
            half_close: random.bool(),
            server_first,
            stall: random.u8(..) < 8,
        }
    }

    const fn upward(self) -> Content {
        Content::new(self.number.wrapping_mul(2))
    }

    const fn downward(self) -> Content {
        Content::new(self.number.wrapping_mul(2) + 1)
    }

    fn is_orderly(self) -> bool {
        self.client == Ending::Orderly && self.server == Ending::Orderly
    }
}

fn ending(random: &mut Rng, length: u64) -> Ending {
    match random.u16(..1_000) {
        0..=899 => Ending::Orderly,
        900..=994 => Ending::ResetAfter(random.u64(0..=length)),
        _ => Ending::VanishAfter(random.u64(0..=length)),
    }
}

#[test]
fn a_hundred_thousand_random_connections_leave_nothing_behind() {
    let started = Instant::now();
    let complaints = Complaints::default();
    let vanished = graveyard();
    let servers = [(); 3].map(|()| {
        let (complaints, vanished) = (complaints.clone(), vanished.clone());
        Backend::serve(move |stream| serve(stream, &complaints, &vanished))
    });
    let pen = Pen::builder()
        .servers(&servers)
        .option("-r")
        .option("-x 4000")
        .command("threads 2")
        .command("idle_timeout 5")
        .start();
    let first = pen.connect();
    first.finish();
    assert_eq!(first.drain().text(), "", "a connection without a number is ended");
    pen.wait_until_idle();
    let descriptors = pen.process().descriptors_at_rest();
    let memory = pen.process().resident();

    let served = AtomicUsize::new(0);
    in_parallel(CONNECTIONS, PARALLEL, |number| {
        let life = Life::of(number as u64);
        let source = Ipv4Addr::new(127, 0, 3, (number % 250) as u8 + 1).into();
        let stream = Stream::connect_from(source, pen.address()).expect("pen accepts");
        live(stream, life, &complaints, &vanished);
        served.fetch_add(1, Ordering::Relaxed);
    });

    complaints.assert_none();
    wait_until("no connection is open", || pen.ask("connections").is_empty());
    pen.wait_until_idle();
    wait_until("the servers have nobody", || servers.iter().all(|server| server.current() == 0));
    pen.process().expect_descriptors(descriptors);
    let grown = pen.process().resident().saturating_sub(memory);
    assert!(grown < 64 * 1024, "{grown} KiB more");
    let status = pen.ask("status text");
    assert!(!status.contains("blacklisted"), "{status}");
    let totals = format!("{} accepted, 0 refused, 0 unserved, 0 shortages", CONNECTIONS + 1);
    assert!(status.contains(&totals), "{totals} in {status}");
    let last = pen.connect();
    wait_until("the first number is free again", || pen.ask("connection 0").contains("state = 2"));
    drop(last);
    eprintln!("{} connections in {:?}", served.into_inner(), started.elapsed());
    pen.stop();
}

/// The client's side of a life.
fn live(stream: Stream, life: Life, complaints: &Complaints, vanished: &Sender<Stream>) {
    let said = say_up(&stream, life);
    match life.client {
        Ending::ResetAfter(_) => return stream.reset(),
        Ending::VanishAfter(_) => return vanished.send(stream).expect("the graveyard is open"),
        Ending::Orderly => {}
    }
    if life.half_close {
        stream.finish();
    }
    if matches!(life.server, Ending::VanishAfter(_)) {
        return vanished.send(stream).expect("the graveyard is open");
    }
    let (arrived, end) = check(life.downward(), &stream);
    let end = if was_reset(&said) { End::Reset } else { end };
    match arrived {
        None => complaints.add(&life, "the client got wrong bytes"),
        Some(arrived) if life.is_orderly() => {
            if arrived != life.down || end != End::Eof {
                complaints.add(&life, &format!("the client got {arrived} bytes and {end:?}"));
            } else if said.is_err() {
                complaints.add(&life, "the client could not say everything");
            }
        }
        Some(_) if end != End::Reset => {
            complaints.add(&life, &format!("a reset reached the client as {end:?}"));
        }
        Some(_) => {}
    }
}

fn say_up(stream: &Stream, life: Life) -> io::Result<()> {
    let length = match life.client {
        Ending::Orderly => life.up,
        Ending::ResetAfter(count) | Ending::VanishAfter(count) => count,
    };
    { stream }.write_all(&life.number.to_le_bytes())?;
    if life.stall {
        let middle = life.upward().bytes(length as usize);
        let (first, second) = middle.split_at(middle.len() / 2);
        { stream }.write_all(first)?;
        // A part of the behaviour that is tested: pen sees the halves apart.
        thread::sleep(Duration::from_millis(life.number % 20));
        return { stream }.write_all(second);
    }
    life.upward().write_to(stream, length)
}

/// The server's side of a life.
fn serve(stream: &Stream, complaints: &Complaints, vanished: &Sender<Stream>) {
    let mut number = [0; 8];
    if { stream }.read_exact(&mut number).is_err() {
        // A client may reset or vanish so early that not even its number arrives.
        return;
    }
    let life = Life::of(u64::from_le_bytes(number));
    if life.server_first {
        let said = say_down(stream, life, vanished);
        hear_up(stream, life, &said, complaints);
    } else {
        hear_up(stream, life, &Ok(()), complaints);
        // The client may be gone by now, as it may.
        let _ = say_down(stream, life, vanished);
    }
}

/// Whether it was a write that met the reset: the kernel tells it once, and the reads that follow just end.
fn was_reset(written: &io::Result<()>) -> bool {
    written.as_ref().is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset)
}

fn hear_up(stream: &Stream, life: Life, said: &io::Result<()>, complaints: &Complaints) {
    // Without a half-close the server stops to listen when it has heard all; it knows how much that is.
    let whole = life.client == Ending::Orderly && !(life.half_close);
    let mut heard = 0;
    let mut buffer = [0; 16 * 1024];
    let end = loop {
        let wanted = if whole { buffer.len().min((life.up - heard) as usize) } else { buffer.len() };
        if wanted == 0 {
            break End::Eof;
        }
        match { stream }.read(&mut buffer[..wanted]) {
            Ok(0) => break End::Eof,
            Ok(count) if !life.upward().matches(heard, &buffer[..count]) => {
                return complaints.add(&life, "the server got wrong bytes");
            }
            Ok(count) => heard += count as u64,
            Err(_) => break End::Reset,
        }
    };
    let end = if was_reset(said) { End::Reset } else { end };
    match life.client {
        Ending::Orderly if life.server != Ending::Orderly => {}
        Ending::Orderly if heard != life.up || end != End::Eof => {
            complaints.add(&life, &format!("the server got {heard} bytes and {end:?}"));
        }
        Ending::ResetAfter(_) if end != End::Reset && life.server == Ending::Orderly => {
            complaints.add(&life, &format!("a reset reached the server as {end:?}"));
        }
        _ => {}
    }
}

fn say_down(stream: &Stream, life: Life, vanished: &Sender<Stream>) -> io::Result<()> {
    let length = match life.server {
        Ending::Orderly => life.down,
        Ending::ResetAfter(count) | Ending::VanishAfter(count) => count,
    };
    let said = life.downward().write_to(stream, length);
    match life.server {
        Ending::Orderly => stream.finish(),
        Ending::ResetAfter(_) => stream.reset_on_close(),
        Ending::VanishAfter(_) => _ = vanished.send(stream.duplicate()),
    }
    said
}

/// Reads to the end: how many bytes came (`None`: wrong ones), and how it ended.
fn check(content: Content, stream: &Stream) -> (Option<u64>, End) {
    let mut arrived = Some(0);
    let end = stream.drain_with(|part| {
        arrived =
            arrived.filter(|&offset| content.matches(offset, part)).map(|offset| offset + part.len() as u64);
    });
    (arrived, end)
}

/// Takes the connections of those who vanished, and holds each until pen ends it.
fn graveyard() -> Sender<Stream> {
    let (entrance, buried) = channel::<Stream>();
    thread::spawn(move || buried.into_iter().for_each(|stream| _ = stream.drain()));
    entrance
}
