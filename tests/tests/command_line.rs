//! The command line: what is refused and how, starting in the background, users, chroot, the pid file.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
use std::process::Command;

use pen_tests::{
    Address, Backend, Control, DeadPort, Family, Pen, Process, Stream, in_own_network, is_root,
    private_address, program, run_to_the_end, wait_until,
};

#[test]
fn without_arguments_pen_prints_its_usage() {
    let ended = Pen::run::<&str>([]);
    let text = format!("{}{}", ended.stdout, ended.stderr);
    assert!(text.starts_with("usage:"), "{text}");
}

#[test]
fn help_and_version_are_printed_and_nothing_is_started() {
    let help = Pen::run(["--help"]);
    assert_eq!(help.code, Some(0));
    for option in ["--round-robin", "-r", "--control", "--blacklist", "--check"] {
        assert!(help.stdout.contains(option), "{option} in {}", help.stdout);
    }
    let version = Pen::run(["--version"]);
    assert_eq!(version.code, Some(0));
    assert!(version.stdout.contains(env!("CARGO_PKG_VERSION")), "{}", version.stdout);
}

#[test]
fn a_text_that_cannot_be_printed_is_a_failure_without_a_panic() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let output = Command::new(program::pen()).arg("--help").stdout(full).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!((output.status.code(), &*said), (Some(1), "pen: cannot write: No space left on device\n"));
}

#[test]
fn check_says_ok_and_opens_nothing() {
    let listen = Address::Ip(private_address());
    let taken = Backend::serve_at(&listen, |_| {});
    let ended = Pen::run(["--check", &taken.address().to_string(), "127.0.0.1:1"]);
    assert_eq!((ended.code, ended.stdout.trim_end()), (Some(0), "ok"), "{}", ended.stderr);
}

#[test]
fn check_says_what_is_wrong() {
    let ended = Pen::run(["--check", "127.0.0.1:8080", "127.0.0.1:99999"]);
    let said = "pen: server: bad port '99999' in '127.0.0.1:99999': a number from 1 to 65535 or a service name is expected\n";
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(2), said));
}

#[test]
fn options_of_old_command_lines_are_accepted_and_noted() {
    for option in ["-D", "-n", "-P", "-Q", "-Z", "-S 4"] {
        let words = option.split(' ').chain(["--check", "127.0.0.1:8080", "127.0.0.1:1"]);
        let ended = Pen::run(words);
        assert_eq!(ended.code, Some(0), "{option}: {}", ended.stderr);
        assert_eq!(ended.complaints().len(), 1, "{option}: {}", ended.stderr);
        assert!(ended.stderr.contains(&option[..2]), "{option}: {}", ended.stderr);
    }
}

#[test]
fn short_options_bundle_and_values_may_be_attached() {
    let web = Backend::named("a");
    let pen = Pen::builder().servers([&web]).option("-rhb7").option("-sx600").start();
    assert_eq!(pen.ask("mode"), "hash roundrobin stubborn no weight no prio\n");
    assert_eq!((pen.ask("blacklist"), pen.ask("conn_max")), ("7\n".into(), "600\n".into()));
}

#[test]
fn long_options_mean_the_same_as_the_short_ones() {
    let web = Backend::named("a");
    let pen = Pen::builder().servers([&web]).option("--round-robin").option("--hash").option("--blacklist=7");
    let pen =
        pen.option("--stubborn").option("--weight").option("--timeout 9").option("--tracking=11").start();
    assert_eq!(pen.ask("mode"), "hash roundrobin stubborn weight no prio\n");
    let numbers = ["blacklist", "timeout", "tracking"].map(|command| pen.ask(command));
    assert_eq!(numbers, ["7\n", "9\n", "11\n"]);
}

#[test]
fn the_defaults_are_those_of_the_manual() {
    let web = Backend::named("a");
    let pen = Pen::builder().servers([&web]).start();
    let commands = ["blacklist", "timeout", "tracking", "clients_max", "conn_max", "debug", "client_acl"];
    let answers = commands.map(|command| pen.ask(command));
    assert_eq!(answers, ["30\n", "5\n", "0\n", "2048\n", "500\n", "0\n", "0\n"]);
}

