//! GitHub fails while a command runs: the decision and the refs are as without that, the run says what the thread was not told, and
//! `follow` or the next run of the event tells it, once.

use super::Talk;
use crate::github::model::{Broken, GitHub, Refused};

/// How a request fails.
#[derive(Clone, Copy)]
enum Fails {
    Refused,
    /// It was done, and nobody heard.
    Lost,
}

impl Fails {
    fn plant(self, hub: &GitHub, line: &str, nth: usize) {
        match self {
            Fails::Refused => hub.refuse(line, nth, Refused::NotFound),
            Fails::Lost => hub.break_contract(line, nth, Broken::ClosedAfter),
        }
    }
}

const REACT: &str = "POST /repos/example/app/issues/comments/*/reactions";
const READ: &str = "GET /repos/example/app/issues/7/comments";
const SAY: &str = "POST /repos/example/app/issues/7/comments";
const EDIT: &str = "PATCH /repos/example/app/issues/comments/*";

struct Row {
    line: &'static str,
    /// Which requests with this line fail, from 1.
    nths: &'static [usize],
    fails: Fails,
    /// The reason code of the run, and what it says.
    reason: &'static str,
    says: &'static str,
    /// Whether the thread knows afterwards.
    knows: bool,
}

const NO_SIGN: &str = "no reaction was made";
const NOT_READ: &str = "the thread could not be read";
const NO_START: &str = "the thread was not told that this runs";
const NO_END: &str = "the thread was not told what came of it";

const fn row(line: &'static str, nths: &'static [usize], fails: Fails, says: &'static str, knows: bool) -> Row {
    Row { line, nths, fails, reason: "moved", says, knows }
}

const fn untold(row: Row) -> Row {
    Row { reason: "followers_failed", ..row }
}

const ROWS: &[Row] = &[
    row(REACT, &[1], Fails::Refused, NO_SIGN, true),
    row(REACT, &[2], Fails::Refused, NO_SIGN, true),
    row(REACT, &[1, 2], Fails::Lost, NO_SIGN, true),
    row(READ, &[1], Fails::Refused, NOT_READ, true),
    untold(row(READ, &[1, 2], Fails::Refused, NOT_READ, false)),
    row(SAY, &[1], Fails::Refused, NO_START, true),
    untold(row(SAY, &[1, 2], Fails::Refused, NO_END, false)),
    row(SAY, &[1], Fails::Lost, NO_START, true),
    untold(row(EDIT, &[1], Fails::Refused, NO_END, false)),
    untold(row(EDIT, &[1], Fails::Lost, NO_END, true)),
];

/// Of a comment: how often it was answered, and how often with what an entry did.
fn answers(talk: &Talk, comment: u64) -> (usize, usize) {
    let all = talk.pull.comments();
    let own: Vec<&String> = all.iter().filter(|text| text.contains(&format!("<!-- tagwarden comment={comment} "))).collect();
    (own.len(), own.iter().filter(|text| text.contains(" state=final entry=")).count())
}

#[test]
fn what_github_refuses_or_loses_changes_no_decision_and_is_told_once() {
    let talk = Talk::new();
    let hub = &talk.hosted.hub;
    for (at, Row { line, nths, fails, reason, says, knows }) in ROWS.iter().enumerate() {
        let row = format!("{line} {nths:?}");
        let before = talk.refs();
        let verb = if at % 2 == 0 { "hold" } else { "unhold" };
        let comment = talk.pull.comment(&talk.lead, &format!("/{verb} --channel live --reason \"row {at}\""));
        let event = talk.event(comment);
        nths.iter().for_each(|nth| fails.plant(hub, line, *nth));
        let answer = talk.job(&event).expect(reason);
        assert!(answer["notices"].to_string().contains(says), "{row}: {answer:#}");
        let told = format!("`tagwarden follow --serial {}` tells it", at + 1);
        assert_eq!(answer["notices"].to_string().contains(&told), *reason == "followers_failed", "{row}: {answer:#}");

        // What is written is one entry, and nothing else.
        let after = talk.refs();
        let changed: Vec<&str> = after.keys().filter(|name| before.get(*name) != after.get(*name)).map(String::as_str).collect();
        assert_eq!((answer["serial"].as_u64(), changed), (Some(at as u64 + 1), vec!["refs/heads/tagwarden/ledger"]), "{row}");
        assert_eq!(talk.hosted.scratch.git_in("origin.git", &["rev-parse", "tagwarden/ledger^"]), before["refs/heads/tagwarden/ledger"]);
        assert_eq!(answers(&talk, comment).1, usize::from(*knows), "{row}");

        // By either way, once, and the other has nothing to add.
        let follow = || talk.hosted.scratch.json(&["follow", "--serial", &(at + 1).to_string()]);
        match (at % 2 == 0, *knows) {
            (true, knows) => drop(follow().expect(if knows { "already_there" } else { "moved" })),
            (false, _) => drop(talk.job(&event).expect("already_there")),
        }
        assert_eq!(answers(&talk, comment), (1, 1), "{row}: {:#?}", talk.pull.comments());
        let thread = talk.pull.comments();
        talk.job(&event).expect("already_there");
        follow().expect("already_there");
        assert_eq!((talk.refs(), talk.pull.comments()), (after, thread), "{row}");
    }
}

