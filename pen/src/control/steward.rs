//! The thread that alone changes what pen is set to do: it takes orders one after the other, changes a draft, and publishes it.
//! `names` is its part in looking names up again.

mod names;

use std::path::Path;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use common::command::{Command, HealthChange, HealthCheck, Probe, StatusFormat};
use common::escape::Line;
use common::reason;

use super::configuration::Start;
use super::orders::{Order, OrderQueue};
use super::replies::Replies;
use super::rounds::Rounds;
use super::{Origin, SessionId, answers};
use crate::engine::time::Tick;
use crate::net::checks::Checks;
use crate::net::idlers::Idlers;
use crate::net::worker::Message;
use crate::publish::Publisher;
use crate::settings::apply::{Action, Outcome, apply};
use crate::settings::draft::{Draft, Environment, Stage};
use crate::settings::{ServiceIndex, file};
use crate::shared::Shared;
use crate::status::renderings;

/// How often a stopping pen looks whether the last connections have ended.
const STOP_CHECK: Duration = Duration::from_millis(20);

/// How often to look whether the last connections of a removed service have ended.
const DRAIN_CHECK: Duration = Duration::from_secs(1);

/// How long an exit waits for the request logs' disks, all together.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

/// The steward and what it holds.
pub struct Steward {
    shared: Arc<Shared>,
    environment: Arc<Environment>,
    publisher: Publisher,
    start: Start,
    orders: OrderQueue,
    replies: Replies,
    workers: Vec<JoinHandle<()>>,
    /// Writes the status that USR1 asked for; until it has, further ones ask for the same.
    status_writer: Option<JoinHandle<()>>,
    /// When the servers' names are looked up again.
    rounds: Rounds,
    idlers: Idlers,
    checks: Checks,
}

/// Whether the steward goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Serving,
    Stopping,
}

impl Steward {
    /// `start`: what pen was started with.
    pub fn new(
        shared: Arc<Shared>,
        environment: Arc<Environment>,
        publisher: Publisher,
        start: Start,
        orders: OrderQueue,
        replies: Replies,
        workers: Vec<JoinHandle<()>>,
    ) -> Steward {
        let rounds = Rounds::new(shared.now());
        Steward {
            shared,
            environment,
            publisher,
            start,
            orders,
            replies,
            workers,
            status_writer: None,
            rounds,
            idlers: Idlers::default(),
            checks: Checks::default(),
        }
    }

    /// Takes orders until it is told to stop, then ends the workers and pen.
    pub fn run(mut self) {
        let mut until = None;
        self.follow_settings();
        while self.take_order(until) == Mood::Serving {
            until = self.see_off();
            self.follow_settings();
            self.begin_round_if_due();
        }
        self.stop();
        self.replies.finish();
    }

    /// Has the threads beside the workers do what the settings in force want.
    fn follow_settings(&mut self) {
        self.idlers.follow(&self.shared);
        self.checks.follow(&self.shared);
    }

    /// Lets go of listeners and removed services whose time has come. Tells when to look again.
    fn see_off(&mut self) -> Option<Tick> {
        let farewell = self.publisher.listeners.close_left();
        let drained = self.publisher.forget_drained().then(|| self.shared.now().plus(DRAIN_CHECK));
        farewell.into_iter().chain(drained).min()
    }

    /// Waits for an order, at most until somebody is to be seen off, or names are to be looked up again.
    fn take_order(&mut self, until: Option<Tick>) -> Mood {
        let until = until.into_iter().chain(self.next_round()).min();
        let patience = until.map(|until| until.since(self.shared.now()));
        match self.orders.next(patience) {
            Some(Order::Command(session, origin, command)) => return self.command(session, origin, command),
            Some(Order::Reload) => self.reload(),
            Some(Order::WriteStatus) => self.write_status(),
            Some(Order::Resolved(answers)) => self.take_in(&answers),
            Some(Order::Stop) => return Mood::Stopping,
            None => {}
        }
        Mood::Serving
    }

    fn command(&mut self, session: SessionId, origin: Origin, command: Command) -> Mood {
        let mut draft = self.draft();
        let answer = match check_origin(&command, origin).and_then(|()| apply(command, &mut draft)) {
            Ok(Outcome::Done) => self.publisher.publish(draft).map(|()| String::new()),
            Ok(Outcome::Answer(answer)) => self.publisher.publish(draft).map(|()| answer),
            Ok(Outcome::ListeningAddresses(service)) => {
                self.publisher.publish(draft).map(|()| self.listening_addresses(service))
            }
            Ok(Outcome::WebAddress) => self.publisher.publish(draft).map(|()| self.web_address()),
            Ok(Outcome::Action(Action::Close(number))) => Ok(self.close(number)),
            Ok(Outcome::Action(Action::Include(file))) => self.include(&file),
            Ok(Outcome::Action(Action::Write(file))) => {
                self.start.write(&self.shared.settings.load(), file.as_deref()).map(|()| String::new())
            }
            Ok(Outcome::Action(Action::Exit)) => {
                self.replies.send(session, String::new());
                return Mood::Stopping;
            }
            Err(error) => Err(error),
        };
        self.replies.send(session, answer.unwrap_or_else(|error| format!("error: {}", Line(error))));
        Mood::Serving
    }

