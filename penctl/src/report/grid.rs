//! Columns of harmless text, drawn as a table that fits the terminal.

use std::fmt::Display;

use common::escape::Line;
use tabled::builder::Builder;
use tabled::grid::util::string::get_text_width;
use tabled::settings::object::Columns;
use tabled::settings::peaker::Priority;
use tabled::settings::{Alignment, Modify, Style, Width};

/// A table under construction.
#[derive(Debug, Default)]
pub struct Grid {
    columns: Vec<Column>,
}

#[derive(Debug)]
struct Column {
    title: &'static str,
    align: Align,
    cells: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Align {
    Left,
    Right,
}

/// A column of words is not made narrower than this.
const NARROWEST: usize = 9;

impl Grid {
    /// Adds a column of words, which may be wrapped.
    pub fn words<T: Display>(self, title: &'static str, cells: impl Iterator<Item = T>) -> Grid {
        self.with(title, Align::Left, cells)
    }

    /// Adds a column of numbers.
    pub fn numbers<T: Display>(self, title: &'static str, cells: impl Iterator<Item = T>) -> Grid {
        self.with(title, Align::Right, cells)
    }

    /// Takes the latest column away if it says nothing: its cells are empty or 0.
    pub fn unless_void(mut self) -> Grid {
        self.columns.pop_if(|column| column.cells.iter().all(|cell| matches!(cell.as_str(), "" | "0")));
        self
    }

    fn with<T: Display>(mut self, title: &'static str, align: Align, cells: impl Iterator<Item = T>) -> Grid {
        let cells = cells.map(|cell| Line(cell).to_string()).collect();
        self.columns.push(Column { title, align, cells });
        self
    }

    /// Draws it, at most so wide if there is a limit; every line is ended by a newline. Without rows it is `none`.
    pub fn draw(self, limit: Option<usize>) -> String {
        if self.columns.iter().all(|column| column.cells.is_empty()) {
            return "none\n".to_owned();
        }
        let widths: Vec<usize> = self.columns.iter().map(Column::width).collect();
        let aligns: Vec<Align> = self.columns.iter().map(|column| column.align).collect();
        let mut builder = Builder::default();
        for column in self.columns {
            builder.push_column([column.title.to_owned()].into_iter().chain(column.cells));
        }
        let mut table = builder.build();
        table.with(Style::rounded());
        for (index, _) in aligns.iter().enumerate().filter(|(_, align)| **align == Align::Right) {
            table.with(Modify::new(Columns::one(index)).with(Alignment::right()));
        }
        if let Some(limit) = limit {
            for (index, width) in fitting(&widths, &aligns, limit).into_iter().enumerate() {
                if width < widths[index] {
                    table.with(Modify::new(Columns::one(index)).with(Width::wrap(width).keep_words(true)));
                }
            }
            table.with(Width::wrap(limit).priority(Priority::max(true)));
        }
        format!("{table}\n")
    }
}

impl Column {
    fn width(&self) -> usize {
        let cells = self.cells.iter().map(|cell| get_text_width(cell));
        cells.chain([get_text_width(self.title)]).max().unwrap_or(0)
    }
}

/// The widths that fit, so far as columns of words can give way: the widest first.
fn fitting(widths: &[usize], aligns: &[Align], limit: usize) -> Vec<usize> {
    let mut widths = widths.to_vec();
    // A border before each column and one at the end, and a blank at either side of a cell.
    let frame = widths.len() * 3 + 1;
    while widths.iter().sum::<usize>() + frame > limit {
        let words = widths.iter_mut().zip(aligns).filter(|(_, align)| **align == Align::Left);
        match words.map(|(width, _)| width).max() {
            Some(width) if *width > NARROWEST => *width -= 1,
            _ => break,
        }
    }
    widths
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid() -> Grid {
        Grid::default()
            .numbers("slot", [0, 10].iter())
            .words("address", ["10.0.0.1:8080", "größer\x1b[2J\nx"].iter())
            .numbers("weight", [0, 0].iter())
            .unless_void()
            .numbers("sent", ["1.5 MB", "0 B"].iter())
    }

    #[test]
    fn a_table_is_as_wide_as_what_it_holds_and_numbers_stand_at_the_right() {
        assert_eq!(
            grid().draw(None),
            r"╭──────┬───────────────────────┬────────╮
│ slot │ address               │   sent │
├──────┼───────────────────────┼────────┤
│    0 │ 10.0.0.1:8080         │ 1.5 MB │
│   10 │ größer\u{1b}[2J\u{a}x │    0 B │
╰──────┴───────────────────────┴────────╯
"
        );
    }

    #[test]
    fn words_give_way_to_a_narrow_terminal_and_numbers_stay_whole() {
        assert_eq!(
            grid().draw(Some(36)),
            r"╭──────┬──────────────────┬────────╮
│ slot │ address          │   sent │
├──────┼──────────────────┼────────┤
│    0 │ 10.0.0.1:8080    │ 1.5 MB │
│   10 │ größer\u{1b}[2J\ │    0 B │
│      │ u{a}x            │        │
╰──────┴──────────────────┴────────╯
"
        );
        for limit in 0..60 {
            let table = grid().draw(Some(limit));
            assert!(table.contains("10.0.0.1") || limit < 30, "{limit}: {table}");
            assert!(table.lines().all(|line| line.chars().count() <= limit.max(20)), "{limit}: {table}");
        }
    }

    #[test]
    fn a_table_without_rows_is_none() {
        assert_eq!(Grid::default().words("a", std::iter::empty::<u8>()).draw(Some(80)), "none\n");
    }
}
