//! The thread that alone changes what pen is set to do: it takes orders one after the other, changes a draft, and publishes it.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use common::command::Command;
use common::reason;

use super::{Order, OrderQueue, Origin, Replies, SessionId, answers};
use crate::engine::time::Tick;
use crate::net::worker::Message;
use crate::publish::Publisher;
use crate::settings::ServiceIndex;
use crate::settings::apply::{Action, Outcome, apply};
use crate::settings::draft::{Draft, Environment, Stage};
use crate::settings::file;
use crate::shared::Shared;
use crate::status;

/// How often a stopping pen looks whether the last connections have ended.
const STOP_CHECK: Duration = Duration::from_millis(20);

/// How often to look whether the last connections of a removed service have ended.
const DRAIN_CHECK: Duration = Duration::from_secs(1);

/// How long an exit waits for the request log's disk.
const LOG_PATIENCE: Duration = Duration::from_secs(2);

/// The steward and what it holds.
pub struct Steward {
    shared: Arc<Shared>,
    environment: Arc<Environment>,
    publisher: Publisher,
    config: Option<PathBuf>,
    orders: OrderQueue,
    replies: Replies,
    workers: Vec<JoinHandle<()>>,
    /// Writes the status that USR1 asked for; until it has, further ones ask for the same.
    status_writer: Option<JoinHandle<()>>,
}

/// Whether the steward goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mood {
    Serving,
    Stopping,
}

impl Steward {
    /// `config`: the `-F` file, which HUP reads again.
    pub fn new(
        shared: Arc<Shared>,
        environment: Arc<Environment>,
        publisher: Publisher,
        config: Option<PathBuf>,
        orders: OrderQueue,
        replies: Replies,
        workers: Vec<JoinHandle<()>>,
    ) -> Steward {
        Steward { shared, environment, publisher, config, orders, replies, workers, status_writer: None }
    }

    /// Takes orders until it is told to stop, then ends the workers and pen.
    pub fn run(mut self) {
        let mut until = None;
        while self.take_order(until) == Mood::Serving {
            until = self.see_off();
        }
        self.stop();
        self.replies.finish();
    }

    /// Lets go of listeners and removed services whose time has come. Tells when to look again.
    fn see_off(&mut self) -> Option<Tick> {
        let farewell = self.publisher.listeners.close_left();
        let drained = self.publisher.forget_drained().then(|| self.shared.now().plus(DRAIN_CHECK));
        farewell.into_iter().chain(drained).min()
    }

    /// Waits for an order, at most until somebody is to be seen off.
    fn take_order(&mut self, until: Option<Tick>) -> Mood {
        let patience = until.map(|until| until.since(self.shared.now()));
        match self.orders.next(patience) {
            Some(Order::Command(session, origin, command)) => return self.command(session, origin, command),
            Some(Order::Reload) => self.reload(),
            Some(Order::WriteStatus) => self.write_status(),
            Some(Order::Stop) => return Mood::Stopping,
            None => {}
        }
        Mood::Serving
    }

    fn command(&mut self, session: SessionId, origin: Origin, command: Command) -> Mood {
        let mut draft = self.draft();
        let answer = match apply(command, &mut draft) {
            Ok(Outcome::Done) => self.publisher.publish(draft).map(|()| String::new()),
            Ok(Outcome::Answer(answer)) => self.publisher.publish(draft).map(|()| answer),
            Ok(Outcome::ListeningAddresses(service)) => {
                self.publisher.publish(draft).map(|()| self.listening_addresses(service))
            }
            Ok(Outcome::WebAddress) => self.publisher.publish(draft).map(|()| self.web_address()),
            Ok(Outcome::Action(Action::Close(number))) => Ok(self.close(number)),
            Ok(Outcome::Action(Action::Include(file))) => self.include(&file, origin),
            Ok(Outcome::Action(Action::Write(_))) => Err("writing is not there yet".to_owned()),
            Ok(Outcome::Action(Action::Exit)) => {
                self.replies.send(session, String::new());
                return Mood::Stopping;
            }
            Err(error) => Err(error),
        };
        self.replies.send(session, answer.unwrap_or_else(|error| format!("error: {error}")));
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

    fn include(&mut self, file: &Path, origin: Origin) -> Result<String, String> {
        if origin == Origin::Tcp {
            return Err(
                "'include' is refused over TCP, where any local user may ask: use a control socket, or HUP"
                    .to_owned(),
            );
        }
        let mut draft = self.draft();
        file::read(file, &mut draft)?;
        self.publisher.publish(draft).map(|()| String::new())
    }

    /// HUP.
    fn reload(&mut self) {
        for service in self.shared.settings.load().services.values() {
            if let Some(log) = service.request_log() {
                log.reopen();
            }
        }
        let Some(config) = self.config.clone() else { return };
        let mut draft = self.draft();
        match file::read(&config, &mut draft).and_then(|()| self.publisher.publish(draft)) {
            Ok(()) => log::info!("{} was read again", config.display()),
            Err(error) => log::error!("{error}; nothing was changed"),
        }
    }

    /// USR1: the status file, or the log. Beside the steward, because it may take long.
    fn write_status(&mut self) {
        if self.status_writer.as_ref().is_some_and(|writer| !writer.is_finished()) {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let written = thread::Builder::new().name("status".to_owned()).spawn(move || {
            if shared.settings.load().process.web_stats.is_some() {
                answers::status_page(&shared);
            } else {
                let text = status::text::render(&status::collect::everything(&shared));
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
        let patience = Duration::from_secs(self.shared.settings.load().process.shutdown_timeout.into());
        let deadline = self.shared.now().plus(patience);
        self.publisher.listeners.leave_all(patience);
        while self.somebody_is_left() && self.shared.now() < deadline {
            match self.orders.next(Some(STOP_CHECK)) {
                // A second TERM is obeyed at once.
                Some(Order::Stop) => break,
                Some(Order::Command(session, ..)) => {
                    self.replies.send(session, "error: pen is stopping".to_owned());
                }
                Some(Order::Reload | Order::WriteStatus) | None => {}
            }
            self.publisher.listeners.close_left();
        }
        for mailbox in &self.shared.mailboxes {
            mailbox.send(Message::Stop);
        }
        for worker in self.workers.drain(..) {
            // Its panic, if it had one, has ended the process.
            let _ = worker.join();
        }
        for log in self.shared.settings.load().services.values().filter_map(|service| service.request_log()) {
            log.drain(LOG_PATIENCE);
        }
    }
}

#[cfg(test)]
mod tests;
