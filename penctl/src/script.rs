//! Commands from standard input, one a line, as in a file of pen's: `service NAME` has the following ones speak of that
//! service. Each is a session of its own with pen, so the service is said with each.

use std::io::{self, BufRead, ErrorKind, Write};

use common::command::{Row, Scope, ServiceName};

use crate::answer::{Failure, Verdict};
use crate::args;
use crate::connect::Unreachable;

/// What ends an interactive session, besides the end of its input.
const QUIT: &str = "quit";

/// Most bytes of a line, with the blanks around the command.
const LINE_MOST: usize = 64 * 1024;

/// How it went, in the order in which the worst is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Outcome {
    /// Every command was done.
    Done,
    /// One at least was not.
    Refused,
    /// pen could not be reached any more, or broke an answer off.
    Unreachable,
}

/// Why a command has no complete answer.
#[derive(Debug, thiserror::Error)]
pub enum Problem {
    #[error(transparent)]
    Unreachable(#[from] Unreachable),
    #[error(transparent)]
    Failed(#[from] Failure),
}

/// An answer as far as it came, and what it means.
pub struct Answer {
    pub text: Vec<u8>,
    pub verdict: Result<Verdict, Problem>,
}

/// Runs all commands of `input`. `ask` sends one; `prompt`, if any, is shown before each line is read.
pub fn run(
    mut input: impl BufRead,
    prompt: Option<&str>,
    mut ask: impl FnMut(&str) -> Answer,
    output: &mut impl Write,
    errors: &mut impl Write,
) -> io::Result<Outcome> {
    let (mut subject, mut outcome) = (Subject::Default, Outcome::Done);
    let mut line = Vec::new();
    for number in 1_u64.. {
        if let Some(prompt) = prompt {
            write!(output, "{prompt}")?;
            output.flush()?;
        }
        line.clear();
        let length = read_line(&mut input, &mut line)?;
        if length == 0 {
            if prompt.is_some() {
                writeln!(output)?;
            }
            break;
        }
        let read = if length > LINE_MOST {
            Err(args::CommandError::TooLong(length).into())
        } else {
            read(&line, &subject)
        };
        let command = match read {
            Ok(Line::Nothing) => continue,
            Ok(Line::Quit) => break,
            Ok(Line::Command(command)) => command,
            Err(error) => {
                writeln!(errors, "line {number}: {error}")?;
                outcome = outcome.max(Outcome::Refused);
                continue;
            }
        };
        let Answer { text, verdict } = ask(&command);
        let is_done = matches!(verdict, Ok(Verdict::Done));
        if let Some(next) = Subject::after(&command, is_done, number) {
            subject = next;
        }
        match verdict {
            Ok(Verdict::Done) => write_answer(output, &text)?,
            Ok(Verdict::Refused) => {
                let text = String::from_utf8_lossy(&text);
                writeln!(errors, "line {number}: {}", text.strip_suffix('\n').unwrap_or(&text))?;
                outcome = outcome.max(Outcome::Refused);
            }
            Err(Problem::Failed(Failure::Output(error))) => return Err(error),
            Err(problem) => {
                write_answer(output, &text)?;
                writeln!(errors, "line {number}: {problem}")?;
                return Ok(Outcome::Unreachable);
            }
        }
    }
    Ok(outcome)
}

/// Reads a line with its end, and tells its length. Of a longer one than [`LINE_MOST`] only a part is kept: it may be the whole
/// of a file that has no lines.
fn read_line(input: &mut impl BufRead, line: &mut Vec<u8>) -> io::Result<usize> {
    let mut length = 0;
    loop {
        let part = match input.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            part => part?,
        };
        let end = part.iter().position(|&byte| byte == b'\n');
        let used = end.map_or(part.len(), |end| end + 1);
        line.extend_from_slice(&part[..used.min(LINE_MOST.saturating_sub(length))]);
        input.consume(used);
        length = length.saturating_add(used);
        if end.is_some() || used == 0 {
            return Ok(length);
        }
    }
}

/// Answers and errors may go to the same place, and then stand in the order of the commands.
fn write_answer(output: &mut impl Write, text: &[u8]) -> io::Result<()> {
    output.write_all(text)?;
    output.flush()
}

/// What commands of [`Scope::Service`] speak of.
#[derive(Debug, PartialEq, Eq)]
enum Subject {
    /// The service of the command line, which they speak of by themselves.
    Default,
    /// This one.
    Named(ServiceName),
    /// pen refused the line of this number, which named it.
    Refused(u64),
}

impl Subject {
    /// What is spoken of after this command, if it changes that.
    fn after(command: &str, is_done: bool, number: u64) -> Option<Subject> {
        let mut words = command.split_whitespace();
        let (Some("service"), Some(name), None) = (words.next(), words.next(), words.next()) else {
            return None;
        };
        Some(match ServiceName::new(name) {
            Some(name) if name.as_str() == ServiceName::DEFAULT => Subject::Default,
            Some(name) if is_done => Subject::Named(name),
            _ => Subject::Refused(number),
        })
    }
}

/// What a line says.
#[derive(Debug, PartialEq, Eq)]
enum Line {
    Nothing,
    Quit,
    /// What is to be sent.
    Command(String),
}

#[derive(Debug, PartialEq, Eq, thiserror::Error)]
enum LineError {
    #[error("not UTF-8 text")]
    NotText,
    #[error(transparent)]
    Unfit(#[from] args::CommandError),
    #[error("not sent, because the service of line {0} was refused; 'service NAME' names another")]
    WithoutService(u64),
}

fn read(line: &[u8], subject: &Subject) -> Result<Line, LineError> {
    let line = std::str::from_utf8(line).map_err(|_| LineError::NotText)?;
    let line = line.strip_suffix('\n').unwrap_or(line);
    let line = line.strip_suffix('\r').unwrap_or(line).trim_matches([' ', '\t']);
    match line {
        QUIT => return Ok(Line::Quit),
        _ if line.is_empty() || line.starts_with('#') => return Ok(Line::Nothing),
        _ => {}
    }
    let command = match subject {
        Subject::Named(name) if speaks_of_a_service(line) => format!("service {name} {line}"),
        Subject::Refused(number) if speaks_of_a_service(line) => {
            return Err(LineError::WithoutService(*number));
        }
        _ => line.to_owned(),
    };
    args::check(&command)?;
    Ok(Line::Command(command))
}

/// Commands that this penctl does not know are sent as they are.
fn speaks_of_a_service(line: &str) -> bool {
    let mut words = line.split_whitespace().skip_while(|word| *word == "no");
    words.next().and_then(Row::find).is_some_and(|row| row.scope == Scope::Service)
}

/// Whether writing failed because nobody reads any more.
pub fn is_reader_gone(error: &io::Error) -> bool {
    error.kind() == ErrorKind::BrokenPipe
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs a script with a pen that answers each command by itself, and those with `bad` in them by an error.
    fn run_script(input: &[u8], prompt: Option<&str>) -> (Outcome, String, String) {
        let (mut output, mut errors) = (Vec::new(), Vec::new());
        let ask = |command: &str| match command {
            "lost" => Answer { text: b"half an ans".to_vec(), verdict: Err(Failure::Silent.into()) },
            _ if command.contains("bad") => {
                Answer { text: format!("error: {command}\n").into(), verdict: Ok(Verdict::Refused) }
            }
            _ => Answer { text: format!("{command}\n").into(), verdict: Ok(Verdict::Done) },
        };
        let outcome = run(input, prompt, ask, &mut output, &mut errors).unwrap();
        (outcome, String::from_utf8(output).unwrap(), String::from_utf8(errors).unwrap())
    }

    #[track_caller]
    fn assert_sent(input: &str, expected: &[&str]) {
        let (outcome, output, errors) = run_script(input.as_bytes(), None);
        assert_eq!((outcome, errors.as_str()), (Outcome::Done, ""));
        assert_eq!(output.lines().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn lines_are_sent_in_order_without_blank_ones_and_comments() {
        assert_sent("mode\n\n  # a comment\n\t\r\n  blacklist 5 \r\npid", &["mode", "blacklist 5", "pid"]);
        assert_sent("", &[]);
    }

    #[test]
    fn a_service_is_said_with_each_command_that_speaks_of_one() {
        assert_sent(
            "servers\nservice web\nservers\nno hash\npid\nservice mail servers\ntimeout 5\nservice default\nservers\n",
            &[
                "servers",
                "service web",
                "service web servers",
                "service web no hash",
                "pid",
                "service mail servers",
                "service web timeout 5",
                "service default",
                "servers",
            ],
        );
    }

    #[test]
    fn what_followed_a_refused_service_is_not_done_to_another_one() {
        let (outcome, output, errors) =
            run_script(b"service web\nservice bad\nno server 0\npid\nservice web\nmode\n", None);
        assert_eq!(outcome, Outcome::Refused);
        assert_eq!(output, "service web\npid\nservice web\nservice web mode\n");
        assert_eq!(
            errors,
            "line 2: error: service bad\nline 3: not sent, because the service of line 2 was refused; 'service NAME' names another\n"
        );
    }

    #[test]
    fn a_refused_command_is_told_by_its_line_and_the_next_ones_are_sent() {
        let long = "x".repeat(4096);
        let input = [b"# one\nbad 5\nmode\n", long.as_bytes(), b"\n\xffmode\npid\n"].concat();
        let (outcome, output, errors) = run_script(&input, None);
        assert_eq!((outcome, output.as_str()), (Outcome::Refused, "mode\npid\n"));
        assert_eq!(
            errors,
            "line 2: error: bad 5\nline 4: the command has 4096 bytes: 4095 are the most\nline 5: not UTF-8 text\n"
        );
    }

    #[test]
    fn a_line_of_any_length_is_read_in_little_memory() {
        let lines = io::Read::take(io::repeat(0), 3_000_000);
        let mut input = io::BufReader::new(io::Read::chain(lines, &b"\nmode"[..]));
        let mut line = Vec::new();
        assert_eq!(read_line(&mut input, &mut line).unwrap(), 3_000_001);
        assert_eq!(line.len(), LINE_MOST);
        line.clear();
        assert_eq!(read_line(&mut input, &mut line).unwrap(), 4);
        assert_eq!(line, b"mode");
        let input = [vec![b' '; 70_000], b"mode\npid\n".to_vec()].concat();
        let (outcome, output, errors) = run_script(&input, None);
        assert_eq!((outcome, output.as_str()), (Outcome::Refused, "pid\n"));
        assert_eq!(errors, "line 1: the command has 70005 bytes: 4095 are the most\n");
    }

    #[test]
    fn a_refusal_without_a_newline_gets_one() {
        let ask = |_: &str| Answer { text: b"error: no".to_vec(), verdict: Ok(Verdict::Refused) };
        let mut errors = Vec::new();
        run(&b"a\nb\n"[..], None, ask, &mut Vec::new(), &mut errors).unwrap();
        assert_eq!(String::from_utf8(errors).unwrap(), "line 1: error: no\nline 2: error: no\n");
    }

    #[test]
    fn nothing_is_sent_after_a_failure() {
        let (outcome, output, errors) = run_script(b"bad\nlost\nmode\n", None);
        assert_eq!((outcome, output.as_str()), (Outcome::Unreachable, "half an ans"));
        assert_eq!(errors, "line 1: error: bad\nline 2: no answer in time\n");
    }

    #[test]
    fn a_prompt_is_shown_until_quit_or_the_end() {
        assert_eq!(run_script(b"mode\nquit\npid\n", Some("pen> ")).1, "pen> mode\npen> ");
        assert_eq!(run_script(b"mode\n", Some("pen> ")).1, "pen> mode\npen> \n");
    }
}
