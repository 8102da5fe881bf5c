//! Foreign text made harmless: every renderer quotes text that others wrote through one of these.
//!
//! Foreign is whatever was not written in this program: names, titles, reasons, bodies, paths, the words of a server.
//! Nothing is dropped: what could act is shown as what it is.

use crate::text::hidden::is_hidden;
use std::borrow::Cow;

/// One line in which nothing can act on a terminal or turn text around: control characters and invisible or directional
/// characters are written as escapes (`\n`, `\u{1b}`).
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match c {
            _ if !is_hidden(c) => shown.push(c),
            '\n' | '\r' | '\t' => shown.extend(c.escape_default()),
            _ => shown.extend(c.escape_unicode()),
        }
    }
    Cow::Owned(shown)
}

/// Like [`visible`], but one character for one, so that columns stay true: for source lines. Tabs stay.
pub fn visible_in_place(line: &str) -> String {
    let show = |c: char| match c {
        '\t' => '\t',
        // The control pictures stand in the order of the control characters.
        '\0'..='\u{1f}' => char::from_u32(0x2400 + u32::from(c)).unwrap_or(char::REPLACEMENT_CHARACTER),
        '\u{7f}' => '\u{2421}',
        _ if is_hidden(c) => char::REPLACEMENT_CHARACTER,
        _ => c,
    };
    line.chars().map(show).collect()
}

/// Lines in which a CI runner finds no command: it reads `::name::` at the start of a line and `##[name]` anywhere.
pub fn neutral(text: &str) -> String {
    if !text.contains("::") && !text.contains("##[") {
        return text.to_owned();
    }
    let mut lines = String::with_capacity(text.len() + 16);
    for line in text.split_inclusive('\n') {
        let blanks = line.len() - line.trim_start().len();
        let (indent, rest) = line.split_at(blanks);
        let rest = rest.replace("##[", "## [");
        lines.push_str(indent);
        match rest.strip_prefix("::") {
            Some(rest) => lines.extend([": :", rest]),
            None => lines.push_str(&rest),
        }
    }
    lines
}

/// JSON text in which neither a terminal nor a CI runner finds anything to act on. Reads back the same: only what stands
/// inside strings is escaped.
pub fn neutral_json(json: String) -> String {
    let acts = |c: char| is_hidden(c) && c != '\n';
    if !json.contains("##[") && !json.contains(acts) {
        return json;
    }
    let mut text = String::with_capacity(json.len());
    for c in json.chars() {
        if acts(c) {
            let mut units = [0; 2];
            text.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            text.push(c);
        }
    }
    // Outside strings JSON has neither `#` nor two colons in a row, and a string starts with its quote.
    text.replace("##[", "##\\u005b")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_hidden_stays_hidden() {
        for (text, shown) in [
            ("plain é 漢 ✓", "plain é 漢 ✓"),
            ("a\u{1b}[31mred", "a\\u{1b}[31mred"),
            ("two\nlines\ttab\r", "two\\nlines\\ttab\\r"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("safe\u{202e}txt.exe", "safe\\u{202e}txt.exe"),
            ("zero\u{200b}width\u{feff}", "zero\\u{200b}width\\u{feff}"),
            ("\u{e0041}tag", "\\u{e0041}tag"),
        ] {
            assert_eq!(visible(text), shown);
            assert!(!visible_in_place(text).chars().any(|c| is_hidden(c) && c != '\t'), "{shown}");
            assert_eq!(visible_in_place(text).chars().count(), text.chars().count());
        }
        assert_eq!(visible_in_place("a\u{1b}b\u{7f}"), "a␛b␡");
    }

    #[test]
    fn runners_find_no_command() {
        for (text, shown) in [
            ("::set-output name=x::y", ": :set-output name=x::y"),
            ("a\n  ::stop-commands::x\nb", "a\n  : :stop-commands::x\nb"),
            ("\t::add-mask::x", "\t: :add-mask::x"),
            ("a ##[group]b ##[x]\n", "a ## [group]b ## [x]\n"),
            ("a::b # [c]", "a::b # [c]"),
        ] {
            assert_eq!(neutral(text), shown);
        }
    }

    #[test]
    fn json_reads_back_the_same_and_acts_on_nothing() {
        let value = serde_json::json!({"a": "\u{9b}31m\u{202e}\u{e0041}##[group]\n::x", "b\u{7f}": ["é"]});
        let text = neutral_json(serde_json::to_string_pretty(&value).unwrap());
        assert!(!text.chars().any(|c| is_hidden(c) && c != '\n') && !text.contains("##["), "{text}");
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), value);
    }
}
