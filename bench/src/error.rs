//! What can go wrong in a run. It is told in one line, and the benchmark goes on with the next.

use std::io;
use std::path::PathBuf;

/// The outcome of whatever can fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Why something was not measured.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system refused something.
    #[error("{what}: {source}")]
    System {
        /// What was tried.
        what: String,
        /// What the system said.
        source: io::Error,
    },
    /// A program ended that should have served.
    #[error("{program} ended at once: {last_words}")]
    Ended {
        /// Its name.
        program: String,
        /// The last line that it printed.
        last_words: String,
    },
    /// A program runs, but does not serve.
    #[error("{program} did not serve within {seconds} s: {last_words}")]
    Silent {
        /// Its name.
        program: String,
        /// How long was waited.
        seconds: u64,
        /// The last line that it printed.
        last_words: String,
    },
    /// A file of results that is none.
    #[error("{path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The user wants it to end.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// For `map_err`: what was tried when the system refused.
    pub fn doing(what: impl Into<String>) -> impl FnOnce(io::Error) -> Error {
        let what = what.into();
        |source| Error::System { what, source }
    }
}
