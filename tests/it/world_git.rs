//! Git against real repositories: what the remote says, what is brought, what a push does when something stands in its way.

use crate::world_support::{Scratch, name};
use std::collections::BTreeMap;
use tagwarden::{
    domain::{Oid, Reason},
    tree::{EntryKind, Tree},
    world::{
        Git,
        git::{Merged, ObjectFormat, ObjectKind, PushEnd, PushSpec, RefAnswer, TreeItem, Update, Want},
        trees::{CommitTree, WorkTree},
    },
};

const LEDGER: &str = "refs/heads/tagwarden/ledger";
const TAG: &str = "refs/tags/channel/production";

fn update(to: &str, expect: Option<&Oid>, new: Option<&Oid>) -> Update {
    Update { name: name(to), expect: expect.cloned(), new: new.cloned() }
}

/// Ledger and tag at the first of two commits, and the push that moves both to the second.
struct Moved {
    scratch: Scratch,
    git: Git,
    old: Oid,
    new: Oid,
}

impl Moved {
    async fn new() -> Moved {
        let scratch = Scratch::with_remote(2);
        let git = scratch.open("work").await;
        let (old, new) = (scratch.oid("work", "HEAD~1"), scratch.oid("work", "HEAD"));
        let spec = PushSpec { updates: vec![update(LEDGER, None, Some(&old)), update(TAG, None, Some(&old))] };
        assert_eq!(git.push("origin", &spec).await.unwrap().end, PushEnd::Moved);
        Moved { scratch, git, old, new }
    }

    fn spec(&self) -> PushSpec {
        PushSpec { updates: vec![update(LEDGER, Some(&self.old), Some(&self.new)), update(TAG, Some(&self.old), Some(&self.new))] }
    }

    async fn push(&self) -> PushEnd {
        self.git.push("origin", &self.spec()).await.unwrap().end
    }

    /// What the server holds, read by another program run.
    fn on_server(&self) -> [Option<Oid>; 2] {
        let read = |name: &str| {
            let (code, text) = self.scratch.try_run(&self.scratch.path("server"), "git", &["rev-parse", "--verify", "--quiet", name]);
            (code == Some(0)).then(|| text.parse().unwrap())
        };
        [read(LEDGER), read(TAG)]
    }

    fn set_on_server(&self, name: &str, oid: &Oid) {
        self.scratch.git("server", &["update-ref", name, oid.as_str()]);
    }

    fn assert_unmoved(&self) {
        assert_eq!(self.on_server(), [Some(self.old.clone()), Some(self.old.clone())]);
    }
}

#[tokio::test]
async fn a_repository_is_opened_from_any_folder_of_it() {
    let scratch = Scratch::with_remote(1);
    std::fs::create_dir(scratch.path("work").join("deep")).unwrap();
    let git = scratch.open("work/deep").await;
    assert_eq!(git.dir().canonicalize().unwrap(), scratch.path("work").canonicalize().unwrap());
    assert!(!git.is_bare() && !git.is_shallow());
    assert_eq!(git.object_format(), ObjectFormat::Sha1);
    assert_eq!(git.processes(), 0, "opening is counted apart");
    assert!(scratch.open("server").await.is_bare());
    for folder in ["home", "nowhere"] {
        let fault = Git::open(&scratch.path(folder), &scratch.env()).await.err().unwrap();
        assert_eq!(fault.reason, Reason::NotARepository, "{fault}");
    }
}

#[tokio::test]
async fn a_missing_git_and_an_old_git_are_told_from_a_missing_repository() {
    let scratch = Scratch::with_remote(1);
    std::fs::create_dir(scratch.path("bin")).unwrap();
    let env = scratch.env().with("PATH", scratch.path("bin"));
    assert_eq!(Git::open(&scratch.path("work"), &env).await.err().unwrap().reason, Reason::GitTooOld);
    scratch.script("bin/git", "#!/bin/sh\necho git version 2.35.1\n");
    assert_eq!(Git::open(&scratch.path("work"), &env).await.err().unwrap().reason, Reason::GitTooOld);
}

