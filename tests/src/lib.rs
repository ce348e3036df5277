//! The harness of the end-to-end suites: real programs, real sockets, and short tests.
//!
//! A test starts its servers, starts a pen in front of them, and looks at what arrives:
//!
//! ```no_run
//! use pen_tests::{Backend, Pen};
//!
//! let (a, b) = (Backend::named("a"), Backend::named("b"));
//! let pen = Pen::builder().servers([&a, &b]).option("-r").start();
//! assert_eq!((pen.get(), pen.get()), ("a".into(), "b".into()));
//! pen.stop();
//! ```
//!
//! Every test has its own directory, addresses and processes, so that all of them can run at once. Nothing waits by
//! sleeping: what is awaited is a condition, with a limit ([`wait_until`]). The programs under test are those beside
//! the test executable, or those that `PEN_BIN`, `PENCTL_BIN` and the like name; the suites are then also a description of
//! how far another program, such as pen 0.34.1, agrees with ours.

mod address;
mod backend;
mod balancer;
pub mod browser;
pub mod certificates;
mod child;
pub mod clients;
mod content;
mod control;
mod daemon;
pub mod dns;
mod host;
pub mod http;
mod load;
mod names;
mod network;
mod pair;
mod pen;
mod penlog;
mod penlogd;
mod process;
pub mod program;
mod prometheus;
pub mod quic;
pub mod rdp;
mod records;
pub mod soak;
mod stream;
mod table;
pub mod tls;
mod tmux;
pub mod truth;
pub mod udp;
mod wait;
mod web;
pub mod web_logs;

pub use address::{Address, DeadPort, Family, FullBacklog, private_address};
pub use backend::Backend;
pub use balancer::Balancer;
pub use browser::Browser;
pub use certificates::{Authority, Certificate, Key, Order};
pub use child::{Ended, run_patiently, run_to_the_end, run_with_input};
pub use content::Content;
pub use control::{Control, ServerRow};
pub use daemon::Daemon;
pub use host::Host;
pub use load::{Load, alone, answering_512_bytes, in_parallel};
pub use names::{Names, with_own_names};
pub use network::{in_own_network, is_root, run};
pub use pair::{Accepted, Manual, Pair};
pub use pen::{Pen, PenBuilder};
pub use penlog::{Datagrams, Penlog};
pub use penlogd::{Peer, Penlogd, PenlogdBuilder, Stopped};
pub use process::{Process, raise_descriptor_limit};
pub use prometheus::{Prometheus, complaints_of_promtool};
pub use records::Records;
pub use stream::{End, Received, Stream};
pub use table::rows;
pub use tls::{TlsEnd, TlsStream};
pub use tmux::Tmux;
pub use udp::{UdpBackend, UdpClient};
pub use wait::{LIMIT, settled, wait_for, wait_until, within};
pub use web::WebServer;
