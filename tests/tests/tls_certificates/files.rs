//! Certificates, keys and chains in files.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use pen_tests::{Authority, Backend, Order, Pen, is_root, private_address, run};

use super::seen::{NAME, is_served, subject, text, visit};

#[test]
fn a_chain_is_sent_in_order_and_completed_from_the_authorities() {
    let echo = Backend::named("hello");
    let root = Authority::new("root");
    let upper = root.intermediate("upper");
    let issuer = upper.intermediate("lower");
    let site = issuer.issue(&Order::server(NAME));
    let directory = tempfile::tempdir().unwrap();
    let read = |path| fs::read_to_string(path).unwrap();
    let shuffled = directory.path().join("shuffled.pem");
    let parts = [site.leaf(), root.certificate(), upper.certificate(), issuer.certificate(), site.key()];
    fs::write(&shuffled, parts.map(read).concat()).unwrap();
    let cas = directory.path().join("cas");
    fs::create_dir(&cas).unwrap();
    for (name, ca) in [("1.pem", &root), ("2.crt", &upper), ("3.0", &issuer)] {
        fs::copy(ca.certificate(), cas.join(name)).unwrap();
    }
    let all = directory.path().join("all.pem");
    fs::write(&all, [&issuer, &upper, &root].map(|ca| read(ca.certificate())).concat()).unwrap();
    let (leaf, key) = (site.leaf(), site.key());
    let apart = format!("-E {} -K {}", leaf.display(), key.display());
    for options in [
        format!("-E {}", shuffled.display()),
        format!("{apart} -A {}", cas.display()),
        format!("{apart} -G {}", all.display()),
    ] {
        let words: Vec<&str> = options.split(' ').collect();
        let builder = words
            .chunks(2)
            .fold(Pen::builder().server(&echo), |builder, words| builder.option(&words.join(" ")));
        let pen = builder.start();
        let ended = visit(&pen, NAME, &["-showcerts", "-CAfile", text(&root.certificate())]);
        assert!(ended.stdout.contains("Verify return code: 0 (ok)"), "{options}: {ended:?}");
        let sent: Vec<_> =
            ended.stdout.lines().filter_map(|line| line.trim().split_once(" s:CN = ")).collect();
        let names: Vec<_> = sent.iter().map(|(_, name)| *name).collect();
        assert_eq!(names, [NAME, "lower", "upper"], "{options}");
        pen.stop();
    }
}

#[test]
fn a_certificate_of_version_1_and_an_expired_one_are_served_and_the_latter_warned_about() {
    let echo = Backend::named("hello");
    let root = Authority::new("root");
    let old = root.issue(&Order::server(NAME).version_1());
    let pen = Pen::builder().server(&echo).tls(&old).start();
    assert_eq!(subject(&pen, NAME), NAME);
    pen.stop();
    let expired = root.issue(&Order::server(NAME).expired());
    let pen = Pen::builder().server(&echo).tls(&expired).start();
    assert!(visit(&pen, NAME, &[]).stdout.contains("certificate has expired"));
    let said = pen.stop().stderr;
    let warning = format!("tls_cert {}: the certificate expired on ", expired.pem().display());
    assert!(said.contains(&warning), "{said}");
}

#[test]
fn a_key_that_is_too_weak_is_told_with_its_length() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("weak.pem");
    let both = text(&path);
    let make = ["req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=weak", "-keyout", both];
    let certificate = run("openssl", &make);
    fs::write(&path, certificate + &fs::read_to_string(&path).unwrap()).unwrap();
    let ended = Pen::run(["-f", "-E", both, &private_address().to_string(), "127.0.0.1:1"]);
    let expected =
        format!("pen: tls_cert {both}: a key of 1024 bits is too weak: RSA of 2048 or more is expected\n");
    assert_eq!((ended.code, ended.stderr), (Some(1), expected));
}

#[test]
fn old_forms_of_keys_are_read_and_encrypted_ones_explained() {
    let echo = Backend::named("hello");
    let root = Authority::new("root");
    let directory = tempfile::tempdir().unwrap();
    for (key, kind) in [(pen_tests::Key::Rsa, "rsa"), (pen_tests::Key::EcdsaP256, "ec")] {
        let site = root.issue(&Order::server(NAME).key(key));
        let (old, plain) = (directory.path().join(kind), site.key());
        let traditional: &[&str] = if kind == "rsa" { &["-traditional"] } else { &[] };
        let convert = [kind, "-in", text(&plain), "-out", text(&old)];
        run("openssl", &[&convert[..], traditional].concat());
        assert!(
            fs::read_to_string(&old).unwrap().contains(&format!("BEGIN {} PRIVATE", kind.to_uppercase()))
        );
        let pen = Pen::builder()
            .server(&echo)
            .option(&format!("-E {}", site.chain().display()))
            .option(&format!("-K {}", old.display()))
            .start();
        assert!(is_served(&visit(&pen, NAME, &[])));
        pen.stop();
        for form in [&["-traditional", "-aes256"][..], &["-aes256"]] {
            let locked = directory.path().join("locked");
            let lock = ["pkey", "-passout", "pass:secret", "-in", text(&plain), "-out", text(&locked)];
            run("openssl", &[&lock[..], form].concat());
            let (chain, listen) = (site.chain(), private_address().to_string());
            let ended = Pen::run(["-f", "-E", text(&chain), "-K", text(&locked), &listen, "127.0.0.1:1"]);
            let expected = format!(
                "pen: tls_key {}: the private key is encrypted, and nobody can be asked: 'openssl pkey' writes \
                 it without a password\n",
                locked.display()
            );
            assert_eq!((ended.code, ended.stderr), (Some(1), expected));
        }
    }
}

