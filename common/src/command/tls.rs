//! TLS towards clients.

use super::typed::{AlpnProtocols, Setting, Switch, TlsFile, TlsOption, TlsProtocol};
use super::words::{Problem, Words};
use super::{Command, Form, Row, Scope, When};

pub(super) static ROWS: &[Row] = &[
    Row {
        name: "require_client_cert",
        args: "",
        form: Form::Switch(Switch::RequireClientCert),
        scope: Scope::Service,
        when: When::Live,
        about: "Refuses clients without a valid certificate (off)",
        details: "\
            Valid is one that a CA of `tls_ca_file`, `tls_ca_dir` or the server name's own NAME.ca has \
            issued for clients, and that has not expired. Without any CA it is an error.",
    },
    Row {
        name: "ssl_ciphers",
        args: "[LIST]",
        form: Form::Negatable {
            parse: ciphers,
            no: |_| Ok(Command::TlsCiphers(Setting::Remove)),
            no_args: "",
        },
        scope: Scope::Service,
        when: When::Live,
        about: "Cipher suites, by the names of OpenSSL or of the standard (all)",
        details: "\
            Names stand between colons, commas or blanks; `!`, `-` and `+` before a name and the keywords \
            of OpenSSL that name what pen has are understood. A list that leaves nothing is an error.",
    },
    file(
        "ssl_ocsp_response",
        "[FILE]",
        TlsFile::OcspResponse,
        "An OCSP response in DER to be stapled to the certificate (none)",
        "\
            `scripts/pen-ocsp` fetches one. It is read at start and on HUP.",
    ),
    Row {
        name: "ssl_option",
        args: "OPTION",
        form: Form::Negatable { parse: option, no: |_| Ok(Command::TlsOption(None)), no_args: "" },
        scope: Scope::Service,
        when: When::Live,
        about: "Takes a TLS version away, or says whose order of ciphers prevails; 'no' forgets all",
        details: "\
            * no_tlsv1.2, no_tlsv1.3: without this version\n\
            * cipher_server_preference: pen's order of cipher suites prevails over the client's (the default)\n\
            * cipher_client_preference: the client's order prevails\n\
            * no_sslv2, no_sslv3, no_tlsv1, no_tlsv1.1: these versions do not exist here anyway",
    },
    file(
        "ssl_sni_path",
        "[DIR]",
        TlsFile::SniPath,
        "A directory of certificates by server name (none)",
        "\
            A client that asks for www.example.com gets www.example.com.crt with www.example.com.key, or else \
            _.example.com.crt; NAME.ca may hold the issuers' certificates, NAME.ocsp an OCSP response. \
            Others get the certificate of `tls_cert`. It is read at start and on HUP.",
    ),
    Row {
        name: "tls_alpn",
        args: "[LIST]",
        form: Form::Negatable { parse: alpn, no: |_| Ok(Command::TlsAlpn(Setting::Remove)), no_args: "" },
        scope: Scope::Service,
        when: When::Live,
        about: "Protocols that clients are offered, such as http/1.1, best first (none)",
        details: "\
            The names stand between commas or blanks. The servers must speak them: pen passes on what is \
            within TLS as it is. Beside `http` only http/1.1 makes sense.",
    },
    file("tls_ca_dir", "[DIR]", TlsFile::CaDir, "CA certificates, a directory of PEM files (none)", CAS),
    file("tls_ca_file", "[FILE]", TlsFile::CaFile, "CA certificates, a PEM file (none)", CAS),
    file(
        "tls_cert",
        "[FILE]",
        TlsFile::Cert,
        "The certificate chain, a PEM file, which may hold the key: turns TLS on (none)",
        "\
            Clients speak TLS 1.2 or 1.3 with pen, which passes what is within on to servers, in plain \
            text. The file is read at start and on HUP; one that cannot be used leaves the certificate in \
            force as it was. It concerns connections that are accepted from then on: open ones go on.",
    ),
    file(
        "tls_key",
        "[FILE]",
        TlsFile::Key,
        "The certificate's private key, a PEM file (the file of tls_cert)",
        "It is read together with the certificate, which it has to fit.",
    ),
    Row {
        name: "tls_protocol",
        args: "[ssl23|tls1]",
        form: Form::Plain(protocol),
        scope: Scope::Service,
        when: When::Live,
        about: "For old files: either word stands for every version of TLS there is (ssl23)",
        details: "\
            These are 1.2 and 1.3; `ssl_option no_tlsv1.2` and its like take one away. ssl2 and ssl3, which \
            are broken, are refused.",
    },
];

const CAS: &str = "\
    They complete the chain of a certificate whose issuer is missing in its file, and are those that \
    `require_client_cert` trusts. They are read at start and on HUP.";

const fn file(
    name: &'static str,
    args: &'static str,
    which: TlsFile,
    about: &'static str,
    details: &'static str,
) -> Row {
    Row { name, args, form: Form::TlsFile(which), scope: Scope::Service, when: When::Live, about, details }
}

#[expect(clippy::unnecessary_wraps, reason = "the parsers of other commands may fail")]
fn ciphers(words: &mut Words<'_>) -> Result<Command, Problem> {
    Ok(Command::TlsCiphers(words.setting(str::to_owned)))
}

fn option(words: &mut Words<'_>) -> Result<Command, Problem> {
    let word = words.need("option")?;
    let option = TlsOption::ALL.into_iter().find(|option| option.name() == word).ok_or_else(|| {
        let known: Vec<_> = TlsOption::ALL.map(TlsOption::name).into();
        Problem::Wrong(format!("unknown option '{word}': there are {}", known.join(", ")))
    })?;
    Ok(Command::TlsOption(Some(option)))
}

fn alpn(words: &mut Words<'_>) -> Result<Command, Problem> {
    let Some(text) = words.rest() else { return Ok(Command::TlsAlpn(Setting::Show)) };
    let names: Vec<String> =
        text.split([',', ' ', '\t']).filter(|name| !name.is_empty()).map(str::to_owned).collect();
    if names.is_empty() {
        return Err(Problem::Wrong("no protocol is named: one such as http/1.1 is expected".to_owned()));
    }
    if let Some(name) = names.iter().find(|name| name.len() > 255) {
        return Err(Problem::Wrong(format!(
            "bad protocol '{name}': a name of at most 255 bytes is expected"
        )));
    }
    Ok(Command::TlsAlpn(Setting::Set(AlpnProtocols(names))))
}

fn protocol(words: &mut Words<'_>) -> Result<Command, Problem> {
    Ok(Command::TlsProtocol(match words.next() {
        None => None,
        Some("ssl23") => Some(TlsProtocol::Ssl23),
        Some("tls1") => Some(TlsProtocol::Tls1),
        Some(word @ ("ssl2" | "ssl3")) => {
            return Err(Problem::Wrong(format!(
                "{word} is broken and does not exist here: ssl23 or tls1, which mean TLS 1.2 and 1.3, are expected"
            )));
        }
        Some(word) => {
            return Err(Problem::Wrong(format!("bad protocol '{word}': ssl23 or tls1 is expected")));
        }
    }))
}
