//! Whether the user wants the benchmark to end: INT, TERM or HUP. Loops ask, and end in order, with all that was started.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::{Error, Result};

static ASKED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on signals are noticed instead of ending the process.
pub fn listen() -> Result<()> {
    let asked = ASKED.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(asked)).map_err(Error::doing("signals"))?;
    }
    Ok(())
}

/// An error, once the user has asked for the end.
pub fn unless_asked() -> Result<()> {
    let asked = ASKED.get().is_some_and(|asked| asked.load(Ordering::Relaxed));
    if asked { Err(Error::Interrupted) } else { Ok(()) }
}
