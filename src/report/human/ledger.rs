//! What the ledger holds, for people: status, resolve, history, audit, the policy, and a single entry.

use super::{
    body::{GONE, ledger_line, moves},
    canvas::{Canvas, Cell, Tone, cell, mark, toned},
};
use crate::{
    domain::{ChannelName, GateId, Outcome, Reason, Release, Verb, state},
    report::shape::{
        About, AuditShape, ChannelShape, EntryShape, HistoryEntry, HistoryShape, LedgerPlace, PackageShape, PolicyShape, RejudgeVerdict,
        ReleaseState, ResolveShape, StatusShape, join_releases,
    },
};

pub fn status(shape: &StatusShape, canvas: &mut Canvas) {
    match &shape.ledger {
        Some(ledger) => ledger_line(ledger, canvas),
        None => canvas.line("  no ledger"),
    }
    if let Some(policy) = &shape.policy {
        // Where they differ, a notice says so.
        let unknown = if policy.committed.is_none() { "; there are no committed gates/ to compare" } else { "" };
        canvas.line(&format!("  policy {} ({}){unknown}", policy.version, canvas.oid(&policy.tree)));
    }
    canvas.gap();
    channels(&shape.channels, canvas);
    let rows: Vec<Vec<Cell>> = shape
        .releases
        .iter()
        .map(|release| {
            let channels: Vec<&str> = release.channels.iter().map(ChannelName::as_str).collect();
            vec![
                cell(&release.release),
                cell(canvas.oid(&release.commit)),
                cell(release.state.slug()),
                cell(channels.join(", ")),
                toned(if release.held { "held" } else { "" }, Tone::Bad),
            ]
        })
        .collect();
    section("releases", &rows, canvas);
    section("artifacts", &shape.packages.iter().flatten().map(|package| package_row(package, canvas)).collect::<Vec<_>>(), canvas);
    section("holds", &shape.holds.iter().map(hold_row).collect::<Vec<_>>(), canvas);
    let waivers: Vec<Vec<Cell>> = shape
        .waivers
        .iter()
        .map(|waiver| {
            vec![
                cell(&waiver.gate),
                cell(&waiver.channel),
                cell(canvas.oid(&waiver.candidate)),
                cell(format!("until {}", waiver.until)),
                cell(format!("by {}", waiver.by)),
                toned(format!("entry {}", waiver.serial), Tone::Dim),
            ]
        })
        .collect();
    section("waivers", &waivers, canvas);
}

fn package_row(package: &PackageShape, canvas: &Canvas) -> Vec<Cell> {
    let channels: Vec<&str> = package.channels.iter().map(ChannelName::as_str).collect();
    let remarks = [
        (package.held, "held"),
        (package.changed_here && package.state != ReleaseState::Draft, "changed here"),
        (package.differs, "not as it was staged"),
        (!package.in_tree && package.state == ReleaseState::Released, "gone from the release branch"),
    ];
    let remarks: Vec<&str> = remarks.iter().filter(|(is, _)| *is).map(|(_, remark)| *remark).collect();
    vec![
        cell(canvas.foreign(&package.artifact)),
        cell(canvas.oid_or(package.commit.as_ref(), "")),
        cell(package.state.slug()),
        cell(channels.join(", ")),
        toned(remarks.join(", "), Tone::Bad),
    ]
}

pub fn channels(channels: &[ChannelShape], canvas: &mut Canvas) {
    let rows: Vec<Vec<Cell>> = channels
        .iter()
        .map(|channel| {
            let entry = |serial| match channel.taken_over {
                true => format!("taken over by entry {serial}, who moved it is unknown"),
                false => format!("entry {serial}"),
            };
            let hold = channel.hold.as_ref().map(|hold| format!("held: {}", hold.reason)).unwrap_or_default();
            vec![
                cell(&channel.channel),
                cell(channel.release.as_deref().unwrap_or(if channel.commit.is_some() { "no release" } else { "nothing yet" })),
                cell(channel.commit.as_ref().map(|oid| canvas.oid(oid)).unwrap_or_default()),
                toned(channel.since.map(|since| format!("since {since}")).unwrap_or_default(), Tone::Dim),
                toned(channel.serial.map(entry).unwrap_or_default(), Tone::Dim),
                toned(hold, Tone::Bad),
                toned(if channel.drift.is_empty() { "" } else { "drift" }, Tone::Bad),
            ]
        })
        .collect();
    canvas.rows(&rows);
}

