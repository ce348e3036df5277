//! The benchmark (`scripts/bench`): the same work through pen, haproxy, nginx and pen 0.34.1, in turn and in rounds, and what
//! each of them spent for it.
//!
//! Throughput on a machine that is shared says more about the machine than about a proxy. So what counts here is the
//! processor time of the *proxy's* processes for each unit of work, and its ratio to that of another proxy in the same round.
//!
//! [`scenario`] has the work, a row each; [`proxy`] the configurations; [`rounds`] goes through all of it; [`load`] and
//! [`servers`] are the two ends of the traffic; [`report`] shows [`results`].

pub mod accounting;
pub mod arena;
pub mod error;
pub mod load;
pub mod network;
pub mod options;
pub mod process;
pub mod proxy;
pub mod report;
pub mod results;
pub mod rounds;
pub mod scenario;
pub mod servers;
pub mod statistics;
pub mod stop;

pub use error::{Error, Result};
