//! How much of the processor a thread gets when there is not enough for all.
#![allow(unsafe_code)]

/// Behind every thread of ordinary priority, but not starved: about a tenth of what such a one gets.
const NICE: libc::c_int = 10;

/// Lets the workers go first: for threads that take their time, as those that render the status. It holds for the calling
/// thread, for good.
pub fn yield_to_workers() {
    // SAFETY: no memory is involved. On Linux, 0 means the calling thread. To be nicer is allowed to everybody; if it
    // fails all the same, nothing is lost but a little politeness.
    let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, NICE) };
}

#[cfg(test)]
mod tests {
    use super::*;

    fn niceness() -> libc::c_int {
        // SAFETY: no memory is involved.
        unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
    }

    #[test]
    fn only_the_thread_that_asks_for_it_yields() {
        let before = niceness();
        let yielded = std::thread::spawn(|| {
            yield_to_workers();
            niceness()
        });
        assert_eq!(yielded.join().unwrap(), before.max(NICE));
        assert_eq!(niceness(), before);
    }
}
