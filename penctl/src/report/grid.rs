//! Columns of harmless text, drawn as a table that fits the terminal.

use std::fmt::Display;

use common::escape::Line;
use tabled::builder::Builder;
use tabled::grid::util::string::get_text_width;
use tabled::settings::formatting::TrimStrategy;
use tabled::settings::object::Columns;
use tabled::settings::{Alignment, Modify, Padding, Style, Width};

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

/// What stands between columns.
#[derive(Clone, Copy, Debug)]
enum Frame {
    Borders,
    Blanks,
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

    /// Draws it, at most so wide if there is a limit; every line is ended by a newline. Without rows it is `none`. On a
    /// narrow terminal it has no borders, and on a still narrower one each row is a block of lines.
    pub fn draw(self, limit: Option<usize>) -> String {
        if self.columns.iter().all(|column| column.cells.is_empty()) {
            return "none\n".to_owned();
        }
        let fitting = |frame| Some((frame, self.fitting(limit.unwrap_or(usize::MAX), frame)?));
        match fitting(Frame::Borders).or_else(|| fitting(Frame::Blanks)) {
            Some((frame, widths)) => self.table(frame, &widths),
            None => self.blocks(),
        }
    }

    fn table(self, frame: Frame, widths: &[usize]) -> String {
        let columns: Vec<_> = self.columns.iter().map(|column| (column.align, column.width())).collect();
        let mut builder = Builder::default();
        for column in self.columns {
            builder.push_column([column.title.to_owned()].into_iter().chain(column.cells));
        }
        let mut table = builder.build();
        match frame {
            Frame::Borders => _ = table.with(Style::rounded()),
            Frame::Blanks => _ = table.with(Style::empty()).with(Padding::new(0, 2, 0, 0)),
        }
        for (index, ((align, natural), &width)) in columns.into_iter().zip(widths).enumerate() {
            if align == Align::Right {
                table.with(Modify::new(Columns::one(index)).with(Alignment::right()));
            }
            if width < natural {
                let wrapped = Modify::new(Columns::one(index)).with(Width::wrap(width).keep_words(true));
                table.with(wrapped.with(TrimStrategy::Horizontal));
            }
        }
        let table = table.to_string();
        table.lines().map(str::trim_end).collect::<Vec<_>>().join("\n") + "\n"
    }

    /// Title and value on a line each, and a line between rows.
    fn blocks(self) -> String {
        let width = self.columns.iter().map(|column| get_text_width(column.title)).max().unwrap_or(0);
        let rows = self.columns.iter().map(|column| column.cells.len()).max().unwrap_or(0);
        let line = |column: &Column, row: usize| {
            let cell = column.cells.get(row).map(String::as_str).unwrap_or_default();
            format!("{}\n", format!("{:<width$}  {cell}", column.title).trim_end())
        };
        let block = |row| self.columns.iter().map(|column| line(column, row)).collect::<String>();
        (0..rows).map(block).collect::<Vec<_>>().join("\n")
    }

    /// The widths that the columns must have to fit, if they can: those of words give way, the widest first, and are broken
    /// within words only if nothing else helps.
    fn fitting(&self, limit: usize, frame: Frame) -> Option<Vec<usize>> {
        let mut widths: Vec<usize> = self.columns.iter().map(Column::width).collect();
        let frame = match frame {
            // One before each column and one at the end, and a blank at either side of a cell.
            Frame::Borders => widths.len() * 3 + 1,
            Frame::Blanks => (widths.len() - 1) * 2,
        };
        let least: [Vec<usize>; 2] = [Column::longest_word, |_: &Column| NARROWEST]
            .map(|least| self.columns.iter().map(least).collect());
        for least in least {
            while widths.iter().sum::<usize>() + frame > limit {
                let columns = self.columns.iter().zip(&least).zip(&mut widths);
                let wider = columns
                    .filter(|((column, least), width)| column.align == Align::Left && **width > **least)
                    .map(|(_, width)| width);
                match wider.max() {
                    Some(width) => *width -= 1,
                    None => break,
                }
            }
        }
        (widths.iter().sum::<usize>() + frame <= limit).then_some(widths)
    }
}

impl Column {
    fn width(&self) -> usize {
        self.texts().map(get_text_width).max().unwrap_or(0)
    }

    fn longest_word(&self) -> usize {
        self.texts().flat_map(|text| text.split(' ')).map(get_text_width).max().unwrap_or(0)
    }

    fn texts(&self) -> impl Iterator<Item = &str> {
        self.cells.iter().map(String::as_str).chain([self.title])
    }
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
    }

    #[test]
    fn lines_are_broken_between_words_before_words_are() {
        let table = Grid::default()
            .words("address", ["10.0.0.1:8080"].iter())
            .words("state", ["blacklisted 23s"].iter())
            .draw(Some(31));
        assert_eq!(
            table,
            r"╭───────────────┬─────────────╮
│ address       │ state       │
├───────────────┼─────────────┤
│ 10.0.0.1:8080 │ blacklisted │
│               │ 23s         │
╰───────────────┴─────────────╯
"
        );
    }

    #[test]
    fn a_narrow_terminal_has_no_borders_and_a_narrower_one_has_blocks() {
        assert_eq!(
            grid().draw(Some(24)),
            r"slot  address       sent
   0  10.0.0.1:8  1.5 MB
      080
  10  größer\u{1     0 B
      b}[2J\u{a}
      x
"
        );
        assert_eq!(
            grid().draw(Some(22)),
            r"slot     0
address  10.0.0.1:8080
sent     1.5 MB

slot     10
address  größer\u{1b}[2J\u{a}x
sent     0 B
"
        );
        for limit in 0..60 {
            let text = grid().draw(Some(limit));
            assert!(text.lines().all(|line| line.chars().count() <= limit) || limit < 23, "{limit}: {text}");
        }
    }

    #[test]
    fn a_table_without_rows_is_none() {
        assert_eq!(Grid::default().words("a", std::iter::empty::<u8>()).draw(Some(80)), "none\n");
    }
}
