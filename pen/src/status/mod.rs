//! What pen tells about itself: the snapshot and its renderings, which are pure functions over it. How a snapshot comes
//! about is the matter of `collect`, where a rendering goes that of whoever asks.
//!
//! `html` is the page for people, `text` the same for a terminal, `answers` what the commands answer, exactly, line by
//! line. They share `words`, quantities as people read them, and `crate::escape`: whatever comes from outside goes through it.

pub mod answers;
pub mod collect;
pub mod html;
pub mod snapshot;
pub mod text;

mod columns;
mod words;

#[cfg(test)]
mod sample;
