//! The process as a whole: its files, diagnostics, life.

use std::path::PathBuf;

use super::later::later;
use super::typed::{LogDestination, Logging, Number, Setting, Switch, Threads};
use super::words::{Problem, Words, number, parsed};
use super::{Command, Form, LONGEST, Row, Scope, When};

pub(super) static ROWS: &[Row] = &[
    Row {
        name: "abort_on_error",
        args: "",
        form: Form::Switch(Switch::AbortOnError),
        scope: Scope::Process,
        when: When::Live,
        about: "Leaves a core dump on a fatal error (off)",
        details: "\
            A fatal error is a defect in pen, or a start that failed. Without it pen ends with an exit \
            status and a message.",
    },
    Row {
        name: "ascii",
        args: "",
        form: Form::Switch(Switch::Ascii),
        scope: Scope::Process,
        when: When::Live,
        about: "Traffic dumps are text rather than hexadecimal (off)",
        details: "\
            It concerns what `debug 3` and more dump.",
    },
    Row {
        name: "debug",
        args: "[N]",
        form: Form::Number(Number::Debug, 0..=9),
        scope: Scope::Process,
        when: When::Live,
        about: "How much is told for diagnosis; from 3 on, traffic too (0)",
        details: "\
            * 0: what an operator wants to know\n\
            * 1: also each failure of a server that is left alone already, each client that no server \
            could take, each connection that was idle too long\n\
            * 3: also the traffic, with passwords and all; for finding errors in protocols, not for \
            every day",
    },
    Row {
        name: "exit",
        args: "",
        form: Form::Plain(|_| Ok(Command::Exit)),
        scope: Scope::Process,
        when: When::Live,
        about: "Ends pen; needs the option -X",
        details: "\
            It ends pen as the signal TERM does. Without the option it answers `Exit is not enabled; \
            restart with -X flag`.",
    },
    Row {
        name: "help",
        args: "[COMMAND]",
        form: Form::Plain(help),
        scope: Scope::Process,
        when: When::Live,
        about: "Explains a command, or lists them all",
        details: "",
    },
    Row {
        name: "include",
        args: "FILE",
        form: Form::Plain(|words| Ok(Command::Include(words.need_file()?))),
        scope: Scope::Process,
        when: When::Live,
        about: "Runs the commands of a file, all of them or none",
        details: "\
            Files may include each other up to 8 deep. A relative path begins in the directory that pen \
            was started in. On a TCP control port it is refused, because any local user may be the peer \
            there; a control socket will do.",
    },
    Row {
        name: "log",
        args: "[FILE|HOST:PORT] [connections]",
        form: Form::Negatable { parse: log, no: |_| Ok(Command::Log(Setting::Remove)), no_args: "" },
        scope: Scope::Service,
        when: When::Live,
        about: "Where requests are logged: a file, or a penlogd (nowhere)",
        details: "\
            Each http request leaves a record, also those that are sent ahead of the answers; in other \
            protocols each time that a client speaks after the server did; with `udp` each time that a flow \
            gets a server. In a file it is a line \
            `CLIENT UNIXTIME SERVER REQUEST`, where REQUEST is the first line of what the client said, at \
            most 100 bytes; to penlogd(1) it goes as a datagram of at most 1023 bytes.\n\
            With `connections` there are records of connections to servers too, one when a connection is \
            there and one when it has ended: which port of pen's is which client's. With them penlogd(1) \
            and mergelogs(1) need not guess, if the web server logs its peer's port.\n\
            HUP opens the file again, for logrotate(8), and looks the host's name up again. The file must \
            belong to pen's user, if it exists. Forwarding never waits for the log, and a penlogd that is \
            not there costs nothing but the records: `status` tells how many were lost.",
    },
    Row {
        name: "resolve",
        args: "[T]",
        form: Form::Number(Number::Resolve, 0..=LONGEST),
        scope: Scope::Process,
        when: When::Live,
        about: "Seconds until servers' names are looked up again; 0: only at start and on HUP (0)",
        details: "\
            An address that is still among the answers stays. Otherwise the server moves to another one, \
            and keeps its slot, counters and clients; open connections go on to the old one. A look-up \
            that fails changes nothing, and says so in the log. After HUP names are looked up in any \
            case. Neither traffic nor commands wait for it.",
    },
    Row {
        name: "shutdown_timeout",
        args: "[T]",
        form: Form::Number(Number::ShutdownTimeout, 0..=LONGEST),
        scope: Scope::Process,
        when: When::Live,
        about: "Seconds that connections have to end when pen is told to (0)",
        details: "\
            After TERM, INT or `exit` pen accepts no more clients, and waits so long for connections to \
            end by themselves; then it closes them. A second signal ends the wait.",
    },
    Row {
        name: "threads",
        args: "[N|auto]",
        form: Form::Plain(threads),
        scope: Scope::Process,
        when: When::AtStart,
        about: "Threads that carry traffic; auto: as many as cores (auto)",
        details: "\
            It can stand on the command line and in the `-F` file; a running pen only tells it. With few \
            file descriptors allowed, `auto` takes fewer: one for 64 descriptors.",
    },
    Row {
        name: "web",
        args: "[ADDR]",
        form: Form::Negatable {
            parse: |words| {
                Ok(Command::Web(words.next().map(parsed).transpose()?.map_or(Setting::Show, Setting::Set)))
            },
            no: |_| Ok(Command::Web(Setting::Remove)),
            no_args: "",
        },
        scope: Scope::Process,
        when: When::Live,
        about: "Where status pages are served over http; a bare port: to this host (nowhere)",
        details: "\
            Nothing can be changed there, and the control port is not needed for it. `web_acl` says who \
            may read. On a loopback address pen answers only to an address or `localhost` as the host, \
            so that no foreign web page can read it through a browser.\n\
            * /: a page with live numbers\n\
            * /status.json: what `status json` answers\n\
            * /metrics: what `status prometheus` answers\n\
            * /healthz: 200 while pen is well\n\
            * /healthz/NAME: 200 when the service NAME has a usable server, else 503",
    },
    Row {
        name: "web_stats",
        args: "[FILE]",
        form: Form::Negatable {
            parse: |words| Ok(Command::WebStats(words.setting(PathBuf::from))),
            no: |_| Ok(Command::WebStats(Setting::Remove)),
            no_args: "",
        },
        scope: Scope::Process,
        when: When::Live,
        about: "The file that status pages are written to (none)",
        details: "\
            The page is written on the signal USR1, and each time that somebody asks for `status`. The \
            file must belong to pen's user, if it exists; a new one replaces it as a whole.",
    },
    Row {
        name: "write",
        args: "[FILE]",
        form: Form::Plain(|words| Ok(Command::Write(words.rest().map(PathBuf::from)))),
        scope: Scope::Process,
        when: When::Live,
        about: "Writes the configuration as commands, to a file or the one of -F",
        details: "\
            Everything is said that pen is set to now, also what has its default: the next pen that \
            reads it is what this one is. What only the command line can say (`-C`, `-p`, `-u` and so \
            on) stands in a comment at the head. Comments and `include` lines of a file that is replaced \
            are gone.\n\
            The new file takes the place of the old one in one step, so that it is always whole. One \
            that does not belong to pen's user is left alone; the directory must be writable to that \
            user.",
    },
];

