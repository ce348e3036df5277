//! What the parts of matching do together.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "numbers are small here"
)]

mod connections;
mod direct;
mod hostile;
mod models;
mod offline;
mod online;
mod world;
