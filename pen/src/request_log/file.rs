//! A file that takes records: whole lines, even when the disk was full in between. When it is written and who hears of
//! failures is the writer's business.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;

use system::safe_file::{self, Existing};

use super::sink::{Failure, Record};

/// So many bytes are gathered for one write.
const BUFFER: usize = 64 * 1024;

/// The file, and the lines that are not in it yet.
#[derive(Debug)]
pub(super) struct FileSink {
    path: PathBuf,
    file: File,
    /// ASCII only.
    lines: String,
    pending: u64,
    /// A failed write left part of a line at the end of the file.
    torn: bool,
}

impl FileSink {
    pub(super) fn open(path: PathBuf) -> io::Result<FileSink> {
        let file = safe_file::open_owned(&path, Existing::Append)?;
        Ok(FileSink { path, file, lines: String::new(), pending: 0, torn: false })
    }

    /// Opens the file by its name again; on failure the old one stays.
    pub(super) fn reopen(&mut self) -> io::Result<()> {
        self.file = safe_file::open_owned(&self.path, Existing::Append)?;
        self.torn = false;
        Ok(())
    }

    pub(super) fn append(&mut self, record: &Record) {
        match record {
            Record::Request(request) => request.write_line(&mut self.lines),
            Record::Connection(connection) => connection.write_line(&mut self.lines),
        }
        self.pending += 1;
    }

    pub(super) fn pending(&self) -> u64 {
        self.pending
    }

    pub(super) fn is_full(&self) -> bool {
        self.lines.len() >= BUFFER
    }

    /// Writes what is pending.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        let (written, outcome) = write_lines(&mut self.file, &self.lines, &mut self.torn);
        let lost = self.lines[written..].matches('\n').count() as u64;
        self.lines.clear();
        self.pending = 0;
        outcome.map_err(|error| Failure { error, lost })
    }
}

/// Writes as many bytes of `lines` as the file takes, and says how many. A line torn earlier is ended first.
fn write_lines(file: &mut impl Write, lines: &str, torn: &mut bool) -> (usize, io::Result<()>) {
    let mut written = 0;
    while written < lines.len() {
        let rest = &lines.as_bytes()[written..];
        let outcome = if *torn && written == 0 { file.write(b"\n") } else { file.write(rest) };
        match outcome {
            Ok(0) => return (written, Err(io::ErrorKind::WriteZero.into())),
            Ok(_) if *torn && written == 0 => *torn = false,
            Ok(length) => written += length,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                *torn |= written > 0 && lines.as_bytes()[written - 1] != b'\n';
                return (written, Err(error));
            }
        }
    }
    (written, Ok(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A disk with room for so many bytes.
    struct Disk {
        room: usize,
        held: Vec<u8>,
    }

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.room - self.held.len());
            if taken == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.held.extend(&bytes[..taken]);
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_a_full_disk_tore_does_not_spoil_the_next() {
        let mut disk = Disk { room: 8, held: Vec::new() };
        let mut torn = false;
        let (written, outcome) = write_lines(&mut disk, "first\nsecond\n", &mut torn);
        assert_eq!((written, outcome.unwrap_err().kind()), (8, io::ErrorKind::StorageFull));
        assert!(torn);
        assert!(write_lines(&mut disk, "third\n", &mut torn).1.is_err());
        disk.room = 100;
        assert!(write_lines(&mut disk, "fourth\n", &mut torn).1.is_ok());
        assert!(write_lines(&mut disk, "fifth\n", &mut torn).1.is_ok());
        assert_eq!(String::from_utf8(disk.held).unwrap(), "first\nse\nfourth\nfifth\n");
    }

    #[test]
    fn a_disk_that_filled_up_between_lines_leaves_none_torn() {
        let mut disk = Disk { room: 6, held: Vec::new() };
        let mut torn = false;
        let (written, _) = write_lines(&mut disk, "first\nsecond\n", &mut torn);
        assert_eq!((written, torn), (6, false));
    }
}
