//! `init --rulesets`: what GitHub must be asked for, so that nothing but the App moves what the protocol keeps. The rules stand in
//! [`crate::release::rulesets`]; nothing is asked of GitHub here, and nothing is written.

use crate::{
    cli::{gather, session::Session},
    domain::{Fault, Reason, Result},
    release::rulesets,
    report::{Body, Report, TextShape},
};
use serde_json::Value;

pub async fn print(session: &Session, app: Option<u64>) -> Result<Report> {
    let place = gather::place(session).await?;
    let protocol = super::protocol(session, &place)?;
    let Some(app) = app else {
        let fault = Fault::new(Reason::BadUsage, "a ruleset names the App that it lets past by its number, and none is given");
        return Err(fault.help("`tagwarden init --rulesets --app NUMBER`, with the App ID that the settings page of your App shows"));
    };
    let bodies: Vec<Value> = rulesets::guards(protocol).iter().map(|guard| guard.body(app)).collect();
    let text = serde_json::to_string_pretty(&bodies).map_err(|error| Fault::new(Reason::Internal, error.to_string()))?;
    let shape = TextShape { media_type: "application/json", text: text + "\n", value: Some(bodies.into()) };
    Ok(Report::new(Reason::Passed, Body::Text(shape)))
}