#[tokio::test]
async fn objects_are_read_and_written_on_both_hashes() {
    for format in ["sha1", "sha256"] {
        let scratch = Scratch::with_format(1, format);
        let git = scratch.open("work").await;
        let head = git.rev_parse("HEAD").unwrap().unwrap();
        assert_eq!(head, scratch.oid("work", "HEAD"));
        let commit = git.read(&head).unwrap().unwrap();
        assert_eq!(
            (commit.kind, commit.bytes),
            (ObjectKind::Commit, format!("{}\n", scratch.git("work", &["cat-file", "commit", "HEAD"])).into_bytes())
        );

        let blobs = git.write_blobs(&[b"one\r\n", b"", b"\0\xff"]).await.unwrap();
        let read = git.read_many(&blobs).unwrap();
        let bytes: Vec<&[u8]> = read.iter().map(|object| object.as_ref().unwrap().bytes.as_slice()).collect();
        assert_eq!(bytes, [b"one\r\n".as_slice(), b"", b"\0\xff"]);

        let items = BTreeMap::from([
            ("entry.json".to_owned(), TreeItem::File(b"{}".to_vec())),
            ("evidence/a.json".to_owned(), TreeItem::File(b"a".to_vec())),
            ("a/b/c/d".to_owned(), TreeItem::Blob(blobs[0].clone())),
            ("policy".to_owned(), TreeItem::Tree(git.object_at(&head, "").unwrap().unwrap().0)),
        ]);
        let before = git.processes();
        let tree = git.write_tree(&items).await.unwrap();
        assert_eq!(git.processes() - before, 2);
        assert_eq!(
            scratch.git("work", &["ls-tree", "-r", "--name-only", tree.as_str()]),
            "a/b/c/d\nentry.json\nevidence/a.json\npolicy/file"
        );
        let raw = format!("tree {tree}\nauthor a <a@example.com> 1 +0000\ncommitter a <a@example.com> 1 +0000\n\nx\n");
        let commit = git.write_object(ObjectKind::Commit, raw.as_bytes()).await.unwrap();
        assert_eq!(git.read(&commit).unwrap().unwrap().bytes, raw.as_bytes());
        assert_eq!(git.object_at(&commit, "evidence/a.json").unwrap().unwrap().1, ObjectKind::Blob);
        assert_eq!(git.object_at(&commit, "nothing").unwrap(), None);
        scratch.git("work", &["fsck", "--strict"]);
    }
}

#[tokio::test]
async fn a_missing_object_is_a_value_and_names_cannot_smuggle_questions() {
    let scratch = Scratch::with_remote(1);
    let git = scratch.open("work").await;
    let head = git.rev_parse("HEAD").unwrap().unwrap();
    let missing: Oid = "1".repeat(40).parse().unwrap();
    let read = git.read_many(&[missing.clone(), head.clone(), missing.clone()]).unwrap();
    assert_eq!(read.iter().map(Option::is_some).collect::<Vec<_>>(), [false, true, false]);
    assert!(!git.has(&missing).unwrap() && git.has(&head).unwrap());
    for rev in ["nope", "", "--all", "HEAD\ninfo HEAD", "a b", "HEAD:file", ":/", "..", "^HEAD"] {
        assert_eq!(git.rev_parse(rev).unwrap(), None, "{rev:?}");
    }
    assert_eq!(git.rev_parse("main").unwrap(), Some(head), "the reader is still in step");
    assert_eq!(git.processes(), 1);
}

#[tokio::test]
async fn many_large_objects_are_read_without_blocking() {
    let scratch = Scratch::with_remote(1);
    let git = scratch.open("work").await;
    let contents: Vec<Vec<u8>> = (0..3000u32).map(|number| number.to_le_bytes().repeat(200)).collect();
    let slices: Vec<&[u8]> = contents.iter().map(Vec::as_slice).collect();
    let oids = git.write_blobs(&slices).await.unwrap();
    let asked: Vec<Oid> = oids.iter().chain(&oids).cloned().collect();
    let before = git.processes();
    let read = git.read_many(&asked).unwrap();
    assert!(git.processes() - before <= 1);
    assert!(read.iter().zip(contents.iter().cycle()).all(|(object, bytes)| object.as_ref().unwrap().bytes == *bytes));
}

#[tokio::test]
async fn an_edited_object_and_a_replaced_object_are_not_believed() {
    let scratch = Scratch::with_remote(2);
    let git = scratch.open("work").await;
    let blobs = git.write_blobs(&[b"true", b"false"]).await.unwrap();
    let path = |oid: &Oid| scratch.path("work").join(format!(".git/objects/{}/{}", &oid.as_str()[..2], &oid.as_str()[2..]));
    std::fs::remove_file(path(&blobs[0])).unwrap();
    std::fs::copy(path(&blobs[1]), path(&blobs[0])).unwrap();
    let fault = git.read(&blobs[0]).unwrap_err();
    assert!(fault.message.contains("other content"), "{fault}");
    assert_eq!(git.read(&blobs[1]).unwrap().unwrap().bytes, b"false");

    let (old, new) = (scratch.oid("work", "HEAD~1"), scratch.oid("work", "HEAD"));
    scratch.git("work", &["replace", new.as_str(), old.as_str()]);
    let parents = String::from_utf8(git.read(&new).unwrap().unwrap().bytes).unwrap();
    assert!(parents.contains(&format!("parent {old}")));
    assert_eq!(git.rev_list(&new).await.unwrap(), Some(vec![new, old]));
}

#[tokio::test]
async fn a_damaged_object_is_not_read_and_the_next_question_is_answered() {
    let scratch = Scratch::with_remote(1);
    let git = scratch.open("work").await;
    let blob = git.write_blobs(&[b"content"]).await.unwrap().remove(0);
    let path = scratch.path("work").join(format!(".git/objects/{}/{}", &blob.as_str()[..2], &blob.as_str()[2..]));
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, b"no zlib").unwrap();
    assert!(!matches!(git.read(&blob), Ok(Some(_))));
    assert!(git.rev_parse("HEAD").unwrap().is_some());
}

