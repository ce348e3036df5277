//! Giving up root's rights for good: chroot, another user, and no capability but those named.
//!
//! The order matters: the user is looked up first (the chroot may have no user database), then everything that needs
//! root's rights is opened, then [`chroot`], then [`become_user`]. Threads come after that: Linux keeps
//! capabilities by thread.

use std::collections::HashSet;
use std::ffi::CString;
use std::io;
use std::path::Path;

use caps::{CapSet, Capability, CapsHashSet};
use common::reason;
use nix::unistd::{self, Gid, Uid};

/// A user that pen can become, with its groups, as the user database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The login name.
    pub name: String,
    /// The numeric user.
    pub uid: Uid,
    /// The primary group.
    pub gid: Gid,
    /// All groups of the user, the primary one among them.
    pub groups: Vec<Gid>,
}

/// Why pen could not become what `-u` and `-j` ask for.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nobody of that name or number.
    #[error("unknown user '{0}': a name or number from the user database is expected")]
    UnknownUser(String),
    /// The user database could not be read.
    #[error("cannot look up user '{}': {}", .0, reason(.1))]
    LookUp(String, io::Error),
    /// The directory is missing, or pen isn't root.
    #[error("cannot chroot to '{}': {}", .0, reason(.1))]
    Chroot(String, io::Error),
    /// Only root can become another user.
    #[error("cannot become user '{user}': only root can, and this is uid {by}")]
    NotRoot {
        /// Whom pen was to become.
        user: String,
        /// Who it is.
        by: Uid,
    },
    /// A step of the change was refused.
    #[error("cannot become user '{user}': {step}: {}", reason(.error))]
    Refused {
        /// Whom pen was to become.
        user: String,
        /// The call that failed.
        step: &'static str,
        /// The system's word.
        error: io::Error,
    },
    /// The change went through, but root's rights can be had back.
    #[error("cannot become user '{0}': root's rights could be regained")]
    NotForGood(String),
}

impl User {
    /// Looks up a login name or, if there is no such name, a numeric user.
    pub fn resolve(word: &str) -> Result<User, Error> {
        let failed = |error: nix::Error| Error::LookUp(word.to_owned(), error.into());
        let by_name = in_database(unistd::User::from_name(word)).map_err(failed)?;
        let found = match (by_name, word.parse()) {
            (None, Ok(uid)) => in_database(unistd::User::from_uid(Uid::from_raw(uid))).map_err(failed)?,
            (by_name, _) => by_name,
        };
        let user = found.ok_or_else(|| Error::UnknownUser(word.to_owned()))?;
        let name = CString::new(user.name.as_str()).map_err(|_| Error::UnknownUser(word.to_owned()))?;
        let groups = unistd::getgrouplist(&name, user.gid).map_err(failed)?;
        Ok(User { name: user.name, uid: user.uid, gid: user.gid, groups })
    }
}

/// Where there is no user database, nobody is in it. glibc says so, musl calls it an error.
fn in_database(looked_up: nix::Result<Option<unistd::User>>) -> nix::Result<Option<unistd::User>> {
    match looked_up {
        Err(nix::Error::ENOENT) => Ok(None),
        answered => answered,
    }
}

/// Whether this process has root's user id.
pub fn is_root() -> bool {
    Uid::effective().is_root()
}

/// Makes `dir` the root of the file system for this process, and its working directory.
pub fn chroot(dir: &Path) -> Result<(), Error> {
    unistd::chroot(dir)
        .and_then(|()| unistd::chdir("/"))
        .map_err(|error| Error::Chroot(dir.display().to_string(), error.into()))
}

