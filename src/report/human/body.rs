//! The part of a report that is particular to its verb.

use super::{
    canvas::{Canvas, Cell, Tone, cell, duration, mark, toned},
    catalog, ledger, snapshot, sync,
};
use crate::{
    catalog::activation::Activation,
    domain::{Outcome, Reason, RefName, Verb},
    lockdown::Verdict,
    report::shape::{Body, DocsShape, DoctorShape, InitShape, LedgerPlace, MoveRef, MoveShape, RehearsalShape, RunShape, join_releases},
};

pub fn draw(body: &Body, reason: Reason, canvas: &mut Canvas) {
    match body {
        Body::Run(shape) => run(shape, canvas),
        Body::Move(shape) => moving(shape, canvas),
        Body::Rehearsal(shape) => rehearsal(shape, canvas),
        Body::Status(shape) => ledger::status(shape, canvas),
        Body::Channel(shape) => ledger::channels(std::slice::from_ref(shape), canvas),
        Body::Version(shape) => canvas.line(&format!("tagwarden {}", shape.version)),
        Body::Resolve(shape) => ledger::resolve(shape, canvas),
        Body::History(shape) => ledger::history(shape, canvas),
        Body::Audit(shape) => ledger::audit(shape, canvas),
        Body::Policy(shape) => ledger::policy(shape, canvas),
        Body::Entry(shape) => ledger::entry(shape, reason, canvas),
        Body::Doctor(shape) => doctor(shape, canvas),
        Body::Docs(shape) => docs(shape, canvas),
        Body::Catalog(shape) => canvas.line(&shape.summary()),
        Body::Sync(shape) => sync::draw(shape, canvas),
        Body::Diff(shape) => catalog::diff(shape, canvas),
        Body::CatalogHistory(shape) => catalog::history(shape, canvas),
        Body::Immutability(shape) => canvas.line(&shape.summary()),
        Body::Bumps(shape) => catalog::bumps(shape, canvas),
        Body::Snapshot(shape) => snapshot::draw(shape, canvas),
        Body::Init(shape) => init(shape, canvas),
        Body::Text(_) => {}
        Body::Error(shape) => {
            let head = canvas.paint(&format!("error[{reason}]"), Tone::Bad);
            canvas.line(&format!("{head}: {}", canvas.foreign(&shape.message)));
        }
    }
}

fn run(run: &RunShape, canvas: &mut Canvas) {
    let subject = run.commit.as_ref().map_or_else(|| "the work tree (draft)".to_owned(), |oid| format!("commit {}", canvas.oid(oid)));
    let policy = run.policy.as_ref().map_or_else(|| "its own gates".to_owned(), |oid| format!("policy {}", canvas.oid(oid)));
    canvas.line(&format!("verify {} for {} by {policy}", subject, run.channel));
    gates(run, canvas);
}

fn gates(run: &RunShape, canvas: &mut Canvas) {
    let rows: Vec<Vec<Cell>> = run
        .gates
        .iter()
        .map(|gate| {
            let why = match gate.outcome {
                Outcome::Passed => String::new(),
                Outcome::Skipped => "not run".to_owned(),
                Outcome::Failed | Outcome::Inconclusive => gate.reason_code.to_string(),
            };
            let mut remarks = Vec::new();
            remarks.extend(gate.is_advisory().then(|| "advisory".to_owned()));
            remarks.extend(gate.waiver.as_ref().map(|w| format!("waived until {} by {} (entry {})", w.until, w.by, w.serial)));
            remarks.extend(gate.owner.as_ref().map(|owner| format!("owner {owner}")));
            if canvas.style.verbose > 0 {
                remarks.extend(gate.evidence.as_ref().map(ToString::to_string));
            }
            vec![
                mark(gate.outcome),
                cell(format!("{:>2}", gate.number)),
                cell(&gate.id),
                cell(&gate.title),
                toned(gate.duration_ms.map(duration).unwrap_or_default(), Tone::Dim),
                cell(why),
                toned(remarks.join(", "), Tone::Dim),
            ]
        })
        .collect();
    canvas.rows(&rows);
}

