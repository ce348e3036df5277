//! The renderings of the status, for whoever asks, on the control port or the web. One thread makes them, and ends when nobody waits: so however many ask,
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
use crate::shared::Shared;
use system::priority::behind_the_workers;
use system::safe_file::replace_file;

/// What is ordered and not made yet.
#[derive(Default)]
pub struct Renderings(Mutex<Desk>);

#[derive(Default)]
struct Desk {
    orders: Vec<Order>,
    at_work: bool,
    file: File,
}

/// What becomes of the status file. One thread at a time writes it, because its disk may hang.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum File {
    #[default]
    Resting,
    InTheMaking,
    /// Somebody has asked for a newer one meanwhile.
    Outdated,
}

struct Order {
    format: StatusFormat,
    most: Most,
    deliver: Delivery,
}

/// What happens to a rendering. It must not wait for anything: others want theirs.
pub type Delivery = Box<dyn FnOnce(Arc<String>) + Send>;

/// Has the whole status rendered, soon, for the control port, and handed over; the page also goes to its file.
///
/// # Errors
/// Those of starting a thread.
pub fn order_whole(shared: &Arc<Shared>, format: StatusFormat, deliver: Delivery) -> io::Result<()> {
    let mut desk = shared.renderings.0.lock();
    if format == StatusFormat::Html && shared.settings.load().process.web_stats.is_some() {
        if desk.file == File::Resting {
            let shared = Arc::clone(shared);
            thread::Builder::new()
                .name("status file".to_owned())
                .spawn(move || write_files(deliver, &shared))?;
            desk.file = File::InTheMaking;
            return Ok(());
        }
        // Whoever is here meanwhile gets the page, and does not wait for the disk.
        desk.file = File::Outdated;
    }
    drop(desk);
    order(shared, format, whole(format), deliver)
}

/// Has the status rendered, soon, with no more clients and connections than these, and handed over.
///
/// # Errors
/// Those of starting a thread.
pub fn order(shared: &Arc<Shared>, format: StatusFormat, most: Most, deliver: Delivery) -> io::Result<()> {
    let mut desk = shared.renderings.0.lock();
    if !desk.at_work {
        let shared = Arc::clone(shared);
        thread::Builder::new().name("status".to_owned()).spawn(move || work(&shared))?;
    }
    desk.at_work = true;
    desk.orders.push(Order { format, most, deliver });
    Ok(())
}

/// Writes the status file, hands the page over, and writes it again for those who came meanwhile.
fn write_files(deliver: Delivery, shared: &Shared) {
    deliver(Arc::new(now(shared, StatusFormat::Html)));
    while is_outdated(&mut shared.renderings.0.lock().file) {
        now(shared, StatusFormat::Html);
    }
}

fn is_outdated(file: &mut File) -> bool {
    let outdated = *file == File::Outdated;
    *file = if outdated { File::InTheMaking } else { File::Resting };
    outdated
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

fn serve(mut orders: Vec<Order>, shared: &Shared) {
    while let Some(&Order { most, .. }) = orders.first() {
        let alike = orders.extract_if(.., |order| order.most == most).collect();
        let snapshot = collect::snapshot(shared, most);
        behind_the_workers(|| deliver(alike, &snapshot));
    }
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
    let snapshot = collect::snapshot(shared, whole(format));
    behind_the_workers(|| {
        let rendering = render(&snapshot, format);
        if format == StatusFormat::Html {
            write_file(&rendering, shared);
        }
        rendering
    })
}

/// All that a format shows.
fn whole(format: StatusFormat) -> Most {
    match format {
        StatusFormat::Prometheus => Most::NONE,
        StatusFormat::Html | StatusFormat::Json | StatusFormat::Text => Most::ALL,
    }
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
        order_whole(shared, format, Box::new(move |text| sender.send(text).unwrap())).unwrap();
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
        order_whole(&shared, StatusFormat::Json, Box::new(hold)).unwrap();
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
    fn who_asks_while_the_file_is_written_does_not_wait_for_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("index.html");
        let mut settings = Settings::initial(&Arc::new(client_numbers()));
        settings.process.web_stats = Some(file.clone());
        let (shared, _) = testing::shared(settings, 0);
        let (arrived, first) = channel();
        let (release, held) = channel::<()>();
        let hold = move |_| {
            arrived.send(()).unwrap();
            held.recv().unwrap();
        };
        order_whole(&shared, StatusFormat::Html, Box::new(hold)).unwrap();
        first.recv().unwrap();
        std::fs::remove_file(&file).unwrap();
        for _ in 0..3 {
            ordered(&shared, StatusFormat::Html).recv().unwrap();
        }
        assert!(!file.exists(), "a second thread has written it");
        release.send(()).unwrap();
        while shared.renderings.0.lock().file != File::Resting {
            thread::yield_now();
        }
        assert!(file.exists(), "they have asked for a newer one");
    }
}
