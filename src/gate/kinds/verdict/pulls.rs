//! Verdicts on pull requests: what the reviewers said of each that brought a commit of the move, on its last commit.
//!
//! A person or bot is a number. Their newest review on the head, by the time when it was sent, decides, and unresolved threads of theirs block; a comment counts
//! where it begins as the protocol says an approving one does, names the head, and was never changed. Whoever wrote the pull request or asks for the
//! move does not count. Words that are not known block.

use super::{
    InLedger, Stand,
    bypass::{self, Bypass},
    tally,
};
use crate::{
    domain::{Actor, Finding, Oid},
    gate::{
        Checks, Context, Evidence, identity,
        probe::github::{BroughtGot, CommentGot, PullGot, PullsAsk, PullsGot, ReviewerAsk, VerdictsOnAsk},
        protocol::{Reviewer, ReviewerKind, Signal},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// Which reviewers, and how many of them, must have said SAFE to each pull request.
pub(super) struct OnPulls {
    /// Names under `reviewers:` of the protocol.
    pub reviewers: Vec<String>,
    pub required: usize,
    pub bypass: Bypass,
    /// Whose verdict on a commit itself counts where no pull request brought it as it was reviewed.
    pub otherwise: Option<InLedger>,
}

/// Fewer digits of a commit name no commit.
const FEWEST_DIGITS: usize = 10;

fn finding(code: &str, message: String) -> Finding {
    Finding::error(format!("verdict/{code}"), message)
}

impl OnPulls {
    /// The reviewers as the protocol has them. `Err`: the names that it does not have.
    fn known<'p>(&self, cx: &'p Context) -> Result<Vec<(&str, &'p Reviewer)>, Vec<&str>> {
        let reviewers: &indexmap::IndexMap<String, Reviewer> = &cx.protocol.reviewers;
        let missing: Vec<&str> = self.reviewers.iter().map(String::as_str).filter(|name| !reviewers.contains_key(*name)).collect();
        if !missing.is_empty() {
            return Err(missing);
        }
        Ok(self.reviewers.iter().filter_map(|name| Some((name.as_str(), reviewers.get(name)?))).collect())
    }

    /// `None`: there is nothing to ask, and judging says why.
    pub fn question(&self, cx: &Context) -> Option<PullsAsk> {
        let reviewers = self.known(cx).ok()?;
        let asked = |(_, reviewer): (&str, &Reviewer)| ReviewerAsk { id: reviewer.id, team: reviewer.team.clone(), app: reviewer.app };
        let branches = if self.bypass == Bypass::Allow { Vec::new() } else { cx.protocol.release_branches.clone() };
        Some(PullsAsk { commit: cx.candidate.clone()?, reviewers: reviewers.into_iter().map(asked).collect(), branches })
    }

    /// The commits on which a verdict of their own counts; `None`: nothing is to be asked, or it is not known yet.
    pub fn commits_to_ask(&self, cx: &Context, seen: &Evidence) -> Option<VerdictsOnAsk> {
        self.otherwise.as_ref()?;
        let got = super::on_pulls(seen, self.question(cx)?).ok()?;
        let is_elsewhere = |number| matches!(base(cx, got, number), Base::Other(_));
        let open = got.commits.iter().filter(|brought| brought.as_merged == Some(false) || brought.pull.is_none_or(is_elsewhere));
        let commits: Vec<Oid> = open.map(|brought| brought.commit.clone()).collect();
        (!commits.is_empty()).then_some(VerdictsOnAsk { commits })
    }

    /// The names that the protocol lacks.
    pub fn unknown(&self, cx: &Context) -> Vec<Finding> {
        let message = |name: &&str| format!("the protocol names no reviewer `{}`", name.escape_debug());
        let help = "add it under `reviewers:` of gates/protocol.yaml, with its type and numeric id";
        self.known(cx).err().unwrap_or_default().iter().map(|name| finding("unknown-reviewer", message(name)).help(help)).collect()
    }

    pub fn weigh(&self, cx: &Context, seen: &Evidence, got: &PullsGot, checks: &mut Checks) {
        if got.commits.is_empty() {
            return checks.unknown(finding("unreadable", "the answer names no commit that the move brings".to_owned()));
        }
        let own = self.otherwise.as_ref().zip(self.commits_to_ask(cx, seen));
        if let Some((otherwise, question)) = &own {
            match super::on_commits(seen, question) {
                Err(unanswered) => unanswered.tell("the ledger's verdicts on commits of the move", checks),
                Ok(verdicts) => question.commits.iter().for_each(|commit| otherwise.weigh(cx, commit, verdicts, checks)),
            }
        }
        let by_pull = |brought: &&BroughtGot| !own.as_ref().is_some_and(|(_, question)| question.commits.contains(&brought.commit));
        got.commits.iter().filter(by_pull).for_each(|brought| weigh_commit(cx, got, brought, checks));
        let Ok(reviewers) = self.known(cx) else { return };
        for pull in &got.pulls {
            if pull.nobodys > 0 {
                let message = format!("conversations on #{} are not resolved that accounts began which GitHub names no more", pull.number);
                checks.unknown(finding("unresolved", message).help("resolve them on the pull request"));
            }
            let mut stands: Vec<Stand> = reviewers.iter().map(|(name, reviewer)| stand(cx, got, pull, name, reviewer)).collect();
            for at in counted_twice(cx, got, pull, &reviewers, &stands) {
                let message = format!("who approves #{} for {} is counted for another reviewer already", pull.number, reviewers[at].0);
                stands[at] = Stand::Missing(finding("same-person", message).help("a person counts once; let another one review it"));
            }
            tally(stands, self.required, checks);
        }
        bypass::weigh(self.bypass, got, checks);
    }
}

/// The reviewers that nobody is left for where each person stands for one of them: a person may be named beside their team.
fn counted_twice(cx: &Context, got: &PullsGot, pull: &PullGot, reviewers: &[(&str, &Reviewer)], stands: &[Stand]) -> Vec<usize> {
    let approve = |(name, reviewer): &(&str, &Reviewer)| -> Vec<u64> {
        let own = [reviewer.id];
        let people = if reviewer.kind == ReviewerKind::Team { got.teams.get(&reviewer.id).map_or(&[][..], Vec::as_slice) } else { &own };
        let safe = people.iter().filter(|id| !is_own(cx, pull, **id) && matches!(one(pull, name, reviewer, **id), Stand::Safe));
        safe.map(|id| person(cx, *id)).collect()
    };
    let people: Vec<Vec<u64>> = reviewers.iter().map(approve).collect();
    let mut stands_for: BTreeMap<u64, usize> = BTreeMap::new();
    let safe = (0..stands.len()).filter(|at| matches!(stands[*at], Stand::Safe));
    safe.filter(|at| !finds(*at, &people, &mut stands_for, &mut BTreeSet::new())).collect()
}

/// Finds somebody for this reviewer, for whom others may change places (an augmenting path of a bipartite matching).
fn finds(at: usize, people: &[Vec<u64>], stands_for: &mut BTreeMap<u64, usize>, seen: &mut BTreeSet<u64>) -> bool {
    for id in &people[at] {
        if !seen.insert(*id) {
            continue;
        }
        if stands_for.get(id).copied().is_none_or(|other| finds(other, people, stands_for, seen)) {
            stands_for.insert(*id, at);
            return true;
        }
    }
    false
}

/// Whether somebody wrote the pull request or asks for the move, by number or as the signer that the protocol says they are.
fn is_own(cx: &Context, pull: &PullGot, id: u64) -> bool {
    let asks = |requester: &Actor| {
        let is_signer = |signer: &str| identity::person(&format!("ssh:{signer}")) == identity::person(&requester.id);
        let by_number = requester.id.strip_prefix("github:").and_then(|number| number.parse().ok()) == Some(id);
        by_number || signers(cx, id).any(is_signer)
    };
    pull.author.is_some_and(|author| person(cx, author) == person(cx, id)) || cx.actor.as_ref().is_some_and(asks)
}

/// One number for every account of whoever signs under one name.
fn person(cx: &Context, id: u64) -> u64 {
    let theirs: Vec<&str> = signers(cx, id).collect();
    let people = cx.protocol.reviewers.values().filter(|reviewer| reviewer.kind == ReviewerKind::User);
    let same =
        people.filter(|other| other.signer.as_deref().is_some_and(|signer| theirs.iter().any(|own| own.eq_ignore_ascii_case(signer))));
    same.map(|other| other.id).chain([id]).min().unwrap_or(id)
}

/// The names that an account's owner signs with.
fn signers(cx: &Context, id: u64) -> impl Iterator<Item = &str> {
    let people = cx.protocol.reviewers.values().filter(move |reviewer| reviewer.kind == ReviewerKind::User && reviewer.id == id);
    people.filter_map(|reviewer| reviewer.signer.as_deref())
}

/// What a pull request was merged into.
enum Base {
    Release,
    Other(String),
    Unknown,
}

fn base(cx: &Context, got: &PullsGot, number: u64) -> Base {
    let pull = got.pulls.iter().find(|pull| pull.number == number);
    let (Some(base), Some(here)) = (pull.and_then(|pull| pull.base.as_ref()), got.repository) else { return Base::Unknown };
    match base.repository {
        None => Base::Unknown,
        Some(other) if other != here => Base::Other(format!("into repository {other}, not {here}")),
        Some(_) if !cx.protocol.release_branches.contains(&base.branch) => {
            Base::Other(format!("into `{}`, which is not a release branch", base.branch.escape_debug()))
        }
        Some(_) => Base::Release,
    }
}

fn weigh_commit(cx: &Context, got: &PullsGot, brought: &BroughtGot, checks: &mut Checks) {
    let commit = brought.commit.short();
    let Some(number) = brought.pull else {
        let help = "merge through a pull request that is reviewed, or let the policy take a verdict on the commit itself (`otherwise`)";
        return checks.fail(finding("unmapped", format!("no merged pull request, or more than one, brought {commit}")).help(help));
    };
    if !got.pulls.iter().any(|pull| pull.number == number) {
        return checks.unknown(finding("unreadable", format!("the answer says nothing about #{number}, which brought {commit}")));
    }
    match base(cx, got, number) {
        Base::Release => {}
        Base::Other(where_to) => {
            let help = "merge it into a release branch through a pull request for that branch, or name the branch in `release_branches`";
            return checks.fail(finding("other-base", format!("#{number}, which brought {commit}, was merged {where_to}")).help(help));
        }
        Base::Unknown => {
            return checks.unknown(finding("unreadable", format!("into which branch #{number} was merged is not recorded")));
        }
    }
    match (brought.as_merged, &brought.why) {
        (Some(true), _) => checks.hold(),
        (Some(false), _) => {
            let message = format!("{commit} is not what merging the last commit of #{number} gives");
            let help = "something was changed while merging, a conflict for example; have the change reviewed in a pull request of its own";
            checks.fail(finding("not-as-merged", message).help(help));
        }
        (None, why) => {
            let why = why.as_deref().unwrap_or("no reason is recorded");
            checks.unknown(finding("merge-unknown", format!("whether {commit} is what merging #{number} gives is not known: {why}")));
        }
    }
}

fn stand(cx: &Context, got: &PullsGot, pull: &PullGot, name: &str, reviewer: &Reviewer) -> Stand {
    let is_own = |id: u64| is_own(cx, pull, id);
    if reviewer.kind != ReviewerKind::Team {
        let stand = one(pull, name, reviewer, reviewer.id);
        if pull.author.is_none() && matches!(stand, Stand::Safe) {
            return Stand::Unknown(finding("unreadable", format!("who wrote #{} is not known, so {name} may have", pull.number)));
        }
        // Their objection counts all the same.
        if is_own(reviewer.id) && !matches!(stand, Stand::Against(_)) {
            let message = format!("{name} wrote #{} or asks for the move, so their own verdict does not count", pull.number);
            return Stand::Missing(finding("self", message).help("let another reviewer look at it"));
        }
        return stand;
    }
    let Some(members) = got.teams.get(&reviewer.id) else {
        return Stand::Unknown(finding("unreadable", format!("who belongs to {name} is not recorded")));
    };
    let stands = members.iter().map(|id| (is_own(*id), one(pull, name, reviewer, *id)));
    let stands: Vec<Stand> = stands.filter(|(own, stand)| !own || matches!(stand, Stand::Against(_))).map(|(_, stand)| stand).collect();
    // One member's objection, and what may be one, counts against what the others say; one member's approval is enough without.
    let rank = |stand: &Stand| match stand {
        Stand::Against(_) => 0,
        Stand::Unknown(finding) if finding.code == "verdict/unknown-value" => 1,
        Stand::Safe => 2,
        Stand::Unknown(_) => 3,
        Stand::Missing(finding) if finding.code != "verdict/absent" => 4,
        Stand::Missing(_) => 5,
    };
    let none = || Stand::Missing(finding("absent", format!("{name} has nobody who could review #{}", pull.number)));
    match stands.into_iter().min_by_key(rank).unwrap_or_else(none) {
        Stand::Safe if pull.author.is_none() => {
            Stand::Unknown(finding("unreadable", format!("who wrote #{} is not known, so a member of {name} may have", pull.number)))
        }
        stand => stand,
    }
}

/// Where one person or bot stands; an approval counts only of the sort of account that the protocol names.
fn one(pull: &PullGot, name: &str, reviewer: &Reviewer, id: u64) -> Stand {
    let wanted = if reviewer.kind == ReviewerKind::Bot { "Bot" } else { "User" };
    match (said(pull, name, reviewer, id), pull.accounts.get(&id).map(String::as_str)) {
        (Stand::Safe, None) => {
            Stand::Unknown(finding("unreadable", format!("what sort of account approved #{} is not recorded", pull.number)))
        }
        (Stand::Safe, Some(kind)) if kind != wanted => {
            let message = format!("account {id}, which approved #{} as {name}, is a `{}`", pull.number, kind.escape_debug());
            let help = "see whose account it is, then put its `type` right under the reviewer, or its `id`";
            Stand::Missing(finding("other-account", message).help(help))
        }
        (stand, _) => stand,
    }
}

/// What one account said.
fn said(pull: &PullGot, name: &str, reviewer: &Reviewer, id: u64) -> Stand {
    let (number, head) = (pull.number, pull.head.get(..10).unwrap_or(&pull.head));
    let open = pull.threads.iter().filter(|thread| thread.by == id && !thread.resolved).count();
    if open > 0 {
        let message = format!("{name} began {open} conversation{} on #{number} that are not resolved", if open == 1 { "" } else { "s" });
        return Stand::Against(finding("unresolved", message).help("resolve them on the pull request"));
    }
    let theirs = || pull.reviews.iter().filter(|review| review.by == id);
    if let Some(odd) = theirs().find(|review| !STATES.contains(&review.state.as_str())) {
        return Stand::Unknown(finding(
            "unknown-value",
            format!("a review of {name} on #{number} says `{}`, which is not known", odd.state.escape_debug()),
        ));
    }
    // A comment takes nothing back, and what is pending was not said yet.
    let decides = |state: &str| matches!(state, "APPROVED" | "CHANGES_REQUESTED" | "DISMISSED");
    let is_commit = |text: &String| text.len() == pull.head.len() && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    let objects = |state: &str| matches!(state, "CHANGES_REQUESTED" | "DISMISSED");
    if theirs().any(|review| objects(&review.state) && !review.commit.as_ref().is_some_and(is_commit)) {
        return Stand::Unknown(finding("unreadable", format!("a review of {name} on #{number} objects, and names no commit")));
    }
    let of_head = || theirs().filter(|review| decides(&review.state) && review.commit.as_ref() == Some(&pull.head));
    if of_head().any(|review| review.at.is_none()) {
        return Stand::Unknown(finding("unreadable", format!("when {name} sent a review of #{number} is not recorded")));
    }
    let newest = of_head().max_by_key(|review| (review.at, review.id));
    if newest.is_some_and(|review| review.state == "CHANGES_REQUESTED") {
        let help = "resolve the findings; the reviewer's next verdict on the new commit decides";
        return Stand::Against(finding("findings", format!("{name} has findings on {head}, the last commit of #{number}")).help(help));
    }
    if reviewer.app.is_some_and(|app| pull.running.contains(&app)) {
        let help = "wait until it has ended, and run the same command again";
        return Stand::Unknown(finding("pending", format!("{name} is still at work on #{number}")).help(help));
    }
    if newest.is_some_and(|review| review.state == "APPROVED") && reviewer.approves.contains(&Signal::Review) {
        return Stand::Safe;
    }
    let approving = |begins: &str| {
        reviewer.approves.iter().any(|signal| matches!(signal, Signal::Comment(start) if begins.starts_with(start.as_str())))
    };
    let begun: Vec<_> = pull.comments.iter().filter(|comment| comment.by == id && approving(&comment.begins)).collect();
    let is_through = |comment: &CommentGot| reviewer.app.is_none() || comment.app == reviewer.app;
    let (comments, others): (Vec<_>, Vec<_>) = begun.into_iter().partition(|comment| is_through(comment));
    let names_head = |reviewed: &str| reviewed.len() >= FEWEST_DIGITS && pull.head.starts_with(reviewed);
    let of_head = pull.comments.iter().filter(|comment| comment.by == id && comment.reviewed.as_deref().is_some_and(names_head));
    let last = of_head.max_by_key(|comment| comment.id);
    if !comments.is_empty() && last.is_some_and(|last| !approving(&last.begins)) {
        let message = format!("the last comment of {name} on {head} of #{number} does not begin as an approval does");
        return Stand::Against(
            finding("findings", message).help("resolve the findings; the reviewer's next verdict on the new commit decides"),
        );
    }
    if comments.iter().any(|comment| !comment.edited && comment.reviewed.as_deref().is_some_and(names_head)) {
        return Stand::Safe;
    }
    let likes = pull.reactions.iter().any(|reaction| reaction.by == id && reaction.content == "+1");
    if likes && reviewer.approves.contains(&Signal::Reaction) {
        return Stand::Safe;
    }
    if newest.is_some_and(|review| review.state == "DISMISSED") {
        return Stand::Missing(finding("dismissed", format!("the review of {name} on #{number} was dismissed")));
    }
    if comments.iter().any(|comment| comment.edited) {
        let help = format!("ask {name} to look at {head} again: a comment counts as it was written");
        return Stand::Missing(finding("edited", format!("the comment of {name} on #{number} was changed since")).help(help));
    }
    if let Some(other) = others.first() {
        let through = other.app.map_or_else(|| "no App".to_owned(), |app| format!("App {app}"));
        let message = format!("the approving comment of {name} on #{number} came through {through}");
        let help = "see who wrote it; the `app` under the reviewer is the App that counts";
        return Stand::Missing(finding("other-account", message).help(help));
    }
    if theirs().any(|review| review.state == "APPROVED") || comments.iter().any(|comment| comment.reviewed.is_some()) {
        let help = format!("ask {name} to look at {head}");
        return Stand::Missing(finding("stale", format!("{name} approved an earlier commit of #{number}, not {head}")).help(help));
    }
    if likes || !comments.is_empty() {
        let message = format!("{name} approved #{number} without saying which commit");
        let help = "a review names its commit; where a reaction shall count, say `approves: [reaction]` under the reviewer";
        return Stand::Missing(finding("unbound", message).help(help));
    }
    Stand::Missing(finding("absent", format!("{name} has not approved {head}, the last commit of #{number}")))
}

/// The states of a review, as GitHub's REST API has them.
const STATES: &[&str] = &["APPROVED", "CHANGES_REQUESTED", "COMMENTED", "DISMISSED", "PENDING"];
