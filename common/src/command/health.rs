//! How servers are tested, and how they are taken out of use and brought back.

use std::ops::RangeInclusive;
use std::str::Split;

use super::servers::slot;
use super::typed::{AdminState, AgentCheck, HealthChange, HealthCheck, Number, Pace, Probe, Switch, Toggle};
use super::words::{Problem, Words, fill, number, one_of};
use super::{Command, Form, Row, Scope, When};
use crate::addr::decimal;
use crate::quoted::Quoted;

/// The checks, by their first words.
pub const CHECKS: &[&str] = &["tcp", "tls", "http", "dns", "rdp", "send", "expect", "exec", "agent"];

pub(super) static ROWS: &[Row] = &[
    Row {
        name: "drain",
        args: "N",
        form: Form::Negatable {
            parse: |words| admin(AdminState::Drain, Toggle::On, words),
            no: |words| admin(AdminState::Drain, Toggle::Off, words),
            no_args: "N",
        },
        scope: Scope::Service,
        when: When::Live,
        about: "Sends no new clients to the server in slot N, only those whose server it was",
        details: "\
            Its connections go on. When they have ended, and the clients that come back have gone too, \
            the server can be stopped without anybody noticing; `maint N` does not wait for these.\n\
            `no drain N` takes it back.",
    },
    Row {
        name: "fail_open",
        args: "",
        form: Form::Switch(Switch::FailOpen),
        scope: Scope::Service,
        when: When::Live,
        about: "Where checks say that all servers are down, tries them all the same (on)",
        details: "\
            It may be the check that is wrong, and a client that is closed has nothing to lose. A service \
            with an `emergency` server sends clients there instead. Servers in maintenance and those that \
            are blacklisted are not tried.",
    },
    Row {
        name: "health",
        args: "CHECK [interval T] [timeout T] [rise N] [fall N] [port P]",
        form: Form::Negatable { parse: health, no: no_health, no_args: "[agent]" },
        scope: Scope::Service,
        when: When::Live,
        about: "Checks the servers, so that clients get none that is down (off)",
        details: "\
            CHECK is one of these. A later one takes the place of an earlier one; `agent` goes beside any.\n\
            * tcp: the server accepts a connection\n\
            * tls [name NAME]: it completes a TLS handshake, in which it is asked for NAME; its certificate is not judged\n\
            * http PATH [host NAME] [status STATUS] [body TEXT]: it answers a GET request for PATH with such a \
            status, which is a number or a range (200-399), and the first 64 KiB of the body hold TEXT\n\
            * dns NAME: it answers a query for the address of NAME by UDP, whatever the address\n\
            * rdp: it confirms an RDP connection request, by which no session is begun\n\
            * send TEXT expect TEXT: it is told the one, and its answer holds the other within 64 KiB\n\
            * expect TEXT: it says TEXT unasked\n\
            * exec COMMAND: the command, run by `sh -c`, ends with status 0; PEN_SERVICE, PEN_SERVER (the slot), \
            PEN_NAME, PEN_ADDRESS and PEN_PORT are in its environment; refused over TCP\n\
            * agent PORT: besides the check, each server is asked how busy it is: at this port it answers, \
            as a line or by http, a number from 0 to 100, where 100 takes no new clients, or words of HAProxy's \
            agent-check: `75%`, `drain`, `maint`, `ready`, `up`, `down`, `maxconn:N`\n\
            The options may stand in any order; `agent` has the first two only.\n\
            * interval T: seconds from the beginning of one check of a server to that of the next (2)\n\
            * timeout T: seconds that a check may take (2); the next one waits for it\n\
            * rise N: so many successes in a row bring a server back (2)\n\
            * fall N: so many failures in a row take it out (3)\n\
            * port P: the port that is checked, if it is not the server's own\n\
            A TEXT or COMMAND with blanks stands in double quotes, in which `\\r`, `\\n`, `\\t`, `\\xHH`, `\\\\` and `\\\"` are known. \
            The first check of a server decides alone. Connections of a server that goes down go on; flows of \
            `udp` go to another one. `no health` ends checks and questions, `no health agent` the questions.",
    },
    Row {
        name: "maint",
        args: "N",
        form: Form::Negatable {
            parse: |words| admin(AdminState::Maint, Toggle::On, words),
            no: |words| admin(AdminState::Maint, Toggle::Off, words),
            no_args: "N",
        },
        scope: Scope::Service,
        when: When::Live,
        about: "Takes the server in slot N out of use: it gets no clients",
        details: "\
            Its connections go on; it is not checked meanwhile. `no maint N` takes it back.",
    },
    Row {
        name: "slow_start",
        args: "[T]",
        form: Form::Number(Number::SlowStart, 0..=86_400),
        scope: Scope::Service,
        when: When::Live,
        about: "Seconds in which a server that comes back gets ever more of its share (0)",
        details: "\
            It begins with a tenth. This concerns servers that a check or an agent had found down, and those that come back from \
            maintenance; while there is no other server it gets everybody. Clients whose server it was are not held back.",
    },
];

