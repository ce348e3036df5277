//! What the parts of matching do together.

mod online;
mod world;
