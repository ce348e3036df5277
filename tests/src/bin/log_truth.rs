//! The benchmark of merged logs with ground truth (`scripts/bench-logs`): how many lines name the right client, by
//! program, mode of connections and rate, with connection records and by the request's text alone.
//!
//! It ends with status 1 when, with connection records, one line was lost or did not name its client.

use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use pen_tests::truth::{Case, Format, Formats, Merger, Mode, Outcome, Programs};

const USAGE: &str = "\
usage: log_truth [--rate N]... [--mode single|keep-alive|pipelined|mixed]... [--only penlogd|mergelogs]
                 [--format first|last|json|mixed] [--unlogged SHARE] [--seconds N] [--records yes|no] [--seed N]";

struct Options {
    rates: Vec<f64>,
    modes: Vec<Mode>,
    mergers: Vec<Merger>,
    formats: Formats,
    unlogged: f64,
    seconds: Option<f64>,
    records: Vec<bool>,
    seed: u64,
}

fn main() -> ExitCode {
    let options = match Options::parse(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(error) => {
            eprintln!("log_truth: {error}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    println!(
        "program   records     mode         wanted achieved  requests   logged      out    right  lost dropped  CPU each"
    );
    let mut perfect = true;
    let (slow, fast): (Vec<Case>, Vec<Case>) =
        options.cases().into_iter().partition(|case| case.rate < 100.0);
    // Few requests a second take long until they are many, but nearly no time of the processor.
    thread::scope(|scope| {
        let running: Vec<_> = slow.iter().map(|case| (case, scope.spawn(|| case.run()))).collect();
        for (case, run) in running {
            perfect &= report(case, &run.join().expect("the run's panic has been printed"));
        }
    });
    for case in fast {
        perfect &= report(&case, &case.run());
    }
    if perfect { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Prints a line for a case, and what there is to say of it; whether it came out as it must.
fn report(case: &Case, outcome: &Outcome) -> bool {
    let Outcome { sent, logged, verdict, dropped, cost, complaints } = outcome;
    let records = if case.connections { "connections" } else { "requests" };
    println!(
        "{:9} {records:11} {:10} {:>8}/s {:6.0}/s {:9} {logged:8} {:8} {:7.2}% {:5} {dropped:7} {:7.2} us",
        case.merger,
        case.mode,
        case.rate,
        sent.rate,
        sent.requests,
        verdict.out,
        verdict.percent(*logged),
        logged.saturating_sub(verdict.out),
        cost.as_secs_f64() * 1e6,
    );
    let must = case.connections;
    let as_it_must = !must || outcome.is_perfect();
    if sent.failed > 0 {
        println!("    {} connections ended with answers due", sent.failed);
    }
    if !complaints.is_empty() {
        println!("    complaints: {}", complaints.trim_end().replace('\n', "\n    "));
    }
    if verdict.doubled + verdict.disordered + verdict.foreign + verdict.wrong_port > 0 {
        println!(
            "    {} twice, {} out of order, {} that nobody wrote, {} with a wrong port",
            verdict.doubled, verdict.disordered, verdict.foreign, verdict.wrong_port
        );
    }
    if !as_it_must {
        println!("    NOT AS IT MUST BE, such as:");
        verdict.examples.iter().for_each(|line| println!("    {line}"));
    }
    as_it_must
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Result<Options, String> {
        let mut options = Options {
            rates: Vec::new(),
            modes: Vec::new(),
            mergers: vec![Merger::Penlogd, Merger::Mergelogs],
            formats: Formats::WithPorts,
            unlogged: 0.1,
            seconds: None,
            records: vec![true, false],
            seed: 7,
        };
        while let Some(option) = words.next() {
            let value = words.next().ok_or(format!("{option} needs a value"))?;
            let wrong = || format!("{option} cannot be {value}");
            match option.as_str() {
                "--rate" => options.rates.push(value.parse().map_err(|_| wrong())?),
                "--mode" => {
                    let mode = Mode::ALL.into_iter().find(|mode| mode.to_string() == value);
                    options.modes.push(mode.ok_or_else(wrong)?);
                }
                "--only" => options.mergers.retain(|merger| merger.to_string() == value),
                "--format" => options.formats = formats(&value).ok_or_else(wrong)?,
                "--unlogged" => options.unlogged = value.parse().map_err(|_| wrong())?,
                "--seconds" => options.seconds = Some(value.parse().map_err(|_| wrong())?),
                "--records" => options.records = vec![value == "yes"],
                "--seed" => options.seed = value.parse().map_err(|_| wrong())?,
                _ => return Err(format!("unknown option {option}")),
            }
        }
        if options.rates.is_empty() {
            options.rates = vec![10.0, 1_000.0, 5_000.0];
        }
        if options.modes.is_empty() {
            options.modes = Mode::ALL.to_vec();
        }
        Ok(options)
    }

    fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for &rate in &self.rates {
            for &merger in &self.mergers {
                for &connections in &self.records {
                    cases.extend(self.modes.iter().map(|&mode| self.case(rate, merger, connections, mode)));
                }
            }
        }
        cases
    }

    fn case(&self, rate: f64, merger: Merger, connections: bool, mode: Mode) -> Case {
        let seconds = self.seconds.unwrap_or(if rate < 100.0 { 20.0 } else { 4.0 });
        Case {
            merger,
            programs: Programs::default(),
            connections,
            formats: if connections { self.formats } else { Formats::All(Format::NoPort) },
            mode,
            rate,
            duration: Duration::from_secs_f64(seconds),
            service: Duration::from_millis(if rate > 2_000.0 { 10 } else { 50 }),
            least: Duration::ZERO,
            unlogged: self.unlogged,
            distinct: false,
            seed: self.seed,
        }
    }
}

fn formats(name: &str) -> Option<Formats> {
    Some(match name {
        "first" => Formats::All(Format::PortFirst),
        "last" => Formats::All(Format::PortLast),
        "json" => Formats::All(Format::Json),
        "mixed" => Formats::WithPorts,
        _ => return None,
    })
}
