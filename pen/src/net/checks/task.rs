//! One errand under way.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;

use common::command::Probe;
use mio::event::Event;
use mio::{Registry, Token};

use super::handshake::Handshake;
use super::program::{Program, Setting};
use super::query::Query;
use super::speech::{Finding, Speech, failed};
use super::subject::{Question, Subject};
use super::talk::Talk;
use crate::engine::health::schedule::Errand;
use crate::engine::probe::{Asking, Conversation};
use crate::engine::servers::ServerAddr;
use crate::engine::time::Tick;
use crate::settings::Service;
use crate::shared::Shared;

/// An errand under way.
#[derive(Debug)]
pub struct UnderWay {
    /// Whose.
    pub errand: Errand,
    /// Since when.
    pub begun: Tick,
    /// When it is given up.
    pub deadline: Tick,
    /// What is done.
    pub task: Task,
}

/// What is done.
#[derive(Debug)]
pub enum Task {
    /// A connection.
    Talk(Talk),
    /// Datagrams.
    Query(Box<Query>),
    /// A program.
    Program(Program),
    /// A program that was killed, and is to be waited for.
    Dying(Program),
}

/// How far it has come.
#[derive(Debug)]
pub enum Step {
    /// The poll will say when there is more.
    Wait,
    /// There is more, which others need not wait for.
    GoOn,
    /// It is over.
    Found(Finding),
}

/// The tokens of an errand's sources of events. Numbers are never 0, so that none is the waker's.
#[derive(Clone, Copy, Debug)]
pub struct Number(pub usize);

impl Number {
    /// Of its socket, or its program's output.
    pub fn token(self) -> Token {
        Token(self.0 * 2)
    }

    /// Of its program's end.
    pub fn token_of_end(self) -> Token {
        Token(self.0 * 2 + 1)
    }

    /// Whose token it is, and whether that of the end.
    pub fn of(token: Token) -> (usize, bool) {
        (token.0 / 2, token.0 % 2 == 1)
    }
}

impl Task {
    /// Begins to ask. A finding, if there is nothing to wait for.
    pub fn begin(
        subject: &Subject,
        service: &Service,
        shared: &Arc<Shared>,
        registry: &Registry,
        number: Number,
    ) -> Result<Task, Finding> {
        let address = subject.address();
        let descriptor = || shared.take_spare_descriptor().ok_or(Finding::Shortage);
        let source = (registry, number.token());
        let speech = match &subject.question {
            Question::Agent(_) => Speech::Agent(Asking::new(&host_field(&address))),
            Question::Check(check) => match (&check.probe, &address) {
                (Probe::Exec { command }, _) => {
                    let setting = Setting::new(service, &subject.server, &address);
                    let descriptors = [descriptor()?, descriptor()?];
                    let program = Program::start(command, &setting, (registry, number), descriptors)?;
                    return Ok(Task::Program(program));
                }
                (probe, _) => match (Conversation::new(probe, &host_field(&address), nonce()), &address) {
                    (Some(conversation), ServerAddr::Inet(address)) if is_of_datagrams(probe) => {
                        let query = Query::ask(*address, conversation, service, source, descriptor()?)?;
                        return Ok(Task::Query(Box::new(query)));
                    }
                    (Some(conversation), _) => Speech::Check(Box::new(conversation)),
                    (None, _) => match probe {
                        Probe::Tls { name } => {
                            Speech::Handshake(Box::new(Handshake::new(name.as_deref(), &subject.server)?))
                        }
                        _ => Speech::Silence,
                    },
                },
            },
        };
        let header = service.proxy.send.filter(|_| subject.is_asked_at_its_own_port());
        Ok(Task::Talk(Talk::dial(&address, header, speech, service, source, descriptor()?)?))
    }

    /// There is news. `is_end`: of its program's end.
    pub fn progress(&mut self, event: &Event, is_end: bool, scratch: &mut [u8]) -> Step {
        match self {
            Task::Talk(talk) => talk.progress(event, scratch),
            Task::Program(program) if is_end => program.ended(scratch),
            _ => self.go_on(scratch),
        }
    }

    /// Goes on with what was left for later.
    pub fn go_on(&mut self, scratch: &mut [u8]) -> Step {
        match self {
            Task::Talk(talk) => talk.go_on(scratch),
            Task::Query(query) => query.go_on(scratch),
            Task::Program(program) => program.hear(scratch),
            Task::Dying(_) => Step::Wait,
        }
    }

    /// Whether this is its program's process.
    pub fn is_process(&self, pid: u32) -> bool {
        matches!(self, Task::Program(program) | Task::Dying(program) if program.is_process(pid))
    }

    /// The time is up.
    pub fn overdue(&self) -> Finding {
        match self {
            Task::Talk(talk) => talk.overdue(),
            Task::Query(query) => query.overdue(),
            Task::Program(_) | Task::Dying(_) => failed("the program took too long"),
        }
    }
}

fn is_of_datagrams(probe: &Probe) -> bool {
    matches!(probe, Probe::Dns { .. })
}

/// As a Host field names an address.
fn host_field(address: &ServerAddr) -> String {
    match address {
        ServerAddr::Inet(address) => address.to_string(),
        ServerAddr::Unix(_) => "localhost".to_owned(),
    }
}

/// Keys of a hash that nobody else knows make a number that nobody can guess.
#[expect(clippy::cast_possible_truncation, reason = "one part of it is as good as any other")]
fn nonce() -> u16 {
    RandomState::new().hash_one(()) as u16
}