/// Becomes `user` for good: its groups, its uid, and of the capabilities those in `keep` that pen has now.
///
/// To be called before any thread exists. Who is that user already only loses capabilities.
pub fn become_user(user: &User, keep: &[Capability]) -> Result<(), Error> {
    let refused = |step| move |error: io::Error| Error::Refused { user: user.name.clone(), step, error };
    let capability = |error: caps::errors::CapsError| io::Error::other(error);
    let kept = kept_of(keep).map_err(capability).map_err(refused("capget"))?;
    if is_root() {
        unistd::setgroups(&user.groups).map_err(io::Error::from).map_err(refused("setgroups"))?;
        unistd::setresgid(user.gid, user.gid, user.gid)
            .map_err(io::Error::from)
            .map_err(refused("setgid"))?;
        caps::securebits::set_keepcaps(true).map_err(capability).map_err(refused("keepcaps"))?;
        unistd::setresuid(user.uid, user.uid, user.uid)
            .map_err(io::Error::from)
            .map_err(refused("setuid"))?;
        caps::securebits::set_keepcaps(false).map_err(capability).map_err(refused("keepcaps"))?;
    } else if user.uid != Uid::effective() {
        return Err(Error::NotRoot { user: user.name.clone(), by: Uid::effective() });
    }
    keep_only(&kept).map_err(capability).map_err(refused("capset"))?;
    if is_for_good(user, &kept) { Ok(()) } else { Err(Error::NotForGood(user.name.clone())) }
}

/// Keeps programs that this process starts from having its capabilities: systemd's `AmbientCapabilities=` are for pen alone.
///
/// To be called before any thread exists.
pub fn lend_no_capabilities() -> io::Result<()> {
    let lend_none = || match caps::read(None, CapSet::Ambient)? {
        ambient if ambient.is_empty() => Ok(()),
        _ => caps::clear(None, CapSet::Ambient),
    };
    lend_none().map_err(io::Error::other)
}

fn kept_of(keep: &[Capability]) -> Result<CapsHashSet, caps::errors::CapsError> {
    let permitted = caps::read(None, CapSet::Permitted)?;
    Ok(keep.iter().copied().filter(|capability| permitted.contains(capability)).collect())
}

/// Effective goes first: it must never be more than what is permitted.
fn keep_only(kept: &CapsHashSet) -> Result<(), caps::errors::CapsError> {
    caps::clear(None, CapSet::Ambient)?;
    caps::set(None, CapSet::Effective, kept)?;
    caps::clear(None, CapSet::Inheritable)?;
    caps::set(None, CapSet::Permitted, kept)
}

fn is_for_good(user: &User, kept: &CapsHashSet) -> bool {
    let held = |set| caps::read(None, set).unwrap_or_else(|_| caps::all());
    let bounded = held(CapSet::Permitted) == *kept && held(CapSet::Inheritable) == HashSet::new();
    bounded && (user.uid.is_root() || unistd::seteuid(Uid::from_raw(0)).is_err())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_found_by_name_and_by_number() {
        let root = User::resolve("root").unwrap();
        assert_eq!((root.uid, root.gid), (Uid::from_raw(0), Gid::from_raw(0)));
        assert!(root.groups.contains(&Gid::from_raw(0)));
        assert_eq!(User::resolve("0").unwrap(), root);
    }

    #[test]
    fn an_unknown_user_is_named() {
        for word in ["no-such-user", "4000000000", "-1", "", "a\0b"] {
            let error = User::resolve(word).unwrap_err();
            assert!(error.to_string().contains(&format!("user '{word}'")), "{error}");
        }
    }

    #[test]
    fn capabilities_are_kept_and_not_lent() {
        if !is_root() {
            return eprintln!("skipped: only root has capabilities");
        }
        let test = || {
            let one = HashSet::from([Capability::CAP_NET_BIND_SERVICE]);
            caps::set(None, CapSet::Inheritable, &one).unwrap();
            caps::set(None, CapSet::Ambient, &one).unwrap();
            let permitted = caps::read(None, CapSet::Permitted).unwrap();
            lend_no_capabilities().unwrap();
            assert_eq!(caps::read(None, CapSet::Ambient).unwrap(), HashSet::new());
            assert_eq!(caps::read(None, CapSet::Permitted).unwrap(), permitted);
        };
        // Capabilities are those of a thread.
        std::thread::spawn(test).join().unwrap();
    }

    #[test]
    fn a_chroot_to_nowhere_says_where() {
        let error = chroot(Path::new("/nonexistent/dir")).unwrap_err().to_string();
        assert!(error.starts_with("cannot chroot to '/nonexistent/dir': "), "{error}");
    }
}