    fn close(&self, number: u32) -> String {
        if answers::out_of_range(number, &self.shared) {
            return answers::range_error(number);
        }
        for mailbox in &self.shared.mailboxes {
            mailbox.send(Message::EndConnection(number));
        }
        format!("Forcibly closing connection {number}")
    }

    fn include(&mut self, file: &Path) -> Result<String, String> {
        self.read(file).map(|()| String::new())
    }

    /// Puts a file's commands in force. The error names the file, and where it can the line.
    fn read(&mut self, file: &Path) -> Result<(), String> {
        let mut draft = self.draft();
        file::read(file, &mut draft)?;
        self.publisher.publish(draft).map_err(|error| format!("{}: {error}", file.display()))?;
        self.rounds.ask();
        Ok(())
    }

    /// HUP: logs, the file, the certificates, then the names.
    fn reload(&mut self) {
        let before = self.shared.settings.load_full();
        for service in before.services.values() {
            if let Some(log) = service.request_log() {
                log.reopen();
            }
        }
        if let Some(config) = self.start.config().cloned() {
            match self.read(&config) {
                Ok(()) => log::info!("{} was read again", config.display()),
                Err(error) => log::error!("{error}; nothing was changed"),
            }
        }
        self.publisher.renew_certificates(&before);
        self.rounds.ask();
    }

    /// USR1: the status file, or the log. Beside the steward, because it may take long.
    fn write_status(&mut self) {
        if self.status_writer.as_ref().is_some_and(|writer| !writer.is_finished()) {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let written = thread::Builder::new().name("status".to_owned()).spawn(move || {
            if shared.settings.load().process.web_stats.is_some() {
                renderings::now(&shared, StatusFormat::Html);
            } else {
                let text = renderings::now(&shared, StatusFormat::Text);
                text.lines().for_each(|line| log::info!("{line}"));
            }
        });
        match written {
            Ok(writer) => self.status_writer = Some(writer),
            Err(error) => log::error!("cannot start a thread to write the status: {}", reason(&error)),
        }
    }

    /// Whether there are connections, or may be in the queues of closing listeners.
    fn somebody_is_left(&self) -> bool {
        !self.publisher.listeners.is_empty() || self.shared.open_connections() > 0
    }

    fn draft(&self) -> Draft {
        Draft::new(self.shared.settings.load().as_ref().clone(), Stage::Live, Arc::clone(&self.environment))
    }

    fn listening_addresses(&self, service: ServiceIndex) -> String {
        let settings = self.shared.settings.load();
        let listen = &settings.service(service).listen;
        listen.iter().map(|address| address.text.as_str()).collect::<Vec<_>>().join(" ")
    }

    fn web_address(&self) -> String {
        let settings = self.shared.settings.load();
        settings.process.web.as_ref().map_or_else(String::new, |on| on.text.clone())
    }

    /// Accepts nobody any more, gives the connections `shutdown_timeout` to end, then ends them and the workers.
    fn stop(&mut self) {
        self.idlers.end();
        let patience = Duration::from_secs(self.shared.settings.load().process.shutdown_timeout.into());
        let deadline = self.shared.now().plus(patience);
        self.publisher.listeners.leave_all(patience);
        self.publisher.web.pen_is_stopping();
        while self.somebody_is_left() && self.shared.now() < deadline {
            match self.orders.next(Some(STOP_CHECK)) {
                // A second TERM is obeyed at once.
                Some(Order::Stop) => break,
                Some(Order::Command(session, ..)) => {
                    self.replies.send(session, "error: pen is stopping".to_owned());
                }
                Some(Order::Reload | Order::WriteStatus | Order::Resolved(_)) | None => {}
            }
            self.publisher.listeners.close_left();
        }
        self.publisher.web.close();
        for mailbox in &self.shared.mailboxes {
            mailbox.send(Message::Stop);
        }
        for worker in self.workers.drain(..) {
            // Its panic, if it had one, has ended the process.
            let _ = worker.join();
        }
        // Not before: what they have found out holds as long as anybody is served.
        self.checks.end();
        let deadline = Instant::now() + LOG_PATIENCE;
        for log in self.shared.settings.load().services.values().filter_map(|service| service.request_log()) {
            log.drain(deadline.saturating_duration_since(Instant::now()));
        }
    }
}

/// Refuses what any local user may ask over TCP, and only pen's user may want.
fn check_origin(command: &Command, origin: Origin) -> Result<(), String> {
    match command {
        _ if origin == Origin::Unix => Ok(()),
        Command::Service(_, Some(command)) => check_origin(command, origin),
        Command::Health(HealthChange::Check(HealthCheck { probe: Probe::Exec { .. }, .. })) => Err(
            "'health exec' is refused over TCP, where any local user may ask: use a control socket, or the -F file"
                .to_owned(),
        ),
        Command::Include(_) => Err(
            "'include' is refused over TCP, where any local user may ask: use a control socket, or HUP"
                .to_owned(),
        ),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests;