fn moving(shape: &MoveShape, canvas: &mut Canvas) {
    let retires: Vec<String> = shape.retires.iter().map(|retired| format!("without {}", canvas.foreign(&retired.to_string()))).collect();
    let releases = shape.releases.iter().map(|release| release.name().to_string());
    let what: Vec<String> = releases.chain(retires.iter().cloned()).collect();
    let sentence = match (shape.verb, what.join(", ")) {
        (Verb::Rollback, what) if what.is_empty() => format!("rollback {} to nothing", shape.channel),
        (verb, what) if what.is_empty() => format!("{verb} nothing to {}", shape.channel),
        (verb, what) if shape.releases.is_empty() => format!("{verb} {}: {what}", shape.channel),
        (Verb::Rollback, what) => format!("rollback {} to {what}", shape.channel),
        (verb, _) if retires.is_empty() => format!("{verb} {} to {}", what.join(", "), shape.channel),
        (verb, _) => format!("{verb} {} to {}, {}", join_releases(&shape.releases, ", "), shape.channel, retires.join(", ")),
    };
    let planned = if shape.dry_run { " (dry run)" } else { "" };
    canvas.line(&format!("{sentence}{planned}"));
    for Activation { artifact, from, to } in &shape.activates {
        let version = |version: &Option<String>| version.clone().unwrap_or_else(|| GONE.to_owned());
        canvas.line(&format!("  {artifact} {} -> {}", canvas.foreign(&version(from)), version(to)));
    }
    moves(&shape.moves, shape.dry_run, canvas);
    match &shape.ledger {
        Some(ledger) => ledger_line(ledger, canvas),
        None => canvas.line(if shape.dry_run { "  nothing is written in a dry run" } else { "  nothing moved" }),
    }
    for (run, side) in [(&shape.run, "before"), (&shape.after, "after")] {
        if let Some(run) = run.as_ref().filter(|run| !run.gates.is_empty()) {
            canvas.gap();
            canvas.line(&format!("gates {side} the move"));
            gates(run, canvas);
        }
    }
    if !shape.hooks.is_empty() {
        canvas.gap();
        canvas.line(if shape.dry_run { "would be called after the move" } else { "called after the move" });
        let rows = shape.hooks.iter().map(|hook| {
            let (word, tone) = match hook.taken {
                Some(true) => ("taken", Tone::Good),
                Some(false) => ("failed", Tone::Bad),
                None => ("", Tone::Dim),
            };
            vec![toned(word, tone), cell(&hook.name), cell(canvas.foreign(&hook.detail)), toned(hook.keys.join(", "), Tone::Dim)]
        });
        let rows: Vec<Vec<Cell>> = rows.collect();
        canvas.rows(&rows);
    }
}

pub(super) const GONE: &str = "none";

pub(super) fn moves(moves: &[MoveRef], is_planned: bool, canvas: &mut Canvas) {
    let rows: Vec<Vec<Cell>> = moves
        .iter()
        .map(|made| {
            let commit = made.commit.as_ref().map(|oid| format!("commit {}", canvas.oid(oid))).unwrap_or_default();
            vec![
                cell(&made.name),
                cell(format!(
                    "{} -> {}",
                    canvas.oid_or(made.from.as_ref(), GONE),
                    canvas.oid_or(made.to.as_ref(), if is_planned { made.planned() } else { GONE })
                )),
                toned(commit, Tone::Dim),
            ]
        })
        .collect();
    canvas.rows(&rows);
}

pub(super) fn ledger_line(ledger: &LedgerPlace, canvas: &mut Canvas) {
    canvas.line(&format!("  ledger entry {} ({}) on {}", ledger.serial, canvas.oid(&ledger.entry), short_ref(&ledger.name)));
}

fn short_ref(name: &RefName) -> &str {
    name.as_str().strip_prefix("refs/heads/").unwrap_or(name.as_str())
}

