//! What OpenSSL makes of the same lists, as far as pen has the suites: `openssl ciphers -tls1_2` said so.

use super::*;

/// Suites in short: `E` or `R` for the key, and the cipher.
fn short(list: &CipherList) -> String {
    let name = |suite: SupportedCipherSuite| match TLS12.iter().find(|known| known.means == suite) {
        Some(known) => known
            .openssl
            .replace("ECDHE-ECDSA-", "E")
            .replace("ECDHE-RSA-", "R")
            .replace("AES256-GCM-SHA384", "256")
            .replace("AES128-GCM-SHA256", "128")
            .replace("CHACHA20-POLY1305", "C"),
        None => TLS13.iter().find(|(_, known)| *known == suite).expect("there are no others").0.to_owned(),
    };
    list.tls12.iter().map(|suite| name(*suite)).collect::<Vec<_>>().join(" ")
}

fn tls13(list: &CipherList) -> Vec<&'static str> {
    let name =
        |suite: &SupportedCipherSuite| TLS13.iter().find(|(_, known)| known == suite).map(|(name, _)| *name);
    list.tls13.iter().filter_map(name).collect()
}

#[test]
fn lists_mean_what_openssl_takes_them_for() {
    const EVERY: &str = "E256 R256 EC RC E128 R128";
    for (text, expected) in [
        ("ALL", EVERY),
        ("DEFAULT", EVERY),
        ("HIGH:!aNULL:!MD5", EVERY),
        ("DEFAULT:@SECLEVEL=2", EVERY),
        ("PROFILE=SYSTEM", EVERY),
        ("TLSv1.2", EVERY),
        ("kEECDH:!kEDH", EVERY),
        ("ALL:!RSA", EVERY),
        ("ALL:!SHA384:!SHA256:!SHA", EVERY),
        ("COMPLEMENTOFALL:ECDHE", EVERY),
        ("ALL:!ADH:!LOW:!EXP:!SSLv2:+HIGH:+MEDIUM", EVERY),
        ("ALL:!aRSA", "E256 EC E128"),
        ("ALL:!ECDSA", "R256 RC R128"),
        ("ALL:-ECDSA", "R256 RC R128"),
        ("ALL:-AES:AES", "EC RC E256 R256 E128 R128"),
        ("ALL:!AES:AES", "EC RC"),
        ("ALL:+CHACHA20", "E256 R256 E128 R128 EC RC"),
        ("AES:CHACHA20:-AES128:AES128", EVERY),
        ("ALL:-AES128:-AES256:AES", "EC RC E256 R256 E128 R128"),
        ("AES128:CHACHA20:@STRENGTH", "EC RC E128 R128"),
        ("AES128:AES256", "E128 R128 E256 R256"),
        ("AES128:AES256:@STRENGTH", "E256 R256 E128 R128"),
        ("TLSv1.2+AES128", "E128 R128"),
        ("ECDH+AESGCM", "E256 R256 E128 R128"),
        ("aRSA+CHACHA20", "RC"),
        ("EECDH+AESGCM:EDH+AESGCM", "E256 R256 E128 R128"),
        ("ECDHE-RSA-AES128-GCM-SHA256+HIGH", "R128"),
        (
            "EECDH+ECDSA+AESGCM EECDH+aRSA+AESGCM EECDH+ECDSA+SHA384 EECDH !aNULL !eNULL !LOW !3DES",
            "E256 E128 R256 R128 EC RC",
        ),
        // Mozilla's, intermediate.
        (
            "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:\
             ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:\
             DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384",
            "E128 R128 E256 R256 EC RC",
        ),
    ] {
        let list = CipherList::parse(text).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(short(&list), expected, "{text}");
        assert_eq!(tls13(&list).len(), TLS13.len(), "{text}");
    }
}

#[test]
fn names_of_the_standard_and_any_separator_and_case_will_do() {
    let list = "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, ecdhe-ecdsa-chacha20-poly1305;AES256";
    assert_eq!(short(&CipherList::parse(list).unwrap()), "R128 EC E256 R256");
}

#[test]
fn a_list_that_leaves_nothing_is_an_error_that_tells_what_there_is() {
    for text in
        ["RC4:3DES:MD5", "ALL:!ECDHE", "SSLv3", "", ":", "nonsense", "!RC4", "EECDH+RC4", "AES128-SHA"]
    {
        let error = CipherList::parse(text).expect_err(text);
        assert!(
            error.starts_with(&format!("bad cipher list '{text}': it leaves nothing of ECDHE-ECDSA-")),
            "{error}"
        );
    }
}

#[test]
fn unknown_words_are_left_out_and_told() {
    let list = CipherList::parse("ECDHE+FOO:AES128-SHA:!BAR:@SECLEVEL=9:@SORT:HIGH:!MD5").unwrap();
    assert_eq!(list.left_out, ["ECDHE+FOO", "AES128-SHA", "!BAR", "@SECLEVEL=9", "@SORT"]);
    assert_eq!(list.to_string(), "ECDHE+FOO:AES128-SHA:!BAR:@SECLEVEL=9:@SORT:HIGH:!MD5");
}

#[test]
fn tls_1_3_is_limited_only_by_its_own_names() {
    let of = |text: &str| {
        let list = CipherList::parse(text).unwrap();
        (short(&list), tls13(&list))
    };
    let all: Vec<_> = TLS13.iter().map(|(name, _)| *name).collect();
    assert_eq!(of("AES128:!CHACHA20"), ("E128 R128".to_owned(), all));
    let aes128 = "TLS_AES_128_GCM_SHA256";
    assert_eq!(of(&format!("aRSA+AES128:{aes128}")), ("R128".to_owned(), vec![aes128]));
    assert_eq!(of(aes128), (String::new(), vec![aes128]));
    let (_, rest) = of(&format!("ALL:!{aes128}"));
    assert_eq!(rest, ["TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"]);
}

proptest::proptest! {
    #[test]
    fn no_text_is_too_much(text in "[!+@:, A-Za-z0-9=-]{0,60}") {
        let _ = CipherList::parse(&text);
    }
}
