//! nginx and Apache behind `-H`, which say what they were told of the client.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::thread;

use pen_tests::http::Answer;
use pen_tests::{Address, Content, Pen, Stream, WebServer, alone, private_address, wait_until};

/// A server with a pen before it. Every answer tells, as `Seen-Proto` and `Seen-For`, what the server was told.
pub struct Site {
    pub server: WebServer,
    pub pen: Pen,
}

impl Site {
    pub fn nginx() -> Site {
        Site::of(WebServer::nginx_logging(Address::Ip(private_address()), |directory| {
            format!(
                "add_header Seen-Proto $http_x_forwarded_proto always;
                 add_header Seen-For $http_x_forwarded_for always;
                 log_format seen '$request_uri $http_x_forwarded_proto $http_x_forwarded_for';
                 keepalive_requests 100000;
                 access_log {directory}/seen seen;"
            )
        }))
    }

    pub fn apache() -> Site {
        Site::of(WebServer::apache_logging(Address::Ip(private_address()), |directory| {
            format!(
                "LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so\n\
                 Header always set Seen-Proto \"expr=%{{HTTP:X-Forwarded-Proto}}\"\n\
                 Header always set Seen-For \"expr=%{{HTTP:X-Forwarded-For}}\"\n\
                 LogFormat \"%U %{{X-Forwarded-Proto}}i %{{X-Forwarded-For}}i\" seen\n\
                 MaxKeepAliveRequests 0\n\
                 CustomLog {directory}/seen seen\n"
            )
        }))
    }

    fn of(server: WebServer) -> Site {
        let pen = Pen::builder().server(&server).option("-H").option("-x 1000").start();
        Site { server, pen }
    }

    /// What the server has logged of this path so far: for each request what it was told.
    pub fn told(&self, path: &str) -> Vec<String> {
        let log = fs::read_to_string(self.server.directory().join("seen")).expect("the server logs");
        let lines = log.lines().filter_map(|line| line.strip_prefix(path)?.strip_prefix(' '));
        lines.map(str::to_owned).collect()
    }
}

/// Does it with both servers.
pub fn on_both(test: impl Fn(&Site)) {
    test(&Site::nginx());
    test(&Site::apache());
}

/// Reads an answer, which must be this one, to a request that the server was told of rightly.
#[track_caller]
fn assert_answer(client: &Stream, status: u16, with_body: bool) -> Answer {
    let answer = Answer::read(client, with_body).expect("the server answers");
    assert_eq!(answer.status, status, "{}", answer.head);
    let seen = ["Seen-Proto", "Seen-For"].map(|name| answer.field(name).unwrap_or_default());
    assert_eq!(seen, ["http", "127.0.0.7"], "{}", answer.head);
    answer
}

fn head(request: &str, fields: &str) -> String {
    format!("{request} HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n")
}

#[test]
fn servers_are_told_in_every_request_of_a_kept_connection() {
    on_both(|site| {
        let client = site.pen.connect_from(7);
        for _ in 0..100 {
            client.send(head("GET /name", ""));
            assert!(!assert_answer(&client, 200, true).body.is_empty());
        }
    });
}

#[test]
fn servers_are_told_in_every_request_that_is_sent_ahead() {
    on_both(|site| {
        let client = site.pen.connect_from(7);
        client.send(head("GET /name", "").repeat(100));
        for _ in 0..100 {
            assert!(!assert_answer(&client, 200, true).body.is_empty());
        }
    });
}

#[test]
fn answers_without_a_body_are_followed_by_requests_that_tell() {
    on_both(|site| {
        let client = site.pen.connect_from(7);
        client.send(head("HEAD /name", ""));
        let modified = assert_answer(&client, 200, false);
        let modified = modified.field("Last-Modified").unwrap();
        client.send(head("GET /name", &format!("If-Modified-Since: {modified}\r\n")));
        assert_answer(&client, 304, false);
        client.send(head("PUT /upload/new", "Content-Length: 3\r\n") + "one");
        assert_answer(&client, 201, true);
        client.send(head("PUT /upload/new", "Content-Length: 3\r\n") + "two");
        assert_answer(&client, 204, false);
        client.send(head("GET /nothing", ""));
        assert_answer(&client, 404, true);
        client.send(head("GET /upload/new", ""));
        assert_eq!(assert_answer(&client, 200, true).body, "two");
    });
}

#[test]
fn a_body_that_waits_for_100_continue_is_passed_on() {
    on_both(|site| {
        let client = site.pen.connect_from(7);
        for length in [1, 100_000] {
            let fields = format!("Expect: 100-continue\r\nContent-Length: {length}\r\n");
            client.send(head("PUT /upload/expected", &fields));
            let go_on = Answer::read_head(&client).unwrap();
            assert_eq!(go_on.status, 100, "{}", go_on.head);
            client.send("x".repeat(length));
            let answer = Answer::read(&client, false).unwrap();
            assert!(matches!(answer.status, 201 | 204), "{}", answer.head);
            assert_eq!(answer.field("Seen-For"), Some("127.0.0.7"));
            client.receive(answer.length() as usize);
            let stored = fs::read(site.server.site().join("upload/expected")).unwrap();
            assert_eq!(stored.len(), length);
        }
    });
}