#[tokio::test]
async fn the_remote_is_read_by_full_names() {
    let scratch = Scratch::with_remote(1);
    scratch.git("work", &["tag", "-m", "x", "v1.0.0"]);
    scratch.git("work", &["tag", "-m", "y", "nested", "v1.0.0"]);
    scratch.git("work", &["branch", "v1.0.0"]);
    scratch.git(
        "work",
        &["push", "--quiet", "origin", "refs/heads/v1.0.0", "refs/tags/v1.0.0", "refs/tags/nested", "main:refs/heads/refs/tags/v1.0.0"],
    );
    let git = scratch.open("work").await;
    let refs = git.ls_remote("origin", &["refs/tags/v1.0.0", "refs/heads/none"]).await.unwrap();
    assert_eq!(refs.len(), 1);
    let tag = &refs[&name("refs/tags/v1.0.0")];
    assert_eq!(tag.oid, scratch.oid("work", "refs/tags/v1.0.0"));
    assert_eq!(tag.target(), &scratch.oid("work", "HEAD"));
    let tags = git.ls_remote("origin", &["refs/tags/*"]).await.unwrap();
    assert_eq!(tags.len(), 2);
    assert_eq!(tags[&name("refs/tags/nested")].target(), &scratch.oid("work", "HEAD"), "peeled to the end");

    assert_eq!(git.ls_remote("nowhere", &[]).await.unwrap_err().reason, Reason::NoRemote);
    assert_eq!(git.ls_remote("--upload-pack=touch", &[]).await.unwrap_err().reason, Reason::NoRemote);
    scratch.git("work", &["remote", "add", "gone", "https://user:hunter2@127.0.0.1:9/x.git"]);
    let fault = scratch.open("work").await.ls_remote("gone", &[]).await.unwrap_err();
    assert_eq!(fault.reason, Reason::Unreachable);
    assert!(!fault.to_string().contains("hunter2"), "{fault}");
}

#[tokio::test]
async fn two_push_urls_are_refused() {
    let scratch = Scratch::with_remote(1);
    scratch.git("work", &["remote", "set-url", "--add", "origin", "/elsewhere"]);
    let git = scratch.open("work").await;
    assert_eq!(git.remote_url("origin").await.unwrap_err().reason, Reason::BadConfig);
    scratch.git("work", &["config", "remote.origin.pushurl", "/one"]);
    assert_eq!(scratch.open("work").await.remote_url("origin").await.unwrap(), "/one");
}

#[tokio::test]
async fn fetching_moves_no_local_ref() {
    let scratch = Scratch::with_remote(1);
    scratch.git("", &["clone", "--quiet", "server", "other"]);
    scratch.git("work", &["commit", "--quiet", "--allow-empty", "--message", "later"]);
    scratch.git("work", &["tag", "-m", "x", "v2.0.0"]);
    scratch.git("work", &["push", "--quiet", "origin", "main", "v2.0.0"]);
    scratch.git("other", &["config", "remote.origin.tagOpt", "--tags"]);
    scratch.git("other", &["config", "fetch.prune", "true"]);
    scratch.git("other", &["update-ref", "refs/remotes/origin/stale", "HEAD"]);
    let before = scratch.ref_state("other");
    let git = scratch.open("other").await;
    let head = scratch.oid("work", "HEAD");
    assert!(!git.has(&head).unwrap());
    git.fetch_objects("origin", &[Want::Ref(name("refs/heads/main"))]).await.unwrap();
    assert!(git.has(&head).unwrap(), "the long-lived reader sees what came later");
    let tag = scratch.oid("work", "refs/tags/v2.0.0");
    git.fetch_objects("origin", &[Want::Oid(tag.clone())]).await.unwrap();
    assert!(git.has(&tag).unwrap());
    assert_eq!(scratch.ref_state("other"), before);
    let fault = git.fetch_objects("origin", &[Want::Ref(name("refs/heads/none"))]).await.unwrap_err();
    assert_eq!(fault.reason, Reason::Unreachable);
}

#[tokio::test]
async fn a_shallow_clone_gets_a_whole_branch_and_stays_shallow() {
    let scratch = Scratch::with_remote(5);
    scratch.git("work", &["checkout", "--quiet", "--orphan", "ledger"]);
    for number in 0..4 {
        scratch.git("work", &["commit", "--quiet", "--allow-empty", "--message", &format!("entry {number}")]);
    }
    scratch.git("work", &["push", "--quiet", "origin", "ledger:tagwarden/ledger"]);
    let url = format!("file://{}", scratch.path("server").display());
    for options in [vec!["--no-single-branch"], vec!["--single-branch", "--branch", "main"]] {
        let mut args = vec!["clone", "--quiet", "--depth", "1"];
        args.extend(options);
        args.extend([url.as_str(), "other"]);
        scratch.git("", &args);
        let before = scratch.ref_state("other");
        let git = scratch.open("other").await;
        assert!(git.is_shallow());
        let (head, main) = (scratch.oid("work", "ledger"), scratch.oid("server", "main"));
        assert_eq!(git.rev_list(&head).await.unwrap(), None, "not whole yet");
        assert_eq!(git.rev_list(&main).await.unwrap(), None);
        git.fetch_objects("origin", &[Want::Ref(name(LEDGER))]).await.unwrap();
        assert_eq!(git.rev_list(&head).await.unwrap().unwrap().len(), 4);
        assert_eq!(scratch.ref_state("other"), before);
        assert_eq!(git.rev_list(&main).await.unwrap(), None, "what was not asked for did not come");
        assert_eq!(scratch.git("other", &["rev-list", "--count", "origin/main"]), "1", "the clone goes on working as a shallow one");
        scratch.git("other", &["fsck", "--connectivity-only"]);
        std::fs::remove_dir_all(scratch.path("other")).unwrap();
    }
}

