//! What is not HTTP/1 goes through `-H` as it is.

use std::process::Command;

use pen_tests::{
    Content, End, Family, Manual, Pair, Pen, program, run_to_the_end, run_with_input, wait_until,
};

fn pair() -> Pair {
    Pair::with(Family::Tcp4, Family::Tcp4, "http")
}

#[test]
fn a_server_that_speaks_first_is_heard_and_answered() {
    let pair = pair();
    pair.server().send("220 mail.example.com ESMTP\r\n");
    assert_eq!(pair.client().line(), "220 mail.example.com ESMTP\r");
    for command in ["EHLO client.example.com\r\n", "QUIT\r\n"] {
        pair.client().send(command);
        assert_eq!(pair.server().receive(command.len()), command.as_bytes());
    }
}

#[test]
fn both_banners_of_ssh_pass_and_what_follows_them() {
    let pair = pair();
    pair.client().send("SSH-2.0-OpenSSH_9.2\r\n");
    assert_eq!(pair.server().line(), "SSH-2.0-OpenSSH_9.2\r");
    pair.server().send("SSH-2.0-OpenSSH_9.2\r\n");
    assert_eq!(pair.client().line(), "SSH-2.0-OpenSSH_9.2\r");
    let binary = Content::new(31).bytes(100_000);
    pair.client().send(&binary);
    assert!(pair.server().receive(binary.len()) == binary);
}

#[test]
fn bytes_of_any_kind_arrive_as_they_were_sent_however_few() {
    for length in [1, 2, 3, 7, 8, 9, 100, 70_000, 1 << 20] {
        let pair = pair();
        // No method of http begins like that.
        let mut sent = Content::new(length as u64).bytes(length);
        sent[0] = 0;
        let (client, server) = (pair.client(), pair.server());
        let received = std::thread::scope(|scope| {
            scope.spawn(|| {
                client.send(&sent);
                client.finish();
            });
            server.drain()
        });
        assert!(received.bytes == sent, "{length} bytes");
        assert_eq!(received.end, End::Eof);
    }
}

#[test]
fn what_could_have_become_a_request_passes_when_the_client_has_said_all() {
    for text in ["G", "QUIT", "stats\r\n", "HELO x\r\n"] {
        let pair = pair();
        pair.client().send(text);
        pair.client().finish();
        let received = pair.server().drain();
        assert_eq!((received.text().as_str(), received.end), (text, End::Eof));
        pair.server().send("bye");
        pair.server().finish();
        assert_eq!(pair.client().drain().text(), "bye");
        pair.pen.wait_until_idle();
    }
}

#[test]
fn a_text_protocol_with_lines_is_answered_line_by_line() {
    let pair = pair();
    for number in 0..100 {
        let line = format!("get key{number}\r\n");
        pair.client().send(&line);
        assert_eq!(pair.server().receive(line.len()), line.as_bytes());
        pair.server().send("END\r\n");
        assert_eq!(pair.client().receive(5), b"END\r\n");
    }
}

#[test]
fn tls_that_the_server_speaks_itself_passes() {
    let directory = tempfile::tempdir().unwrap();
    let openssl = || {
        let mut command = Command::new(program::find("openssl"));
        command.current_dir(directory.path());
        command
    };
    let mut request = openssl();
    request.args(
        "req -x509 -newkey rsa:2048 -nodes -keyout key -out crt -days 2 -subj /CN=localhost".split(' '),
    );
    assert_eq!(run_to_the_end(request).code, Some(0));
    let address = pen_tests::private_address();
    let mut server = openssl();
    server.args([
        "s_server",
        "-quiet",
        "-rev",
        "-key",
        "key",
        "-cert",
        "crt",
        "-accept",
        &address.to_string(),
    ]);
    let mut server = server.stdin(std::process::Stdio::null()).spawn().unwrap();
    wait_until("the server listens", || pen_tests::Stream::connect(&address.into()).is_ok());
    let pen = Pen::builder().server(address).option("-H").start();
    for version in ["-tls1_2", "-tls1_3"] {
        let mut client = openssl();
        client.args([
            "s_client",
            "-quiet",
            "-verify_quiet",
            "-no_ign_eof",
            "-CAfile",
            "crt",
            "-verify_return_error",
        ]);
        client.args([version, "-connect", &pen.address().to_string()]);
        let ended = run_with_input(client, b"GET / HTTP/1.1\nQ\n");
        assert_eq!(ended.stdout, "1.1/PTTH / TEG\n", "{version}: {}", ended.stderr);
    }
    server.kill().unwrap();
    server.wait().unwrap();
}

#[test]
fn a_service_without_http_passes_requests_as_they_are() {
    let manual = Manual::on(Family::Tcp4);
    let pen = Pen::builder().server(&manual.backend).start();
    let request = "GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let client = pen.connect();
    client.send(request);
    client.finish();
    assert_eq!(manual.accept().drain().text(), request);
}
