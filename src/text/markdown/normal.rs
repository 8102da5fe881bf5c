//! Small scanners over the raw text: what the parser reads wrongly, and exact places that it does not tell.

use super::model::Bytes;
use memchr::{memchr, memchr_iter};
use std::borrow::Cow;

/// No byte weighs more.
pub(super) const HEAVIEST: usize = 354;

/// At least the bytes of memory that reading this text takes, from what its bytes can become at most. The numbers are measured,
/// on every sort of text that is dense with one mark.
pub(super) fn weight(text: &str) -> usize {
    let bytes = text.as_bytes();
    let mut before = b'\n';
    let mut weight = 4 * bytes.len();
    for (at, byte) in bytes.iter().enumerate() {
        weight += match byte {
            // Runs of these are one mark, or many small ones.
            b'`' | b'\n' if *byte == before => 0,
            b'*' | b'_' | b'~' if *byte == before => 60,
            b'[' => 350,
            b'#' | b'.' | b')' | b'-' | b'+' | b'*' if matches!(bytes.get(at + 1), None | Some(b' ' | b'\t' | b'\r' | b'\n')) => 350,
            b'`' | b'|' | b'\n' | b'\r' => 210,
            b']' | b'!' | b'*' | b'_' | b'~' | b'<' | b'>' | b'&' | b'\\' | b'(' => 140,
            _ => 0,
        };
        before = *byte;
    }
    weight
}

/// The text with tabs behind fences as blanks, since the parser does not take such a line for a closing fence, and the rest of
/// the document would vanish into a code block; and with line feeds for carriage returns that end a line alone, which the
/// parser does not see everywhere. No offset changes.
pub(super) fn normalise(text: &str) -> Cow<'_, str> {
    let text = line_feeds(text);
    let mut normal = String::new();
    let (mut done, mut from) = (0, 0);
    while let Some(tab) = memchr(b'\t', &text.as_bytes()[from..]).map(|found| from + found) {
        let start = from + text[from..tab].trim_end_matches(' ').len();
        let end = text.len() - text[tab..].trim_start_matches([' ', '\t']).len();
        let rest = &text[end..];
        if (rest.is_empty() || rest.starts_with('\n') || rest.starts_with("\r\n")) && is_fence(&text[..start]) {
            normal.push_str(&text[done..start]);
            normal.extend(std::iter::repeat_n(' ', end - start));
            done = end;
        }
        from = end;
    }
    if done == 0 {
        return text;
    }
    normal.push_str(&text[done..]);
    Cow::Owned(normal)
}

/// Whether the last line has nothing but a fence behind blanks and marks of quotes.
fn is_fence(text: &str) -> bool {
    let before = match text.as_bytes().last() {
        Some(mark @ (b'`' | b'~')) => text.trim_end_matches(char::from(*mark)),
        _ => return false,
    };
    text.len() - before.len() >= 3 && before.trim_end_matches([' ', '\t', '>']).chars().next_back().is_none_or(|c| c == '\n')
}

/// With line feeds for carriage returns that end a line alone. No offset changes.
pub fn line_feeds(text: &str) -> Cow<'_, str> {
    let alone = |at: usize| text.as_bytes().get(at + 1) != Some(&b'\n');
    let mut normal = String::new();
    let mut done = 0;
    for at in memchr_iter(b'\r', text.as_bytes()).filter(|at| alone(*at)) {
        normal.push_str(&text[done..at]);
        normal.push('\n');
        done = at + 1;
    }
    if done == 0 {
        return Cow::Borrowed(text);
    }
    normal.push_str(&text[done..]);
    Cow::Owned(normal)
}

/// How many bytes of metadata the text starts with: a line `---`, lines of which the first is not blank, and a line `---` or
/// `...`; or a line `+++`, lines, and a line `+++`. Anywhere else such lines are rules or text, whatever stands between them.
pub(super) fn front_matter(text: &str) -> usize {
    let mut lines = text.split_inclusive('\n');
    let first = lines.next().unwrap_or_default();
    let toml = first.trim_end() == "+++";
    if !toml && first.trim_end() != "---" {
        return 0;
    }
    let mut end = first.len();
    for (at, line) in lines.enumerate() {
        end += line.len();
        match line.trim_end() {
            "+++" if toml => return end,
            _ if toml => {}
            "" | "---" | "..." if at == 0 => return 0,
            "---" | "..." => return end,
            _ => {}
        }
    }
    0
}

