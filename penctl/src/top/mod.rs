//! The live view: a thread asks pen once a second, and the screen shows what is known. The model and the view are pure;
//! only this file knows the terminal.

mod listing;
mod meter;
mod model;
mod poll;
mod row;
mod state;
mod theme;
mod view;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use signal_hook::consts::{SIGHUP, SIGTERM};

use crate::address::ControlAddr;
use model::Model;
use poll::News;
use state::{Extent, Flow, State};
use theme::Theme;

/// How long a key is waited for before news are looked for.
const PATIENCE: Duration = Duration::from_millis(100);

/// The exit status after a hangup: 128 and the signal's number, as of a program that the signal kills.
const HANGUP_STATUS: i32 = 128 + SIGHUP;

/// Shows the view until the user leaves. The terminal is as it was afterwards, also after an error or a panic.
pub fn run(address: &ControlAddr) -> io::Result<()> {
    let is_told_to_end = Arc::new(AtomicBool::new(false));
    signal_hook::flag::register(SIGTERM, Arc::clone(&is_told_to_end))?;
    // The terminal is gone: there is nothing to put in order, and whoever reads from it never ends.
    let at_once = Arc::new(AtomicBool::new(true));
    signal_hook::flag::register_conditional_shutdown(SIGHUP, HANGUP_STATUS, at_once)?;
    let news = poll::start(address.clone());
    let mut terminal = ratatui::try_init()?;
    let ended = watch(&mut terminal, &news, &address.to_string(), &is_told_to_end);
    ratatui::try_restore()?;
    ended
}

fn watch(
    terminal: &mut DefaultTerminal,
    news: &Receiver<News>,
    address: &str,
    is_told_to_end: &AtomicBool,
) -> io::Result<()> {
    let (mut model, mut state, theme) = (Model::default(), State::default(), Theme::from_environment());
    let mut extent = Extent::default();
    let mut is_stale = true;
    while !is_told_to_end.load(Ordering::Relaxed) {
        if is_stale {
            terminal.draw(|frame| extent = view::draw(frame, &model, &mut state, address, theme))?;
        }
        is_stale = false;
        if event::poll(PATIENCE)? {
            match event::read()? {
                Event::Key(key) if key.kind != KeyEventKind::Release => {
                    if state.press(key, extent) == Flow::Quit {
                        return Ok(());
                    }
                    is_stale = true;
                }
                Event::Resize(..) => is_stale = true,
                _ => {}
            }
        }
        while let Ok(latest) = news.try_recv() {
            model.learn(latest, &mut state);
            is_stale = true;
        }
    }
    Ok(())
}

/// How many columns the terminal has, if that can be found out.
pub fn terminal_width() -> Option<usize> {
    let (width, _) = ratatui::crossterm::terminal::size().ok()?;
    Some(usize::from(width)).filter(|width| *width > 0)
}
