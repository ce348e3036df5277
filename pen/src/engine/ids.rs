//! Numbers for connections and clients: always the lowest free one.

/// Gives out the lowest free number below a capacity, in constant time.
#[derive(Debug)]
pub struct IdPool {}

impl IdPool {
    /// A pool of the numbers from 0 to `capacity` − 1.
    pub fn new(_capacity: usize) -> IdPool {
        todo!()
    }

    /// Raises the capacity; a lower one is ignored.
    pub fn grow(&mut self, _capacity: usize) {
        todo!()
    }

    /// Takes the lowest free number; `None`: all are taken.
    pub fn take(&mut self) -> Option<u32> {
        todo!()
    }

    /// Makes a number free again; one that is free already is ignored.
    pub fn give_back(&mut self, _id: u32) {
        todo!()
    }

    /// How many numbers are taken.
    pub fn len(&self) -> usize {
        todo!()
    }

    /// How many can be.
    pub fn capacity(&self) -> usize {
        todo!()
    }
}
