//! Ways back: holds, drift, foreign entries, lost ledgers, rollback, and the audit at the end.

use super::{
    drill::{Cut, Drill, Miss, Seen, wrong},
    forgeries::audited,
    players::{expect, said},
    set::{SERVER, WORK},
    witness::Expected,
};
use crate::{
    domain::{Reason, Verb},
    report::{Body, Report, shape::RejudgeVerdict},
    world::{clock::Stopwatch, standin::Mood},
};

/// A hold on the channel, and one on everything; lifted, the release passes.
pub async fn hold(drill: &mut Drill) -> Seen {
    let cut = drill.ready().await?;
    let set = drill.set.clone();
    for target in [&["--channel", set.channel().as_str()][..], &["--all"]] {
        let words: Vec<&str> = std::iter::once("hold").chain(target.iter().copied()).chain(["--reason", "rehearsal"]).collect();
        drill.done(&set.player(&set.cast.warden, WORK), &words).await?;
        drill.unmoved(&drill.promotion(&cut), Reason::Held).await?;
        lift(drill, target).await?;
    }
    super::promotions::promote(drill, None).await?;
    Ok("each hold stopped it; lifted, it moved".to_owned())
}

/// Lifts a hold.
pub async fn lift(drill: &Drill, target: &[&str]) -> Result<(), Miss> {
    let words: Vec<&str> = std::iter::once("unhold").chain(target.iter().copied()).chain(["--reason", "rehearsal"]).collect();
    drill.done(&drill.set.player(&drill.set.cast.warden, WORK), &words).await
}

/// A channel tag that was moved by hand, and one that was removed.
pub async fn drift(drill: &mut Drill) -> Seen {
    let cut = drill.ready().await?;
    let set = drill.set.clone();
    let tag = set.channel_tag()?;
    let before = set.refs()?;
    let elsewhere = super::races::other_tag(drill)?;
    for (code, args) in
        [("status/tag-moved", vec!["update-ref", tag.as_str(), &elsewhere]), ("status/tag-missing", vec!["update-ref", "-d", tag.as_str()])]
    {
        set.scratch.git(SERVER, &args)?;
        drill.unmoved(&drill.promotion(&cut), Reason::HalfState).await?;
        let status = drill.unmoved(&["status"], Reason::Findings).await?;
        if !drift_of(&status).contains(&code.to_owned()) {
            return wrong(format!("status does not name {code}: {}", said(&status)));
        }
        expect(&set.mover().run(&["doctor", "--fix"]).await, Reason::Passed)?;
        set.refs()?.same_as(&before)?;
    }
    Ok("refused, named by status, put back by doctor".to_owned())
}

fn drift_of(status: &Report) -> Vec<String> {
    let Body::Status(shape) = &status.body else { return Vec::new() };
    shape.channels.iter().flat_map(|channel| &channel.drift).map(|finding| finding.code.clone()).collect()
}

/// A release tag that was moved by hand: never moved back, and never moved from.
pub async fn release_tag(drill: &mut Drill) -> Seen {
    let set = drill.set.clone();
    let Some(cut) = drill.memory.history.last().cloned() else { return wrong("nothing was promoted yet") };
    let before = set.refs()?;
    let elsewhere = super::races::other_tag(drill)?;
    set.move_by_hand(cut.tag.as_str(), &elsewhere)?;
    drill.unmoved(&drill.promotion(&cut), Reason::TagConflict).await?;
    audited(drill, &drill.set.mover(), "status/release-tag-moved").await?;
    set.move_by_hand(cut.tag.as_str(), before.get(cut.tag.as_str()).unwrap_or_default())?;
    Ok(format!("{} at another object is a conflict", cut.tag))
}

/// A foreign commit on the ledger is named, and stops nobody.
pub async fn foreign_entry(drill: &mut Drill) -> Seen {
    let cut = drill.ready().await?;
    let set = drill.set.clone();
    let head = set.head(&set.refs()?)?;
    let foreign = set.scratch.git(SERVER, &["commit-tree", &format!("{head}^{{tree}}"), "-p", &head, "-m", "foreign"])?;
    set.move_by_hand(set.ledger(), &foreign)?;
    for words in [["audit"], ["status"]] {
        let answer = drill.unmoved(&words, Reason::Passed).await?;
        if !answer.findings.iter().any(|finding| finding.code == "ledger/unsigned") {
            return wrong(format!("{} does not name the foreign commit: {}", words[0], said(&answer)));
        }
    }
    drill.memory.foreign.push(foreign.clone());
    super::promotions::promote(drill, None).await?;
    let head = set.head(&set.refs()?)?;
    let entries = set.entries(Some(&foreign), &head)?;
    match entries.first() {
        Some(entry) if entry.json["previous"].as_str() != Some(foreign.as_str()) => {}
        _ => return wrong("the next entry follows the foreign commit"),
    }
    Ok(format!("named by audit and status, and {} moved past it", cut.name))
}

