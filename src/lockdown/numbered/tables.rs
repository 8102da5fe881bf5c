//! Tables of gates against the gates of the protocol: the same numbers, titles and ids, in the same order, all of them.
//!
//! Such a table starts with columns of numbers, titles and ids, one of them headed `Gate`. With a column of numbers every row
//! is a gate; without one the table counts where half of its rows name gates, and may leave some out unless it has numbers in
//! its cells, or both titles and ids. A row is compared by its number, else by its title or id; what its further columns say of
//! the gate, by [`columns`].

use super::{NUMBER, columns, inner};
use crate::{
    domain::Finding,
    gate::{LoadedGate, Protocol},
    lockdown::{
        census::{ReferenceKind, Verdict},
        desk::{Desk, Draft, did_you_mean},
        headings::{folded, with_number},
    },
    text::markdown::{Bytes, Cell, Table},
};
use std::collections::BTreeSet;

const CODE: &str = "docs/gate-table";

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Column {
    Number,
    Gate,
    Title,
    Id,
}

/// A part of a row, with its bytes.
type Said = (String, Bytes);

/// What one row says, and the positions of the gates that it says it of.
#[derive(Default)]
struct Row {
    number: Option<(usize, Bytes)>,
    title: Option<Said>,
    id: Option<Said>,
    by_title: Option<usize>,
    by_id: Option<usize>,
}

/// What a row turned out to be.
struct Judged {
    /// The gate that it is about.
    gate: Option<usize>,
    /// Another gate that it names as well.
    also: Option<usize>,
}

pub fn take(desk: &mut Desk, protocol: &Protocol) {
    let document = desk.document;
    let gates = &protocol.gates;
    let mut held: Vec<(&Table, BTreeSet<usize>)> = Vec::new();
    for table in &document.tables {
        let columns: Vec<Column> = table.header.iter().map_while(|cell| column(&cell.text)).collect();
        let gated = table.header[..columns.len()].iter().any(|cell| cell.text.to_lowercase().contains("gate"));
        if !gated {
            continue;
        }
        let rows: Vec<Row> = table.rows.iter().map(|cells| row(desk, gates, &columns, cells)).collect();
        let sure = columns.contains(&Column::Number);
        let named = rows.iter().filter(|row| row.by_title.is_some() || row.by_id.is_some()).count();
        if !sure && (named == 0 || named * 2 < rows.len()) {
            continue;
        }
        let whole = sure || rows.iter().all(|row| row.number.is_some()) || rows.iter().all(|row| row.title.is_some() && row.id.is_some());
        let (here, of_rows) = judge(desk, gates, &rows, whole);
        for (row, gate) in table.rows.iter().zip(of_rows) {
            if let Some(gate) = gate {
                columns::of_gate(desk, protocol, table, row, &gates[gate]);
            }
        }
        if whole {
            held.push((table, here));
        }
    }
    // Tables that share the gates between them leave none out.
    let all: BTreeSet<usize> = held.iter().flat_map(|(_, here)| here.iter().copied()).collect();
    if all.len() == gates.len() && held.iter().map(|(_, here)| here.len()).sum::<usize>() == gates.len() {
        return;
    }
    for (table, here) in held {
        let left_out = gates.iter().enumerate().filter(|(at, _)| !here.contains(at));
        let missing: Vec<String> = left_out.map(|(_, gate)| format!("\u{201c}{}\u{201d}", gate.header.title)).collect();
        if !missing.is_empty() {
            let message = format!("the table leaves out {} of {} gates: {}", missing.len(), gates.len(), missing.join(", "));
            let range = table.header.first().map_or(table.range.clone(), |cell| cell.range.clone());
            let range = inner(desk, &range);
            desk.problem(None, &range, Finding::error(CODE, message), None);
        }
    }
}

