//! The files of the dashboard, which are part of the program.

/// A file.
#[derive(Debug, PartialEq, Eq)]
pub struct Asset {
    /// Where it is.
    pub path: &'static str,
    /// What it is.
    pub content_type: &'static str,
    /// The whole.
    pub content: &'static str,
}

const CSS: &str = "text/css; charset=utf-8";
const JAVASCRIPT: &str = "text/javascript; charset=utf-8";

static ASSETS: [Asset; 7] = [
    Asset {
        path: "/",
        content_type: "text/html; charset=utf-8",
        content: include_str!("assets/dashboard.html"),
    },
    Asset { path: "/look.css", content_type: CSS, content: include_str!("../status/look.css") },
    Asset { path: "/dashboard.css", content_type: CSS, content: include_str!("assets/dashboard.css") },
    Asset { path: "/dashboard.js", content_type: JAVASCRIPT, content: include_str!("assets/dashboard.js") },
    Asset { path: "/history.js", content_type: JAVASCRIPT, content: include_str!("assets/history.js") },
    Asset { path: "/view.js", content_type: JAVASCRIPT, content: include_str!("assets/view.js") },
    Asset {
        path: "/favicon.svg",
        content_type: "image/svg+xml",
        content: include_str!("assets/favicon.svg"),
    },
];

/// The file at a path.
pub fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

#[cfg(test)]
mod tests;
