//! What the parts of matching do together.

mod connections;
mod offline;
mod online;
mod world;
