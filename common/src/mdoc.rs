//! Text as mdoc(7), the language of manual pages: what would mean something there is escaped.
//!
//! What a manual says is its program's business: a template in `man/`, with a placeholder for each part that comes from
//! a table.

use std::fmt::Write as _;

/// The template, its placeholders replaced: `@OPTIONS@`, on a line of its own, stands for the part of that name.
pub fn fill(template: &str, parts: &[(&str, String)]) -> String {
    let mut page = String::new();
    for line in template.lines() {
        let name = line.strip_prefix('@').and_then(|rest| rest.strip_suffix('@'));
        match parts.iter().find(|(part, _)| Some(*part) == name) {
            Some((_, text)) => page.push_str(text),
            None => page.extend([line, "\n"]),
        }
    }
    page
}

/// Paragraphs, a line each. A line `* TERM: TEXT` is an item of a list.
pub fn paragraphs(text: &str) -> String {
    let mut page = String::new();
    let mut in_list = false;
    for line in text.lines() {
        let item = line.strip_prefix("* ").and_then(|item| item.split_once(": "));
        if item.is_some() != in_list {
            page.push_str(if in_list { ".El\n" } else { ".Bl -tag -width Ds -compact\n" });
            in_list = item.is_some();
        }
        match item {
            // Writing to a string cannot fail.
            Some((term, text)) => _ = write!(page, ".It {}\n{}", usage(term), prose(text)),
            None if page.is_empty() => page.push_str(&prose(line)),
            None => _ = write!(page, ".Pp\n{}", prose(line)),
        }
    }
    if in_list {
        page.push_str(".El\n");
    }
    page
}

/// Sentences, each on a line of its own. Words in backquotes are set as literals, those in capitals among them as
/// placeholders.
pub fn prose(text: &str) -> String {
    let mut escaped = String::new();
    for (index, part) in text.split('`').enumerate() {
        let is_literal = index % 2 == 1;
        let text = if is_literal { literal(part) } else { sentences(&part.replace('\\', "\\e")) };
        escaped.push_str(&text);
    }
    let mut page = String::new();
    for line in escaped.lines().flat_map(wrapped) {
        page.extend([guard(&line), &line, "\n"]);
    }
    page
}

/// The arguments of a macro for a usage: `N [name NAME]`. What is in capitals is a placeholder, what is in brackets is
/// optional.
pub fn usage(text: &str) -> String {
    let mut line = String::new();
    let mut is_after_bracket = true;
    for Token { kind, text, is_spaced } in tokens(text) {
        if !line.is_empty() {
            // A closing bracket clings to what stands before it, an opening one to what follows.
            let clings = !is_spaced && !is_after_bracket && kind != Kind::Closing;
            line.push_str(if clings { " Ns " } else { " " });
        }
        is_after_bracket = kind == Kind::Opening;
        match kind {
            Kind::Opening => line.push_str("Oo"),
            Kind::Closing => line.push_str("Oc"),
            Kind::Placeholder => line.extend(["Ar ", text]),
            Kind::Option => line.extend(["Fl ", &argument(&text[1..])]),
            Kind::Word => line.extend(["Cm ", &argument(text)]),
            Kind::Punctuation => line.extend(["No ", &argument(text)]),
        }
    }
    line
}

/// What stands before a line of text so that it is none of macros.
fn guard(line: &str) -> &'static str {
    if line.starts_with(['.', '\'']) { "\\&" } else { "" }
}

/// A sentence in lines of a usual length, which mandoc's lint asks for.
fn wrapped(sentence: &str) -> Vec<String> {
    const LONGEST: usize = 78;
    let mut lines: Vec<String> = Vec::new();
    for word in sentence.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.len() + 1 + word.len() <= LONGEST => line.extend([" ", word]),
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

fn sentences(text: &str) -> String {
    [". ", "? ", "! "]
        .iter()
        .fold(text.to_owned(), |text, end| text.replace(end, &format!("{}\n", end.trim_end())))
}

fn literal(text: &str) -> String {
    let mut line = String::new();
    for Token { kind, text, is_spaced } in tokens(text) {
        if is_spaced && !line.is_empty() {
            line.push(' ');
        }
        let text = verbatim(text);
        match kind {
            Kind::Placeholder => line.extend(["\\fI", &text, "\\fP"]),
            Kind::Word | Kind::Option => line.extend(["\\fB", &text, "\\fP"]),
            Kind::Opening | Kind::Closing | Kind::Punctuation => line.push_str(&text),
        }
    }
    line
}

/// A word as an argument of a macro, where names of macros and marks alone would mean something.
fn argument(word: &str) -> String {
    let is_macro = (2..=3).contains(&word.len())
        && word.starts_with(|first: char| first.is_ascii_uppercase() || first == '%');
    let is_mark = word.chars().all(|character| character.is_ascii_punctuation());
    let guard = if is_macro || is_mark { "\\&" } else { "" };
    format!("{guard}{}", verbatim(word))
}

/// Characters that look like themselves, and can be copied from the page.
fn verbatim(text: &str) -> String {
    let mut escaped = String::new();
    for character in text.chars() {
        match character {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '\'' => escaped.push_str("\\(aq"),
            '"' => escaped.push_str("\\(dq"),
            '^' => escaped.push_str("\\(ha"),
            '~' => escaped.push_str("\\(ti"),
            _ => escaped.push(character),
        }
    }
    escaped
}

/// A piece of a usage or a literal.
struct Token<'a> {
    kind: Kind,
    text: &'a str,
    /// There is a blank before it.
    is_spaced: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// `[`
    Opening,
    /// `]`
    Closing,
    /// In capitals: it stands for something.
    Placeholder,
    /// `-C`
    Option,
    /// Any other word.
    Word,
    /// What stands between words.
    Punctuation,
}

fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens = Vec::new();
    let mut rest = text;
    loop {
        let trimmed = rest.trim_start();
        let is_spaced = trimmed.len() < rest.len();
        if trimmed.is_empty() {
            return tokens;
        }
        let (kind, length) = first_token(trimmed);
        let (text, after) = trimmed.split_at(length);
        tokens.push(Token { kind, text, is_spaced });
        rest = after;
    }
}

/// Kind and length of the token that `text`, which is not empty, begins with.
fn first_token(text: &str) -> (Kind, usize) {
    let until = |is_end: &dyn Fn(char) -> bool| text.find(is_end).unwrap_or(text.len());
    let no_word = |character: char| !(character.is_alphanumeric() || "_-.".contains(character));
    let capitals = until(&|character| !(character.is_ascii_uppercase() || character == '_'));
    let word = until(&no_word);
    if text.starts_with('[') {
        (Kind::Opening, 1)
    } else if text.starts_with(']') {
        (Kind::Closing, 1)
    } else if capitals > 0 && !text[capitals..].starts_with(|next: char| next.is_alphanumeric()) {
        (Kind::Placeholder, capitals)
    } else if text.starts_with('-')
        && text[1..].starts_with(|next: char| next.is_alphanumeric() || next == '-')
    {
        (Kind::Option, word)
    } else if text.starts_with(char::is_alphanumeric) {
        (Kind::Word, word)
    } else {
        // At least one character, of whatever length.
        let first = text.chars().next().map_or(1, char::len_utf8);
        let is_next = |character: char| {
            character.is_alphanumeric() || character.is_whitespace() || "[]-".contains(character)
        };
        (Kind::Punctuation, text[first..].find(is_next).map_or(text.len(), |end| first + end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn placeholders_of_a_template_are_replaced() {
        let parts = [("OPTIONS", "a\nb\n".to_owned())];
        assert_eq!(
            fill(".Sh X\n@OPTIONS@\n@OTHER@\nuser@host\n", &parts),
            ".Sh X\na\nb\n@OTHER@\nuser@host\n"
        );
    }

    #[test]
    fn sentences_begin_on_a_line_of_their_own() {
        assert_eq!(prose("One. Two? Three: 0. 1 is 0.5."), "One.\nTwo?\nThree: 0.\n1 is 0.5.\n");
    }

    #[test]
    fn long_sentences_are_wrapped() {
        let text = prose(&"word .Sh ".repeat(30));
        assert!(text.lines().count() > 1 && text.lines().all(|line| line.len() <= 80), "{text}");
        assert!(text.lines().all(|line| line.starts_with("word") || line.starts_with("\\&.Sh")), "{text}");
    }

    #[test]
    fn no_line_of_text_becomes_a_macro() {
        assert_eq!(prose(".Sh x"), "\\&.Sh x\n");
        assert_eq!(prose("Yes. 'no' is it"), "Yes.\n\\&'no' is it\n");
        assert_eq!(prose("C:\\n"), "C:\\en\n");
    }

    #[test]
    fn words_in_backquotes_are_literals_with_placeholders() {
        assert_eq!(prose("See (`no acl N`)."), "See (\\fBno\\fP \\fBacl\\fP \\fIN\\fP).\n");
        assert_eq!(
            prose("`-C`, `a-b`, `'~^\\\"`."),
            "\\fB\\-C\\fP, \\fBa\\-b\\fP, \\(aq\\(ti\\(ha\\e\\(dq.\n"
        );
        assert_eq!(prose("`HOST:PORT` or `:::PORT`"), "\\fIHOST\\fP:\\fIPORT\\fP or :::\\fIPORT\\fP\n");
        assert_eq!(prose("an open `quote"), "an open \\fBquote\\fP\n");
    }

    #[test]
    fn a_usage_is_made_of_macros() {
        assert_eq!(usage("N [name NAME] [max M]"), "Ar N Oo Cm name Ar NAME Oc Oo Cm max Ar M Oc");
        assert_eq!(usage("ADDR[/LEN]"), "Ar ADDR Ns Oo No \\&/ Ns Ar LEN Oc");
        assert_eq!(usage("[ADDR...]"), "Oo Ar ADDR Ns No \\&... Oc");
        assert_eq!(usage("up|off"), "Cm up Ns No \\&| Ns Cm off");
        assert_eq!(usage("-C --json /run/x"), "Fl C Fl \\-json No \\&/ Ns Cm run Ns No \\&/ Ns Cm x");
        assert_eq!(usage("Ns Sh on"), "Cm \\&Ns Cm \\&Sh Cm on");
    }

    #[test]
    fn a_line_with_a_star_is_an_item_of_a_list() {
        let page = paragraphs("One.\n* max M: most\n* /: all\nTwo.\n* x: y");
        let list = ".Bl -tag -width Ds -compact\n";
        let expected = [
            "One.\n",
            list,
            ".It Cm max Ar M\nmost\n.It No \\&/\nall\n.El\n.Pp\nTwo.\n",
            list,
            ".It Cm x\ny\n.El\n",
        ];
        assert_eq!(paragraphs(""), "");
        assert_eq!(page, expected.concat());
    }

    #[test]
    fn no_text_ends_in_a_panic() {
        for text in ["[", "]", "-", "--", "é", "Éa", "_", "[é|-]", "`", "``", "* ", "* é: -", "…-"] {
            let _ = (usage(text), prose(text), paragraphs(text), literal(text));
        }
    }
}