/// Whether a fenced code block, given whole, ends with a fence that closes it.
pub(super) fn is_closed(block: &str) -> bool {
    let fence = block.chars().next().unwrap_or('`');
    let opening = block.len() - block.trim_start_matches(fence).len();
    let Some((_, rest)) = block.split_once('\n') else { return false };
    let last = rest.trim_end().rsplit('\n').next().unwrap_or_default().trim_start_matches([' ', '\t', '>']);
    last.len() >= opening && last.chars().all(|c| c == fence)
}

/// What stands between the backticks of a code span, given whole; one blank on both sides does not count unless there is
/// nothing else.
pub(super) fn code_content(span: &str) -> Bytes {
    let ticks = (span.len() - span.trim_start_matches('`').len()).min(span.len() / 2);
    let inner = &span[ticks..span.len() - ticks];
    let blank = |c: char| matches!(c, ' ' | '\n' | '\r');
    let padded = inner.len() > 2 && inner.starts_with(blank) && inner.ends_with(blank) && !inner.chars().all(blank);
    let pad = usize::from(padded);
    ticks + pad..span.len() - ticks - pad
}

/// The bytes of the destination in `](destination "title")`, searched from the end of the link's own text.
pub(super) fn inline_destination(text: &str, within: Bytes) -> Option<Bytes> {
    let opening = text.get(within.clone())?.find("](")?;
    destination(text, within.start + opening + "](".len()..within.end)
}

/// The bytes of the destination in `[label]: destination "title"`.
pub(super) fn definition_destination(text: &str, within: Bytes) -> Option<Bytes> {
    let source = text.get(within.clone())?;
    let mut escaped = false;
    let end_of_label = source.char_indices().find_map(|(at, c)| {
        let closes = c == ']' && !escaped && source[at..].starts_with("]:");
        escaped = c == '\\' && !escaped;
        closes.then_some(at)
    })?;
    destination(text, within.start + end_of_label + "]:".len()..within.end)
}

/// A destination: in angle brackets up to the closing one, else up to a blank or a parenthesis that nothing opened.
fn destination(text: &str, within: Bytes) -> Option<Bytes> {
    let source = text.get(within.clone())?;
    let blanks = source.len() - source.trim_start_matches([' ', '\t', '\r', '\n', '>']).len();
    let source = &source[blanks..];
    let angle = source.starts_with('<');
    let start = within.start + blanks + usize::from(angle);
    let (mut escaped, mut depth) = (false, 0_usize);
    for (at, c) in source.char_indices().skip(usize::from(angle)) {
        let ends = match c {
            _ if escaped => false,
            '>' => angle,
            '(' if !angle => {
                depth += 1;
                false
            }
            ')' if !angle => {
                depth = depth.wrapping_sub(1);
                depth == usize::MAX
            }
            c => !angle && (c.is_ascii_whitespace() || c.is_ascii_control()),
        };
        if ends {
            return Some(start..within.start + blanks + at);
        }
        escaped = c == '\\' && !escaped;
    }
    (!angle).then(|| start..within.start + blanks + source.trim_end().len())
}

