//! HTTP/1.x as far as pen must know it: where each request of a connection begins and ends. Pure: bytes go in as they come,
//! and what they are comes out.

mod answer;
mod chunks;
mod fields;
mod framing;
mod rewrite;
mod start_line;

pub use answer::{SwitchWatch, Verdict};
pub use framing::{Framer, Part};
#[cfg(any(test, feature = "fuzzing"))]
pub use rewrite::reference;
pub use rewrite::{Origin, Pieces, Refusal, Rewriter, Stand};
