//! The files of Unix sockets, which come and go with listeners.

use std::ffi::OsString;
use std::io;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

/// The file of a Unix socket that we made, taken away when dropped.
#[derive(Debug)]
pub struct SocketFile {
    path: PathBuf,
    /// Device and inode: another process may have put its own socket there meanwhile.
    identity: Option<(u64, u64)>,
}

impl SocketFile {
    /// The file that was just made at `path`.
    pub fn new(path: &Path) -> SocketFile {
        SocketFile { path: path.to_owned(), identity: identity(path) }
    }
}

fn identity(path: &Path) -> Option<(u64, u64)> {
    let file = std::fs::symlink_metadata(path).ok()?;
    file.file_type().is_socket().then(|| (file.dev(), file.ino()))
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if self.identity.is_some() && identity(&self.path) == self.identity {
            // After a chroot or a change of user it may be out of our reach; the next pen there replaces it.
            let _ = std::fs::remove_file(&self.path);
        }
    }
}

/// A file that is put aside for another socket to have its name. When dropped, it has its name again.
#[derive(Debug)]
pub struct FormerFile {
    name: PathBuf,
    aside: PathBuf,
}

impl FormerFile {
    /// Puts the file aside, within its directory, if there is one.
    pub fn put_aside(name: &Path) -> io::Result<Option<FormerFile>> {
        let mut aside = OsString::from(name);
        aside.push(format!(".{}~", std::process::id()));
        let aside = PathBuf::from(aside);
        match std::fs::rename(name, &aside) {
            Ok(()) => Ok(Some(FormerFile { name: name.to_owned(), aside })),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes the file away.
    pub fn discard(self) {
        if let Err(error) = std::fs::remove_file(&self.aside) {
            log::warn!("cannot remove {}: {}", self.aside.display(), common::reason(&error));
        }
    }
}

impl Drop for FormerFile {
    fn drop(&mut self) {
        // It is not there any more if it was discarded.
        let _ = std::fs::rename(&self.aside, &self.name);
    }
}
