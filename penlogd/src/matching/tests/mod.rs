//! What the parts of matching do together.

mod connections;
mod cost;
mod models;
mod offline;
mod online;
mod world;
