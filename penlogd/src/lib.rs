//! Putting the clients back into logs of servers behind pen: `penlogd` does it as the lines come, `mergelogs` with
//! files afterwards. What both need is here: [`mod@line`] reads a server's line, [`matching`] knows from pen's records whose
//! it is. Both are pure: no sockets, files, clocks or threads, which `clippy.toml` sees to.

#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
pub mod line;
pub mod matching;
#[allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "it is a program")]
pub mod offline;
#[allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "it is a program")]
pub mod online;
