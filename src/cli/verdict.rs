//! `verdict record`: a reviewer's SAFE or FINDINGS on one commit, signed into the ledger.

use super::{
    Session, acting, args, gather, releases,
    statement::{self, Intent},
};
use crate::{
    domain::{Result, Verb, VerdictWord, state::Body},
    report::Report,
};

pub async fn run(session: &Session, command: &args::Verdict) -> Result<Report> {
    let args::Verdict::Record(args) = command;
    let situation = gather::situation(session).await?;
    let time = situation.world().clock.now();
    let commit = match (&args.release, &args.at) {
        (Some(release), _) => releases::existing(&situation, release).await?.commit,
        (None, at) => gather::commit(situation.world(), at.as_deref().unwrap_or("HEAD"))?,
    };
    let acting = acting::acting(session, &situation.place, &situation.head).await?;
    let permit = acting.permit(situation.protocol(), Verb::Verdict, None)?;
    let intent = Intent {
        candidate: Some(commit),
        reason: args.reason.clone(),
        body: Some(Body::Verdict { verdict: args.verdict.slug().to_owned() }),
        ..Intent::default()
    };
    let counts = counts(&situation, &acting.actor.id, args.verdict);
    let signing = situation.signing();
    let gather::Situation { place, head, .. } = situation;
    let applied = statement::write(&place, &acting, Some(head), &permit, Verb::Verdict, intent, time).await?;
    Ok(statement::report(&place, applied, signing).notice(counts))
}

/// Where the verdict counts, in words.
fn counts(situation: &gather::Situation, who: &str, verdict: VerdictWord) -> String {
    let gates = situation.protocol().gates.iter().filter(|gate| gate.gate.looks_for(who));
    let gates: Vec<&str> = gates.map(|gate| gate.id.as_str()).collect();
    match (gates.is_empty(), verdict) {
        (true, _) => format!("no gate of the policy in force looks for a verdict of {who}, so it decides nothing"),
        (false, VerdictWord::Safe) => {
            format!("it counts at gate {} for this commit, unless {who} asks for the move", gates.join(", "))
        }
        (false, VerdictWord::Findings) => {
            format!("it stops this commit at gate {} until {who} records another verdict on it", gates.join(", "))
        }
    }
}
