//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use lexopt::prelude::*;

/// What `--help` prints.
pub const HELP: &str = "\
usage: scripts/bench [OPTION]... [SCENARIO]...

Does the same work through pen, haproxy, nginx and pen 0.34.1, in turn and in rounds, and shows what it cost each of them.
Without names, all scenarios.

  --list              the scenarios, and what is done in each
  --rounds N          how often (5)
  --quick             one round with a tenth of the units: minutes for all, and only a rough idea
  --scale F           that part of the usual units, 0.001 to 10
  --proxies A,B,...   of pen, haproxy, nginx, old-pen only these
  --also NAME=PATH    another build of pen beside the others; may be repeated
  --json FILE         all rounds, to this file
  --markdown FILE     tables, to this file: between its markers if it has them
  --charts DIR        cost.svg and latency.svg, to this directory
  --docs              tables and charts of docs/performance.md
  --from FILE         measure nothing, show what --json has written
  --note TEXT         what readers should know, to stand above the tables
  --shared-network    among the host's other traffic, also as root

PEN_BIN names another pen than the one that was built, OLD_PEN_BIN another pen 0.34.1. The status is 1 if pen failed or
lost anything.";

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Invocation {
    /// Explain itself.
    Help,
    /// Name the scenarios.
    List,
    /// Be the servers of another process.
    Servers,
    /// Measure, or show what was measured.
    Run(Box<Options>),
}

/// How it is to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Names of scenarios; empty: all.
    pub scenarios: Vec<String>,
    /// How often.
    pub rounds: u32,
    /// Which part of the usual units.
    pub scale: f64,
    /// Names of proxies; empty: all.
    pub proxies: Vec<String>,
    /// Other builds of pen, by name.
    pub also: Vec<(String, PathBuf)>,
    /// Where all rounds go.
    pub json: Option<PathBuf>,
    /// Where the tables go.
    pub markdown: Option<PathBuf>,
    /// Where the charts go.
    pub charts: Option<PathBuf>,
    /// Whether the documentation is renewed.
    pub docs: bool,
    /// Results that are there already.
    pub from: Option<PathBuf>,
    /// What readers should know.
    pub note: Option<String>,
    /// Whether the host's network is used.
    pub shared_network: bool,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            scenarios: Vec::new(),
            rounds: 5,
            scale: 1.0,
            proxies: Vec::new(),
            also: Vec::new(),
            json: None,
            markdown: None,
            charts: None,
            docs: false,
            from: None,
            note: None,
            shared_network: false,
        }
    }
}

const PROXIES: [&str; 4] = ["pen", "haproxy", "nginx", "old-pen"];

impl Invocation {
    /// Reads the words after the program's name. An error is a line that names the word at fault.
    pub fn parse(words: impl IntoIterator<Item = OsString>) -> Result<Invocation, String> {
        let words: Vec<OsString> = words.into_iter().collect();
        if words.len() == 1 && words[0] == crate::servers::WORD {
            return Ok(Invocation::Servers);
        }
        let mut options = Options::default();
        let mut parser = lexopt::Parser::from_args(words);
        while let Some(word) = parser.next().map_err(|error| error.to_string())? {
            match word {
                Short('h') | Long("help") => return Ok(Invocation::Help),
                Long("list") => return Ok(Invocation::List),
                Long("quick") => (options.rounds, options.scale) = (1, 0.1),
                Long("rounds") => options.rounds = number(&mut parser, "rounds", 1.0, 1000.0)? as u32,
                Long("scale") => options.scale = number(&mut parser, "scale", 0.001, 10.0)?,
                Long("proxies") => options.proxies = proxies(&text(&mut parser)?)?,
                Long("also") => options.also.push(build(&text(&mut parser)?)?),
                Long("json") => options.json = Some(text(&mut parser)?.into()),
                Long("markdown") => options.markdown = Some(text(&mut parser)?.into()),
                Long("charts") => options.charts = Some(text(&mut parser)?.into()),
                Long("docs") => options.docs = true,
                Long("from") => options.from = Some(text(&mut parser)?.into()),
                Long("note") => options.note = Some(text(&mut parser)?),
                Long("shared-network") => options.shared_network = true,
                Value(name) => options.scenarios.push(scenario(&name.to_string_lossy())?),
                other => return Err(other.unexpected().to_string()),
            }
        }
        Ok(Invocation::Run(Box::new(options)))
    }
}

fn text(parser: &mut lexopt::Parser) -> Result<String, String> {
    let value = parser.value().map_err(|error| error.to_string())?;
    Ok(value.to_string_lossy().into_owned())
}

fn number(parser: &mut lexopt::Parser, option: &str, least: f64, most: f64) -> Result<f64, String> {
    let word = text(parser)?;
    let number: Option<f64> = word.parse().ok().filter(|number| (least..=most).contains(number));
    number.ok_or_else(|| format!("bad --{option} '{word}': a number from {least} to {most} is expected"))
}

fn proxies(list: &str) -> Result<Vec<String>, String> {
    let known = |name: &str| PROXIES.contains(&name);
    match list.split(',').find(|name| !known(name)) {
        None => Ok(list.split(',').map(str::to_owned).collect()),
        Some(name) => Err(format!("unknown proxy '{name}': {} are known", PROXIES.join(", "))),
    }
}

fn build(word: &str) -> Result<(String, PathBuf), String> {
    match word.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() && !PROXIES.contains(&name) => {
            Ok((name.to_owned(), path.into()))
        }
        _ => Err(format!("bad --also '{word}': NAME=PATH is expected, with a name that no other proxy has")),
    }
}

fn scenario(name: &str) -> Result<String, String> {
    if crate::scenario::all().any(|scenario| scenario.name == name) {
        return Ok(name.to_owned());
    }
    Err(format!("unknown scenario '{name}': --list shows which there are"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(words: &str) -> Result<Invocation, String> {
        Invocation::parse(words.split_whitespace().map(OsString::from))
    }

    #[test]
    fn scenarios_and_options_may_be_mixed() {
        let Ok(Invocation::Run(options)) = parse("short --rounds 3 ping --proxies pen,nginx --also a=/b/pen")
        else {
            panic!("that is right")
        };
        assert_eq!(options.scenarios, ["short", "ping"]);
        assert_eq!((options.rounds, options.proxies), (3, vec!["pen".into(), "nginx".into()]));
        assert_eq!(options.also, [("a".to_owned(), PathBuf::from("/b/pen"))]);
    }

    #[test]
    fn quick_is_one_small_round() {
        let quick = Options { rounds: 1, scale: 0.1, ..Options::default() };
        assert_eq!(parse("--quick"), Ok(Invocation::Run(Box::new(quick))));
        assert_eq!(parse(""), Ok(Invocation::Run(Box::default())));
    }

    #[test]
    fn errors_name_the_word_and_what_would_be_right() {
        for (words, error) in [
            ("shrt", "unknown scenario 'shrt': --list shows which there are"),
            ("--rounds 0", "bad --rounds '0': a number from 1 to 1000 is expected"),
            ("--scale much", "bad --scale 'much': a number from 0.001 to 10 is expected"),
            ("--proxies pen,squid", "unknown proxy 'squid': pen, haproxy, nginx, old-pen are known"),
            (
                "--also pen=/x",
                "bad --also 'pen=/x': NAME=PATH is expected, with a name that no other proxy has",
            ),
            ("--fast", "invalid option '--fast'"),
        ] {
            assert_eq!(parse(words), Err(error.to_owned()));
        }
    }
}
