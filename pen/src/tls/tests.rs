use std::fs;
use std::path::PathBuf;

use common::command::AlpnProtocols;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, PKCS_ECDSA_P384_SHA384, PKCS_ED25519,
    PKCS_RSA_SHA256,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, UnixTime};
use tempfile::TempDir;

use super::*;
use crate::tls::ciphers::CipherList;

/// A directory with files made for one test.
struct Files {
    directory: TempDir,
}

impl Files {
    fn new() -> Files {
        Files { directory: TempDir::new().unwrap() }
    }

    fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }
}

/// A certificate that has signed itself, and its key.
fn site(name: &str) -> (String, String) {
    let key = KeyPair::generate().unwrap();
    let certificate = CertificateParams::new([name.to_owned()]).unwrap().self_signed(&key).unwrap();
    (certificate.pem(), key.serialize_pem())
}

/// A CA's certificate, and it.
fn authority(name: &str) -> (String, Issuer<'static, KeyPair>) {
    let mut params = CertificateParams::new([]).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, name);
    let key = KeyPair::generate().unwrap();
    let pem = params.self_signed(&key).unwrap().pem();
    (pem, Issuer::new(params, key))
}

/// Settings with this for `tls_cert`.
fn with_cert(path: PathBuf) -> Tls {
    Tls { cert: Some(path), ..Tls::default() }
}

fn error(settings: &Tls) -> String {
    Terminator::build(settings, None).expect_err("it cannot be built")
}

#[test]
fn keys_of_every_kind_and_in_every_place_are_taken() {
    let files = Files::new();
    for algorithm in [&PKCS_RSA_SHA256, &PKCS_ECDSA_P384_SHA384, &PKCS_ED25519] {
        let key = KeyPair::generate_for(algorithm).unwrap();
        let certificate =
            CertificateParams::new(["a.example".to_owned()]).unwrap().self_signed(&key).unwrap();
        let (certificate, key) = (certificate.pem(), key.serialize_pem());
        let both = with_cert(files.write("both.pem", format!("{key}{certificate}")));
        Terminator::build(&both, None).unwrap();
        let cert =
            files.write("cert.pem", format!("a comment\n\u{e9}\n{}", certificate.replace('\n', "\r\n")));
        let apart = Tls { key: Some(files.write("key.pem", &key)), ..with_cert(cert) };
        Terminator::build(&apart, None).unwrap();
    }
}

#[test]
fn what_is_wrong_with_a_file_is_told_with_its_path() {
    let files = Files::new();
    let ((certificate, key), (_, other_key)) = (site("a.example"), site("a.example"));
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMIIB\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let old_encrypted = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n\
                         MIIB\n-----END RSA PRIVATE KEY-----\n";
    let der =
        rcgen::PublicKeyData::subject_public_key_info(&KeyPair::generate_for(&PKCS_RSA_SHA256).unwrap());
    let run_together = format!("{}{certificate}", certificate.trim_end());
    let missing =
        format!("broken PEM: in line {} a newline is missing before BEGIN", certificate.lines().count());
    let cut = &certificate[..certificate.len() / 2];
    let garbled = certificate.replacen("MII", "M!!", 1);
    let no_certificate = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    for (text, expected) in [
        ("".as_bytes(), "it is empty"),
        (b" \n", "it is empty"),
        (b"root:x:0:0", "no certificate is in it: PEM is expected"),
        (&der, "it is in DER, PEM is expected: 'openssl x509 -inform der' converts it"),
        (key.as_bytes(), "no certificate is in it, but a private key"),
        (encrypted.as_bytes(), "no certificate is in it, but a private key"),
        (
            b"-----BEGIN NEW CERTIFICATE REQUEST-----\n-----END NEW CERTIFICATE REQUEST-----",
            "no certificate is in it, but the request for one",
        ),
        (
            b"-----BEGIN TRUSTED CERTIFICATE-----\nMIIB\n-----END TRUSTED CERTIFICATE-----",
            "a TRUSTED CERTIFICATE, as only OpenSSL knows it, is in it: 'openssl x509' makes it an ordinary one",
        ),
        (cut.as_bytes(), "broken PEM: it ends within a block"),
        (garbled.as_bytes(), "broken PEM: a block is not base64"),
        (run_together.as_bytes(), &missing),
        (no_certificate.as_bytes(), "its certificate number 1 is broken"),
        (certificate.as_bytes(), "no private key is in it, and no other file is there for it"),
        (
            format!("{certificate}{encrypted}").as_bytes(),
            "the private key is encrypted, and nobody can be asked: 'openssl pkey' writes it without a password",
        ),
        (
            format!("{old_encrypted}{certificate}").as_bytes(),
            "the private key is encrypted, and nobody can be asked: 'openssl pkey' writes it without a password",
        ),
        (
            format!("{certificate}{other_key}").as_bytes(),
            "the key does not belong to the certificate, the one beside it",
        ),
    ] {
        let path = files.write("tried.pem", text);
        assert_eq!(error(&with_cert(path.clone())), format!("tls_cert {}: {expected}", path.display()));
    }
}

