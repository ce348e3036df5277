use std::os::unix::ffi::OsStringExt;

use super::*;

fn parse_words(words: &[&str]) -> Result<Request, UsageError> {
    parse(words.iter().map(OsString::from))
}

fn run(words: &[&str]) -> Invocation {
    match parse_words(words) {
        Ok(Request::Run(invocation)) => invocation,
        other => panic!("{words:?}: {other:?}"),
    }
}

fn printed(words: &[&str]) -> String {
    match parse_words(words) {
        Ok(Request::Print(text)) => text,
        other => panic!("{words:?}: {other:?}"),
    }
}

fn lines(words: &[&str]) -> Vec<String> {
    run(words).steps.into_iter().map(|step| step.line).collect()
}

#[test]
fn positional_arguments_are_the_listener_and_its_servers() {
    let invocation = run(&["80", "www1:8000:10", "-r", "www2:80:10", "--", "-www3"]);
    assert_eq!(invocation.listen.as_deref(), Some("80"));
    assert_eq!(invocation.servers, ["www1:8000:10", "www2:80:10", "-www3"]);
}

#[test]
fn every_option_that_is_a_command_becomes_its_text() {
    let table: &[(&[&str], &[&str])] = &[
        (&["-a"], &["ascii"]),
        (&["--ascii"], &["ascii"]),
        (&["-b", "30"], &["blacklist 30"]),
        (&["--blacklist", "30"], &["blacklist 30"]),
        (&["--blacklist=30"], &["blacklist 30"]),
        (&["-b", "-1"], &["blacklist -1"]),
        (&["-c", "10"], &["clients_max 10"]),
        (&["--clients-max", "10"], &["clients_max 10"]),
        (&["-e", "h:1"], &["emergency h:1"]),
        (&["--emergency-server", "h:1"], &["emergency h:1"]),
        (&["-B", "h:1"], &["abuse h:1"]),
        (&["--abuse-server", "h:1"], &["abuse h:1"]),
        (&["-h"], &["hash"]),
        (&["--hash"], &["hash"]),
        (&["-N"], &["hash_only"]),
        (&["--hash-only"], &["hash_only"]),
        (&["-l", "f"], &["log f"]),
        (&["--log", "f"], &["log f"]),
        (&["-m", "5"], &["multi_accept 5"]),
        (&["--multi-accept", "5"], &["multi_accept 5"]),
        (&["-q", "50"], &["backlog 50"]),
        (&["--backlog", "50"], &["backlog 50"]),
        (&["-r"], &["roundrobin"]),
        (&["--round-robin"], &["roundrobin"]),
        (&["-A", "d"], &["tls_ca_dir d"]),
        (&["--ca-dir", "d"], &["tls_ca_dir d"]),
        (&["-E", "f"], &["tls_cert f"]),
        (&["--cert", "f"], &["tls_cert f"]),
        (&["-G", "f"], &["tls_ca_file f"]),
        (&["--ca-file", "f"], &["tls_ca_file f"]),
        (&["-H"], &["http"]),
        (&["--http"], &["http"]),
        (&["-K", "f"], &["tls_key f"]),
        (&["--key", "f"], &["tls_key f"]),
        (&["-L", "tls1"], &["tls_protocol tls1"]),
        (&["--tls-protocol", "ssl23"], &["tls_protocol ssl23"]),
        (&["-R"], &["require_client_cert"]),
        (&["--require-client-cert"], &["require_client_cert"]),
        (&["-s"], &["stubborn"]),
        (&["--stubborn"], &["stubborn"]),
        (&["-t", "3"], &["timeout 3"]),
        (&["--timeout", "3"], &["timeout 3"]),
        (&["-T", "60"], &["tracking 60"]),
        (&["--tracking", "60"], &["tracking 60"]),
        (&["-U"], &["udp"]),
        (&["--udp"], &["udp"]),
        (&["-w", "f"], &["web_stats f"]),
        (&["--web-stats", "f"], &["web_stats f"]),
        (&["-W"], &["weight"]),
        (&["--weight"], &["weight"]),
        (&["-x", "9"], &["conn_max 9"]),
        (&["--connections-max", "9"], &["conn_max 9"]),
        (&["-d"], &["debug 1"]),
        (&["-ddd"], &["debug 1", "debug 2", "debug 3"]),
        (&["--debug", "-d"], &["debug 1", "debug 2"]),
        (&["-O", "no acl 3"], &["no acl 3"]),
        (&["-o", "no acl 3"], &["no acl 3"]),
        (&["--option", "no acl 3"], &["no acl 3"]),
        (&["--option=acl 1 permit 10.0.0.0/8"], &["acl 1 permit 10.0.0.0/8"]),
        (&["-O", ""], &[""]),
    ];
    for (words, expected) in table {
        assert_eq!(lines(&[&["80"], *words].concat()), *expected, "{words:?}");
    }
}

