//! How much of the processor a thread gets when there is not enough for all.
#![allow(unsafe_code)]

use std::thread;

/// Behind every thread of ordinary priority, but not starved: about a tenth of what such a one gets.
const NICE: libc::c_int = 10;

/// Does what takes its time, as rendering the status does, in a thread that lets the workers go first, and waits for it.
/// What takes locks is to be done before: who waits for a lock waits for its holder, however nice that one is.
///
/// Where no thread can be had, it is done all the same.
#[allow(clippy::missing_panics_doc, reason = "the work is there, or was done")]
pub fn behind_the_workers<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let mut waiting = Some(work);
    let done = thread::scope(|scope| {
        let begin = || {
            yield_to_workers();
            waiting.take().map(|work| work())
        };
        let begun = thread::Builder::new().name("page".to_owned()).spawn_scoped(scope, begin);
        // Its panic, if it had one, has ended the process.
        begun.ok().and_then(|thread| thread.join().ok()).flatten()
    });
    done.unwrap_or_else(|| waiting.take().expect("only a thread that was begun takes the work")())
}

/// It holds for the calling thread, for good.
fn yield_to_workers() {
    // A process that is nicer already stays so: root may become less nice, too.
    let nice = niceness().max(NICE);
    // SAFETY: no memory is involved. On Linux, 0 means the calling thread. To be nicer is allowed to everybody; if it
    // fails all the same, nothing is lost but a little politeness.
    let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) };
}

/// How nice the calling thread is.
fn niceness() -> libc::c_int {
    // SAFETY: no memory is involved. It cannot fail for the calling thread.
    unsafe { libc::getpriority(libc::PRIO_PROCESS, 0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_work_yields() {
        let before = niceness();
        assert_eq!(behind_the_workers(niceness), before.max(NICE));
        assert_eq!(niceness(), before);
    }

    #[test]
    fn the_work_of_a_nice_process_yields_no_less_than_that() {
        let nice = 15.max(niceness());
        let of_the_work = thread::spawn(move || {
            // SAFETY: as above; the thread ends with this test.
            let _ = unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, nice) };
            behind_the_workers(niceness)
        });
        assert_eq!(of_the_work.join().unwrap(), nice);
    }
}
