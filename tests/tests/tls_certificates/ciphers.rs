//! Versions, cipher suites and protocols that are left.

use pen_tests::{Authority, Backend, Ended, Key, Order, Pen};

use super::seen::{NAME, is_served, visit};

/// The suite that was agreed upon.
fn suite(ended: &Ended) -> Option<&str> {
    let line = ended.stdout.lines().find(|line| line.starts_with("New, TLS"))?;
    line.rsplit(' ').next().filter(|_| is_served(ended))
}

#[test]
fn a_list_of_ciphers_rules_tls_1_2_and_its_own_names_tls_1_3() {
    let echo = Backend::named("hello");
    let site = Authority::new("root").issue(&Order::server(NAME).key(Key::Rsa));
    let pen = Pen::builder().server(&echo).tls(&site).command("ssl_ciphers AES128:!ECDSA").start();
    let agreed = |arguments: &[&str]| suite(&visit(&pen, NAME, arguments)).map(str::to_owned);
    assert_eq!(agreed(&["-tls1_2"]).as_deref(), Some("ECDHE-RSA-AES128-GCM-SHA256"));
    assert_eq!(agreed(&["-tls1_2", "-cipher", "ECDHE-RSA-AES256-GCM-SHA384"]), None);
    assert_eq!(agreed(&["-tls1_3"]).as_deref(), Some("TLS_AES_256_GCM_SHA384"));
    pen.tell("ssl_ciphers TLS_AES_128_GCM_SHA256:RC4:AES256");
    assert_eq!(agreed(&["-tls1_3"]).as_deref(), Some("TLS_AES_128_GCM_SHA256"));
    assert_eq!(agreed(&["-tls1_2"]).as_deref(), Some("ECDHE-RSA-AES256-GCM-SHA384"));
    pen.tell("ssl_ciphers TLS_AES_128_GCM_SHA256");
    assert_eq!(agreed(&["-tls1_2"]), None);
    pen.tell("no ssl_ciphers");
    let clients = ["-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384"];
    assert_eq!(agreed(&clients).as_deref(), Some("ECDHE-RSA-AES256-GCM-SHA384"));
    pen.tell("ssl_option cipher_client_preference");
    assert_eq!(agreed(&clients).as_deref(), Some("ECDHE-RSA-AES128-GCM-SHA256"));
    pen.tell("ssl_option cipher_server_preference");
    assert_eq!(agreed(&clients).as_deref(), Some("ECDHE-RSA-AES256-GCM-SHA384"), "the later one counts");
    pen.tell("ssl_ciphers AES128-SHA:AES128");
    pen_tests::wait_until("what is left out is told", || {
        pen.stderr().contains("ssl_ciphers: pen does not have AES128-SHA, the rest is in force")
    });
    pen.stop();
}

#[test]
fn versions_that_were_taken_away_are_not_spoken() {
    let echo = Backend::named("hello");
    let site = Authority::new("root").issue(&Order::server(NAME));
    let pen = Pen::builder().server(&echo).tls(&site).command("ssl_option no_tlsv1.2").start();
    let speaks = |version| is_served(&visit(&pen, NAME, &[version]));
    assert_eq!((speaks("-tls1_2"), speaks("-tls1_3")), (false, true));
    let error = "error: ssl_option no_tlsv1.2 and no_tlsv1.3 together leave no version of TLS: \
                 'no ssl_option' forgets both\n";
    assert_eq!(pen.ask("ssl_option no_tlsv1.3"), error);
    assert_eq!((speaks("-tls1_2"), speaks("-tls1_3")), (false, true));
    pen.tell("no ssl_option");
    pen.tell("ssl_option no_tlsv1.3");
    assert_eq!((speaks("-tls1_2"), speaks("-tls1_3")), (true, false));
    pen.tell("ssl_option no_sslv3");
    pen_tests::wait_until("the option is noted", || {
        pen.stderr().contains("ssl_option no_sslv3 does nothing: there is no such version here anyway")
    });
    pen.stop();
}

#[test]
fn a_protocol_that_both_know_is_agreed_upon() {
    let echo = Backend::named("hello");
    let site = Authority::new("root").issue(&Order::server(NAME));
    let pen = Pen::builder().server(&echo).tls(&site).command("tls_alpn h2,http/1.1").start();
    let agreed = |offered: &str| visit(&pen, NAME, &["-alpn", offered]);
    assert!(agreed("http/1.1,h2").stdout.contains("ALPN protocol: h2"));
    assert!(agreed("http/1.1").stdout.contains("ALPN protocol: http/1.1"));
    let none = agreed("smtp");
    assert!(none.stderr.contains("no application protocol"), "{none:?}");
    assert!(is_served(&visit(&pen, NAME, &[])));
    pen.stop();
}