#[test]
fn what_is_no_readable_file_is_told_as_such() {
    let files = Files::new();
    let at = |name: &str| files.directory.path().join(name);
    let path = at("none");
    assert_eq!(
        error(&with_cert(path.clone())),
        format!("tls_cert {}: No such file or directory", path.display())
    );
    let path = files.directory.path().to_owned();
    let expected = format!("tls_cert {}: a file is expected, this is a directory", path.display());
    assert_eq!(error(&with_cert(path)), expected);
    let path = at("fifo");
    nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
    let expected = format!("tls_cert {}: a regular file is expected", path.display());
    assert_eq!(error(&with_cert(path)), expected);
    let path = PathBuf::from("/dev/zero");
    assert_eq!(error(&with_cert(path)), "tls_cert /dev/zero: a regular file is expected");
    let path = at("sparse");
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    let expected = format!("tls_cert {}: it is too large: at most 8 MiB are expected", path.display());
    assert_eq!(error(&with_cert(path)), expected);
}

#[test]
fn the_key_may_be_of_any_of_the_certificates_and_is_told_apart_from_others() {
    let files = Files::new();
    let ((certificate, key), (other, _)) = (site("a.example"), site("b.example"));
    let cert = files.write("cert.pem", format!("{other}{certificate}"));
    let key = files.write("key.pem", key);
    Terminator::build(&Tls { key: Some(key.clone()), ..with_cert(cert) }, None).unwrap();
    let cert = files.write("other.pem", other);
    let (key_text, cert_text) = (key.display().to_string(), cert.display().to_string());
    assert_eq!(
        error(&Tls { key: Some(key), ..with_cert(cert) }),
        format!("tls_key {key_text}: the key does not belong to the certificate, the one in {cert_text}")
    );
}

#[test]
fn a_client_gets_the_certificate_of_the_name_that_it_asks_for() {
    let files = Files::new();
    let (certificate, key) = site("default.example");
    let names = TempDir::new().unwrap();
    for name in ["www.example.com", "_.example.com", "Upper.Example.org"] {
        let (certificate, key) = site(name);
        fs::write(names.path().join(format!("{name}.crt")), certificate).unwrap();
        fs::write(names.path().join(format!("{name}.key")), key).unwrap();
    }
    let (certificate_with_key, key_in_it) = site("both.example");
    fs::write(names.path().join("both.example.crt"), certificate_with_key + &key_in_it).unwrap();
    fs::write(names.path().join("README"), "notes").unwrap();
    fs::write(names.path().join(".hidden.crt"), "").unwrap();
    fs::write(names.path().join("stray.example.ocsp"), "").unwrap();
    let settings = Tls {
        sni_path: Some(names.path().to_owned()),
        ..with_cert(files.write("cert.pem", certificate + &key))
    };
    let terminator = Terminator::build(&settings, None).unwrap();
    let is_default = |name| Arc::ptr_eq(terminator.config(name), &terminator.default);
    let same = |name, other| Arc::ptr_eq(terminator.config(Some(name)), terminator.config(Some(other)));
    for name in
        [None, Some(""), Some("com"), Some("example.com"), Some("a.b.example.com"), Some("stray.example")]
    {
        assert!(is_default(name), "{name:?}");
    }
    for name in ["www.example.com", "a.example.com", "upper.example.org", "both.example"] {
        assert!(!is_default(Some(name)), "{name}");
    }
    assert!(!same("www.example.com", "a.example.com"));
    assert!(same("a.example.com", "B.Example.Com."));
    assert!(same("www.example.com", "WWW.EXAMPLE.COM"));
}

