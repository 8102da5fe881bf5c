//! Verdicts on pull requests, from GitHub's answers and a real history to a move: what was merged is computed again, and what
//! came past a pull request is seen.

use crate::{
    common::findings,
    github::{
        hosted::{Hosted, protocol},
        model::{Broken, GitHub, Way},
    },
};

const GATE: &str = "title: Pull requests are reviewed\nverdict: { pulls: { reviewers: [lead] } }\n";

fn hosted() -> Hosted {
    let hub = GitHub::new();
    let protocol = protocol(&hub, "");
    Hosted::new(hub, &[("gates/protocol.yaml", &protocol), ("gates/10-reviewed.yaml", GATE)])
}

impl Hosted {
    /// The codes of what the gate has against a promotion.
    #[track_caller]
    fn refused(&self, tag: &str, reason: &str) -> Vec<String> {
        let answer = self.promote(tag).expect(reason);
        let errors = findings(&answer["run"]["gates"][0]).into_iter().filter(|finding| finding["severity"] == "error");
        errors.map(|finding| finding["code"].as_str().unwrap().to_owned()).collect()
    }
}

#[test]
fn what_reviewers_said_of_every_pull_request_decides() {
    let mut hosted = hosted();
    let hub = &hosted.hub;
    let (lead, boss) = (hub.user("lead"), hub.user("boss"));

    // Squashed. An approval of an earlier commit does not count; of the last one it does.
    hosted.pull(12, &["a.txt"]).review(&lead, "APPROVED", "");
    let pull = hosted.push_more(12, &["b.txt"]);
    hosted.merge(&pull, Way::Squash);
    hosted.release("v1.1.0");
    assert_eq!(hosted.refused("v1.1.0", "gate_failed"), ["verdict/stale"]);
    pull.review(&lead, "APPROVED", "");
    hosted.promote("v1.1.0").expect("moved");

    // Merged, then two rebased, all since the last move; the head is nowhere but in the pull request's ref.
    let pull = hosted.pull(13, &["c.txt"]).review(&lead, "APPROVED", "");
    hosted.merge(&pull, Way::Merge);
    let pull = hosted.pull(14, &["d.txt", "e.txt"]).review(&lead, "APPROVED", "");
    let pushed = hosted.push_past_review("f.txt");
    hosted.merge(&pull, Way::Rebase);
    for branch in ["topic-12", "topic-13", "topic-14"] {
        hosted.git_as(&hub.user("author"), &["push", "--quiet", "origin", &format!(":{branch}")]);
        hosted.scratch.git(&["branch", "--quiet", "-D", branch]);
    }
    hosted.release("v1.2.0");
    assert_eq!(hosted.refused("v1.2.0", "gate_failed"), ["verdict/unmapped"]);
    hosted.scratch.git(&["branch", "topic-15", &pushed]);
    hosted.push_more(15, &[]).review(&lead, "APPROVED", "").merged(&boss, &pushed);
    hosted.promote("v1.2.0").expect("moved");

    // Something slipped in while merging.
    let pull = hosted.pull(16, &["g.txt"]).review(&lead, "APPROVED", "");
    hosted.scratch.git(&["merge", "--quiet", "--no-ff", "--no-commit", "topic-16"]);
    pull.merged(&boss, &hosted.push_past_review("slipped.txt"));
    hosted.release("v1.3.0");
    assert_eq!(hosted.refused("v1.3.0", "gate_failed"), ["verdict/not-as-merged"]);

    // Pushed, and a pull request began on it: it is no commit that was rebased, whatever lists it.
    let below = hosted.push_past_review("h.txt");
    let pull = hosted.pull(17, &["i.txt"]).review(&lead, "APPROVED", "").listed_at(&below);
    let merge = hosted.merge(&pull, Way::Squash);
    hosted.release("v1.4.0");
    assert_eq!(hosted.refused("v1.4.0", "gate_failed"), ["verdict/unmapped", "verdict/not-as-merged"]);

    // Shown as merged elsewhere than where it is listed.
    let line = "GET /repos/example/app/pulls/17";
    hub.break_contract(line, 1, Broken::Replaced { from: merge, to: "0".repeat(40) });
    assert_eq!(hosted.refused("v1.4.0", "gate_inconclusive"), ["verdict/unreadable"]);

    // What the token may not see is not known.
    let token = hub.limited_token(&hub.user("mover"), &[("contents", "write")]);
    hosted.scratch.set("GITHUB_TOKEN", &token);
    assert_eq!(hosted.refused("v1.3.0", "gate_inconclusive"), ["verdict/not-allowed"]);
}
