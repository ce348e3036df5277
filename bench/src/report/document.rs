//! A page that people write, with a part that is made.

/// Where the part begins.
pub const BEGIN: &str = "<!-- made by scripts/bench --docs: begin -->";
/// Where it ends.
pub const END: &str = "<!-- made by scripts/bench --docs: end -->";

/// The page with the part between the markers renewed. Without markers, or without a page, the part is all of it.
pub(super) fn renewed(page: Option<&str>, part: &str) -> Result<String, &'static str> {
    let Some(page) = page.filter(|page| page.contains(BEGIN) || page.contains(END)) else {
        return Ok(part.to_owned());
    };
    let (before, rest) = page.split_once(BEGIN).ok_or("the marker is missing where the made part begins")?;
    let (_, after) = rest.split_once(END).ok_or("the marker is missing where the made part ends")?;
    Ok(format!("{before}{BEGIN}\n\n{}\n\n{END}{after}", part.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_is_renewed() {
        let page = format!("# Title\n\n{BEGIN}\nold\n{END}\n\nProse.\n");
        let new = renewed(Some(&page), "new\n").unwrap();
        assert_eq!(new, format!("# Title\n\n{BEGIN}\n\nnew\n\n{END}\n\nProse.\n"));
        assert_eq!(renewed(Some(&new), "new\n").unwrap(), new);
    }

    #[test]
    fn a_page_with_one_marker_is_left_alone() {
        assert!(renewed(Some(&format!("{BEGIN}\nprecious")), "new").is_err());
        assert!(renewed(Some(&format!("precious\n{END}")), "new").is_err());
    }

    #[test]
    fn without_markers_the_part_is_the_page() {
        assert_eq!(renewed(None, "new\n").unwrap(), "new\n");
        assert_eq!(renewed(Some("of last time"), "new\n").unwrap(), "new\n");
    }
}