#[test]
fn a_bad_file_among_the_names_is_an_error_with_its_path() {
    let files = Files::new();
    let (certificate, key) = site("default.example");
    let cert = files.write("cert.pem", format!("{certificate}{key}"));
    let directory = files.directory.path().join("names");
    let settings = Tls { sni_path: Some(directory.clone()), ..with_cert(cert) };
    let text = directory.display().to_string();
    assert_eq!(error(&settings), format!("ssl_sni_path {text}: No such file or directory"));
    fs::create_dir(&directory).unwrap();
    Terminator::build(&settings, None).unwrap();
    let write = |name: &str, text: &str| fs::write(directory.join(name), text).unwrap();
    write("a.example.crt", &certificate);
    let expected = format!(
        "ssl_sni_path {text}/a.example.crt: no private key is in it, and no other file is there for it"
    );
    assert_eq!(error(&settings), expected);
    write("a.example.key", &key);
    Terminator::build(&settings, None).unwrap();
    for (name, expected) in [
        ("a.example.ca", "it is empty"),
        ("a.example.ocsp", "it is empty"),
        ("b.example.crt", "it is empty"),
        ("A.example.crt", "is there for the same name"),
    ] {
        write(name, "");
        let error = error(&settings);
        assert!(error.starts_with("ssl_sni_path ") && error.ends_with(expected), "{error}");
        fs::remove_file(directory.join(name)).unwrap();
    }
    write("a.example.ocsp", "nonsense");
    let expected = format!("ssl_sni_path {text}/a.example.ocsp: it is no OCSP response in DER");
    assert_eq!(error(&settings), expected);
}

#[test]
fn authorities_are_read_from_a_file_and_a_directory_with_anything_in_it() {
    let files = Files::new();
    let (certificate, key) = site("default.example");
    let settings = with_cert(files.write("cert.pem", format!("{certificate}{key}")));
    let ca_dir = files.directory.path().join("cas");
    fs::create_dir(&ca_dir).unwrap();
    let required = Tls { require_client_cert: true, ca_dir: Some(ca_dir.clone()), ..settings };
    let none = format!(
        "tls_ca_dir {}: no file in it has a certificate of a CA: PEM files are expected",
        ca_dir.display()
    );
    fs::write(ca_dir.join("ca.key"), key).unwrap();
    fs::write(ca_dir.join("notes"), "\0\u{1}").unwrap();
    fs::write(ca_dir.join("half.pem"), "-----BEGIN CERTIFICATE-----\n").unwrap();
    fs::create_dir(ca_dir.join("directory")).unwrap();
    std::os::unix::fs::symlink("nowhere", ca_dir.join("dangling.0")).unwrap();
    assert_eq!(error(&required), none);
    let (root, _) = authority("root");
    let path = files.write("root.pem", root);
    std::os::unix::fs::symlink(path, ca_dir.join("12345678.0")).unwrap();
    Terminator::build(&required, None).unwrap();
}

#[test]
fn clients_are_not_let_in_unasked_for_want_of_authorities() {
    let files = Files::new();
    let (certificate, key) = site("default.example");
    let cert = files.write("cert.pem", certificate + &key);
    let required = Tls { require_client_cert: true, ..with_cert(cert.clone()) };
    assert_eq!(
        error(&required),
        "require_client_cert needs CAs to trust: 'tls_ca_file FILE' or 'tls_ca_dir DIR' names them"
    );
    let unprotected = Tls { cert: None, ..required };
    assert_eq!(
        unprotected.is_on(),
        Err("require_client_cert needs tls_cert: without it clients speak no TLS".to_owned())
    );
    let no_ca = Tls { ca_file: Some(files.write("key.pem", key)), ..with_cert(cert) };
    assert!(error(&no_ca).ends_with("key.pem: no certificate is in it, but a private key"));
}

