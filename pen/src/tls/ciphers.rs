//! The cipher suites that `ssl_ciphers` names, in OpenSSL's language of lists: names, keywords, and signs that take away and
//! move. Pure. As with OpenSSL, keywords speak of TLS 1.2 only; TLS 1.3 is limited to its own suites if the list names some.

use std::fmt::{self, Display, Formatter};

use rustls::SupportedCipherSuite;
use rustls::crypto::aws_lc_rs::cipher_suite as suite;

/// The cipher suites that a user wants.
#[derive(Clone, Debug)]
pub struct CipherList {
    text: String,
    /// Of TLS 1.2, the preferred one first.
    tls12: Vec<SupportedCipherSuite>,
    /// Of TLS 1.3.
    tls13: Vec<SupportedCipherSuite>,
    /// The words that mean nothing here.
    pub left_out: Vec<String>,
}

impl CipherList {
    /// Reads a list.
    ///
    /// # Errors
    /// When it leaves nothing.
    pub fn parse(text: &str) -> Result<CipherList, String> {
        let mut list = List::default();
        let mut left_out = Vec::new();
        for word in text.split([':', ',', ';', ' ', '\t']).filter(|word| !word.is_empty()) {
            if list.take(word) == Understood::No {
                left_out.push(word.to_owned());
            }
        }
        let (tls12, names_some13) = (list.tls12(), list.names_some13());
        if tls12.is_empty() && !names_some13 {
            let known: Vec<_> = TLS12.iter().map(|suite| suite.openssl).collect();
            return Err(format!("bad cipher list '{text}': it leaves nothing of {}", known.join(", ")));
        }
        Ok(CipherList { text: text.to_owned(), tls12, tls13: list.tls13(), left_out })
    }

    /// All suites, the preferred ones of each version first.
    pub fn suites(&self) -> impl Iterator<Item = SupportedCipherSuite> {
        self.tls13.iter().chain(&self.tls12).copied()
    }
}

impl Display for CipherList {
    /// As the user wrote it.
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl PartialEq for CipherList {
    fn eq(&self, other: &CipherList) -> bool {
        self.text == other.text
    }
}

impl Eq for CipherList {}

/// A suite of TLS 1.2.
struct Suite {
    openssl: &'static str,
    iana: &'static str,
    /// The keywords that mean it, besides those that mean all.
    words: &'static [&'static str],
    /// Of its key.
    bits: u16,
    means: SupportedCipherSuite,
}

/// In OpenSSL's order.
static TLS12: [Suite; 6] = [
    Suite {
        openssl: "ECDHE-ECDSA-AES256-GCM-SHA384",
        iana: "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
        words: &["aECDSA", "ECDSA", "AES", "AES256", "AESGCM"],
        bits: 256,
        means: suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
    },
    Suite {
        openssl: "ECDHE-RSA-AES256-GCM-SHA384",
        iana: "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
        words: &["aRSA", "AES", "AES256", "AESGCM"],
        bits: 256,
        means: suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
    },
    Suite {
        openssl: "ECDHE-ECDSA-CHACHA20-POLY1305",
        iana: "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
        words: &["aECDSA", "ECDSA", "CHACHA20"],
        bits: 256,
        means: suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
    },
    Suite {
        openssl: "ECDHE-RSA-CHACHA20-POLY1305",
        iana: "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        words: &["aRSA", "CHACHA20"],
        bits: 256,
        means: suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    },
    Suite {
        openssl: "ECDHE-ECDSA-AES128-GCM-SHA256",
        iana: "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
        words: &["aECDSA", "ECDSA", "AES", "AES128", "AESGCM"],
        bits: 128,
        means: suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
    },
    Suite {
        openssl: "ECDHE-RSA-AES128-GCM-SHA256",
        iana: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
        words: &["aRSA", "AES", "AES128", "AESGCM"],
        bits: 128,
        means: suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
    },
];

static TLS13: [(&str, SupportedCipherSuite); 3] = [
    ("TLS_AES_256_GCM_SHA384", suite::TLS13_AES_256_GCM_SHA384),
    ("TLS_CHACHA20_POLY1305_SHA256", suite::TLS13_CHACHA20_POLY1305_SHA256),
    ("TLS_AES_128_GCM_SHA256", suite::TLS13_AES_128_GCM_SHA256),
];

/// Keywords that mean every suite of TLS 1.2 that there is here.
const ALL: &[&str] =
    &["ALL", "DEFAULT", "PROFILE=SYSTEM", "HIGH", "TLSv1.2", "ECDHE", "EECDH", "kECDHE", "kEECDH", "ECDH"];

/// Keywords of OpenSSL's that mean none of them.
#[rustfmt::skip]
const NONE: &[&str] = &[
    "COMPLEMENTOFALL", "COMPLEMENTOFDEFAULT", "MEDIUM", "LOW", "EXP", "EXPORT", "EXPORT40", "EXPORT56", "FIPS",
    "NULL", "eNULL", "aNULL", "ADH", "AECDH", "RSA", "kRSA", "DH", "EDH", "DHE", "kDHE", "kEDH", "kDH", "kDHr", "kDHd", "aDH",
    "kECDH", "kECDHr", "kECDHe", "aECDH", "DSS", "aDSS", "PSK", "kPSK", "kRSAPSK", "kDHEPSK", "kECDHEPSK", "aPSK", "SRP",
    "kSRP", "aSRP", "KRB5", "kKRB5", "aKRB5", "GOST", "kGOST", "kGOST18", "aGOST", "aGOST01", "aGOST12", "GOST94", "GOST89MAC",
    "AESCCM", "AESCCM8", "ARIA", "ARIA128", "ARIA256", "ARIAGCM", "CAMELLIA", "CAMELLIA128", "CAMELLIA256", "SEED", "IDEA",
    "RC2", "RC4", "DES", "3DES", "CBC", "MD5", "SHA", "SHA1", "SHA256", "SHA384", "SSLv2", "SSLv3", "TLSv1", "TLSv1.0",
    "TLSv1.1",
];

