//! Documents and their lock, as a writer has them: lock, change, read what is said, mend or accept. And the documents of this
//! very repository, whose census is a snapshot.

use crate::common::{Scratch, finding, findings, show::steady};
use insta::assert_snapshot;
use serde_json::Value;
use std::{collections::BTreeMap, path::Path, process::Command};

const DOC: &str = "docs/protocol.md";
const LOCK: &str = "docs/tagwarden.lock";

const PROTOCOL: &str = r#"version: 1
packages: { web: { release_tag: "v{version}" } }
release_branches: [main]
channels: { live: { tag: "channel/{channel}" } }
signing: { key: none }
documents: { protocol: [docs/protocol.md] }
lock: docs/tagwarden.lock
"#;

const TEXT: &str = "\
# How we release

## Gate 1 — The document holds

Run `ops/deploy.sh`, which sets what `ops/limits.conf:1-2` says. Then see [the runbook](runbook.md#after-it).
";

/// A committed protocol with one document, which is locked.
fn locked() -> Scratch {
    let scratch = unlocked();
    scratch.run(&["docs", "lock"]).ok();
    scratch.commit("Lock the document");
    scratch
}

/// What both the locked document and the adopted one stand on.
const GATE: (&str, &str) = ("gates/10-docs.yaml", "title: The document holds\ndocs: {}\n");
const SCRIPT: (&str, &str) = ("ops/deploy.sh", "#!/bin/sh\nset -e\necho deployed\n");

fn unlocked() -> Scratch {
    let scratch = Scratch::new();
    for (path, text) in [
        ("gates/protocol.yaml", PROTOCOL),
        GATE,
        SCRIPT,
        ("ops/limits.conf", "most = 10\nleast = 1\nother = 5\n"),
        ("docs/runbook.md", "# Runbook\n\n## After it\n\nLook at the graphs.\n\n## Later\n\nRest.\n"),
        (DOC, TEXT),
    ] {
        scratch.write(path, text);
    }
    scratch.commit("Add the protocol");
    scratch
}

/// The same, with the script under another name since the last commit.
fn renamed() -> Scratch {
    let scratch = locked();
    scratch.git(&["mv", "ops/deploy.sh", "ops/ship.sh"]);
    scratch
}

const FORGE: &str = "https://forge.example.com/example/web";

/// The remote as a forge has it; git alone is led to the repository beside.
fn on_a_forge(scratch: &Scratch) {
    let url = format!("{FORGE}.git");
    scratch.git(&["remote", "set-url", "origin", &url]);
    scratch.git(&["config", &format!("url.{}.insteadOf", scratch.path("origin.git").display()), &url]);
}

#[track_caller]
fn tell(scratch: &Scratch, args: &[&str]) -> String {
    steady(&scratch.run(args).all())
}

#[track_caller]
fn check(scratch: &Scratch) -> String {
    tell(scratch, &["docs", "check"])
}

/// The codes of the findings in order.
fn codes(answer: &Value) -> Vec<&str> {
    findings(answer).iter().filter_map(|finding| finding["code"].as_str()).collect()
}

#[test]
fn a_writer_sees_every_change_of_what_a_document_speaks_of() {
    let scratch = unlocked();
    assert_snapshot!(check(&scratch), @r"
    4 references: 4 ok

    error[docs/no-lock]: the protocol names the lock docs/tagwarden.lock, but it is not there
      help: `tagwarden docs lock` writes it
    signing: none

    stop (findings). Mend the documents, or what they speak of.
    -- exit 1
    ");
    assert_snapshot!(tell(&scratch, &["docs", "lock"]), @r"
    4 references: 4 ok
      wrote  docs/tagwarden.lock  4 rows (4 added)
    signing: none

    done (passed). Review the change of docs/tagwarden.lock, and commit it with the documents.
    -- exit 0
    ");
    assert_snapshot!(steady(&scratch.read(LOCK)).replace('\t', " | "), @r"
    # tagwarden.lock/1: what the protocol documents speak of. `tagwarden docs lock` writes it; review it, never edit it.
    # document | kind | target | count | watched | accepted
    docs/protocol.md | gate | The document holds | 1 | - | -
    docs/protocol.md | lines | ops/limits.conf:1-2 | 1 | [digest] | -
    docs/protocol.md | link | docs/runbook.md#after-it | 1 | [digest] | -
    docs/protocol.md | path | ops/deploy.sh | 1 | - | -
    ");
    assert_snapshot!(check(&scratch), @r"
    4 references: 4 ok
    signing: none

    done (passed). Every reference that can be judged holds.
    -- exit 0
    ");
    scratch.commit("Lock the document");
    let before = scratch.everything();
    scratch.json(&["docs", "lock"]).expect("nothing_to_do");
    scratch.unchanged_since(&before);

    // Moved text, other files, and other lines of a watched file change nothing.
    scratch.edit(DOC, "# How we release\n", "# How we release\n\nThis page says it all.\n");
    scratch.edit("ops/deploy.sh", "echo deployed", "echo done");
    scratch.edit("ops/limits.conf", "other = 5", "other = 6");
    scratch.json(&["docs", "check"]).expect("passed");
    scratch.commit("Say more");

    scratch.edit(DOC, "Then see", "Read `ops/limits.conf` again. Then see");
    assert_snapshot!(check(&scratch), @r"
    5 references: 5 ok

    error[docs/lock-added]: `ops/limits.conf` (path) is not in the lock
     --> docs/protocol.md:7:72
      |
    7 | Run `ops/deploy.sh`, which sets what `ops/limits.conf:1-2` says. Read `ops/limits.conf` again. Then see [the runbook](runbook.md#afte...
      |                                                                        ^^^^^^^^^^^^^^^
      |
      = help: if the document is right, `tagwarden docs lock`, and review the change of the lock
    signing: none

    stop (findings). Mend the documents, or what they speak of.
    -- exit 1
    ");
    assert_snapshot!(tell(&scratch, &["docs", "lock"]), @r"
    5 references: 5 ok
      wrote  docs/tagwarden.lock  5 rows (1 added)
    signing: none

    done (passed). Review the change of docs/tagwarden.lock, and commit it with the documents.
    -- exit 0
    ");
    scratch.commit("Name the limits");

    scratch.edit("ops/limits.conf", "most = 10", "most = 20");
    scratch.edit("docs/runbook.md", "Look at the graphs.", "Look at the graphs.\nThen at the logs.");
    assert_snapshot!(check(&scratch), @r"
    5 references: 5 ok

    ops/limits.conf:1-2 (lines) since it was reviewed for docs/protocol.md
      @@ -1,2 +1,2 @@
      -most = 10
      +most = 20
       least = 1

    docs/runbook.md#after-it (link) since it was reviewed for docs/protocol.md
      @@ -3 +3,2 @@
       Look at the graphs.
      +Then at the logs.

    error[docs/changed-target]: `ops/limits.conf:1-2` (lines) was reviewed against an older text
     --> docs/protocol.md:7:39
      |
    7 | Run `ops/deploy.sh`, which sets what `ops/limits.conf:1-2` says. Read `ops/limits.conf` again. Then see [the runbook](runbook.md#afte...
      |                                       ^^^^^^^^^^^^^^^^^^^
      |
      = help: read it again; if the document still tells the truth, `tagwarden docs lock`

    error[docs/changed-target]: `docs/runbook.md#after-it` (link) was reviewed against an older text
     --> docs/protocol.md:7:119
      |
    7 | .... Read `ops/limits.conf` again. Then see [the runbook](runbook.md#after-it).
      |                                                           ^^^^^^^^^^^^^^^^^^^
      |
      = help: read it again; if the document still tells the truth, `tagwarden docs lock`
    signing: none

    stop (findings). Mend the documents, or what they speak of.
    -- exit 1
    ");
    scratch.commit("Raise the limit");
    let value = scratch.json(&["docs", "check"]).expect("findings");
    assert_eq!(codes(&value), ["docs/changed-target", "docs/changed-target"]);
    assert_eq!(value["changes"][0]["diff"].as_array().unwrap().len(), 4, "the reviewed text is that of the lock's commit: {value:#}");
    scratch.json(&["docs", "lock"]).expect("passed");
    scratch.json(&["docs", "check"]).expect("passed");
}

#[test]
fn only_some_kinds_are_looked_for() {
    let scratch = renamed();
    assert_snapshot!(tell(&scratch, &["docs", "check", "--only", "links"]), @r"
    1 reference: 1 ok
    note: only some kinds of reference were looked for; the lock was not compared
    signing: none

    done (passed). Every reference that can be judged holds.
    -- exit 0
    ");
    assert_snapshot!(tell(&scratch, &["docs", "list", "--only", "command,lines"]), @r"
    1 reference: 1 ok
      docs/protocol.md:5:39  lines  ok  ops/limits.conf:1-2
    note: only some kinds of reference were looked for; the lock was not compared
    signing: none

    done (passed). Every reference that can be judged holds.
    -- exit 0
    ");
    assert_snapshot!(tell(&scratch, &["docs", "check", "--only", "lnik"]), @r"
    -- stderr
    error[bad_usage]: invalid value 'lnik' for '--only <KIND>': did you mean `link`?

    stop (bad_usage). `tagwarden help docs check` says what may stand there.
    -- exit 2
    ");
    let value = scratch.json(&["docs", "check", "--only", "path"]).expect("findings");
    assert_eq!(value["totals"]["broken"], 1);
    assert_eq!(value["findings"].as_array().unwrap().len(), 1, "the lock, which is out of date as well, is not compared");
}

#[test]
fn a_rename_is_told_with_both_names_and_mended() {
    let scratch = renamed();
    assert_snapshot!(check(&scratch), @r"
    4 references: 3 ok, 1 broken

    error[docs/missing-path]: `ops/deploy.sh` is no file or folder of the tree: it was renamed to `ops/ship.sh` since the last commit
     --> docs/protocol.md:5:6
      |
    5 | Run `ops/deploy.sh`, which sets what `ops/limits.conf:1-2` says. Then see [the runbook](runbook.md#after-it).
      |      ^^^^^^^^^^^^^
      |
      = help: write `ops/ship.sh`; `tagwarden docs check --fix` does it
    signing: none

    stop (findings). Mend the documents, or what they speak of.
    -- exit 1
    ");
    scratch.commit("Rename the script");
    let value = scratch.json(&["docs", "check"]).expect("findings");
    let message = finding(&value, "docs/missing-path")["message"].as_str().unwrap();
    assert!(message.contains("`ops/deploy.sh`") && message.contains("renamed to ops/ship.sh in "), "{message}");
    scratch.json(&["docs", "lock"]).expect("findings");

    assert_snapshot!(tell(&scratch, &["docs", "check", "--fix"]), @r"
    4 references: 4 ok
      mended 1 place(s) in docs/protocol.md

    error[docs/lock-added]: `ops/ship.sh` (path) is not in the lock
     --> docs/protocol.md:5:6
      |
    5 | Run `ops/ship.sh`, which sets what `ops/limits.conf:1-2` says. Then see [the runbook](runbook.md#after-it).
      |      ^^^^^^^^^^^
      |
      = help: if the document is right, `tagwarden docs lock`, and review the change of the lock

    error[docs/lock-removed]: `ops/deploy.sh` (path) is in the lock, but docs/protocol.md makes no such reference any more
     --> docs/tagwarden.lock:6:1
      |
    6 | docs/protocol.md    path    ops/deploy.sh    1    -    -
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: if the document is right, `tagwarden docs lock`, and review the change of the lock
    signing: none

    stop (findings). Mend the documents, or what they speak of.
    -- exit 1
    ");
    assert_eq!(scratch.read(DOC), TEXT.replace("ops/deploy.sh", "ops/ship.sh"), "nothing else is touched");
    scratch.json(&["docs", "lock"]).expect("passed");
    scratch.json(&["docs", "check"]).expect("passed");

    // Neither the only file of its name nor what is near is proven.
    for wrong in ["`tools/ops/ship.sh`", "`ops/shop.sh`"] {
        scratch.write(DOC, TEXT.replace("`ops/deploy.sh`", wrong));
        let before = scratch.everything();
        let value = scratch.json(&["docs", "check", "--fix"]).expect("findings");
        let help = finding(&value, "docs/missing-path")["help"].as_str().unwrap();
        assert!(help.starts_with("did you mean `ops/ship.sh`?"), "{help}");
        scratch.unchanged_since(&before);
    }
}

#[test]
fn a_rename_is_told_of_paths_of_which_only_the_end_is_written() {
    let scratch = unlocked();
    for path in ["deep/src/main.rs", "web/lib/util.ts", "lib/x/two.ts", "a/same.rs", "b/same.rs", "src/Case.ts"] {
        scratch.write(path, format!("{path}\none\ntwo\n"));
    }
    scratch.edit("gates/protocol.yaml", "documents: { ", "documents: { roots: [web], ");
    let written = "`main.rs:2` `lib/util.ts` `x/two.ts` `a/same.rs` `src/Case.ts`";
    scratch.edit(DOC, "Run ", &format!("{written} Run "));
    scratch.json(&["docs", "lock"]).expect("passed");
    scratch.commit("Write more");
    for (from, to) in [
        ("deep/src/main.rs", "deep/src/start.rs"),
        ("web/lib/util.ts", "web/lib/tools.ts"),
        ("lib/x", "lib/y"),
        ("a/same.rs", "a/other.rs"),
        ("src/Case.ts", "src/case.ts"),
    ] {
        scratch.git(&["mv", from, to]);
    }
    // The same is told before and after the commit.
    for commit in [false, true] {
        if commit {
            scratch.commit("Rename it all");
        }
        let value = scratch.json(&["docs", "check"]).expect("findings");
        assert_eq!(codes(&value), ["docs/missing-path", "docs/missing-path", "docs/missing-path", "docs/missing-path", "docs/case"]);
        let told: Vec<&str> = findings(&value).iter().filter_map(|finding| finding["message"].as_str()).collect();
        for (at, name) in ["deep/src/main.rs", "lib/util.ts", "lib/x/two.ts", "a/same.rs"].iter().enumerate() {
            assert!(told[at].contains(name) && told[at].contains("renamed to "), "{told:?}");
        }
    }
    scratch.json(&["docs", "check", "--fix"]).expect("findings");
    let mended = "`deep/src/start.rs:2` `web/lib/tools.ts` `lib/y/two.ts` `a/other.rs` `src/Case.ts`";
    assert!(scratch.read(DOC).contains(mended), "{}", scratch.read(DOC));
}

#[test]
fn no_wording_excuses_what_history_proves() {
    let scratch = unlocked();
    scratch.edit("gates/protocol.yaml", "lock: docs/tagwarden.lock\n", "");
    let lines = |name: &str| (1..=10).map(|line| format!("{name} {line}\n")).collect::<String>();
    for path in ["CHANGELOG.md", "web/CHANGELOG.md", "Cargo.toml", "fuzz/Cargo.toml", "ops/old.sh", "ops/near.sh"] {
        scratch.write(path, lines(path));
    }
    scratch.commit("Write more");
    scratch.git(&["rm", "--quiet", "CHANGELOG.md", "ops/old.sh"]);
    scratch.git(&["mv", "Cargo.toml", "engine.toml"]);
    scratch.write("engine.toml", lines("Cargo.toml").replace("toml 1\n", "toml one\n").replace("toml 2\n", "toml two\n"));
    scratch.git(&["mv", "ops/near.sh", "ops/far.sh"]);
    scratch.commit("Clean up");
    let told = |text: &str| {
        scratch.write(DOC, TEXT.replace("Run ", &format!("{text}. Run ")));
        let value = scratch.json(&["docs", "check"]).value;
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        let errors = findings(&value).into_iter().filter(|finding| finding["severity"] == "error");
        errors.map(|finding| format!("{}; {}", text(finding, "message"), text(finding, "help"))).collect::<Vec<_>>()
    };
    for (sentence, message, help) in [
        ("`CHANGELOG.md` will be created", "`CHANGELOG.md` is no file or folder of the tree: it was removed in ", "expect-missing"),
        ("The run generates `ops/old.sh`", "it was removed in ", "expect-missing"),
        ("Delete `ops/old.sh` if it exists", "it was removed in ", "expect-missing"),
        ("A file like `ops/old.sh`", "it was removed in ", "expect-missing"),
        ("Run `test -e ops/old.sh && cat ops/old.sh`", "it was removed in ", "expect-missing"),
        ("`Cargo.toml` is what counts", "it was renamed to engine.toml in ", "did you mean `engine.toml`?"),
        ("`ops/near.sh` is planned", "it was renamed to ops/far.sh in ", "write `ops/far.sh`; `tagwarden docs check --fix` does it"),
    ] {
        let said = told(sentence);
        assert!(said.len() == 1 && said[0].contains(message) && said[0].contains(help), "{sentence}: {said:?}");
    }
    assert_eq!(told("`CHANGELOG.md` <!-- tagwarden: expect-missing -- the build makes it -->\n\nThen"), [] as [&str; 0]);
    told("`Cargo.toml` and `ops/near.sh:3`");
    scratch.json(&["docs", "check", "--fix"]).expect("findings");
    assert!(scratch.read(DOC).contains("`Cargo.toml` and `ops/far.sh:3`"), "only what is the same file: {}", scratch.read(DOC));
}

#[test]
fn every_column_of_the_written_tables_is_compared() {
    let scratch = Scratch::new();
    scratch.run(&["init"]).ok();
    let document = "protocol-docs/promotion.md";
    let text = scratch.read(document);
    for (right, wrong, code, message) in [
        (
            "10-env.yaml` | all |",
            "20-channel.yaml` | all |",
            "gate",
            "the file of gate 1 is `gates/10-env.yaml`, not `gates/20-channel.yaml`",
        ),
        ("20-channel.yaml` | all but `local_dev` |", "20-channel.yaml` | all |", "gate", "gate 2 is for all but `local_dev`, not `all`"),
        (
            "80-docs.yaml` | all | promote |",
            "80-docs.yaml` | all | promote, rollback |",
            "gate",
            "gate 8 decides promote, not `promote, rollback`",
        ),
        ("`channel/staging` |", "`channel/stage` |", "channel", "the tag of `staging` is `channel/staging`, not `channel/stage`"),
        ("| `staging` | `https://www", "| nothing | `https://www", "channel", "`production` comes after `staging`, not `nothing`"),
        (
            "`https://staging.",
            "`https://stage.",
            "channel",
            "`staging` answers at `https://staging.example.com`, not `https://stage.example.com`",
        ),
        (
            "| nothing | nowhere |",
            "| nothing | `https://x.example.com` |",
            "channel",
            "`local_dev` answers at nothing, not `https://x.example.com`",
        ),
    ] {
        scratch.write(document, text.replace(right, wrong));
        let (at, line) = text.lines().enumerate().find(|(_, line)| line.contains(right)).unwrap();
        let value = scratch.json(&["docs", "check"]).expect("findings");
        let errors: Vec<&Value> = findings(&value).into_iter().filter(|finding| finding["severity"] == "error").collect();
        let [error] = errors[..] else { panic!("{wrong}: {errors:?}") };
        assert_eq!((error["code"].as_str(), error["message"].as_str()), (Some(format!("docs/{code}-cell").as_str()), Some(message)));
        assert!(error["help"].as_str().unwrap().starts_with("write "));
        assert_eq!((error["file"].as_str(), error["line"].as_u64()), (Some(document), Some(at as u64 + 1)));
        let shown = line.replace(right, wrong);
        let cell = &shown.chars().skip(error["column"].as_u64().unwrap() as usize - 1).collect::<String>();
        assert!(shown.contains(&format!("| {cell}")), "the finding starts where the cell does: {cell}");
    }
    scratch.write(document, text);
    scratch.json(&["docs", "check"]).expect("passed");
}

#[test]
fn what_was_not_read_did_not_pass() {
    let scratch = unlocked();
    scratch.write("ops/values.yaml", "a: 1\n");
    scratch.write("docs/empty.md", "Nothing is named here.\n");
    for path in ["ops/values.yaml", "docs/empty.md"] {
        scratch.json(&["docs", "check", path]).expect("nothing_to_check");
    }
}

#[test]
fn a_history_that_cannot_be_read_is_told() {
    let scratch = locked();
    scratch.edit(DOC, "`ops/deploy.sh`", "`ops/gone.sh`");
    let first = scratch.git(&["rev-list", "--max-parents=0", "HEAD"]);
    let first = first.trim();
    let last = scratch.commit("Name another script");
    std::fs::remove_file(scratch.path("work/.git/objects").join(&first[..2]).join(&first[2..])).unwrap();
    for verb in ["check", "list", "lock"] {
        let value = scratch.json(&["docs", verb]).expect("findings");
        let notices = value["notices"].to_string();
        assert!(notices.contains(&format!("the history of {} cannot be read (", &last[..10])), "{verb}: {notices}");
        assert!(notices.contains("): what became of missing paths is not known; try `git fsck`"), "{verb}: {notices}");
        let message = finding(&value, "docs/missing-path")["message"].as_str().unwrap();
        assert!(message.ends_with("and the history cannot be read to tell what became of it"), "{message}");
    }
    let value = scratch.json(&["docs", "accept", "ops/gone.sh", "--kind", "path", "--reason", "x"]).expect("passed");
    assert!(value["notices"].to_string().contains("the history of "), "{value:#}");
}

/// As in a partial clone that did not fetch the file.
#[test]
fn a_file_that_went_is_told_although_its_bytes_are_not_here() {
    let scratch = locked();
    let blob = scratch.git(&["rev-parse", "HEAD:ops/deploy.sh"]);
    let (folder, name) = blob.trim().split_at(2);
    std::fs::remove_file(scratch.path("work/.git/objects").join(folder).join(name)).unwrap();
    std::fs::remove_file(scratch.path("work/ops/deploy.sh")).unwrap();
    let message = |scratch: &Scratch| {
        let value = scratch.json(&["docs", "check"]).expect("findings");
        assert_eq!(value["totals"]["broken"], 1);
        finding(&value, "docs/missing-path")["message"].as_str().unwrap().to_owned()
    };
    assert_eq!(message(&scratch), "`ops/deploy.sh` is no file or folder of the tree: it was removed since the last commit");
    scratch.write("run/deploy.sh", SCRIPT.1);
    assert!(message(&scratch).ends_with(": it was removed since the last commit"), "the name alone proves no rename");
}

#[test]
fn a_url_of_this_repository_is_mended_unless_it_names_a_commit() {
    let scratch = unlocked();
    on_a_forge(&scratch);
    let old = &scratch.git(&["rev-parse", "HEAD"])[..12];
    scratch.edit(DOC, "`ops/deploy.sh`", &format!("[it]({FORGE}/blob/main/ops/deploy.sh#L1)"));
    scratch.git(&["mv", "ops/deploy.sh", "ops/ship.sh"]);
    let new = &scratch.commit("Rename the script")[..12];
    let pinned = |revision: &str| format!("{FORGE}/blob/{revision}/ops/deploy.sh\n\n");
    scratch.edit(DOC, "Run ", &format!("{}{}Run ", pinned(old), pinned(new)));
    let fixed = tell(&scratch, &["docs", "check", "--fix"]).replace(old, "[old]").replace(new, "[new]");
    assert_snapshot!(fixed, @r"
    6 references: 5 ok, 1 broken
      mended 1 place(s) in docs/protocol.md

    error[docs/no-lock]: the protocol names the lock docs/tagwarden.lock, but it is not there
      help: `tagwarden docs lock` writes it

    error[docs/missing-path]: `ops/deploy.sh` was not there as of [new]
     --> docs/protocol.md:7:1
      |
    7 | https://forge.example.com/example/web/blob/[new]/ops/deploy.sh
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
    signing: none

    stop (findings). Mend the documents, or what they speak of.
    -- exit 1
    ");
    let mended = format!("{}{}Run [it]({FORGE}/blob/main/ops/ship.sh#L1)", pinned(old), pinned(new));
    assert_eq!(scratch.read(DOC), TEXT.replace("Run `ops/deploy.sh`", &mended));
}

#[test]
fn lines_are_counted_at_the_commit_that_is_named() {
    let scratch = unlocked();
    on_a_forge(&scratch);
    let old = scratch.git(&["rev-parse", "HEAD"])[..12].to_owned();
    let lines = scratch.read("ops/deploy.sh").lines().count();
    let marked = |rev: &str, text: &str| format!("<!-- tagwarden: as-of {rev} -- history -->\n{text}\n\n");
    let texts = [
        format!("{FORGE}/blob/{old}/ops/deploy.sh#L{lines}\n\n"),
        format!("[it]({FORGE}/blob/{old}/ops/deploy.sh#L{})\n\n", lines + 1),
        marked(&old, &format!("`ops/deploy.sh:{lines}`")),
        marked(&old, "`ops/deploy.sh:999`"),
        marked(&old, "`ops/deploy.sh`, `ops/deploy.sh#Nope`"),
        marked("nosuchrev", "`ops/deploy.sh`"),
    ];
    scratch.edit(DOC, "Run ", &format!("{}Run ", texts.concat()));
    let value = scratch.json(&["docs", "check"]).expect("findings");
    let findings = value["findings"].as_array().unwrap().iter();
    let messages: Vec<&str> = findings.map(|finding| finding["message"].as_str().unwrap()).collect();
    let expected = [
        "the protocol names the lock docs/tagwarden.lock, but it is not there".to_owned(),
        format!("`ops/deploy.sh` had {lines} lines as of {old}, not {}", lines + 1),
        format!("`ops/deploy.sh` had {lines} lines as of {old}, not 999"),
        "there is no revision `nosuchrev` here".to_owned(),
    ];
    assert_eq!(messages, expected);
    let unchecked = &value["unchecked"][0]["reason"];
    assert_eq!(*unchecked, format!("the file is there as of {old}, but names in it were not looked for"));
}

#[test]
fn a_lock_that_was_deleted_is_missed() {
    let scratch = locked();
    std::fs::remove_file(scratch.path("work/docs/tagwarden.lock")).unwrap();
    assert_snapshot!(check(&scratch), @r"
    4 references: 4 ok

    error[docs/no-lock]: the protocol names the lock docs/tagwarden.lock, but it is not there
      help: `tagwarden docs lock` writes it
    signing: none

    stop (findings). Mend the documents, or what they speak of.
    -- exit 1
    ");
    scratch.commit("Delete the lock");
    let value = scratch.json(&["verify", "--at", "HEAD"]).expect("gate_failed");
    assert_eq!(codes(&value["gates"][0]), ["docs/no-lock"]);
    assert_eq!(finding(&value, "docs/no-lock")["message"], "the protocol names the lock docs/tagwarden.lock, but it is not there");

    // The usual place needs no name.
    scratch.edit("gates/protocol.yaml", "lock: docs/tagwarden.lock\n", "");
    scratch.json(&["docs", "lock"]).expect("passed");
    scratch.commit("Lock at the usual place");
    std::fs::remove_file(scratch.path("work/protocol-docs/tagwarden.lock")).unwrap();
    let value = scratch.json(&["docs", "check"]).expect("findings");
    let told = finding(&value, "docs/no-lock");
    assert_eq!((&told["severity"], codes(&value).len()), (&"error".into(), 1));
    assert_eq!(told["message"], "protocol-docs/tagwarden.lock is committed, but it is not there");
}

#[test]
fn a_row_that_no_document_ever_made_is_told() {
    let scratch = locked();
    scratch.write(LOCK, scratch.read(LOCK) + "docs/protocol.md\tpath\tops/never.sh\t1\t-\t-\n");
    let said = "`ops/never.sh` (path) is in the lock, but docs/protocol.md makes no such reference any more";
    let value = scratch.json(&["docs", "check"]).expect("findings");
    assert_eq!((codes(&value), &finding(&value, "docs/lock-removed")["message"]), (vec!["docs/lock-removed"], &said.into()));
    assert_eq!((&finding(&value, "docs/lock-removed")["file"], &finding(&value, "docs/lock-removed")["line"]), (&LOCK.into(), &7.into()));
    scratch.commit("Lock what is not said");
    let value = scratch.json(&["verify", "--at", "HEAD"]).expect("gate_failed");
    assert_eq!(finding(&value, "docs/lock-removed")["message"], said);
    scratch.json(&["docs", "lock"]).expect("passed");
    assert!(!scratch.read(LOCK).contains("ops/never"));
}

#[test]
fn a_whole_kind_is_accepted_with_who_when_and_why() {
    let mut scratch = locked();
    scratch.edit(DOC, "Then see", "Later `ops/next.sh`, `ops/next.conf` and [more](more.md). Then see");
    scratch.at("2026-11-22T08:30:00Z");
    assert_snapshot!(tell(&scratch, &["docs", "accept", "--kind", "path", "--by", "Ada", "--reason", "made by the move"]), @r"
    7 references: 4 ok, 1 broken, 2 accepted
      wrote  docs/tagwarden.lock  6 rows (2 added, 2 accepted)
    signing: none

    done (passed). Commit docs/tagwarden.lock; `tagwarden docs check` shows a note from now on.
    -- exit 0
    ");
    let rows = |text: &str| text.lines().filter(|line| line.contains(" | ")).map(str::to_owned).collect::<Vec<_>>();
    let accepted = |target: &str| format!("docs/protocol.md\tpath\t{target}\t1\t-\tAda | 2026-11-22T08:30:00Z | made by the move");
    assert_eq!(rows(&scratch.read(LOCK)), ["ops/next.conf", "ops/next.sh"].map(accepted));
    // The other kind stays broken, until it is accepted too, by whom git names.
    let value = scratch.json(&["docs", "check"]).expect("findings");
    let errors: Vec<&Value> = findings(&value).into_iter().filter(|finding| finding["severity"] == "error").collect();
    assert_eq!(errors.iter().map(|finding| finding["code"].as_str().unwrap()).collect::<Vec<_>>(), ["docs/missing-file"]);
    scratch.json(&["docs", "accept", "--kind", "link", "--reason", "written in May"]).expect("passed");
    let link = "docs/protocol.md\tlink\tdocs/more.md\t1\t-\tTest <test@example.com> | 2026-11-22T08:30:00Z | written in May";
    assert_eq!(rows(&scratch.read(LOCK))[0], link);
    scratch.json(&["docs", "check"]).expect("passed");
}

#[test]
fn documents_are_mended_only_where_they_stand_as_plain_files() {
    let scratch = renamed();
    scratch.commit("Rename the script");
    scratch.refused(&["docs", "check", "--fix", "--at", "HEAD"], "bad_usage");
    std::fs::rename(scratch.path("work/docs/protocol.md"), scratch.path("work/docs/real.md")).unwrap();
    std::os::unix::fs::symlink("real.md", scratch.path("work/docs/protocol.md")).unwrap();
    let before = scratch.everything();
    let value = scratch.json(&["docs", "check", "--fix"]).expect("findings");
    scratch.unchanged_since(&before);
    let told = finding(&value, "docs/not-mended");
    assert_eq!(told["message"], "the document was not mended: stands at or behind a symlink");
    assert_eq!(value["fixed"].as_array().unwrap().len(), 0);
}

#[test]
fn a_broken_reference_is_accepted_by_a_person_with_a_reason() {
    let mut scratch = locked();
    scratch.edit(DOC, "Then see", "The next host has `ops/next.sh` and `ops/next.conf`. Then see");
    let before = scratch.everything();
    assert_snapshot!(tell(&scratch, &["docs", "lock"]), @r"
    6 references: 4 ok, 2 broken

    error[docs/missing-path]: `ops/next.sh` is no file or folder of the tree: no commit in the history of this one ever had it
     --> docs/protocol.md:5:85
      |
    5 | Run `ops/deploy.sh`, which sets what `ops/limits.conf:1-2` says. The next host has `ops/next.sh` and `ops/next.conf`. Then see [the r...
      |                                                                                     ^^^^^^^^^^^
      |
      = help: if it is meant to be missing, put `<!-- tagwarden: expect-missing -- REASON -->` above it or at the end of its line

    error[docs/missing-path]: `ops/next.conf` is no file or folder of the tree: no commit in the history of this one ever had it
     --> docs/protocol.md:5:103
      |
    5 | Run `ops/deploy.sh`, which sets what `ops/limits.conf:1-2` says. The next host has `ops/next.sh` and `ops/next.conf`. Then see [the r...
      |                                                                                                       ^^^^^^^^^^^^^
      |
      = help: if it is meant to be missing, put `<!-- tagwarden: expect-missing -- REASON -->` above it or at the end of its line
    note: the lock was not written
    signing: none

    stop (findings). Mend the documents, or `tagwarden docs accept TARGET --kind KIND --reason TEXT`.
    -- exit 1
    ");
    scratch.unchanged_since(&before);

    for (args, message, help) in [
        (
            vec!["ops/nxt.sh", "--kind", "path"],
            "no document makes a broken reference `ops/nxt.sh` of the kind `path`",
            "did you mean `ops/next.sh`?",
        ),
        (
            vec!["ops/next.sh", "--kind", "link"],
            "no document makes a broken reference `ops/next.sh` of the kind `link`",
            "it is of the kind `path`: `--kind path`",
        ),
        (
            vec!["ops/deploy.sh", "--kind", "path"],
            "`ops/deploy.sh` (path) is ok: it has no finding to accept",
            "`tagwarden docs check` shows what is wrong",
        ),
        (vec!["--kind", "env"], "no reference of the kind `env` has a finding", "`tagwarden docs check` shows what is wrong"),
        (vec!["x", "--kind", "paths"], "invalid value 'paths' for '--kind <KIND>': did you mean `path`?", ""),
        (
            vec!["ops/next.sh", "--kind", "path", "--document", "docs/runbook.md"],
            "only the protocol's documents are locked, and this is none of them",
            "declare it under `documents.protocol` in gates/protocol.yaml",
        ),
    ] {
        let value = scratch.refused(&[vec!["docs", "accept", "--reason", "why"], args.clone()].concat(), "bad_usage");
        assert_eq!(value["message"], message);
        assert!(help.is_empty() || value["help"] == help, "{value:#}");
    }
    scratch.refused(&["docs", "accept", "ops/next.sh", "--kind", "path"], "bad_usage");
    scratch.refused_with(&["docs", "accept", "--kind", "path", "--reason", "all"], &[("CI", "true")], "bad_usage");

    let accept = ["docs", "accept", "ops/next.sh", "--kind", "path", "--reason", "comes with the move | in May"];
    assert_snapshot!(tell(&scratch, &accept), @r"
    6 references: 4 ok, 1 broken, 1 accepted
      wrote  docs/tagwarden.lock  5 rows (1 added, 1 accepted)
    signing: none

    done (passed). Commit docs/tagwarden.lock; `tagwarden docs check` shows a note from now on.
    -- exit 0
    ");
    let row = scratch.read(LOCK).lines().find(|line| line.contains("ops/next.sh")).unwrap().to_owned();
    assert_eq!(steady(&row).rsplit('\t').next(), Some("Test <test@example.com> | 2026-11-21T10:00Z | comes with the move | in May"));
    let again = scratch.refused(&accept, "bad_usage");
    let already = "`ops/next.sh` (path) is accepted already, by Test <test@example.com> at 2026-11-21T10:00Z";
    assert_eq!(steady(again["message"].as_str().unwrap()), already);
    scratch.json(&["docs", "accept", "--kind", "path", "--by", "Ada", "--reason", "the rest"]).expect("passed");
    scratch.json(&["docs", "lock"]).expect("nothing_to_do");
    let value = scratch.json(&["docs", "check"]).expect("passed");
    assert_eq!((&value["totals"]["ok"], &value["totals"]["broken"], &value["accepted"]), (&4.into(), &0.into(), &2.into()));
    assert_snapshot!(check(&scratch), @r"
    6 references: 4 ok, 2 accepted

    note[docs/missing-path]: `ops/next.sh` is no file or folder of the tree: no commit in the history of this one ever had it; accepted by Test <test@example.com> at 2026-11-21T10:00Z: comes with the move | in May
     --> docs/protocol.md:5:85
      |
    5 | Run `ops/deploy.sh`, which sets what `ops/limits.conf:1-2` says. The next host has `ops/next.sh` and `ops/next.conf`. Then see [the r...
      |                                                                                     ^^^^^^^^^^^

    note[docs/missing-path]: `ops/next.conf` is no file or folder of the tree: no commit in the history of this one ever had it; accepted by Ada at 2026-11-21T10:00Z: the rest
     --> docs/protocol.md:5:103
      |
    5 | Run `ops/deploy.sh`, which sets what `ops/limits.conf:1-2` says. The next host has `ops/next.sh` and `ops/next.conf`. Then see [the r...
      |                                                                                                       ^^^^^^^^^^^^^
    signing: none

    done (passed). Every reference that can be judged holds.
    -- exit 0
    ");
    scratch.json(&["verify", "--channel", "live"]).expect("passed");
    scratch.commit("Accept what is not there yet");

    // It counts for what was there then, and nothing else.
    scratch.edit(DOC, "## Gate 1", "See `ops/next.sh`, not `ops/other.sh`.\n\n## Gate 1");
    let value = scratch.json(&["docs", "check"]).expect("findings");
    assert_eq!(codes(&value).iter().filter(|code| **code != "docs/missing-path").collect::<Vec<_>>(), [&"docs/lock-count"]);
    let errors = findings(&value).into_iter().filter(|finding| finding["severity"] == "error");
    assert_eq!(errors.count(), 2, "the further place, and the other path: {value:#}");
    scratch.git(&["checkout", "--quiet", "--", DOC]);

    scratch.write("ops/next.sh", "");
    scratch.at("2026-12-01T10:00:00Z");
    assert_snapshot!(check(&scratch), @r"
    6 references: 5 ok, 1 accepted

    warning[docs/accepted-stale]: `ops/next.sh` (path) holds, so nothing is left of what Test <test@example.com> accepted
     --> docs/tagwarden.lock:8:1
      |
    8 | docs/protocol.md    path    ops/next.sh    1    -    Test <test@example.com> | 2026-11-21T10:00Z | comes with the move | in May
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: `tagwarden docs lock` takes the acceptance out

    note[docs/missing-path]: `ops/next.conf` is no file or folder of the tree: no commit in the history of this one ever had it; accepted by Ada at 2026-11-21T10:00Z: the rest
     --> docs/protocol.md:5:103
      |
    5 | Run `ops/deploy.sh`, which sets what `ops/limits.conf:1-2` says. The next host has `ops/next.sh` and `ops/next.conf`. Then see [the r...
      |                                                                                                       ^^^^^^^^^^^^^
    signing: none

    done (passed). Every reference that can be judged holds.
    -- exit 0
    ");
    assert_snapshot!(tell(&scratch, &["docs", "lock"]), @r"
    6 references: 5 ok, 1 accepted
      wrote  docs/tagwarden.lock  6 rows (1 changed)

    note[docs/missing-path]: `ops/next.conf` is no file or folder of the tree: no commit in the history of this one ever had it; accepted by Ada at 2026-11-21T10:00Z: the rest
     --> docs/protocol.md:5:103
      |
    5 | Run `ops/deploy.sh`, which sets what `ops/limits.conf:1-2` says. The next host has `ops/next.sh` and `ops/next.conf`. Then see [the r...
      |                                                                                                       ^^^^^^^^^^^^^
    note: 1 acceptance(s) went: what they speak of holds or is gone
    signing: none

    done (passed). Review the change of docs/tagwarden.lock, and commit it with the documents.
    -- exit 0
    ");
    assert!(!scratch.read(LOCK).contains("in May") && scratch.read(LOCK).contains("Ada"), "{}", scratch.read(LOCK));
}

#[test]
fn a_warning_is_nothing_to_accept() {
    let scratch = locked();
    scratch.edit(DOC, "Run `ops/deploy.sh`,", "Run `grep -c deployed |` on the log, then `ops/deploy.sh`,");
    assert_eq!(codes(&scratch.json(&["docs", "list"]).expect("passed")), ["docs/shell-syntax"]);
    let refused = scratch.refused(&["docs", "accept", "--kind", "command", "--reason", "a piece of a pipeline"], "bad_usage");
    assert_eq!(refused["message"], "no reference of the kind `command` has a finding");
}

#[test]
fn a_heading_of_no_gate_is_a_reference_for_every_verb() {
    let scratch = locked();
    scratch.edit(DOC, "## Gate 1 — The document holds\n", "## Gate 1 — The documents hold\n");
    let answer = scratch.json(&["docs", "check"]).expect("findings");
    assert_eq!(codes(&answer), ["docs/lock-removed", "docs/heading-without-gate"]);
    let listed = |verb: &[&str]| scratch.json(verb).expect("findings")["totals"]["broken"].clone();
    for verb in [&["docs", "list"][..], &["docs", "lock"], &["docs", "check", DOC]] {
        assert_eq!(listed(verb), 1, "{verb:?}");
    }
    let accept = ["docs", "accept", "The documents hold", "--kind", "gate", "--reason", "both are read", "--by", "Ada"];
    assert_snapshot!(tell(&scratch, &accept), @r"
    4 references: 3 ok, 1 accepted
      wrote  docs/tagwarden.lock  5 rows (1 added, 1 accepted)
    signing: none

    done (passed). Commit docs/tagwarden.lock; `tagwarden docs check` shows a note from now on.
    -- exit 0
    ");
    scratch.json(&["docs", "lock"]).expect("passed");
    assert_eq!(codes(&scratch.json(&["docs", "check"]).expect("passed")), ["docs/heading-without-gate"], "the gate is told with it");
    // Where the heading says nothing of the gate any more, the gate is missed itself.
    scratch.edit(DOC, "## Gate 1 — The documents hold\n", "## What holds\n");
    let answer = scratch.json(&["docs", "lock"]).expect("findings");
    assert_eq!(codes(&answer), ["docs/gate-without-heading"]);
}

#[test]
fn rows_of_what_is_gone_are_told_until_the_lock_is_written() {
    let scratch = locked();
    scratch.edit(DOC, "Run `ops/deploy.sh`, which sets", "Set");
    assert_snapshot!(check(&scratch), @r"
    3 references: 3 ok

    error[docs/lock-removed]: `ops/deploy.sh` (path) is in the lock, but docs/protocol.md makes no such reference any more
     --> docs/tagwarden.lock:6:1
      |
    6 | docs/protocol.md    path    ops/deploy.sh    1    -    -
      | ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = help: if the document is right, `tagwarden docs lock`, and review the change of the lock
    signing: none

    stop (findings). Mend the documents, or what they speak of.
    -- exit 1
    ");
    scratch.json(&["docs", "lock"]).expect("passed");

    scratch.edit("gates/protocol.yaml", "protocol: [docs/protocol.md]", "protocol: [docs/runbook.md]");
    let value = scratch.json(&["docs", "check"]).expect("findings");
    let gone = finding(&value, "docs/lock-removed");
    assert_eq!(gone["message"], "the lock has 3 rows of docs/protocol.md, which is no protocol document");
    // Named alone, a document is compared with its own rows.
    scratch.edit("gates/protocol.yaml", "[docs/runbook.md]", "[docs/protocol.md, docs/runbook.md]");
    scratch.edit("docs/runbook.md", "Rest.", "Rest, by `ops/deploy.sh`.");
    scratch.json(&["docs", "check", DOC]).expect("passed");
    let value = scratch.json(&["docs", "check", "docs/runbook.md"]).expect("findings");
    assert_eq!(codes(&value), ["docs/lock-added"]);
    // A document that nobody declared has no lock.
    scratch.write("docs/notes.md", "`ops/deploy.sh`");
    scratch.json(&["docs", "check", "docs/notes.md"]).expect("passed");
}

#[test]
fn a_merge_conflict_in_the_lock_is_resolved_by_locking_again() {
    let scratch = locked();
    for (branch, name) in [("ours", "ops/ours.sh"), ("theirs", "ops/theirs.sh")] {
        scratch.git(&["checkout", "--quiet", "-B", branch, "main"]);
        scratch.edit(
            DOC,
            "# How we release\n",
            &format!("# How we release\n\n{}See `{name}`.\n", "\n".repeat(usize::from(branch == "ours"))),
        );
        scratch.json(&["docs", "accept", name, "--kind", "path", "--reason", branch]).expect("passed");
        scratch.commit(branch);
    }
    let (merged, said) = scratch.try_tool("work", "git", &["merge", "--quiet", "ours"]);
    assert!(!merged, "{said}");
    scratch.write(DOC, TEXT.replace("# How we release\n", "# How we release\n\nSee `ops/ours.sh`.\n\nSee `ops/theirs.sh`.\n"));
    assert_snapshot!(check(&scratch), @r"
    6 references: 4 ok, 2 broken

    error[docs/bad-lock]: the lock has a merge conflict
     --> docs/tagwarden.lock:7:1
      |
    7 | <<<<<<< HEAD
      | ^^^^^^^^^^^^
      |
      = help: `tagwarden docs lock` writes the file anew from the documents, with what both sides accepted

    error[docs/missing-path]: `ops/ours.sh` is no file or folder of the tree: no commit in the history of this one ever had it
     --> docs/protocol.md:3:6
      |
    3 | See `ops/ours.sh`.
      |      ^^^^^^^^^^^
      |
      = help: if it is meant to be missing, put `<!-- tagwarden: expect-missing -- REASON -->` above it or at the end of its line

    error[docs/missing-path]: `ops/theirs.sh` is no file or folder of the tree: no commit in the history of this one ever had it
     --> docs/protocol.md:5:6
      |
    5 | See `ops/theirs.sh`.
      |      ^^^^^^^^^^^^^
      |
      = help: if it is meant to be missing, put `<!-- tagwarden: expect-missing -- REASON -->` above it or at the end of its line
    signing: none

    stop (findings). Mend the documents, or what they speak of.
    -- exit 1
    ");
    assert_snapshot!(tell(&scratch, &["docs", "lock"]), @r"
    6 references: 4 ok, 2 accepted
      wrote  docs/tagwarden.lock  6 rows

    note[docs/missing-path]: `ops/ours.sh` is no file or folder of the tree: no commit in the history of this one ever had it; accepted by Test <test@example.com> at 2026-11-21T10:00Z: ours
     --> docs/protocol.md:3:6
      |
    3 | See `ops/ours.sh`.
      |      ^^^^^^^^^^^

    note[docs/missing-path]: `ops/theirs.sh` is no file or folder of the tree: no commit in the history of this one ever had it; accepted by Test <test@example.com> at 2026-11-21T10:00Z: theirs
     --> docs/protocol.md:5:6
      |
    5 | See `ops/theirs.sh`.
      |      ^^^^^^^^^^^^^
    note: docs/tagwarden.lock:7: the lock has a merge conflict: it was written anew, with what could be read of it
    signing: none

    done (passed). Review the change of docs/tagwarden.lock, and commit it with the documents.
    -- exit 0
    ");
    let accepted: Vec<String> = scratch.read(LOCK).lines().filter_map(|line| line.split(" | ").nth(2).map(str::to_owned)).collect();
    assert_eq!(accepted, ["ours", "theirs"]);
    scratch.json(&["docs", "check"]).expect("passed");
}

#[test]
fn a_tag_of_this_repository_is_looked_up() {
    let scratch = Scratch::new();
    scratch.write("a.md", "Since the tag `v1.2.3`, not the tag `v1.2.4`; Node `v18.0.0`; commit `ff00aa1` and `ff00aa2`.\n");
    scratch.commit("Add a page");
    let missing =
        || tell(&scratch, &["docs", "check", "a.md"]).lines().filter(|line| line.starts_with("error")).collect::<Vec<_>>().join("\n");
    let commits =
        "error[docs/unknown-commit]: there is no commit ff00aa1 here\nerror[docs/unknown-commit]: there is no commit ff00aa2 here";
    // No tag at all: perhaps none was fetched.
    assert_eq!(missing(), commits);
    scratch.git(&["tag", "v1.2.3"]);
    assert_eq!(missing(), format!("error[docs/unknown-tag]: there is no tag `v1.2.4` here\n{commits}"));
}

#[test]
fn a_document_that_was_not_read_is_not_said_to_name_nothing() {
    let scratch = unlocked();
    scratch.write("docs/empty.md", "Nothing.\n");
    scratch.write("docs/bad.md", b"\xff\n");
    let told = |path: &str| tell(&scratch, &["docs", "check", path]).contains("make no reference");
    assert_eq!((told("docs/empty.md"), told("docs/bad.md"), told("docs/none.md")), (true, false, false));
}

/// A protocol without a lock, adopted; one gate judges the document.
fn adopted() -> Scratch {
    Scratch::with(&[
        ("gates/protocol.yaml", PROTOCOL.replace("lock: docs/tagwarden.lock\n", "").as_str()),
        GATE,
        SCRIPT,
        (DOC, "# How we release\n\n## Gate 1 — The document holds\n\nRun `ops/deploy.sh`.\n"),
    ])
}

/// Codes and messages of the gate's errors, from `verify` and from a promotion of the same commit, which must agree.
#[track_caller]
fn gate_says(scratch: &Scratch, release: &str, more: &[&str], reason: &str) -> Vec<(String, String)> {
    scratch.push();
    let told = |run: &Value| {
        let findings = run["gates"][0]["findings"].as_array().unwrap().iter().filter(|finding| finding["severity"] == "error");
        let text = |finding: &Value, key: &str| finding[key].as_str().unwrap_or_default().to_owned();
        let said = |finding| (text(finding, "code"), format!("{}; {}", text(finding, "message"), text(finding, "help")));
        findings.map(said).collect::<Vec<_>>()
    };
    let verified = told(&scratch.json(&[&["verify", "--at", "HEAD"], more].concat()).expect(reason));
    scratch.run(&["stage", release, "--at", "HEAD"]).ok();
    let before = scratch.remote_refs();
    let promoted = scratch.json(&[&["promote", release, "--channel", "live"], more].concat()).expect(reason);
    assert_eq!(scratch.remote_refs(), before, "nothing moves");
    assert_eq!(told(&promoted["run"]), verified);
    verified
}

/// Promotes the last commit, and finds every verdict of its record again.
#[track_caller]
fn promoted(scratch: &Scratch, release: &str, more: &[&str], then: impl FnOnce()) {
    scratch.push();
    scratch.run(&["stage", release, "--at", "HEAD"]).ok();
    scratch.json(&[&["promote", release, "--channel", "live"], more].concat()).expect("moved");
    then();
    scratch.json(&["audit", "--rejudge", "all"]).expect("passed");
}

/// What is recorded with the document's gate.
fn evidence(scratch: &Scratch) -> String {
    scratch.git_in("origin.git", &["show", "tagwarden/ledger:evidence/docs.json"])
}

#[test]
fn the_gate_tells_in_which_commit_a_path_was_removed() {
    let scratch = adopted();
    scratch.git(&["rm", "--quiet", "ops/deploy.sh"]);
    let removed = scratch.commit("Deploy from elsewhere");
    scratch.commit("Later");
    let said = gate_says(&scratch, "v1.0.0", &[], "gate_failed");
    let message = format!("`ops/deploy.sh` is no file or folder of the tree: it was removed in {}; ", &removed[..10]);
    let [(code, told)] = &said[..] else { panic!("{said:?}") };
    assert_eq!(code, "docs/missing-path");
    assert!(told.starts_with(&message) && told.contains("tagwarden: expect-missing"), "{told}");
}

#[test]
fn a_log_is_only_added_to() {
    let protocol = PROTOCOL.replace("lock: docs/tagwarden.lock\n", "").replace("documents: { ", "documents: { log: [docs/log.md], ");
    let log = "# Log\n\n## 1.1\n\nSecond.\n\n## 1.0\n\nFirst.\n";
    let text = "# How we release\n\n## Gate 1 — The document holds\n\nRun `ops/deploy.sh`.\n";
    let scratch = Scratch::with(&[("gates/protocol.yaml", protocol.as_str()), GATE, SCRIPT, (DOC, text), ("docs/log.md", log)]);
    promoted(&scratch, "v1.0.0", &[], || assert!(evidence(&scratch).contains("\"logs\":{\"base\":null")));
    let base = scratch.git(&["rev-parse", "HEAD"])[..10].to_owned();
    let told = |line: u32, release: &str| {
        let said = gate_says(&scratch, release, &[], "gate_failed");
        let message = format!(
            "`docs/log.md` is only added to, but from here it is not what live has ({base}); \
             `git show {base}:docs/log.md` shows the old text: put it back, and add an entry that corrects it"
        );
        assert_eq!(said, [("docs/log-changed".to_owned(), message)]);
        let value = scratch.json(&["verify", "--at", "HEAD"]).expect("gate_failed");
        let place = finding(&value, "docs/log-changed");
        assert_eq!((place["file"].as_str(), place["line"].as_u64()), (Some("docs/log.md"), Some(line.into())));
    };
    // An old entry is edited, beside a new one and without.
    scratch.edit("docs/log.md", "First.", "First, of two.");
    scratch.commit("Correct the log");
    told(9, "v1.1.0");
    scratch.edit("docs/log.md", "## 1.1\n", "## 1.2\n\nThird.\n\n## 1.1\n");
    scratch.commit("Write on");
    told(13, "v1.2.0");
    scratch.git(&["rm", "--quiet", "docs/log.md"]);
    scratch.commit("Lose the log");
    let said = gate_says(&scratch, "v1.3.0", &[], "gate_failed");
    assert_eq!(said[0].0, "docs/log-removed");
    scratch.write("docs/log.md", log.replace("## 1.1\n", "## 1.2\n\nThird.\n\n## 1.1\n"));
    scratch.commit("Write on");
    promoted(&scratch, "v1.4.0", &[], || assert!(evidence(&scratch).contains("\"docs/log.md\":\"whole\"")));
    // The way back leads to an older log.
    scratch.json(&["rollback", "--channel", "live", "--reason", "too slow"]).expect("moved");
}

#[test]
fn a_promotion_waits_for_the_pull_request_that_brings_what_a_document_names() {
    let scratch = adopted();
    scratch.git(&["checkout", "--quiet", "-b", "side"]);
    scratch.write("ops/next.sh", "#!/bin/sh\nset -e\necho next\n");
    let head = scratch.commit("Add the next step");
    scratch.git(&["checkout", "--quiet", "main"]);
    scratch.git(&["branch", "--quiet", "-D", "side"]);
    scratch.edit(DOC, "Run `ops/deploy.sh`.", "Run `ops/deploy.sh`, then `ops/next.sh` (#7).");
    scratch.commit("Name the next step");
    let record = |state: &str| {
        let file = scratch.root().join(format!("{state}.json"));
        std::fs::write(&file, format!(r#"{{"pulls": {{"7": {{"state": "{state}"}}, "8": {{"state": "merged"}}}}}}"#)).unwrap();
        file.display().to_string()
    };
    let one = |release: &str, more: &[&str], reason: &str| {
        let said = gate_says(&scratch, release, more, reason);
        let [(code, message)] = said.as_slice() else { panic!("{said:?}") };
        (code.clone(), message.clone())
    };

    let (code, message) = one("v1.0.0", &[], "gate_inconclusive");
    assert_eq!(code, "docs/awaited");
    assert!(message.contains("nothing is known of the pull request beside it") && message.contains("`--pulls`"), "{message}");

    scratch.git(&["update-ref", "refs/pull/7/head", &head]);
    let (code, message) = one("v1.0.0", &[], "gate_inconclusive");
    assert_eq!(code, "docs/awaited");
    assert!(message.contains("in the head of #7, whose state is not known"), "{message}");

    let (code, message) = one("v1.0.0", &["--pulls", &record("open")], "gate_failed");
    assert_eq!(code, "docs/pending");
    assert_eq!(
        message,
        "`ops/next.sh` is not here: it comes with #7, which is not merged; merge #7 first, and promote a commit that has it"
    );
    // The verb that writers run answers from the same source, and lets them go on.
    let checked = scratch.json(&["docs", "check", "--at", "HEAD", "--pulls", &record("open")]).expect("passed");
    assert_eq!(checked["totals"]["pending"], 1);

    for (state, said) in [("closed", "#7 was closed without being merged"), ("merged", "although #7 is merged")] {
        let (code, message) = one("v1.0.0", &["--pulls", &record(state)], "gate_failed");
        assert_eq!(code, "docs/missing-path");
        assert!(message.contains(said), "{message}");
    }

    // Only an open pull request has a merge of its own.
    scratch.git(&["update-ref", "refs/pull/7/merge", &head]);
    assert_eq!(one("v1.0.0", &[], "gate_failed").0, "docs/pending");

    // What is judged cannot say itself how it stands.
    scratch.write("pulls.json", r#"{"pulls": {}}"#);
    scratch.commit("Record the pull requests");
    let own = scratch.path("work/pulls.json").display().to_string();
    let refused = scratch.json(&["verify", "--at", "HEAD", "--pulls", &own]).expect("bad_usage");
    assert!(refused["message"].as_str().unwrap().contains("cannot vouch for itself"), "{refused:#}");
    scratch.json(&["verify", "--pulls", &own]).expect("bad_usage");

    scratch.git(&["merge", "--quiet", "--message", "Merge", &head]);
    let record = record("merged");
    // The record of the answers is enough to judge again; of the file only what was asked for is kept.
    promoted(&scratch, "v1.1.0", &["--pulls", &record], || {
        std::fs::remove_file(&record).unwrap();
        scratch.git(&["update-ref", "-d", "refs/pull/7/head"]);
    });
    let evidence = evidence(&scratch);
    assert!(evidence.contains(r#""pulls":{"7":"merged"}"#), "{evidence}");
}

#[test]
fn the_gate_knows_commits_that_there_are_from_others() {
    let scratch = adopted();
    let good = &scratch.git(&["rev-parse", "HEAD"])[..12];
    // Not the id of anything, with a letter and a digit.
    let wrong = "0123456789ab";
    scratch.edit(DOC, "Run", &format!("Since commit {good} and commit {wrong}: run"));
    scratch.commit("Name commits");
    let said = gate_says(&scratch, "v1.0.0", &[], "gate_failed");
    assert_eq!(said, [("docs/unknown-commit".to_owned(), format!("there is no commit {wrong} here; "))]);

    scratch.edit(DOC, &format!(" and commit {wrong}"), "");
    scratch.commit("Name the right one");
    promoted(&scratch, "v1.1.0", &[], || {});
}

#[test]
fn the_gate_follows_urls_of_its_own_repository_as_the_verb_does() {
    let scratch = adopted();
    on_a_forge(&scratch);
    let named = format!("Run [it]({FORGE}/blob/main/ops/deploy.sh#L1-L2), not [that]({FORGE}/blob/main/ops/gone.sh)");
    scratch.edit(DOC, "Run `ops/deploy.sh`", &named);
    scratch.commit("Link to the forge");
    let missing =
        "the link leads to `ops/gone.sh`, which is no file or folder of the tree: no commit in the history of this one ever had it";
    let said = gate_says(&scratch, "v1.0.0", &[], "gate_failed");
    assert_eq!(said, [("docs/missing-file".to_owned(), format!("{missing}; "))]);
    let checked = scratch.json(&["docs", "check", "--at", "HEAD"]).expect("findings");
    assert_eq!(finding(&checked, "docs/missing-file")["message"], missing);

    scratch.edit(DOC, "/ops/gone.sh", "/ops/");
    scratch.commit("Link to what is there");
    scratch.json(&["docs", "check", "--at", "HEAD"]).expect("passed");
    // What was recorded counts, wherever the repository is by then.
    promoted(&scratch, "v1.1.0", &[], || drop(scratch.git(&["remote", "set-url", "origin", "../origin.git"])));
    let evidence = evidence(&scratch);
    assert!(evidence.contains(r#""origin":{"host":"forge.example.com","name":"example/web"}"#), "{evidence}");
}

#[test]
fn a_fetched_pull_request_exists_but_its_state_is_not_known() {
    let scratch = adopted();
    let head = scratch.git(&["rev-parse", "HEAD"]);
    scratch.edit(DOC, "Run", "With #7 (merged) and #8: run");
    scratch.commit("Name pull requests");
    scratch.git(&["update-ref", "refs/pull/7/head", &head]);
    let listed = scratch.json(&["docs", "list"]).expect("passed");
    let of = |reference: &Value| ["kind", "text", "verdict", "reason"].map(|key| reference[key].as_str().unwrap_or("-").to_owned());
    let told: Vec<_> = listed["references"].as_array().unwrap().iter().map(of).collect();
    let expected = [
        ["pull", "#7", "ok", "-"],
        ["status", "merged", "unchecked", "the state of the pull request is not known"],
        ["pull", "#8", "unchecked", "nothing is recorded of pull requests"],
    ];
    assert_eq!(told[1..4], expected, "between the gate and the script");
    promoted(&scratch, "v1.0.0", &[], || drop(scratch.git(&["update-ref", "-d", "refs/pull/7/head"])));
    let evidence = evidence(&scratch);
    assert!(evidence.contains(r#""pulls":{"7":null}"#), "{evidence}");
}

#[test]
fn only_a_lock_is_ever_overwritten() {
    let scratch = locked();
    scratch.edit(DOC, "Then see", "Also `ops/`. Then see");
    let lock = scratch.read(LOCK);
    for other in ["anything\n".to_owned(), String::new(), lock.replace("tagwarden.lock/1", "tagwarden.lock/2")] {
        scratch.write(LOCK, &other);
        scratch.refused(&["docs", "lock"], "bad_config");
        let value = scratch.json(&["docs", "check"]).expect("findings");
        assert_eq!(codes(&value), ["docs/bad-lock"], "{other}");
    }
    std::fs::remove_file(scratch.path("work/docs/tagwarden.lock")).unwrap();
    std::os::unix::fs::symlink("../ops/limits.conf", scratch.path("work/docs/tagwarden.lock")).unwrap();
    scratch.refused(&["docs", "lock"], "bad_config");
    std::fs::remove_file(scratch.path("work/docs/tagwarden.lock")).unwrap();
    scratch.write(".gitignore", "*.lock\n");
    scratch.git(&["rm", "--quiet", "--cached", LOCK]);
    scratch.write(LOCK, "mine\n");
    let value = scratch.refused(&["docs", "lock"], "bad_usage");
    assert!(value["message"].as_str().unwrap().contains("exists and differs"), "{value:#}");
    std::fs::remove_file(scratch.path("work/docs/tagwarden.lock")).unwrap();

    // Turned line ends are no change.
    std::fs::remove_file(scratch.path("work/.gitignore")).unwrap();
    scratch.write(LOCK, lock.replace('\n', "\r\n"));
    scratch.edit(DOC, "Also `ops/`. ", "");
    scratch.json(&["docs", "check"]).expect("passed");
    scratch.json(&["docs", "lock"]).expect("nothing_to_do");

    // Where no lock is promised, none is a note.
    scratch.edit("gates/protocol.yaml", "lock: docs/tagwarden.lock\n", "");
    let value = scratch.json(&["docs", "check"]).expect("passed");
    assert_eq!((codes(&value), &finding(&value, "docs/no-lock")["severity"]), (vec!["docs/no-lock"], &Value::from("note")));
    scratch.json(&["docs", "lock"]).expect("passed");
    assert_eq!(scratch.read("protocol-docs/tagwarden.lock"), lock);
    scratch.json(&["docs", "check"]).expect("passed");
}

// ---- this repository -------------------------------------------------------------------------------------------------

fn own(args: &[&str]) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_tagwarden"));
    command.args(args).current_dir(env!("CARGO_MANIFEST_DIR")).env_clear().envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
    let output = command.output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap())
}

#[test]
fn the_own_documents_are_as_they_were_locked() {
    let (code, said) = own(&["docs", "check"]);
    assert_eq!(code, 0, "{said}");
    assert!(!said.contains("docs/no-lock"), "{said}");
}

/// What the own protocol documents speak of. Places are no part of it; a change here is a change that a reviewer must see.
#[test]
fn the_census_of_the_own_documents_is_a_snapshot() {
    let (code, said) = own(&["docs", "list", "--format", "json"]);
    assert_eq!(code, 0, "{said}");
    let answer: Value = serde_json::from_str(&said).unwrap();
    let mut documents: BTreeMap<&str, BTreeMap<String, usize>> = BTreeMap::new();
    for reference in answer["references"].as_array().unwrap() {
        let text = |name: &str| reference[name].as_str().unwrap_or_default();
        let row = format!("{:<9} {:<9} {}", text("kind"), text("verdict"), text("target"));
        *documents.entry(text("file")).or_default().entry(row).or_default() += 1;
    }
    let times = |count: usize| if count > 1 { format!("  ({count} times)") } else { String::new() };
    let census: Vec<String> = documents
        .iter()
        .map(|(file, rows)| rows.iter().fold(format!("{file}\n"), |text, (row, count)| format!("{text}  {row}{}\n", times(*count))))
        .collect();
    assert_snapshot!("own_documents", census.join("\n"));
}

/// No verb and no flag is named that the program does not have.
#[test]
fn the_commands_of_the_own_documents_are_understood() {
    let (_, said) = own(&["docs", "list", "--format", "json"]);
    let answer: Value = serde_json::from_str(&said).unwrap();
    let texts = answer["references"].as_array().unwrap().iter().filter_map(|reference| reference["text"].as_str());
    let commands: Vec<&str> = texts.filter(|text| text.starts_with("tagwarden ")).collect();
    assert!(commands.len() > 20, "{commands:#?}");
    let oid = "c".repeat(40);
    let action = format!("OWNER/tagwarden@{oid}");
    let page = [("$TAGWARDEN_APP_ID", "7"), ("$TAGWARDEN_ACTION", action.as_str())];
    let values = [("CHANNEL", "stable"), ("RELEASE", "v1.2.0"), ("COMMIT", "HEAD"), ("OID", oid.as_str())].into_iter().chain(page);
    for command in commands {
        // Up to where a shell ends it, with values that fit.
        let end = command.find(['|', '>', '\n']).unwrap_or(command.len());
        let line = values.clone().fold(command[..end].to_owned(), |line, (from, to)| line.replace(from, to));
        let parts = line.split('"').enumerate();
        let words = parts.flat_map(|(at, part)| if at % 2 == 0 { part.split_whitespace().collect() } else { vec![part] });
        let words: Vec<std::ffi::OsString> = words.map(Into::into).collect();
        if let tagwarden::cli::parse::Parsed::Refused(report, _) = tagwarden::cli::parse::parse(&words, None) {
            let tagwarden::report::Body::Error(error) = &report.body else { panic!("{command}: {report:?}") };
            let lacks = ["the following required arguments", "a verb is missing"].iter().any(|part| error.message.contains(part));
            assert!(lacks, "{command}: {}", error.message);
        }
    }
}

#[test]
fn the_hook_for_commits_runs_a_command_that_there_is() {
    let text = std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join(".pre-commit-hooks.yaml")).unwrap();
    let source = tagwarden::text::yaml::source(".pre-commit-hooks.yaml", &text).unwrap();
    let hooks: Vec<Value> = tagwarden::text::yaml::parse(&source).unwrap();
    let [hook] = &hooks[..] else { panic!("{hooks:#?}") };
    assert_eq!((&hook["id"], &hook["language"], &hook["pass_filenames"]), (&"tagwarden-docs".into(), &"python".into(), &false.into()));
    let mut words = hook["entry"].as_str().unwrap().split(' ');
    assert_eq!(words.next(), Some("tagwarden"));
    let scratch = locked();
    scratch.json(&words.collect::<Vec<_>>()).expect("passed");
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol-docs/lockdown.md")).unwrap();
    assert!(page.contains(hook["id"].as_str().unwrap()), "the page names the hook");
}
