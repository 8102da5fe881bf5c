//! Calls the hooks of a move, and tells what came of each. See [`crate::gate::hooks`].

use crate::{
    domain::state::Entry,
    gate::{
        Context, Effect, Probe, ProbeKey,
        hooks::{self, Hook},
    },
    report::HookShape,
    text::template::Slot,
    world::answer::Answerer,
};

/// Those that a move would call.
pub fn planned(cx: &Context) -> Vec<HookShape> {
    let applying = cx.protocol.hooks.iter().filter(|hook| hook.applies(&cx.channel));
    let shape = |hook: &Hook| match hook.keys(cx) {
        Ok(keys) => HookShape { name: hook.name.clone(), keys, taken: None, detail: String::new() },
        Err(slot) => HookShape { name: hook.name.clone(), keys: Vec::new(), taken: None, detail: no_value(slot) },
    };
    applying.map(shape).collect()
}

/// One after the other, in the order of the policy.
pub async fn call(answerer: &Answerer, cx: &Context, entry: &Entry) -> Vec<HookShape> {
    let mut called = Vec::new();
    for (item, hook) in (0..).zip(cx.protocol.hooks.iter().filter(|hook| hook.applies(&cx.channel))) {
        let shape = |keys: Vec<String>, taken: Option<bool>, detail: String| HookShape { name: hook.name.clone(), keys, taken, detail };
        called.push(match hook.fill(cx, entry) {
            Err(slot) => shape(Vec::new(), Some(false), no_value(slot)),
            Ok(filled) => {
                let probe = Probe { key: ProbeKey::first(item), ask: filled.ask, not_before: None, effect: Effect::Writes };
                let answers = answerer.answer_all(vec![(0, probe)]).await;
                match answers.first().map(|(_, answer)| hooks::outcome(answer)) {
                    Some(Ok(detail)) => shape(filled.keys, Some(true), detail),
                    Some(Err(detail)) => shape(filled.keys, Some(false), detail),
                    None => shape(filled.keys, Some(false), "nobody answered".to_owned()),
                }
            }
        });
    }
    called
}

fn no_value(slot: Slot) -> String {
    format!("`{slot}` has no value here")
}
