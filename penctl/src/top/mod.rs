//! The live view: threads wait for keys and ask pen once a second, and the screen shows what is known. The model and the
//! view are pure.

mod listing;
mod meter;
mod model;
mod news;
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
use ratatui::crossterm::event::{Event, KeyEventKind};
use signal_hook::consts::{SIGHUP, SIGTERM};

use crate::address::ControlAddr;
use model::Model;
use news::News;
use state::{Extent, Flow, State};
use theme::Theme;

/// How long news are waited for before it is looked whether to end.
const PATIENCE: Duration = Duration::from_millis(100);

/// Shows the view until the user leaves. The terminal is as it was afterwards, also after an error or a panic.
pub fn run(address: &ControlAddr) -> io::Result<()> {
    let is_told_to_end = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(&is_told_to_end))?;
    }
    let mut terminal = ratatui::try_init()?;
    let news = news::start(address.clone());
    let ended = watch(&mut terminal, &news, &address.to_string(), &is_told_to_end);
    let restored = ratatui::try_restore();
    // After a hangup there is no terminal left that could be restored.
    if is_told_to_end.load(Ordering::Relaxed) { Ok(()) } else { ended.and(restored) }
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
        // All that is there is taken before the next drawing.
        let first = news.recv_timeout(PATIENCE).ok();
        for one in first.into_iter().chain(news.try_iter()) {
            is_stale = true;
            match one {
                News::Status(answer) => model.learn(answer, &mut state),
                News::Terminal(event) => {
                    if follow(&event?, &mut state, extent) == Flow::Quit {
                        return Ok(());
                    }
                }
            }
        }
    }
    Ok(())
}

fn follow(event: &Event, state: &mut State, extent: Extent) -> Flow {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => state.press(*key, extent),
        _ => Flow::Continue,
    }
}

/// How many columns the terminal has, if that can be found out.
pub fn terminal_width() -> Option<usize> {
    let (width, _) = ratatui::crossterm::terminal::size().ok()?;
    Some(usize::from(width)).filter(|width| *width > 0)
}
