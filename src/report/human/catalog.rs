//! What verbs about configuration artifacts answer, for people.

use super::{
    body::GONE,
    canvas::{Canvas, Tone, cell, toned},
};
use crate::{
    catalog::{
        bumps::Because,
        diff::{Change, Field, What},
        history::EventKind,
    },
    report::shape::{BumpsShape, CatalogHistoryShape, Compared, DiffShape, SideShape},
};
use serde_json::Value;

/// So much of a value is shown, in characters.
const MOST: usize = 160;

pub(super) fn diff(shape: &DiffShape, canvas: &mut Canvas) {
    let line = sides((&shape.from, &shape.to), shape.compared, canvas);
    canvas.line(&line);
    for change in &shape.changes {
        canvas.gap();
        canvas.line(&head(change, canvas));
        for field in &change.fields {
            canvas.line_hanging(&format!("  {}", field_line(field, canvas)), 6);
        }
    }
    if !shape.changes.is_empty() {
        canvas.gap();
        let count = |what: What| shape.changes.iter().filter(|change| change.change == what).count();
        canvas.line(&format!("{} added, {} removed, {} changed", count(What::Added), count(What::Removed), count(What::Changed)));
    }
}

fn sides((from, to): (&SideShape, &SideShape), compared: Compared, canvas: &Canvas) -> String {
    let side = |side: &SideShape| {
        let commit = side.commit.as_ref().map(|oid| format!(" ({})", canvas.oid(oid))).unwrap_or_default();
        match side.name.as_str() {
            "." => "the work tree".to_owned(),
            name => format!("{}{commit}", canvas.foreign(name)),
        }
    };
    let what = match compared {
        Compared::Active => "what is active",
        Compared::All => "every artifact",
    };
    format!("{} -> {}: {what}", side(from), side(to))
}

pub(super) fn bumps(shape: &BumpsShape, canvas: &mut Canvas) {
    let line = sides((&shape.from, &shape.to), shape.compared, canvas);
    canvas.line(&line);
    for bump in &shape.bumps {
        let name = canvas.foreign(&format!("{}:{}", bump.class, bump.id));
        canvas.line(&format!("{name} {} -> {}: {} step, needs {}", bump.from, bump.to, bump.has.slug(), bump.needs.slug()));
        for Because { file, reason } in &bump.because {
            let file = file.as_deref().map(|file| format!("{file}#")).unwrap_or_default();
            let line = canvas.foreign(&format!("{file}{} {}", reason.pointer, reason.message));
            canvas.line_hanging(&format!("  {} {}", reason.step.slug(), line.trim_start()), 6);
        }
    }
    if shape.bumps.is_empty() {
        canvas.line("no version follows another");
    }
}

fn head(change: &Change, canvas: &Canvas) -> String {
    let (word, tone) = match change.change {
        What::Added => ("added", Tone::Good),
        What::Removed => ("removed", Tone::Bad),
        What::Changed => ("changed", Tone::Dim),
    };
    let name = canvas.foreign(&format!("{}:{}", change.class, change.id));
    let versions = match (&change.from, &change.to) {
        (Some(from), Some(to)) if from == to => canvas.foreign(from),
        (Some(from), Some(to)) => format!("{} -> {}", canvas.foreign(from), canvas.foreign(to)),
        (only, other) => only.as_ref().or(other.as_ref()).map(|only| canvas.foreign(only)).unwrap_or_default(),
    };
    format!("{} {name} {versions}", canvas.paint(word, tone)).trim_end().to_owned()
}

fn field_line(field: &Field, canvas: &Canvas) -> String {
    let file = field.file.as_deref().map(|file| canvas.foreign(file)).unwrap_or_default();
    let place = match (&field.key, field.line) {
        (_, Some(line)) => format!("{file}:{line}"),
        (Some(key), _) => format!("{file}{} ({})", canvas.foreign(&field.pointer), canvas.foreign(key)),
        _ => format!("{file}{}", canvas.foreign(&field.pointer)),
    };
    if field.is_file {
        let what = match (&field.from, &field.to) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        };
        return format!("{} {what}", if place.is_empty() { "the file" } else { &place });
    }
    let value = |value: &Option<Value>| {
        let Some(value) = value else { return GONE.to_owned() };
        let text = value.to_string();
        match text.char_indices().nth(MOST) {
            Some((at, _)) => format!("{}…", canvas.foreign(&text[..at])),
            None => canvas.foreign(&text),
        }
    };
    format!("{place} {} -> {}", value(&field.from), value(&field.to)).trim_start().to_owned()
}

pub(super) fn history(shape: &CatalogHistoryShape, canvas: &mut Canvas) {
    if shape.events.is_empty() {
        canvas.line("nothing was active");
    }
    let channels = shape.events.iter().map(|event| &event.channel).collect::<std::collections::BTreeSet<_>>().len();
    let rows: Vec<Vec<_>> = shape
        .events
        .iter()
        .map(|event| {
            let turn = &event.turn;
            let kind = turn.kind.iter().map(|kind| format!("{kind}:")).collect::<String>();
            let version = |version: &Option<String>| version.clone().unwrap_or_else(|| GONE.to_owned());
            let tone = if turn.event == EventKind::Activate { Tone::Good } else { Tone::Bad };
            vec![
                cell(event.time),
                toned(turn.event.slug(), tone),
                cell(canvas.foreign(&format!("{kind}{}", turn.id))),
                cell(canvas.foreign(&format!("{} -> {}", version(&turn.from), version(&turn.to)))),
                cell(if channels > 1 { event.channel.to_string() } else { String::new() }),
                cell(canvas.oid(&event.commit)),
                toned(canvas.foreign(&event.author), Tone::Dim),
            ]
        })
        .collect();
    canvas.rows(&rows);
}
