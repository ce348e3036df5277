//! Writing files that others cannot redirect. The directory of a log or pid file may be open to everybody (`/tmp`),
//! so a path is walked link by link: symbolic links count only when root or pen's own user made them, and a file that
//! is there already must be pen's user's own. What is written into the files is the callers' business.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Component, Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, FcntlArg, OFlag, fcntl, openat, readlinkat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, ftruncate, unlinkat};

/// What happens to what the file already holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Existing {
    /// It stays, writing goes on at the end.
    Append,
    /// It goes.
    Truncate,
}

/// Whether a replacement waits for the disk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Haste {
    Quick,
    Durable,
}

/// Counts the replacements, whose temporary files must not meet.
static REPLACEMENTS: AtomicU64 = AtomicU64::new(0);

/// So many symbolic links in one path are taken for a loop, as by the kernel.
const MAX_LINKS: u32 = 40;

/// Opens `path` for writing, and creates it with mode 0644 (less the umask) if it isn't there.
///
/// `/dev/stdout` and `/dev/stderr` mean what they are now: in the background, nothing, whoever pen runs as now.
///
/// # Errors
/// Besides the system's: a file of another user, one with several hard links, a directory or socket, a symbolic link
/// of another user on the way, a FIFO that nobody reads.
pub fn open_owned(path: &Path, existing: Existing) -> io::Result<File> {
    if let Some(stream) = standard_stream(path) {
        return stream.map(File::from);
    }
    let place = Place::find(path)?;
    // Non-blocking, so that a FIFO without a reader is an error and not a hang.
    let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_APPEND | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
    let file = place.open(flags, Mode::from_bits_truncate(0o644)).map_err(|errno| match errno {
        Errno::ENXIO => io::Error::other("nobody reads this FIFO, or it is a socket"),
        errno => errno.into(),
    })?;
    check(&fstat(&file)?)?;
    if existing == Existing::Truncate {
        match ftruncate(&file, 0) {
            Ok(()) | Err(Errno::EINVAL) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
    let flags = OFlag::from_bits_truncate(fcntl(&file, FcntlArg::F_GETFL)?);
    fcntl(&file, FcntlArg::F_SETFL(flags - OFlag::O_NONBLOCK))?;
    Ok(File::from(file))
}

/// Replaces the file at `path` as a whole: readers see the old contents or the new, never a part. Rights and group of the old
/// one are kept. What is no regular file is written to instead.
///
/// # Errors
/// As for [`open_owned`]; a regular file then stays as it was.
pub fn replace_file(path: &Path, contents: &[u8]) -> io::Result<()> {
    if standard_stream(path).is_some() {
        return open_owned(path, Existing::Append)?.write_all(contents);
    }
    let place = Place::find(path)?;
    match place.occupant()? {
        None => place.replace(None, contents, Haste::Quick),
        Some(old) => {
            check(&old)?;
            match kind(&old) {
                SFlag::S_IFREG => place.replace(Some(&old), contents, Haste::Quick),
                _ => open_owned(path, Existing::Truncate)?.write_all(contents),
            }
        }
    }
}

/// Like [`replace_file`], but only regular files, and it waits for the disk, so that a crash leaves the old contents or the new.
///
/// # Errors
/// As for [`open_owned`], and for what is no regular file; a regular file then stays as it was.
pub fn save_file(path: &Path, contents: &[u8]) -> io::Result<()> {
    let place = Place::find(path)?;
    let old = place.occupant()?;
    match &old {
        Some(old) if kind(old) != SFlag::S_IFREG => {
            return Err(io::Error::other("a regular file is expected"));
        }
        Some(old) => check(old)?,
        None => {}
    }
    place.replace(old.as_ref(), contents, Haste::Durable)
}

fn standard_stream(path: &Path) -> Option<io::Result<OwnedFd>> {
    match path.to_str() {
        Some("/dev/stdout") => Some(io::stdout().as_fd().try_clone_to_owned()),
        Some("/dev/stderr") => Some(io::stderr().as_fd().try_clone_to_owned()),
        _ => None,
    }
}

fn check(file: &FileStat) -> io::Result<()> {
    let refuse = |reason: String| Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
    let user = Uid::effective();
    let owner = Uid::from_raw(file.st_uid);
    match kind(file) {
        SFlag::S_IFREG if owner != user => refuse(format!(
            "the file belongs to uid {owner}, and this program runs as uid {user}: it is left alone"
        )),
        SFlag::S_IFREG if file.st_nlink > 1 => refuse(
            "the file has several hard links, one of them may be another's: it is left alone".to_owned(),
        ),
        SFlag::S_IFIFO if owner != user && !owner.is_root() => {
            refuse(format!("the FIFO belongs to uid {owner}, and this program runs as uid {user}"))
        }
        SFlag::S_IFREG | SFlag::S_IFIFO | SFlag::S_IFCHR => Ok(()),
        _ => refuse("a regular file, a FIFO or a character device is expected".to_owned()),
    }
}

fn kind(file: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(file.st_mode & SFlag::S_IFMT.bits())
}

/// Where a path leads when every link on the way can be trusted: a name in an open directory. The name is not a
/// symbolic link, unless it was made one since: then opening it fails.
struct Place {
    dir: OwnedFd,
    name: OsString,
}

impl Place {
    fn find(path: &Path) -> io::Result<Place> {
        let mut dir = open_dir(Path::new("."))?;
        let mut links = 0;
        // What is still to be walked, the next step last.
        let mut steps = steps_of(path);
        while let Some(step) = steps.pop() {
            match step {
                Step::Root => dir = open_dir(Path::new("/"))?,
                Step::Name(name) => match look_up(&dir, &name)? {
                    Found::Link(target) => {
                        links += 1;
                        if links > MAX_LINKS {
                            return Err(Errno::ELOOP.into());
                        }
                        steps.extend(steps_of(&target));
                    }
                    _ if steps.is_empty() && name != ".." => return Ok(Place { dir, name }),
                    Found::Other(next) => dir = next,
                    Found::Nothing => return Err(Errno::ENOENT.into()),
                },
            }
        }
        Err(Errno::EISDIR.into())
    }

    fn open(&self, flags: OFlag, mode: Mode) -> nix::Result<OwnedFd> {
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        openat(&self.dir, self.name.as_os_str(), flags, mode)
    }

    /// What is there.
    fn occupant(&self) -> io::Result<Option<FileStat>> {
        match self.open(OFlag::O_PATH, Mode::empty()) {
            Ok(file) => Ok(Some(fstat(&file)?)),
            Err(Errno::ENOENT) => Ok(None),
            Err(errno) => Err(errno.into()),
        }
    }

    fn replace(&self, old: Option<&FileStat>, contents: &[u8], haste: Haste) -> io::Result<()> {
        let mut name = OsString::from(".");
        name.push(&self.name);
        // Several threads may be at it.
        name.push(format!(".{}.{}", std::process::id(), REPLACEMENTS.fetch_add(1, Ordering::Relaxed)));
        let temporary = Place { dir: self.dir.try_clone()?, name };
        temporary.remove()?;
        let written = temporary.write_new(old, contents, haste).and_then(|()| {
            Ok(renameat(&temporary.dir, temporary.name.as_os_str(), &self.dir, self.name.as_os_str())?)
        });
        if written.is_err() {
            // The error that matters is the first one.
            let _ = temporary.remove();
        }
        written
    }

    fn write_new(&self, old: Option<&FileStat>, contents: &[u8], haste: Haste) -> io::Result<()> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
        // What is to have an old file's rights has none for others until it has.
        let mode = Mode::from_bits_truncate(if old.is_some() { 0o600 } else { 0o644 });
        let mut file = File::from(self.open(flags, mode)?);
        file.write_all(contents)?;
        if let Some(old) = old {
            keep_rights(&file, old)?;
        }
        match haste {
            Haste::Quick => Ok(()),
            Haste::Durable => file.sync_all(),
        }
    }

    fn remove(&self) -> io::Result<()> {
        match unlinkat(&self.dir, self.name.as_os_str(), UnlinkatFlags::NoRemoveDir) {
            Ok(()) | Err(Errno::ENOENT) => Ok(()),
            Err(errno) => Err(errno.into()),
        }
    }
}

/// Gives a new file the rights and the group of the old one that it replaces.
fn keep_rights(file: &File, old: &FileStat) -> io::Result<()> {
    let group = Gid::from_raw(old.st_gid);
    let mut mode = Mode::from_bits_truncate(old.st_mode) & (Mode::S_IRWXU | Mode::S_IRWXG | Mode::S_IRWXO);
    if fchown(file, None, Some(group)).is_err() {
        // What the old group might do is nothing that the new one may.
        mode -= Mode::S_IRWXG;
    }
    Ok(fchmod(file, mode)?)
}

enum Step {
    Root,
    Name(OsString),
}

fn steps_of(path: &Path) -> Vec<Step> {
    let step = |component| match component {
        Component::RootDir | Component::Prefix(_) => Some(Step::Root),
        Component::CurDir => None,
        Component::ParentDir => Some(Step::Name("..".into())),
        Component::Normal(name) => Some(Step::Name(name.to_owned())),
    };
    path.components().rev().filter_map(step).collect()
}

enum Found {
    Link(PathBuf),
    Other(OwnedFd),
    Nothing,
}

fn look_up(dir: &OwnedFd, name: &OsStr) -> io::Result<Found> {
    let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let entry = match openat(dir, name, flags, Mode::empty()) {
        Ok(entry) => entry,
        Err(Errno::ENOENT) => return Ok(Found::Nothing),
        Err(errno) => return Err(errno.into()),
    };
    let status = fstat(&entry)?;
    if kind(&status) != SFlag::S_IFLNK {
        return Ok(Found::Other(entry));
    }
    let owner = Uid::from_raw(status.st_uid);
    if !owner.is_root() && owner != Uid::effective() {
        let reason = format!("the symbolic link '{}' on the way belongs to uid {owner}", name.display());
        return Err(io::Error::new(io::ErrorKind::PermissionDenied, reason));
    }
    Ok(Found::Link(PathBuf::from(readlinkat(&entry, "")?)))
}

fn open_dir(path: &Path) -> io::Result<OwnedFd> {
    Ok(openat(AT_FDCWD, path, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())?)
}

#[cfg(test)]
mod tests;
