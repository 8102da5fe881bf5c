//! Foreign text in Markdown that GitHub shows: nothing in it formats, links, mentions, refers to anything, ends what is around it, or
//! is a command to a CI runner.

use super::safe::{neutral, visible};

/// Inside of a line or a table cell.
pub fn inline(text: &str) -> String {
    let mut shown = String::with_capacity(text.len() * 2);
    // So many digits and letters in a row could be a commit's id.
    let mut hex = 0;
    for c in visible(text).chars() {
        hex = if c.is_ascii_hexdigit() { hex + 1 } else { 0 };
        match c {
            '&' => shown.push_str("&amp;"),
            '<' => shown.push_str("&lt;"),
            '>' => shown.push_str("&gt;"),
            // A zero-width space after these keeps mentions, references and links from being made.
            '@' | '#' | ':' | '-' => {
                shown.push(c);
                shown.push_str("&#8203;");
            }
            '.' => shown.push_str("&#8203;."),
            '\\' | '`' | '*' | '_' | '{' | '}' | '[' | ']' | '(' | ')' | '!' | '|' | '~' | '$' => {
                shown.push('\\');
                shown.push(c);
            }
            _ => shown.push(c),
        }
        if hex == 6 {
            shown.push_str("&#8203;");
            hex = 0;
        }
    }
    shown
}

/// As code inside of a line; not for table cells, where a bar would end them.
pub fn code(text: &str) -> String {
    let text = neutral(&visible(text));
    let ticks = "`".repeat(longest_run(&text, '`') + 1);
    // A blank on both sides is taken off again, so that backticks and blanks at the ends stay what they are.
    let ends = |c: char| c == '`' || c == ' ';
    let pad = if text.starts_with(ends) || text.ends_with(ends) { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// Lines as a block, in a fence longer than any that they contain.
pub fn fenced(lines: &str) -> String {
    let fence = "`".repeat(longest_run(lines, '`').max(2) + 1);
    let end = if lines.ends_with('\n') { "" } else { "\n" };
    format!("{fence}text\n{lines}{end}{fence}\n")
}

/// The same in at most `room` bytes, its fence with it; empty where there is no room for anything.
pub fn fenced_within(lines: &str, room: usize) -> String {
    let around = fenced(lines).len() - lines.len();
    room.checked_sub(around).map(|left| fenced(&cut(lines, left))).unwrap_or_default()
}

/// Whole lines of at most `room` bytes, saying so where some are left out.
fn cut(text: &str, room: usize) -> String {
    const SAID: &str = "... cut: the report is longer than GitHub shows\n";
    if text.len() <= room {
        return text.to_owned();
    }
    let mut kept = String::new();
    for line in text.split_inclusive('\n') {
        if kept.len() + line.len() + SAID.len() > room {
            break;
        }
        kept.push_str(line);
    }
    if SAID.len() <= room { kept + SAID } else { kept }
}

fn longest_run(text: &str, wanted: char) -> usize {
    let (mut longest, mut run) = (0, 0);
    for c in text.chars() {
        run = if c == wanted { run + 1 } else { 0 };
        longest = longest.max(run);
    }
    longest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::markdown;
    use proptest::prelude::*;

    #[test]
    fn nothing_foreign_acts_inside_of_a_line() {
        for (text, shown) in [
            ("plain é 漢", "plain é 漢"),
            ("@octocat @org/team", "@&#8203;octocat @&#8203;org/team"),
            ("#1 a/b#2 GH-3", "#&#8203;1 a/b#&#8203;2 GH-&#8203;3"),
            ("https://example.com www.example.com", "https:&#8203;//example&#8203;.com www&#8203;.example&#8203;.com"),
            ("4b825dc642cb6 defaced", "4b825d&#8203;c642cb&#8203;6 deface&#8203;d"),
            ("::error::x ##[group]", ":&#8203;:&#8203;error:&#8203;:&#8203;x #&#8203;#&#8203;\\[group\\]"),
            ("<img src=x> &amp; `a` *b* [c](d) | ~~e~~", "&lt;img src=x&gt; &amp;amp; \\`a\\` \\*b\\* \\[c\\]\\(d\\) \\| \\~\\~e\\~\\~"),
            ("a\nb\u{202e}", "a\\\\nb\\\\u\\{202e\\}"),
        ] {
            assert_eq!(inline(text), shown, "{text:?}");
        }
    }

    #[test]
    fn code_shows_its_backticks() {
        for (text, shown) in [
            ("a b", "`a b`"),
            ("a`b", "``a`b``"),
            ("`a``b", "``` `a``b ```"),
            (" a ", "`  a  `"),
            ("a\nb", "`a\\nb`"),
            ("##[group]x", "`## [group]x`"),
            ("::error::", "`: :error::`"),
        ] {
            assert_eq!(code(text), shown, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn a_fence_holds_whatever_it_is(text in "(`{1,6}|~{3}|@octocat|#1|/status|<!--|-->|[ab \n>-]){0,30}|\\PC{0,40}") {
            let block = fenced(&text);
            let document = markdown::parse(&block);
            prop_assert_eq!((document.blocks.len(), document.fences.len()), (1, 1), "{}", &block);
            prop_assert!(document.fences[0].closed && document.texts.is_empty() && document.links.is_empty());
        }

        #[test]
        fn code_holds_whatever_it_is(text in "(`{1,6}|@octocat|#1|/status|<!--|\\||[ab>*_\\[\\]-]){1,20}|\\PC{1,40}") {
            let line = format!("x {} y", code(&text));
            let document = markdown::parse(&line);
            prop_assert_eq!((document.codes.len(), document.texts.len(), document.links.len(), document.comments.len()), (1, 2, 0, 0), "{}", &line);
        }
    }
}