/// Runs an adoption as the mover with as many co-signatures as the threshold wants. Alone it must be refused
/// where the threshold is more than one.
async fn signed_together(drill: &Drill, words: &[&str]) -> Result<Report, Miss> {
    let set = &drill.set;
    let others = usize::try_from(set.protocol.signing.threshold.saturating_sub(1)).unwrap_or(0);
    if others == 0 {
        return Ok(set.mover().run(words).await);
    }
    drill.unmoved(words, Reason::NotPermitted).await?;
    let statement: Vec<&str> = words.iter().copied().chain(["--print-statement"]).collect();
    let answer = set.mover().run(&statement).await;
    let Body::Text(shape) = &answer.body else { return Err(Miss::Blocked(format!("no statement to sign: {}", said(&answer)))) };
    let statement = shape.text.clone().into_bytes();
    let mut all: Vec<String> = words.iter().map(|word| (*word).to_owned()).collect();
    for name in set.cast.principals.iter().filter(|name| **name != set.cast.mover).take(others) {
        let Some(key) = set.keys.get(name) else { continue };
        let armored = key.sign(crate::release::policy::STATEMENT_NAMESPACE, &statement);
        let file = set.scratch.write(&format!("signatures/{name}"), armored.as_bytes())?;
        all.extend(["--signature".to_owned(), file.display().to_string()]);
    }
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    Ok(set.mover().run(&all).await)
}

/// Another policy counts once enough signers adopted it, and not before.
pub async fn policy_change(drill: &mut Drill) -> Seen {
    let set = drill.set.clone();
    let cut = drill.ready().await?;
    let edits = [(format!("{}/NOTE", set.folder()), Some(b"a note\n".to_vec()))];
    let commit = set.commit(&edits, Some(&cut.commit), "another policy")?;
    let adopt = ["policy", "adopt", "--reason", "rehearsal"];
    let mut versions = Vec::new();
    for commit in [&commit, &cut.commit] {
        set.stand_at(WORK, commit)?;
        set.check_out(WORK)?;
        drill.unmoved_by(&set.player(super::STRANGER, WORK), &adopt, Reason::NotPermitted).await?;
        let before = set.refs()?;
        let answer = signed_together(drill, &adopt).await?;
        expect(&answer, Reason::Moved)?;
        let after = set.refs()?;
        let head = set.head(&after)?;
        let wanted = set.scratch.git(WORK, &["rev-parse", &format!("{commit}:{}", set.folder())])?;
        let entries = set.entries(before.get(set.ledger()), &head)?;
        if after.changed(&before) != [set.ledger()] || entries.len() != 1 || entries[0].json["policy"]["tree"] != wanted.as_str() {
            return wrong("the adoption did not adopt what is committed, or moved more than the ledger");
        }
        versions.push(entries[0].json["policy"]["version"].to_string());
    }
    Ok(format!("versions {} by {} signer(s); a stranger was refused", versions.join(" and "), set.protocol.signing.threshold))
}

/// The newest entries are gone from the ledger.
pub async fn cut_off(drill: &mut Drill) -> Seen {
    let set = drill.set.clone();
    let Some(last) = drill.memory.history.last().cloned() else { return wrong("nothing was promoted yet") };
    let head = set.head(&set.refs()?)?;
    set.scratch.git(SERVER, &["update-ref", set.ledger(), &format!("{head}^")])?;
    let answer = drill.unmoved(&drill.promotion(&last), Reason::LedgerBroken).await?;
    if !answer.findings.iter().any(|finding| finding.code == "ledger/head-lost") {
        return wrong(format!("who saw the head does not miss it: {}", said(&answer)));
    }
    let newcomer = set.newcomer(drill.memory.genesis.as_deref())?;
    drill.unmoved_by(&newcomer, &drill.promotion(&last), Reason::LedgerBroken).await?;
    let answer = drill.unmoved_by(&newcomer, &["audit", "--expect-head", &head], Reason::LedgerBroken).await?;
    if !answer.findings.iter().any(|finding| finding.code == "ledger/head-lost") {
        return wrong(format!("the audit does not miss the remembered head: {}", said(&answer)));
    }
    set.move_by_hand(set.ledger(), &head)?;
    Ok("refused; who saw the head missed it, and so did an audit that was told of it".to_owned())
}

