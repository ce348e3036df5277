use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};

use nix::sys::stat::umask;

use super::*;

/// Any user but the one that the tests run as.
const OTHER: u32 = 4711;

fn write(path: &Path, existing: Existing, text: &str) -> io::Result<()> {
    open_owned(path, existing)?.write_all(text.as_bytes())
}

fn refused(outcome: io::Result<()>) -> String {
    let error = outcome.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::PermissionDenied, "{error}");
    error.to_string()
}

#[test]
fn a_file_is_created_appended_to_or_begun_anew() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    umask(Mode::from_bits_truncate(0o022));
    write(&path, Existing::Append, "one ").unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o644);
    write(&path, Existing::Append, "two").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "one two");
    write(&path, Existing::Truncate, "three").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "three");
}

#[test]
fn a_file_is_replaced_as_a_whole_and_nothing_else_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    replace_file(&path, b"old").unwrap();
    let mut reader = File::open(&path).unwrap();
    replace_file(&path, b"new").unwrap();
    assert_eq!(fs::read_to_string(&path).unwrap(), "new");
    assert_eq!(io::read_to_string(&mut reader).unwrap(), "old");
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn links_of_ones_own_are_followed_wherever_they_stand() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    fs::create_dir_all(at("real/deep")).unwrap();
    symlink("real", at("relative")).unwrap();
    symlink(at("relative/deep"), at("absolute")).unwrap();
    symlink("../../target", at("real/deep/link")).unwrap();
    write(&at("absolute/link"), Existing::Append, "here").unwrap();
    assert_eq!(fs::read_to_string(at("target")).unwrap(), "here");
    replace_file(&at("./real/../absolute/link"), b"there").unwrap();
    assert_eq!(fs::read_to_string(at("target")).unwrap(), "there");
    assert!(fs::symlink_metadata(at("real/deep/link")).unwrap().is_symlink());
}

#[test]
fn a_loop_of_links_a_directory_and_a_missing_one_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    symlink("loop", at("loop")).unwrap();
    let error = |path: &Path| open_owned(path, Existing::Append).unwrap_err().raw_os_error();
    assert_eq!(error(&at("loop")), Some(Errno::ELOOP as i32));
    assert_eq!(error(dir.path()), Some(Errno::EISDIR as i32));
    assert_eq!(error(Path::new("/")), Some(Errno::EISDIR as i32));
    assert_eq!(error(Path::new("..")), Some(Errno::EISDIR as i32));
    assert_eq!(error(&at("no/file")), Some(Errno::ENOENT as i32));
    assert_eq!(error(Path::new("")), Some(Errno::EISDIR as i32));
    fs::write(at("file"), "").unwrap();
    assert_eq!(error(&at("file/file")), Some(Errno::ENOTDIR as i32));
    let text = refused(replace_file(dir.path(), b""));
    assert_eq!(text, "a regular file, a FIFO or a character device is expected");
}

#[test]
fn a_file_with_several_names_is_left_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (path, other) = (dir.path().join("file"), dir.path().join("other"));
    fs::write(&path, "precious").unwrap();
    fs::hard_link(&path, &other).unwrap();
    let text = refused(write(&path, Existing::Truncate, "x"));
    assert_eq!(text, "the file has several hard links, one of them may be another's: it is left alone");
    refused(replace_file(&path, b"x"));
    assert_eq!(fs::read_to_string(&other).unwrap(), "precious");
}

#[test]
fn devices_and_fifos_are_written_to_and_never_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let null = dir.path().join("null");
    symlink("/dev/null", &null).unwrap();
    write(&null, Existing::Truncate, "gone").unwrap();
    replace_file(&null, b"gone").unwrap();
    assert!(fs::metadata("/dev/null").unwrap().rdev() != 0);

    let fifo = dir.path().join("fifo");
    nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).unwrap();
    let error = write(&fifo, Existing::Append, "nobody").unwrap_err().to_string();
    assert_eq!(error, "nobody reads this FIFO, or it is a socket");
    let mut reader = fs::OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
    write(&fifo, Existing::Append, "hello").unwrap();
    let mut heard = [0; 5];
    io::Read::read_exact(&mut reader, &mut heard).unwrap();
    assert_eq!(&heard, b"hello");
}

