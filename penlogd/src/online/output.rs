//! Where the lines go. Nothing of them is lost as long as there is room to keep what the disk does not take: it is tried again
//! every second, and goes on at the very byte.

use std::fs::{File, Metadata};
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use common::reason;
use memchr::{memchr, memchr_iter, memrchr};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use system::safe_file::{self, Existing};

/// So many bytes are written as soon as they are there.
const BUFFER: usize = 64 * 1024;
/// And fewer after so long.
const DELAY: Duration = Duration::from_millis(100);
/// How often a write that failed is tried again, and how often the file's name is looked at.
const AGAIN: Duration = Duration::from_secs(1);
/// How long a reader has to make room.
const READING: Duration = Duration::from_millis(10);
/// And how long altogether at the end.
const FAREWELL: Duration = Duration::from_secs(2);
/// So many bytes are kept when they cannot be written; lines beyond that are dropped.
const MOST_KEPT: usize = 64 * 1024 * 1024;
/// What a pipe takes without waiting whenever it takes anything.
const PIPE: usize = 4096;
/// The least time between two complaints.
const SILENCE: Duration = Duration::from_mins(1);

/// When lines are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Buffering {
    /// Many at once.
    Batches,
    /// One by one.
    Lines,
}

/// The lines on their way to the log.
#[derive(Debug)]
pub(super) struct Output {
    target: Target,
    buffering: Buffering,
    /// What is to be written, behind lines that are.
    pending: Vec<u8>,
    /// Where in it the first line begins that is not written as a whole.
    start: usize,
    /// So many bytes of it are written: between two calls, up to somewhere in that line.
    written: usize,
    /// When the oldest of what is pending came.
    since: Option<Instant>,
    trouble: Option<Trouble>,
    /// When the file's name was looked at.
    looked: Instant,
    /// The name led elsewhere when it was looked at.
    was_moved: bool,
    /// It was removed, and could not be opened again yet.
    is_removed: bool,
    complained: Option<Instant>,
    /// Lines that were too many to be kept.
    pub(super) dropped: u64,
}

/// Writing does not work.
#[derive(Debug)]
struct Trouble {
    again: Instant,
    /// Lines dropped before it began.
    dropped: u64,
    is_told: bool,
}

/// An open file, and the name it has.
#[derive(Debug)]
struct Target {
    file: File,
    /// `None`: standard output.
    path: Option<PathBuf>,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// It can be renamed and removed.
    Regular,
    /// It may not take anything for a while: a pipe, a terminal.
    Stream,
}

/// What became of a write.
enum Progress {
    All,
    /// It takes nothing more now.
    Later,
    Failed(io::Error),
}

impl Output {
    /// Opens the file of this name, or takes standard output.
    pub(super) fn open(path: Option<PathBuf>, buffering: Buffering, now: Instant) -> Result<Output, String> {
        let name = path.as_deref().unwrap_or(Path::new("/dev/stdout")).display().to_string();
        let target =
            Target::open(path).map_err(|error| format!("cannot open the log {name}: {}", reason(&error)))?;
        Ok(Output {
            target,
            buffering,
            pending: Vec::with_capacity(2 * BUFFER),
            start: 0,
            written: 0,
            since: None,
            trouble: None,
            looked: now,
            was_moved: false,
            is_removed: false,
            complained: None,
            dropped: 0,
        })
    }

    /// Takes whole lines over, each with its newline, and leaves `lines` empty.
    pub(super) fn append(&mut self, lines: &mut Vec<u8>, now: Instant) {
        if lines.is_empty() {
            return;
        }
        let room = MOST_KEPT - self.kept().len();
        let fits = if lines.len() <= room { lines.len() } else { whole_lines(&lines[..room]) };
        self.pending.extend_from_slice(&lines[..fits]);
        self.dropped += count_lines(&lines[fits..]);
        self.since.get_or_insert(now);
        lines.clear();
    }

    /// When [`tick`](Output::tick) has something to do.
    pub(super) fn due(&self) -> Option<Instant> {
        let since = self.since?;
        Some(match &self.trouble {
            Some(trouble) => trouble.again,
            None if self.buffering == Buffering::Lines || self.kept().len() >= BUFFER => since,
            None => since + DELAY,
        })
    }

