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

static ASSETS: [Asset; 11] = [
    Asset {
        path: "/",
        content_type: "text/html; charset=utf-8",
        content: include_str!("assets/dashboard.html"),
    },
    Asset {
        path: "/favicon.svg",
        content_type: "image/svg+xml",
        content: include_str!("assets/favicon.svg"),
    },
    style("/look.css", include_str!("../status/look.css")),
    style("/dashboard.css", include_str!("assets/dashboard.css")),
    script("/theme.js", include_str!("assets/theme.js")),
    script("/dashboard.js", include_str!("assets/dashboard.js")),
    script("/history.js", include_str!("assets/history.js")),
    script("/lists.js", include_str!("assets/lists.js")),
    script("/services.js", include_str!("assets/services.js")),
    script("/view.js", include_str!("assets/view.js")),
    script("/words.js", include_str!("assets/words.js")),
];

const fn style(path: &'static str, content: &'static str) -> Asset {
    Asset { path, content_type: "text/css; charset=utf-8", content }
}

const fn script(path: &'static str, content: &'static str) -> Asset {
    Asset { path, content_type: "text/javascript; charset=utf-8", content }
}

/// The file at a path.
pub fn find(path: &str) -> Option<&'static Asset> {
    ASSETS.iter().find(|asset| asset.path == path)
}

#[cfg(test)]
mod tests;