/// Whether a word means something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Understood {
    Yes,
    No,
}

/// What a word does to the suites that it means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rule {
    /// Appends those that are not in the list.
    Add,
    /// `-`: takes them out of the list.
    Remove,
    /// `!`: never again.
    Kill,
    /// `+`: moves those in the list to its end.
    Last,
}

impl Rule {
    fn of(word: &str) -> (Rule, &str) {
        let sign = |sign| word.strip_prefix(sign);
        if let Some(word) = sign('!') {
            (Rule::Kill, word)
        } else if let Some(word) = sign('-') {
            (Rule::Remove, word)
        } else if let Some(word) = sign('+') {
            (Rule::Last, word)
        } else {
            (Rule::Add, word)
        }
    }
}

/// A list in the making.
struct List {
    /// Those in the list and those that are not, in the order in which both would be added.
    tls12: Vec<(&'static Suite, bool)>,
    /// Those of TLS 1.3 that were named, and those that were taken away.
    named13: Vec<&'static str>,
    gone13: Vec<&'static str>,
}

impl Default for List {
    fn default() -> List {
        let tls12 = TLS12.iter().map(|suite| (suite, false)).collect();
        List { tls12, named13: Vec::new(), gone13: Vec::new() }
    }
}

impl List {
    fn take(&mut self, word: &str) -> Understood {
        if let Some(order) = word.strip_prefix('@') {
            return self.order(order);
        }
        let (rule, word) = Rule::of(word);
        if let Some((name, _)) = TLS13.iter().find(|(name, _)| name.eq_ignore_ascii_case(word)) {
            self.take13(rule, name);
            return Understood::Yes;
        }
        if !word.split('+').all(is_known) {
            return Understood::No;
        }
        self.apply(rule, |suite| word.split('+').all(|word| means(word, suite)));
        Understood::Yes
    }

    /// `@STRENGTH` sorts, longer keys first; a level of security asks for nothing that is not given anyway.
    fn order(&mut self, word: &str) -> Understood {
        if word == "STRENGTH" {
            for bits in [256, 128] {
                self.apply(Rule::Last, |suite| suite.bits == bits);
            }
            return Understood::Yes;
        }
        let level = word.strip_prefix("SECLEVEL=").and_then(|level| level.parse().ok());
        if level.is_some_and(|level: u8| level <= 5) { Understood::Yes } else { Understood::No }
    }

    fn take13(&mut self, rule: Rule, name: &'static str) {
        self.named13.retain(|named| *named != name);
        match rule {
            Rule::Add | Rule::Last => self.named13.push(name),
            Rule::Remove | Rule::Kill => self.gone13.push(name),
        }
    }

    fn apply(&mut self, rule: Rule, means: impl Fn(&Suite) -> bool) {
        let concerns = |(suite, listed): &(&'static Suite, bool)| {
            let is_in_place = match rule {
                Rule::Add => !listed,
                Rule::Remove | Rule::Last => *listed,
                Rule::Kill => true,
            };
            is_in_place && means(suite)
        };
        let (concerned, others): (Vec<_>, Vec<_>) = self.tls12.drain(..).partition(concerns);
        let concerned = concerned.into_iter().map(|(suite, _)| (suite, rule != Rule::Remove));
        self.tls12 = match rule {
            Rule::Add | Rule::Last => others.into_iter().chain(concerned).collect(),
            Rule::Remove => concerned.chain(others).collect(),
            Rule::Kill => others,
        };
    }

    fn tls12(&self) -> Vec<SupportedCipherSuite> {
        self.tls12.iter().filter(|(_, listed)| *listed).map(|(suite, _)| suite.means).collect()
    }

    fn names_some13(&self) -> bool {
        !self.named13.is_empty()
    }

    fn tls13(&self) -> Vec<SupportedCipherSuite> {
        let all = TLS13.iter().map(|(name, _)| *name);
        let wanted: Vec<_> = if self.names_some13() { self.named13.clone() } else { all.collect() };
        let is_gone = |name: &&str| self.gone13.contains(name);
        let suite_of = |name| TLS13.iter().find(|(known, _)| *known == name).map(|(_, suite)| *suite);
        wanted.into_iter().filter(|name| !is_gone(name)).filter_map(suite_of).collect()
    }
}

fn is_known(word: &str) -> bool {
    ALL.contains(&word) || NONE.contains(&word) || TLS12.iter().any(|suite| means(word, suite))
}

fn means(word: &str, suite: &Suite) -> bool {
    let is_name = || [suite.openssl, suite.iana].iter().any(|name| name.eq_ignore_ascii_case(word));
    ALL.contains(&word) || suite.words.contains(&word) || is_name()
}

#[cfg(test)]
mod tests;
