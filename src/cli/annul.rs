//! `annul`: takes foreign or mistaken entries out of effect. Nothing is rewritten; the ledger says that they do not count.

use super::{
    Session, args, gather, policy,
    statement::{self, Intent},
};
use crate::{
    domain::{Fault, Oid, Reason, Result, Verb, state::Body},
    release::policy as rights,
    report::{self, Report, SigningMode, TextShape},
};

pub async fn run(session: &Session, args: &args::Annul) -> Result<Report> {
    let place = gather::place(session).await?;
    let time = place.world.clock.now();
    let refs = gather::refs(&place).await?;
    let ledger = gather::bring_ledger(&place, &refs).await?;
    let mut chain = place.world.git.rev_list(&ledger).await?.unwrap_or_default();
    chain.reverse();
    let entries = args.entries.iter().map(|word| entry(&place, &chain, word)).collect::<Result<Vec<Oid>>>()?;
    let head = gather::verified(&place, &refs, &entries).await?;
    for oid in &entries {
        let known = head.entries().iter().find(|linked| linked.oid == *oid);
        if oid == head.genesis() {
            return Err(Fault::new(Reason::BadUsage, "entry 0 cannot be annulled; everything rests on it"));
        }
        if known.is_none() && !place.world.git.is_ancestor(oid, head.head()).await?.unwrap_or(false) {
            return Err(
                Fault::new(Reason::BadUsage, format!("{oid} is no entry of the ledger")).help("`tagwarden history` lists the entries")
            );
        }
    }
    let said = rights::statement(Verb::Annul, head.head(), serde_json::json!({ "entries": entries }))?;
    if args.signatures.print_statement {
        return Ok(Report::new(Reason::Passed, report::Body::Text(TextShape::plain(String::from_utf8_lossy(&said).into_owned()))));
    }
    let acting = gather::acting(session, &place, head.policy()).await?;
    let signatures = policy::read_signatures(&args.signatures)?;
    let signers = policy::count(&acting, head.policy(), &said, &signatures, time);
    let permit = rights::permit_by_threshold(head.protocol(), &acting.actor, Verb::Annul, &signers)?;
    let signing = SigningMode::of(head.protocol());
    let intent = Intent { reason: Some(args.reason.clone()), body: Some(Body::Annul { entries, signatures }), ..Intent::default() };
    let applied = statement::write(&place, &acting, Some(head), &permit, Verb::Annul, intent, time).await?;
    let next = "where tags drifted from the ledger: `tagwarden doctor --fix`";
    Ok(statement::report(&place, applied, signing).next(next))
}

/// An entry by its serial (its place in the chain), or by its commit id.
fn entry(place: &gather::Place, chain: &[Oid], word: &str) -> Result<Oid> {
    let serial = word.parse::<usize>().ok().and_then(|serial| chain.get(serial));
    match serial {
        Some(oid) => Ok(oid.clone()),
        None => gather::commit(&place.world, word).map_err(|_| {
            Fault::new(Reason::BadUsage, format!("`{word}` is no entry of the ledger")).help("`tagwarden history` lists the entries")
        }),
    }
}
