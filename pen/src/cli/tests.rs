use std::os::unix::ffi::OsStringExt;

use super::*;

fn parse_words(words: &[&str]) -> Result<Request, UsageError> {
    parse(words.iter().map(OsString::from))
}

fn run(words: &[&str]) -> Invocation {
    match parse_words(words) {
        Ok(Request::Run(invocation)) => invocation,
        other => panic!("{words:?}: {other:?}"),
    }
}

fn printed(words: &[&str]) -> String {
    match parse_words(words) {
        Ok(Request::Print(text)) => text,
        other => panic!("{words:?}: {other:?}"),
    }
}

fn lines(words: &[&str]) -> Vec<String> {
    run(words).steps.into_iter().map(|step| step.line).collect()
}
