//! `catalog bumps`: whether versions step up as far as the changes of their schemas need.

use super::protocol;
use crate::{
    catalog::bumps::bumps,
    cli::{Session, args, diff::sides, gather},
    domain::{Finding, Reason, Result},
    report::{Body, BumpsShape, Report, SigningMode},
};

pub async fn run(session: &Session, args: &args::Diff) -> Result<Report> {
    let place = gather::place(session).await?;
    let protocol = protocol(session, &place)?;
    let sides = sides(session, &place, &protocol, args).await?;
    let [before, after] = sides.read(&protocol.catalog)?;
    let bumps = bumps(&protocol.catalog, &before, &after).map_err(super::unreadable)?;
    let findings: Vec<Finding> = bumps.iter().filter_map(|bump| bump.finding()).collect();
    let reason = if findings.is_empty() { Reason::Passed } else { Reason::Findings };
    let (from, to) = sides.shapes();
    let shape = BumpsShape { compared: sides.compared(), from, to, bumps };
    Ok(sides.note(Report::new(reason, Body::Bumps(shape)).signing(SigningMode::of(&protocol)).findings(findings)))
}
