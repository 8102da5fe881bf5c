//! Verdicts on pull requests, from GitHub's answers and a real history to a move: what was merged is computed again, and what
//! came past a pull request is seen.

use crate::{
    common::findings,
    github::{
        hosted::{Hosted, protocol},
        model::{Broken, GitHub, Pull, Refused, Way},
    },
};
use tagwarden::gate::kinds::KINDS;

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
        let errors = findings(answer["run"]["gates"].as_array().unwrap().last().unwrap())
            .into_iter()
            .filter(|finding| finding["severity"] == "error");
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

// ---- the states of a verdict -------------------------------------------------------------------------------------------

/// How one state comes about on the pull request of this number, whose merge is then the last commit of `main`.
struct Case {
    /// As the page of the gate has it.
    state: &'static str,
    how: &'static str,
    gate: &'static str,
    /// `None`: the gate passes.
    code: Option<&'static str>,
    make: fn(&Hosted, u64),
}

const fn case(state: &'static str, how: &'static str, gate: &'static str, code: Option<&'static str>, make: fn(&Hosted, u64)) -> Case {
    Case { state, how, gate, code, make }
}

/// A merged pull request of one commit.
fn merged(hosted: &Hosted, number: u64) -> Pull {
    let pull = hosted.pull(number, &["file.txt"]);
    hosted.merge(&pull, Way::Merge);
    pull
}

/// The same that `lead` approved.
fn approved(hosted: &Hosted, number: u64) -> Pull {
    merged(hosted, number).review(&hosted.hub.user("lead"), "APPROVED", "")
}

/// What the bot writes where it found nothing, of this commit.
fn fine(commit: &str) -> String {
    format!("Found nothing.\n\nReviewed commit: `{}`", &commit[..10])
}

/// The last commit of the pull request.
fn head(hosted: &Hosted, number: u64) -> String {
    hosted.at(&format!("topic-{number}"))
}

/// Each of the gates asks for the reviews.
fn broken_reviews(hosted: &Hosted, number: u64, broken: &Broken) {
    let line = format!("GET /repos/example/app/pulls/{number}/reviews");
    (1..=3).for_each(|nth| hosted.hub.break_contract(&line, nth, broken.clone()));
}