    /// Writes what is due.
    pub(super) fn tick(&mut self, now: Instant) {
        if self.due().is_some_and(|due| due <= now) {
            self.flush(now);
        }
    }

    /// Writes what is pending, as far as it can be.
    pub(super) fn flush(&mut self, now: Instant) {
        if let Err(error) = self.follow_name(now) {
            return self.retry_at(now + AGAIN, now, Some(&error));
        }
        match self.write() {
            Progress::All => {
                self.pending.shrink_to(4 * BUFFER);
                self.since = None;
                self.end_trouble();
            }
            Progress::Later => self.retry_at(now + READING, now, None),
            Progress::Failed(error) => self.retry_at(now + AGAIN, now, Some(&error)),
        }
    }

    /// Writes what is pending for the last time, for which a reader has some time, and says so if that does not work.
    pub(super) fn finish(&mut self, start: Instant) {
        self.flush(start);
        while self.target.kind == Kind::Stream && !self.kept().is_empty() && start.elapsed() < FAREWELL {
            self.target.wait_for_reader();
            self.flush(Instant::now());
        }
        let left = count_lines(self.kept());
        if left > 0 {
            log::error!("the log {}: {left} lines could not be written, and are lost", self.target.name());
        }
        let too_many = self.trouble.as_ref().map_or(0, |trouble| self.dropped - trouble.dropped);
        if too_many > 0 {
            log::error!(
                "the log {}: {too_many} lines were too many to keep, and are lost",
                self.target.name()
            );
        }
    }

    /// Opens the file by its name again. On failure the old one stays.
    pub(super) fn reopen(&mut self, now: Instant) {
        self.flush(now);
        if let Err(error) = self.open_again() {
            let (name, why) = (self.target.name(), reason(&error));
            log::error!("cannot open the log {name} again: {why}; the file that was open stays in use");
        }
        self.flush(now);
    }

    fn open_again(&mut self) -> io::Result<()> {
        let target = Target::open(self.target.path.clone())?;
        if target.identity()? != self.target.identity()? {
            // A line of which the old file has a part only is in the new one as a whole.
            self.written = self.start;
        }
        self.target = target;
        (self.was_moved, self.is_removed) = (false, false);
        Ok(())
    }

    /// A file that was removed or replaced would take lines that nobody sees. It is an error if one was removed and there
    /// cannot be another: then they are better kept.
    fn follow_name(&mut self, now: Instant) -> io::Result<()> {
        let is_time = now.duration_since(self.looked) >= AGAIN || self.is_removed;
        if self.target.kind != Kind::Regular || !is_time {
            return Ok(());
        }
        let was_moved = self.was_moved;
        self.looked = now;
        self.was_moved = !self.target.has_its_name();
        self.is_removed = self.target.file.metadata().is_ok_and(|file| file.nlink() == 0);
        // Who renames a log sends HUP right after that, mostly: then this is not needed.
        if !(self.is_removed || self.was_moved && was_moved) {
            return Ok(());
        }
        match self.open_again() {
            Ok(()) => {
                log::info!("the log {} was removed or replaced, and is opened again", self.target.name());
                Ok(())
            }
            Err(error) if self.is_removed => Err(error),
            // Under its other name somebody will find it.
            Err(_) => Ok(()),
        }
    }

    /// What is to be written, from the beginning of a line on.
    fn kept(&self) -> &[u8] {
        &self.pending[self.start..]
    }

    /// Writes on, as far as it can be.
    fn write(&mut self) -> Progress {
        let progress = loop {
            let rest = &self.pending[self.written..];
            if rest.is_empty() {
                break Progress::All;
            }
            let piece = match self.buffering {
                Buffering::Batches => rest,
                Buffering::Lines => first_line(rest),
            };
            match self.target.write(piece) {
                Ok(0) => break Progress::Failed(io::ErrorKind::WriteZero.into()),
                Ok(length) => self.written += length,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break Progress::Later,
                Err(error) => break Progress::Failed(error),
            }
        };
        self.start += whole_lines(&self.pending[self.start..self.written]);
        // What is kept is moved seldom: there may be much of it, of which a reader takes little at a time.
        if self.start > self.pending.len() / 2 || self.start == self.pending.len() {
            self.pending.drain(..self.start);
            self.written -= self.start;
            self.start = 0;
        }
        progress
    }

