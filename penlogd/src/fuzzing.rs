//! What fuzz targets call: a function for each kind of text from outside, which takes any bytes and panics if the programs
//! would go wrong on them. Only tests and the feature `fuzzing` have this module. The targets themselves are in `fuzz/`,
//! outside of the workspace; `tests` here calls the same functions with their seeds and with random input.

mod datagrams;
mod lines;
#[cfg(test)]
mod tests;

pub use datagrams::log_datagram;
pub use lines::log_line;