#[test]
fn a_check_reads_certificates_too() {
    let root = Authority::new("root");
    let site = root.issue(&Order::server(NAME).expired());
    let check = |arguments: &[&str]| {
        let words = ["--check", "127.0.0.1:1", "127.0.0.1:1"];
        Pen::run(words.iter().chain(arguments).copied())
    };
    let pem = site.pem();
    let ended = check(&["-E", text(&pem)]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "ok\n"), "{ended:?}");
    assert!(ended.stderr.contains("expired on"), "{ended:?}");
    let key = site.key();
    let ended = check(&["-E", text(&key)]);
    let expected = format!("pen: tls_cert {}: no certificate is in it, but a private key\n", key.display());
    assert_eq!((ended.code, ended.stderr), (Some(1), expected));
    let ended = check(&["-R"]);
    let expected = "pen: require_client_cert needs tls_cert: without it clients speak no TLS\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(1), expected));
}

#[test]
fn settings_without_a_certificate_are_warned_about_and_a_key_may_come_before_it() {
    let echo = Backend::named("hello");
    let site = Authority::new("root").issue(&Order::server(NAME));
    let pen = Pen::builder().server(&echo).option("-G /nonexistent").command("tls_alpn h2").start();
    let missing = "tls_cert is missing: clients speak no TLS, in spite of";
    let is_told = |what| pen.stderr().contains(&format!("{missing} {what}\n"));
    pen_tests::wait_until("all settings are told", || is_told("tls_ca_file, tls_alpn"));
    pen.tell("no tls_alpn");
    pen.tell("no tls_ca_file");
    pen.tell(&format!("tls_key {}", site.key().display()));
    pen_tests::wait_until("the key is told", || is_told("tls_key"));
    // What has nothing to do with TLS does not bring it up again.
    pen.tell("pending_max 7");
    pen.tell(&format!("tls_cert {}", site.leaf().display()));
    assert!(is_served(&visit(&pen, NAME, &[])));
    let told: Vec<_> =
        pen.stderr().lines().filter_map(|line| Some(line.split_once(missing)?.1.to_owned())).collect();
    assert_eq!(told, [" tls_ca_file, tls_alpn", " tls_ca_file", " tls_key"]);
    let ended = Pen::run(["--check", "127.0.0.1:1", "127.0.0.1:1", "-K", "/nonexistent"]);
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "ok\n"), "{ended:?}");
    assert!(ended.stderr.contains(&format!("{missing} tls_key\n")), "{ended:?}");
    pen.stop();
}

#[test]
fn a_command_that_fails_changes_nothing() {
    let echo = Backend::named("hello");
    let root = Authority::new("root");
    let site = root.issue(&Order::server(NAME));
    let pen = Pen::builder().server(&echo).tls(&site).start();
    let pem = site.pem();
    let certificate = pem.display();
    for (command, error) in [
        ("tls_cert /nonexistent", "tls_cert /nonexistent: No such file or directory".to_owned()),
        ("tls_cert /etc/passwd", "tls_cert /etc/passwd: no certificate is in it: PEM is expected".to_owned()),
        ("tls_key /etc", "tls_key /etc: a file is expected, this is a directory".to_owned()),
        ("ssl_sni_path /nonexistent", "ssl_sni_path /nonexistent: No such file or directory".to_owned()),
        (
            "tls_ca_file /etc/passwd",
            "tls_ca_file /etc/passwd: no certificate is in it: PEM is expected".to_owned(),
        ),
        (
            "ssl_ocsp_response /etc/passwd",
            "ssl_ocsp_response /etc/passwd: it is no OCSP response in DER".to_owned(),
        ),
        (
            "require_client_cert",
            "require_client_cert needs CAs to trust: 'tls_ca_file FILE' or 'tls_ca_dir DIR' names them"
                .to_owned(),
        ),
    ] {
        assert_eq!(pen.ask(command), format!("error: {error}\n"));
        assert_eq!(pen.ask("tls_cert"), format!("{certificate}\n"));
        assert!(is_served(&visit(&pen, NAME, &[])), "{command}");
    }
    pen.tell("no tls_cert");
    assert_eq!(pen.get(), "hello");
    let needs = |what| format!("error: {what} needs tls_cert: without it clients speak no TLS\n");
    assert_eq!(pen.ask("require_client_cert"), needs("require_client_cert"));
    assert_eq!(pen.ask("ssl_sni_path /etc"), needs("ssl_sni_path"));
    pen.tell(&format!("tls_cert {certificate}"));
    assert!(is_served(&visit(&pen, NAME, &[])));
    pen.stop();
}

#[test]
fn what_root_read_at_start_stays_in_force_where_the_user_cannot_read_it_again() {
    if !is_root() {
        return;
    }
    let echo = Backend::named("hello");
    let root = Authority::new("root");
    let site = root.issue(&Order::server(NAME));
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("site.pem");
    fs::copy(site.pem(), &path).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let pen = Pen::builder().server(&echo).option(&format!("-E {}", path.display())).user("nobody").start();
    pen.signal(nix::sys::signal::Signal::SIGHUP);
    let expected =
        format!("tls_cert {}: Permission denied; the certificates stay as they were", path.display());
    pen_tests::wait_until("the certificate cannot be read", || pen.stderr().contains(&expected));
    assert!(is_served(&visit(&pen, NAME, &[])));
    pen.stop();
}
