//! `git`: the commits and release tags that it is told to look at. Those that it makes, and those of a remote, are not known.

use super::{
    around::Folder,
    judge::{Judge, Run},
    options::{self, Given, Valued},
};
use crate::lockdown::{commits::Named, evidence, extract::spans, releases};

/// Those that look at commits that are there.
const LOOKERS: &[&str] = &[
    "archive",
    "blame",
    "checkout",
    "cherry-pick",
    "describe",
    "diff",
    "log",
    "merge",
    "merge-base",
    "rebase",
    "reset",
    "rev-list",
    "rev-parse",
    "revert",
    "show",
    "switch",
    "verify-commit",
    "verify-tag",
];

const OPTIONS: Valued =
    Valued { letters: "BCGLSUXbcmnos", names: "author date format grep message onto output pretty prefix since strategy until" };

pub fn judge(judge: &mut Judge, run: &Run) {
    let text = &judge.text.text;
    let Some((verb, rest)) = run.words[1..].split_first() else { return };
    // With an option before it, it may be about another repository.
    if !LOOKERS.contains(&verb.raw(text)) {
        return;
    }
    let upto = rest.iter().position(|word| word.raw(text) == "--").unwrap_or(rest.len());
    let around = &judge.around;
    let here = around.folder != Folder::Elsewhere && !around.strayed && !run.fed;
    let here = here && (!around.inline || evidence::of_command(judge.desk, &judge.text.range(&verb.range)));
    for given in options::read(&rest[..upto], text, &OPTIONS) {
        let Given::Argument(word) = given else { continue };
        if !word.is_bare() {
            continue;
        }
        let raw = word.raw(text);
        for side in raw.split("..") {
            let start = word.range.start + (side.as_ptr() as usize - raw.as_ptr() as usize);
            let name = side.split(['^', '~', ':', '{']).next().unwrap_or_default();
            let name = name.strip_prefix("refs/tags/").unwrap_or(name);
            if !spans::is_commit(name) && !releases::is_version(name) {
                continue;
            }
            let start = start + side.find(name).unwrap_or_default();
            let range = judge.text.range(&(start..start + name.len()));
            let sure = here && !judge.around.may_have_made(name);
            judge.named.revisions.push(Named { range, sure });
        }
    }
}