#[test]
fn the_standard_streams_are_the_ones_that_pen_was_given() {
    open_owned(Path::new("/dev/stderr"), Existing::Truncate).unwrap();
    replace_file(Path::new("/dev/stdout"), b"").unwrap();
}

/// What these need, only root can set up; CI is root.
mod as_root {
    use super::*;
    use crate::privileges::is_root;

    #[test]
    fn a_file_of_another_user_is_left_alone() {
        if !is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        fs::write(&path, "theirs").unwrap();
        chown(&path, Some(OTHER), None).unwrap();
        let text = refused(write(&path, Existing::Truncate, "x"));
        assert_eq!(text, "the file belongs to uid 4711, and this program runs as uid 0: it is left alone");
        refused(replace_file(&path, b"x"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
    }

    #[test]
    fn a_link_of_another_user_is_not_followed_at_the_end_or_on_the_way() {
        if !is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        fs::create_dir(at("mine")).unwrap();
        fs::write(at("mine/file"), "precious").unwrap();
        for (target, link) in [("mine/file", "file"), ("mine", "dir"), ("nothing", "dangling")] {
            symlink(target, at(link)).unwrap();
            std::os::unix::fs::lchown(at(link), Some(OTHER), None).unwrap();
        }
        for (path, link) in [("file", "file"), ("dir/file", "dir"), ("dangling", "dangling")] {
            let expected = format!("the symbolic link '{link}' on the way belongs to uid 4711");
            assert_eq!(refused(write(&at(path), Existing::Append, "x")), expected);
            assert_eq!(refused(replace_file(&at(path), b"x")), expected);
        }
        assert_eq!(fs::read_to_string(at("mine/file")).unwrap(), "precious");
        assert!(!at("nothing").exists());
    }

    #[test]
    fn a_fifo_of_another_user_is_not_written_to() {
        if !is_root() {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let fifo = dir.path().join("fifo");
        nix::unistd::mkfifo(&fifo, Mode::S_IRWXU).unwrap();
        chown(&fifo, Some(OTHER), None).unwrap();
        let _reader = fs::OpenOptions::new().read(true).write(true).open(&fifo).unwrap();
        let text = refused(write(&fifo, Existing::Append, "x"));
        assert_eq!(text, "the FIFO belongs to uid 4711, and this program runs as uid 0");
    }
}

#[test]
fn a_saved_file_keeps_rights_and_group_of_the_one_that_it_replaces() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    umask(Mode::from_bits_truncate(0o022));
    save_file(&path, b"one").unwrap();
    let mode = || fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
    assert_eq!(mode(), 0o644);
    for rights in [0o640, 0o600, 0o664, 0o444] {
        fs::set_permissions(&path, fs::Permissions::from_mode(rights)).unwrap();
        save_file(&path, b"two").unwrap();
        assert_eq!(mode(), rights);
        replace_file(&path, b"three").unwrap();
        assert_eq!(mode(), rights);
    }
    if Uid::effective().is_root() {
        chown(&path, None, Some(OTHER)).unwrap();
        save_file(&path, b"four").unwrap();
        assert_eq!((fs::metadata(&path).unwrap().gid(), mode()), (OTHER, 0o444));
    }
    assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
}

#[test]
fn only_a_regular_file_of_ones_own_is_saved_to() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("file");
    for place in [dir.path(), Path::new("/dev/null")] {
        assert_eq!(save_file(place, b"").unwrap_err().to_string(), "a regular file is expected");
    }
    fs::write(&path, "theirs").unwrap();
    if Uid::effective().is_root() {
        chown(&path, Some(OTHER), None).unwrap();
        assert!(refused(save_file(&path, b"ours")).starts_with("the file belongs to uid 4711"));
        assert_eq!(fs::read_to_string(&path).unwrap(), "theirs");
    }
}
