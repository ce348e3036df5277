//! Settings in the making: commands change a draft, and nothing else. A draft is published as a whole, or dropped.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, OnceLock};

use common::acl::Entry;
use common::command::{AclNumber, AdminState, ServiceName};

use super::resolve::Resolver;
use super::services::SERVICES_MOST;
use super::{ACL_COUNT, DEFAULT_SERVICE, Process, Service, ServiceIndex, Settings};
use crate::engine::acl::Acl;
use crate::engine::clients::ClientNumbers;
use crate::engine::servers::{ServerId, ServerState};
use crate::engine::time::Tick;
use crate::request_log::RequestLog;

/// What commands may need to know beyond the settings.
pub struct Environment {
    /// Looks names up.
    pub resolver: Box<dyn Resolver>,
    /// The control address, as given, once it is open.
    pub control: OnceLock<String>,
    /// `-X`: the `exit` command is allowed.
    pub exit_enabled: bool,
    /// Counts the occupants of all slots.
    pub generations: AtomicU32,
    /// The numbers of all clients.
    pub client_numbers: Arc<ClientNumbers>,
}

/// When a command is given.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// On the command line or in the file that pen starts with.
    Start,
    /// While pen runs.
    Live,
}

/// Settings in the making.
pub struct Draft {
    settings: Settings,
    changed: bool,
    /// The service that commands speak of.
    subject: ServiceIndex,
    /// The services that this draft adds.
    added: Vec<ServiceIndex>,
    /// When this is.
    pub stage: Stage,
    /// What else there is to know.
    pub environment: Arc<Environment>,
    effects: Vec<Effect>,
    acl_entries: [Option<Vec<Entry>>; ACL_COUNT],
    /// The lists that the file being read has begun anew; `None` outside files.
    begun_anew: Option<[bool; ACL_COUNT]>,
}

/// What happens to running state when a draft is published.
#[derive(Debug)]
pub enum Effect {
    /// Leave this server alone for so many seconds; 0 clears.
    Blacklist(Arc<ServerState>, u32),
    /// This server is at another address: that the old one failed says nothing about it.
    Moved(Arc<ServerState>),
    /// The administrator wants something else of this server.
    Administered(Administered),
    /// The penlogd of this request log is at another address.
    LogMoved(RequestLog, SocketAddr),
}

/// What the administrator wants of a server, after something else.
#[derive(Debug)]
pub struct Administered {
    /// The server's.
    pub state: Arc<ServerState>,
    /// As the log names it.
    pub who: String,
    /// What was wanted before.
    pub from: AdminState,
    /// What is wanted now.
    pub to: AdminState,
}

impl Administered {
    fn happen(&self, now: Tick) {
        let what = match self.to {
            AdminState::Ready => "ready again",
            AdminState::Drain => "draining",
            AdminState::Maint => "in maintenance",
        };
        log::info!("{} is {what}, by the administrator", self.who);
        self.state.reports.lock().administered = (self.to != AdminState::Ready).then_some(now);
        if self.from == AdminState::Maint {
            self.state.fitness.warm_up(now);
        }
    }
}

impl Effect {
    /// Makes it happen.
    pub fn happen(&self, now: Tick) {
        match self {
            Effect::Blacklist(state, 0) => state.clear(),
            Effect::Blacklist(state, seconds) => state.blacklist_by_hand(now.plus_seconds(*seconds)),
            Effect::Moved(state) => state.forgive(),
            Effect::Administered(change) => change.happen(now),
            Effect::LogMoved(log, to) => log.move_to(*to),
        }
    }
}

impl Draft {
    /// A draft that so far equals `settings`.
    pub fn new(settings: Settings, stage: Stage, environment: Arc<Environment>) -> Draft {
        Draft {
            settings,
            changed: false,
            subject: DEFAULT_SERVICE,
            added: Vec::new(),
            stage,
            environment,
            effects: Vec::new(),
            acl_entries: [const { None }; ACL_COUNT],
            begun_anew: None,
        }
    }

    /// The settings as they would be (but for the access lists, which `finish` puts in).
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// What concerns the process, to be changed.
    pub fn process_mut(&mut self) -> &mut Process {
        self.changed = true;
        &mut self.settings.process
    }

    /// Which service commands speak of.
    pub fn subject(&self) -> ServiceIndex {
        self.subject
    }

    /// The service that commands speak of.
    pub fn service(&self) -> &Service {
        self.settings.service(self.subject)
    }

    /// The service that commands speak of, to be changed.
    pub fn service_mut(&mut self) -> &mut Service {
        self.changed = true;
        self.settings.services.get_mut(self.subject).expect("the draft speaks of a service that it has")
    }

    /// Any service, to be changed.
    pub fn service_at_mut(&mut self, index: ServiceIndex) -> Option<&mut Service> {
        self.changed = true;
        self.settings.services.get_mut(index)
    }

