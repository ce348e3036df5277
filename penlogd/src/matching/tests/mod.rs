//! What the parts of matching do together.

mod offline;
mod online;
mod world;
