//! The cells of a row as text: nothing in them can end a cell, start a line's remark, or act on whoever reads the file.

use super::Acceptance;
use std::fmt::Write;

/// Between the parts of an acceptance.
const BETWEEN: &str = " | ";

/// A backslash begins an escape; a cell without text is `-`.
pub fn write(text: &str) -> String {
    match text {
        "" => "-".to_owned(),
        "-" => escaped('-'),
        _ => {
            let mut cell = String::with_capacity(text.len());
            for (at, c) in text.char_indices() {
                match c {
                    '\\' => cell.push_str("\\\\"),
                    '\t' => cell.push_str("\\t"),
                    '\n' => cell.push_str("\\n"),
                    '\r' => cell.push_str("\\r"),
                    // A line that begins so would be a remark, or the mark of a merge conflict.
                    '#' | '<' | '=' | '>' | '|' if at == 0 => cell.push_str(&escaped(c)),
                    c if is_hidden(c) => cell.push_str(&escaped(c)),
                    c => cell.push(c),
                }
            }
            cell
        }
    }
}

/// `None`: an escape that is not known.
pub fn read(cell: &str) -> Option<String> {
    if cell == "-" {
        return Some(String::new());
    }
    let mut text = String::with_capacity(cell.len());
    let mut rest = cell;
    while let Some((before, after)) = rest.split_once('\\') {
        text.push_str(before);
        let (c, behind) = match after.strip_prefix("u{").and_then(|after| after.split_once('}')) {
            Some((hex, behind)) => (u32::from_str_radix(hex, 16).ok().and_then(char::from_u32)?, behind),
            None => {
                let c = match after.chars().next()? {
                    '\\' => '\\',
                    't' => '\t',
                    'n' => '\n',
                    'r' => '\r',
                    _ => return None,
                };
                (c, &after[1..])
            }
        };
        text.push(c);
        rest = behind;
    }
    text.push_str(rest);
    Some(text)
}

/// `who | when | why`; `who` has no `|` of its own.
pub fn accepted(acceptance: &Acceptance) -> String {
    let who = write(&acceptance.who).replace('|', &escaped('|'));
    format!("{who}{BETWEEN}{}{BETWEEN}{}", acceptance.when, write(&acceptance.why))
}

pub fn acceptance(cell: &str) -> Option<Acceptance> {
    let mut parts = cell.splitn(3, BETWEEN);
    let (who, when, why) = (read(parts.next()?)?, parts.next()?.parse().ok()?, read(parts.next()?)?);
    (!who.is_empty() && !why.is_empty()).then_some(Acceptance { who, when, why })
}

fn escaped(c: char) -> String {
    let mut text = String::new();
    // Writing to a String cannot fail.
    let _ = write!(text, "{}", c.escape_unicode());
    text
}

/// Control characters, and what hides text or turns it around.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_has_one_form() {
        for (text, cell) in [
            ("", "-"),
            ("-", "\\u{2d}"),
            ("a-b", "a-b"),
            ("#a #", "\\u{23}a #"),
            ("\\t\t\n\r", "\\\\t\\t\\n\\r"),
            ("a\u{0}b\u{85}", "a\\u{0}b\\u{85}"),
            ("\u{202e}x\u{200b}\u{feff}\u{ad}", "\\u{202e}x\\u{200b}\\u{feff}\\u{ad}"),
            ("\u{2010}\u{2027}\u{202f}é", "\u{2010}\u{2027}\u{202f}é"),
        ] {
            assert_eq!((write(text).as_str(), read(cell).as_deref()), (cell, Some(text)), "{text:?}");
        }
        for cell in ["\\", "\\x", "\\u{", "\\u{zz}", "\\u{d800}"] {
            assert_eq!(read(cell), None, "{cell}");
        }
        for (cell, lawful) in [
            ("Ada | 2026-11-21T10:00:00Z | why", true),
            ("- | 2026-11-21T10:00:00Z | why", false),
            ("Ada | 2026-11-21T10:00:00Z | -", false),
            ("Ada | 2026-11-21T10:00:00Z", false),
        ] {
            assert_eq!(acceptance(cell).is_some(), lawful, "{cell}");
        }
    }
}
