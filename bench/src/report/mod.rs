//! Results as people see them: on the terminal, in a page of the documentation, as charts.

mod chart;
mod cost_chart;
mod document;
mod latency_chart;
mod markdown;
mod summary;
mod terminal;

use std::path::Path;

pub use document::{BEGIN, END};
pub use summary::{Line, Summary};
pub use terminal::scenario;

use crate::results::Results;
use crate::{Error, Result};

/// Writes the tables to a file: between its markers if it has them, else as the whole file.
pub fn write_markdown(results: &Results, file: &Path, charts: Option<&str>) -> Result<()> {
    let old = std::fs::read_to_string(file).ok();
    let text = markdown::page(results, charts);
    let new = document::renewed(old.as_deref(), &text)
        .map_err(|reason| Error::File { path: file.to_owned(), reason: reason.to_owned() })?;
    std::fs::write(file, new).map_err(Error::doing(file.display().to_string()))
}

/// Writes the charts into a directory, `cost.svg` and `latency.svg`.
pub fn write_charts(results: &Results, directory: &Path) -> Result<()> {
    std::fs::create_dir_all(directory).map_err(Error::doing(directory.display().to_string()))?;
    for (name, text) in
        [("cost.svg", cost_chart::draw(results)), ("latency.svg", latency_chart::draw(results))]
    {
        let path = directory.join(name);
        std::fs::write(&path, text).map_err(Error::doing(path.display().to_string()))?;
    }
    Ok(())
}