/// The whole ledger is another one, begun anew.
pub async fn replaced(drill: &mut Drill) -> Seen {
    let set = drill.set.clone();
    let Some(last) = drill.memory.history.last().cloned() else { return wrong("nothing was promoted yet") };
    let Some(genesis) = drill.memory.genesis.clone() else { return wrong("no entry 0 is known") };
    let before = set.refs()?;
    set.scratch.git(SERVER, &["update-ref", "-d", set.ledger()])?;
    let anew = ["policy", "adopt", "--reason", "begun anew"];
    drill.unmoved(&drill.promotion(&last), Reason::LedgerLost).await?;
    drill.unmoved(&anew, Reason::LedgerLost).await?;
    drill.unmoved_by(&set.newcomer(None)?, &anew, Reason::LedgerLost).await?;
    // Without the tags that it made, nothing tells a newcomer of the lost one.
    let tags = set.scratch.git(SERVER, &["for-each-ref", "--format=%(refname)", "refs/tags"])?;
    for name in tags.lines() {
        set.scratch.git(SERVER, &["update-ref", "-d", name])?;
    }
    drill.done(&set.newcomer(None)?, &anew).await?;
    drill.unmoved(&drill.promotion(&last), Reason::LedgerBroken).await?;
    drill.unmoved_by(&set.newcomer(Some(&genesis))?, &drill.promotion(&last), Reason::LedgerBroken).await?;
    set.refs()?.put_back(&before, &set.scratch)?;
    Ok("gone, nothing moved, and nothing was begun anew; replaced, the pinned entry 0 was missed".to_owned())
}

/// Back to the release before, with every endpoint that does not decide rollbacks gone wrong.
pub async fn rollback(drill: &mut Drill) -> Seen {
    let history = &drill.memory.history;
    let (Some(left), Some(target)) = (history.last().cloned(), history.len().checked_sub(2).map(|at| history[at].clone())) else {
        return wrong("there are no two releases");
    };
    let words = ["rollback", "--channel", drill.set.channel().as_str(), "--reason", "rehearsal"].map(str::to_owned);
    roll(drill, &words.iter().map(String::as_str).collect::<Vec<_>>(), &left, &target).await
}

/// Back to the very first release, by name; then the same bytes are there as when it was promoted.
pub async fn rollback_to_first(drill: &mut Drill) -> Seen {
    let (Some(left), Some(first)) = (drill.memory.history.last().cloned(), drill.memory.history.first().cloned()) else {
        return wrong("nothing was promoted yet");
    };
    let channel = drill.set.channel().to_string();
    roll(drill, &["rollback", &first.name, "--channel", &channel, "--reason", "rehearsal"], &left, &first).await
}

async fn roll(drill: &mut Drill, words: &[&str], left: &Cut, target: &Cut) -> Seen {
    let set = drill.set.clone();
    for gate in &set.asking {
        if set.protocol.gate(gate).is_some_and(|gate| !gate.verbs().contains(&Verb::Rollback)) {
            drill.stand_in.set(gate, Mood::Wrong);
        }
    }
    let before = set.refs()?;
    let watch = Stopwatch::start();
    let answer = set.mover().run(words).await;
    let took = watch.millis();
    expect(&answer, Reason::Moved)?;
    let entry = set.moved(&before, &Expected { action: "rollback", by: &set.cast.mover, cut: target, entries: 1 })?;
    set.signed_by(&entry.oid, &set.cast.mover)?;
    let holds = set.records(&entry.oid, "holds")?;
    let held = |scope: &str, of: &str| holds.iter().any(|hold| hold["scope"] == scope && hold["of"] == of);
    if !held("release", &left.name) || !held("channel", set.channel().as_str()) {
        return wrong(format!("the release that was left, or the channel, is not held: {holds:?}"));
    }
    drill.memory.history.push(target.clone());
    Ok(format!("recovered in {took} ms: {} is on {} again, {} is held", target.name, set.channel(), left.name))
}

