//! Gates that read the candidate's tree: their first question is which tree that is, so that its identity stands in the evidence and
//! nobody judges another one later.

use super::{
    Checks, Context, Evidence, Probe, ProbeKey,
    probe::{Ask, Got, TreeAsk, TreeGot},
};
use crate::domain::Finding;

/// The question's number in every such gate.
pub const ITEM: u32 = 0;

pub fn ask() -> Probe {
    Probe::reads(ProbeKey::first(ITEM), Ask::Tree(TreeAsk {}))
}

/// Whether the recorded answer is about the tree at hand. `kind`: whose codes what is wrong gets.
pub fn is_the_tree(kind: &str, cx: &Context, seen: &Evidence, checks: &mut Checks) -> bool {
    let unknown = |code: &str, message: String| Finding::error(format!("{kind}/{code}"), message);
    let Some(answer) = seen.last(ITEM) else {
        checks.unknown(unknown("unanswered", "there is no answer about the candidate's tree".to_owned()));
        return false;
    };
    if !matches!(answer.ask, Ask::Tree(_)) {
        checks.unknown(unknown("foreign-answer", "the recorded answer is not about a tree".to_owned()));
        return false;
    }
    let here = cx.tree.id().to_string();
    match answer.result() {
        Ok(Got::Tree(TreeGot { id, .. })) if *id == here => return true,
        Ok(Got::Tree(TreeGot { id, .. })) => {
            checks.unknown(unknown("other-tree", format!("the recorded answer is about {}, but {here} is at hand", id.escape_debug())));
        }
        Ok(_) => checks.unknown(unknown("unreadable", "the answer about the candidate's tree has another shape".to_owned())),
        Err(unavailable) => checks.unavailable(kind, "the candidate's tree", &unavailable),
    }
    false
}