fn section(head: &str, rows: &[Vec<Cell>], canvas: &mut Canvas) {
    if !rows.is_empty() {
        canvas.gap();
        canvas.line(head);
        canvas.rows(rows);
    }
}

fn hold_row(hold: &state::Hold) -> Vec<Cell> {
    vec![
        cell(scope(hold.scope, hold.of.as_deref())),
        cell(if hold.automation_only { "for automation" } else { "" }),
        cell(&hold.reason),
        cell(format!("by {}", hold.by)),
        toned(format!("entry {}", hold.serial), Tone::Dim),
    ]
}

fn scope(scope: state::HoldScope, of: Option<&str>) -> String {
    match (scope, of) {
        (state::HoldScope::All, _) => "everything".to_owned(),
        (state::HoldScope::Channel, of) => format!("channel {}", of.unwrap_or("?")),
        (state::HoldScope::Release, of) => format!("release {}", of.unwrap_or("?")),
    }
}

pub fn resolve(shape: &ResolveShape, canvas: &mut Canvas) {
    let release = if shape.releases.is_empty() { "a commit without a release".to_owned() } else { canvas.foreign(&shape.release) };
    canvas.line(&format!("{} is at {release}", shape.channel));
    let mut rows = vec![
        vec![cell("commit"), cell(shape.commit.as_str())],
        vec![cell("tag"), cell(format!("{} ({})", shape.tag.name, shape.tag.oid))],
        vec![cell("since"), cell(format!("{} by entry {}", shape.since, shape.serial))],
    ];
    rows.extend(
        shape
            .releases
            .iter()
            .filter(|_| shape.releases.len() > 1)
            .map(|release: &Release| vec![cell(release.name().to_string()), cell(release.commit.as_str())]),
    );
    canvas.rows(&rows);
}

pub fn history(shape: &HistoryShape, canvas: &mut Canvas) {
    if shape.entries.is_empty() {
        canvas.line("no entries");
    }
    for entry in &shape.entries {
        let channel = entry.channel.as_ref().map(|channel| format!(" {channel}")).unwrap_or_default();
        let releases = if entry.releases.is_empty() { String::new() } else { format!(" {}", join_releases(&entry.releases, ", ")) };
        let (oid, by) = (canvas.oid(&entry.entry), canvas.foreign(&entry.actor.id));
        let retires: String = entry.retires.iter().map(|retired| format!(" without {}", canvas.foreign(&retired.to_string()))).collect();
        let head = format!("{:>4}  {}{channel}{releases}{retires}  {} by {by} ({oid})", entry.serial, entry.action, entry.time);
        canvas.line_hanging(&head, 8);
        for line in about(&entry.about, entry, canvas) {
            canvas.line(&format!("      {line}"));
        }
        if let Some(reason) = &entry.reason {
            canvas.line(&format!("      {}", canvas.foreign(reason)));
        }
        for made in &entry.moves {
            let (from, to) = (canvas.oid_or(made.from.as_ref(), GONE), canvas.oid_or(made.to.as_ref(), GONE));
            canvas.line(&format!("      {} {from} -> {to}", made.name));
        }
        for taken in &entry.taken_over {
            let release = taken.release.as_ref().map_or("no release".to_owned(), |release| release.name().to_string());
            canvas.line(&format!("      {} was at {} ({release}); who moved it there is unknown", taken.name, canvas.oid(&taken.commit)));
        }
        let weak = entry.gates.iter().filter(|gate| gate.outcome != Outcome::Passed);
        for gate in weak {
            let waiver = gate.waiver.map(|serial| format!(", waived by entry {serial}")).unwrap_or_default();
            canvas.line(&format!("      gate {}: {}{waiver}", gate.id, gate.outcome));
        }
        if let Some(after) = &entry.after {
            let weak = after.gates.iter().filter(|gate| gate.outcome != Outcome::Passed);
            let weak: Vec<String> = weak.map(|gate| format!("gate {} {}", gate.id, gate.outcome)).collect();
            canvas.line(&format!("      after the move: {} (entry {})", weak.join(", "), after.serial));
        } else if !entry.after_gates.is_empty() {
            let gates: Vec<&str> = entry.after_gates.iter().map(GateId::as_str).collect();
            canvas.line(&format!("      after the move: {}; nothing against it is recorded", gates.join(", ")));
        }
    }
}