const CASES: &[Case] = &[
    case("SAFE", "a review of the last commit", "lead", None, |hosted, number| drop(approved(hosted, number))),
    case("SAFE", "a comment of the bot that names the last commit", "bot", None, |hosted, number| {
        merged(hosted, number).comment_of_app(&hosted.hub.app("reviewer"), &fine(&head(hosted, number)));
    }),
    case("SAFE", "two commits on one line, rebased: also onto what the first of them changed", "lead", None, |hosted, number| {
        let pull = hosted.pull(number, &["file.txt", "file.txt"]).review(&hosted.hub.user("lead"), "APPROVED", "");
        hosted.push_past_review("meanwhile.txt");
        hosted.merge(&pull, Way::Rebase);
    }),
    case("FINDINGS", "changes requested after an approval", "lead", Some("verdict/findings"), |hosted, number| {
        approved(hosted, number).review(&hosted.hub.user("lead"), "CHANGES_REQUESTED", "No");
    }),
    case("FINDINGS", "an open conversation", "lead", Some("verdict/unresolved"), |hosted, number| {
        approved(hosted, number).thread(&hosted.hub.user("lead"), "Why?");
    }),
    case("FINDINGS", "a later comment on the same commit", "bot", Some("verdict/findings"), |hosted, number| {
        let (pull, bot) = (merged(hosted, number), hosted.hub.app("reviewer"));
        pull.comment_of_app(&bot, &fine(&head(hosted, number)));
        pull.comment_of_app(&bot, &format!("Found a defect. Reviewed commit: {}", head(hosted, number)));
    }),
    case("PENDING", "its check has not ended", "bot", Some("verdict/pending"), |hosted, number| {
        let (pull, bot) = (merged(hosted, number), hosted.hub.app("reviewer"));
        pull.comment_of_app(&bot, &fine(&head(hosted, number)));
        hosted.hub.repo().check_run(&bot, &head(hosted, number), "review", "in_progress", None);
    }),
    case("STALE", "a review of an older commit", "lead", Some("verdict/stale"), |hosted, number| {
        hosted.pull(number, &["file.txt"]).review(&hosted.hub.user("lead"), "APPROVED", "");
        hosted.merge(&hosted.push_more(number, &["file.txt"]), Way::Squash);
    }),
    case("STALE", "a comment that names an older commit", "bot", Some("verdict/stale"), |hosted, number| {
        hosted
            .pull(number, &["file.txt", "file.txt"])
            .comment_of_app(&hosted.hub.app("reviewer"), &fine(&hosted.at(&format!("topic-{number}^"))));
        hosted.merge(&hosted.hub.pull(number), Way::Merge);
    }),
    case("DISMISSED", "by somebody", "lead", Some("verdict/dismissed"), |hosted, number| {
        approved(hosted, number).dismiss(&hosted.hub.user("boss"), &hosted.hub.user("lead"));
    }),
    case("ABSENT", "nobody said anything", "lead", Some("verdict/absent"), |hosted, number| drop(merged(hosted, number))),
    case("ABSENT", "a comment decides nothing", "lead", Some("verdict/absent"), |hosted, number| {
        merged(hosted, number).review(&hosted.hub.user("lead"), "COMMENTED", "LGTM");
    }),
    case("ABSENT", "a login that looks alike", "lead", Some("verdict/absent"), |hosted, number| {
        merged(hosted, number).review(&hosted.hub.user("Iead"), "APPROVED", "");
    }),
    case("ABSENT", "a person who is called like the bot", "bot", Some("verdict/absent"), |hosted, number| {
        merged(hosted, number).comment(&hosted.hub.user("reviewer"), &fine(&head(hosted, number)));
    }),
    case("UNBOUND", "a thumb", "lead", Some("verdict/unbound"), |hosted, number| {
        merged(hosted, number).react(&hosted.hub.user("lead"), "+1");
    }),
    case("UNBOUND", "a comment without a commit", "bot", Some("verdict/unbound"), |hosted, number| {
        merged(hosted, number).comment_of_app(&hosted.hub.app("reviewer"), "Found nothing.");
    }),
    case("OWN", "by its author", "lead", Some("verdict/self"), |hosted, number| {
        approved(hosted, number).author(&hosted.hub.user("lead"));
    }),
    case("EDITED", "by somebody else", "bot", Some("verdict/edited"), |hosted, number| {
        let pull = merged(hosted, number);
        let comment = pull.comment_of_app(&hosted.hub.app("reviewer"), "Found a defect.");
        pull.edit_comment(comment, &hosted.hub.user("boss"), &fine(&head(hosted, number)));
    }),
    case("EDITED", "by who wrote it", "bot", Some("verdict/edited"), |hosted, number| {
        let (pull, bot) = (merged(hosted, number), hosted.hub.app("reviewer"));
        let comment = pull.comment_of_app(&bot, "Found a defect.");
        pull.edit_comment(comment, &bot.bot, &fine(&head(hosted, number)));
    }),
    case("OTHER ACCOUNT", "through another App", "bot", Some("verdict/other-account"), |hosted, number| {
        let hub = &hosted.hub;
        merged(hosted, number).comment_through(&hub.app("reviewer").bot, &hub.app("other"), &fine(&head(hosted, number)));
    }),
    case("UNVERIFIABLE", "a state that nobody knows yet", "lead", Some("verdict/unknown-value"), |hosted, number| {
        approved(hosted, number);
        broken_reviews(hosted, number, &Broken::Replaced { from: "\"APPROVED\"".to_owned(), to: "\"ENDORSED\"".to_owned() });
    }),
    case("UNVERIFIABLE", "an answer that is not one", "lead", Some("verdict/unreadable"), |hosted, number| {
        approved(hosted, number);
        broken_reviews(hosted, number, &Broken::Html(200));
    }),
    case("UNVERIFIABLE", "GitHub does not show it", "lead", Some("verdict/not-found"), |hosted, number| {
        approved(hosted, number);
        let line = format!("GET /repos/example/app/pulls/{number}/reviews");
        (1..=3).for_each(|nth| hosted.hub.refuse(&line, nth, Refused::NotFound));
    }),
    case("UNMAPPED", "a commit without a pull request", "lead", Some("verdict/unmapped"), |hosted, number| {
        hosted.push_past_review(&format!("{number}.txt"));
    }),
    case("UNMAPPED", "a pull request for another branch", "lead", Some("verdict/other-base"), |hosted, number| {
        let author = hosted.hub.user("author");
        hosted.git_as(&author, &["push", "--quiet", "origin", "main:next"]);
        let pull = hosted.pull(number, &["file.txt"]).base("next", &hosted.at("main"));
        let merge = pull.review(&hosted.hub.user("lead"), "APPROVED", "").merge(&hosted.hub.user("boss"), Way::Merge);
        hosted.git_as(&author, &["fetch", "--quiet", "origin", "next"]);
        hosted.git_as(&author, &["push", "--quiet", "origin", &format!("{merge}:main")]);
        hosted.sync();
    }),
    case("CHANGED", "something slipped in", "lead", Some("verdict/not-as-merged"), |hosted, number| {
        let pull = hosted.pull(number, &["file.txt"]).review(&hosted.hub.user("lead"), "APPROVED", "");
        hosted.scratch.git(&["merge", "--quiet", "--no-ff", "--no-commit", &format!("topic-{number}")]);
        pull.merged(&hosted.hub.user("boss"), &hosted.push_past_review("slipped.txt"));
    }),
    case("unverifiable", "no rule is in force", "rules", Some("verdict/bypass-unknown"), |hosted, number| drop(approved(hosted, number))),
    case("suspected", "fewer approvals than the rules ask for", "rules", Some("verdict/bypass-suspected"), |hosted, number| {
        hosted.hub.repo().ruleset("Main", "branch", &["refs/heads/main"], &["pull_request"], &[]);
        approved(hosted, number);
    }),
    case("bypassed", "GitHub says so", "rules", Some("verdict/bypassed"), |hosted, number| judged(hosted, number, "bypass")),
    case("clean", "GitHub says so", "rules", None, |hosted, number| judged(hosted, number, "pass")),
];

