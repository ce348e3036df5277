//! What pen asks of the operating system beyond sockets: being a daemon, giving up rights, limits, priorities, signals, and
//! files that nobody can trick it into writing. The only modules in which `unsafe` is allowed.

pub mod daemon;
pub mod limits;
pub mod local_time;
pub mod pid_file;
pub mod priority;
pub mod privileges;
pub mod safe_file;
pub mod signals;
pub mod socket;