fn column(header: &str) -> Option<Column> {
    let header = header.to_lowercase();
    match header.trim_matches('`').trim() {
        number if NUMBER.contains(&number) => Some(Column::Number),
        "gate #" | "gate no." | "gate number" => Some(Column::Number),
        "gate" | "gates" => Some(Column::Gate),
        "title" | "name" | "gate title" | "gate name" => Some(Column::Title),
        "id" | "gate id" => Some(Column::Id),
        _ => None,
    }
}

fn row(desk: &Desk, gates: &[LoadedGate], columns: &[Column], cells: &[Cell]) -> Row {
    let of_title = |said: &str| gates.iter().position(|gate| said == folded(&gate.header.title) || said == gate.id.as_str());
    let of_id = |said: &str| gates.iter().position(|gate| said == gate.id.as_str());
    let titled = columns.contains(&Column::Title);
    let mut row = Row::default();
    for (column, cell) in columns.iter().zip(cells) {
        let range = inner(desk, &cell.range);
        let said = folded(&cell.text).into_owned();
        let number = said.trim_start_matches('#').trim_end_matches(['.', ')']).parse::<usize>().ok();
        match column {
            _ if said.is_empty() => {}
            Column::Number | Column::Gate if number.is_some() => row.number = row.number.or(number.map(|number| (number, range))),
            Column::Number => {}
            Column::Gate if !titled => title(&mut row, &cell.text, &said, range, of_title),
            Column::Title => title(&mut row, &cell.text, &said, range, of_title),
            Column::Gate | Column::Id => {
                row.by_id = of_id(&said);
                row.id = Some((said, range));
            }
        }
    }
    row
}

/// A title, perhaps behind a number.
fn title(row: &mut Row, shown: &str, said: &str, range: Bytes, of_title: impl Fn(&str) -> Option<usize>) {
    row.by_title = of_title(said);
    if let Some((number, rest)) = with_number(said).filter(|_| row.by_title.is_none() && row.number.is_none()) {
        row.by_title = of_title(rest);
        row.number = Some((number, range.clone()));
        row.title = (!rest.is_empty()).then(|| (rest.to_owned(), range));
        return;
    }
    row.title = Some((shown.to_owned(), range));
}

/// Judges each row; the positions of the gates that they are about, and of each row that is right so far. `whole`: the order
/// counts.
fn judge(desk: &mut Desk, gates: &[LoadedGate], rows: &[Row], whole: bool) -> (BTreeSet<usize>, Vec<Option<usize>>) {
    let right = |row: &Row| row.by_title.or(row.by_id).filter(|gate| row.number.as_ref().is_some_and(|(number, _)| *number == gate + 1));
    let rightly: BTreeSet<usize> = rows.iter().filter_map(right).collect();
    let mut here = BTreeSet::new();
    let mut of_rows = vec![None; rows.len()];
    let mut told = BTreeSet::new();
    let mut last = 0;
    for (at, row) in rows.iter().enumerate() {
        let Some(reference) = row.title.as_ref().or(row.id.as_ref()) else {
            here.extend(row.number.as_ref().and_then(|(number, _)| number.checked_sub(1)).filter(|at| *at < gates.len()));
            continue;
        };
        let (index, judged) = name(desk, gates, at, row, reference, &rightly);
        let mut wrong = *desk.verdict_of(index) == Verdict::Broken;
        if let (Some(id), true) = (&row.id, row.title.is_some()) {
            let index = ids(desk, gates, judged.gate, row.by_id, id);
            wrong |= *desk.verdict_of(index) == Verdict::Broken;
        }
        here.extend(judged.also);
        let Some(gate) = judged.gate else { continue };
        here.insert(gate);
        // One error for a row is enough.
        if wrong {
            continue;
        }
        of_rows[at] = Some(gate);
        let LoadedGate { number, header, .. } = &gates[gate];
        let mut fail = |message: String| desk.problem(Some(index), &reference.1, Finding::error(CODE, message), None);
        if !told.insert(gate) {
            fail(format!("gate {number} \u{201c}{}\u{201d} stands in two rows", header.title));
        } else if whole && last > *number {
            fail(format!("gate {number} stands after gate {last} here, but comes before it among the gates"));
        }
        last = last.max(*number);
    }
    (here, of_rows)
}