#[tokio::test]
async fn ancestry_in_a_shallow_clone_is_yes_or_unknown() {
    let scratch = Scratch::with_remote(4);
    let url = format!("file://{}", scratch.path("server").display());
    scratch.git("", &["clone", "--quiet", "--depth", "2", &url, "other"]);
    let [first, third, fourth] = ["HEAD~3", "HEAD~1", "HEAD"].map(|rev| scratch.oid("work", rev));
    let whole = scratch.open("work").await;
    assert_eq!(whole.is_ancestor(&first, &fourth).await.unwrap(), Some(true));
    assert_eq!(whole.is_ancestor(&fourth, &first).await.unwrap(), Some(false));
    assert_eq!(whole.is_ancestor(&"1".repeat(40).parse().unwrap(), &first).await.unwrap(), None);
    let cut = scratch.open("other").await;
    assert_eq!(cut.is_ancestor(&third, &fourth).await.unwrap(), Some(true));
    assert_eq!(cut.is_ancestor(&fourth, &third).await.unwrap(), None);
    assert_eq!(cut.is_ancestor(&first, &fourth).await.unwrap(), None);
    cut.fetch_objects("origin", &[Want::Ref(name("refs/heads/main"))]).await.unwrap();
    assert_eq!(cut.is_ancestor(&first, &fourth).await.unwrap(), Some(true), "once history is here, it can be told");
    assert_eq!(cut.is_ancestor(&fourth, &first).await.unwrap(), Some(false));
    assert_eq!(scratch.git("other", &["rev-list", "--count", "HEAD"]), "2", "for others the clone stays as it was");

    scratch.git("other", &["worktree", "add", "--quiet", "../linked"]);
    let linked = scratch.open("linked").await;
    assert!(linked.is_shallow() && linked.dir().ends_with("linked"));
    scratch.git("work", &["commit", "--quiet", "--allow-empty", "--message", "5"]);
    scratch.git("work", &["push", "--quiet", "origin", "main"]);
    scratch.git("", &["clone", "--quiet", "--depth", "1", &url, "fresh"]);
    scratch.git("fresh", &["worktree", "add", "--quiet", "../fresh-linked"]);
    let fresh = scratch.open("fresh-linked").await;
    assert_eq!(fresh.is_ancestor(&first, &scratch.oid("work", "HEAD")).await.unwrap(), None);
}

#[tokio::test]
async fn a_push_moves_everything_on_a_sha256_repository() {
    let scratch = Scratch::with_format(2, "sha256");
    let git = scratch.open("work").await;
    let (old, new) = (scratch.oid("work", "HEAD~1"), scratch.oid("work", "HEAD"));
    let push = async |expect: Option<&Oid>, new: &Oid| {
        let spec = PushSpec { updates: vec![update(LEDGER, expect, Some(new)), update(TAG, expect, Some(new))] };
        git.push("origin", &spec).await.unwrap().end
    };
    assert_eq!(push(None, &old).await, PushEnd::Moved);
    assert!(matches!(push(None, &new).await, PushEnd::Stale(_)));
    assert_eq!(push(Some(&old), &new).await, PushEnd::Moved);
    assert_eq!(git.ls_remote("origin", &[TAG]).await.unwrap()[&name(TAG)].oid, new);
}

#[tokio::test]
async fn a_push_moves_everything_or_says_that_nothing_was_to_be_done() {
    let moved = Moved::new().await;
    let answer = moved.git.push("origin", &moved.spec()).await.unwrap();
    assert_eq!(answer.end, PushEnd::Moved);
    assert!(answer.lines.iter().all(|line| line.answer == RefAnswer::Moved) && answer.lines.len() == 2);
    assert_eq!(moved.on_server(), [Some(moved.new.clone()), Some(moved.new.clone())]);
    assert_eq!(moved.push().await, PushEnd::UpToDate);
    assert_eq!(
        moved.scratch.git("work", &["for-each-ref", "--format=%(refname)"]),
        "refs/heads/main\nrefs/remotes/origin/main\nrefs/remotes/origin/tagwarden/ledger"
    );

    let back = PushSpec { updates: vec![update(LEDGER, Some(&moved.new), Some(&moved.old)), update(TAG, Some(&moved.new), None)] };
    assert_eq!(moved.git.push("origin", &back).await.unwrap().end, PushEnd::Moved, "backwards, and removing");
    assert_eq!(moved.on_server(), [Some(moved.old.clone()), None]);
}

