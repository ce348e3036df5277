//! What charts are drawn with: SVG that needs nothing from elsewhere, and follows the reader's light or dark mode.

use std::fmt::Write;

/// Colours that can be told apart, also by those who see few, on white as well as on black.
const STYLE: &str = "\
text { font: 13px system-ui, sans-serif; fill: #24292f; }
.title { font-size: 15px; font-weight: 600; }
.small { font-size: 10px; fill: #57606a; }
.line { stroke: #d0d7de; stroke-width: 1; }
.axis { stroke: #57606a; stroke-width: 1; }
.end { text-anchor: end; }
.middle { text-anchor: middle; }
.c0 { fill: #0969da; stroke: #0969da; } .c1 { fill: #bc4c00; stroke: #bc4c00; }
.c2 { fill: #1a7f37; stroke: #1a7f37; } .c3 { fill: #8250df; stroke: #8250df; }
.c4 { fill: #6e7781; stroke: #6e7781; }
@media (prefers-color-scheme: dark) {
text { fill: #e6edf3; } .small { fill: #9198a1; } .line { stroke: #3d444d; } .axis { stroke: #9198a1; }
.c0 { fill: #4493f8; stroke: #4493f8; } .c1 { fill: #f0883e; stroke: #f0883e; }
.c2 { fill: #3fb950; stroke: #3fb950; } .c3 { fill: #ab7df8; stroke: #ab7df8; }
.c4 { fill: #9198a1; stroke: #9198a1; }
}
";

/// A chart in the making. Lengths are pixels, from the upper left corner.
#[derive(Debug)]
pub(super) struct Chart {
    body: String,
    width: f64,
    title: String,
}

impl Chart {
    pub(super) fn new(width: f64, title: &str) -> Chart {
        let mut chart = Chart { body: String::new(), width, title: title.to_owned() };
        if !title.is_empty() {
            chart.text(8.0, 22.0, "title", title);
        }
        chart
    }

    /// Draws another one over this one.
    pub(super) fn append(&mut self, other: &Chart) {
        self.body.push_str(&other.body);
    }

    /// Text whose line is at `y`, with classes of the style.
    pub(super) fn text(&mut self, x: f64, y: f64, class: &str, text: &str) {
        let text = escaped(text);
        let _ = writeln!(self.body, r#"<text x="{x:.1}" y="{y:.1}" class="{class}">{text}</text>"#);
    }

    pub(super) fn line(&mut self, class: &str, from: (f64, f64), to: (f64, f64)) {
        let ((x1, y1), (x2, y2)) = (from, to);
        let _ = writeln!(
            self.body,
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" class="{class}"/>"#
        );
    }

    /// A bar to the right, which tells what it means where a pointer rests on it.
    pub(super) fn bar(&mut self, class: &str, at: (f64, f64), width: f64, height: f64, meaning: &str) {
        let meaning = escaped(meaning);
        let _ = writeln!(
            self.body,
            r#"<rect x="{:.1}" y="{:.1}" width="{:.1}" height="{height:.1}" class="{class}"><title>{meaning}</title></rect>"#,
            at.0,
            at.1,
            width.max(0.5)
        );
    }

    pub(super) fn dot(&mut self, class: &str, at: (f64, f64), radius: f64, meaning: &str) {
        let meaning = escaped(meaning);
        let _ = writeln!(
            self.body,
            r#"<circle cx="{:.1}" cy="{:.1}" r="{radius:.1}" class="{class}"><title>{meaning}</title></circle>"#,
            at.0, at.1
        );
    }

    /// What the colours mean, in a line at `y`.
    pub(super) fn legend(&mut self, y: f64, names: &[String]) {
        let mut x = 8.0;
        for (number, name) in names.iter().enumerate() {
            self.bar(colour(number), (x, y - 10.0), 10.0, 10.0, name);
            self.text(x + 15.0, y, "", name);
            x += 35.0 + 8.0 * name.chars().count() as f64;
        }
    }

    /// The file.
    pub(super) fn finish(self, height: f64) -> String {
        let Chart { body, width, title } = self;
        let title = escaped(&title);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width:.0} {height:.0}\" width=\"{width:.0}\" \
             height=\"{height:.0}\" role=\"img\" aria-label=\"{title}\">\n<style>\n{STYLE}</style>\n{body}</svg>\n"
        )
    }
}

/// The colour of the proxy of this number: pen's is the first.
pub(super) fn colour(number: usize) -> &'static str {
    ["c0", "c1", "c2", "c3", "c4"][number.min(4)]
}

fn escaped(text: &str) -> String {
    let mut safe = String::new();
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            control if control.is_control() => {}
            other => safe.push(other),
        }
    }
    safe
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Fails the test unless every tag is closed by its own, and nothing comes from elsewhere.
    #[track_caller]
    pub(in crate::report) fn expect_well_formed(svg: &str) {
        let mut open = Vec::new();
        for part in svg.split('<').skip(1) {
            let (tag, text) = part.split_once('>').expect("a tag ends");
            assert!(!text.contains('>'), "{part}");
            if let Some(name) = tag.strip_prefix('/') {
                assert_eq!(open.pop(), Some(name), "{part}");
            } else if !tag.ends_with('/') {
                open.push(tag.split_whitespace().next().unwrap());
            }
            assert_eq!(tag.matches('"').count() % 2, 0, "{part}");
        }
        assert_eq!(open, [] as [&str; 0]);
        assert!(!svg.contains("href") && !svg.contains("url(") && !svg.contains("@import"));
        assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }

    #[test]
    fn a_chart_is_well_formed_whatever_its_text() {
        let mut chart = Chart::new(100.0, "a < b & \"c\"\u{7}");
        chart.bar("c0", (0.0, 0.0), 5.0, 5.0, "<script>");
        chart.dot("c1", (0.0, 0.0), 5.0, "]]>");
        chart.line("line", (0.0, 1.0), (2.0, 3.0));
        chart.legend(9.0, &["one".into(), "<two>".into()]);
        let svg = chart.finish(50.0);
        expect_well_formed(&svg);
        assert!(svg.contains("a &lt; b &amp; &quot;c&quot;</text>"), "{svg}");
        assert!(svg.contains("prefers-color-scheme: dark"));
    }
}
