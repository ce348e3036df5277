//! The renderings of the status, for whoever asks. One thread makes them, and ends when nobody waits: so however many ask,
//! and however often, that takes a share of one processor at most. Who asks while it is at work waits for the next
//! snapshot, and gets the same rendering as all others who did. An answer is never older than its question.
//!
//! It collects at the workers' priority, because it holds their locks meanwhile, and renders at a low one.

use std::io;
use std::sync::Arc;
use std::thread;

use common::command::StatusFormat;
use common::reason;
use common::status::Snapshot;
use parking_lot::Mutex;

use super::collect::{self, Most};
use super::{html, json, prometheus, text};
use crate::os::priority::behind_the_workers;
use crate::os::safe_file::replace_file;
use crate::shared::Shared;

/// Threads that may write the status file at once. A disk that hangs holds so many of the sessions that ask, and no more.
const WRITERS_MOST: usize = 8;

/// What is ordered and not made yet.
#[derive(Default)]
pub struct Renderings(Mutex<Desk>);

#[derive(Default)]
struct Desk {
    orders: Vec<Order>,
    at_work: bool,
    /// Threads that write the status file.
    writers: usize,
}

struct Order {
    format: StatusFormat,
    deliver: Delivery,
}

/// What happens to a rendering. It must not wait for anything: others want theirs.
pub type Delivery = Box<dyn FnOnce(Arc<String>) + Send>;

/// Has the status rendered, soon, and handed over.
///
/// # Errors
/// Those of starting a thread.
pub fn order(shared: &Arc<Shared>, format: StatusFormat, deliver: Delivery) -> io::Result<()> {
    let mut desk = shared.renderings.0.lock();
    if format == StatusFormat::Html && shared.settings.load().process.web_stats.is_some() {
        if desk.writers < WRITERS_MOST {
            // Its file goes to a disk, which may hang: nobody else is to wait for that.
            let shared = Arc::clone(shared);
            let work = move || {
                deliver(Arc::new(now(&shared, format)));
                shared.renderings.0.lock().writers -= 1;
            };
            thread::Builder::new().name("status file".to_owned()).spawn(work)?;
            desk.writers += 1;
            return Ok(());
        }
        log::error!("a status is not written to its file: {WRITERS_MOST} others still wait for the disk");
    }
    if !desk.at_work {
        let shared = Arc::clone(shared);
        thread::Builder::new().name("status".to_owned()).spawn(move || work(&shared))?;
    }
    desk.at_work = true;
    desk.orders.push(Order { format, deliver });
    Ok(())
}

/// Serves until nobody waits.
fn work(shared: &Shared) {
    loop {
        let orders = {
            let mut desk = shared.renderings.0.lock();
            if desk.orders.is_empty() {
                desk.at_work = false;
                return;
            }
            std::mem::take(&mut desk.orders)
        };
        serve(orders, shared);
    }
}

fn serve(orders: Vec<Order>, shared: &Shared) {
    let snapshot = snapshot(orders.iter().map(|order| order.format), shared);
    behind_the_workers(|| deliver(orders, &snapshot));
}

fn deliver(mut orders: Vec<Order>, snapshot: &Snapshot) {
    while let Some(&Order { format, .. }) = orders.first() {
        let rendering = Arc::new(render(snapshot, format));
        for order in orders.extract_if(.., |order| order.format == format) {
            (order.deliver)(Arc::clone(&rendering));
        }
    }
}

/// Has the calling thread render the status, and write the page to its file.
pub fn now(shared: &Shared, format: StatusFormat) -> String {
    let snapshot = snapshot([format].into_iter(), shared);
    behind_the_workers(|| {
        let rendering = render(&snapshot, format);
        if format == StatusFormat::Html {
            write_file(&rendering, shared);
        }
        rendering
    })
}

/// What these formats show.
fn snapshot(mut formats: impl Iterator<Item = StatusFormat>, shared: &Shared) -> Snapshot {
    let numbers_suffice = formats.all(|format| format == StatusFormat::Prometheus);
    collect::snapshot(shared, if numbers_suffice { Most::NONE } else { Most::ALL })
}