#[test]
fn options_keep_their_order_from_left_to_right() {
    let words = ["-r", "80", "-O", "weight", "-b", "5", "srv", "-o", "blacklist 6", "-b7"];
    assert_eq!(lines(&words), ["roundrobin", "weight", "blacklist 5", "blacklist 6", "blacklist 7"]);
}

#[test]
fn letters_bundle_and_the_last_may_have_a_value_attached() {
    let invocation = run(&["-frsXb30", "80"]);
    assert!(invocation.foreground && invocation.enable_exit && !invocation.check);
    assert_eq!(lines(&["-frsXb30", "80"]), ["roundrobin", "stubborn", "blacklist 30"]);
    assert_eq!(lines(&["-rb", "30", "80"]), ["roundrobin", "blacklist 30"]);
}

#[test]
fn the_origin_of_a_step_is_how_it_was_written() {
    let origins: Vec<_> =
        run(&["80", "-b30", "--blacklist=31", "-rd", "-O", "weight", "--option", "no hash"])
            .steps
            .into_iter()
            .map(|step| step.origin)
            .collect();
    assert_eq!(origins, ["-b 30", "--blacklist 31", "-r", "-d", "-O 'weight'", "--option 'no hash'"]);
}

#[test]
fn options_of_the_process_fill_the_invocation() {
    let short = run(&["-fX", "-C", "8888", "-F", "pen.cfg", "-j", "/jail", "-p", "pid", "-u", "nobody"]);
    let long = run(&[
        "--foreground",
        "--enable-exit",
        "--control=8888",
        "--config=pen.cfg",
        "--chroot=/jail",
        "--pidfile=pid",
        "--user=nobody",
    ]);
    let expected = Invocation {
        control: Some("8888".to_owned()),
        config: Some("pen.cfg".into()),
        foreground: true,
        enable_exit: true,
        chroot: Some("/jail".into()),
        pidfile: Some("pid".into()),
        user: Some("nobody".to_owned()),
        ..Invocation::default()
    };
    assert_eq!(short, expected);
    assert_eq!(long, expected);
    assert!(run(&["--check", "80"]).check);
}

#[test]
fn a_path_may_have_any_bytes_but_a_command_may_not() {
    let latin1 = |prefix: &str| OsString::from_vec([prefix.as_bytes(), b"\xfc"].concat());
    let parsed = parse([OsString::from("-F"), latin1("/etc/")]);
    assert!(
        matches!(parsed, Ok(Request::Run(invocation)) if invocation.config == Some(latin1("/etc/").into()))
    );

    let error = |words: [OsString; 2]| parse(words).unwrap_err().to_string();
    assert_eq!(error(["80".into(), latin1("www")]), "bad argument 'www\u{fffd}': it is not valid UTF-8");
    assert_eq!(error(["-b".into(), latin1("3")]), "-b: bad value '3\u{fffd}': it is not valid UTF-8");
    assert_eq!(error(["-C".into(), latin1("h")]), "-C: bad value 'h\u{fffd}': it is not valid UTF-8");
    assert_eq!(
        error(["80".into(), latin1("--")]),
        "unknown option '--\u{fffd}': pen --help lists the options"
    );
}

