//! Commands in repositories of every format that this git has.

use super::{Setup, Talk};
use crate::{common::Scratch, github::model::Way};

/// `git init` knows these words.
fn is_known(format: &str) -> bool {
    Scratch::without_repository().try_tool("", "git", &["init", "--quiet", "--bare", format, "tried"]).0
}

/// There and back, on names of 64 digits and on refs that are no files.
#[test]
fn a_promotion_and_a_rollback_in_every_format() {
    let formats: [&[&str]; 2] = [&["--object-format=sha256"], &["--ref-format=reftable"]];
    let known = formats.into_iter().filter(|format| is_known(format[0]));
    for format in known {
        let talk = Talk::with(Setup { format, ..Setup::default() });
        talk.says(&talk.ann, &talk.promote("test")).answer.expect("moved");
        let pull = talk.hosted.pull(8, &["b.txt"]);
        talk.hosted.merge(&pull, Way::Merge);
        talk.hosted.release("v1.2.0");
        let sha = talk.hosted.at("HEAD");
        talk.says(&talk.ann, &format!("/promote app@1.2.0 --channel test --sha {sha}")).answer.expect("moved");
        assert_eq!(talk.hosted.scratch.remote_commit("refs/tags/channel/test"), Some(sha.clone()));
        let back = talk.says(&talk.ann, "/rollback --channel test --reason \"logins fail\"");
        back.answer.expect("moved");
        assert_eq!(talk.hosted.scratch.remote_commit("refs/tags/channel/test"), Some(talk.commit.clone()));
        assert!(talk.told(back.comment).contains("moved"), "{}", talk.told(back.comment));
        // An id of the other length names no commit here.
        let refs = talk.refs();
        let short = "1".repeat(if sha.len() == 40 { 64 } else { 40 });
        talk.says(&talk.ann, &format!("/promote app@1.2.0 --channel test --sha {short}")).answer.expect("tag_conflict");
        assert_eq!(talk.refs(), refs);
        talk.hosted.scratch.json(&["audit", "--rejudge", "all"]).expect("passed");
    }
}