#[tokio::test]
async fn a_stale_lease_of_one_ref_stops_both() {
    for stale in [LEDGER, TAG] {
        let moved = Moved::new().await;
        let third: Oid = moved.scratch.git("work", &["commit-tree", "-m", "rival", "HEAD^{tree}"]).parse().unwrap();
        moved.scratch.git("work", &["push", "--quiet", "--force", "origin", &format!("{third}:{stale}")]);
        let end = moved.push().await;
        assert!(matches!(&end, PushEnd::Stale(why) if why.contains(stale)), "{end:?}");
        let unmoved = if stale == LEDGER { 1 } else { 0 };
        assert_eq!(moved.on_server()[unmoved].as_ref(), Some(&moved.old));
    }
    let moved = Moved::new().await;
    let spec = PushSpec { updates: vec![update(LEDGER, None, Some(&moved.new)), update("refs/tags/new", None, Some(&moved.new))] };
    assert!(matches!(moved.git.push("origin", &spec).await.unwrap().end, PushEnd::Stale(_)), "it must not exist, but does");
    moved.assert_unmoved();
}

#[tokio::test]
async fn a_ref_that_is_there_already_does_not_pass_for_moved() {
    let moved = Moved::new().await;
    moved.set_on_server(TAG, &moved.new);
    let answer = moved.git.push("origin", &moved.spec()).await.unwrap();
    assert!(matches!(&answer.end, PushEnd::Partial(why) if why.contains(TAG)), "{answer:?}");
}

#[tokio::test]
async fn refusals_of_the_server_name_their_cause() {
    for (hook, script, cause) in [
        ("update", "#!/bin/sh\ncase $1 in refs/tags/*) echo \"GH013: Repository rule violations found for $1.\"; exit 1;; esac\n", "GH013"),
        ("pre-receive", "#!/bin/sh\necho not today\nexit 1\n", "not today"),
    ] {
        let moved = Moved::new().await;
        moved.scratch.script(&format!("server/hooks/{hook}"), script);
        let end = moved.push().await;
        assert!(matches!(&end, PushEnd::Refused(why) if why.contains(cause)), "{hook}: {end:?}");
        moved.assert_unmoved();
    }
    // git's own server ends without a report here.
    let moved = Moved::new().await;
    moved.scratch.script("server/hooks/reference-transaction", "#!/bin/sh\ntest \"$1\" != prepared\n");
    assert!(matches!(moved.push().await, PushEnd::Unknown(_)));
    moved.assert_unmoved();

    let moved = Moved::new().await;
    moved.scratch.git("server", &["config", "receive.denyDeletes", "true"]);
    let spec = PushSpec { updates: vec![update(LEDGER, Some(&moved.old), None), update(TAG, Some(&moved.old), Some(&moved.new))] };
    let end = moved.git.push("origin", &spec).await.unwrap().end;
    assert!(matches!(&end, PushEnd::Refused(why) if why.contains(LEDGER)), "{end:?}");
    moved.assert_unmoved();
}

#[tokio::test]
async fn a_server_without_atomic_gets_nothing() {
    let moved = Moved::new().await;
    assert!(moved.git.advertises_atomic("origin", &moved.new).await.unwrap());
    moved.scratch.git("server", &["config", "receive.advertiseAtomic", "false"]);
    assert!(!moved.git.advertises_atomic("origin", &moved.new).await.unwrap());
    assert_eq!(moved.push().await, PushEnd::NoAtomic);
    moved.assert_unmoved();
    assert_eq!(moved.scratch.git("server", &["for-each-ref", "refs/tagwarden"]), "");
}

#[tokio::test]
async fn a_server_that_hides_a_ref_is_seen_to_move_the_other_alone() {
    let moved = Moved::new().await;
    moved.scratch.git("server", &["config", "receive.hideRefs", "refs/tags/new"]);
    let spec =
        PushSpec { updates: vec![update(LEDGER, Some(&moved.old), Some(&moved.new)), update("refs/tags/new", None, Some(&moved.new))] };
    let end = moved.git.push("origin", &spec).await.unwrap().end;
    assert!(matches!(&end, PushEnd::Partial(why) if why.contains("refs/tags/new")), "{end:?}");
    assert_eq!(moved.on_server()[0].as_ref(), Some(&moved.new));
}

#[tokio::test]
async fn an_unreachable_server_gets_nothing() {
    let moved = Moved::new().await;
    std::fs::rename(moved.scratch.path("server"), moved.scratch.path("away")).unwrap();
    assert!(matches!(moved.push().await, PushEnd::NotSent(_)));
    assert_eq!(moved.git.advertises_atomic("origin", &moved.new).await.unwrap_err().reason, Reason::Unreachable);
}

#[tokio::test]
async fn a_connection_lost_after_the_move_is_unknown() {
    let moved = Moved::new().await;
    let server = moved.scratch.path("server");
    // The server's report never arrives: a wrapper drops what receive-pack says after the advertisement was used.
    moved.scratch.script(
        "lossy",
        "#!/bin/sh\ngit-receive-pack \"$@\" | head -c \"$(git-receive-pack --advertise-refs \"$@\" </dev/null 2>/dev/null | wc -c)\"\n",
    );
    let exec = moved.scratch.run(&server, "git", &["--exec-path"]);
    let path = format!("{exec}:{}", std::env::var("PATH").unwrap());
    moved.scratch.git("work", &["config", "remote.origin.receivepack", &format!("'{}'", moved.scratch.path("lossy").display())]);
    let git = Git::open(&moved.scratch.path("work"), &moved.scratch.env().with("PATH", path)).await.unwrap();
    let end = git.push("origin", &moved.spec()).await.unwrap().end;
    assert!(matches!(end, PushEnd::Unknown(_)), "{end:?}");
    assert_eq!(moved.on_server(), [Some(moved.new.clone()), Some(moved.new.clone())], "it did happen");
}