/// What an entry is about that its first line does not tell.
fn about(about: &About, entry: &HistoryEntry, canvas: &Canvas) -> Vec<String> {
    let mut parts = Vec::new();
    let ended = || about.entries.iter().map(|serial| format!("entry {serial}")).collect::<Vec<_>>().join(", ");
    if let Some(what) = about.scope.filter(|what| *what != state::HoldScope::Channel) {
        parts.push(canvas.foreign(&scope(what, about.release.as_deref())));
    }
    parts.extend(about.gate.as_ref().map(|gate| format!("gate {gate}")));
    parts.extend(about.until.map(|until| format!("until {until}")));
    parts.extend(about.verdict.as_deref().map(|verdict| canvas.foreign(verdict)));
    // A move names its releases in the first line.
    let is_statement = about.gate.is_some() || about.verdict.is_some() || matches!(entry.action, Verb::Stage | Verb::Rehearse);
    if let Some(commit) = about.commit.as_ref().filter(|_| is_statement) {
        let named = about.release.as_deref().filter(|_| entry.releases.is_empty());
        parts.extend(named.map(|release| format!("for {}", canvas.foreign(release))));
        parts.push(format!("at commit {}", canvas.oid(commit)));
    }
    let mut lines = vec![parts.join(" ")];
    lines.extend((!about.failed.is_empty()).then(|| format!("failed: {}", canvas.foreign(&about.failed.join(", ")))));
    let ended = (!about.entries.is_empty()).then(ended);
    match entry.action {
        Verb::Rollback => {
            lines.extend(ended.map(|ended| format!("undoes {ended}")));
            lines.extend(about.holds.iter().map(|hold| {
                let whom = if hold.scope == state::HoldScope::Channel { " for automation" } else { "" };
                format!("holds {}{whom}", canvas.foreign(&scope(hold.scope, hold.of.as_deref())))
            }));
        }
        Verb::After => lines.extend(ended.map(|of| format!("found after the move of {of}"))),
        _ => lines.extend(ended.map(|ended| format!("lifts the hold of {ended}"))),
    }
    lines.retain(|line| !line.is_empty());
    lines
}

pub fn audit(shape: &AuditShape, canvas: &mut Canvas) {
    let head = shape.head.as_ref().map_or_else(|| "no head".to_owned(), |head| format!("head {}", canvas.oid(head)));
    canvas.line(&format!("ledger {head}: {} entries verified, {} of them signed", shape.entries, shape.signed));
    if let Some(genesis) = &shape.genesis {
        canvas.line(&format!("  first entry {genesis}"));
    }
    let rows: Vec<Vec<Cell>> = shape
        .rejudged
        .iter()
        .map(|again| {
            let outcome = match again.verdict {
                RejudgeVerdict::Same => Outcome::Passed,
                RejudgeVerdict::Differs => Outcome::Failed,
                RejudgeVerdict::CannotRejudge => Outcome::Inconclusive,
            };
            let said = again.again.map_or_else(|| "cannot be judged again".to_owned(), |reason| format!("again {reason}"));
            vec![
                mark(outcome),
                cell(format!("entry {}", again.serial)),
                cell(&again.gate),
                cell(format!("recorded {}, {said}", again.recorded)),
                cell(again.detail.as_deref().unwrap_or_default()),
            ]
        })
        .collect();
    section("judged again", &rows, canvas);
}