fn admin(state: AdminState, toggle: Toggle, words: &mut Words<'_>) -> Result<Command, Problem> {
    Ok(Command::Admin(slot(words)?, state, toggle))
}

/// A day.
const SECONDS: RangeInclusive<u32> = 1..=86_400;
const PORTS: RangeInclusive<u32> = 1..=65_535;
const COUNTS: RangeInclusive<u32> = 1..=1_000;

fn no_health(words: &mut Words<'_>) -> Result<Command, Problem> {
    Ok(Command::Health(match words.next() {
        None => HealthChange::Neither,
        Some("agent") => HealthChange::NoAgent,
        Some(word) => return Err(Problem::Wrong(format!("bad check '{word}': agent is expected"))),
    }))
}

fn health(words: &mut Words<'_>) -> Result<Command, Problem> {
    let change = match words.need("check, as in 'health tcp'")? {
        "agent" => HealthChange::Agent(agent(words)?),
        word => HealthChange::Check(check(word, words)?),
    };
    Ok(Command::Health(change))
}

fn agent(words: &mut Words<'_>) -> Result<AgentCheck, Problem> {
    let port = port(words.need("port, as in 'agent 8081'")?)?;
    let options = Options::read(words, &["interval", "timeout"])?;
    Ok(AgentCheck { port, pace: options.pace() })
}

fn check(word: &str, words: &mut Words<'_>) -> Result<HealthCheck, Problem> {
    let mut probe = probe(word, words)?;
    let mut options = Options::read(words, options_of(&probe))?;
    match &mut probe {
        Probe::Tls { name } => *name = options.name.take(),
        Probe::Http { host, status, body, .. } => {
            (*host, *body) = (options.host.take(), options.body.take());
            *status = options.status.take().unwrap_or(HealthCheck::DEFAULT_STATUS);
        }
        Probe::Tcp | Probe::Dns { .. } | Probe::Rdp | Probe::Dialogue { .. } | Probe::Exec { .. } => {}
    }
    Ok(HealthCheck {
        probe,
        port: options.port,
        pace: options.pace(),
        rise: options.rise.unwrap_or(HealthCheck::DEFAULT_RISE),
        fall: options.fall.unwrap_or(HealthCheck::DEFAULT_FALL),
    })
}

/// The check with what has to be said of it; its options follow.
fn probe(word: &str, words: &mut Words<'_>) -> Result<Probe, Problem> {
    Ok(match word {
        "tcp" => Probe::Tcp,
        "tls" => Probe::Tls { name: None },
        "http" => {
            let path = path(words.need("path, as in 'http /'")?)?;
            Probe::Http { path, host: None, status: HealthCheck::DEFAULT_STATUS, body: None }
        }
        "dns" => Probe::Dns { name: domain_name(words.need("name, as in 'dns www.example.com'")?)? },
        "rdp" => Probe::Rdp,
        "send" => {
            let send = Some(words.text("text, as in 'send TEXT expect TEXT'")?);
            match words.next() {
                Some("expect") => Probe::Dialogue { send, expect: expected(words)? },
                Some(word) => return Err(Problem::Wrong(format!("bad word '{word}': expect is expected"))),
                None => {
                    return Err(Problem::Wrong("missing 'expect TEXT': what it has to answer".to_owned()));
                }
            }
        }
        "expect" => Probe::Dialogue { send: None, expect: expected(words)? },
        "exec" => Probe::Exec { command: command(words)? },
        _ => {
            let expected = one_of(CHECKS);
            return Err(Problem::Wrong(format!("bad check '{word}': {expected} is expected")));
        }
    })
}

fn options_of(probe: &Probe) -> &'static [&'static str] {
    match probe {
        Probe::Tls { .. } => &["name", "interval", "timeout", "rise", "fall", "port"],
        Probe::Http { .. } => &["host", "status", "body", "interval", "timeout", "rise", "fall", "port"],
        _ => &["interval", "timeout", "rise", "fall", "port"],
    }
}

/// What stands behind the check itself, in any order.
#[derive(Default)]
struct Options {
    name: Option<String>,
    host: Option<String>,
    status: Option<RangeInclusive<u16>>,
    body: Option<Quoted>,
    interval: Option<u32>,
    timeout: Option<u32>,
    rise: Option<u32>,
    fall: Option<u32>,
    port: Option<u16>,
}

impl Options {
    /// Reads the rest of the line, in which only these may stand.
    fn read(words: &mut Words<'_>, known: &[&str]) -> Result<Options, Problem> {
        let mut options = Options::default();
        while let Some(option) = words.next() {
            if !known.contains(&option) {
                let expected = one_of(known);
                return Err(Problem::Wrong(format!("unknown option '{option}': {expected} is expected")));
            }
            options.take(option, words)?;
        }
        Ok(options)
    }