#[test]
fn options_act_from_left_to_right_and_the_file_comes_last() {
    let web = Backend::named("a");
    let builder = Pen::builder().servers([&web]).option("-b 1").command("blacklist 2").option("-t 3");
    let pen = builder.command("timeout 4").option("-t 5").config("blacklist 6\n").start();
    assert_eq!((pen.ask("blacklist"), pen.ask("timeout")), ("6\n".into(), "5\n".into()));
}

#[test]
fn a_listen_in_the_file_replaces_the_positional_address() {
    let web = Backend::named("a");
    let inside = Address::Ip(private_address());
    let pen = Pen::builder().servers([&web]).config(&format!("listen {inside}\n")).start();
    assert_eq!(pen.ask("listen"), format!("{inside}\n"));
    assert_eq!(Stream::connect(&inside).unwrap().drain().text(), "a");
    assert!(Stream::connect(pen.address()).is_err(), "the positional address is not open");
}

#[test]
fn port_0_takes_a_free_port_which_listen_tells() {
    let web = Backend::named("a");
    let anything: SocketAddr = "127.0.0.1:0".parse().unwrap();
    let pen = Pen::builder().servers([&web]).listen_at(anything).start();
    let told: SocketAddr = pen.ask("listen").trim().parse().unwrap();
    assert_ne!(told.port(), 0);
    assert_eq!(Stream::connect(&told.into()).unwrap().drain().text(), "a");
}

#[test]
fn a_server_without_a_port_has_the_port_of_the_listener() {
    let pen = Pen::builder().servers(["127.0.0.1"]).start();
    assert_eq!(pen.servers()[0].port, pen.address().port());
}

#[test]
fn a_server_has_its_limits_weight_and_priority_from_the_command_line() {
    let pen = Pen::builder().servers(["127.0.0.1:1:2:3:4:5"]).start();
    let row = "0 addr 127.0.0.1 port 1 conn 0 max 2 hard 3 weight 4 prio 5 sx 0 rx 0\n";
    assert_eq!(pen.ask("servers"), row);
}

#[test]
fn an_ipv6_listening_address_works_with_and_without_brackets() {
    for brackets in [true, false] {
        let web = Backend::named_on("a", Family::Tcp6);
        let directory = tempfile::tempdir().unwrap();
        let listen = Address::unused(Family::Tcp6, directory.path());
        let text = if brackets { listen.to_string() } else { format!("::1:{}", listen.port()) };
        let control = directory.path().join("control");
        let mut command = Command::new(program::pen());
        command
            .args(["-p", "pid", "-C"])
            .arg(&control)
            .args(is_root().then_some(["-u", "root"]).iter().flatten());
        command.args([&text, &web.to_string()]).current_dir(directory.path());
        let ended = run_to_the_end(command);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert_eq!(Stream::connect(&listen).unwrap().drain().text(), "a");
        let control = Control::new(Address::Unix(control));
        let daemon = Process(control.ask("pid").trim().parse().unwrap());
        daemon.end();
    }
}

#[test]
fn in_the_background_the_parent_ends_well_when_pen_is_up() {
    let web = Backend::named("a");
    let daemon = Pen::builder().servers([&web]).start_in_background().expect("pen starts");
    assert_eq!(Stream::connect(daemon.address()).unwrap().drain().text(), "a");
    assert_eq!(daemon.ask("pid"), format!("{}\n", daemon.process().0));
    assert_eq!(fs::read_to_string(daemon.pid_file()).unwrap().trim_end(), daemon.process().0.to_string());
    daemon.stop();
    assert!(!daemon.pid_file().exists(), "the pid file is removed on a clean exit");
    assert!(!daemon.directory().join("control").exists(), "and so is the control socket");
}

