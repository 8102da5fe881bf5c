//! Tables of variables with a column for each channel, against what the gates ask of each variable there.
//!
//! A cell in backticks is a literal, one that ends in an ellipsis a prefix; they are judged where a gate names literals or
//! prefixes. A cell that is nothing but `required`, `optional`, `empty` or `forbidden`, with or without parentheses, must not
//! say another thing than the gate. Other words say nothing that is compared.

use crate::{
    domain::Finding,
    gate::Setting,
    lockdown::{desk::Desk, numbered::inner},
    text::markdown::{Bytes, CodeSpan},
};

use super::tables::Listing;

pub fn compare(desk: &mut Desk, listing: &Listing) {
    let table = listing.table;
    let library = desk.library;
    let Some(protocol) = &library.facts.protocol else { return };
    let bare = |text: &str| text.trim_matches('`').trim().to_owned();
    let columns: Vec<Option<String>> = table
        .header
        .iter()
        .map(|cell| bare(&cell.text))
        .map(|head| protocol.channels.keys().any(|channel| channel.as_str() == head).then_some(head))
        .collect();
    for (row, names) in table.rows.iter().zip(&listing.rows) {
        // Of several names in one row each cell speaks of all, or of one that nobody knows.
        let [(name, _)] = names.as_slice() else { continue };
        let Some(variable) = library.asked().variables.get(name) else { continue };
        for (cell, channel) in row.iter().zip(&columns) {
            let Some(asked) = channel.as_ref().and_then(|channel| variable.channels.get(channel)) else { continue };
            // A value may be such a word as well.
            let said = setting(&cell.text).filter(|said| !asked.literals.iter().any(|asked| asked == said.slug()));
            if let Some(said) = said
                && !asked.settings.is_empty()
                && !asked.settings.iter().any(|asked| agree(said, *asked))
            {
                let channel = channel.as_deref().unwrap_or_default();
                let gate = &variable.gate;
                let wanted = asked.settings.iter().map(|setting| setting.slug()).collect::<Vec<_>>().join(" or ");
                let message = format!("gate \u{201c}{gate}\u{201d} has `{name}` {wanted} on {channel}, not {}", said.slug());
                let finding = Finding::error("docs/env-cell", message).help("make the table and the gate equal");
                let range = inner(desk, &cell.range);
                desk.problem(None, &range, finding, None);
            }
            for code in codes(desk, &cell.range).into_iter().filter(|_| said.is_none()) {
                let text = code.text.trim();
                let wrong = match text.strip_suffix('\u{2026}').or_else(|| text.strip_suffix("...")) {
                    Some(prefix) => !asked.prefixes.is_empty() && !asked.prefixes.iter().any(|asked| asked == prefix),
                    None if text.starts_with('(') => false,
                    None => !asked.literals.is_empty() && !asked.literals.iter().any(|asked| asked == text),
                };
                if wrong {
                    let wanted: Vec<String> =
                        asked.prefixes.iter().map(|prefix| format!("{prefix}\u{2026}")).chain(asked.literals.iter().cloned()).collect();
                    let channel = channel.as_deref().unwrap_or_default();
                    let message = format!(
                        "gate \u{201c}{}\u{201d} asks for `{name}` as `{}` on {channel}, not as `{text}`",
                        variable.gate,
                        wanted.join("` or `")
                    );
                    desk.problem(
                        None,
                        &code.content,
                        Finding::error("docs/env-cell", message).help("make the table and the gate equal"),
                        None,
                    );
                }
            }
        }
    }
}

/// What a cell says of how a variable is set, where it says nothing else.
fn setting(text: &str) -> Option<Setting> {
    let word = text.trim_matches(|c: char| c.is_whitespace() || "`()*_".contains(c));
    Setting::ALL.iter().copied().find(|setting| word.eq_ignore_ascii_case(setting.slug()))
}

/// What is empty may also be called optional or forbidden.
fn agree(said: Setting, asked: Setting) -> bool {
    use Setting::{Empty, Forbidden, Optional};
    said == asked || matches!((said, asked), (Empty, Optional | Forbidden) | (Optional | Forbidden, Empty))
}

fn codes<'a>(desk: &Desk<'a, '_>, range: &Bytes) -> Vec<&'a CodeSpan> {
    let codes = &desk.document.codes;
    let at = codes.partition_point(|code| code.range.start < range.start);
    let end = range.end;
    codes[at..].iter().take_while(|code| code.range.end <= end).collect()
}
