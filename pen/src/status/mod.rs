//! What pen tells about itself: the snapshot and its renderings, which are pure functions over it. How a snapshot comes
//! about is the matter of `collect`; `renderings` makes them for whoever asks.
//!
//! `html` is the page for people, `text` the same for a terminal, `json` the snapshot itself, `prometheus` its numbers,
//! `answers` what the commands answer, exactly, line by line. The snapshot and the words for its quantities are
//! `common::status`'s; all use `common::escape`: whatever comes from outside goes through it.

pub mod answers;
pub mod collect;
pub mod html;
pub mod json;
pub mod moment;
pub mod prometheus;
pub mod renderings;
pub mod text;

mod columns;

#[cfg(test)]
mod sample;
