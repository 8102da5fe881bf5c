//! `bundle` as its users have it: made of artifacts, signed by several, in force for a while, and one content for each version.

use crate::common::{
    Scratch, finding, findings,
    server::{Reply, Server},
    show::steady,
};
use insta::assert_snapshot;
use serde_json::{Value, json};
use std::fs;

const JANUARY: &str = "2027-01-01T00:00:00Z";
const FEBRUARY: &str = "2027-02-01T00:00:00Z";

/// An artifact of the rail `routing` and a page beside it; two people must sign. The files of their keys.
fn scratch() -> (Scratch, [String; 2]) {
    let scratch = Scratch::new();
    scratch.run(&["init", "--minimal"]).ok();
    let keys = ["ada", "bob"].map(|name| scratch.key(name).display().to_string());
    scratch.write("gates/allowed_signers", scratch.allowed_signers(&["ada", "bob"]));
    let protocol = scratch.read("gates/protocol.yaml").replace("key: none", "key: env:KEY");
    let kinds = "kinds:\n  route: { path: \"routes/{id}.json\", rail: routing }\n  page: { path: \"pages/{id}.json\", rail: none }\n";
    scratch.write("gates/protocol.yaml", format!("{protocol}snapshots: {{ store: ../store, signatures: 2 }}\n{kinds}"));
    scratch.write("gates/rails/routing/schema.json", "{ \"required\": [\"to\"] }\n");
    scratch.write("routes/a.json", "{ \"to\": 1 }\n");
    scratch.write("pages/x.json", "{}\n");
    scratch.commit("Add routes");
    (scratch, keys)
}

fn create(scratch: &Scratch, version: &str, more: &[&str]) -> crate::common::Answer {
    scratch.json(&[&["bundle", "create", "routes", "--rail", "routing", "--version", version], more].concat())
}

fn shown(text: &str) -> String {
    let short = regex::Regex::new(r"\b(?:[0-9a-f]{64}|[0-9a-f]{12})\b").unwrap();
    let stores = regex::Regex::new(r"\S*/store\b").unwrap();
    stores.replace_all(&short.replace_all(&steady(text), "[digest12]"), "[store]").into_owned()
}

