//! What each action says, and what it must leave out.

use super::{Case, Found, Violation};
use crate::{
    domain::{
        GateId, Reason, Timestamp, Verb,
        state::{Body, Entry, HoldScope},
    },
    gate::Protocol,
    release::plan,
};

pub(super) fn fit(case: &Case, found: &mut Found) {
    let entry = case.entry;
    let mut refuse = |message: String| found.push(Violation::new("ledger/fields", Reason::BadUsage, message));
    let action = entry.action;
    let about = About::of(action);
    let retires = !entry.retires().is_empty();
    // What only retires has none; what was found after a move has those of the move.
    let releases = (!retires && action != Verb::After).then_some(about.releases);
    let has = [
        ("a channel", entry.channel.is_some(), about.channel),
        ("releases", !entry.releases.is_empty(), releases),
        ("a candidate", entry.candidate.is_some(), about.candidate),
        ("gates", !entry.gates.is_empty(), (!action.moves()).then_some(action == Verb::After)),
        ("moves", !entry.moves.is_empty(), (!about.releases || action == Verb::After).then_some(false)),
        ("a time until which it counts", entry.valid_until.is_some(), (!action.moves()).then_some(false)),
    ];
    for (what, there, wanted) in has {
        match wanted {
            Some(true) if !there => refuse(format!("{action} needs {what}")),
            Some(false) if there => refuse(format!("{action} is not about {what}")),
            _ => {}
        }
    }
    if action == Verb::Stage && entry.releases.len() > 1 {
        refuse("stage is about one release".to_owned());
    }
    if (about.reason || retires) && entry.reason.as_deref().is_none_or(|reason| reason.trim().is_empty()) {
        refuse(format!("{action} needs a reason"));
    }
    if let Some(channel) = entry.channel.as_ref().filter(|channel| !case.policy.protocol.channels.contains_key(*channel)) {
        // A hold on a channel that went with a policy can still be lifted.
        if action != Verb::Unhold {
            refuse(format!("the policy has no channel {channel}"));
        }
    }
    if !entry.actor.id.starts_with("github:") && entry.source != "cli" {
        refuse(format!("{} asked on the command line, not in `{}`", entry.actor.id, entry.source.escape_debug()));
    }
    if !entry.tool.starts_with("tagwarden ") || entry.tool.len() > 100 || entry.tool.chars().any(char::is_control) {
        refuse(format!("`{}` is not the name of this program with a version", entry.tool.escape_debug()));
    }
    if let Err(why) = body(entry, &case.policy.protocol) {
        refuse(why);
    }
}

/// What an action is about. `channel: None`: its body decides; `candidate: None`: what is on the channel does.
struct About {
    channel: Option<bool>,
    releases: bool,
    candidate: Option<bool>,
    reason: bool,
}

impl About {
    fn of(action: Verb) -> About {
        let (channel, releases, candidate, reason) = match action {
            Verb::Adopt => (Some(false), false, Some(false), true),
            Verb::Stage => (Some(false), true, Some(true), false),
            Verb::Promote => (Some(true), true, Some(true), false),
            Verb::Rollback => (Some(true), true, Some(true), true),
            Verb::Hold | Verb::Unhold => (None, false, Some(false), true),
            Verb::Waive => (Some(true), false, Some(true), true),
            Verb::Ack => (Some(true), false, Some(true), false),
            Verb::Verdict => (Some(false), false, Some(true), false),
            Verb::Rehearse => (Some(true), false, None, false),
            Verb::After => (Some(true), true, Some(true), false),
        };
        About { channel, releases, candidate, reason }
    }
}

fn body(entry: &Entry, protocol: &Protocol) -> Result<(), String> {
    let action = entry.action;
    match (action, &entry.body) {
        // An artifact is staged with what the check of the whole tree said.
        (Verb::Stage, body) if entry.releases.iter().any(|release| release.package.artifact().is_some()) => match body {
            Some(Body::Stage { .. }) => Ok(()),
            _ => Err("an artifact is staged with the report of its check".to_owned()),
        },
        (Verb::Stage | Verb::Promote, None) => Ok(()),
        (Verb::Promote, Some(Body::Promote { retires })) if !retires.is_empty() => Ok(()),
        (Verb::Promote, Some(_)) => Err("its body says nothing that a promotion could retire".to_owned()),
        (Verb::Stage, Some(_)) => Err(format!("{action} has no body")),
        (Verb::Adopt, Some(Body::Adopt { .. }))
        | (Verb::Rollback, Some(Body::Rollback { .. }))
        | (Verb::Waive, Some(Body::Waive { .. }))
        | (Verb::Ack, Some(Body::Ack { .. }))
        | (Verb::Verdict, Some(Body::Verdict { .. }))
        | (Verb::Rehearse, Some(Body::Rehearse { .. }))
        | (Verb::After, Some(Body::After { .. })) => Ok(()),
        (Verb::Hold | Verb::Unhold, Some(Body::Hold { scope, of })) => {
            // The right was asked for by the entry's channel, so the body must not reach further.
            let of = of.as_deref();
            let fits = match scope {
                HoldScope::All => of.is_none() && entry.channel.is_none(),
                HoldScope::Channel => of.is_some() && of == entry.channel.as_ref().map(crate::domain::ChannelName::as_str),
                HoldScope::Release => {
                    let named = |of: &str| plan::release_name(protocol, of).is_ok_and(|name| name.to_string() == of);
                    entry.channel.is_none() && of.is_some_and(|of| action == Verb::Unhold || named(of))
                }
            };
            if fits { Ok(()) } else { Err(format!("the body of the {action} is about something else than the entry")) }
        }
        _ => Err(format!("its body is not that of {action}")),
    }
}

pub(super) fn statement(case: &Case, found: &mut Found) {
    let Some(body) = &case.entry.body else { return };
    found.extend(statement_of(&case.policy.protocol, body, case.entry.time).err());
}

/// Whether a waiver, an acknowledgement or a verdict can be given like this at all, whatever it is about.
pub fn statement_of(protocol: &Protocol, body: &Body, time: Timestamp) -> Result<(), Violation> {
    let refuse = |reason, message: String| Err(Violation::new("ledger/statement", reason, message));
    let known = |id: &GateId| {
        protocol.gate(id).ok_or_else(|| {
            let known: Vec<&str> = protocol.gates.iter().map(|gate| gate.id.as_str()).collect();
            let message = format!("the adopted policy has no gate `{id}`");
            Violation::new("ledger/statement", Reason::BadUsage, message).help(format!("its gates: {}", known.join(", ")))
        })
    };
    match body {
        Body::Waive { gate, .. } if !known(gate)?.header.waivable => {
            let message = format!("the policy does not let anybody waive gate {gate}");
            let violation = Violation::new("ledger/statement", Reason::NotPermitted, message);
            Err(violation.help("`waivable: true` in its gate file would, once adopted"))
        }
        Body::Waive { until, .. } if *until <= time => {
            refuse(Reason::BadUsage, format!("the waiver would end at {until}, and it is {time}"))
        }
        Body::Ack { gate } if known(gate)?.kind.id != "ack" => {
            let kind = known(gate)?.kind.id;
            refuse(Reason::BadUsage, format!("gate {gate} is of kind {kind}, nobody acknowledges it"))
        }
        Body::Verdict { verdict } if !matches!(verdict.as_str(), "SAFE" | "FINDINGS") => {
            refuse(Reason::BadUsage, format!("`{}` is neither SAFE nor FINDINGS", verdict.escape_debug()))
        }
        _ => Ok(()),
    }
}