#[test]
fn a_start_in_the_background_needs_nobody_who_reads_its_complaints() {
    let web = Backend::named("a");
    let directory = tempfile::tempdir().unwrap();
    let listen = Address::Ip(private_address());
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    // There are things to complain about: options of old, and a conn_max that is out of reach.
    let mut command = Command::new(program::pen());
    command.args(["-S", "5", "-x", "10000000", "-p", "pid", &listen.to_string(), &web.to_string()]);
    let status = command.current_dir(directory.path()).stderr(writer).status().unwrap();
    assert_eq!(status.code(), Some(0));
    assert_eq!(Stream::connect(&listen).unwrap().drain().text(), "a");
    let pid = fs::read_to_string(directory.path().join("pid")).unwrap();
    Process(pid.trim().parse().unwrap()).end();
}

#[test]
fn in_the_background_the_parent_fails_when_the_port_is_taken() {
    let web = Backend::named("a");
    let taken = Backend::named("other");
    let builder = Pen::builder().servers([&web]).listen_at(taken.address().clone());
    let failed = builder.start_in_background().expect_err("the port is taken");
    assert_eq!((failed.code, failed.complaints().len()), (Some(1), 1), "{}", failed.stderr);
    assert!(failed.stderr.contains(&taken.to_string()), "{}", failed.stderr);
}

#[test]
fn a_second_pen_on_the_same_port_is_refused() {
    let web = Backend::named("a");
    let first = Pen::builder().servers([&web]).start();
    let ended = Pen::run(["-f", &first.address().to_string(), &web.to_string()]);
    assert_eq!((ended.code, ended.complaints().len()), (Some(1), 1), "{}", ended.stderr);
    assert!(ended.stderr.contains(&first.address().to_string()), "{}", ended.stderr);
    assert_eq!(first.get(), "a");
}

#[test]
fn a_second_pen_on_the_same_unix_sockets_is_refused() {
    let web = Backend::named("a");
    let first = Pen::builder().servers([&web]).listen_on(Family::Unix).start();
    let ended = Pen::run(["-f", &first.address().to_string(), &web.to_string()]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert!(ended.stderr.contains(&first.address().to_string()), "{}", ended.stderr);
    assert_eq!(first.get(), "a");
}

#[test]
fn a_socket_file_left_by_a_dead_process_is_replaced() {
    let web = Backend::named("a");
    let builder = Pen::builder().servers([&web]).listen_on(Family::Unix);
    for name in ["control", "stale"] {
        let socket = std::os::unix::net::UnixListener::bind(builder.directory().join(name)).unwrap();
        drop(socket);
    }
    let stale = Address::Unix(builder.directory().join("stale"));
    let pen = builder.listen_at(stale).start();
    assert_eq!(pen.get(), "a");
}

#[test]
fn a_file_that_is_no_socket_is_never_replaced() {
    let directory = tempfile::tempdir().unwrap();
    let precious = directory.path().join("precious");
    fs::write(&precious, "data").unwrap();
    let ended = Pen::run(["-f", precious.to_str().unwrap(), "127.0.0.1:1"]);
    assert_eq!(ended.code, Some(1), "{}", ended.stderr);
    assert_eq!(fs::read_to_string(&precious).unwrap(), "data");
}

#[test]
fn the_control_socket_is_for_its_owner_only() {
    let web = Backend::named("a");
    let pen = Pen::builder().servers([&web]).start();
    let metadata = fs::metadata(pen.directory().join("control")).unwrap();
    assert!(metadata.file_type().is_socket());
    assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
}

#[test]
fn as_root_without_a_user_the_control_port_stays_closed_and_pen_says_so() {
    if !is_root() {
        return eprintln!("skipped: needs root");
    }
    let web = Backend::named("a");
    let directory = tempfile::tempdir().unwrap();
    let (listen, control) = (Address::Ip(private_address()), directory.path().join("control"));
    let mut command = Command::new(program::pen());
    command.args(["-p", "pid", "-C"]).arg(&control).args([listen.to_string(), web.to_string()]);
    let ended = run_to_the_end({
        command.current_dir(directory.path());
        command
    });
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    let answer = Stream::connect(&listen).map(|client| client.drain().text());
    let pid = fs::read_to_string(directory.path().join("pid")).unwrap();
    Process(pid.trim().parse().unwrap()).end();
    assert_eq!(answer.unwrap(), "a");
    let said =
        "pen: the control port is not opened: pen runs as root, and '-u USER' ('-u root' insists) is missing";
    assert!(ended.complaints().contains(&said), "{}", ended.stderr);
    assert!(!control.exists());
}

#[test]
fn user_changes_all_ids_and_drops_groups_and_capabilities() {
    if !is_root() {
        return eprintln!("skipped: needs root");
    }
    let web = Backend::named("a");
    let pen = Pen::builder().servers([&web]).user("nobody").start();
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap();
    let (uid, gid) = (nobody.uid.to_string(), nobody.gid.to_string());
    assert_eq!(pen.process().status("Uid"), [uid.as_str(); 4].join("\t"));
    assert_eq!(pen.process().status("Gid"), [gid.as_str(); 4].join("\t"));
    let groups = pen.process().status("Groups");
    assert!(groups.split_whitespace().all(|group| group == gid), "{groups}");
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(pen.process().status(set), "0000000000000000", "{set}");
    }
    let owner = fs::metadata(pen.directory().join("control")).unwrap().uid();
    assert_eq!(owner, nobody.uid.as_raw(), "the control socket belongs to the user");
    assert_eq!(pen.get(), "a");
    pen.stop();
}

