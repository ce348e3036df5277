//! What is not HTTP/1 goes through `-H` as it is.

use pen_tests::certificates::{Authority, Order};
use pen_tests::{Address, Content, End, Family, Manual, Pair, Pen, WebServer, clients, private_address};

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
    let authority = Authority::new("root");
    let site = authority.issue(&Order::server("www.example.com"));
    let (key, certificate) = (site.key(), site.leaf());
    let address = private_address();
    let _nginx = WebServer::nginx_logging(Address::Ip(private_address()), |_| {
        format!(
            "server {{
                 listen {address} ssl; ssl_protocols TLSv1.2 TLSv1.3;
                 ssl_certificate {};
                 ssl_certificate_key {};
                 return 200 '$ssl_protocol $http_host $http_x_forwarded_for';
             }}",
            certificate.display(),
            key.display(),
        )
    });
    let pen = Pen::builder().server(address).option("-H").start();
    for version in ["1.2", "1.3"] {
        let arguments = [&format!("--tlsv{version}"), "--tls-max", version];
        let ended =
            clients::curl(pen.address(), "www.example.com", "/", &authority.certificate(), &arguments);
        let expected = format!("TLSv{version} www.example.com:{} \n", pen.address().port());
        assert_eq!(ended.stdout, expected, "{}", ended.stderr);
    }
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
