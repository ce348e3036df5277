//! What fuzz targets call: a function for each kind of text from outside, which takes any bytes and panics if pen would go wrong
//! on them. Only tests and the feature `fuzzing` have this module. The targets themselves are in `fuzz/`, outside of the
//! workspace, because they need libFuzzer; `tests` here calls the same functions with their seeds and with random input, so
//! that they stay true.

mod addresses;
mod command_line;
mod commands;
mod config;
mod control_line;
mod http;
mod peeks;
mod probes;
mod proxy_headers;
mod requests;
#[cfg(test)]
mod tests;

pub use addresses::{access_list, address};
pub use command_line::command_line;
pub use commands::command;
pub use config::config;
pub use control_line::control_line;
pub use http::http;
#[cfg(test)]
pub(crate) use http::rewrite as rewrite_http;
pub use peeks::{client_hello, rdp_request};
pub use probes::probe;
pub use proxy_headers::proxy_header;
pub use requests::request;

/// Fails if a text is not one line that is fit for a terminal.
#[track_caller]
fn expect_one_plain_line(text: &str) {
    assert!(!text.is_empty(), "nothing is said");
    assert!(!text.contains(char::is_control), "not a plain line: {text:?}");
}
