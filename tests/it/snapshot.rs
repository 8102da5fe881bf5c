//! `snapshot` as its users have it: captures, lists, verifications, restores, and stores that somebody spoiled.

use crate::common::{Scratch, finding, findings, show::steady};
use insta::assert_snapshot;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::PathBuf,
};

const STORE: &str = "../store";

/// A folder with two files, one of them a program, and the store named in the protocol.
fn scratch() -> Scratch {
    let scratch = Scratch::new();
    scratch.run(&["init", "--minimal"]).ok();
    let protocol = scratch.read("gates/protocol.yaml");
    scratch.write("gates/protocol.yaml", format!("{protocol}snapshots: {{ store: ../store }}\n"));
    scratch.write("config/index.json", "{\"artifacts\": [1, 2, 3]}\n");
    scratch.write("config/bin/run", "#!/bin/sh\n");
    mode(&scratch, "config/index.json", 0o644);
    mode(&scratch, "config/bin/run", 0o755);
    scratch.commit("Add the configuration");
    scratch
}

fn mode(scratch: &Scratch, path: &str, mode: u32) {
    fs::set_permissions(scratch.path("work").join(path), fs::Permissions::from_mode(mode)).unwrap();
}

fn create(scratch: &Scratch, more: &[&str]) -> Value {
    let answer = scratch.json(&[&["snapshot", "create", "config"], more].concat());
    assert!(answer.code == 0, "{answer:?}");
    answer.value
}

fn digest(answer: &Value) -> String {
    answer["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap().to_owned()
}

/// Digests are shown with 12 digits here.
fn shown(text: &str) -> String {
    let short = regex::Regex::new(r"\b(?:[0-9a-f]{64}|[0-9a-f]{12})\b").unwrap();
    let stores = regex::Regex::new(r"\S*/store\b").unwrap();
    let checkout = regex::Regex::new(r"\[scratch\]/\w+/").unwrap();
    let text = steady(text);
    let text = stores.replace_all(&short.replace_all(&text, "[digest12]"), "[store]").into_owned();
    checkout.replace_all(&text, "").into_owned()
}

/// Every file of the store but lock and log, by its path.
fn blobs(scratch: &Scratch) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    crate::common::collect(&scratch.path(""), "store", &mut files);
    files.into_iter().filter(|(path, _)| path.starts_with("store/blobs/") && !path.ends_with('/')).collect()
}

fn blob(scratch: &Scratch, bytes: &[u8]) -> PathBuf {
    let digest = tagwarden::domain::Digest::of(bytes);
    scratch.path("store/blobs/sha256").join(digest.hex())
}

