//! A command line.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use common::command::parse;
use common::escape::Line;

use super::expect_one_plain_line;
use crate::cli::{self, Invocation, Request};

/// Any words, separated by commas, as pen's command line.
pub fn command_line(bytes: &[u8]) {
    let words = bytes.split(|&byte| byte == b',').map(|word| OsStr::from_bytes(word).to_owned());
    match cli::parse(words) {
        Ok(Request::Run(invocation)) => expect_sound(&invocation),
        Ok(Request::Print(text)) => assert!(text.ends_with('\n'), "{text}"),
        // What it quotes is escaped where it is said.
        Err(error) => expect_one_plain_line(&Line(&error).to_string()),
    }
}

fn expect_sound(invocation: &Invocation) {
    assert!(invocation.listen.is_some() || invocation.config.is_some(), "nowhere to listen");
    assert!(invocation.servers.is_empty() || invocation.listen.is_some(), "a server came first");
    for step in &invocation.steps {
        assert!(!step.line.contains(['\n', '\r', '\0']), "several lines: {step:?}");
        if let Err(error) = parse(&step.line) {
            expect_one_plain_line(&Line(error.reason()).to_string());
        }
    }
    for note in &invocation.notes {
        expect_one_plain_line(note);
    }
}