pub(super) static IGNORED: &[Row] = &[
    ignored("block", "pen never waits for one connection alone"),
    ignored("delayed_forward", "Bytes are always forwarded as soon as they can be"),
    ignored("epoll", "pen always uses the system's best event notification"),
    ignored("kqueue", "pen always uses the system's best event notification"),
    ignored("poll", "pen always uses the system's best event notification"),
    ignored("select", "pen always uses the system's best event notification"),
    Row {
        name: "ssl_client_renegotiation_interval",
        args: "T",
        form: Form::IgnoredNumber(0..=LONGEST),
        scope: Scope::Service,
        when: When::Live,
        about: "Clients cannot renegotiate keys at all",
        details: "",
    },
];

const fn ignored(name: &'static str, about: &'static str) -> Row {
    Row { name, args: "", form: Form::Ignored, scope: Scope::Process, when: When::Live, about, details: "" }
}

fn help(words: &mut Words<'_>) -> Result<Command, Problem> {
    let Some(word) = words.next() else {
        return Ok(Command::Help(None));
    };
    if let Some(row) = Row::find(word) {
        return Ok(Command::Help(Some(row)));
    }
    Err(Problem::Wrong(match later(word) {
        Some(capability) => {
            format!("'{word}' is not available in this version of pen: {capability} support comes later")
        }
        None => format!("unknown command '{word}': 'help' alone lists all"),
    }))
}

/// The word behind a request log's destination that asks for records of connections, too.
const CONNECTIONS: &str = "connections";
const NO_DESTINATION: &str =
    "the destination is missing: 'log FILE connections' or 'log HOST:PORT connections' is expected";

fn log(words: &mut Words<'_>) -> Result<Command, Problem> {
    let Some(text) = words.rest() else {
        return Ok(Command::Log(Setting::Show));
    };
    let (text, connections) = match text.rsplit_once([' ', '\t']) {
        Some((destination, CONNECTIONS)) => (destination.trim_end_matches([' ', '\t']), true),
        None if text == CONNECTIONS => return Err(Problem::Wrong(NO_DESTINATION.to_owned())),
        _ => (text, false),
    };
    let is_file = text.contains('/') || !text.contains(':');
    let destination = if is_file {
        LogDestination::File(text.into())
    } else {
        LogDestination::Penlogd { address: parsed(text)?, given: text.to_owned() }
    };
    Ok(Command::Log(Setting::Set(Logging { destination, connections })))
}

fn threads(words: &mut Words<'_>) -> Result<Command, Problem> {
    Ok(Command::Threads(match words.next() {
        None => None,
        Some("auto") => Some(Threads::Auto),
        Some(word) => Some(Threads::Exactly(number("threads", word, &(1..=1024)).map_err(|_| {
            Problem::Wrong(format!("bad number '{word}': a number from 1 to 1024 or auto is expected"))
        })?)),
    }))
}