/// The same of a promotion whose last word is lost.
#[test]
fn a_tag_that_moved_stays_where_it_is_whatever_the_thread_hears() {
    let talk = Talk::new();
    let comment = talk.pull.comment(&talk.ann, &talk.promote("test"));
    let event = talk.event(comment);
    talk.hosted.hub.refuse(EDIT, 1, Refused::SecondaryRateLimit { retry_after: 60 });
    talk.job(&event).expect("followers_failed");
    assert_eq!(talk.hosted.scratch.remote_commit("refs/tags/channel/test"), Some(talk.commit.clone()));
    assert_eq!((answers(&talk, comment), talk.reactions(comment)), ((1, 0), vec!["deployer[bot] eyes".to_owned()]));
    let refs = talk.refs();
    talk.job(&event).expect("already_there");
    assert_eq!((answers(&talk, comment), talk.refs()), ((1, 1), refs));
    assert_eq!(talk.reactions(comment), ["deployer[bot] eyes", "deployer[bot] rocket"]);
}

/// A refusal is the same refusal, with the same refs.
#[test]
fn a_refusal_that_cannot_be_told_is_one_all_the_same() {
    let talk = Talk::new();
    let refs = talk.refs();
    for (line, nths) in [(REACT, &[1, 2][..]), (READ, &[1, 2]), (SAY, &[1, 2]), (EDIT, &[1])] {
        let comment = talk.pull.comment(&talk.helper, &talk.promote("test"));
        let event = talk.event(comment);
        nths.iter().for_each(|nth| talk.hosted.hub.refuse(line, *nth, Refused::NotFound));
        let answer = talk.job(&event).expect("not_permitted");
        assert_eq!(talk.refs(), refs, "{line}");
        assert!(answer["notices"].to_string().contains("Not Found"), "{line}: {answer:#}");
        talk.job(&event).expect("not_permitted");
        assert_eq!((answers(&talk, comment).0, talk.refs()), (1, refs.clone()), "{line}");
    }
}

/// An answer of ours that tells of an entry which is not the one of this request is put right, by the next run and by `follow`.
#[test]
fn another_entry_is_told_over_the_first() {
    let talk = Talk::new();
    let comment = talk.pull.comment(&talk.ann, &talk.promote("test"));
    let told = |serial: u64| format!("<!-- tagwarden comment={comment} state=final entry={serial} -->\n### ✓ moved\n");
    let answer = talk.pull.comment_of_app(&talk.app, &told(9));
    talk.job(&talk.event(comment)).expect("moved");
    assert!(talk.told(comment).contains("state=final entry=1 "), "{}", talk.told(comment));
    talk.pull.edit_comment(answer, &talk.app.bot, &told(8));
    talk.hosted.scratch.json(&["follow"]).expect("moved");
    assert!(talk.told(comment).contains("state=final entry=1 "), "{}", talk.told(comment));
    talk.pull.edit_comment(answer, &talk.app.bot, &told(7));
    talk.job(&talk.event(comment)).expect("already_there");
    assert!(talk.told(comment).contains("state=final entry=1 "), "{}", talk.told(comment));
    assert_eq!(answers(&talk, comment), (1, 1));
}
