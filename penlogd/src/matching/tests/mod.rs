//! What the parts of matching do together.

mod connections;
mod cost;
mod offline;
mod online;
mod world;
