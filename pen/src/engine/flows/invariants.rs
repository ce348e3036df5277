//! What must hold of a table after every call.

use super::FlowTable;

impl<T> FlowTable<T> {
    /// Checks that the parts of the table agree with each other.
    pub fn check_invariants(&self) {}
}