    fn retry_at(&mut self, again: Instant, now: Instant, error: Option<&io::Error>) {
        let trouble = self.trouble.get_or_insert(Trouble { again, dropped: self.dropped, is_told: false });
        trouble.again = again;
        let is_silent = self.complained.is_some_and(|last| now.duration_since(last) < SILENCE);
        if is_silent || (error.is_none() && self.dropped == trouble.dropped) {
            return;
        }
        trouble.is_told = true;
        self.complained = Some(now);
        let why = error.map_or("nobody reads it".to_owned(), reason);
        let (name, kept, dropped) =
            (self.target.name(), count_lines(&self.pending[self.start..]), self.dropped - trouble.dropped);
        if dropped == 0 {
            log::error!("cannot write the log {name}: {why}; lines are kept, and it is tried again");
        } else {
            log::error!(
                "cannot write the log {name}: {why}; {kept} lines are kept, {dropped} were too many and are dropped"
            );
        }
    }

    fn end_trouble(&mut self) {
        let Some(trouble) = self.trouble.take() else { return };
        let dropped = self.dropped - trouble.dropped;
        if dropped > 0 {
            log::error!(
                "the log {} is written again, but {dropped} lines were too many to keep",
                self.target.name()
            );
        } else if trouble.is_told {
            log::info!("the log {} is written again, and no line is lost", self.target.name());
        }
    }
}

impl Target {
    fn open(path: Option<PathBuf>) -> io::Result<Target> {
        let file =
            safe_file::open_owned(path.as_deref().unwrap_or(Path::new("/dev/stdout")), Existing::Append)?;
        let kind = file.metadata()?.file_type();
        let is_stream = kind.is_fifo() || kind.is_char_device() || kind.is_socket();
        Ok(Target { file, path, kind: if is_stream { Kind::Stream } else { Kind::Regular } })
    }

    /// Whether the file's name still leads to it.
    fn has_its_name(&self) -> bool {
        let Some(path) = &self.path else { return true };
        match (self.identity(), std::fs::metadata(path)) {
            (Ok(file), Ok(named)) => file == identity(&named),
            (_, Err(error)) => error.kind() != io::ErrorKind::NotFound,
            (Err(_), _) => true,
        }
    }

    fn identity(&self) -> io::Result<(u64, u64)> {
        self.file.metadata().map(|file| identity(&file))
    }

    fn name(&self) -> String {
        self.path.as_deref().map_or("on standard output".to_owned(), |path| path.display().to_string())
    }

    /// Waits for room a little while.
    fn wait_for_reader(&self) {
        let mut interest = [PollFd::new(self.file.as_fd(), PollFlags::POLLOUT)];
        // Whether there is any is seen when it is written to.
        let _ = poll(&mut interest, PollTimeout::from(100_u8));
        if interest[0].revents().is_some_and(|events| events.intersects(PollFlags::POLLERR)) {
            std::thread::sleep(READING);
        }
    }

    /// Writes without waiting for readers. The file itself cannot be told not to wait: it may be shared with others.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.kind == Kind::Regular {
            return self.file.write(bytes);
        }
        let mut interest = [PollFd::new(self.file.as_fd(), PollFlags::POLLOUT)];
        if poll(&mut interest, PollTimeout::ZERO)? == 0 {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        self.file.write(&bytes[..bytes.len().min(PIPE)])
    }
}

/// What two names of one file have in common.
fn identity(file: &Metadata) -> (u64, u64) {
    (file.dev(), file.ino())
}

/// How many bytes of a text are whole lines.
fn whole_lines(text: &[u8]) -> usize {
    memrchr(b'\n', text).map_or(0, |end| end + 1)
}

fn first_line(text: &[u8]) -> &[u8] {
    let end = memchr(b'\n', text).map_or(text.len(), |end| end + 1);
    &text[..end]
}

fn count_lines(text: &[u8]) -> u64 {
    memchr_iter(b'\n', text).count() as u64
}