#[test]
fn options_of_old_command_lines_are_noted_once_each() {
    let invocation = run(&["-DnPQ", "-S", "2", "-Z", "-D", "--tls-compat", "80"]);
    let notes: Vec<_> = ["-D", "-n", "-P", "-Q", "-S", "-Z", "--tls-compat"]
        .iter()
        .map(|name| format!("{name}: accepted for old command lines, does nothing"))
        .collect();
    assert_eq!(invocation.notes, notes);
    assert_eq!(invocation.servers, [""; 0]);
    assert_eq!(invocation.steps, []);
}

#[test]
fn every_wrong_command_line_is_told_what_is_wrong() {
    let table: &[(&[&str], &str)] = &[
        (
            &["-r"],
            "no listening address: '[host:]port server ...' or '-F file' is expected, pen --help tells more",
        ),
        (
            &["--"],
            "no listening address: '[host:]port server ...' or '-F file' is expected, pen --help tells more",
        ),
        (&["-y", "80"], "unknown option '-y': pen --help lists the options"),
        (&["-ry", "80"], "unknown option '-y': pen --help lists the options"),
        (&["-ä", "80"], "unknown option '-ä': pen --help lists the options"),
        (&["--roundrobin", "80"], "unknown option '--roundrobin': pen --help lists the options"),
        (&["--no-such=1", "80"], "unknown option '--no-such': pen --help lists the options"),
        (&["80", "-b"], "-b: a value is missing, SEC is expected"),
        (&["80", "--blacklist"], "--blacklist: a value is missing, SEC is expected"),
        (&["80", "-rC"], "-C: a value is missing, ADDR is expected"),
        (&["80", "-O"], "-O: a value is missing, COMMAND is expected"),
        (&["80", "-S"], "-S: a value is missing, N is expected"),
        (&["80", "--round-robin=yes"], "--round-robin: this option takes no value, but got 'yes'"),
        (&["80", "-r=yes"], "-r: this option takes no value, but got 'yes'"),
        (&["80", "-b", ""], "-b: the value is empty"),
        (&["80", "--log="], "--log: the value is empty"),
        (&["80", "-p", ""], "-p: the value is empty"),
        (&["80", "-b", "3 4"], "-b: bad value '3 4': one word without white space is expected"),
        (&["80", "-l", "a\nb"], "-l: bad value 'a\\nb': one word without white space is expected"),
        (&["80", "-O", "hash\nexit"], "-O: bad command 'hash\\nexit': one line is expected"),
        (&["80", "-i", "name"], "-i: services by name exist on Windows only"),
        (&["80", "-i"], "-i: services by name exist on Windows only"),
        (&["80", "--udp=yes"], "--udp: this option takes no value, but got 'yes'"),
    ];
    for (words, expected) in table {
        let error = parse_words(words).unwrap_err().to_string();
        assert_eq!(error, *expected, "{words:?}");
    }
}

#[test]
fn without_arguments_the_usage_is_printed() {
    let text = printed(&[]);
    assert!(text.starts_with("usage:"), "{text}");
    assert!(text.ends_with('\n'));
}

#[test]
fn version_is_a_name_and_a_number() {
    assert_eq!(printed(&["--version", "-y"]), format!("pen {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn help_has_a_line_for_every_option_and_fits_a_terminal() {
    let text = printed(&["80", "--help"]);
    for row in table::rows() {
        let named = |line: &&str| {
            row.short.is_none_or(|short| line.starts_with(&format!("  -{short}")))
                && row.long.is_none_or(|long| line.contains(&format!("--{long}")))
                && row.value.is_none_or(|value| line.contains(&format!(" {value} ")))
        };
        let line = text.lines().find(named).unwrap_or_else(|| panic!("{row:?}"));
        assert!(line.contains(&format!("  {}", row.about)), "{line}");
    }
    for line in text.lines() {
        assert!(line.len() <= 100, "{line}");
    }
}

#[test]
fn no_option_stands_in_the_table_twice() {
    let mut seen = std::collections::HashSet::new();
    for row in table::rows() {
        let names = [row.short.map(|c| format!("-{c}")), row.long.map(|name| format!("--{name}"))];
        assert!(names.iter().any(Option::is_some));
        for name in names.into_iter().flatten() {
            assert!(seen.insert(name), "{row:?}");
        }
    }
}
