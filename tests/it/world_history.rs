//! What became of paths, asked of real repositories: renames, merges, settings that would change the answer, clones that
//! hold only a part.

use crate::world_support::Scratch;
use tagwarden::{
    lockdown::history::{History, Limits},
    world::Git,
};

fn put(scratch: &Scratch, path: &str, text: &str) {
    let path = scratch.path("work").join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// Commits everything; the ten digits that are shown of it.
fn commit(scratch: &Scratch) -> String {
    scratch.git("work", &["add", "--all"]);
    scratch.git("work", &["commit", "--quiet", "--allow-empty", "--message", "x"]);
    head(scratch)
}

fn head(scratch: &Scratch) -> String {
    scratch.git("work", &["rev-parse", "HEAD"])[..10].to_owned()
}

/// Gives the newest commit a signature that means nothing, and a program that says much about it.
fn sign(scratch: &Scratch) -> String {
    scratch.script("says", "#!/bin/sh\necho commit 0000000000 >&2\necho '[GNUPG:] NEWSIG'\n");
    scratch.git("work", &["config", "gpg.program", &scratch.path("says").display().to_string()]);
    let raw = scratch.git("work", &["cat-file", "commit", "HEAD"]);
    let signature = "gpgsig -----BEGIN PGP SIGNATURE-----\n \n x\n -----END PGP SIGNATURE-----";
    let sha256 = if raw.lines().next().unwrap().len() > 60 { "-sha256" } else { "" };
    let signed =
        format!("{}\n", raw.replacen("\n\n", &format!("\n{}\n\n", signature.replacen("gpgsig", &format!("gpgsig{sha256}"), 1)), 1));
    std::fs::write(scratch.path("commit"), signed).unwrap();
    let oid = scratch.git("work", &["hash-object", "-t", "commit", "-w", "../commit"]);
    scratch.git("work", &["reset", "--quiet", "--soft", &oid]);
    head(scratch)
}

/// A text that git finds again after a small edit.
fn text(name: &str) -> String {
    (1..=40).map(|line| format!("{name} {line}\n")).collect()
}

/// What the last commit of a clone tells of these paths, of which none is there.
async fn history(git: &Git, paths: &[&str]) -> History {
    git.history(&git.rev_parse("HEAD").unwrap().unwrap(), paths, &[], |_| false).await.unwrap()
}

fn is_there(scratch: &Scratch) -> impl Fn(&str) -> bool {
    let work = scratch.path("work");
    move |path| work.join(path).exists()
}

fn fate(scratch: &Scratch, history: &History, path: &str) -> String {
    history.fate(path, is_there(scratch)).map_or("never".to_owned(), |fate| fate.to_string())
}

#[tokio::test]
async fn renames_and_removals_are_found_whatever_the_settings() {
    for format in ["sha1", "sha256"] {
        let scratch = Scratch::with_format(1, format);
        put(&scratch, "old/näme \"1\"\t.rs", &text("one"));
        put(&scratch, "old/two.rs", &text("two"));
        put(&scratch, "gone.rs", &text("gone"));
        commit(&scratch);
        scratch.git("work", &["mv", "old", "new"]);
        put(&scratch, "new/two.rs", &format!("{}more\n", text("two")));
        let moved = commit(&scratch);
        scratch.git("work", &["mv", "new/two.rs", "new/three.rs"]);
        put(&scratch, "new/three.rs", &format!("{}more\nand more\n", text("two")));
        scratch.git("work", &["rm", "--quiet", "gone.rs"]);
        put(&scratch, "fresh.rs", "fresh\n");
        commit(&scratch);
        let last = sign(&scratch);
        for (key, value) in [
            ("diff.renames", "false"),
            ("diff.renameLimit", "1"),
            ("diff.orderFile", "/nowhere"),
            ("diff.relative", "true"),
            ("log.showSignature", "true"),
            ("log.diffMerges", "off"),
            ("log.follow", "true"),
            ("format.pretty", "oneline"),
            ("core.abbrev", "4"),
            ("core.quotePath", "true"),
            ("color.ui", "always"),
        ] {
            scratch.git("work", &["config", key, value]);
        }
        let git = scratch.open("work").await;
        let head = scratch.oid("work", "HEAD");
        let before = git.processes();
        let cases = [
            ("old/näme \"1\"\t.rs", format!("renamed to new/näme \"1\"\t.rs in {moved}")),
            ("old/two.rs", format!("renamed to new/three.rs in {last}")),
            ("new/two.rs", format!("renamed to new/three.rs in {last}")),
            ("old", format!("renamed to new in {moved}")),
            ("gone.rs", format!("removed in {last}")),
            ("file", "never".to_owned()),
            ("nothing", "never".to_owned()),
        ];
        let paths = cases.each_ref().map(|(path, _)| *path);
        let history = git.history(&head, &paths, &[], is_there(&scratch)).await.unwrap();
        assert_eq!(git.processes() - before, 3, "the settings are read, then the history, then its renames");
        assert_eq!(history.limits, Limits::default());
        for (path, expected) in cases {
            assert_eq!(fate(&scratch, &history, path), expected, "{path} with {format}");
        }
    }
}

#[tokio::test]
async fn what_a_branch_or_a_merge_removed_is_found() {
    let scratch = Scratch::with_remote(1);
    for name in ["renamed", "removed", "in-merge", "beside"] {
        put(&scratch, name, &text(name));
    }
    commit(&scratch);
    scratch.git("work", &["switch", "--quiet", "--create", "side"]);
    put(&scratch, "lived-on-side", &text("side"));
    commit(&scratch);
    scratch.git("work", &["mv", "renamed", "kept"]);
    scratch.git("work", &["rm", "--quiet", "removed", "lived-on-side"]);
    let side = commit(&scratch);
    scratch.git("work", &["switch", "--quiet", "main"]);
    put(&scratch, "beside", "another\n");
    commit(&scratch);
    scratch.git("work", &["merge", "--quiet", "--no-ff", "--no-commit", "side"]);
    scratch.git("work", &["rm", "--quiet", "--force", "in-merge"]);
    let merge = commit(&scratch);

    let git = scratch.open("work").await;
    let cases = [
        ("renamed", format!("renamed to kept in {side}")),
        ("removed", format!("removed in {side}")),
        ("lived-on-side", format!("removed in {side}")),
        ("in-merge", format!("removed in {merge}")),
        ("beside", "never".to_owned()),
    ];
    let history = history(&git, &cases.each_ref().map(|(path, _)| *path)).await;
    for (path, expected) in cases {
        assert_eq!(fate(&scratch, &history, path), expected, "{path}");
    }
    // The history of an earlier commit does not know what came later.
    let earlier = git.history(&scratch.oid("work", "HEAD^1"), &["renamed"], &[], |_| false).await.unwrap();
    assert_eq!(earlier.fate("renamed", |_| false), None);
}

#[tokio::test]
async fn clones_that_hold_a_part_say_so() {
    let scratch = Scratch::with_remote(1);
    put(&scratch, "as-it-was", &text("a"));
    put(&scratch, "edited", &text("b"));
    put(&scratch, "early", &text("c"));
    commit(&scratch);
    scratch.git("work", &["rm", "--quiet", "early"]);
    commit(&scratch);
    scratch.git("work", &["mv", "as-it-was", "moved"]);
    scratch.git("work", &["mv", "edited", "changed"]);
    put(&scratch, "changed", &format!("{}more\n", text("b")));
    let last = commit(&scratch);
    scratch.git("work", &["push", "--quiet", "origin", "main"]);
    scratch.git("server", &["config", "uploadpack.allowFilter", "true"]);
    let server = format!("file://{}", scratch.path("server").display());

    scratch.git("", &["clone", "--quiet", "--depth=2", &server, "shallow"]);
    let git = scratch.open("shallow").await;
    let shallow = history(&git, &["edited", "early"]).await;
    assert_eq!(shallow.limits, Limits { cut: true, ..Limits::default() });
    assert_eq!(shallow.fate("edited", |path| path == "changed").unwrap().to_string(), format!("renamed to changed in {last}"));
    assert_eq!(shallow.fate("early", |_| false), None);

    scratch.git("", &["clone", "--quiet", "--bare", "--filter=blob:none", &server, "partial"]);
    let lacks = || scratch.git("partial", &["rev-list", "--all", "--objects", "--missing=print"]).matches('?').count();
    let missing = lacks();
    assert!(missing > 0, "the clone is partial");
    let partial = history(&scratch.open("partial").await, &["as-it-was", "edited"]).await;
    assert_eq!(lacks(), missing, "nothing was fetched");
    assert_eq!(partial.limits, Limits { exact_renames_only: true, ..Limits::default() });
    assert_eq!(partial.fate("as-it-was", |path| path == "moved").unwrap().now(), Some("moved"));
    assert_eq!(partial.fate("edited", |path| path == "changed").unwrap().to_string(), format!("removed in {last}"));
}

#[tokio::test]
async fn a_commit_too_large_for_every_rename_is_told() {
    let scratch = Scratch::with_remote(1);
    for number in 0..1001 {
        put(&scratch, &format!("old/{number}"), &format!("{number}\n{number}\nx\n"));
    }
    commit(&scratch);
    scratch.git("work", &["rm", "-r", "--quiet", "old"]);
    for number in 0..1001 {
        put(&scratch, &format!("new/at{number}"), &format!("{number}\n{number}\ny\n"));
    }
    commit(&scratch);
    let history = history(&scratch.open("work").await, &["old/7"]).await;
    assert_eq!(history.limits, Limits { renames_skipped: true, ..Limits::default() });
    assert!(fate(&scratch, &history, "old/7").starts_with("removed in "));
}

#[tokio::test]
async fn a_history_that_cannot_be_read_is_no_empty_history() {
    let scratch = Scratch::with_remote(3);
    let git = scratch.open("work").await;
    assert!(git.history(&"1".repeat(40).parse().unwrap(), &[], &[], |_| false).await.is_err());
    let middle = scratch.oid("work", "HEAD~1").to_string();
    std::fs::remove_file(scratch.path("work/.git/objects").join(&middle[..2]).join(&middle[2..])).unwrap();
    let fault = git.history(&scratch.oid("work", "HEAD"), &[], &[], |_| false).await.err().unwrap();
    assert!(fault.message.contains("cannot be read"), "{fault}");
}

#[tokio::test]
async fn removals_are_known_where_renames_cannot_be_read() {
    let scratch = Scratch::with_remote(1);
    put(&scratch, "old.rs", &text("old"));
    put(&scratch, "gone.rs", &text("gone"));
    commit(&scratch);
    let blob = scratch.oid("work", "HEAD:old.rs").to_string();
    scratch.git("work", &["rm", "--quiet", "old.rs", "gone.rs"]);
    put(&scratch, "new.rs", &format!("{}more\n", text("old")));
    let last = commit(&scratch);
    std::fs::remove_file(scratch.path("work/.git/objects").join(&blob[..2]).join(&blob[2..])).unwrap();
    let git = scratch.open("work").await;
    let history = git.history(&scratch.oid("work", "HEAD"), &["old.rs", "gone.rs"], &[], is_there(&scratch)).await.unwrap();
    assert_eq!(history.limits, Limits { renames_unread: true, ..Limits::default() });
    for path in ["old.rs", "gone.rs"] {
        assert_eq!(fate(&scratch, &history, path), format!("removed in {last}"));
    }
}
