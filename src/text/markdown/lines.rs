//! The lines of a text that are plain prose: for whoever must not act on what is quoted, shown as code, listed or hidden.

use super::{
    MAX_DEPTH, html,
    model::{Bytes, Unread},
    normal, options,
};
use pulldown_cmark::{Event, Parser, Tag, TagEnd};

pub use normal::line_feeds;

/// The lines of paragraphs at the top level whose very first character is shown as plain text: they are indented by nothing, lie in
/// no quote, list, table, heading, footnote, code, link, emphasis or comment, and in no element of HTML that is open there. In the
/// order of the text, each without the line end. Metadata is none here.
pub fn plain_lines(text: &str) -> Result<Vec<Bytes>, Unread> {
    let normal = normal::normalise(text);
    let mut lines = Vec::new();
    let mut elements = html::Elements::default();
    let mut block = String::new();
    // Whether what is open around an event is one paragraph and nothing else.
    let (mut depth, mut paragraph) = (0_usize, false);
    for (event, range) in Parser::new_ext(&normal, options()).into_offset_iter() {
        match event {
            Event::Start(tag) => {
                paragraph |= depth == 0 && matches!(tag, Tag::Paragraph);
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(Unread::Deep(range.start));
                }
            }
            Event::End(tag) => {
                depth = depth.saturating_sub(1);
                paragraph &= depth > 0;
                if tag == TagEnd::HtmlBlock {
                    elements.read(&block);
                    block.clear();
                }
            }
            Event::Html(line) => block.push_str(&line),
            Event::InlineHtml(tag) => elements.read(&tag),
            Event::Text(_) if paragraph && depth == 1 && !elements.is_inside() => {
                let before = normal.as_bytes()[..range.start].last();
                if before.is_none_or(|byte| *byte == b'\n') {
                    let end = normal[range.start..].find('\n').map_or(normal.len(), |end| range.start + end);
                    let line = &normal[range.start..end];
                    lines.push(range.start..range.start + line.strip_suffix('\r').unwrap_or(line).len());
                }
            }
            _ => {}
        }
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(text: &str) -> Vec<&str> {
        plain_lines(text).unwrap().into_iter().map(|line| &text[line]).collect()
    }

    #[test]
    fn only_prose_is_plain() {
        for (text, lines) in [
            ("one\ntwo  \r\nthree *x* `y`\n\nfour\\\nfive", vec!["one", "two  ", "three *x* `y`", "four\\", "five"]),
            ("a\rb\r\nc\n", vec!["a", "b", "c"]),
            (" one\n  two\n\tthree", vec![]),
            ("x\n> y\nz", vec!["x"]),
            ("- x\ny\n\nz", vec!["z"]),
            ("1. x\n\n   y\n\nz", vec!["z"]),
            ("# h\nx\n===\ny\n---\nz", vec!["z"]),
            ("```\nx\n```\ny\n~~~\nz", vec!["y"]),
            ("    x\n\ny", vec!["y"]),
            ("| a | b |\n|---|---|\n| x | y |\nz", vec![]),
            ("a `b\nc\nd` e", vec!["a `b"]),
            ("a *b\nc\nd* e\nf", vec!["a *b", "f"]),
            ("a ~~b\nc~~", vec!["a ~~b"]),
            ("a [b\nc](x)\n[d]\n\n[d]: e\n[f]:\ng", vec!["a [b"]),
            ("a <!-- b\nc\n--> d\ne", vec!["a <!-- b", "e"]),
            ("<!-- b\n\nc\n-->\ne\n\nf", vec!["e", "f"]),
            ("<div>\na\n\nb\n\n</div>\n\nc", vec!["c"]),
            ("<details><summary>s</summary>\n\na\n\n</details>\n\nb", vec!["b"]),
            ("a <b>c\nd</b>\ne<br>\nf", vec!["a <b>c", "e<br>", "f"]),
            ("<p>\n\na <img src='</x>'>\nb", vec!["a <img src='</x>'>", "b"]),
            ("<script>\n'<b>'\n</script>\n\na", vec!["a"]),
            ("[^1]: a\nb\n\nc", vec!["c"]),
            ("---\na: b\n---\nc", vec!["c"]),
            ("\\/a\n&amp;b\n**c**\nd", vec!["&amp;b", "d"]),
            ("\u{feff}a\nb", vec!["\u{feff}a", "b"]),
        ] {
            assert_eq!(plain(text), lines, "{text:?}");
        }
        assert_eq!(plain_lines(&"> ".repeat(MAX_DEPTH + 1)), Err(Unread::Deep(2 * MAX_DEPTH)));
    }
}
