use super::*;

fn content(path: &str) -> &'static str {
    find(path).unwrap().content
}

/// What a page or a script refers to: the quoted parts that look like files.
fn references(text: &str) -> impl Iterator<Item = &str> {
    let quoted = text.split('"').skip(1).step_by(2);
    quoted.filter(|part| [".css", ".js", ".svg"].iter().any(|end| part.ends_with(end)))
}

#[test]
fn whatever_the_dashboard_refers_to_is_there() {
    let mut count = 0;
    for asset in &ASSETS {
        for reference in references(asset.content) {
            let path = format!("/{}", reference.trim_start_matches("./"));
            assert!(find(&path).is_some(), "{} refers to {reference}", asset.path);
            count += 1;
        }
    }
    assert!(count > 10, "{count}");
}

#[test]
fn nothing_comes_from_outside_and_nothing_is_inline() {
    for asset in &ASSETS {
        let text = asset.content.replace("http://www.w3.org/2000/svg", "");
        for reference in [
            "http:",
            "https:",
            "src=\"//",
            "url(",
            "@import",
            "eval(",
            "innerHTML",
            "insertAdjacentHTML",
            "document.write",
        ] {
            assert!(!text.contains(reference), "{}: {reference}", asset.path);
        }
    }
    let page = content("/");
    for inline in ["<style", "style=", "onclick", "onload", "<script>"] {
        assert!(!page.contains(inline), "{inline}");
    }
}

#[test]
fn a_file_beside_them_is_not_served() {
    for path in ["/dashboard.html", "/page.css", "/Look.css", "look.css"] {
        assert!(find(path).is_none(), "{path}");
    }
}
