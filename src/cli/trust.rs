//! `trust`: says, on this machine, which entry 0 begins the ledger behind the remote. The one way to a pin beside beginning the
//! ledger oneself; what it names has to come from elsewhere than the repository.

use super::{Session, args, gather};
use crate::{
    domain::{Fault, Reason, Result},
    report::{Body, Report, SigningMode, TextShape},
    world::ledger::{self, Known},
};

pub async fn run(session: &Session, args: &args::Trust) -> Result<Report> {
    let place = gather::place(session).await?;
    let refs = gather::refs(&place).await?;
    let trust = gather::trust(&place).await?;
    // What this machine saw counts also where the pin that went with it is gone.
    let known = gather::known_without_pin(&place, &trust)?;
    let tip = gather::bring_ledger(&place, &refs, &Known { pin: trust.pin()?.map(|pin| pin.genesis), ..known.clone() }).await?;
    let known = Known { pin: Some(args.genesis.clone()), ..known };
    let head = ledger::verify(&place.world.git, &tip, place.world.clock.now(), known).await?.into_verified().map_err(|fault| {
        let help = "compare it with what the first adoption printed, letter by letter";
        Fault { message: format!("{} does not begin with {}", place.at.branch, args.genesis), ..fault }.help(help)
    })?;
    gather::same_branch(&place, &head.protocol().ledger)?;
    let was = trust.pin()?.is_some();
    let file = trust.keep(&place.at.branch, &args.genesis)?;
    let text = format!(
        "entry 0 of {} behind `{}` is {}, by {}\nkept in {}\n",
        place.at.branch,
        place.at.remote,
        args.genesis,
        head.entry(0).map(|linked| linked.outline.actor.id.as_str()).unwrap_or_default(),
        file.display()
    );
    let reason = if was { Reason::NothingToDo } else { Reason::Passed };
    Ok(Report::new(reason, Body::Text(TextShape::plain(text))).signing(SigningMode::of(head.protocol())))
}