#[test]
fn a_client_that_sends_a_crowd_of_issuers_is_refused_without_a_search_for_a_path() {
    let files = Files::new();
    let (pem, issuer) = authority("one");
    let mut trusted = Authorities::default();
    let path = files.write("ca.pem", &pem);
    trusted.read_file(Named { command: "tls_ca_file", path: &path }).unwrap();
    let provider = Arc::new(aws_lc_rs::default_provider());
    let door = Clients::new(true, trusted).door(Authorities::default(), None, &provider).unwrap();
    let key = KeyPair::generate().unwrap();
    let client = CertificateParams::new(["client".to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let others: Vec<_> =
        (0..5).map(|_| CertificateDer::from_pem_slice(authority("other").0.as_bytes()).unwrap()).collect();
    let verify =
        |others| door.verifier.as_ref().unwrap().verify_client_cert(client.der(), others, UnixTime::now());
    assert!(verify(&others[..4]).is_ok());
    let error = verify(&others).expect_err("these are too many");
    assert!(error.to_string().contains("TooMany"), "{error}");
}

#[test]
fn tickets_stay_good_as_long_as_the_authorities_are_the_same() {
    let files = Files::new();
    let (certificate, key) = site("default.example");
    let cert = files.write("cert.pem", certificate + &key);
    let ((one, _), (two, _)) = (authority("one"), authority("two"));
    let tickets = |terminator: &Terminator| Arc::clone(&terminator.config(None).ticketer);
    let ca_file = Some(files.write("cas.pem", format!("{one}{two}")));
    let both = Tls { ca_file: ca_file.clone(), require_client_cert: true, ..with_cert(cert) };
    let before = Terminator::build(&both, None).unwrap();

    files.write("cas.pem", format!("{two}{one}{two}"));
    let (certificate, key) = site("another.example");
    files.write("cert.pem", certificate + &key);
    let renewed = Terminator::build(&both, Some(&before)).unwrap();
    assert!(Arc::ptr_eq(&tickets(&before), &tickets(&renewed)));

    files.write("cas.pem", one);
    let fewer = Terminator::build(&both, Some(&renewed)).unwrap();
    assert!(!Arc::ptr_eq(&tickets(&renewed), &tickets(&fewer)));
    let open = Tls { require_client_cert: false, ..both };
    let open = Terminator::build(&open, Some(&fewer)).unwrap();
    assert!(!Arc::ptr_eq(&tickets(&fewer), &tickets(&open)));
}

#[test]
fn who_is_trusted_under_one_name_has_no_ticket_for_others() {
    let files = Files::new();
    let directory = TempDir::new().unwrap();
    for name in ["a.example", "b.example", "c.example"] {
        let (certificate, key) = site(name);
        fs::write(directory.path().join(format!("{name}.crt")), certificate + &key).unwrap();
    }
    let (own, _) = authority("own");
    fs::write(directory.path().join("b.example.ca"), own).unwrap();
    let (certificate, key) = site("default.example");
    let (common, _) = authority("common");
    let settings = Tls {
        ca_file: Some(files.write("ca.pem", common)),
        sni_path: Some(directory.path().to_owned()),
        require_client_cert: true,
        ..with_cert(files.write("cert.pem", certificate + &key))
    };
    let same = |terminator: &Terminator, name, other| {
        let tickets = |name| Arc::clone(&terminator.config(Some(name)).ticketer);
        Arc::ptr_eq(&tickets(name), &tickets(other))
    };
    let terminator = Terminator::build(&settings, None).unwrap();
    assert!(same(&terminator, "a.example", "c.example") && same(&terminator, "a.example", "default.example"));
    assert!(!same(&terminator, "a.example", "b.example"));
    let again = Terminator::build(&settings, Some(&terminator)).unwrap();
    let tickets = |terminator: &Terminator| Arc::clone(&terminator.config(Some("b.example")).ticketer);
    assert!(Arc::ptr_eq(&tickets(&terminator), &tickets(&again)));
    let open = Tls { require_client_cert: false, ..settings };
    assert!(same(&Terminator::build(&open, None).unwrap(), "a.example", "b.example"));
}

#[test]
fn versions_ciphers_and_the_key_must_leave_something() {
    let files = Files::new();
    let (certificate, key) = site("default.example");
    let settings = with_cert(files.write("cert.pem", certificate + &key));
    let with = |list: &str, options: &[TlsOption]| Tls {
        ciphers: Some(CipherList::parse(list).unwrap()),
        options: options.iter().copied().collect(),
        ..settings.clone()
    };
    assert!(
        error(&with("aRSA", &[TlsOption::NoTlsv13]))
            .ends_with("no suite of ssl_ciphers goes with the ECDSA key of the certificate")
    );
    Terminator::build(&with("aRSA", &[]), None).unwrap();
    Terminator::build(&with("aRSA", &[TlsOption::NoTlsv12]), None).unwrap();
    Terminator::build(&with("TLS_AES_128_GCM_SHA256", &[]), None).unwrap();
    assert_eq!(
        error(&with("TLS_AES_128_GCM_SHA256", &[TlsOption::NoTlsv13])),
        "ssl_ciphers and ssl_option together leave nothing: a suite of TLS 1.2 or 1.3 is expected"
    );
}

#[test]
fn alpn_and_the_order_of_ciphers_are_passed_on() {
    let files = Files::new();
    let (certificate, key) = site("default.example");
    let settings = Tls {
        alpn: Some(AlpnProtocols(vec!["h2".to_owned(), "http/1.1".to_owned()])),
        ..with_cert(files.write("cert.pem", certificate + &key))
    };
    let terminator = Terminator::build(&settings, None).unwrap();
    let config = terminator.config(None);
    assert_eq!(config.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    assert_eq!(config.max_early_data_size, 0);
    for (option, clients) in [
        (None, false),
        (Some(TlsOption::CipherServerPreference), false),
        (Some(TlsOption::CipherClientPreference), true),
    ] {
        let settings = Tls { options: option.into_iter().collect(), ..settings.clone() };
        let terminator = Terminator::build(&settings, None).unwrap();
        assert_eq!(!terminator.config(None).ignore_client_order, clients, "{option:?}");
    }
}