/// A heading's text without its explicit id, and the id: `Title {#id}`.
pub(super) fn explicit_id(text: &str) -> (&str, Option<&str>) {
    let split = || {
        let (before, after) = text.trim_end().strip_suffix('}')?.rsplit_once("{#")?;
        let lawful = !after.is_empty() && after.chars().all(|c| c.is_alphanumeric() || "-_.:".contains(c));
        lawful.then(|| (before.trim_end(), after))
    };
    split().map_or((text, None), |(before, id)| (before, Some(id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tabs_behind_fences_change_and_no_offset_does() {
        for (text, normal) in [
            ("```\nx\n```\t\nafter", "```\nx\n``` \nafter"),
            ("> ~~~~ \t \r\n", "> ~~~~   \r\n"),
            ("```\t\n```\t", "``` \n``` "),
            ("a\tb\n``\t\n```sh\t\n", "a\tb\n``\t\n```sh\t\n"),
            ("```\tx", "```\tx"),
            ("```\rx\r```\t\rafter\r\n\r", "```\nx\n``` \nafter\r\n\n"),
            ("```\t\r\n\t", "``` \r\n\t"),
        ] {
            assert_eq!(normalise(text), normal, "{text:?}");
        }
    }

    proptest::proptest! {
        #[test]
        fn fences_with_tabs_are_those_of_the_pattern(text in "[`~ \t>\r\na]{0,40}|([> ]{0,3}(```|~~~~)[ \t]{0,3}\r?\n){0,5}") {
            let pattern = regex::Regex::new(r"(?m)^[ \t>]*(?:`{3,}|~{3,})([ \t]*\t[ \t]*)\r?$").unwrap();
            let mut wanted = line_feeds(&text).into_owned();
            while let Some(tail) = pattern.captures(&wanted).map(|found| found.get(1).unwrap().range()) {
                wanted.replace_range(tail.clone(), &" ".repeat(tail.len()));
            }
            proptest::prop_assert_eq!(normalise(&text), wanted);
        }
    }

    #[test]
    fn metadata_stands_at_the_start_and_is_closed() {
        for (text, front) in [
            ("---\na: b\n---\nx", "---\na: b\n---\n"),
            ("--- \r\na: b\r\n...\r\nx", "--- \r\na: b\r\n...\r\n"),
            ("---\na: b\n---", "---\na: b\n---"),
            ("+++\n\na = 1\n---\n+++\nx", "+++\n\na = 1\n---\n+++\n"),
            ("+++\na = 1\n", ""),
            ("---\na: b\n+++\n", ""),
            ("---\n---\n", ""),
            ("---\n\nx\n\n---\n", ""),
            ("---\na: b\n", ""),
            (" ---\na: b\n---\n", ""),
            ("----\na: b\n----\n", ""),
            ("x\n---\na: b\n---\n", ""),
            ("", ""),
        ] {
            assert_eq!(&text[..front_matter(text)], front, "{text:?}");
        }
    }

    #[test]
    fn fences_know_whether_they_are_closed() {
        for (block, closed) in [
            ("```\nx\n```", true),
            ("```\nx\n````\n", true),
            ("```\n> ```", true),
            ("```\n```\t", true),
            ("````\nx\n```", false),
            ("```\nx\n~~~", false),
            ("```", false),
            ("```\nx", false),
            ("```\n", false),
        ] {
            assert_eq!(is_closed(block), closed, "{block:?}");
        }
    }

    #[test]
    fn destinations_have_their_own_bytes() {
        for (text, found) in [
            ("](a/b.md)", "a/b.md"),
            ("](  a(b)c 'title')", "a(b)c"),
            ("](<a b> \"t\")", "a b"),
            ("](a\\)b)", "a\\)b"),
            ("]()", ""),
            ("] (x) ](y)", "y"),
        ] {
            assert_eq!(inline_destination(text, 0..text.len()).map(|range| &text[range]), Some(found), "{text}");
        }
        for (text, found) in [("[a]: b.md", "b.md"), ("[a\\]:]: <b c> (t)", "b c"), ("[a]:\n  b 't'", "b")] {
            assert_eq!(definition_destination(text, 0..text.len()).map(|range| &text[range]), Some(found), "{text}");
        }
        assert_eq!(inline_destination("](<a", 0..4), None);
    }

    #[test]
    fn code_spans_lose_their_ticks_and_one_blank() {
        for (span, content) in [("`a`", "a"), ("`` a`b ``", "a`b"), ("` `", " "), ("`  `", "  "), ("` a`", " a"), ("` a `", "a")] {
            assert_eq!(&span[code_content(span)], content, "{span}");
        }
    }

    #[test]
    fn explicit_ids_are_taken_off() {
        assert_eq!(explicit_id("Title {#the-id}"), ("Title", Some("the-id")));
        assert_eq!(explicit_id("Set {channel}"), ("Set {channel}", None));
        assert_eq!(explicit_id("Odd {#a b}"), ("Odd {#a b}", None));
    }
}
