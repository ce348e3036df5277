//! The pid file: written once pen is the user and in the root directory that it will be, gone after a clean exit.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::safe_file::{self, Existing};
use common::reason;

/// A file that holds the pid of this process, as digits alone, for as long as this value lives.
#[derive(Debug)]
pub struct PidFile {
    path: PathBuf,
}

impl PidFile {
    /// Writes the file; one that is there already must be this user's own, and is overwritten.
    ///
    /// # Errors
    /// Those of [`safe_file::open_owned`], without the path.
    pub fn create(path: &Path) -> io::Result<PidFile> {
        let mut file = safe_file::open_owned(path, Existing::Truncate)?;
        file.write_all(own_pid().as_bytes())?;
        Ok(PidFile { path: path.to_owned() })
    }
}

impl Drop for PidFile {
    /// Removes the file, unless it is another process's by now.
    fn drop(&mut self) {
        if fs::read(&self.path).is_ok_and(|held| held == own_pid().as_bytes())
            && let Err(error) = fs::remove_file(&self.path)
        {
            log::warn!("cannot remove the pid file {}: {}", self.path.display(), reason(&error));
        }
    }
}

fn own_pid() -> String {
    std::process::id().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_holds_digits_alone_and_goes_with_the_value() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        fs::write(&path, "123456789 of an earlier pen").unwrap();
        let file = PidFile::create(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), own_pid());
        drop(file);
        assert!(!path.exists());
    }

    #[test]
    fn it_stays_when_another_process_has_taken_it_over() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("pid");
        let file = PidFile::create(&path).unwrap();
        fs::write(&path, "1").unwrap();
        drop(file);
        assert_eq!(fs::read_to_string(&path).unwrap(), "1");
    }
}
