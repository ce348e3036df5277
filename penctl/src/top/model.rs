//! What is known of pen: the latest snapshot, the rates up to it, and why there is no newer one. Pure.

use common::escape::Line;
use common::status::{ServiceStatus, Snapshot, all_servers};

use super::meter::{Meters, Rate, key};
use super::news::Answer;
use super::row::Server;
use super::state::State;

#[derive(Debug, Default)]
pub struct Model {
    snapshot: Option<Snapshot>,
    meters: Meters,
    trouble: Option<String>,
}

impl Model {
    /// Takes what came of a question. The service that is shown stays the same as long as there is one of that name.
    pub fn learn(&mut self, answer: Answer, state: &mut State) {
        match answer {
            Ok(snapshot) => {
                let shown = self.service(state).map(|service| (self.key(service), service.name.clone()));
                state.service = shown.and_then(|(shown, name)| place(&snapshot, &shown, &name)).unwrap_or(0);
                self.meters.read(&snapshot);
                self.snapshot = Some(snapshot);
                self.trouble = None;
            }
            Err(error) => self.trouble = Some(Line(error).to_string()),
        }
    }

    /// The latest that is known.
    pub fn snapshot(&self) -> Option<&Snapshot> {
        self.snapshot.as_ref()
    }

    /// Why it is not of today, if so; harmless.
    pub fn trouble(&self) -> Option<&str> {
        self.trouble.as_deref()
    }

    /// How many services there are.
    pub fn services(&self) -> usize {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.services.len())
    }

    /// The service that is shown.
    pub fn service(&self, state: &State) -> Option<&ServiceStatus> {
        self.snapshot.as_ref()?.services.get(state.service)
    }

    /// The rates of a service.
    pub fn rate(&self, service: &ServiceStatus) -> Option<Rate> {
        self.meters.service(&self.key(service))?.rate()
    }

    /// The servers of a service with their rates.
    pub fn servers(&self, service: &ServiceStatus) -> Vec<Server> {
        let key = self.key(service);
        let row = |(label, server): (String, &_)| Server {
            meter: self.meters.server(&key, &label, server).cloned().unwrap_or_default(),
            status: server.clone(),
            label,
        };
        all_servers(service).map(row).collect()
    }

    fn key(&self, service: &ServiceStatus) -> String {
        key(self.snapshot.as_ref().map_or(&[], |snapshot| &snapshot.services), service)
    }
}

/// Where the service with this key is now, or else one of its name: it may have been removed.
fn place(snapshot: &Snapshot, shown: &str, name: &str) -> Option<usize> {
    let services = &snapshot.services;
    let same = services.iter().position(|service| key(services, service) == shown);
    same.or_else(|| services.iter().position(|service| service.name == name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::NoStatus;

    fn snapshot(names: &[&str]) -> Snapshot {
        let service = |&name: &&str| ServiceStatus { name: name.to_owned(), ..ServiceStatus::default() };
        Snapshot { services: names.iter().map(service).collect(), ..Snapshot::default() }
    }

    #[test]
    fn the_service_that_is_shown_stays_when_others_come_and_go() {
        let (mut model, mut state) = (Model::default(), State::default());
        model.learn(Ok(snapshot(&["default", "mail", "web"])), &mut state);
        state.service = 2;
        model.learn(Ok(snapshot(&["default", "web"])), &mut state);
        assert_eq!(model.service(&state).unwrap().name, "web");
        model.learn(Ok(snapshot(&["default"])), &mut state);
        assert_eq!(model.service(&state).unwrap().name, "default");
    }

    #[test]
    fn a_service_stays_on_the_screen_beside_a_removed_one_of_its_name() {
        let (mut model, mut state) = (Model::default(), State::default());
        let both = || {
            let mut snapshot = snapshot(&["default", "web", "web"]);
            snapshot.services[1].draining = true;
            snapshot
        };
        model.learn(Ok(both()), &mut state);
        state.service = 2;
        model.learn(Ok(both()), &mut state);
        assert_eq!(state.service, 2);
        state.service = 1;
        model.learn(Ok(both()), &mut state);
        assert_eq!(state.service, 1);
        model.learn(Ok(snapshot(&["default", "web"])), &mut state);
        assert!(!model.service(&state).unwrap().draining);
    }

    #[test]
    fn trouble_leaves_what_is_known_and_goes_with_the_next_answer() {
        let (mut model, mut state) = (Model::default(), State::default());
        model.learn(Err(NoStatus::Refused("error: \x1b[2J\n".into())), &mut state);
        assert_eq!(model.trouble(), Some("error: \\u{1b}[2J"));
        model.learn(Ok(snapshot(&["default"])), &mut state);
        assert_eq!((model.trouble(), model.services()), (None, 1));
        model.learn(Err(NoStatus::Nothing), &mut state);
        assert_eq!((model.trouble().is_some(), model.services()), (true, 1));
    }
}
