//! The verb `docs accept`: a broken reference may stand, and the lock says who let it, when and why.
//!
//! One reference or one kind at a time, and only what is wrong now: nothing is accepted ahead. A whole kind is accepted by a
//! person who read the findings, never in CI.

use super::{
    Judged, args,
    gathered::{self, Gathered},
    lock::{self, Present},
};
use crate::{
    cli::Session,
    domain::{Fault, Reason, Result, Severity},
    lockdown::lock::{Acceptance, Key, Row},
    report::{Body, DocsShape, Report, shape::LockShape},
    text::near,
};
use std::collections::BTreeMap;

pub async fn run(session: &Session, args: &args::DocsAccept) -> Result<Report> {
    if args.target.is_none() && in_ci(session) {
        let fault = Fault::new(Reason::BadUsage, "a whole kind is never accepted in CI");
        return Err(fault.help("name the one reference, or let a person accept it in their clone and commit the lock"));
    }
    let selection = args::DocsCheck { paths: args.document.iter().cloned().collect(), ..lock::documents(&args.facts) };
    let gathered = gathered::gather(session, &selection).await?;
    let mut judged = super::judge(&gathered, &selection).await?;
    let declared = gathered.declared();
    judged.taken.retain(|taken| declared.contains(&taken.source.file));
    if judged.taken.is_empty() {
        let fault = Fault::new(Reason::BadUsage, "only the protocol's documents are locked, and this is none of them");
        return Err(fault.help("declare it under `documents.protocol` in gates/protocol.yaml"));
    }
    let file = Present::of(&gathered)?;
    let known = lock::accept(&file.lock, &mut judged);
    let broken = broken(&judged);
    let meant: Vec<&Key> = broken.iter().filter(|(key, broken)| is_meant(args, key, &broken.text)).map(|(key, _)| key).collect();
    if meant.is_empty() {
        return Err(nothing(args, &judged, &file, &broken));
    }
    let by = Acceptance { who: who(&gathered, args).await?, when: gathered.world.clock.now(), why: args.reason.clone() };
    let mut renewed = file.lock.clone();
    for key in &meant {
        let new = || Row { count: broken[*key].count, watched: None, accepted: None };
        renewed.rows.entry((*key).clone()).or_insert_with(new).accepted = Some(by.clone());
    }
    let told = LockShape {
        file: file.path.clone(),
        written: file.write(&gathered, &renewed)?,
        rows: renewed.rows.len(),
        added: renewed.rows.len() - file.lock.rows.len(),
        removed: 0,
        changed: 0,
        accepted: meant.len(),
    };
    let accepted = known + lock::accept(&renewed, &mut judged);
    let unread = judged.unread.take();
    let shape = DocsShape { lock: Some(told), ..super::shape(&mut judged.taken, false) }.with_accepted(accepted);
    let next = format!("Commit {}; `tagwarden docs check` shows a note from now on.", file.path);
    let report = Report::new(Reason::Passed, Body::Docs(Box::new(shape)));
    Ok(gathered.signed(unread.into_iter().fold(report, Report::notice)).next(next))
}

/// Whether this is a run that nobody watches, by the variable that CI services set.
fn in_ci(session: &Session) -> bool {
    session.env.get("CI").is_some_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

/// A reference that is broken and not accepted.
struct Broken {
    count: usize,
    /// As the document writes it first.
    text: String,
}

fn broken(judged: &Judged) -> BTreeMap<Key, Broken> {
    let mut broken: BTreeMap<Key, Broken> = BTreeMap::new();
    for taken in &judged.taken {
        let told = taken.census.problems.iter().filter(|problem| problem.finding.severity == Severity::Error);
        for at in told.filter_map(|problem| problem.reference).chain(taken.census.untold()) {
            let reference = &taken.census.references[at];
            let new = || Broken { count: 0, text: reference.text.clone() };
            broken.entry(Key::of(&taken.source.file, reference)).or_insert_with(new);
        }
        for reference in &taken.census.references {
            if let Some(broken) = broken.get_mut(&Key::of(&taken.source.file, reference)) {
                broken.count += 1;
            }
        }
    }
    broken
}

fn is_meant(args: &args::DocsAccept, key: &Key, text: &str) -> bool {
    key.kind == args.kind && args.target.as_ref().is_none_or(|target| *target == key.target || target == text)
}

/// Why nothing could be accepted.
fn nothing(args: &args::DocsAccept, judged: &Judged, file: &Present, broken: &BTreeMap<Key, Broken>) -> Fault {
    let refused = |why: String| Fault::new(Reason::BadUsage, why);
    let kind = args.kind.slug();
    let Some(target) = &args.target else {
        return refused(format!("no reference of the kind `{kind}` has a finding")).help("`tagwarden docs check` shows what is wrong");
    };
    let shown = target.escape_debug();
    for taken in &judged.taken {
        let named = |key: &Key, text: &str| key.kind == args.kind && (key.target == *target || text == target);
        let mut here = taken.census.references.iter().map(|reference| (Key::of(&taken.source.file, reference), reference));
        if let Some((key, reference)) = here.find(|(key, reference)| named(key, &reference.text)) {
            return match file.lock.rows.get(&key).and_then(|row| row.accepted.as_ref()) {
                Some(by) => {
                    refused(format!("`{shown}` ({kind}) is accepted already, by {} at {}", by.who, by.when)).help("nothing is to be done")
                }
                None => refused(format!("`{shown}` ({kind}) is {}: it has no finding to accept", reference.verdict.slug()))
                    .help("`tagwarden docs check` shows what is wrong"),
            };
        }
    }
    let fault = refused(format!("no document makes a broken reference `{shown}` of the kind `{kind}`"));
    if let Some((key, _)) = broken.iter().find(|(key, broken)| key.target == *target || broken.text == *target) {
        return fault.help(format!("it is of the kind `{}`: `--kind {0}`", key.kind.slug()));
    }
    let near = near::nearest(target, broken.keys().filter(|key| key.kind == args.kind).map(|key| key.target.as_str()));
    fault.help(match near {
        Some(near) => format!("did you mean `{}`?", near.escape_debug()),
        None => "`tagwarden docs check` shows what is wrong, `tagwarden docs list` every reference with its kind".to_owned(),
    })
}

async fn who(gathered: &Gathered, args: &args::DocsAccept) -> Result<String> {
    if let Some(by) = &args.by {
        return Ok(by.clone());
    }
    let git = &gathered.world.git;
    let name = git.config("user.name").await?.unwrap_or_default();
    let mail = git.config("user.email").await?.map(|mail| format!("<{mail}>")).unwrap_or_default();
    let who = format!("{} {mail}", name.trim());
    match who.trim() {
        "" => {
            let fault = Fault::new(Reason::BadUsage, "git does not say who you are");
            Err(fault.help("`git config user.name NAME` and `git config user.email ADDRESS`, or say it with `--by`"))
        }
        who => Ok(who.to_owned()),
    }
}