    fn take(&mut self, option: &str, words: &mut Words<'_>) -> Result<(), Problem> {
        let value = &*format!("value of '{option}'");
        let seconds = |word| number(option, word, &SECONDS);
        let count = |word| number(option, word, &COUNTS);
        match option {
            "name" => fill(&mut self.name, option, server_name(words.need(value)?)?),
            "host" => fill(&mut self.host, option, host_field(words.need(value)?)?),
            "status" => fill(&mut self.status, option, statuses(words.need(value)?)?),
            "body" => fill(&mut self.body, option, part_of_body(words.text(value)?)?),
            "interval" => fill(&mut self.interval, option, seconds(words.need(value)?)?),
            "timeout" => fill(&mut self.timeout, option, seconds(words.need(value)?)?),
            "rise" => fill(&mut self.rise, option, count(words.need(value)?)?),
            "fall" => fill(&mut self.fall, option, count(words.need(value)?)?),
            _ => fill(&mut self.port, option, port(words.need(value)?)?),
        }
    }

    fn pace(&self) -> Pace {
        let Pace { interval, timeout } = HealthCheck::DEFAULT_PACE;
        Pace { interval: self.interval.unwrap_or(interval), timeout: self.timeout.unwrap_or(timeout) }
    }
}

fn port(word: &str) -> Result<u16, Problem> {
    let port = number("port", word, &PORTS)?;
    u16::try_from(port).map_err(|error| Problem::Wrong(error.to_string()))
}

fn expected(words: &mut Words<'_>) -> Result<Quoted, Problem> {
    let text = words.text("text, as in 'expect TEXT'")?;
    if text.bytes().is_empty() {
        return Err(Problem::Wrong("an empty text is no answer: 'health tcp' expects none".to_owned()));
    }
    Ok(text)
}

fn part_of_body(text: Quoted) -> Result<Quoted, Problem> {
    if text.bytes().is_empty() {
        return Err(Problem::Wrong("an empty text is in every body: leave 'body' out".to_owned()));
    }
    Ok(text)
}

fn command(words: &mut Words<'_>) -> Result<Quoted, Problem> {
    let command = words.text("command, as in 'exec /usr/local/bin/check'")?;
    match command.bytes() {
        bytes if bytes.trim_ascii().is_empty() => {
            Err(Problem::Wrong("an empty command checks nothing".to_owned()))
        }
        bytes if bytes.contains(&0) => {
            Err(Problem::Wrong(format!("bad command {command}: no command can hold the byte 0")))
        }
        _ => Ok(command),
    }
}

fn path(word: &str) -> Result<String, Problem> {
    if word.starts_with('/') && word.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Ok(word.to_owned());
    }
    Err(Problem::Wrong(format!(
        "bad path '{word}': a path that begins with / and has only ASCII characters is expected"
    )))
}

fn host_field(word: &str) -> Result<String, Problem> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._:[]".contains(&byte);
    if word.bytes().all(fits) {
        return Ok(word.to_owned());
    }
    Err(Problem::Wrong(format!(
        "bad host '{word}': letters, digits, '-', '.', '_', ':' and brackets are expected"
    )))
}

/// A name as DNS has it; a dot alone is the root.
fn domain_name(word: &str) -> Result<String, Problem> {
    if word == "." || labels(word.strip_suffix('.').unwrap_or(word)).is_some() {
        return Ok(word.to_owned());
    }
    Err(Problem::Wrong(format!("bad name '{word}': a domain name is expected")))
}

/// A name as TLS has it: no address, and no dot at the end.
fn server_name(word: &str) -> Result<String, Problem> {
    let is_number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
    let has_hyphen_outside = |label: &str| label.starts_with('-') || label.ends_with('-');
    match labels(word) {
        Some(labels)
            if !labels.clone().any(has_hyphen_outside)
                && !labels.clone().next_back().is_some_and(is_number) =>
        {
            Ok(word.to_owned())
        }
        _ => Err(Problem::Wrong(format!(
            "bad name '{word}': a server's name, such as www.example.com, is expected"
        ))),
    }
}

/// What stands between the dots of a name; `None`: it is none.
fn labels(name: &str) -> Option<Split<'_, char>> {
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-_".contains(&byte);
    let is_label = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(fits);
    let labels = name.split('.');
    (name.len() <= 253 && labels.clone().all(is_label)).then_some(labels)
}

/// `200` or `200-399`.
fn statuses(word: &str) -> Result<RangeInclusive<u16>, Problem> {
    let status = |word| decimal(word).and_then(|status| u16::try_from(status).ok());
    let (first, last) = word.split_once('-').unwrap_or((word, word));
    match (status(first), status(last)) {
        (Some(first), Some(last)) if first >= 100 && last <= 599 && first <= last => Ok(first..=last),
        _ => Err(Problem::Wrong(format!(
            "bad status '{word}': a number from 100 to 599, or two with a hyphen between them, is expected"
        ))),
    }
}