#[test]
fn a_bundle_is_made_signed_verified_shown_and_compared() {
    let (scratch, [ada, bob]) = scratch();
    let make = ["bundle", "create", "routes", "--rail", "routing", "--version", "1.0.0", "--effective-to", JANUARY];
    assert_snapshot!(shown(&scratch.run(&make).all()), @r#"
    captured: [digest12] of bundle routing
      1 file, 12 B, event 1
      routing@1.0.0, not any more from 2027-01-01T00:00Z
      1 artifact validated

    done (passed). Have it signed: `tagwarden bundle sign NAME`.
    -- exit 0
    "#);
    let unsigned = scratch.json(&["bundle", "verify", "routing@1.0.0"]).expect("findings");
    assert!(finding(&unsigned, "snapshot/unsigned")["message"].as_str().unwrap().starts_with("0 of 2 people"));
    for (key, people) in [(&ada, 1), (&ada, 1), (&bob, 2)] {
        let signed = scratch.json(&["bundle", "sign", "routing@1.0.0", "--signing-key", key]).expect("passed");
        assert_eq!(signed["people"], people);
    }
    assert_snapshot!(shown(&scratch.run(&["bundle", "verify", "routing@1.0.0"]).all()), @r#"
    1 snapshot, 1 file, 12 B in [store]
      [digest12] signed by ada@example.com, bob@example.com
      [digest12] is routing@1.0.0, not any more from 2027-01-01T00:00Z, effective
      events: 5, head [digest]

    done (passed). Every byte is what its name says.
    -- exit 0
    "#);
    assert_snapshot!(shown(&scratch.run(&["bundle", "show", "routing@1.0.0"]).all()), @r#"
    bundle [digest]
      bundle     routing@1.0.0, not any more from 2027-01-01T00:00Z
      now        effective
      signed by  ada@example.com, bob@example.com
      captured   2026-11-21T10:00Z
      by         local:test@example.com
      source     bundle routing
      files      1
      bytes      12 B
      0644  12 B  [digest12]  a.json

    done (passed). Nothing was changed.
    -- exit 0
    "#);
    scratch.write("routes/a.json", "{ \"to\": 2 }\n");
    scratch.write("routes/b.json", "{ \"to\": 2 }\n");
    create(&scratch, "1.1.0", &[]).expect("passed");
    assert_snapshot!(shown(&scratch.run(&["bundle", "diff", "routing@1.0.0", "routing@1.1.0"]).all()), @r#"
    from [digest12] to [digest12]
      version         1.0.0                 1.1.0
      effective_to    2027-01-01T00:00Z  none
      changed a.json  [digest12]          [digest12]
      added b.json    none                  [digest12]

    stop (differences). Read the differences.
    -- exit 1
    "#);
    scratch.json(&["bundle", "diff", "routing@1.0.0", "routing@1.0.0"]).expect("passed");
    // The same store, the same log.
    scratch.json(&["snapshot", "restore", "routing@1.0.0", "--to", "../copy"]).expect("passed");
    assert_eq!(fs::read(scratch.path("copy/a.json")).unwrap(), b"{ \"to\": 1 }\n");
    let list = scratch.json(&["snapshot", "list"]).expect("passed");
    let versions: Vec<&Value> = list["snapshots"].as_array().unwrap().iter().map(|one| &one["bundle"]["version"]).collect();
    assert_eq!(versions, [&json!("1.0.0"), &json!("1.1.0")]);
    scratch.json(&["snapshot", "create", "pages", "--tag", "pages"]).expect("passed");
    assert_snapshot!(shown(&scratch.run(&["bundle", "list"]).all()), @r#"
    2 bundles in [store]
      [digest12]  2026-11-21T10:00Z  1 file   12 B  routing@1.0.0 (effective)
      [digest12]  2026-11-21T10:00Z  2 files  24 B  routing@1.1.0 (effective)

    done (passed). Nothing was changed.
    -- exit 0
    "#);
    // In a copy without a log the manifests say what they are.
    assert!(scratch.try_tool("", "cp", &["-r", "store", "theirs"]).0);
    fs::remove_dir_all(scratch.path("theirs/tagwarden")).unwrap();
    let mut index: Value = serde_json::from_str(&scratch.read("../theirs/index.json")).unwrap();
    index.as_object_mut().unwrap().remove("annotations");
    scratch.write("../theirs/index.json", index.to_string());
    let list = scratch.json(&["bundle", "list", "--store", "../theirs"]).expect("passed");
    let said = list["bundles"].as_array().unwrap().iter().map(|one| [&one["bundle"]["version"], &one["phase"], &one["captured"]]);
    let mut said: Vec<String> = said.map(|one| format!("{one:?}")).collect();
    said.sort();
    assert_eq!(said, ["1.0.0", "1.1.0"].map(|version| format!("{:?}", [&json!(version), &json!("effective"), &Value::Null])));
    let refused = scratch.refused(&["bundle", "show", "pages"], "bad_usage");
    assert!(refused["message"].as_str().unwrap().ends_with("is a snapshot, not a bundle"));
}

#[test]
fn a_version_is_one_content_for_ever() {
    let (scratch, _) = scratch();
    let first = create(&scratch, "1.0.0", &[]).expect("passed");
    assert_eq!(create(&scratch, "1.0.0", &[]).expect("nothing_to_do")["digest"], first["digest"]);
    // Other bytes, and the same bytes with another window.
    let refused = create(&scratch, "1.0.0", &["--effective-to", JANUARY]).expect("version_reused");
    assert!(refused["message"].as_str().unwrap().contains(first["digest"].as_str().unwrap()), "{refused:#}");
    for version in ["1.1.0", "1.2.0"] {
        scratch.write("routes/a.json", format!("{{ \"to\": \"{version}\" }}\n"));
        create(&scratch, "1.0.0", &[]).expect("version_reused");
        create(&scratch, version, &[]).expect("passed");
    }
    // Also when nothing of it is left.
    let pruned = scratch.json(&["snapshot", "prune", "--keep", "1"]).expect("passed");
    assert!(pruned["pruned"].as_array().unwrap().contains(&first["digest"]), "{pruned:#}");
    scratch.refused(&["bundle", "show", "routing@1.0.0"], "unknown_snapshot");
    create(&scratch, "1.0.0", &[]).expect("version_reused");
    scratch.write("routes/a.json", "{ \"to\": 1 }\n");
    assert_eq!(create(&scratch, "1.0.0", &[]).expect("passed")["digest"], first["digest"]);
}

#[test]
fn a_window_is_judged_by_the_clock_and_overlaps_are_told() {
    let (mut scratch, _) = scratch();
    let protocol = scratch.read("gates/protocol.yaml").replace(", signatures: 2", "");
    scratch.write("gates/protocol.yaml", protocol);
    create(&scratch, "1", &["--effective-from", JANUARY, "--effective-to", FEBRUARY]).expect("passed");
    let after = create(&scratch, "2", &["--effective-from", FEBRUARY]).expect("passed");
    assert!(findings(&after).is_empty(), "{after:#}");
    let both = create(&scratch, "3", &["--effective-from", "2027-01-31T00:00:00Z"]).expect("passed");
    let said: Vec<&str> = findings(&both).iter().filter_map(|finding| finding["message"].as_str()).collect();
    assert_eq!(said, ["routing@3 and routing@1 are in force at the same time", "routing@3 and routing@2 are in force at the same time"]);
    let never = create(&scratch, "4", &["--effective-from", FEBRUARY, "--effective-to", JANUARY]).expect("bad_usage");
    assert!(never["message"].as_str().unwrap().contains("never open"));
    for (now, reason, code) in [
        ("2026-12-31T23:59:00Z", "passed", "bundle/scheduled"),
        ("2027-01-01T00:00:00Z", "passed", ""),
        ("2027-02-01T00:00:00Z", "findings", "bundle/expired"),
    ] {
        scratch.at(now);
        let answer = scratch.json(&["bundle", "verify", "routing@1"]).expect(reason);
        let found: Vec<&str> = findings(&answer).iter().filter_map(|finding| finding["code"].as_str()).collect();
        assert_eq!(found, Vec::from_iter(Some(code).filter(|code| !code.is_empty())), "{now}");
        // A whole store has old ones.
        scratch.json(&["snapshot", "verify"]).expect("passed");
    }
}

#[test]
fn what_its_rail_does_not_take_is_not_bundled() {
    let (scratch, _) = scratch();
    let bundle = |more: &[&str]| scratch.json(&[&["bundle", "create"], more, &["--version", "1"]].concat());
    let unknown = bundle(&["routes", "--rail", "rooting"]).expect("bad_usage");
    assert_eq!((&unknown["message"], &unknown["help"]), (&json!("there is no rail `rooting`"), &json!("rails of gates/rails: routing")));
    bundle(&["pages", "--rail", "routing"]).expect("nothing_to_check");
    bundle(&["routes", "--rail", "../routing"]).expect("bad_usage");
    bundle(&["routes", "pages", "--rail", "routing"]).expect("passed");
    scratch.write("routes/b.json", "{}\n");
    let wrong = bundle(&["routes", "--rail", "routing"]).expect("findings");
    assert_eq!(finding(&wrong, "catalog/schema")["file"], "routes/b.json");
    fs::create_dir(scratch.path("elsewhere")).unwrap();
    fs::write(scratch.path("elsewhere/a.json"), "{ \"to\": 1 }\n").unwrap();
    bundle(&["../elsewhere", "--rail", "routing"]).expect("bad_usage");
}

/// Another program can name anything; the log says what a version is.
#[test]
fn another_bundle_under_a_known_version_is_found() {
    let (scratch, _) = scratch();
    let protocol = scratch.read("gates/protocol.yaml").replace(", signatures: 2", "");
    scratch.write("gates/protocol.yaml", protocol);
    let made = create(&scratch, "1", &[]).expect("passed");
    let blobs = scratch.path("store/blobs/sha256");
    let theirs = fs::read_to_string(blobs.join(made["digest"].as_str().unwrap().trim_start_matches("sha256:"))).unwrap();
    let theirs = theirs.replace("\"a.json\"", "\"z.json\"");
    let digest = tagwarden::domain::Digest::of(theirs.as_bytes());
    fs::write(blobs.join(digest.hex()), &theirs).unwrap();
    let path = scratch.path("store/index.json");
    let mut index: Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    let mut entry = index["manifests"][0].clone();
    entry["digest"] = json!(digest);
    index["manifests"].as_array_mut().unwrap().push(entry);
    fs::write(&path, index.to_string()).unwrap();
    for words in [&["snapshot", "verify"][..], &["bundle", "verify", &digest.hex()[..12]]] {
        finding(&scratch.json(words).expect("findings"), "bundle/version-reused");
    }
    scratch.json(&["bundle", "verify", "routing@1"]).expect("passed");
}

/// The gate and hooks of a channel, adopted; the routes are released as v1.0.0.
fn released(hooks: &str) -> Scratch {
    let scratch = Scratch::minimal_unadopted();
    scratch.key("ada");
    scratch.write("gates/allowed_signers", scratch.allowed_signers(&["ada"]));
    let kinds = "kinds:\n  route: { path: \"routes/{id}.json\", rail: routing }\n";
    let protocol = scratch.read("gates/protocol.yaml");
    scratch.write("gates/protocol.yaml", format!("{protocol}snapshots: {{ store: ../store }}\n{kinds}{hooks}"));
    scratch.write("gates/rails/routing/schema.json", "{ \"required\": [\"to\"] }\n");
    let gate = "title: The bundle is signed and in force\nbundle: { name: \"routing@{version}\", rail: routing }\n";
    scratch.write("gates/20-bundle.yaml", gate);
    scratch.write("gates/reload.sh", "#!/bin/sh\necho \"$1 $TAGWARDEN_SERIAL $TAGWARDEN_KEYS\" >>\"$LOG\"\n");
    scratch.write("routes/a.json", "{ \"to\": 1 }\n");
    let heading = "## Gate 2 — The bundle is signed and in force\n\n## Promoting";
    scratch.edit("protocol-docs/promotion.md", "## Promoting", heading);
    scratch.commit("Add routes");
    scratch.push();
    scratch.json(&["policy", "adopt", "--reason", "start"]).expect("moved");
    scratch
}

fn promote(scratch: &Scratch, more: &[&str]) -> crate::common::Answer {
    scratch.json(&[&["promote", "v1.0.0", "--channel", "local_dev"], more].concat())
}

fn codes(answer: &Value) -> Vec<&str> {
    let gates = answer["run"]["gates"].as_array().unwrap();
    let gates = gates.iter().filter(|gate| gate["id"] == "bundle");
    gates.flat_map(|gate| findings(gate)).filter_map(|finding| finding["code"].as_str()).collect()
}

#[test]
fn a_channel_moves_only_with_a_bundle_that_is_whole_signed_and_in_force() {
    let mut scratch = released("");
    let absent = promote(&scratch, &[]).expect("gate_inconclusive");
    assert_eq!(codes(&absent), ["bundle/unreadable"], "there is no store");
    create(&scratch, "0.9.0", &[]).expect("passed");
    assert_eq!(codes(&promote(&scratch, &[]).expect("gate_failed")), ["bundle/absent"]);
    create(&scratch, "1.0.0", &["--effective-from", JANUARY, "--effective-to", FEBRUARY]).expect("passed");
    assert_eq!(codes(&promote(&scratch, &[]).expect("gate_failed")), ["bundle/unsigned", "bundle/scheduled"]);
    let key = scratch.path("keys/ada").display().to_string();
    scratch.json(&["bundle", "sign", "routing@1.0.0", "--signing-key", &key]).expect("passed");
    let early = scratch.run(&["promote", "v1.0.0", "--channel", "local_dev"]).all();
    assert_snapshot!(shown(&early), @r#"
    promote app@1.0.0 to local_dev
      nothing moved

    gates before the move
      ✓   1  docs    The protocol document holds        [time]
      ✗   2  bundle  The bundle is signed and in force  [time] gate_failed

    gate 1, docs: passed
    note[docs/unchecked]: protocol-docs/promotion.md: 4 references are not checked: a program outside of the tree

    gate 2, bundle: gate_failed
    error[bundle/scheduled]: routing@1.0.0 is not in force before 2027-01-01T00:00Z
      help: wait, or move it before its time: `tagwarden promote --scheduled`
    note: app@1.0.0 is new, at [oid]
    signing: none

    stop (gate_failed). Read the finding, mend its cause, run `tagwarden verify --channel local_dev --at COMMIT`.
    -- exit 1
    "#);
    scratch.at(FEBRUARY);
    assert_eq!(codes(&promote(&scratch, &["--scheduled"]).expect("gate_failed")), ["bundle/expired"]);
    scratch.at("2026-12-01T00:00:00Z");
    // A bit of its bytes.
    let blob = scratch.path("store/blobs/sha256").join(tagwarden::domain::Digest::of(b"{ \"to\": 1 }\n").hex());
    fs::write(&blob, "{ \"to\": 2 }\n").unwrap();
    assert_eq!(codes(&promote(&scratch, &["--scheduled"]).expect("gate_failed"))[0], "snapshot/other-bytes");
    fs::write(&blob, "{ \"to\": 1 }\n").unwrap();
    let moved = promote(&scratch, &["--scheduled"]).expect("moved");
    assert_eq!(codes(&moved), ["bundle/scheduled"], "as a note");
    // The evidence says that it was meant, so judged again it gives the same.
    let audit = scratch.json(&["audit", "--rejudge", "all"]).expect("passed");
    assert!(findings(&audit).is_empty(), "{audit:#}");
    // A store whose log is not whole proves nothing.
    fs::write(scratch.path("store/tagwarden/log"), "").unwrap();
    let unknown = scratch.json(&["verify", "--channel", "local_dev", "--at", "HEAD", "--adopted"]).expect("gate_inconclusive");
    assert!(unknown.to_string().contains("the log of the store does not verify"), "{unknown:#}");
}

/// A hook is reported and never undoes a move; `follow` calls it again.
#[test]
fn hooks_are_called_after_a_move_with_what_moved() {
    let server = Server::start();
    let hooks = format!(
        "hooks:\n  after_move:\n    - {{ name: cdn, post: \"{}/purge\", headers: {{ authorization: \"Bearer {{env.CDN_TOKEN}}\" }}, \
         keys: [\"routes/{{channel}}\", \"v{{version}}\"] }}\n    - {{ name: workers, run: [sh, ./reload.sh, \"{{channel}}\"], env: [LOG], \
         keys: [all] }}\n    - {{ name: elsewhere, run: [\"false\"], channels: [other] }}\n",
        server.url()
    );
    let mut scratch = released(&hooks.replace(", channels: [other]", ""));
    scratch.set("CDN_TOKEN", "canary-cdn-token-value");
    let log = scratch.path("hooks.log").display().to_string();
    scratch.set("LOG", &log);
    create(&scratch, "1.0.0", &[]).expect("passed");
    let key = scratch.path("keys/ada").display().to_string();
    scratch.json(&["bundle", "sign", "routing@1.0.0", "--signing-key", &key]).expect("passed");
    server.set("/purge", Reply::json("{}"));
    let planned = scratch.run(&["promote", "v1.0.0", "--channel", "local_dev", "--dry-run"]);
    assert_snapshot!(shown(&planned.all()).split_once("would be called").unwrap().1, @r#"
     after the move
      cdn        routes/local_dev, v1.0.0
      workers    all
      elsewhere
    note: a dry run judges no gate; these would decide: 1 docs, 2 bundle
    note: app@1.0.0 is new, at [oid]
    signing: none

    continue (passed). Run it again without `--dry-run`.
    -- exit 0
    "#);
    let planned = scratch.json(&["promote", "v1.0.0", "--channel", "local_dev", "--dry-run"]).expect("passed");
    assert_eq!(planned["hooks"][0], json!({ "name": "cdn", "keys": ["routes/local_dev", "v1.0.0"], "taken": null, "detail": "" }));
    assert!(server.log().is_empty() && !std::path::Path::new(&log).exists(), "a dry run calls nobody");
    let moved = scratch.run(&["promote", "v1.0.0", "--channel", "local_dev"]);
    assert!(!format!("{moved:?}").contains("canary"), "a secret is in the report");
    assert_snapshot!(shown(&moved.all()).split_once("called after").unwrap().1, @r#"
     the move
      taken   cdn        status 200   routes/local_dev, v1.0.0
      taken   workers    exit code 0  all
      failed  elsewhere  exit code 1

    gate 1, docs: passed
    note[docs/unchecked]: protocol-docs/promotion.md: 4 references are not checked: a program outside of the tree
    note: app@1.0.0 is new, at [oid]
    signing: none

    done (followers_failed). Repeat the notification; the move stands.
    -- exit 0
    "#);
    let asked = server.log();
    let [request] = &asked[..] else { panic!("{} requests", asked.len()) };
    assert_eq!(request.header("authorization").as_deref(), Some("Bearer canary-cdn-token-value"));
    let body: Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(
        (&body["schema"], &body["channel"], &body["keys"], &body["verb"]),
        (&json!("tagwarden.moved/1"), &json!("local_dev"), &json!(["routes/local_dev", "v1.0.0"]), &json!("promote"))
    );
    assert_eq!(fs::read_to_string(&log).unwrap(), "local_dev 1 all\n");
    server.set("/purge", Reply::status(500, "{}"));
    let again = scratch.json(&["follow"]).expect("followers_failed");
    let said: Vec<&str> = again["notices"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    assert_eq!(&said[..3], ["hook cdn: failed, status 500", "hook workers: exit code 0", "hook elsewhere: failed, exit code 1"]);
    assert_eq!(fs::read_to_string(&log).unwrap().lines().count(), 2);
    scratch.json(&["verify", "--channel", "local_dev", "--at", "HEAD", "--adopted"]).expect("passed");
    assert_eq!(server.log().len(), 2, "a verification calls nobody");
}
