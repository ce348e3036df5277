//! What is written: the merged log on standard output, and rejects to a file.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, ErrorKind, Write};
use std::os::fd::AsFd;

use super::input::{Identity, Place};

/// Why merging ended before its time.
#[derive(Debug, thiserror::Error)]
pub enum Stop {
    /// Whoever reads the merged log has enough of it.
    #[error("nobody reads the merged log any more")]
    ReaderGone,
    /// The merged log cannot be written.
    #[error("cannot write the merged log: {}", common::reason(.0))]
    Output(io::Error),
    /// The rejects cannot be written.
    #[error("cannot write the rejects to {place}: {}", common::reason(.error))]
    Rejects {
        /// Where they should go.
        place: String,
        /// What the system says.
        error: io::Error,
    },
}

const BUFFER: usize = 128 * 1024;

/// The merged log. What it was given last is written by [`Output::flush`] only.
pub struct Output {
    file: File,
    buffer: Vec<u8>,
}

impl Output {
    /// Standard output.
    pub fn standard() -> Result<Output, Stop> {
        // The standard library's own would look for line breaks.
        let file = io::stdout().as_fd().try_clone_to_owned().map_err(Stop::Output)?;
        Ok(Output::to(file.into()))
    }

    /// A file.
    pub fn to(file: File) -> Output {
        Output { file, buffer: Vec::with_capacity(BUFFER + crate::line::LONGEST) }
    }

    /// Which file it is.
    pub fn identity(&self) -> Identity {
        Identity::of(&self.file)
    }

    /// Has `append` add to it.
    pub fn write(&mut self, append: impl FnOnce(&mut Vec<u8>)) -> Result<(), Stop> {
        append(&mut self.buffer);
        if self.buffer.len() >= BUFFER { self.flush() } else { Ok(()) }
    }

    /// Writes what is still in memory.
    pub fn flush(&mut self) -> Result<(), Stop> {
        let written = self.file.write_all(&self.buffer);
        self.buffer.clear();
        written.map_err(|error| match error.kind() {
            ErrorKind::BrokenPipe => Stop::ReaderGone,
            _ => Stop::Output(error),
        })
    }
}

/// Where rejects go, if anywhere.
pub struct Rejects {
    file: Option<(BufWriter<File>, Place)>,
}

impl Rejects {
    /// They are only counted.
    pub fn nowhere() -> Rejects {
        Rejects { file: None }
    }

    /// Opens a file for them, and does nothing to it yet.
    pub fn open(place: &Place) -> Result<(Rejects, Identity), Stop> {
        let failed = |error| Stop::Rejects { place: place.to_string(), error };
        let Place::File(path) = place else { return Err(failed(ErrorKind::Unsupported.into())) };
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path).map_err(failed)?;
        let identity = Identity::of(&file);
        Ok((Rejects { file: Some((BufWriter::new(file), place.clone())) }, identity))
    }

    /// Throws away what is in the file.
    pub fn empty(&mut self) -> Result<(), Stop> {
        self.with_file(|file| {
            let file = file.get_mut();
            // A pipe or a device has no length.
            if file.metadata()?.is_file() { file.set_len(0) } else { Ok(()) }
        })
    }

    /// Adds a line, or a part of one.
    pub fn add(&mut self, text: &[u8], ends_line: bool) -> Result<(), Stop> {
        self.with_file(|file| {
            file.write_all(text)?;
            if ends_line { file.write_all(b"\n") } else { Ok(()) }
        })
    }

    /// Writes what is still in memory.
    pub fn flush(&mut self) -> Result<(), Stop> {
        self.with_file(BufWriter::flush)
    }

    /// Where they are, if they are kept.
    pub fn place(&self) -> Option<&Place> {
        self.file.as_ref().map(|(_, place)| place)
    }

    fn with_file(&mut self, act: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<(), Stop> {
        let Some((file, place)) = &mut self.file else { return Ok(()) };
        act(file).map_err(|error| Stop::Rejects { place: place.to_string(), error })
    }
}
