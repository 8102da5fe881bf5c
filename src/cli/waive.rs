//! `waive`: a reasoned, expiring exception for one gate, channel and commit. It never counts for the person who moves.

use super::{
    Session, acting, activation, args, gather, releases,
    statement::{self, Intent},
};
use crate::{
    domain::{Result, Verb, state::Body},
    release::{
        plan,
        transition::{self, Violation},
    },
    report::Report,
};

pub async fn run(session: &Session, args: &args::Waive) -> Result<Report> {
    let situation = gather::situation(session).await?;
    let time = situation.world().clock.now();
    let (channel, _) = plan::channel(situation.protocol(), situation.place.drafted.as_deref(), args.channel.as_str())?;
    let until = args.until.from(time);
    let body = Body::Waive { gate: args.gate.clone(), until };
    transition::statement_of(situation.protocol(), &body, time).map_err(Violation::fault)?;
    let release = releases::existing(&situation, &args.release).await?;
    let candidate = activation::judged(&situation, &channel, std::slice::from_ref(&release)).await?;
    args.meant.check_judged(&release.name.to_string(), &candidate)?;
    let acting = acting::acting(session, &situation.place, &situation.head).await?;
    let permit = acting.permit(situation.protocol(), Verb::Waive, Some(&channel))?;
    let intent = Intent {
        channel: Some(channel),
        candidate: Some(candidate),
        reason: Some(args.reason.clone()),
        body: Some(body),
        ..Intent::default()
    };
    let signing = situation.signing();
    let gather::Situation { place, head, .. } = situation;
    let applied = statement::write(&place, &acting, Some(head), &permit, Verb::Waive, intent, time).await?;
    Ok(statement::report(&place, applied, signing).notice(format!(
        "until {until} gate {} does not stop a move of {} to {}, unless {} asks for it",
        args.gate, release.name, args.channel, acting.actor.id
    )))
}