/// What was left stays away until somebody lifts its hold.
pub async fn left_is_held(drill: &mut Drill) -> Seen {
    let history = &drill.memory.history;
    let Some(left) = history.len().checked_sub(2).map(|at| history[at].clone()) else { return wrong("nothing was rolled back") };
    drill.unmoved(&drill.promotion(&left), Reason::Held).await?;
    Ok(format!("{} is held", left.name))
}

/// Programs neither move a channel that was rolled back, nor undo that, nor lift the hold.
pub async fn automation(drill: &mut Drill) -> Seen {
    let cut = drill.ready().await?;
    let set = drill.set.clone();
    let automation = set.player(&set.cast.automation, WORK);
    let channel = set.channel().as_str();
    drill.unmoved_by(&automation, &drill.promotion(&cut), Reason::Held).await?;
    drill.unmoved_by(&automation, &["rollback", "--channel", channel, "--reason", "x"], Reason::NotPermitted).await?;
    drill.unmoved_by(&automation, &["unhold", "--channel", channel, "--reason", "x"], Reason::NotPermitted).await?;
    Ok("promotion, rollback of the rollback and unhold were refused to a program".to_owned())
}

/// The channel's files after the rollback against those of the first promotion, read out of git and hashed anew.
pub async fn bytes(drill: &mut Drill) -> Seen {
    let set = drill.set.clone();
    let Some(first) = drill.memory.first.clone() else { return wrong("the first release was never read") };
    let now = set.scratch.files(SERVER, set.channel_tag()?.as_str())?;
    let second = drill.memory.history.get(1).map(|cut| set.scratch.files(SERVER, &cut.commit)).transpose()?;
    if now.is_empty() || second.is_none_or(|second| second == first) {
        return wrong("the releases of the drill do not differ, so nothing would be proved");
    }
    let differs = |path: &&String| now.get(*path) != first.get(*path);
    match first.keys().chain(now.keys()).find(differs) {
        Some(path) => wrong(format!("{path} is not what it was")),
        None => Ok(format!("{} files, byte for byte those of the first promotion", now.len())),
    }
}

/// The whole ledger at the end: every signature as git sees it, every verdict judged again.
pub async fn audit(drill: &mut Drill) -> Seen {
    let set = drill.set.clone();
    let refs = set.refs()?;
    let head = set.head(&refs)?;
    let answer = drill.unmoved(&["audit", "--expect-head", &head, "--rejudge", "all"], Reason::Passed).await?;
    let Body::Audit(shape) = &answer.body else { return wrong("the audit gave no audit") };
    let commits = set.scratch.git(SERVER, &["rev-list", &head])?;
    let count = commits.lines().filter(|oid| !drill.memory.foreign.iter().any(|foreign| foreign == oid)).count() as u64;
    if shape.head.as_ref().map(crate::domain::Oid::as_str) != Some(head.as_str()) || shape.entries != count {
        return wrong(format!("the audit saw another ledger than the {count} entries up to {head}"));
    }
    let judged = shape.rejudged.iter().filter(|rejudged| rejudged.verdict == RejudgeVerdict::Same).count();
    let recorded = recorded_gates(drill, &head)?;
    if judged != shape.rejudged.len() || judged != recorded {
        return wrong(format!("{judged} of {recorded} recorded verdicts were found again"));
    }
    drill.unmoved(&["status"], Reason::Passed).await?;
    let unsigned = set.not_signed(&head)?;
    if unsigned != drill.memory.foreign {
        return wrong(format!("git finds no good signature on {}", unsigned.join(", ")));
    }
    Ok(format!("{count} entries, {judged} verdicts judged again with the same outcome, every signature good to git as well"))
}

/// How many gate results the moves of the ledger record, counted in the entries themselves.
fn recorded_gates(drill: &Drill, head: &str) -> Result<usize, Miss> {
    let entries = drill.set.entries(None, head)?;
    let moves = entries.iter().filter(|entry| {
        matches!(entry.json["action"].as_str(), Some("promote" | "rollback")) && !drill.memory.foreign.contains(&entry.oid)
    });
    Ok(moves.flat_map(|entry| entry.json["gates"].as_array()).flatten().filter(|record| record["outcome"] != "skipped").count())
}
