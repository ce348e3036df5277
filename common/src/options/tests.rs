use std::os::unix::ffi::OsStringExt;

use super::*;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Debug,
    Foreground,
    Cache,
    Log,
}

static PROGRAM: Program<Key> = Program {
    name: "program",
    usage: "usage: program\n",
    end: "The end.\n",
    options: OPTIONS,
    manual: ".Nm program\n@OPTIONS@\n",
};

static OPTIONS: &[Row<Key>] = &[
    row(Key::Debug, Some('d'), "debug", None),
    row(Key::Foreground, Some('f'), "foreground", None),
    row(Key::Cache, Some('n'), "cache", Some("N")),
    row(Key::Log, Some('l'), "log", Some("FILE")),
];

const fn row(key: Key, short: Option<char>, long: &'static str, value: Option<&'static str>) -> Row<Key> {
    Row { key, short, long, value, about: "Does it", details: "" }
}

fn read(line: &str) -> Result<Asked<Key>, UsageError> {
    PROGRAM.parse(line.split(' ').filter(|word| !word.is_empty()).map(OsString::from))
}

#[track_caller]
fn assert_reads(line: &str, options: &[(Key, &str)], arguments: &[&str]) {
    let options = options.iter().map(|&(key, value)| (key, value.to_owned())).collect();
    let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
    assert_eq!(read(line), Ok(Asked::Work(Words { options, arguments })), "{line}");
}

#[track_caller]
fn assert_refused(line: &str, error: &str) {
    assert_eq!(read(line).expect_err(line).to_string(), error, "{line}");
}

#[test]
fn nothing_is_no_error() {
    assert_reads("", &[], &[]);
}

#[test]
fn short_options_may_stand_together() {
    assert_reads("-df", &[(Key::Debug, ""), (Key::Foreground, "")], &[]);
    assert_reads("-dn5 -f", &[(Key::Debug, ""), (Key::Cache, "5"), (Key::Foreground, "")], &[]);
}

#[test]
fn a_value_stands_in_the_word_of_its_option_or_in_the_next() {
    for line in ["-n5", "-n 5", "-n=5", "--cache 5", "--cache=5"] {
        assert_reads(line, &[(Key::Cache, "5")], &[]);
    }
    assert_reads("--log=a=b", &[(Key::Log, "a=b")], &[]);
    assert_reads("-l -", &[(Key::Log, "-")], &[]);
}

#[test]
fn options_stay_in_order_and_may_come_again() {
    let options = [(Key::Cache, "1"), (Key::Debug, ""), (Key::Cache, "2")];
    assert_reads("-n1 -d -n2", &options, &[]);
}

#[test]
fn options_may_stand_anywhere() {
    assert_reads("loghost -d 10000 -n 5", &[(Key::Debug, ""), (Key::Cache, "5")], &["loghost", "10000"]);
}

#[test]
fn after_two_dashes_all_is_arguments() {
    assert_reads("-d -- -f --cache", &[(Key::Debug, "")], &["-f", "--cache"]);
}

#[test]
fn a_dash_alone_is_an_argument() {
    assert_reads("-", &[], &["-"]);
}

#[test]
fn errors_name_the_word_at_fault() {
    for (line, error) in [
        ("-x", "unknown option '-x': --help lists the options"),
        ("-dx", "unknown option '-x': --help lists the options"),
        ("--logs=x", "unknown option '--logs': --help lists the options"),
        ("--lo x", "unknown option '--lo': --help lists the options"),
        ("-n", "-n: a value is missing, N is expected"),
        ("-dn", "-n: a value is missing, N is expected"),
        ("--log", "--log: a value is missing, FILE is expected"),
        ("--log=", "--log: a value is missing, FILE is expected"),
        ("--debug=yes", "--debug: this option takes no value, but got 'yes'"),
        ("--help=yes -n5", "--help: this option takes no value, but got 'yes'"),
        ("--generate html", "--generate: bad kind 'html': man is expected"),
        ("--generate", "--generate: a value is missing, KIND is expected"),
        ("-d=yes", "-d: this option takes no value, but got 'yes'"),
    ] {
        assert_refused(line, error);
    }
}

#[test]
fn what_is_no_text_is_named() {
    let strange = || OsString::from_vec(b"\xffile".to_vec());
    let bad = UsageError::NotText("\u{fffd}ile".to_owned());
    assert_eq!(PROGRAM.parse([strange()]), Err(bad.clone()));
    assert_eq!(PROGRAM.parse(["-l".into(), strange()]), Err(bad));
}

#[test]
fn a_text_that_is_asked_for_is_all_that_is_done() {
    let version = concat!("program ", env!("CARGO_PKG_VERSION"), "\n").to_owned();
    for (line, text) in [
        ("-h", PROGRAM.help()),
        ("-n 5 --help --version", PROGRAM.help()),
        ("-V", version.clone()),
        ("loghost --version", version),
        ("--generate man", PROGRAM.manual()),
    ] {
        assert_eq!(read(line), Ok(Asked::Print(text)), "{line}");
    }
}

#[test]
fn help_and_manual_have_every_option() {
    let help = PROGRAM.help();
    assert!(help.starts_with("usage: program\n\n  -d, --debug "), "{help}");
    assert!(help.contains("  -n, --cache N           Does it\n"), "{help}");
    assert!(help.contains("      --generate KIND     Prints"), "{help}");
    assert!(help.ends_with("  -V, --version           Prints the version\nThe end.\n"), "{help}");
    let manual = PROGRAM.manual();
    assert!(manual.starts_with(".Nm program\n.It Fl d , Fl Fl debug\n"), "{manual}");
    assert!(manual.contains(".It Fl n Ar N , Fl Fl cache Ar N\nDoes it.\n"), "{manual}");
    assert!(manual.ends_with(".It Fl V , Fl Fl version\nPrints the version.\n"), "{manual}");
}