#[test]
fn what_is_forged_is_never_the_last_word() {
    on_both(|site| {
        for (fields, expected) in [
            ("X-Forwarded-For: 192.0.2.66\r\n", "192.0.2.66, 127.0.0.7"),
            ("x-forwarded-for:192.0.2.66 , 192.0.2.67\r\n", "192.0.2.66 , 192.0.2.67, 127.0.0.7"),
        ] {
            let client = site.pen.connect_from(7);
            client.send(head("GET /name", &format!("{fields}X-Forwarded-Proto: https\r\n")));
            let answer = Answer::read(&client, true).unwrap();
            assert_eq!(answer.field("Seen-For"), Some(expected));
            assert_eq!(answer.field("Seen-Proto"), Some("http"));
        }
    });
}

const LENGTH: u64 = 300 << 20;

#[test]
fn a_download_of_300_mebibytes_arrives_unchanged_and_the_next_request_tells() {
    let _alone = alone();
    on_both(|site| {
        let content = Content::new(51);
        let mut file = BufWriter::new(File::create(site.server.site().join("big")).unwrap());
        content.write_to(&mut file, LENGTH).unwrap();
        file.flush().unwrap();
        let client = site.pen.connect_from(7);
        client.send(head("GET /big", "") + &head("GET /name", ""));
        assert_eq!(Answer::read_head(&client).unwrap().length(), LENGTH);
        let mut offset = 0;
        while offset < LENGTH {
            let part = client.receive(1 << 20);
            assert!(content.matches(offset, &part), "wrong bytes from {offset}");
            offset += part.len() as u64;
        }
        assert_answer(&client, 200, true);
    });
}

#[test]
fn an_upload_of_300_mebibytes_arrives_unchanged_and_the_next_request_tells() {
    let _alone = alone();
    on_both(|site| {
        let content = Content::new(52);
        let client = site.pen.connect_from(7);
        client.send(head("PUT /upload/big", &format!("Content-Length: {LENGTH}\r\n")));
        content.write_to(&client, LENGTH).unwrap();
        client.send(head("GET /name", ""));
        assert_answer(&client, 201, true);
        assert_answer(&client, 200, true);
        content.assert_file(&site.server.site().join("upload/big"), LENGTH);
    });
}

#[test]
fn a_chunked_upload_arrives_unchanged_and_the_next_request_tells() {
    const LENGTH: usize = 20 << 20;
    on_both(|site| {
        let content = Content::new(53);
        let bytes = content.bytes(LENGTH);
        let client = site.pen.connect_from(7);
        let mut rest = &bytes[..];
        let mut random = fastrand::Rng::with_seed(53);
        thread::scope(|scope| {
            scope.spawn(|| {
                client.send(head("PUT /upload/chunked", "Transfer-Encoding: chunked\r\n"));
                while !rest.is_empty() {
                    let (chunk, more) = rest.split_at(rest.len().min(random.usize(1..100_000)));
                    client.send([format!("{:x}\r\n", chunk.len()).as_bytes(), chunk, b"\r\n"].concat());
                    rest = more;
                }
                client.send(format!("0\r\n\r\n{}", head("GET /name", "")));
            });
            assert_answer(&client, 201, true);
            assert_answer(&client, 200, true);
        });
        content.assert_file(&site.server.site().join("upload/chunked"), LENGTH as u64);
    });
}

#[test]
fn their_logs_tell_the_same() {
    on_both(|site| {
        for host in 1..=20 {
            let client = site.pen.connect_from(host);
            client.send(head("GET /name", "Connection: close\r\n"));
            client.drain();
        }
        let expected: Vec<String> = (1..=20).map(|host| format!("http 127.0.0.{host}")).collect();
        wait_until("all are logged", || {
            let mut told = site.told("/name");
            told.retain(|line| expected.contains(line));
            told.len() == expected.len()
        });
    });
}

/// Whom a server takes for the client that says of itself that it is another.
#[track_caller]
fn assert_taken_for_itself(server: WebServer) {
    let site = Site::of(server);
    let client = site.pen.connect_from(7);
    client.send(head("GET /name", "X-Forwarded-For: 192.0.2.66\r\n"));
    let answer = Answer::read(&client, true).unwrap();
    assert_eq!(answer.field("Seen-Client"), Some("127.0.0.7"), "{}", answer.head);
}

#[test]
fn nginx_takes_the_client_for_itself_as_docs_http_md_says() {
    assert_taken_for_itself(WebServer::nginx_logging(Address::Ip(private_address()), |_| {
        "set_real_ip_from 127.0.0.1; real_ip_header X-Forwarded-For;
         add_header Seen-Client $remote_addr always;"
            .to_owned()
    }));
}

#[test]
fn apache_takes_the_client_for_itself_as_docs_http_md_says() {
    assert_taken_for_itself(WebServer::apache_logging(Address::Ip(private_address()), |_| {
        "LoadModule headers_module /usr/lib/apache2/modules/mod_headers.so\n\
         LoadModule remoteip_module /usr/lib/apache2/modules/mod_remoteip.so\n\
         RemoteIPHeader X-Forwarded-For\nRemoteIPInternalProxy 127.0.0.1\n\
         Header always set Seen-Client expr=%{REMOTE_ADDR}\n"
            .to_owned()
    }));
}
