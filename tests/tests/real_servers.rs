//! pen in front of Debian's nginx and Apache: big transfers with checked content, many short connections through
//! every mode, and servers that are killed during load.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use pen_tests::http::{Answer, page, page_through, request};
use pen_tests::{Content, Pen, Stream, WebServer, alone, in_parallel, wait_until};

const GIBIBYTE: u64 = 1 << 30;

/// Reads the head of an answer that tells success: the length of its body.
#[track_caller]
fn length_of_answer(client: &Stream) -> u64 {
    Answer::read_head(client).and_then(Answer::or_error).unwrap().length()
}

fn download_a_gibibyte(server: &WebServer) {
    let _alone = alone();
    let content = Content::new(11);
    let mut file = BufWriter::new(File::create(server.site().join("big")).unwrap());
    content.write_to(&mut file, GIBIBYTE).unwrap();
    file.flush().unwrap();
    let pen = Pen::builder().servers([server]).start();
    let client = pen.connect();
    request(&client, "GET /big", "").unwrap();
    assert_eq!(length_of_answer(&client), GIBIBYTE);
    let (length, _) = content.expect_from(&client);
    assert_eq!(length, GIBIBYTE);
    drop(client);
    pen.wait_until_idle();
    assert!(pen.servers()[0].rx > GIBIBYTE);
    pen.stop();
}

fn upload_a_gibibyte(server: &WebServer) {
    let _alone = alone();
    let content = Content::new(12);
    let pen = Pen::builder().servers([server]).start();
    let client = pen.connect();
    request(&client, "PUT /upload/big", &format!("Content-Length: {GIBIBYTE}\r\n")).unwrap();
    content.write_to(&client, GIBIBYTE).unwrap();
    let answer = Answer::read_head(&client).and_then(Answer::or_error);
    answer.expect("the server says that it has stored the file");
    content.assert_file(&server.site().join("upload/big"), GIBIBYTE);
    pen.stop();
}

#[test]
fn a_gibibyte_downloaded_from_nginx_arrives_unchanged() {
    download_a_gibibyte(&WebServer::nginx());
}

#[test]
fn a_gibibyte_downloaded_from_apache_arrives_unchanged() {
    download_a_gibibyte(&WebServer::apache());
}

#[test]
fn a_gibibyte_uploaded_to_nginx_arrives_unchanged() {
    upload_a_gibibyte(&WebServer::nginx());
}

#[test]
fn a_gibibyte_uploaded_to_apache_arrives_unchanged() {
    upload_a_gibibyte(&WebServer::apache());
}

/// Sends 10,000 short requests in a mode, of which every one must be answered, by both servers.
fn ten_thousand_through(options: &[&str], commands: &[&str]) {
    const COUNT: usize = 10_000;
    let _alone = alone();
    let (nginx, apache) = (WebServer::nginx(), WebServer::apache());
    let mut builder = Pen::builder().servers([format!("{nginx}:0:0:2:1"), format!("{apache}:0:0:1:2")]);
    for option in options {
        builder = builder.option(option);
    }
    for command in commands {
        builder = builder.command(command);
    }
    let pen = builder.start();
    let failures = Mutex::new(Vec::new());
    let by_nginx = AtomicUsize::new(0);
    in_parallel(COUNT, 32, |number| {
        let source = std::net::Ipv4Addr::new(127, 0, 2, (number % 250) as u8 + 1).into();
        let page =
            Stream::connect_from(source, pen.address()).and_then(|stream| page_through(&stream, "/name"));
        match page.as_deref() {
            Ok("nginx") => _ = by_nginx.fetch_add(1, Ordering::Relaxed),
            Ok("apache") => {}
            other => failures.lock().unwrap().push(format!("{other:?}")),
        }
    });
    let failures = failures.into_inner().unwrap();
    assert!(failures.is_empty(), "{} lost, the first: {}", failures.len(), failures[0]);
    pen.wait_until_idle();
    let by_nginx = by_nginx.into_inner();
    eprintln!("{by_nginx} of {COUNT} by nginx");
    let shared = !commands.contains(&"prio");
    assert_eq!(by_nginx < COUNT, shared, "{by_nginx} of {COUNT} by nginx");
    assert!(by_nginx > 0);
    assert!(!pen.ask("status text").contains("blacklisted"));
    pen.stop();
}

#[test]
fn ten_thousand_short_connections_by_round_robin_lose_none() {
    ten_thousand_through(&["-r"], &[]);
}

#[test]
fn ten_thousand_short_connections_with_tracking_lose_none() {
    ten_thousand_through(&[], &[]);
}

#[test]
fn ten_thousand_short_connections_by_hash_lose_none() {
    ten_thousand_through(&["-h"], &[]);
}

#[test]
fn ten_thousand_short_connections_by_weight_lose_none() {
    ten_thousand_through(&["-W", "-r"], &[]);
}

#[test]
fn ten_thousand_short_connections_by_priority_lose_none() {
    ten_thousand_through(&["-r"], &["prio"]);
}

#[test]
fn a_server_killed_during_load_costs_only_the_connections_that_were_on_it() {
    const PARALLEL: usize = 16;
    let _alone = alone();
    let (nginx, mut apache) = (WebServer::nginx(), WebServer::apache());
    let pen = Pen::builder().servers([&nginx, &apache]).option("-r").start();
    let (done, lost) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    let started = Instant::now();
    let killed = Mutex::new(None);
    let load = |number: usize| {
        let begun = Instant::now();
        if let Err(error) = page(pen.address(), "/name") {
            lost.lock().unwrap().push((number, begun, error));
        }
        done.fetch_add(1, Ordering::Relaxed);
    };
    thread::scope(|scope| {
        scope.spawn(|| in_parallel(6_000, PARALLEL, load));
        wait_until("a part is done", || done.load(Ordering::Relaxed) > 2_000);
        apache.kill();
        *killed.lock().unwrap() = Some(Instant::now());
    });
    let killed = killed.into_inner().unwrap().expect("apache was killed");
    let lost = lost.into_inner().unwrap();
    assert!(lost.len() <= PARALLEL, "{} lost: {lost:?}", lost.len());
    for (number, begun, error) in &lost {
        assert!(*begun <= killed, "connection {number}, begun after the death, got {error}");
    }
    eprintln!("{} lost in {:?}", lost.len(), started.elapsed());
    assert_eq!(page(pen.address(), "/name").unwrap(), "nginx");
    pen.stop();
}

#[test]
fn a_download_cut_off_by_a_killed_server_does_not_look_complete() {
    let _alone = alone();
    let mut nginx = WebServer::nginx();
    fs::write(nginx.site().join("part"), vec![b'x'; 64 << 20]).unwrap();
    let pen = Pen::builder().servers([&nginx]).start();
    let client = pen.connect();
    client.patience(Duration::from_mins(1));
    request(&client, "GET /part", "").unwrap();
    let length = length_of_answer(&client);
    nginx.kill();
    let mut arrived = 0;
    let end = client.drain_with(|part| arrived += part.len() as u64);
    // The kernel of a killed server closes in order when it has sent all that it was given, and resets otherwise;
    // either way http's length tells, and a reset must arrive as one.
    assert!(arrived < length, "{arrived} of {length}, {end:?}");
    assert!(page(pen.address(), "/name").is_err(), "there is no server left");
}