    /// Has the following commands of the file speak of this service, which is added if it is not there.
    pub fn speak_of(&mut self, name: &ServiceName) -> Result<(), String> {
        self.subject = match self.settings.services.find(name.as_str()) {
            Some(index) => index,
            None => self.add_service(name)?,
        };
        Ok(())
    }

    /// Lets one command speak of this service.
    pub fn speaking_of<T>(
        &mut self,
        name: &ServiceName,
        speak: impl FnOnce(&mut Draft) -> Result<T, String>,
    ) -> Result<T, String> {
        let index =
            self.settings.services.find(name.as_str()).ok_or_else(|| self.settings.cannot_speak_of(name))?;
        let subject = std::mem::replace(&mut self.subject, index);
        let spoken = speak(self);
        self.subject = subject;
        spoken
    }

    /// Adds a service that listens nowhere yet.
    pub fn add_service(&mut self, name: &ServiceName) -> Result<ServiceIndex, String> {
        let service = Service::new(name.as_str(), &self.environment.client_numbers);
        self.changed = true;
        let added = self.settings.services.add(service);
        let index = added.ok_or_else(|| format!("too many services: {SERVICES_MOST} are the most"))?;
        self.added.push(index);
        Ok(index)
    }

    /// Whether the service that commands speak of is running, with tables that are in use.
    pub fn subject_runs(&self) -> bool {
        self.stage == Stage::Live && !self.added.contains(&self.subject)
    }

    /// Removes a service: it listens nowhere any more, and is forgotten when its last connection has ended.
    pub fn remove_service(&mut self, name: &ServiceName) -> Result<(), String> {
        let Some(index) = self.settings.services.find(name.as_str()) else {
            return Err(format!("{}; usage: no service NAME", self.settings.no_service(name)));
        };
        if index == DEFAULT_SERVICE {
            return Err(format!("the service '{name}' is always there: empty its slots with 'no server N'"));
        }
        self.changed = true;
        if let Some(service) = self.settings.services.get_mut(index) {
            service.draining = true;
            service.listen.clear();
            service.limits.idlers = 0;
        }
        if self.subject == index {
            self.subject = DEFAULT_SERVICE;
        }
        Ok(())
    }

    /// Reads a file: within it the first entry of an access list begins that list anew, so that reading the file again does
    /// not double the entries. It begins with the command line's service.
    pub fn within_file<T>(&mut self, read: impl FnOnce(&mut Draft) -> T) -> T {
        let outermost = self.begun_anew.is_none();
        if outermost {
            self.begun_anew = Some([false; ACL_COUNT]);
        }
        let result = self.within_subject(read);
        if outermost {
            self.begun_anew = None;
        }
        result
    }

    /// Begins with the command line's service, and goes back to the one of before at the end.
    pub fn within_subject<T>(&mut self, speak: impl FnOnce(&mut Draft) -> T) -> T {
        let subject = std::mem::replace(&mut self.subject, DEFAULT_SERVICE);
        let result = speak(self);
        // It may have been removed meanwhile.
        self.subject = if self.settings.speaks_of(subject) { subject } else { DEFAULT_SERVICE };
        result
    }

    /// Whether the commands stand in a file. Reading it again is no change where it says what is the case.
    pub fn is_within_file(&self) -> bool {
        self.begun_anew.is_some()
    }

    /// Appends an entry to an access list.
    pub fn append_acl(&mut self, number: AclNumber, entry: Entry) {
        if let Some(begun_anew) = &mut self.begun_anew
            && !std::mem::replace(&mut begun_anew[number.index()], true)
        {
            self.clear_acl(number);
        }
        self.changed = true;
        let list = &self.settings.acls[number.index()];
        self.acl_entries[number.index()].get_or_insert_with(|| list.entries().to_vec()).push(entry);
    }

    /// Empties an access list.
    pub fn clear_acl(&mut self, number: AclNumber) {
        self.changed = true;
        self.acl_entries[number.index()] = Some(Vec::new());
    }

    /// The state of a new occupant of a slot.
    pub fn new_server_state(&self, slot: u32) -> Arc<ServerState> {
        let generation = self.environment.generations.fetch_add(1, Ordering::Relaxed);
        ServerState::new(ServerId { slot, generation })
    }

    /// Adds an effect.
    pub fn on_publication(&mut self, effect: Effect) {
        self.changed = true;
        self.effects.push(effect);
    }

    /// The settings to publish, and what happens then; `None`: nothing was changed.
    pub fn finish(mut self) -> Option<(Settings, Vec<Effect>)> {
        if !self.changed {
            return None;
        }
        for (list, entries) in self.settings.acls.iter_mut().zip(&mut self.acl_entries) {
            if let Some(entries) = entries.take() {
                *list = Arc::new(Acl::new(entries));
            }
        }
        Some((self.settings, self.effects))
    }
}

#[cfg(test)]
mod tests;