pub fn policy(shape: &PolicyShape, canvas: &mut Canvas) {
    canvas.line(&format!("policy {} ({})", shape.version, canvas.oid(&shape.tree)));
    ledger_line(&shape.ledger, canvas);
    let channel = |name: &ChannelName| match shape.after.get(name) {
        Some(after) => format!("{name} (after {after})"),
        None => name.to_string(),
    };
    let channels: Vec<String> = shape.channels.iter().map(channel).collect();
    let facts = [
        ("entry 0", shape.genesis.to_string()),
        ("channels", channels.join(", ")),
        ("release branches", shape.release_branches.join(", ")),
        ("automation", shape.automation.join(", ")),
        ("threshold", if shape.signers.is_empty() { String::new() } else { shape.threshold.to_string() }),
    ];
    let facts: Vec<Vec<Cell>> =
        facts.iter().filter(|(_, said)| !said.is_empty()).map(|(name, said)| vec![cell(name), cell(said)]).collect();
    canvas.rows(&facts);
    let signers = shape.signers.iter().map(|signer| vec![cell(&signer.principal), cell(&signer.fingerprint)]);
    section("signers", &signers.collect::<Vec<_>>(), canvas);
    let names = |verbs: &[Verb]| verbs.iter().map(|verb| verb.slug()).collect::<Vec<_>>().join(", ");
    let on = |channels: Option<&Vec<ChannelName>>| match channels {
        None => "every channel".to_owned(),
        Some(channels) => channels.iter().map(|channel| channel.as_str()).collect::<Vec<_>>().join(", "),
    };
    let roles = shape.roles.iter().map(|role| {
        vec![
            cell(&role.name),
            cell(role.who.join(", ")),
            cell(format!("may {}", names(&role.may))),
            cell(format!("on {}", on(role.on.as_ref()))),
        ]
    });
    section("roles", &roles.collect::<Vec<_>>(), canvas);
    let gates = shape.gates.iter().map(|gate| {
        vec![
            cell(format!("{:>2}", gate.number)),
            cell(&gate.id),
            cell(gate.kind),
            cell(format!("{} {}", gate.when, names(&gate.verbs))),
            cell(format!("on {}", on(gate.channels.as_ref()))),
            cell(if gate.on_fail == "document" { "advisory" } else { "" }),
        ]
    });
    section("gates", &gates.collect::<Vec<_>>(), canvas);
}

pub fn entry(shape: &EntryShape, reason: Reason, canvas: &mut Canvas) {
    let mut about = Vec::new();
    match &shape.body {
        Some(state::Body::Hold { scope: what, of }) => about.push(canvas.foreign(&scope(*what, of.as_deref()))),
        Some(state::Body::Waive { gate, until }) => about.push(format!("gate {gate} until {until}")),
        Some(state::Body::Ack { gate }) => about.push(format!("gate {gate}")),
        Some(state::Body::Verdict { verdict }) => about.push(canvas.foreign(verdict)),
        _ => {}
    }
    about.extend((!shape.releases.is_empty()).then(|| join_releases(&shape.releases, ", ")));
    if !matches!(shape.body, Some(state::Body::Hold { .. })) {
        about.extend(shape.channel.as_ref().map(|channel| format!("on {channel}")));
    }
    about.extend(shape.commit.as_ref().map(|oid| format!("at commit {}", canvas.oid(oid))));
    let there = if reason == Reason::NothingToDo { ": there already" } else { "" };
    canvas.line(&format!("{} {}{there}", shape.action, about.join(" ")));
    moves(&shape.moves, false, canvas);
    let place = LedgerPlace { name: shape.ledger.clone(), entry: shape.entry.clone(), serial: shape.serial };
    ledger_line(&place, canvas);
}