/// Approved and merged, and this is what the rules said of it.
fn judged(hosted: &Hosted, number: u64, result: &str) {
    let before = hosted.at("main");
    approved(hosted, number);
    hosted.hub.repo().rule_suite(&hosted.hub.user("boss"), "refs/heads/main", (&before, &hosted.at("main")), result);
}

/// Every state as GitHub brings it about: what the gate says, and that its page has the code beside the state.
#[test]
fn every_state_of_a_verdict_has_its_finding() {
    let hub = GitHub::new();
    let bot = hub.app("reviewer");
    let more = format!(
        "  bot: {{ type: bot, id: {}, app: {}, approves: [\"comment:Found nothing\"] }}\n  \
         signs: {{ type: user, id: {}, ssh: test@example.com }}\n",
        bot.bot.id,
        bot.id,
        hub.user("lead").id
    );
    let gate = |reviewer: &str, bypass: &str, on_fail: &str| {
        format!("title: Reviewed\non_fail: {on_fail}\nverdict: {{ pulls: {{ reviewers: [{reviewer}], bypass: {bypass} }} }}\n")
    };
    let files = [
        ("gates/protocol.yaml", protocol(&hub, &more)),
        ("gates/10-bot.yaml", gate("bot", "allow", "document")),
        ("gates/20-rules.yaml", gate("lead", "refuse", "document")),
        ("gates/30-lead.yaml", gate("lead", "allow", "halt")),
    ];
    let hosted = Hosted::new(hub, &files.each_ref().map(|(path, text)| (*path, text.as_str())));
    let page = KINDS.iter().find(|kind| kind.id == "verdict").unwrap().page;
    let mut wrong = Vec::new();
    for (number, case) in (1..).zip(CASES) {
        (case.make)(&hosted, number);
        let (outcome, codes) = hosted.verdict(case.gate);
        let is_as_said = (outcome == "passed") == case.code.is_none() && codes == case.code.into_iter().collect::<Vec<_>>();
        let row = page.lines().find(|line| line.starts_with(&format!("| {} |", case.state))).unwrap_or_default();
        if !is_as_said || row.is_empty() || !case.code.is_none_or(|code| row.contains(code)) {
            wrong.push(format!("#{number} {}, {}: {outcome} {codes:?}, and the page has `{row}`", case.state, case.how));
        }
    }
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));

    // Who asks with a signature that the protocol says is the reviewer's; and somebody else.
    hosted.release("v1.0.0");
    assert_eq!(hosted.refused("v1.0.0", "gate_failed"), ["verdict/self"]);
    hosted.scratch.identity("work", "Ann", "ann@example.com");
    hosted.promote("v1.0.0").expect("moved");
}
