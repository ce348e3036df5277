//! The services of a pen, each at an index that its connections and listeners know it by.

use std::sync::Arc;

use super::{Service, ServiceIndex};

/// The services. There is always the one of the command line, at index 0.
///
/// A service that is removed stays, draining, until its last connection has ended; then its index is free for another.
#[derive(Clone, Debug)]
pub struct Services(Vec<Option<Arc<Service>>>);

/// How many there can be: as many as indices.
pub const SERVICES_MOST: usize = 1000;

impl Services {
    /// Only this one.
    pub fn new(default: Service) -> Services {
        Services(vec![Some(Arc::new(default))])
    }

    /// The service at an index; `None`: it is gone.
    pub fn get(&self, index: ServiceIndex) -> Option<&Arc<Service>> {
        self.0.get(usize::from(index.0))?.as_ref()
    }

    /// The service at an index, to be changed.
    pub fn get_mut(&mut self, index: ServiceIndex) -> Option<&mut Service> {
        self.0.get_mut(usize::from(index.0))?.as_mut().map(Arc::make_mut)
    }

    /// The service of this name that was not removed.
    pub fn find(&self, name: &str) -> Option<ServiceIndex> {
        self.iter().find(|(_, service)| !service.draining && &*service.name == name).map(|(index, _)| index)
    }

    /// All, with those that drain.
    pub fn iter(&self) -> impl Iterator<Item = (ServiceIndex, &Arc<Service>)> {
        (0..).map(ServiceIndex).zip(&self.0).filter_map(|(index, service)| Some((index, service.as_ref()?)))
    }

    /// All, with those that drain.
    pub fn values(&self) -> impl Iterator<Item = &Arc<Service>> {
        self.0.iter().flatten()
    }

    /// All, with those that drain.
    pub fn values_mut(&mut self) -> impl Iterator<Item = &mut Arc<Service>> {
        self.0.iter_mut().flatten()
    }

    /// Adds a service at the lowest free index; `None`: there are too many.
    pub fn add(&mut self, service: Service) -> Option<ServiceIndex> {
        let service = Some(Arc::new(service));
        let place = self.0.iter().position(Option::is_none).unwrap_or(self.0.len());
        let index = u16::try_from(place).ok().filter(|_| place < SERVICES_MOST)?;
        match self.0.get_mut(place) {
            Some(free) => *free = service,
            None => self.0.push(service),
        }
        Some(ServiceIndex(index))
    }

    /// Forgets a service that nobody uses any more.
    pub fn forget(&mut self, index: ServiceIndex) {
        if let Some(place) = self.0.get_mut(usize::from(index.0)) {
            *place = None;
        }
    }
}