fn rehearsal(shape: &RehearsalShape, canvas: &mut Canvas) {
    canvas.line(&format!("rehearsal: {} steps in {}", shape.steps.len(), duration(shape.duration_ms)));
    let rows: Vec<Vec<Cell>> = shape
        .steps
        .iter()
        .enumerate()
        .map(|(at, step)| {
            vec![
                mark(step.outcome),
                cell(format!("{:>2}", at + 1)),
                cell(&step.name),
                toned(step.duration_ms.map(duration).unwrap_or_default(), Tone::Dim),
                cell(step.detail.as_deref().unwrap_or_default()),
            ]
        })
        .collect();
    canvas.rows(&rows);
    for (head, lines) in [("stand-ins", &shape.stand_ins), ("proves", &shape.proves), ("does not prove", &shape.does_not_prove)] {
        if !lines.is_empty() {
            canvas.line(&format!("{head}: {}", canvas.foreign(&lines.join("; "))));
        }
    }
    if let Some(place) = &shape.ledger {
        ledger_line(place, canvas);
    }
}

fn doctor(shape: &DoctorShape, canvas: &mut Canvas) {
    let rows: Vec<Vec<Cell>> = shape
        .checks
        .iter()
        .map(|check| {
            // What is wrong is a finding, with its help.
            let detail = check.detail.as_deref().filter(|_| check.finding().is_none());
            vec![
                mark(check.outcome),
                cell(&check.name),
                cell(detail.unwrap_or_default()),
                toned(if check.fixed { "mended" } else { "" }, Tone::Good),
            ]
        })
        .collect();
    canvas.rows(&rows);
    for check in shape.checks.iter().filter(|check| check.outcome == Outcome::Skipped) {
        if let Some(help) = &check.help {
            canvas.line(&format!("help: {}: {}", canvas.foreign(&check.name), canvas.foreign(help)));
        }
    }
}

fn docs(shape: &DocsShape, canvas: &mut Canvas) {
    canvas.line(&shape.summary());
    if shape.listing {
        let rows: Vec<Vec<Cell>> = shape
            .references()
            .map(|reference| {
                let tone = match reference.verdict {
                    Verdict::Ok => Tone::Good,
                    Verdict::Broken => Tone::Bad,
                    Verdict::Pending(_) | Verdict::Foreign(_) | Verdict::Unchecked(_) => Tone::Unsure,
                };
                vec![
                    cell(format!("{}:{}:{}", reference.file, reference.line, reference.column)),
                    cell(reference.kind),
                    toned(reference.verdict.slug(), tone),
                    cell(reference.text),
                    toned(if reference.target == reference.text { "" } else { reference.target }, Tone::Dim),
                ]
            })
            .collect();
        canvas.rows(&rows);
    }
    let rows: Vec<Vec<Cell>> = shape
        .unchecked
        .iter()
        .map(|unchecked| vec![cell(format!("{:>6}", unchecked.count)), cell(unchecked.kind), toned(&unchecked.reason, Tone::Dim)])
        .collect();
    canvas.rows(&rows);
    for fixed in &shape.fixed {
        canvas.line(&format!("  mended {} place(s) in {}", fixed.places, canvas.foreign(&fixed.file)));
    }
    for change in &shape.changes {
        let Some(diff) = &change.diff else { continue };
        canvas.gap();
        canvas.line(&format!(
            "{} ({}) since it was reviewed for {}",
            canvas.foreign(&change.target),
            change.kind,
            canvas.foreign(&change.document)
        ));
        for line in diff {
            canvas.line(&format!("  {}", canvas.foreign(line)));
        }
    }
    if let Some(lock) = &shape.lock {
        let numbers = [(lock.added, "added"), (lock.removed, "removed"), (lock.changed, "changed"), (lock.accepted, "accepted")];
        let how: Vec<String> = numbers.iter().filter(|(number, _)| *number > 0).map(|(number, word)| format!("{number} {word}")).collect();
        let wrote = if lock.written { "wrote" } else { "kept" };
        let how = if how.is_empty() { String::new() } else { format!(" ({})", how.join(", ")) };
        canvas.line(&format!("  {wrote}  {}  {} rows{how}", canvas.foreign(&lock.file), lock.rows));
    }
}

fn init(shape: &InitShape, canvas: &mut Canvas) {
    let rows: Vec<Vec<Cell>> = shape
        .files
        .iter()
        .map(|file| vec![cell(if file.written { "wrote" } else { "kept" }), cell(&file.path), toned(&file.about, Tone::Dim)])
        .collect();
    canvas.rows(&rows);
}
