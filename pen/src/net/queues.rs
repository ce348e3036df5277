//! Who waits for room for a connect, at one worker: a queue for each service. Connections that end meanwhile stay in it until
//! their turn comes.

use std::collections::{BTreeMap, VecDeque};

use crate::settings::ServiceIndex;

/// A connection's slot and generation.
type Place = (u32, u32);

/// The queues.
#[derive(Debug, Default)]
pub struct Queues(BTreeMap<ServiceIndex, VecDeque<Place>>);

impl Queues {
    /// Puts a connection last.
    pub fn push(&mut self, service: ServiceIndex, place: Place) {
        self.0.entry(service).or_default().push_back(place);
    }

    /// The services somebody waits for.
    pub fn services(&self) -> Vec<ServiceIndex> {
        self.0.keys().copied().collect()
    }

    /// Whether somebody waits for this service.
    pub fn has(&self, service: ServiceIndex) -> bool {
        self.0.contains_key(&service)
    }

    /// Who is next.
    pub fn first(&self, service: ServiceIndex) -> Option<Place> {
        self.0.get(&service)?.front().copied()
    }

    /// Takes who is next away.
    pub fn pop(&mut self, service: ServiceIndex) {
        if let Some(queue) = self.0.get_mut(&service) {
            queue.pop_front();
            if queue.is_empty() {
                self.0.remove(&service);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_service_has_its_own_order() {
        let (web, mail) = (ServiceIndex(0), ServiceIndex(1));
        let mut queues = Queues::default();
        queues.push(web, (1, 10));
        queues.push(mail, (2, 20));
        queues.push(web, (3, 30));
        assert_eq!(queues.services(), [web, mail]);
        assert_eq!(queues.first(web), Some((1, 10)));
        queues.pop(web);
        assert_eq!((queues.first(web), queues.first(mail)), (Some((3, 30)), Some((2, 20))));
        queues.pop(web);
        assert!(!queues.has(web) && queues.has(mail));
        queues.pop(web);
        assert_eq!((queues.first(web), queues.services()), (None, vec![mail]));
    }
}
