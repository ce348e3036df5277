//! Idle connections to servers, which `idlers N` keeps for no client, in a thread of their own. Which server gets one is
//! `engine::idlers`' matter.

mod keeper;
mod kept;
mod line;

use super::attendant::Attendant;
use keeper::Keeper;

/// The thread, as long as any service wants idle connections.
pub type Idlers = Attendant<Keeper>;
