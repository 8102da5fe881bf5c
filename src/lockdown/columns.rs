//! What the further columns of a table of gates or channels say of each, against the protocol.
//!
//! A column is compared where its header is exactly one of these words: `file`, `channels` and `decides` of a gate, `tag`,
//! `comes after` and `answers at` of a channel. Its cells hold names, with or without backticks, between commas or `and`;
//! `all` and `all but …` stand for channels, `nothing`, `nowhere`, `none` and a dash for none. Whatever else stands there is
//! wrong, and the finding says what is right. Deliberately absent: other headers, of which nobody knows what they mean.

use super::{desk::Desk, numbered::inner};
use crate::{
    domain::{ChannelName, Finding},
    gate::{LoadedGate, Protocol, protocol::Channel},
    text::markdown::{Cell, Table},
};
use std::collections::BTreeSet;

/// Cells for something that there is not.
const NOTHING: &[&str] = &["", "-", "\u{2013}", "\u{2014}", "none", "nothing", "nowhere"];

type Names = BTreeSet<String>;

/// What a cell must say.
struct Wanted {
    /// The sentence that the right text ends: `gate 2 decides`.
    about: String,
    /// How to write it.
    shown: String,
    /// All at once; each of these is right.
    names: Vec<Names>,
}

/// The columns of a row that is about this gate.
pub fn of_gate(desk: &mut Desk, protocol: &Protocol, table: &Table, row: &[Cell], gate: &LoadedGate) {
    let all: Vec<&str> = protocol.channels.keys().map(ChannelName::as_str).collect();
    let number = gate.number;
    for (header, cell) in table.header.iter().zip(row) {
        let (said, wanted) = match header.text.to_lowercase().as_str() {
            "file" => (said(&cell.text), exactly(format!("the file of gate {number} is"), Some(gate.file.clone()))),
            "channels" => {
                let on = |name: &&&str| gate.header.channels.as_ref().is_none_or(|on| on.iter().any(|channel| channel.as_str() == **name));
                let channels: Vec<&str> = all.iter().filter(on).copied().collect();
                let wanted = Wanted { about: format!("gate {number} is for"), shown: shown(&channels, &all), names: vec![set(&channels)] };
                (said_of_channels(&cell.text, &all), wanted)
            }
            "decides" => {
                let verbs: Vec<&str> = gate.verbs().iter().map(|verb| verb.slug()).collect();
                let wanted = Wanted { about: format!("gate {number} decides"), shown: verbs.join(", "), names: vec![set(&verbs)] };
                (said(&cell.text), wanted)
            }
            _ => continue,
        };
        compare(desk, cell, "docs/gate-cell", &said, &wanted);
    }
}

/// The columns of a row that is about this channel.
pub fn of_channel(desk: &mut Desk, protocol: &Protocol, table: &Table, row: &[Cell], name: &ChannelName, channel: &Channel) {
    for (header, cell) in table.header.iter().zip(row) {
        let (said, wanted) = match header.text.to_lowercase().as_str() {
            "tag" => (said(&cell.text), tag(protocol, name, channel)),
            "comes after" => (said(&cell.text), exactly(format!("`{name}` comes after"), channel.after.as_ref().map(ToString::to_string))),
            "answers at" => {
                // A link says where it leads.
                let links = desk.document.links.iter().filter(|link| cell.range.contains(&link.range.start));
                let links: Names = links.map(|link| link.destination.clone()).collect();
                let urls = if links.is_empty() { said(&cell.text) } else { links };
                (
                    urls.iter().map(|url| url.trim_end_matches('/').to_owned()).collect(),
                    exactly(format!("`{name}` answers at"), channel.base_url.clone()),
                )
            }
            _ => continue,
        };
        compare(desk, cell, "docs/channel-cell", &said, &wanted);
    }
}

fn compare(desk: &mut Desk, cell: &Cell, code: &str, said: &Names, wanted: &Wanted) {
    if wanted.names.contains(said) {
        return;
    }
    let Wanted { about, shown, .. } = wanted;
    let range = inner(desk, &cell.range);
    let message = match cell.text.trim() {
        "" => format!("{about} {shown}"),
        text => format!("{about} {shown}, not {}", if text.contains('`') { text.to_owned() } else { format!("`{text}`") }),
    };
    let help = format!("write {shown} here, or change the file in the folder of the gates");
    desk.problem(None, &range, Finding::error(code, message).help(help), None);
}

/// One name, or none.
fn exactly(about: String, name: Option<String>) -> Wanted {
    let shown = name.as_ref().map_or_else(|| "nothing".to_owned(), |name| format!("`{name}`"));
    Wanted { about, shown, names: vec![name.into_iter().collect()] }
}

/// The pattern, with the channel in it or not, or the tag of every package.
fn tag(protocol: &Protocol, name: &ChannelName, channel: &Channel) -> Wanted {
    let about = format!("the tag of `{name}` is");
    let Some(pattern) = &channel.tag else { return exactly(about, None) };
    let filled = pattern.as_str().replace("{channel}", name.as_str());
    let of_packages = protocol.packages.keys().map(|package| filled.replace("{package}", package.as_str())).collect();
    let one = |name: &str| Names::from([name.to_owned()]);
    Wanted { about, shown: format!("`{filled}`"), names: vec![one(&filled), one(pattern.as_str()), of_packages] }
}

fn set(names: &[&str]) -> Names {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn shown(channels: &[&str], all: &[&str]) -> String {
    let quoted = |names: &[&str]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ");
    let others: Vec<&str> = all.iter().filter(|name| !channels.contains(name)).copied().collect();
    match others.len() {
        0 => "all".to_owned(),
        count if count < channels.len() => format!("all but {}", quoted(&others)),
        _ => quoted(channels),
    }
}

/// The names in a cell.
fn said(text: &str) -> Names {
    let text = text.replace('`', "");
    let parts = text.split(',').flat_map(|part| part.split(" and ")).map(str::trim);
    parts.filter(|part| !NOTHING.contains(&part.to_lowercase().as_str())).map(str::to_owned).collect()
}

fn said_of_channels(text: &str, all: &[&str]) -> Names {
    match text.trim() {
        "all" => set(all),
        text => match text.strip_prefix("all but ").map(said) {
            // What is none of them cannot be left out.
            Some(but) if but.iter().all(|name| all.contains(&name.as_str())) => {
                all.iter().filter(|name| !but.contains(**name)).map(|name| (*name).to_owned()).collect()
            }
            _ => said(text),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_name_one_or_several_or_nothing() {
        for (text, names) in [
            ("`a`", vec!["a"]),
            ("a, `b` and c", vec!["a", "b", "c"]),
            ("`a`, and `b`", vec!["a", "b"]),
            ("nothing", vec![]),
            ("\u{2014}", vec![]),
            ("a b", vec!["a b"]),
        ] {
            assert_eq!(said(text), set(&names), "{text}");
        }
        for (text, names) in [
            ("all", vec!["a", "b", "c"]),
            ("all but `b`", vec!["a", "c"]),
            ("all but `a` and `c`", vec!["b"]),
            ("all but `x`", vec!["all but x"]),
            ("`a`, c", vec!["a", "c"]),
            ("none", vec![]),
        ] {
            assert_eq!(said_of_channels(text, &["a", "b", "c"]), set(&names), "{text}");
        }
        assert_eq!(shown(&["a", "b", "c"], &["a", "b", "c"]), "all");
        assert_eq!(shown(&["a", "c"], &["a", "b", "c"]), "all but `b`");
        assert_eq!(shown(&["b"], &["a", "b", "c"]), "`b`");
    }
}