#[test]
fn a_pen_that_began_on_a_low_port_keeps_nothing_but_the_right_to_such_ports() {
    in_own_network(|| {
        let web = Backend::named("a");
        let low: SocketAddr = "127.0.0.1:80".parse().unwrap();
        let pen = Pen::builder().servers([&web]).user("nobody").listen_at(low).start();
        let net_bind_service = "0000000000000400";
        assert_eq!(pen.process().status("CapEff"), net_bind_service);
        assert_eq!(pen.ask("listen 127.0.0.1:81"), "127.0.0.1:81\n");
        assert_eq!(
            Stream::connect(&"127.0.0.1:81".parse::<SocketAddr>().unwrap().into()).unwrap().drain().text(),
            "a"
        );
    });
}

#[test]
fn chroot_moves_root_and_working_directory_and_keeps_pen_at_work() {
    if !is_root() {
        return eprintln!("skipped: needs root");
    }
    let web = Backend::named("a");
    let builder = Pen::builder().servers([&web]).user("nobody").option("-l requests.log").option("-p pid");
    let jail = builder.directory().to_owned();
    let pen = builder.option(&format!("-j {}", jail.display())).start();
    assert_eq!((pen.process().link("root"), pen.process().link("cwd")), (jail.clone(), jail.clone()));
    assert_eq!(pen.get(), "a");
    wait_until("the pid file is in the jail", || jail.join("pid").exists());
    assert!(jail.join("requests.log").exists(), "the request log is opened after the chroot");
}

#[test]
fn files_are_created_with_the_rights_of_the_user() {
    if !is_root() {
        return eprintln!("skipped: needs root");
    }
    let web = Backend::named("a");
    let builder = Pen::builder().servers([&web]).user("nobody").option("-p pid").option("-l log");
    let pen = builder.start();
    let nobody = nix::unistd::User::from_name("nobody").unwrap().unwrap().uid.as_raw();
    for name in ["pid", "log"] {
        let file = pen.directory().join(name);
        wait_until("the file is there", || file.exists());
        assert_eq!(fs::metadata(file).unwrap().uid(), nobody, "{name}");
    }
}

#[test]
fn a_dead_server_does_not_keep_pen_from_starting() {
    let dead = DeadPort::new();
    let pen = Pen::builder().servers([&dead]).start();
    assert_eq!(pen.servers().len(), 1);
    pen.stop();
}