/// The row's title, or its id where it has none, and its number; the reference that it is.
fn name(desk: &mut Desk, gates: &[LoadedGate], at: usize, row: &Row, said: &Said, rightly: &BTreeSet<usize>) -> (usize, Judged) {
    let (text, range) = said;
    let draft = Draft { kind: ReferenceKind::Gate, text: text.clone(), target: text.clone(), range: range.clone() };
    let shown = |gate: usize| format!("\u{201c}{}\u{201d}", gates[gate].header.title);
    let is = |gate: usize| format!("{} is gate {}", shown(gate), gates[gate].number);
    let named = row.by_title.or(row.by_id.filter(|_| row.title.is_none()));
    let numbered = row.number.as_ref().map(|(number, range)| (number.checked_sub(1).filter(|at| *at < gates.len()), range));
    match (named, numbered) {
        (Some(gate), Some((by_number, place))) if by_number != Some(gate) => {
            // Where the row stands, or where another row has that number rightly, the number is the slip.
            match by_number.filter(|number| gate != at && !rightly.contains(number)) {
                Some(number) => {
                    let message = format!("gate {} is {}", gates[number].number, shown(number));
                    (desk.broken(draft, CODE, message, Some(is(gate))), Judged { gate: Some(number), also: Some(gate) })
                }
                None => {
                    let index = desk.add(draft, Verdict::Ok);
                    desk.problem(Some(index), place, Finding::error(CODE, is(gate)), None);
                    (index, Judged { gate: Some(gate), also: None })
                }
            }
        }
        (Some(gate), _) => (desk.add(draft, Verdict::Ok), Judged { gate: Some(gate), also: None }),
        (None, Some((None, _))) => {
            let message = format!("the protocol has {} gates; row {} is none", gates.len(), at + 1);
            (desk.broken(draft, CODE, message, None), Judged { gate: row.by_id, also: None })
        }
        (None, numbered) => {
            let meant = row.by_id.or(numbered.and_then(|(gate, _)| gate));
            let message = match meant {
                Some(gate) => format!("gate {} is {}", gates[gate].number, shown(gate)),
                None => format!("there is no gate \u{201c}{text}\u{201d}"),
            };
            let help = match meant {
                Some(gate) => Some(format!("make the two equal: {} has the title", gates[gate].file)),
                None => desk.similar(text, gates.iter().map(|gate| gate.header.title.as_str())).map(|title| did_you_mean(&title)),
            };
            // What is meant is not left out.
            let near = help
                .as_ref()
                .filter(|_| meant.is_none())
                .and_then(|help| gates.iter().position(|gate| did_you_mean(&gate.header.title) == *help));
            (desk.broken(draft, CODE, message, help), Judged { gate: meant.or(near), also: None })
        }
    }
}

/// The id in a column of its own.
fn ids(desk: &mut Desk, gates: &[LoadedGate], gate: Option<usize>, by_id: Option<usize>, said: &Said) -> usize {
    let (text, range) = said;
    let draft = Draft { kind: ReferenceKind::Gate, text: text.clone(), target: text.clone(), range: range.clone() };
    match gate {
        Some(gate) if by_id != Some(gate) => {
            let LoadedGate { number, id, .. } = &gates[gate];
            let help = by_id.map(|other| format!("`{text}` is the id of gate {}", gates[other].number));
            desk.broken(draft, CODE, format!("gate {number} has the id `{id}`, not `{text}`"), help)
        }
        None if by_id.is_none() => desk.broken(draft, CODE, format!("no gate has the id `{text}`"), None),
        _ => desk.add(draft, Verdict::Ok),
    }
}
