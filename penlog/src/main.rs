//! penlog

fn main() {}
