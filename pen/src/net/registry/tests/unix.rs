//! Unix sockets, whose files come and go with them.

use std::io::Read;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;

use super::*;

/// Listens on a Unix socket and has a client come.
fn serve_unix(rig: &mut Rig, path: &Path) {
    rig.listen(&[path.to_str().unwrap()]).unwrap();
    let told = rig.told();
    assert!(Arc::ptr_eq(&told[0][0].1, &told[1][0].1));
    let _client = UnixStream::connect(path).unwrap();
    assert_eq!(accept(&[Arc::clone(&told[0][0].1)]).peer.address.to_string(), "unix");
}

#[test]
fn a_unix_sockets_file_goes_with_its_listener() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pen");
    let mut rig = Rig::new();
    serve_unix(&mut rig, &path);
    rig.listen(&[]).unwrap();
    assert!(!path.exists());
    serve_unix(&mut rig, &path);
    drop(rig);
    assert!(!path.exists());
}

#[test]
fn who_waits_at_a_unix_socket_that_leaves_is_still_accepted() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pen");
    let mut rig = Rig::new();
    rig.listen(&[path.to_str().unwrap()]).unwrap();
    let sockets = rig.sockets();
    let mut early = UnixStream::connect(&path).unwrap();
    rig.listen(&[]).unwrap();
    assert!(UnixStream::connect(&path).is_err());
    let accepted = accept(&sockets);
    accepted.stream.write(b"welcome").unwrap();
    drop(accepted);
    let mut heard = String::new();
    early.read_to_string(&mut heard).unwrap();
    assert_eq!(heard, "welcome");
}

#[test]
fn an_abandoned_unix_socket_is_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pen");
    drop(UnixListener::bind(&path).unwrap());
    assert!(path.exists());
    serve_unix(&mut Rig::new(), &path);
}

#[test]
fn a_unix_socket_that_answers_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pen");
    let alive = UnixListener::bind(&path).unwrap();
    let error = Rig::new().listen(&[path.to_str().unwrap()]);
    assert_eq!(error, Err(format!("cannot listen on {}: another process listens there", path.display())));
    alive.set_nonblocking(true).unwrap();
    let _client = UnixStream::connect(&path).unwrap();
}

#[test]
fn a_file_that_is_no_socket_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("precious");
    std::fs::write(&path, "data").unwrap();
    assert!(Rig::new().listen(&[path.to_str().unwrap()]).is_err());
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&path, &link).unwrap();
    assert!(Rig::new().listen(&[link.to_str().unwrap()]).is_err());
    drop(SocketFile::new(&path));
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "data");
    assert!(link.is_symlink());
}

#[test]
fn a_socket_that_another_process_has_put_there_is_left_alone() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pen");
    let _ours = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let file = SocketFile::new(&path);
    std::fs::rename(&path, directory.path().join("moved")).unwrap();
    let _theirs = std::os::unix::net::UnixListener::bind(&path).unwrap();
    drop(file);
    assert!(path.exists());
}

#[test]
fn a_plan_that_is_not_carried_out_takes_its_unix_socket_away() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pen");
    let error = Rig::new().listen(&[path.to_str().unwrap(), "192.0.2.1:0"]);
    assert!(error.is_err());
    assert!(!path.exists());
}

#[test]
fn two_services_cannot_listen_on_the_same_unix_socket() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pen");
    let mut rig = Rig::new();
    serve_unix(&mut rig, &path);
    let other = Wanted { service: ServiceIndex(1), ..wanted(path.to_str().unwrap()) };
    assert!(rig.listen_on(&[wanted(path.to_str().unwrap()), other]).is_err());
    let _client = UnixStream::connect(&path).unwrap();
}

#[test]
fn a_unix_socket_of_another_service_is_not_taken_for_another_process() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("pen");
    let mut rig = Rig::new();
    serve_unix(&mut rig, &path);
    let path = path.to_str().unwrap();
    let error = rig.listen_on(&[Wanted { service: ServiceIndex(1), ..wanted(path) }]).unwrap_err();
    let reason = "a service of this pen listens there until it listens elsewhere";
    assert_eq!(error, format!("cannot listen on {path}: {reason}"));
}