#[tokio::test]
async fn local_hooks_mirrors_and_push_settings_do_not_reach_the_push() {
    let moved = Moved::new().await;
    moved.scratch.git("work", &["tag", "-m", "follows", "follower", "main"]);
    for hook in ["pre-push", "reference-transaction"] {
        moved.scratch.script(&format!("work/.git/hooks/{hook}"), "#!/bin/sh\nexit 1\n");
    }
    for (key, value) in
        [("push.followTags", "true"), ("remote.origin.mirror", "true"), ("push.useForceIfIncludes", "true"), ("push.gpgSign", "true")]
    {
        moved.scratch.git("work", &["config", key, value]);
    }
    let git = moved.scratch.open("work").await;
    assert_eq!(git.push("origin", &moved.spec()).await.unwrap().end, PushEnd::Moved);
    let refs = git.ls_remote("origin", &[]).await.unwrap();
    assert_eq!(refs.keys().map(|name| name.as_str()).collect::<Vec<_>>(), ["refs/heads/main", LEDGER, TAG]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_eight_writers_at_once_one_wins_and_all_others_are_stale() {
    let moved = Moved::new().await;
    // Every writer passes its own lease check before the first one is let through.
    moved.scratch.script(
        "server/hooks/pre-receive",
        "#!/bin/sh\ntouch \"$PWD/../in.$$\"\nwhile test \"$(ls .. | grep -c '^in\\.')\" -lt 8; do sleep 0.01; done\n",
    );
    let writers: Vec<_> = (0..8)
        .map(|writer| {
            let new: Oid = moved.scratch.git("work", &["commit-tree", "-m", &writer.to_string(), "HEAD^{tree}"]).parse().unwrap();
            let spec = PushSpec { updates: vec![update(LEDGER, Some(&moved.old), Some(&new)), update(TAG, Some(&moved.old), Some(&new))] };
            let git = moved.git.clone();
            tokio::spawn(async move { (git.push("origin", &spec).await.unwrap().end, new) })
        })
        .collect();
    let mut winners = Vec::new();
    for writer in writers {
        match writer.await.unwrap() {
            (PushEnd::Moved, new) => winners.push(new),
            (end, _) => assert!(matches!(end, PushEnd::Stale(_)), "{end:?}"),
        }
    }
    assert_eq!(winners.len(), 1);
    assert_eq!(moved.on_server(), [Some(winners[0].clone()), Some(winners[0].clone())]);
}

#[tokio::test]
async fn a_commit_is_read_as_a_tree_whatever_the_disk_says() {
    let scratch = Scratch::with_remote(1);
    let work = scratch.path("work");
    std::fs::create_dir_all(work.join("gates/run")).unwrap();
    std::fs::write(work.join("gates/a b.yaml"), "a\n").unwrap();
    std::fs::write(work.join("gates/ü\u{1}.yaml"), "u\n").unwrap();
    std::fs::write(work.join("gates-x"), "x\n").unwrap();
    scratch.script("work/gates/run/check", "#!/bin/sh\n");
    std::os::unix::fs::symlink("/etc/passwd", work.join("gates/link")).unwrap();
    scratch.git("work", &["add", "."]);
    scratch.git("work", &["commit", "--quiet", "--message", "files"]);
    let git = scratch.open("work").await;
    let head = git.rev_parse("HEAD").unwrap().unwrap();
    std::fs::write(work.join("gates/a b.yaml"), "changed\n").unwrap();

    let tree = CommitTree::new(&git, &head).unwrap();
    let paths: Vec<(&str, EntryKind)> = tree.entries().unwrap().iter().map(|entry| (entry.path.as_str(), entry.kind)).collect();
    assert_eq!(
        paths,
        [
            ("file", EntryKind::File),
            ("gates-x", EntryKind::File),
            ("gates/a b.yaml", EntryKind::File),
            ("gates/link", EntryKind::Symlink),
            ("gates/run/check", EntryKind::Executable),
            ("gates/ü\u{1}.yaml", EntryKind::File),
        ]
    );
    assert_eq!(tree.read("gates/a b.yaml").unwrap().unwrap(), b"a\n");
    assert_eq!(tree.read("gates/link").unwrap().unwrap(), b"/etc/passwd");
    assert_eq!(tree.read("gates").unwrap(), None);
    assert_eq!((&tree as &dyn Tree).files_in("gates").unwrap().len(), 4);

    let (policy, kind) = git.object_at(&head, "gates").unwrap().unwrap();
    assert_eq!(kind, ObjectKind::Tree);
    let sub = CommitTree::of_tree(&git, &policy).unwrap();
    assert_eq!(sub.read("run/check").unwrap().unwrap(), b"#!/bin/sh\n");
    let folder = git.policy_checkout(&policy).unwrap();
    assert_eq!(scratch.run(folder.path(), "sh", &["-c", "./run/check && cat 'a b.yaml' && test ! -e link && echo fine"]), "a\nfine");
    assert!(CommitTree::new(&git, &"1".repeat(40).parse().unwrap()).is_err());
    assert!(CommitTree::of_tree(&git, &head).is_err());
}

#[tokio::test]
async fn the_work_tree_is_what_git_would_commit() {
    let scratch = Scratch::with_remote(1);
    let work = scratch.path("work");
    std::fs::create_dir_all(work.join("gone/deep")).unwrap();
    std::fs::create_dir_all(work.join("linked")).unwrap();
    std::fs::write(work.join("gone/deep/x"), "x").unwrap();
    std::fs::write(work.join("linked/secret"), "tracked").unwrap();
    scratch.git("work", &["add", "."]);
    std::fs::remove_dir_all(work.join("gone")).unwrap();
    std::fs::remove_dir_all(work.join("linked")).unwrap();
    std::fs::create_dir(scratch.path("outside")).unwrap();
    std::fs::write(scratch.path("outside/secret"), "outside").unwrap();
    std::os::unix::fs::symlink(scratch.path("outside"), work.join("linked")).unwrap();
    std::fs::write(work.join(".gitignore"), "ignored\n").unwrap();
    std::fs::write(work.join("ignored"), "i").unwrap();
    std::fs::write(work.join("new"), "n").unwrap();

    let git = scratch.open("work").await;
    let tree = WorkTree::new(&git).unwrap();
    let paths: Vec<&str> = tree.entries().unwrap().iter().map(|entry| entry.path.as_str()).collect();
    assert_eq!(paths, [".gitignore", "file", "linked", "new"], "nothing is read through a link");
    assert_eq!(tree.read("new").unwrap().unwrap(), b"n");
    assert_eq!(tree.read("ignored").unwrap(), None);
    assert_eq!(WorkTree::new(&git).unwrap().id(), tree.id());
    assert!(git.is_dirty("new").await.unwrap() && !git.is_dirty("file").await.unwrap());

    std::fs::write(work.join("new"), "m").unwrap();
    assert!(tree.read("new").is_err(), "what was listed is what is judged");
    assert_ne!(WorkTree::new(&git).unwrap().id(), tree.id());
    assert!(WorkTree::new(&scratch.open("server").await).is_err());
}

#[tokio::test]
async fn a_partial_clone_gets_the_contents_at_once() {
    let scratch = Scratch::with_remote(2);
    scratch.git("server", &["config", "uploadpack.allowFilter", "true"]);
    let url = format!("file://{}", scratch.path("server").display());
    scratch.git("", &["clone", "--quiet", "--filter=blob:none", "--no-checkout", &url, "other"]);
    scratch.git("work", &["checkout", "--quiet", "--orphan", "ledger"]);
    std::fs::write(scratch.path("work/entry.json"), "{}").unwrap();
    scratch.git("work", &["add", "entry.json"]);
    scratch.git("work", &["commit", "--quiet", "--message", "entry"]);
    scratch.git("work", &["push", "--quiet", "origin", "ledger:tagwarden/ledger"]);
    let git = scratch.open("other").await;
    git.fetch_objects("origin", &[Want::Ref(name(LEDGER))]).await.unwrap();
    std::fs::rename(scratch.path("server"), scratch.path("away")).unwrap();
    let head = scratch.oid("work", "ledger");
    let (blob, _) = git.object_at(&head, "entry.json").unwrap().unwrap();
    assert_eq!(git.read(&blob).unwrap().unwrap().bytes, b"{}");
}

/// A stand-in for ssh that runs the command here.
#[tokio::test]
async fn a_remote_over_ssh_answers_the_same() {
    let moved = Moved::new().await;
    let server = moved.scratch.path("server");
    moved.scratch.script("ssh", "#!/bin/sh\nwhile test $# -gt 1; do shift; done\nexec sh -c \"$1\"\n");
    moved.scratch.git("work", &["remote", "set-url", "origin", &format!("ssh://git@host.invalid{}", server.display())]);
    let env = moved.scratch.env().with("GIT_SSH_COMMAND", format!("'{}'", moved.scratch.path("ssh").display()));
    let git = Git::open(&moved.scratch.path("work"), &env).await.unwrap();
    assert!(git.advertises_atomic("origin", &moved.new).await.unwrap());
    moved.scratch.git("server", &["config", "receive.advertiseAtomic", "false"]);
    assert!(!git.advertises_atomic("origin", &moved.new).await.unwrap());
    assert_eq!(git.push("origin", &moved.spec()).await.unwrap().end, PushEnd::NoAtomic);
    moved.assert_unmoved();
    moved.scratch.git("server", &["config", "receive.advertiseAtomic", "true"]);
    assert_eq!(git.push("origin", &moved.spec()).await.unwrap().end, PushEnd::Moved);
    let wrong = PushSpec { updates: vec![update(TAG, Some(&moved.old), Some(&moved.old))] };
    let stale = PushSpec { updates: vec![update(TAG, Some(&moved.old), None)] };
    assert!(matches!(git.push("origin", &stale).await.unwrap().end, PushEnd::Stale(_)));
    assert!(matches!(git.push("origin", &wrong).await.unwrap().end, PushEnd::Stale(_)));
}

/// A commit graph that leaves a parent out is believed by git, and by nobody here.
#[tokio::test]
async fn a_lying_commit_graph_is_not_asked() {
    let scratch = Scratch::with_remote(3);
    let [first, second, last] = ["HEAD~2", "HEAD~1", "HEAD"].map(|rev| scratch.oid("work", rev));
    scratch.git("work", &["commit-graph", "write", "--reachable"]);
    let path = scratch.path("work").join(".git/objects/info/commit-graph");
    let mut bytes = std::fs::read(&path).unwrap();
    let number = |at: usize, width: usize| bytes[at..at + width].iter().fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
    // gitformat-commit-graph(5): a table of chunks, each with its offset.
    let chunk =
        |id: &[u8; 4]| (0..usize::from(bytes[6])).map(|n| 8 + n * 12).find(|at| &bytes[*at..at + 4] == id).map(|at| number(at + 4, 8));
    let (names, data) = (chunk(b"OIDL").unwrap(), chunk(b"CDAT").unwrap());
    let hex = |at: usize| bytes[at..at + 20].iter().map(|byte| format!("{byte:02x}")).collect::<String>();
    let row = (0..3).find(|row| hex(names + row * 20) == second.as_str()).unwrap();
    let parent = data + row * 36 + 20;
    bytes[parent..parent + 4].copy_from_slice(&0x7000_0000u32.to_be_bytes());
    std::fs::remove_file(&path).unwrap();
    std::fs::write(&path, bytes).unwrap();
    let words = ["merge-base", "--is-ancestor", first.as_str(), last.as_str()];
    assert_eq!(scratch.try_run(&scratch.path("work"), "git", &words).0, Some(1), "git believes it");
    assert_eq!(scratch.open("work").await.is_ancestor(&first, &last).await.unwrap(), Some(true));
}

/// Filters are programs that the configuration names.
#[tokio::test]
async fn no_filter_is_run_to_look_for_changes() {
    let scratch = Scratch::with_remote(1);
    let work = scratch.path("work");
    std::fs::write(work.join(".gitattributes"), "*.txt filter=f\n").unwrap();
    std::fs::write(work.join("a.txt"), "a\n").unwrap();
    scratch.git("work", &["add", "."]);
    scratch.git("work", &["commit", "--quiet", "--message", "attributes"]);
    let ran = scratch.path("ran");
    scratch.git("work", &["config", "filter.f.clean", &format!("touch {}; cat", ran.display())]);
    std::fs::write(work.join("a.txt"), "b\n").unwrap();
    let git = scratch.open("work").await;
    assert!(git.is_dirty("a.txt").await.unwrap());
    assert!(!ran.exists(), "the filter ran");
    scratch.git("work", &["status", "--short"]);
    assert!(ran.exists(), "git runs it");
}

/// Two branches that change one line conflict, whatever the checkout, the user or the system has to say of merging.
#[tokio::test]
async fn what_the_checkout_says_decides_no_merge() {
    for format in ["sha1", "sha256"] {
        let scratch = Scratch::with_format(1, format);
        let work = scratch.path("work");
        let commit = |branch: &str, text: &str| {
            scratch.git("work", &["checkout", "--quiet", "-B", branch, "HEAD"]);
            std::fs::write(work.join("a.txt"), text).unwrap();
            scratch.git("work", &["add", "."]);
            scratch.git("work", &["commit", "--quiet", "--message", text]);
            scratch.oid("work", "HEAD")
        };
        let base = commit("base", "one\n");
        let ours = commit("ours", "two\n");
        scratch.git("work", &["checkout", "--quiet", base.as_str()]);
        let theirs = commit("theirs", "three\n");
        std::fs::write(work.join(".gitattributes"), "* merge=union\n").unwrap();
        std::fs::write(work.join(".git/info/attributes"), "* merge=union\n").unwrap();
        std::fs::write(scratch.path("attributes"), "* merge=union\n").unwrap();
        scratch.git("work", &["config", "core.attributesFile", &scratch.path("attributes").display().to_string()]);
        scratch.git("work", &["config", "merge.default", "union"]);
        let words = ["merge-tree", "--write-tree", ours.as_str(), theirs.as_str()];
        assert_eq!(scratch.try_run(&work, "git", &words).0, Some(0), "git listens");
        let git = scratch.open("work").await;
        assert_eq!(git.merged(&ours, &theirs).await.unwrap(), Merged::Conflicts);
        // Without a conflict the tree is that of the merge.
        scratch.git("work", &["checkout", "--quiet", "--force", ours.as_str()]);
        std::fs::write(work.join("b.txt"), "b\n").unwrap();
        scratch.git("work", &["add", "b.txt"]);
        scratch.git("work", &["commit", "--quiet", "--message", "b"]);
        let (more, tree) = (scratch.oid("work", "HEAD"), scratch.oid("work", "HEAD^{tree}"));
        assert_eq!(git.merged(&base, &more).await.unwrap(), Merged::Tree(tree));
        assert!(matches!(git.merged(&base, &"1".repeat(more.as_str().len()).parse().unwrap()).await.unwrap(), Merged::Unknown(_)));
    }
}
