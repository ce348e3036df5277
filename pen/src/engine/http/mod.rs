//! HTTP/1.x as far as pen must know it: where each request of a connection begins and ends. Pure: bytes go in as they come,
//! and what they are comes out.

mod answer;
mod answer_head;
mod chunks;
mod fields;
mod framing;
mod rewrite;
mod start_line;

pub use answer::{SwitchWatch, Verdict};
pub(in crate::engine) use answer_head::AnswerHead;
pub(in crate::engine) use chunks::Chunks;
pub(in crate::engine) use fields::Body;
pub use framing::{Framer, Part};
pub(in crate::engine) use rewrite::Assembly;
#[cfg(any(test, feature = "fuzzing"))]
pub use rewrite::reference;
pub use rewrite::{Origin, Pieces, Refusal, Rewriter, Stand};