#[test]
fn a_folder_is_captured_listed_shown_and_verified() {
    let scratch = scratch();
    assert_snapshot!(shown(&scratch.run(&["snapshot", "create", "config", "--tag", "before", "--reason", "the first"]).all()), @r#"
    captured: [digest12] of config as before
      2 files, 35 B, event 1
    signing: none

    done (passed). Check it: `tagwarden snapshot verify`.
    -- exit 0
    "#);
    assert_snapshot!(shown(&scratch.run(&["snapshot", "list"]).all()), @r#"
    1 snapshot in [store]
      [digest12]  2026-11-21T10:00Z  2 files  35 B  config  before
    signing: none

    done (passed). Nothing was changed.
    -- exit 0
    "#);
    assert_snapshot!(shown(&scratch.run(&["snapshot", "info", "before"]).all()), @r#"
    snapshot [digest]
      captured  2026-11-21T10:00Z
      by        local:test@example.com
      source    config
      files     2
      bytes     35 B
      reason    the first
      tags      before
      0755  10 B  [digest12]  bin/run
      0644  25 B  [digest12]  index.json
    signing: none

    done (passed). Nothing was changed.
    -- exit 0
    "#);
    assert_snapshot!(shown(&scratch.run(&["snapshot", "verify"]).all()), @r#"
    1 snapshot, 2 files, 35 B in [store]
      events: 1, head [digest]
    signing: none

    done (passed). Every byte is what its name says.
    -- exit 0
    "#);
    let answer = scratch.json(&["snapshot", "verify", "before"]).expect("passed");
    assert_eq!((&answer["schema"], &answer["verified"]), (&json!("tagwarden.snapshot/1"), &json!(1)));
}

#[test]
fn the_same_bytes_again_change_nothing_but_the_log() {
    let scratch = scratch();
    let first = create(&scratch, &[]);
    let before = blobs(&scratch);
    let again = create(&scratch, &[]);
    assert_eq!((&first["new"], &again["new"], &again["serial"]), (&json!(true), &json!(false), &json!(2)));
    assert_eq!(first["digest"], again["digest"]);
    assert_eq!(blobs(&scratch), before);
    assert_eq!((&first["files"], &first["bytes"]), (&json!(2), &json!(35)));
    // Of a commit, of another folder, and of one that was touched.
    let at = scratch.json(&["snapshot", "create", "config", "--at", "HEAD"]).expect("nothing_to_do");
    assert_eq!(at["digest"], first["digest"]);
    let outside = scratch.path("elsewhere");
    fs::create_dir_all(outside.join("bin")).unwrap();
    for path in ["index.json", "bin/run"] {
        fs::copy(scratch.path("work/config").join(path), outside.join(path)).unwrap();
    }
    let other = scratch.json(&["snapshot", "create", outside.to_str().unwrap()]).expect("nothing_to_do");
    assert_eq!(other["digest"], first["digest"]);
    // A mode is a part of it.
    mode(&scratch, "config/index.json", 0o600);
    let private = create(&scratch, &[]);
    assert!(private["digest"] != first["digest"]);
    let list = scratch.json(&["snapshot", "list"]).expect("passed");
    let list: Vec<(&Value, &Value)> = list["snapshots"].as_array().unwrap().iter().map(|one| (&one["digest"], &one["serial"])).collect();
    assert_eq!(list, [(&first["digest"], &json!(4)), (&private["digest"], &json!(5))]);
    scratch.json(&["snapshot", "verify"]).expect("passed");
}

#[test]
fn no_repository_is_needed() {
    let scratch = Scratch::without_repository();
    scratch.write("a/one", "1");
    let made = scratch.json(&["snapshot", "create", "a", "--store", STORE]).expect("passed");
    assert_eq!(made["files"], 1);
    scratch.json(&["snapshot", "verify", "--store", STORE]).expect("passed");
    let refused = scratch.refused(&["snapshot", "create", "a"], "bad_usage");
    assert_eq!(refused["message"], "no store of snapshots is named");
    scratch.refused(&["snapshot", "create", "a", "--store", STORE, "--at", "HEAD"], "not_a_repository");
}

#[test]
fn what_a_channel_is_at_is_captured() {
    let scratch = Scratch::minimal();
    scratch.write("config/a", "one\n");
    mode(&scratch, "config/a", 0o644);
    scratch.commit("Add a");
    scratch.push();
    scratch.json(&["promote", "v1.0.0", "--channel", "local_dev"]).expect("moved");
    scratch.write("config/a", "two\n");
    let made = scratch.json(&["snapshot", "create", "config", "--store", STORE, "--channel", "local_dev"]).expect("passed");
    let info = scratch.json(&["snapshot", "info", &digest(&made), "--store", STORE]).expect("passed");
    assert_eq!(info["contents"][0]["digest"], tagwarden::domain::Digest::of(b"one\n").as_str());
    assert_eq!((&info["channel"], info["commit"].as_str().unwrap().len()), (&json!("local_dev"), 40));
    scratch.refused(&["snapshot", "create", "config", "--store", STORE, "--channel", "nowhere"], "unknown_channel");
}

#[test]
fn what_cannot_be_captured_is_named_and_nothing_is_written() {
    let scratch = scratch();
    create(&scratch, &[]);
    for (what, spoil) in [
        ("symbolic link", (|config: &PathBuf| symlink("index.json", config.join("link")).unwrap()) as fn(&PathBuf)),
        ("symbolic link", |config| symlink("/etc", config.join("folder")).unwrap()),
        ("neither a file nor a folder", |config| {
            rustix::fs::mknodat(rustix::fs::CWD, config.join("pipe"), rustix::fs::FileType::Fifo, rustix::fs::Mode::RUSR, 0).unwrap();
        }),
        ("control character", |config| fs::write(config.join("a\nb"), "").unwrap()),
        ("not UTF-8", |config| {
            use std::os::unix::ffi::OsStrExt;
            fs::write(config.join(std::ffi::OsStr::from_bytes(b"\xff")), "").unwrap();
        }),
        ("set-user-id", |config| {
            fs::write(config.join("suid"), "").unwrap();
            fs::set_permissions(config.join("suid"), fs::Permissions::from_mode(0o4755)).unwrap();
        }),
    ] {
        let other = outside();
        spoil(&other.path().to_owned());
        let answer = scratch.refused(&["snapshot", "create", other.path().to_str().unwrap()], "findings");
        let said = finding(&answer, "snapshot/source")["message"].as_str().unwrap();
        assert!(said.contains(what), "{what}: {said}");
    }
    // The store in its own source, and nothing at all.
    let answer = scratch.refused(&["snapshot", "create", ".."], "findings");
    assert!(finding(&answer, "snapshot/source")["message"].as_str().unwrap().contains("the store itself"));
    fs::create_dir(scratch.path("empty")).unwrap();
    scratch.refused(&["snapshot", "create", "../empty"], "nothing_to_check");
    scratch.refused(&["snapshot", "create", "../missing"], "bad_usage");
    scratch.refused(&["snapshot", "create", "config/bin", "--store", "config"], "bad_usage");
    // A link in a commit.
    symlink("index.json", scratch.path("work/config/link")).unwrap();
    scratch.commit("Add a link");
    scratch.refused(&["snapshot", "create", "config", "--at", "HEAD"], "findings");
}

/// A folder with one good file, outside of what is compared: some names in it are no text.
fn outside() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("good"), "good").unwrap();
    folder
}

#[test]
fn a_source_that_shrank_is_refused_unless_it_is_meant() {
    let scratch = scratch();
    create(&scratch, &[]);
    scratch.write("config/index.json", "{}\n");
    assert_snapshot!(shown(&scratch.run(&["snapshot", "create", "config", "--max-shrink", "40"]).all()), @r#"
    -- stderr
    error[snapshot/shrunk]: config shrank: 2 files and 13 bytes, and it had 2 files and 35 bytes at 2026-11-21T10:00Z
    signing: none

    stop (findings). If that is meant: `--max-shrink 62`; the limit is 40 percent.
    -- exit 1
    "#);
    scratch.refused(&["snapshot", "create", "config", "--at", "HEAD", "--max-shrink", "101"], "bad_usage");
    // Another source is compared with itself.
    scratch.json(&["snapshot", "create", "config/index.json"]).expect("passed");
    create(&scratch, &["--max-shrink", "65"]);
    fs::remove_file(scratch.path("work/config/bin/run")).unwrap();
    let answer = scratch.refused(&["snapshot", "create", "config"], "findings");
    finding(&answer, "snapshot/shrunk");
    create(&scratch, &["--max-shrink", "100"]);
}

#[test]
fn artifacts_are_validated_by_their_rails_before_they_are_captured() {
    let scratch = scratch();
    scratch.write(
        "gates/protocol.yaml",
        format!("{}kinds: {{ index: {{ path: \"config/{{id}}.json\", rail: index }} }}\n", scratch.read("gates/protocol.yaml")),
    );
    scratch.write("gates/rails/index/schema.json", "{ \"properties\": { \"artifacts\": { \"minItems\": 3 } } }\n");
    let made = create(&scratch, &[]);
    assert_eq!(made["artifacts"], 1);
    scratch.write("config/index.json", "{\"artifacts\": [1]}\n");
    let answer = scratch.refused(&["snapshot", "create", "config", "--max-shrink", "100"], "findings");
    assert_eq!(finding(&answer, "catalog/schema")["file"], "config/index.json");
    // What is no artifact is captured as it is; so is the artifact of a commit that was right.
    scratch.json(&["snapshot", "create", "config/bin"]).expect("passed");
    scratch.json(&["snapshot", "create", "config", "--at", "HEAD"]).expect("nothing_to_do");
}

#[test]
fn a_digest_is_never_a_path_and_a_tag_never_moves() {
    let scratch = scratch();
    let first = create(&scratch, &["--tag", "stable"]);
    for wrong in ["../../etc/passwd", "abc", "sha256:..", "/etc/passwd", "0123456"] {
        scratch.refused(&["snapshot", "info", wrong], "bad_usage");
    }
    for tag in ["deadbeef", &format!("snapshot-{}", "a".repeat(64)), &format!("sha256-{}", "a".repeat(64)), "a/b", ".x"] {
        scratch.refused(&["snapshot", "create", "config", "--tag", tag], "bad_usage");
    }
    let refused = scratch.refused(&["snapshot", "info", "0123456789"], "unknown_snapshot");
    assert!(refused["help"].as_str().unwrap().contains("snapshot list"), "{refused}");
    scratch.refused(&["snapshot", "info", "never"], "unknown_snapshot");
    for name in ["stable", &digest(&first), &digest(&first)[..8]] {
        let info = scratch.json(&["snapshot", "info", name]).expect("passed");
        assert_eq!(info["digest"], first["digest"], "{name}");
    }
    scratch.write("config/index.json", "{\"artifacts\": [1, 2, 3, 4]}\n");
    let answer = scratch.json(&["snapshot", "create", "config", "--tag", "stable"]).expect("tag_conflict");
    assert!(answer["message"].as_str().unwrap().contains(first["digest"].as_str().unwrap()));
    let list = scratch.json(&["snapshot", "list"]).expect("passed");
    assert_eq!(list["snapshots"].as_array().unwrap().len(), 1);
}

#[test]
fn an_empty_store_and_no_store_do_not_pass() {
    let scratch = scratch();
    scratch.refused(&["snapshot", "verify"], "bad_usage");
    fs::create_dir_all(scratch.path("store/blobs/sha256")).unwrap();
    fs::write(scratch.path("store/oci-layout"), "{\"imageLayoutVersion\":\"1.0.0\"}").unwrap();
    scratch.json(&["snapshot", "verify"]).expect("nothing_to_check");
}

/// Each spoiled store is found by exactly these codes.
#[test]
fn whatever_is_spoiled_in_a_store_is_found() {
    type Spoil = fn(&Scratch);
    let index = b"{\"artifacts\": [1, 2, 3]}\n";
    let change: fn(&Scratch, &str, &str, &str) = |scratch, file, from, to| {
        let path = scratch.path("store").join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from} in {text}");
        fs::write(path, text.replacen(from, to, 1)).unwrap();
    };
    let cases: &[(&str, Spoil, &[&str])] = &[
        ("nothing", |_| {}, &[]),
        ("a flipped bit", |scratch| fs::write(blob(scratch, b"#!/bin/sh\n"), "#!/bin/sH\n").unwrap(), &["snapshot/other-bytes"]),
        ("truncated", |scratch| fs::write(blob(scratch, b"#!/bin/sh\n"), "#!").unwrap(), &["snapshot/other-bytes"]),
        ("gone", |scratch| fs::remove_file(blob(scratch, b"#!/bin/sh\n")).unwrap(), &["snapshot/blob-missing"]),
        (
            "a link to the same bytes",
            |scratch| {
                let (blob, aside) = (blob(scratch, b"#!/bin/sh\n"), scratch.path("aside"));
                fs::rename(&blob, &aside).unwrap();
                symlink(aside, blob).unwrap();
            },
            &["snapshot/other-bytes"],
        ),
        (
            "a folder",
            |scratch| {
                fs::remove_file(blob(scratch, b"#!/bin/sh\n")).unwrap();
                fs::create_dir(blob(scratch, b"#!/bin/sh\n")).unwrap();
            },
            &["snapshot/other-bytes"],
        ),
        (
            "a manifest of other bytes",
            |scratch| {
                let manifest = fs::read_dir(scratch.path("store/blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
                let is_manifest = |path: &PathBuf| fs::read_to_string(path).is_ok_and(|text| text.contains("schemaVersion"));
                let manifest = manifest.into_iter().find(is_manifest).unwrap();
                let text = fs::read_to_string(&manifest).unwrap();
                fs::write(manifest, text.replace("index.json", "../../x.js")).unwrap();
            },
            &["snapshot/other-bytes"],
        ),
        (
            "forgotten by the index",
            |scratch| {
                let path = scratch.path("store/index.json");
                let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
                index["manifests"] = json!([]);
                fs::write(path, index.to_string()).unwrap();
            },
            &["snapshot/missing", "snapshot/tag"],
        ),
        ("the index gone", |scratch| fs::remove_file(scratch.path("store/index.json")).unwrap(), &["snapshot/log-broken"]),
        ("the log gone", |scratch| fs::remove_file(scratch.path("store/tagwarden/log")).unwrap(), &["snapshot/log-broken"]),
        ("the log empty", |scratch| fs::write(scratch.path("store/tagwarden/log"), "").unwrap(), &["snapshot/log-broken"]),
    ];
    for (what, spoil, codes) in cases {
        let scratch = scratch();
        create(&scratch, &["--tag", "stable"]);
        create(&scratch, &[]);
        spoil(&scratch);
        let answer = scratch.json(&["snapshot", "verify"]);
        let found: Vec<&str> = findings(&answer.value).iter().filter_map(|finding| finding["code"].as_str()).collect();
        assert_eq!(
            (&found[..], answer.reason()),
            (*codes, if codes.is_empty() { "passed" } else { "findings" }),
            "{what}: {:#}",
            answer.value
        );
    }
    // A line of the log that was changed, and a tag that was moved.
    let scratch = scratch();
    let first = create(&scratch, &["--tag", "stable"]);
    change(&scratch, "tagwarden/log", "\"files\":2", "\"files\":3");
    finding(&scratch.json(&["snapshot", "verify"]).expect("findings"), "snapshot/log-broken");
    // Nothing is written on top of it.
    let refused = scratch.json(&["snapshot", "create", "config"]).expect("store_broken");
    assert!(refused["message"].as_str().unwrap().contains("event 1 is not the one that was written"), "{refused}");
    // One that is known by its digest verifies by itself.
    scratch.json(&["snapshot", "verify", &digest(&first)]).expect("passed");
    change(&scratch, "tagwarden/log", "\"files\":3", "\"files\":2");
    change(&scratch, "index.json", "\"stable\"", "\"other\"");
    finding(&scratch.json(&["snapshot", "verify"]).expect("findings"), "snapshot/tag");
    // A capture of the same bytes puts a blob right.
    change(&scratch, "index.json", "\"other\"", "\"stable\"");
    fs::write(blob(&scratch, index), "x").unwrap();
    scratch.json(&["snapshot", "verify"]).expect("findings");
    create(&scratch, &[]);
    scratch.json(&["snapshot", "verify"]).expect("passed");
}

/// A write that did not come to its end is not there; what only an older index explains is not passed over.
#[test]
fn half_a_write_counts_as_none_and_an_older_index_is_noticed() {
    let scratch = scratch();
    create(&scratch, &[]);
    let log = scratch.path("store/tagwarden/log");
    let before = fs::read(&log).unwrap();
    let older = fs::read(scratch.path("store/index.json")).unwrap();
    for half in ["{\"serial\":", "{\"serial\":2}\n"] {
        fs::write(&log, [&before[..], half.as_bytes()].concat()).unwrap();
        let answer = scratch.json(&["snapshot", "verify", "--store", STORE]).expect("passed");
        assert_eq!(answer["events"], 1, "{half}");
        fs::write(scratch.path("store/index.json"), &older).unwrap();
    }
    fs::write(&log, &before).unwrap();
    fs::write(scratch.path("store/index.json"), &older).unwrap();
    create(&scratch, &[]);
    create(&scratch, &[]);
    fs::write(scratch.path("store/index.json"), &older).unwrap();
    let answer = scratch.json(&["snapshot", "verify"]).expect("findings");
    assert!(finding(&answer, "snapshot/log-broken")["message"].as_str().unwrap().contains("more events"));
    let lines = fs::read(&log).unwrap();
    scratch.json(&["snapshot", "create", "config"]).expect("store_broken");
    assert_eq!(fs::read(&log).unwrap(), lines);
}

#[test]
fn a_store_that_another_process_writes_to_is_busy_and_still_read() {
    let scratch = scratch();
    create(&scratch, &[]);
    let lock = fs::File::open(scratch.path("store/tagwarden/lock")).unwrap();
    lock.lock().unwrap();
    let answer = scratch.json(&["snapshot", "verify"]).expect("passed");
    assert!(answer["notices"][0].as_str().unwrap().contains("not recorded"), "{answer:#}");
    scratch.json(&["snapshot", "list"]).expect("passed");
    scratch.json(&["snapshot", "create", "config"]).expect("store_busy");
}

#[test]
fn more_files_than_a_manifest_may_list_travel_as_one_tar() {
    let scratch = scratch();
    let many = scratch.path("many");
    for at in 0..2001 {
        let folder = many.join(format!("{:03}", at / 100));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(format!("{at}-ä")), "x".repeat(at % 700)).unwrap();
    }
    fs::write(many.join("large"), vec![7; 17 << 20]).unwrap();
    let made = scratch.json(&["snapshot", "create", "../many"]).expect("passed");
    assert_eq!((&made["files"], &made["new"]), (&json!(2002), &json!(true)));
    assert_eq!(scratch.json(&["snapshot", "create", "../many"]).expect("nothing_to_do")["digest"], made["digest"]);
    scratch.json(&["snapshot", "verify"]).expect("passed");
    let info = scratch.json(&["snapshot", "info", &digest(&made)]).expect("passed");
    assert_eq!(info["form"], "tar");
    // Every other program reads it.
    let tar = fs::read_dir(scratch.path("store/blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    let tar = tar.into_iter().find(|path| path.metadata().unwrap().len() > 17 << 20).unwrap();
    fs::create_dir(scratch.path("unpacked")).unwrap();
    let (good, said) = scratch.try_tool("unpacked", "tar", &["-xf", tar.to_str().unwrap()]);
    assert!(good, "{said}");
    let (same, said) = scratch.try_tool("", "diff", &["-r", "many", "unpacked"]);
    assert!(same, "{said}");
    let mut bytes = fs::read(&tar).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(&tar, bytes).unwrap();
    let answer = scratch.json(&["snapshot", "verify"]).expect("findings");
    let said = finding(&answer, "snapshot/other-bytes")["message"].as_str().unwrap();
    assert!(said.contains("other bytes for `large`"), "{said}");
    scratch.json(&["snapshot", "create", "../many"]).expect("nothing_to_do");
    scratch.json(&["snapshot", "verify"]).expect("passed");
}

fn files_of(scratch: &Scratch, folder: &str) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    crate::common::collect(&scratch.path("work"), folder, &mut files);
    files
}

#[test]
fn a_restore_gives_equal_bytes_and_keeps_what_was_there() {
    let scratch = scratch();
    let made = create(&scratch, &["--tag", "good"]);
    let good = files_of(&scratch, "config");
    scratch.write("config/index.json", "broken");
    mode(&scratch, "config/bin/run", 0o644);
    scratch.write("config/other", "not of the snapshot");
    assert_snapshot!(shown(&scratch.run(&["snapshot", "restore", "good", "--to", "config", "--reason", "it broke"]).all()), @r#"
    restored: [digest12] to config
      2 of 2 files written
      what was there before: [digest12]
    signing: none

    done (passed). Every file is as it was captured.
    -- exit 0
    "#);
    let now = files_of(&scratch, "config");
    assert_eq!(now.get("config/index.json"), good.get("config/index.json"));
    let bits = fs::metadata(scratch.path("work/config/bin/run")).unwrap().permissions().mode() & 0o777;
    assert_eq!((bits, now["config/other"].as_slice()), (0o755, b"not of the snapshot".as_slice()));
    scratch.json(&["snapshot", "restore", "good", "--to", "config"]).expect("nothing_to_do");
    // What was there before is a snapshot, and a restore to it is the way back.
    let list = scratch.json(&["snapshot", "list"]).expect("passed");
    let before = list["snapshots"].as_array().unwrap().iter().find(|one| one["digest"] != made["digest"]).unwrap();
    scratch.json(&["snapshot", "restore", &digest(before), "--to", "config"]).expect("passed");
    assert_eq!(scratch.read("config/index.json"), "broken");
    // Into a folder that is not there yet.
    scratch.json(&["snapshot", "restore", "good", "--to", "../new/place"]).expect("passed");
    assert_eq!(fs::read(scratch.path("new/place/bin/run")).unwrap(), b"#!/bin/sh\n");
    assert_eq!(fs::read_dir(scratch.path("new/place")).unwrap().count(), 2, "nothing is left beside the files");
    scratch.json(&["snapshot", "verify"]).expect("passed");
}

#[test]
fn many_files_are_restored_from_their_tar() {
    let scratch = scratch();
    for at in 0..2001 {
        let folder = scratch.path("many").join(format!("{:02}", at / 100));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(at.to_string()), "x".repeat(at % 3)).unwrap();
    }
    let made = scratch.json(&["snapshot", "create", "../many"]).expect("passed");
    fs::write(scratch.path("many/00/1"), "other").unwrap();
    fs::remove_file(scratch.path("many/00/3")).unwrap();
    let answer = scratch.json(&["snapshot", "restore", &digest(&made), "--to", "../many"]).expect("passed");
    assert_eq!(answer["written"], 2);
    scratch.json(&["snapshot", "restore", &digest(&made), "--to", "../copy"]).expect("passed");
    let (same, said) = scratch.try_tool("", "diff", &["-r", "many", "copy"]);
    assert!(same, "{said}");
}

/// Nothing of the folder changes where the store does not give every byte.
#[test]
fn a_restore_from_a_spoiled_store_writes_nothing() {
    for spoil in [
        (|scratch: &Scratch| fs::write(blob(scratch, b"#!/bin/sh\n"), "#!/bin/sH\n").unwrap()) as fn(&Scratch),
        |scratch| fs::remove_file(blob(scratch, b"#!/bin/sh\n")).unwrap(),
        |scratch| fs::write(blob(scratch, b"#!/bin/sh\n"), vec![0; 1 << 20]).unwrap(),
    ] {
        let scratch = scratch();
        create(&scratch, &["--tag", "good"]);
        scratch.write("config/index.json", "live");
        scratch.write("config/bin/run", "live");
        spoil(&scratch);
        let answer = scratch.refused(&["snapshot", "restore", "good", "--to", "config"], "store_broken");
        assert!(!findings(&answer).is_empty());
        scratch.refused(&["snapshot", "restore", "good", "--to", "../nowhere"], "store_broken");
    }
}

/// A manifest whose digest is right can be anybody's.
#[test]
fn a_hostile_manifest_is_refused_before_anything_is_written() {
    let scratch = scratch();
    create(&scratch, &["--tag", "good"]);
    let path = scratch.path("store/index.json");
    let index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let good = index["manifests"][0]["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap().to_owned();
    let text = fs::read_to_string(scratch.path("store/blobs/sha256").join(&good)).unwrap();
    for (from, to, why) in [
        ("\"index.json\"", "\"../../escaped\"", "leads upwards"),
        ("\"index.json\"", "\"/tmp/escaped\"", "absolute"),
        ("\"index.json\"", "\"bin\"", "is a file and a folder"),
        ("\"index.json\"", "\"bin/run\"", "twice"),
        ("\"size\":25", "\"size\":99999999999", ""),
        ("\"0644\"", "\"4755\"", "mode"),
    ] {
        let hostile = text.replacen(from, to, 1);
        assert_ne!(hostile, text, "{from}");
        let evil = tagwarden::domain::Digest::of(hostile.as_bytes());
        fs::write(blob(&scratch, hostile.as_bytes()), &hostile).unwrap();
        let mut spoiled = index.clone();
        for entry in spoiled["manifests"].as_array_mut().unwrap() {
            entry["digest"] = json!(evil);
            entry["size"] = json!(hostile.len());
            entry["annotations"]["org.opencontainers.image.ref.name"] = json!("evil");
        }
        fs::write(&path, spoiled.to_string()).unwrap();
        for name in ["evil", evil.hex()] {
            let answer = scratch.refused(&["snapshot", "restore", name, "--to", "../target"], "store_broken");
            assert!(answer["message"].as_str().unwrap().contains(why), "{why}: {answer:#}");
        }
        scratch.json(&["snapshot", "verify"]).expect("findings");
    }
}

#[test]
fn places_that_lead_elsewhere_are_not_written() {
    let scratch = scratch();
    create(&scratch, &["--tag", "good"]);
    for spoil in [
        (|target: &PathBuf| symlink("/tmp", target.join("bin")).unwrap()) as fn(&PathBuf),
        |target| symlink("/etc/hostname", target.join("index.json")).unwrap(),
        |target| fs::create_dir(target.join("index.json")).unwrap(),
        |target| fs::write(target.join("bin"), "a file").unwrap(),
    ] {
        let target = scratch.path("target");
        let _ = fs::remove_dir_all(&target);
        fs::create_dir(&target).unwrap();
        spoil(&target);
        scratch.refused(&["snapshot", "restore", "good", "--to", "../target"], "findings");
    }
    fs::write(scratch.path("file"), "").unwrap();
    scratch.refused(&["snapshot", "restore", "good", "--to", "../file"], "bad_usage");
}

#[test]
fn a_check_that_fails_puts_the_folder_back() {
    let scratch = scratch();
    create(&scratch, &["--tag", "good"]);
    scratch.write("config/index.json", "live");
    fs::remove_file(scratch.path("work/config/bin/run")).unwrap();
    let before = files_of(&scratch, "config");
    let script = "test -x bin/run; grep -q artifacts index.json; echo it is not good >&2; exit 3";
    assert_snapshot!(shown(&scratch.run(&["snapshot", "restore", "good", "--to", "config", "--check", script, "-v"]).all()), @r#"
    taken back: [digest12] to config
      0 of 2 files written
      what was there before: [digest12]

    error[snapshot/check-failed]: the check failed with exit code 3, so the folder was put back
      > it is not good
    signing: none

    stop (gate_failed). The check failed, and the folder is as it was before. Read what the check said.
    -- exit 1
    "#);
    assert_eq!(files_of(&scratch, "config"), before);
    scratch.json(&["snapshot", "restore", "good", "--to", "config", "--check", "test -x bin/run"]).expect("passed");
    assert_eq!(scratch.read("config/index.json"), "{\"artifacts\": [1, 2, 3]}\n");
    scratch.json(&["snapshot", "verify"]).expect("passed");
}

#[test]
fn the_oldest_are_pruned_and_what_something_rests_on_stays() {
    let scratch = scratch();
    let mut made = Vec::new();
    for at in 0..6 {
        scratch.write("config/index.json", format!("{{\"artifacts\": [{at}]}} and more\n"));
        made.push(digest(&create(&scratch, if at == 1 { &["--tag", "release"] } else { &[] })));
    }
    scratch.json(&["snapshot", "restore", &made[0], "--to", "config"]).expect("passed");
    let before = blobs(&scratch);
    assert_snapshot!(shown(&scratch.run(&["snapshot", "prune", "--keep", "2", "--dry-run"]).all()), @r#"
    prune [store] (dry run)
      gone  [digest12]
      gone  [digest12]
      kept  [digest12]  live
      kept  [digest12]  tagged
      kept  [digest12]  among the newest
      kept  [digest12]  among the newest
      4 blobs that nothing names, 1.5 KiB
    signing: none

    done (passed). Run it again without `--dry-run`.
    -- exit 0
    "#);
    assert_eq!(blobs(&scratch), before);
    let answer = scratch.json(&["snapshot", "prune", "--keep", "2"]).expect("passed");
    let pruned: Vec<&str> = answer["pruned"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(pruned, [2, 3].map(|at| format!("sha256:{}", made[at])));
    // A manifest and a file of each.
    assert_eq!((answer["blobs"].as_u64(), before.len() - blobs(&scratch).len()), (Some(4), 4));
    scratch.json(&["snapshot", "prune", "--keep", "2"]).expect("nothing_to_do");
    scratch.json(&["snapshot", "verify"]).expect("passed");
    scratch.refused(&["snapshot", "info", &made[2]], "unknown_snapshot");
    for at in [0, 1, 4, 5] {
        scratch.json(&["snapshot", "restore", &made[at], "--to", "../copy"]).expect("passed");
    }
}

/// What a write that was killed left is removed, and nothing that somebody else named.
#[test]
fn prune_removes_what_nothing_names_and_nothing_of_others() {
    let scratch = scratch();
    create(&scratch, &[]);
    fs::write(blob(&scratch, b"left behind"), "left behind").unwrap();
    let theirs = json!({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": { "mediaType": "application/x", "digest": tagwarden::domain::Digest::of(b"their config"), "size": 12 },
        "layers": [{ "mediaType": "application/x", "digest": tagwarden::domain::Digest::of(b"their layer"), "size": 11 }],
    })
    .to_string();
    for bytes in [theirs.as_bytes(), b"their config", b"their layer"] {
        fs::write(blob(&scratch, bytes), bytes).unwrap();
    }
    let path = scratch.path("store/index.json");
    let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    index["manifests"].as_array_mut().unwrap().push(json!({
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": theirs.len(),
        "digest": tagwarden::domain::Digest::of(theirs.as_bytes()),
        "annotations": { "org.opencontainers.image.ref.name": "theirs" },
    }));
    fs::write(&path, index.to_string()).unwrap();
    let answer = scratch.json(&["snapshot", "prune"]).expect("passed");
    assert_eq!((&answer["blobs"], &answer["freed"]), (&json!(1), &json!(11)));
    assert!(!blob(&scratch, b"left behind").exists() && blob(&scratch, b"their layer").exists());
    // Where theirs cannot be read, nobody knows what it names.
    fs::write(blob(&scratch, b"left behind"), "left behind").unwrap();
    fs::remove_file(blob(&scratch, theirs.as_bytes())).unwrap();
    let answer = scratch.json(&["snapshot", "prune"]).expect("nothing_to_do");
    assert!(answer["blobs"].is_null() && blob(&scratch, b"left behind").exists(), "{answer:#}");
    let after: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    assert!(
        after["manifests"].as_array().unwrap().iter().any(|entry| entry["annotations"]["org.opencontainers.image.ref.name"] == "theirs")
    );
}

#[test]
fn status_says_how_old_things_are() {
    let mut scratch = scratch();
    create(&scratch, &[]);
    scratch.at("2026-11-21T14:00:00Z");
    scratch.json(&["snapshot", "verify"]).expect("passed");
    scratch.at("2026-11-22T10:30:00Z");
    assert_snapshot!(shown(&scratch.run(&["snapshot", "status"]).all()), @r#"
    1 snapshot in [store]
      captured        2026-11-21T10:00Z, 24 h ago
      verified        2026-11-21T14:00Z, 20 h ago
      rehearsed       never
      captured bytes  35 B
      events          2
      [digest12]  24 h ago  config
    signing: none

    done (passed). Nothing was changed.
    -- exit 0
    "#);
    assert_snapshot!(ages(&scratch.run(&["snapshot", "status", "--prometheus"]).all()), @r#"
    # HELP tagwarden_snapshot_count Snapshots that the store names.
    # TYPE tagwarden_snapshot_count gauge
    tagwarden_snapshot_count 1
    # HELP tagwarden_snapshot_bytes Bytes of all captured files.
    # TYPE tagwarden_snapshot_bytes gauge
    tagwarden_snapshot_bytes 35
    # HELP tagwarden_snapshot_age_seconds Seconds since the newest capture.
    # TYPE tagwarden_snapshot_age_seconds gauge
    tagwarden_snapshot_age_seconds _
    # HELP tagwarden_snapshot_source_age_seconds Seconds since the newest capture of a source.
    # TYPE tagwarden_snapshot_source_age_seconds gauge
    tagwarden_snapshot_source_age_seconds{source="config"} _
    # HELP tagwarden_snapshot_verified_age_seconds Seconds since the store was verified as a whole.
    # TYPE tagwarden_snapshot_verified_age_seconds gauge
    tagwarden_snapshot_verified_age_seconds _
    # HELP tagwarden_snapshot_verified_findings What the last verification found.
    # TYPE tagwarden_snapshot_verified_findings gauge
    tagwarden_snapshot_verified_findings 0
    # HELP tagwarden_snapshot_log_verifies Whether the log fits its head: 1 or 0.
    # TYPE tagwarden_snapshot_log_verifies gauge
    tagwarden_snapshot_log_verifies 1
    # HELP tagwarden_snapshot_missing Snapshots that the log knows and the store does not name.
    # TYPE tagwarden_snapshot_missing gauge
    tagwarden_snapshot_missing 0
    # HELP tagwarden_snapshot_open_restores Restores that began and did not end.
    # TYPE tagwarden_snapshot_open_restores gauge
    tagwarden_snapshot_open_restores 0
    -- exit 0
    "#);
    let answer = scratch.json(&["snapshot", "status"]).expect("passed");
    assert_eq!(
        (&answer["log_verifies"], &answer["snapshots"], &answer["sources"][0]["source"]),
        (&json!(true), &json!(1), &json!("config"))
    );
}

/// 0 would say that nothing is missing.
#[test]
fn status_counts_nothing_by_a_log_that_does_not_verify() {
    let scratch = scratch();
    create(&scratch, &[]);
    fs::write(scratch.path("store/tagwarden/log"), "").unwrap();
    let answer = scratch.json(&["snapshot", "status"]).expect("passed");
    finding(&answer, "snapshot/log-broken");
    let counts = ["bytes", "missing", "open_restores"].map(|name| answer[name].clone());
    assert_eq!((counts, &answer["log_verifies"]), ([Value::Null, Value::Null, Value::Null], &json!(false)));
    let metrics = scratch.run(&["snapshot", "status", "--prometheus"]).all();
    assert!(metrics.contains("snapshot_log_verifies 0") && !metrics.contains("snapshot_missing"), "{metrics}");
}

/// A store of snapshots that somebody keeps by hand: a file for each digest, and metadata beside it. What is wrong with it is found before
/// it is captured, by the file that it is in.
#[test]
fn a_store_that_was_kept_by_hand_is_found_wrong_by_name() {
    let scratch = scratch();
    let kinds = "kinds: { metadata: { path: \"promotion/metadata/{id}.json\", id: /snapshot/digest, rail: metadata } }\n";
    scratch.write("gates/protocol.yaml", scratch.read("gates/protocol.yaml") + kinds);
    scratch.write(
        "gates/rails/metadata/lint.yaml",
        "rules:\n  - id: snapshot-is-there\n    refs: { each: .snapshot.digest, to: [{ path: \"../snapshots/{value}.json\" }] }\n",
    );
    let index = "{\"artifacts\":[{\"id\":\"test_plan\",\"status\":\"review\"},{\"id\":\"action_plan\",\"status\":\"approved\"}]}";
    let digest = tagwarden::domain::Digest::of(index.as_bytes()).hex().to_owned();
    let metadata = format!("{{ \"snapshot\": {{ \"digest\": \"{digest}\", \"trigger\": \"manual\" }} }}\n");
    let (file, about) = (format!("promotion/snapshots/{digest}.json"), format!("promotion/metadata/{digest}.json"));
    scratch.write("sync/index.json", index);
    scratch.write(&file, index);
    scratch.write(&about, &metadata);
    scratch.json(&["snapshot", "create", "promotion"]).expect("passed");
    scratch.json(&["snapshot", "create", "sync/index.json"]).expect("passed");
    // A name that is not the digest.
    let other = format!("promotion/metadata/{}.json", "0".repeat(64));
    scratch.write(&other, &metadata);
    let named = scratch.refused(&["snapshot", "create", "promotion"], "findings");
    assert_eq!(finding(&named, "catalog/not-its-path")["file"], other);
    fs::remove_file(scratch.path("work").join(other)).unwrap();
    // Metadata without its file.
    fs::remove_file(scratch.path("work").join(&file)).unwrap();
    let lost = scratch.refused(&["snapshot", "create", "promotion"], "findings");
    assert_eq!(finding(&lost, "catalog/dangling-reference")["file"], about);
    // A source that shrank to one draft.
    scratch.write("sync/index.json", "{\"id\":\"draft_3\"}");
    let shrunk = scratch.refused(&["snapshot", "create", "sync/index.json"], "findings");
    assert!(finding(&shrunk, "snapshot/shrunk")["message"].as_str().unwrap().starts_with("sync/index.json shrank: 1 file and 16 bytes"));
    // The bytes of its own store are those of their names.
    fs::write(blob(&scratch, index.as_bytes()), index.replace("review", "closed")).unwrap();
    let bytes = scratch.json(&["snapshot", "verify"]).expect("findings");
    assert!(finding(&bytes, "snapshot/other-bytes")["message"].as_str().unwrap().contains(".json` of "));
}

#[test]
fn a_restore_is_rehearsed_under_every_fault_and_recorded() {
    let scratch = scratch();
    create(&scratch, &[]);
    let (live, before) = (files_of(&scratch, "config"), blobs(&scratch));
    assert_snapshot!(shown(&scratch.run(&["snapshot", "rehearse"]).all()), @r#"
    rehearsed: a restore of [digest12]
      held  restore               2 files
      held  equal-bytes           35 bytes
      held  recovery-time         [time] , and [time] are allowed
      held  same-digest           captured again, it is [digest12]
      held  truncation            found, and nothing was restored
      held  missing-file          found, and nothing was restored
      held  flipped-bit           found, and nothing was restored
      held  missing-metadata      found, and nothing was restored
      held  wrong-signature       of somebody else, and over other bytes, it counts for nobody
      held  stopped-in-mid-write  after 1 of 2 files; the second run ended it
    signing: none

    done (passed). A restore leads back, and every planted fault was found.
    -- exit 0
    "#);
    assert_eq!((files_of(&scratch, "config"), blobs(&scratch)), (live, before), "nothing but the record is written");
    let status = scratch.json(&["snapshot", "status"]).expect("passed");
    assert_eq!((&status["rehearsal_passed"], &status["rehearsed"]), (&json!(true), &json!("2026-11-21T10:00:00Z")));
    // One criterion is enough to fail.
    let slow = scratch.json(&["snapshot", "rehearse", "--limit", "0"]).expect("drill_failed");
    let failed: Vec<&str> = failed(&slow);
    assert_eq!(failed, ["recovery-time"]);
    let status = scratch.json(&["snapshot", "status"]).expect("passed");
    assert_eq!(status["rehearsal_passed"], false);
    fs::remove_file(blob(&scratch, b"#!/bin/sh\n")).unwrap();
    let broken = scratch.json(&["snapshot", "rehearse"]).expect("drill_failed");
    assert_eq!(self::failed(&broken)[0], "restore");
    assert_eq!(broken["criteria"].as_array().unwrap().len(), 3, "no fault is planted after that");
}

fn failed(answer: &Value) -> Vec<&str> {
    let criteria = answer["criteria"].as_array().unwrap().iter();
    criteria.filter(|criterion| criterion["held"] == false).filter_map(|criterion| criterion["name"].as_str()).collect()
}

/// Large snapshots, empty files and bundles are rehearsed in the same way.
#[test]
fn a_tar_and_files_without_bytes_are_rehearsed() {
    let scratch = scratch();
    for at in 0..2001 {
        let folder = scratch.path("many").join(format!("{:02}", at / 100));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(at.to_string()), "x".repeat(at % 3)).unwrap();
    }
    fs::create_dir(scratch.path("empty")).unwrap();
    fs::write(scratch.path("empty/file"), "").unwrap();
    for source in ["../many", "../empty"] {
        let made = scratch.json(&["snapshot", "create", source]).expect("passed");
        let rehearsed = scratch.json(&["snapshot", "rehearse"]).expect("passed");
        assert_eq!((&rehearsed["digest"], rehearsed["criteria"].as_array().unwrap().len()), (&made["digest"], 10));
    }
}

/// The gate reads the record of the store, and knows how old it is.
#[test]
fn a_channel_can_ask_for_a_fresh_rehearsal() {
    let mut scratch = Scratch::minimal_unadopted();
    let protocol = scratch.read("gates/protocol.yaml");
    scratch.write("gates/protocol.yaml", format!("{protocol}snapshots: {{ store: ../store }}\n"));
    scratch.write("gates/20-drill.yaml", "title: A restore was rehearsed\nrehearsal: { of: restore }\n");
    scratch.edit("protocol-docs/promotion.md", "## Promoting", "## Gate 2 — A restore was rehearsed\n\n## Promoting");
    scratch.write("config/a", "one\n");
    scratch.commit("Ask for a rehearsal");
    scratch.push();
    scratch.json(&["policy", "adopt", "--reason", "start"]).expect("moved");
    scratch.json(&["snapshot", "create", "config"]).expect("passed");
    let verify = |scratch: &Scratch, reason: &str| {
        let answer = scratch.json(&["verify", "--channel", "local_dev", "--at", "HEAD", "--adopted"]).expect(reason);
        let found: Vec<String> = answer["gates"][1]["findings"].as_array().unwrap().iter().map(|one| one["code"].to_string()).collect();
        found.join(" ")
    };
    assert_eq!(verify(&scratch, "gate_failed"), "\"rehearsal/absent\"");
    scratch.json(&["snapshot", "rehearse"]).expect("passed");
    assert_eq!(verify(&scratch, "passed"), "");
    scratch.at("2026-12-21T10:00:00Z");
    assert_eq!(verify(&scratch, "passed"), "");
    scratch.at("2026-12-21T10:01:00Z");
    assert_eq!(verify(&scratch, "gate_failed"), "\"rehearsal/stale\"");
    scratch.json(&["snapshot", "rehearse", "--limit", "0"]).expect("drill_failed");
    assert_eq!(verify(&scratch, "gate_failed"), "\"rehearsal/failed\"");
}

/// The clock goes on from the time that was given.
fn ages(text: &str) -> String {
    regex::Regex::new(r"(age_seconds\S*) \d+").unwrap().replace_all(text, "$1 _").into_owned()
}

/// The protocol with two signers of whom both must sign; their key files.
fn signed() -> (Scratch, [String; 3]) {
    let scratch = scratch();
    let keys = ["ada", "bob", "eve"].map(|name| {
        let file = scratch.path("home").join(name).display().to_string();
        let (good, said) = scratch.try_tool("", "ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", name, "-f", &file]);
        assert!(good, "{said}");
        file
    });
    let line = |name: &str, file: &str| format!("{name}@example.com {}", fs::read_to_string(format!("{file}.pub")).unwrap());
    scratch.write("gates/allowed_signers", line("ada", &keys[0]) + &line("bob", &keys[1]));
    let protocol = scratch.read("gates/protocol.yaml").replace("store: ../store", "store: ../store, signatures: 2");
    let protocol = protocol.replace("key: none", "key: env:KEY");
    scratch.write("gates/protocol.yaml", protocol);
    (scratch, keys)
}

#[test]
fn signatures_are_counted_by_person_and_asked_for_before_a_restore() {
    let (scratch, [ada, bob, eve]) = signed();
    let made = scratch.json(&["snapshot", "create", "config", "--tag", "good", "--sign", "--signing-key", &ada]).expect("passed");
    scratch.write("config/index.json", "live");
    let unsigned = scratch.json(&["snapshot", "verify"]).expect("findings");
    assert!(finding(&unsigned, "snapshot/unsigned")["message"].as_str().unwrap().starts_with("1 of 2 people"));
    scratch.refused(&["snapshot", "restore", "good", "--to", "config"], "not_permitted");
    // The same person again, and somebody who is not listed, change nothing.
    scratch.json(&["snapshot", "sign", "good", "--signing-key", &ada]).expect("passed");
    let stranger = scratch.json(&["snapshot", "sign", "good", "--signing-key", &eve]).expect("passed");
    assert_eq!((&stranger["people"], &stranger["signer"]), (&json!(1), &stranger["fingerprint"]));
    let unsigned = scratch.json(&["snapshot", "verify"]).expect("findings");
    finding(&unsigned, "snapshot/signature");
    scratch.refused(&["snapshot", "restore", "good", "--to", "config"], "not_permitted");
    assert_snapshot!(shown(&scratch.run(&["snapshot", "sign", "good", "--signing-key", &bob]).all()), @r#"
    signed: [digest12] by bob@example.com
      with key [fingerprint]; 2 listed people signed it

    done (passed). `tagwarden snapshot verify` counts it.
    -- exit 0
    "#);
    let verified = scratch.json(&["snapshot", "verify"]).expect("passed");
    assert_eq!(verified["signed"][0]["people"], json!(["ada@example.com", "bob@example.com"]));
    scratch.json(&["snapshot", "restore", "good", "--to", "config"]).expect("passed");
    // OpenSSH judges the blobs as they are.
    let signature = fs::read_dir(scratch.path("store/blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    let is_signature = |path: &PathBuf| fs::read_to_string(path).is_ok_and(|text| text.starts_with("-----BEGIN SSH SIGNATURE"));
    let judged = signature.filter(is_signature).filter(|path| {
        let script = "ssh-keygen -Y verify -n tagwarden-snapshot -f work/gates/allowed_signers -I \"$1\" -s \"$2\" <\"$3\"";
        let manifest = scratch.path("store/blobs/sha256").join(digest(&made));
        let path = path.to_str().unwrap();
        let by = |who: &str| scratch.try_tool("", "sh", &["-c", script, "sh", who, path, manifest.to_str().unwrap()]).0;
        by("ada@example.com") || by("bob@example.com")
    });
    assert_eq!(judged.count(), 2);
    // What a restore captured by itself needs nobody's signature, until somebody wants to go back to it.
    scratch.json(&["snapshot", "verify"]).expect("passed");
    let list = scratch.json(&["snapshot", "list"]).expect("passed");
    let before = list["snapshots"].as_array().unwrap().iter().find(|one| one["digest"] != made["digest"]).unwrap();
    scratch.refused(&["snapshot", "restore", &digest(before), "--to", "config"], "not_permitted");
    // A key that left the list counts no more; a signature that is gone is missed.
    let list = scratch.read("gates/allowed_signers");
    let carol = format!("carol@example.com {}", tagwarden::attest::ssh::PrivateKey::from_seed([7; 32]).unwrap().public_line());
    scratch.write("gates/allowed_signers", format!("{}\n{carol}\n", list.lines().next().unwrap()));
    scratch.refused(&["snapshot", "restore", "good", "--to", "../other"], "not_permitted");
    scratch.write("gates/allowed_signers", list);
    let path = scratch.path("store/index.json");
    let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    index["manifests"].as_array_mut().unwrap().retain(|entry| entry["artifactType"] != "application/vnd.tagwarden.signature.ssh.v1");
    fs::write(&path, index.to_string()).unwrap();
    let answer = scratch.json(&["snapshot", "verify"]).expect("findings");
    assert!(findings(&answer).iter().any(|finding| finding["code"] == "snapshot/missing"));
}

/// A signature of another snapshot says nothing of this one.
#[test]
fn a_signature_counts_for_its_own_snapshot_only() {
    let (scratch, [ada, bob, _]) = signed();
    scratch.json(&["snapshot", "create", "config", "--sign", "--signing-key", &ada, "--tag", "one"]).expect("passed");
    scratch.json(&["snapshot", "sign", "one", "--signing-key", &bob]).expect("passed");
    scratch.write("config/index.json", "{\"artifacts\": [9, 9, 9]}\n");
    let other = scratch.json(&["snapshot", "create", "config", "--tag", "two"]).expect("passed");
    let answer = scratch.json(&["snapshot", "verify"]).expect("findings");
    let unsigned: Vec<&Value> = findings(&answer).into_iter().filter(|finding| finding["code"] == "snapshot/unsigned").collect();
    assert_eq!(unsigned.len(), 1);
    assert!(unsigned[0]["message"].as_str().unwrap().contains(other["digest"].as_str().unwrap()));
    scratch.json(&["snapshot", "restore", "one", "--to", "../copy"]).expect("passed");
    scratch.refused(&["snapshot", "restore", "two", "--to", "../copy"], "not_permitted");
    // A bit of the signature.
    let blobs = fs::read_dir(scratch.path("store/blobs/sha256")).unwrap().map(|entry| entry.unwrap().path());
    for path in blobs {
        if let Ok(text) = fs::read_to_string(&path)
            && text.starts_with("-----BEGIN SSH SIGNATURE")
        {
            fs::write(path, text.replacen("AAAA", "AAAB", 1)).unwrap();
        }
    }
    scratch.refused(&["snapshot", "restore", "one", "--to", "../copy"], "not_permitted");
}

/// Anybody who may write to the store can sign; that must not take the protection from what people who are listed signed.
#[test]
fn the_newest_whose_signatures_count_is_never_pruned() {
    let (scratch, [ada, bob, eve]) = signed();
    let mut made = Vec::new();
    for at in 0..4 {
        scratch.write("config/index.json", format!("{{\"artifacts\": [{at}]}} and more\n"));
        made.push(digest(&create(&scratch, &[])));
        for key in [&[&ada, &bob][..], &[&eve], &[&ada], &[]][at] {
            scratch.json(&["snapshot", "sign", &made[at], "--signing-key", key]).expect("passed");
        }
    }
    let answer = scratch.json(&["snapshot", "prune", "--keep", "1"]).expect("passed");
    let pruned: Vec<&str> = answer["pruned"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(pruned, [1, 2].map(|at| format!("sha256:{}", made[at])));
    assert_eq!(
        (&answer["kept"][0]["digest"], &answer["kept"][0]["because"]),
        (&json!(format!("sha256:{}", made[0])), &json!("the newest that is signed"))
    );
    scratch.json(&["snapshot", "restore", &made[0], "--to", "../copy"]).expect("passed");
}

/// As skopeo and regctl leave one: tags alone, no types, no log.
#[test]
fn a_store_that_another_program_copied_is_read() {
    let scratch = scratch();
    let made = create(&scratch, &["--tag", "good"]);
    let path = scratch.path("store/index.json");
    let index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let size = &index["manifests"][0]["size"];
    let name = |name: &str| json!({ "org.opencontainers.image.ref.name": name });
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let copied = json!({ "mediaType": media_type, "digest": made["digest"], "size": size, "annotations": name("good") });
    fs::remove_dir_all(scratch.path("store/tagwarden")).unwrap();
    fs::write(&path, json!({ "schemaVersion": 2, "manifests": [copied] }).to_string()).unwrap();
    let list = scratch.json(&["snapshot", "list"]).expect("passed");
    assert_eq!((&list["snapshots"][0]["digest"], &list["snapshots"][0]["captured"]), (&made["digest"], &Value::Null));
    let unlogged = scratch.json(&["snapshot", "verify", "--store", STORE]).expect("findings");
    finding(&unlogged, "snapshot/no-log");
    scratch.json(&["snapshot", "verify", &digest(&made)]).expect("passed");
    scratch.json(&["snapshot", "restore", "good", "--to", "../copy"]).expect("passed");
    // What another program named and did not write whole.
    let other = tagwarden::domain::Digest::of(b"theirs");
    let lost = json!({ "mediaType": media_type, "digest": other, "size": 6, "annotations": name("theirs") });
    let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    index["manifests"].as_array_mut().unwrap().push(lost);
    fs::write(&path, index.to_string()).unwrap();
    finding(&scratch.json(&["snapshot", "verify"]).expect("findings"), "snapshot/blob-missing");
}

/// The commands of the runbook, in its order, on a folder that was damaged.
#[test]
fn the_runbook_leads_back() {
    let page = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/protocol-docs/recovery.md")).unwrap();
    let scratch = Scratch::minimal_unadopted();
    scratch.edit("gates/protocol.yaml", "  local_dev:", "  production:");
    let protocol = scratch.read("gates/protocol.yaml");
    scratch.write("gates/protocol.yaml", format!("{protocol}snapshots: {{ store: ../store }}\n"));
    scratch.write("protocol-docs/promotion.md", scratch.read("protocol-docs/promotion.md").replace("local_dev", "production"));
    scratch.write("config/index.json", "good\n");
    scratch.commit("Keep snapshots");
    scratch.push();
    scratch.json(&["policy", "adopt", "--reason", "start"]).expect("moved");
    scratch.json(&["snapshot", "create", "config", "--tag", "good"]).expect("passed");
    scratch.write("config/index.json", "damaged\n");
    let mut previous = String::new();
    let mut ran = 0;
    for line in page.split("```sh\n").skip(1).flat_map(|block| block.split("```").next().unwrap().lines()) {
        let line = line.replace("SNAPSHOT", "good").replace("PREVIOUS", &previous);
        let words: Vec<String> = line
            .split('"')
            .enumerate()
            .flat_map(|(at, part)| match at % 2 {
                0 => part.split_whitespace().map(str::to_owned).collect(),
                _ => vec![part.to_owned()],
            })
            .collect();
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let answer = scratch.json(&words[1..]);
        assert!(words[0] == "tagwarden" && answer.code == 0, "{line}: {:#}", answer.value);
        if line.contains("restore good") {
            assert_eq!(scratch.read("config/index.json"), "good\n");
            previous = answer.value["previous"].as_str().unwrap().to_owned();
        }
        ran += 1;
    }
    assert_eq!((ran, scratch.read("config/index.json").as_str()), (10, "damaged\n"), "the last restore was the way back");
}
