//! Checks of servers, and questions to their agents, as `health` wants them, in a thread of their own. Who is asked when is decided
//! in `engine::health`, what is said and what an answer comes to in `engine::probe`; here are the sockets and processes.
//!
//! `monitor` is the loop, `subject` who is asked what, `findings` what becomes of answers. `task` is one errand under way: a `talk`
//! over a connection, in which `speech` is spoken (a `handshake`, or what the engine says), a `query` by a datagram, or a `program`.

mod findings;
mod handshake;
mod monitor;
mod program;
mod query;
mod speech;
mod subject;
mod talk;
mod task;

use super::attendant::Attendant;
use monitor::Monitor;

/// The thread, as long as any service wants its servers checked.
pub type Checks = Attendant<Monitor>;
