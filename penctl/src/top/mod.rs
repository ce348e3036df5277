//! The live view.

use std::io;

use crate::address::ControlAddr;

pub fn run(_address: &ControlAddr) -> io::Result<()> {
    Ok(())
}

/// How many columns the terminal has, if that can be found out.
pub fn terminal_width() -> Option<usize> {
    let (width, _) = ratatui::crossterm::terminal::size().ok()?;
    Some(usize::from(width)).filter(|width| *width > 0)
}
