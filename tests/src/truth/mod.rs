//! Merged logs against the truth: clients with addresses of their own ask small web servers through a real pen, and
//! tell each server who they are. The servers log what they were told beside what they see, which is pen. So every
//! line that penlogd or mergelogs makes of theirs shows by itself whether it names the right client.
//!
//! One [`Case`] is one run of it; `src/bin/log_truth.rs` is the benchmark that goes through many.

mod case;
mod clients;
mod format;
mod judge;
mod servers;
mod traffic;

pub use case::{Case, Merger, Outcome, Programs, Version};
pub use clients::{Load, Mode, Sent, send};
pub use format::{Format, Formats, named};
pub use judge::{Verdict, judge};
pub use servers::{LogTo, Manner, Servers};