fn render(snapshot: &Snapshot, format: StatusFormat) -> String {
    match format {
        StatusFormat::Html => html::render(snapshot),
        StatusFormat::Json => json::render(snapshot),
        StatusFormat::Prometheus => prometheus::render(snapshot),
        StatusFormat::Text => text::render(snapshot),
    }
}

/// Writes the page to the `-w` file, if there is one.
fn write_file(page: &str, shared: &Shared) {
    if let Some(file) = &shared.settings.load().process.web_stats
        && let Err(error) = replace_file(file, page.as_bytes())
    {
        log::error!("cannot write {}: {}", file.display(), reason(&error));
    }
}

impl std::fmt::Debug for Renderings {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Renderings").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read;
    use std::os::unix::fs::OpenOptionsExt;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;
    use crate::engine::clients::client_numbers;
    use crate::settings::Settings;
    use crate::shared::testing;

    fn pen() -> Arc<Shared> {
        testing::shared(Settings::initial(&Arc::new(client_numbers())), 0).0
    }

    /// Orders a rendering, and returns where it arrives.
    fn ordered(shared: &Arc<Shared>, format: StatusFormat) -> Receiver<Arc<String>> {
        let (sender, rendering) = channel();
        order(shared, format, Box::new(move |text| sender.send(text).unwrap())).unwrap();
        rendering
    }

    #[test]
    fn each_format_is_rendered_as_asked() {
        let shared = pen();
        for (format, beginning) in [
            (StatusFormat::Html, "<!DOCTYPE html>"),
            (StatusFormat::Json, "{\"schema\":1,"),
            (StatusFormat::Prometheus, "# HELP pen_build_info "),
            (StatusFormat::Text, "pen "),
        ] {
            let rendering = ordered(&shared, format).recv().unwrap();
            assert!(rendering.starts_with(beginning) && rendering.ends_with('\n'), "{rendering}");
        }
    }

    #[test]
    fn who_asks_meanwhile_shares_the_next_rendering() {
        let shared = pen();
        let (sender, first) = channel();
        let (release, held) = channel::<()>();
        let hold = move |text| {
            sender.send(text).unwrap();
            held.recv().unwrap();
        };
        order(&shared, StatusFormat::Json, Box::new(hold)).unwrap();
        let first = first.recv().unwrap();
        let pages = [ordered(&shared, StatusFormat::Html), ordered(&shared, StatusFormat::Html)];
        let object = ordered(&shared, StatusFormat::Json);
        release.send(()).unwrap();
        let [one, other] = pages.map(|page| page.recv().unwrap());
        assert!(Arc::ptr_eq(&one, &other));
        assert!(!Arc::ptr_eq(&first, &object.recv().unwrap()), "the first is older than the question");
    }

    #[test]
    fn the_page_goes_to_its_file_as_well() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("index.html");
        let mut settings = Settings::initial(&Arc::new(client_numbers()));
        settings.process.web_stats = Some(file.clone());
        let (shared, _) = testing::shared(settings, 0);
        let page = ordered(&shared, StatusFormat::Html).recv().unwrap();
        assert_eq!(std::fs::read_to_string(&file).unwrap(), *page);
    }

    #[test]
    fn a_disk_that_hangs_holds_a_few_and_the_others_get_their_page() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("fifo");
        nix::unistd::mkfifo(&file, nix::sys::stat::Mode::S_IRWXU).unwrap();
        let mut slow =
            File::options().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(&file).unwrap();
        // Nothing more fits until somebody reads.
        nix::fcntl::fcntl(&slow, nix::fcntl::FcntlArg::F_SETPIPE_SZ(4096)).unwrap();
        let mut settings = Settings::initial(&Arc::new(client_numbers()));
        settings.process.web_stats = Some(file);
        let (shared, _) = testing::shared(settings, 0);
        let mut held: Vec<_> = (0..WRITERS_MOST).map(|_| ordered(&shared, StatusFormat::Html)).collect();
        let page = ordered(&shared, StatusFormat::Html).recv().unwrap();
        assert!(page.starts_with("<!DOCTYPE html>"));
        assert!(held.iter().all(|page| page.try_recv().is_err()));
        let mut buffer = [0; 4096];
        while !held.is_empty() {
            held.retain(|page| page.try_recv().is_err());
            // Nothing is there until the next one has begun to write.
            let _ = slow.read(&mut buffer);
            thread::yield_now();
        }
    }
}
