//! How wide text is on a screen, and lines that go on below where they are wider than it.
//!
//! A line breaks between words only: a longer word (an object id, a path, a URL) overflows, so that it can be copied whole. What stands
//! in backticks is one word: half of a command may do something else than the whole.
//! Deliberately absent: asking the terminal. The width comes with [`super::Style`].

use unicode_width::UnicodeWidthStr;

/// The columns that a text takes; colours take none.
pub fn width(text: &str) -> usize {
    if text.contains('\u{1b}') { anstream::adapter::strip_str(text).to_string().width() } else { text.width() }
}

/// The text as lines of at most `most` columns; `None`: one line. Lines after the first are indented by `hanging`.
pub fn wrap(text: &str, most: Option<usize>, hanging: usize) -> Vec<String> {
    let Some(most) = most.filter(|most| width(text) > *most) else { return vec![text.to_owned()] };
    // On a very narrow screen an indentation would cost more than it shows.
    let hanging = if hanging * 2 > most { 0 } else { hanging };
    let words = text.trim_start_matches(' ');
    let indent = text.len() - words.len();
    let (mut lines, mut line, mut used, mut empty) = (Vec::new(), " ".repeat(indent), indent, true);
    for word in words_of(words) {
        let wide = width(word);
        if !empty && !word.is_empty() && used + 1 + wide > most {
            lines.push(line.trim_end().to_owned());
            (line, used, empty) = (" ".repeat(hanging), hanging, true);
        }
        if !empty {
            line.push(' ');
            used += 1;
        }
        line.push_str(word);
        (used, empty) = (used + wide, false);
    }
    lines.push(line.trim_end().to_owned());
    lines
}

/// The words of a text, code as one word.
fn words_of(text: &str) -> impl Iterator<Item = &str> {
    let mut in_code = false;
    let mut open = text.bytes().filter(|byte| *byte == b'`').count();
    text.split(move |c: char| {
        if c == '`' {
            open -= 1;
            // One that is not closed begins nothing.
            in_code = !in_code && open > 0;
        }
        c == ' ' && !in_code
    })
}

/// A text of Tagwarden's own, in Markdown: paragraphs and items are filled anew, code stays as it is. `None`: all of it does.
pub fn markdown(text: &str, most: Option<usize>) -> String {
    let Some(most) = most else { return text.to_owned() };
    blocks(text).iter().flat_map(|block| block.lines(most)).flat_map(|line| [line, "\n".to_owned()]).collect()
}

enum Block {
    Code(String),
    Prose(String),
}

impl Block {
    fn lines(&self, most: usize) -> Vec<String> {
        match self {
            Block::Code(line) => vec![line.clone()],
            Block::Prose(text) => wrap(text, Some(most), hanging(text)),
        }
    }
}

fn blocks(text: &str) -> Vec<Block> {
    let mut blocks = Vec::new();
    let (mut fenced, mut goes_on) = (false, false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") || fenced {
            fenced ^= line.trim_start().starts_with("```");
            goes_on = false;
            blocks.push(Block::Code(line.to_owned()));
            continue;
        }
        match blocks.last_mut() {
            Some(Block::Prose(block)) if goes_on && !begins_a_block(line) => {
                block.push(' ');
                block.push_str(line.trim_start());
            }
            _ => blocks.push(Block::Prose(line.to_owned())),
        }
        // Headings and rows of tables are lines of their own.
        goes_on = !line.is_empty() && !line.starts_with(['#', '|']);
    }
    blocks
}

/// Whether a line of Markdown does not belong to the paragraph or item above it. In a list of Tagwarden's own, each line is
/// indented and has two columns.
fn begins_a_block(line: &str) -> bool {
    let text = line.trim_start();
    let numbered = text.split_once(". ").is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()));
    text.is_empty() || text.starts_with(['#', '|', '-', '*']) || numbered || text.trim_end().contains("  ")
}

/// Where an item's text, or the second column of a list, begins.
fn hanging(text: &str) -> usize {
    let start = text.len() - text.trim_start().len();
    if text.starts_with('|') {
        return 2;
    }
    if text[start..].starts_with("- ") {
        return start + 2;
    }
    let gap = text[start..].find("  ").map(|gap| start + gap);
    gap.map_or(start, |gap| gap + text[gap..].len() - text[gap..].trim_start().len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_break_between_words_and_no_word_is_cut() {
        for (text, most, hanging, lines) in [
            ("one two three", Some(8), 2, vec!["one two", "  three"]),
            ("one two three", None, 2, vec!["one two three"]),
            ("  note: a b", Some(9), 4, vec!["  note: a", "    b"]),
            ("see https://example.com/a/very/long/path now", Some(12), 2, vec!["see", "  https://example.com/a/very/long/path", "  now"]),
            ("漢字 漢字 漢字", Some(9), 0, vec!["漢字 漢字", "漢字"]),
            ("e\u{301}e\u{301} e\u{301}e\u{301} x", Some(5), 0, vec!["e\u{301}e\u{301} e\u{301}e\u{301}", "x"]),
            ("a  b  c", Some(5), 0, vec!["a  b", "c"]),
            ("\u{1b}[31mstop\u{1b}[0m now or never", Some(11), 0, vec!["\u{1b}[31mstop\u{1b}[0m now or", "never"]),
            ("run `git push origin x` now", Some(12), 2, vec!["run", "  `git push origin x`", "  now"]),
            ("a ` b `c d` e", Some(5), 0, vec!["a", "` b `c", "d` e"]),
            ("narrow it is", Some(3), 4, vec!["narrow", "it", "is"]),
        ] {
            assert_eq!(wrap(text, most, hanging), lines, "{text}");
        }
    }

    #[test]
    fn widths_are_those_of_a_screen() {
        for (text, columns) in
            [("plain", 5), ("é", 1), ("e\u{301}", 1), ("漢字", 4), ("✓", 1), ("🚀", 2), ("❤\u{fe0f}", 2), ("\u{1b}[1mx\u{1b}[0m", 1)]
        {
            assert_eq!(width(text), columns, "{text}");
        }
    }

    #[test]
    fn markdown_is_filled_and_code_is_not() {
        let text = "# A heading that stays\n\nA paragraph that was\nbroken early.\n\n- an item of some\n  words\n- another\n\n```yaml\na: 1 # long enough to wrap\n```\n| `a` | means this |\n  id    what it means\n  other  x\n";
        insta::assert_snapshot!(markdown(text, Some(18)), @r"
        # A heading that
        stays

        A paragraph that
        was broken early.

        - an item of some
          words
        - another

        ```yaml
        a: 1 # long enough to wrap
        ```
        | `a` | means this
          |
          id    what it
                means
          other  x
        ");
        assert_eq!(markdown(text, None), text);
    }
}
