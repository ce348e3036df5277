//! A file of commands.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::atomic::AtomicU32;
use std::sync::{Arc, OnceLock};

use common::addr::{Host, Port};
use common::command::{Command, parse};
use common::escape::Line;

use super::expect_one_plain_line;
use crate::engine::acl::Acl;
use crate::engine::clients::client_numbers;
use crate::settings::draft::{Draft, Environment, Stage};
use crate::settings::file::read_text;
use crate::settings::resolve::Resolver;
use crate::settings::{ACL_COUNT, DEFAULT_SERVICE, Settings, Transport, write};

/// Any text as the `-F` file of a pen that starts, and then as what it finds at HUP.
pub fn config(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    // Nothing outside is to be read.
    let includes = |line: &&str| matches!(parse(line), Ok(Some(Command::Include(_))));
    let text: Vec<&str> = text.lines().filter(|line| !includes(line)).collect();
    let text = text.join("\n");

    let draft = starting();
    let environment = Arc::clone(&draft.environment);
    let Some(settings) = settings_after(&text, draft) else { return };
    expect_reproduced(&settings);
    let draft = Draft::new(settings.clone(), Stage::Live, environment);
    if let Some(again) = settings_after(&text, draft) {
        assert_eq!(entries(&again), entries(&settings), "HUP changes access lists that nobody changed");
    }
}

/// The draft of a pen that starts.
pub(super) fn starting() -> Draft {
    let environment = environment();
    Draft::new(Settings::initial(&environment.client_numbers), Stage::Start, environment)
}

/// What the text makes of a draft; the error tells where it says something wrong.
pub(super) fn read(text: &str, draft: &mut Draft) -> Result<(), String> {
    read_text(Path::new("/pen.cfg"), text, draft)
}

/// The settings when the draft is published, if the text says nothing wrong.
fn settings_after(text: &str, mut draft: Draft) -> Option<Settings> {
    if let Err(error) = read(text, &mut draft) {
        // What it quotes is escaped where it is said.
        expect_one_plain_line(&Line(&error).to_string());
        assert!(!error.contains(['\n', '\r']), "{error:?}");
        let number = error.strip_prefix("/pen.cfg:").and_then(|rest| rest.split(':').next()?.parse().ok());
        assert!(number.is_some_and(|number| (1..=text.lines().count()).contains(&number)), "{error}");
        return None;
    }
    let unchanged = draft.settings().clone();
    let settings = draft.finish().map_or(unchanged, |(settings, _)| settings);
    assert!(settings.services.get(DEFAULT_SERVICE).is_some_and(|service| !service.draining));
    Some(settings)
}

/// What `write` makes of the settings must make the same of a pen that starts.
fn expect_reproduced(settings: &Settings) {
    // Some names of files cannot be said on a line.
    let Ok(written) = write::render(settings, &[]) else { return };
    let mut draft = starting();
    assert_eq!(read(&written, &mut draft), Ok(()), "{written}");
    let unchanged = draft.settings().clone();
    let settings = draft.finish().map_or(unchanged, |(settings, _)| settings);
    assert_eq!(write::render(&settings, &[]).as_ref(), Ok(&written));
}

fn entries(settings: &Settings) -> [Vec<common::acl::Entry>; ACL_COUNT] {
    settings.acls.each_ref().map(|list: &Arc<Acl>| list.entries().to_vec())
}

fn environment() -> Arc<Environment> {
    Arc::new(Environment {
        resolver: Box::new(MadeUp),
        control: OnceLock::new(),
        exit_enabled: true,
        generations: AtomicU32::new(0),
        client_numbers: Arc::new(client_numbers()),
    })
}

/// Knows every name but those that begin with `x`, without asking anybody. Ports that begin with `u` are of UDP only, and
/// those with `t` of TCP only.
struct MadeUp;

impl Resolver for MadeUp {
    fn resolve_all(&self, host: &Host, port: u16) -> Result<Vec<SocketAddr>, String> {
        let address = match host.as_str().parse::<IpAddr>() {
            Ok(address) => address,
            Err(_) if host.as_str().starts_with('x') => return Err(format!("unknown host '{host}'")),
            Err(_) => Ipv4Addr::from_bits(number(host.as_str())).into(),
        };
        Ok(vec![SocketAddr::new(address, port)])
    }

    fn port(&self, port: &Port, transport: Transport) -> Result<u16, String> {
        let known_by_the_other = match transport {
            Transport::Stream => 'u',
            Transport::Datagram => 't',
        };
        match port {
            Port::Number(number) => Ok(*number),
            Port::Service(name) if name.starts_with(['x', known_by_the_other]) => {
                Err(format!("unknown port '{name}'"))
            }
            Port::Service(name) => Ok(number(name).to_be_bytes()[3].into()),
        }
    }
}

/// Some number that belongs to a name.
fn number(name: &str) -> u32 {
    name.bytes().fold(0, |number: u32, byte| number.wrapping_mul(31).wrapping_add(byte.into()))
}
