//! From a promotion to a reader's query, and back: `sync` on a store in a file, read as any other program would read it.

use crate::common::{Scratch, findings, show::steady};
use insta::assert_snapshot;
use rusqlite::{Connection, params};
use serde_json::Value;
use std::collections::BTreeSet;

pub const PROTOCOL: &str = r#"version: 1
packages: { shop: { release_tag: "v{version}" } }
release_branches: [main]
channels: { staging: { tag: "channel/{channel}" }, production: { tag: "channel/{channel}" } }
signing: { key: none }
release_tags: any
kinds:
  product: { path: "products/**/{id}.md" }
sync:
  store: "env:LIVE"
  kinds: { product: { identity: /name, generation: /spec } }
  retain: 1
"#;
const GATE: &str = "title: It may go\ncommand: [ { run: [\"true\"] } ]\n";
const SCHEMA: &str = r#"{ "required": ["name", "spec"], "properties": { "spec": { "properties": { "title": { "maxLength": 20 } } } } }"#;
const RULES: &str = r#"rules:
  - id: no-status
    find: 'select(has("status")) | {message: "status is written by the system", at: "/status"}'
  - id: parent
    refs: { each: '.spec | select(.parent) | .parent', to: [{ artifact: "product:{value}" }], acyclic: true }
"#;

pub fn product(name: &str, title: &str) -> String {
    format!("---\nname: {name}\nspec:\n  title: {title}\n---\n# {title}\n")
}

/// A shop with a chair and a lamp, adopted; nothing is released.
pub fn shop(protocol: &str) -> Scratch {
    let mut scratch = Scratch::new();
    let live = format!("sqlite:{}", scratch.path("live.db").display());
    scratch.set("LIVE", &live);
    for (path, text) in [
        ("gates/protocol.yaml", protocol.to_owned()),
        ("gates/10-open.yaml", GATE.to_owned()),
        ("gates/rails/product/schema.json", SCHEMA.to_owned()),
        ("gates/rails/product/lint.yaml", RULES.to_owned()),
        ("products/chair.md", product("chair", "Chair")),
        ("products/README.md", "# For people\n".to_owned()),
        ("products/light/lamp.md", product("lamp", "Lamp")),
    ] {
        scratch.write(path, text);
    }
    scratch.commit("Add the shop");
    scratch.push();
    scratch.json(&["policy", "adopt", "--reason", "start"]).expect("moved");
    scratch
}

/// Commits and promotes a version.
pub fn release(scratch: &Scratch, version: &str) {
    scratch.commit(version);
    scratch.push();
    scratch.json(&["stage", &format!("shop@{version}"), "--at", "HEAD"]).expect("moved");
    promote(scratch, version);
}

fn promote(scratch: &Scratch, version: &str) {
    scratch.json(&["promote", &format!("shop@{version}"), "--channel", "production"]).expect("moved");
}

fn once(scratch: &Scratch, reason: &str) -> Value {
    scratch.json(&["sync", "once"]).expect(reason)
}

/// A store with version 1.0.0 live.
fn synced(protocol: &str) -> Scratch {
    let scratch = shop(protocol);
    scratch.json(&["sync", "init"]).expect("passed");
    release(&scratch, "1.0.0");
    once(&scratch, "published");
    scratch
}

fn reader(scratch: &Scratch) -> Connection {
    Connection::open(scratch.path("live.db")).unwrap()
}

/// What one request of a reader sees: the pinned snapshot, a row a line.
pub fn seen(scratch: &Scratch) -> String {
    let reader = reader(scratch);
    let pinned: Option<i64> = reader.query_row("SELECT snapshot FROM pointer WHERE name = 'live'", [], |row| row.get(0)).unwrap();
    rows_of(&reader, pinned.unwrap_or_default())
}

fn rows_of(reader: &Connection, snapshot: i64) -> String {
    let columns = "identity, generation, path, json_extract(body, '$.front_matter.spec.title')";
    let query = &format!("SELECT {columns} FROM pinned WHERE snapshot = ?1 ORDER BY identity");
    let mut query = reader.prepare(query).unwrap();
    let text = |row: &rusqlite::Row| {
        Ok(format!("{} {} {} {}", row.get::<_, String>(0)?, row.get::<_, i64>(1)?, row.get::<_, String>(2)?, row.get::<_, String>(3)?))
    };
    let rows: Vec<String> = query.query_map([snapshot], text).unwrap().map(Result::unwrap).collect();
    rows.join("\n")
}

pub fn count(scratch: &Scratch, query: &str) -> i64 {
    reader(scratch).query_row(query, [], |row| row.get(0)).unwrap()
}

fn uid(scratch: &Scratch, identity: &str) -> String {
    reader(scratch).query_row("SELECT uid FROM live WHERE kind = 'product' AND identity = ?1", [identity], |row| row.get(0)).unwrap()
}

/// Type, status and reason of the conditions.
fn conditions(answer: &Value) -> Vec<String> {
    let condition = |one: &Value| ["type", "status", "reason"].map(|key| one[key].as_str().unwrap().to_owned()).join(" ");
    answer["conditions"].as_array().unwrap().iter().map(condition).collect()
}

/// Everything in the store but leases.
fn everything(scratch: &Scratch) -> String {
    let reader = reader(scratch);
    let mut all = String::new();
    for table in ["artifacts", "bodies", "snapshots", "publications", "attempts"] {
        let mut query = reader.prepare(&format!("SELECT * FROM {table} ORDER BY 1, 2")).unwrap();
        let columns = query.column_count();
        let mut rows = query.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cells: Vec<String> = (0..columns).map(|column| format!("{:?}", row.get_ref(column).unwrap())).collect();
            all.push_str(&format!("{table} {}\n", cells.join(" ")));
        }
    }
    all
}

#[test]
fn from_a_promotion_to_a_readers_query() {
    let scratch = shop(PROTOCOL);
    let missing = scratch.json(&["sync", "once"]).expect("no_store");
    assert_eq!(missing["help"], "`tagwarden sync init` makes it.");
    assert_snapshot!(steady(&scratch.run(&["sync", "init"]).ok()), @r"
    sqlite:[scratch]/live.db for production
      live    nothing yet
      Ready      False  NothingLive      nothing was published yet
      Published  False  NothingReleased  nothing was promoted to production yet
    signing: none

    done (passed). Bring the release there: `tagwarden sync once`.
    ");
    scratch.json(&["sync", "init"]).expect("nothing_to_do");
    once(&scratch, "nothing_to_do");

    release(&scratch, "1.0.0");
    assert_eq!(conditions(&scratch.json(&["sync", "status"]).expect("passed")), ["Ready False NothingLive", "Published False Behind"]);
    assert_snapshot!(steady(&scratch.run(&["sync", "once"]).ok()), @r"
    sqlite:[scratch]/live.db for production
      live    shop@1.0.0 at [short]  snapshot 1 (2 product)  entry 2  since 2026-11-21T10:00Z
      rows    2 written, 0 ended, 0 kept
      Ready      True  Live      snapshot 1 of shop@1.0.0: 2 rows
      Published  True  UpToDate  readers see shop@1.0.0 at [short] (entry 2) since 2026-11-21T10:00Z
    signing: none

    done (published). See it: `tagwarden sync status`.
    ");
    assert_snapshot!(seen(&scratch), @r"
    chair 1 products/chair.md Chair
    lamp 1 products/light/lamp.md Lamp
    ");

    // The same again writes nothing.
    let before = everything(&scratch);
    let again = once(&scratch, "nothing_to_do");
    assert_eq!(conditions(&again), ["Ready True Live", "Published True UpToDate"]);
    assert_eq!(everything(&scratch), before);

    // A promotion that fails changes nothing.
    scratch.write("products/chair.md", product("chair", "Armchair"));
    scratch.commit("2");
    scratch.push();
    scratch.json(&["stage", "shop@1.1.0", "--at", "HEAD"]).expect("moved");
    scratch.json(&["hold", "--release", "shop@1.1.0", "--reason", "wait"]).expect("moved");
    scratch.json(&["promote", "shop@1.1.0", "--channel", "production"]).expect("held");
    once(&scratch, "nothing_to_do");
    assert_eq!(everything(&scratch), before);
    scratch.json(&["unhold", "--release", "shop@1.1.0", "--reason", "go"]).expect("moved");
    promote(&scratch, "1.1.0");
    let published = once(&scratch, "published");
    for promised in ["/store", "/channel", "/live/snapshot", "/live/release", "/live/commit", "/conditions/1/message", "/rows/kept"] {
        assert!(published.pointer(promised).is_some_and(|value| !value.is_null()), "{promised}: {published:#}");
    }
    assert_eq!(published["schema"], "tagwarden.sync/1");
    assert_eq!(published["rows"], serde_json::json!({ "written": 1, "ended": 1, "kept": 1 }));
    assert_snapshot!(seen(&scratch), @r"
    chair 2 products/chair.md Armchair
    lamp 1 products/light/lamp.md Lamp
    ");
}

#[test]
fn a_release_that_is_not_valid_is_rejected_with_its_place_and_readers_see_the_old_one() {
    let scratch = synced(PROTOCOL);
    let before = (seen(&scratch), count(&scratch, "SELECT count(*) FROM artifacts"), count(&scratch, "SELECT count(*) FROM bodies"));
    scratch.write("products/chair.md", product("chair", "A chair of far too many words"));
    scratch.write("products/light/lamp.md", "---\nname: lamp\nspec: { title: Lamp }\nstatus: { ready: true }\n---\n");
    release(&scratch, "1.1.0");
    assert_snapshot!(steady(&scratch.run(&["sync", "once"]).all()), @r"
    sqlite:[scratch]/live.db for production
      live    shop@1.0.0 at [short]  snapshot 1 (2 product)  entry 2  since 2026-11-21T10:00Z
      Ready      True   Live      snapshot 1 of shop@1.0.0: 2 rows
      Published  False  Rejected  shop@1.1.0 at [short] (entry 4) was rejected at 2026-11-21T10:00Z with 2 findings: products/chair.md:4: product/maxLength: the value is longer than 20 characters; readers see shop@1.0.0 at [short] (entry 2) since 2026-11-21T10:00Z

    error[catalog/schema]: product/maxLength: the value is longer than 20 characters
     --> products/chair.md:4:10
      |
    4 |   title: A chair of far too many words
      |          ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
      |
      = note: at /spec/title

    error[catalog/lint]: product/no-status: status is written by the system
     --> products/light/lamp.md:4:9
      |
    4 | status: { ready: true }
      |         ^
      |
      = note: at /status
    signing: none

    stop (findings). Readers see what they saw before. Fix the findings and release again.
    -- exit 1
    ");
    let after = (seen(&scratch), count(&scratch, "SELECT count(*) FROM artifacts"), count(&scratch, "SELECT count(*) FROM bodies"));
    assert_eq!(after, before);
    let status = scratch.json(&["sync", "status"]).expect("findings");
    assert_eq!(conditions(&status), ["Ready True Live", "Published False Rejected"]);
    assert_eq!(findings(&status)[0]["code"], "sync/rejected");
    assert_snapshot!(steady(status["conditions"][1]["message"].as_str().unwrap()), @r"shop@1.1.0 at [short] (entry 4) was rejected at 2026-11-21T10:00Z with 2 findings: products/chair.md:4: product/maxLength: the value is longer than 20 characters; readers see shop@1.0.0 at [short] (entry 2) since 2026-11-21T10:00Z");

    // It is tried again whenever somebody asks, and what is mended is published.
    once(&scratch, "findings");
    scratch.write("products/chair.md", product("chair", "Stool"));
    scratch.write("products/light/lamp.md", product("lamp", "Lamp"));
    release(&scratch, "1.2.0");
    assert_eq!(conditions(&once(&scratch, "published")), ["Ready True Live", "Published True UpToDate"]);
}

#[test]
fn a_rollback_and_a_new_tag_on_an_old_commit_only_move_the_pointer() {
    let scratch = synced(PROTOCOL);
    let first = scratch.json(&["sync", "status"]).expect("passed")["live"].clone();
    let old = (seen(&scratch), scratch.git(&["rev-parse", "HEAD"]));
    scratch.write("products/chair.md", product("chair", "Armchair"));
    release(&scratch, "1.1.0");
    let second = once(&scratch, "published")["live"].clone();
    let written = count(&scratch, "SELECT count(*) FROM artifacts");

    scratch.json(&["rollback", "--channel", "production", "--reason", "wrong title"]).expect("moved");
    let back = once(&scratch, "published");
    assert_eq!((&back["rows"], &back["live"]["number"], &back["live"]["snapshot"]), (&Value::Null, &first["number"], &first["snapshot"]));
    assert_eq!(seen(&scratch), old.0);

    scratch.git(&["checkout", "--quiet", "--detach", &old.1]);
    scratch.json(&["stage", "shop@1.2.0", "--at", &old.1]).expect("moved");
    promote(&scratch, "1.2.0");
    let forward = once(&scratch, "published");
    assert_eq!((&forward["live"]["release"], &forward["live"]["number"]), (&"shop@1.2.0".into(), &first["number"]));
    assert!(forward["live"]["serial"].as_u64() > back["live"]["serial"].as_u64());

    // Another commit with the same files is the same snapshot, too.
    scratch.git(&["checkout", "--quiet", "main"]);
    scratch.write("products/chair.md", product("chair", "Chair"));
    scratch.write("words.txt", "beside the catalog");
    release(&scratch, "1.3.0");
    let same = once(&scratch, "published");
    assert_eq!((&same["rows"], &same["live"]["snapshot"]), (&Value::Null, &first["snapshot"]));
    assert_ne!(same["live"]["snapshot"], second["snapshot"]);
    assert_eq!(count(&scratch, "SELECT count(*) FROM artifacts"), written);
}

#[test]
fn uid_and_generation_follow_the_identity() {
    let scratch = synced(PROTOCOL);
    let (chair, lamp) = (uid(&scratch, "chair"), uid(&scratch, "lamp"));
    assert_ne!(chair, lamp);

    // A file that moves, and a key beside `spec`, are no new generation; `spec` and the text are.
    scratch.git(&["mv", "products/chair.md", "products/seat.md"]);
    scratch.write("products/light/lamp.md", product("lamp", "Lamp").replace("spec:", "labels: [new]\nspec:"));
    release(&scratch, "1.1.0");
    once(&scratch, "published");
    assert_snapshot!(seen(&scratch), @r"
    chair 1 products/seat.md Chair
    lamp 1 products/light/lamp.md Lamp
    ");
    scratch.write("products/light/lamp.md", product("lamp", "Lamp").replace("# Lamp", "# A lamp"));
    scratch.write("products/seat.md", product("chair", "Armchair"));
    release(&scratch, "1.2.0");
    once(&scratch, "published");
    assert_snapshot!(seen(&scratch), @r"
    chair 2 products/seat.md Armchair
    lamp 2 products/light/lamp.md Lamp
    ");
    assert_eq!((uid(&scratch, "chair"), uid(&scratch, "lamp")), (chair.clone(), lamp.clone()));

    // Gone and back: another.
    scratch.git(&["rm", "--quiet", "products/seat.md"]);
    release(&scratch, "1.3.0");
    once(&scratch, "published");
    scratch.write("products/seat.md", product("chair", "Seat"));
    release(&scratch, "1.4.0");
    once(&scratch, "published");
    assert_ne!(uid(&scratch, "chair"), chair);
    assert_eq!(uid(&scratch, "lamp"), lamp);
}

#[test]
fn identities_that_are_missing_or_there_twice_reject_a_release() {
    let scratch = synced(PROTOCOL);
    let old = seen(&scratch);
    scratch.write("products/stool.md", product("chair", "Stool"));
    release(&scratch, "1.1.0");
    let answer = once(&scratch, "findings");
    let twice = findings(&answer)[0].clone();
    assert_eq!((&twice["code"], &twice["file"]), (&"sync/duplicate-identity".into(), &"products/stool.md".into()));
    assert_eq!(twice["message"], "products/chair.md and products/stool.md are both `product` `chair`");

    scratch.write("products/stool.md", "---\nname: ''\nspec: { title: Stool }\n---\n");
    release(&scratch, "1.2.0");
    let answer = once(&scratch, "findings");
    let nameless = findings(&answer)[0].clone();
    assert_eq!((&nameless["code"], &nameless["line"], &nameless["pointer"]), (&"sync/no-identity".into(), &2.into(), &"/name".into()));
    assert_eq!(seen(&scratch), old);
}

#[test]
fn references_that_lead_nowhere_stop_a_release_unless_the_policy_says_otherwise() {
    for (orphans, reason, severity) in [("refuse", "findings", "error"), ("publish", "published", "warning")] {
        let scratch = synced(&PROTOCOL.replace("retain: 1", &format!("orphans: {orphans}")));
        scratch.write("products/stool.md", "---\nname: stool\nspec: { title: Stool, parent: bench }\n---\n");
        release(&scratch, "1.1.0");
        let answer = once(&scratch, reason);
        let found = &findings(&answer)[0];
        assert_eq!((&found["code"], &found["severity"]), (&"catalog/dangling-reference".into(), &severity.into()), "{answer:#}");
        assert_eq!((&found["file"], &found["line"]), (&"products/stool.md".into(), &3.into()));
    }
}

#[test]
fn a_tag_that_moved_or_is_gone_publishes_nothing() {
    let scratch = synced(PROTOCOL);
    let old = seen(&scratch);
    let first = scratch.git(&["rev-parse", "HEAD"]);
    scratch.write("products/chair.md", product("chair", "Armchair"));
    release(&scratch, "1.1.0");
    let recorded = scratch.git_in("origin.git", &["rev-parse", "channel/production"]);
    for act in [vec!["update-ref", "refs/tags/channel/production", &first], vec!["update-ref", "-d", "refs/tags/channel/production"]] {
        scratch.git_in("origin.git", &act);
        once(&scratch, "half_state");
        let status = scratch.json(&["sync", "status"]).expect("findings");
        assert_eq!(conditions(&status), ["Ready True Live", "Published False TagMoved"]);
        assert_eq!(seen(&scratch), old);
    }
    scratch.git_in("origin.git", &["update-ref", "refs/tags/channel/production", &recorded]);
    once(&scratch, "published");
    // What is live stays live, and the tag is told.
    scratch.git_in("origin.git", &["update-ref", "-d", "refs/tags/channel/production"]);
    let told = once(&scratch, "nothing_to_do");
    assert_eq!(findings(&told)[0]["code"], "status/tag-missing");
}

#[test]
fn a_store_of_something_else_is_left_as_it_is() {
    let mut scratch = shop(PROTOCOL);
    let foreign = scratch.path("foreign.db");
    Connection::open(&foreign).unwrap().execute_batch("CREATE TABLE mine (x); INSERT INTO mine VALUES (1)").unwrap();
    let bytes = std::fs::read(&foreign).unwrap();
    scratch.set("LIVE", &format!("sqlite:{}", foreign.display()));
    for verb in ["init", "once", "status", "audit", "repair"] {
        scratch.json(&["sync", verb]).expect("foreign_store");
    }
    assert_eq!(std::fs::read(&foreign).unwrap(), bytes);
    std::fs::write(scratch.path("text.db"), "no database, and longer than a header of one would have to be").unwrap();
    scratch.set("LIVE", &format!("sqlite:{}", scratch.path("text.db").display()));
    scratch.json(&["sync", "init"]).expect("foreign_store");

    let live = format!("sqlite:{}", scratch.path("live.db").display());
    scratch.set("LIVE", &live);
    scratch.json(&["sync", "init"]).expect("passed");
    // Of another ledger, then of another channel.
    let other = shop(&PROTOCOL.replace("retain: 1", "retain: 2"));
    for (around, said) in [(&other, "another ledger"), (&scratch, "channel other")] {
        let answer = around.json_with(&["sync", "once"], &[("LIVE", &live)]).expect("foreign_store");
        assert!(answer["message"].as_str().unwrap().contains(said), "{answer}");
        reader(&scratch).execute("UPDATE source SET channel = 'other'", []).unwrap();
    }
    reader(&scratch).pragma_update(None, "user_version", 2).unwrap();
    let older = scratch.json(&["sync", "once"]).expect("foreign_store");
    assert!(older["message"].as_str().unwrap().contains("older program") && !older["help"].is_null(), "{older}");
    reader(&scratch).pragma_update(None, "user_version", 4).unwrap();
    let newer = scratch.json(&["sync", "init"]).expect("foreign_store");
    assert!(newer["message"].as_str().unwrap().contains("newer program"), "{newer}");
}

#[test]
fn the_variable_of_a_store_is_never_repeated() {
    let mut scratch = shop(PROTOCOL);
    scratch.set("LIVE", "mysql://me:hunter2@example.com/live");
    let answer = scratch.json(&["sync", "init"]).expect("bad_usage");
    assert!(!answer.to_string().contains("hunter2"), "{answer}");
    scratch.unset("LIVE");
    let answer = scratch.json(&["sync", "init"]).expect("bad_usage");
    assert!(answer["message"].as_str().unwrap().contains("LIVE"), "{answer}");
}

#[test]
fn old_snapshots_are_kept_for_readers_then_removed() {
    let mut scratch = synced(&PROTOCOL.replace("retain: 1", "retain: 0"));
    let reader = reader(&scratch);
    let first = rows_of(&reader, 1);
    for (version, title) in [("1.1.0", "Armchair"), ("1.2.0", "Stool"), ("1.3.0", "Bench")] {
        scratch.write("products/chair.md", product("chair", title));
        release(&scratch, version);
        once(&scratch, "published");
    }
    // Whoever pinned the first one minutes ago still sees all of it.
    assert_eq!(rows_of(&reader, 1), first);
    scratch.at("2026-11-21T10:20:00Z");
    once(&scratch, "nothing_to_do");
    // The live one, and the one that a rollback goes to.
    let numbers: Vec<i64> = (1..=4).filter(|number| !rows_of(&reader, *number).is_empty()).collect();
    assert_eq!(numbers, [3, 4]);
    assert_eq!(count(&scratch, "SELECT count(*) FROM artifacts"), 3, "one lamp, two chairs");
    assert_eq!(count(&scratch, "SELECT count(*) FROM bodies"), 3);
    scratch.json(&["sync", "audit"]).expect("passed");
}

/// Each damage is found by its code, planned, repaired, and then gone; and readers see no part of the repair.
#[test]
fn damage_is_found_planned_and_repaired() {
    let scratch = synced(PROTOCOL);
    let right = seen(&scratch);
    scratch.json(&["sync", "audit"]).expect("passed");
    scratch.json(&["sync", "repair"]).expect("nothing_to_do");
    let open = i64::MAX;
    let number = "(SELECT max(number) FROM snapshots)";
    for (damage, codes) in [
        ("DELETE FROM artifacts WHERE identity = 'lamp'".to_owned(), vec!["sync/missing", "sync/dangling"]),
        (
            format!(
                "INSERT INTO artifacts SELECT kind, 'ghost', {number}, {open}, bucket, 'x', 1, NULL, path, digest, counted FROM live_rows"
            ),
            vec!["sync/dangling"],
        ),
        ("UPDATE artifacts SET path = 'elsewhere.md' WHERE identity = 'chair'".to_owned(), vec!["sync/stale"]),
        ("UPDATE artifacts SET bucket = (bucket + 1) % 4096 WHERE identity = 'chair'".to_owned(), vec!["sync/stale"]),
        ("UPDATE bodies SET body = '{}' WHERE body LIKE '%Chair%'".to_owned(), vec!["sync/stale"]),
        ("DELETE FROM bodies WHERE body LIKE '%Lamp%'".to_owned(), vec!["sync/missing"]),
        (
            format!(
                "INSERT INTO artifacts SELECT kind, identity, 0, {open}, bucket, uid, generation, version, path, digest, counted FROM live_rows"
            ),
            vec!["sync/duplicate"],
        ),
        (
            "INSERT INTO artifacts SELECT kind, 'stray', 700, 800, bucket, uid, 1, NULL, path, digest, counted FROM live_rows".to_owned(),
            vec!["sync/dangling"],
        ),
        (
            "INSERT INTO bodies VALUES (X'{}', 'text/plain', 'nobody')".replace("{}", tagwarden::domain::Digest::of(b"nobody").hex()),
            vec!["sync/dangling"],
        ),
    ] {
        let live_rows = "CREATE TEMP VIEW live_rows AS SELECT a.* FROM main.artifacts a JOIN main.pointer p
                         ON a.valid_from <= p.snapshot AND p.snapshot < a.valid_to WHERE a.identity = 'chair'";
        let other = reader(&scratch);
        other.execute(live_rows, []).unwrap();
        other.execute(&damage, params![]).unwrap();
        let audit = scratch.json(&["sync", "audit"]).expect("findings");
        let want: BTreeSet<&str> = codes.into_iter().collect();
        let found: BTreeSet<&str> = findings(&audit).iter().map(|finding| finding["code"].as_str().unwrap()).collect();
        assert_eq!(found, want, "{damage}: {audit:#}");
        let before = everything(&scratch);
        let plan = scratch.json(&["sync", "repair"]).expect("findings");
        assert_eq!((&plan["plan"]["done"], &plan["next"]), (&false.into(), &"To carry it out: `tagwarden sync repair --yes`.".into()));
        assert_eq!(everything(&scratch), before, "a plan writes nothing");
        scratch.json(&["sync", "repair", "--yes"]).expect("published");
        assert_eq!(seen(&scratch), right, "{damage}");
        scratch.json(&["sync", "audit"]).expect("passed");
    }
}

/// `--yes` is for scripts; a person is shown the plan and asked.
#[cfg(target_os = "linux")]
#[test]
fn at_a_terminal_a_repair_asks() {
    let scratch = synced(PROTOCOL);
    let right = seen(&scratch);
    reader(&scratch).execute("DELETE FROM artifacts WHERE identity = 'chair'", []).unwrap();
    let damaged = everything(&scratch);
    for (typed, code) in [("n\n", 1), ("\n", 1), ("y\n", 0)] {
        let was = everything(&scratch);
        let (ended, shown) = scratch.at_terminal(&["sync", "repair"], typed);
        assert!(shown.contains("sync/missing: the store has no row of"), "{shown}");
        assert!(shown.contains("To write: 1, to end: 0, to remove: 1. Repair sqlite:"), "{shown}");
        assert_eq!(ended, Some(code), "{typed:?}: {shown}");
        assert_eq!(was, damaged, "what is not wanted is not done");
    }
    assert_eq!(seen(&scratch), right);
}

#[test]
fn a_body_that_a_snapshot_lacks_is_written_before_readers_go_back() {
    let scratch = synced(PROTOCOL);
    let old = seen(&scratch);
    scratch.write("products/chair.md", product("chair", "Armchair"));
    release(&scratch, "1.1.0");
    once(&scratch, "published");
    let lost = "DELETE FROM bodies WHERE digest IN (SELECT digest FROM artifacts WHERE valid_to = 2)";
    assert_eq!(reader(&scratch).execute(lost, []).unwrap(), 1);
    scratch.json(&["rollback", "--channel", "production", "--reason", "wrong title"]).expect("moved");
    once(&scratch, "published");
    assert_eq!(seen(&scratch), old);
}

#[test]
fn a_damaged_snapshot_is_not_rolled_back_to_but_written_again() {
    let scratch = synced(PROTOCOL);
    let old = seen(&scratch);
    scratch.write("products/chair.md", product("chair", "Armchair"));
    release(&scratch, "1.1.0");
    once(&scratch, "published");
    reader(&scratch).execute("DELETE FROM artifacts WHERE valid_to = 2", []).unwrap();
    scratch.json(&["rollback", "--channel", "production", "--reason", "wrong title"]).expect("moved");
    let answer = once(&scratch, "published");
    assert_eq!((&answer["live"]["number"], &answer["rows"]["written"]), (&3.into(), &1.into()));
    // The generation goes on: no two contents of one identity have the same.
    assert_eq!(seen(&scratch), old.replace("chair 1", "chair 3"));
}

#[test]
fn where_artifacts_have_versions_the_active_ones_are_rows() {
    let protocol = PROTOCOL.replace("products/**/{id}.md\" }", "products/{id}-{version}.md\" }").replace("identity: /name, ", "")
        + "pointer: { file: active.json, branch: tagwarden/active, channel: production }\n";
    let scratch = shop(&protocol);
    scratch.git(&["rm", "-r", "--quiet", "products"]);
    scratch.write("active.json", "{}\n");
    for (version, title) in [("1.0.0", "Chair"), ("1.1.0", "Armchair")] {
        scratch.write(&format!("products/chair-{version}.md"), product("chair", title));
    }
    scratch.commit("Versions");
    scratch.push();
    scratch.json(&["sync", "init"]).expect("passed");
    for version in ["1.0.0", "1.1.0"] {
        let name = format!("product:chair@{version}");
        scratch.json(&["stage", &name, "--at", "HEAD"]).expect("moved");
        scratch.json(&["promote", &name, "--channel", "production"]).expect("moved");
        once(&scratch, "published");
        scratch.json(&["sync", "audit"]).expect("passed");
    }
    assert_snapshot!(seen(&scratch), @r"chair 2 products/chair-1.1.0.md Armchair");
    scratch.json(&["rollback", "--channel", "production", "--reason", "too dear"]).expect("moved");
    // The commit that activates is another one than the first time; its rows are the same.
    let back = once(&scratch, "published");
    assert_eq!((&back["rows"], &back["live"]["number"]), (&Value::Null, &1.into()));
    assert_snapshot!(seen(&scratch), @r"chair 1 products/chair-1.0.0.md Chair");
}

/// Without a ledger tags say what readers see: the highest version, whatever else moves, goes or comes beside it.
#[test]
fn where_there_is_no_ledger_tags_say_what_readers_see() {
    let protocol = PROTOCOL.replace("retain: 1", "retain: 3\n  tags: ['^v\\d+\\.\\d+\\.\\d+$', '^release-\\d{4}-\\d{2}-\\d{2}$']");
    let mut scratch = Scratch::new();
    let live = format!("sqlite:{}", scratch.path("live.db").display());
    scratch.set("LIVE", &live);
    let lint = "rules:\n  - id: no-status\n    find: 'select(has(\"status\")) | {message: \"no\", at: \"/status\"}'\n";
    for (path, text) in [
        ("gates/protocol.yaml", protocol.clone()),
        ("gates/10-open.yaml", GATE.to_owned()),
        ("gates/rails/product/schema.json", SCHEMA.to_owned()),
        ("gates/rails/product/lint.yaml", lint.to_owned()),
        ("products/chair.md", product("chair", "Chair")),
    ] {
        scratch.write(path, text);
    }
    scratch.commit("Add the shop");
    scratch.push();
    let tag = |name: &str, at: &str| {
        scratch.git(&["tag", "-f", "-a", name, "-m", name, at]);
        scratch.git(&["push", "--quiet", "--force", "origin", name]);
    };
    let titled = |title: &str| {
        scratch.write("products/chair.md", product("chair", title));
        scratch.commit(title);
        scratch.push();
        scratch.git(&["rev-parse", "HEAD"])
    };
    let codes = |answer: &Value| findings(answer).iter().map(|finding| finding["code"].as_str().unwrap().to_owned()).collect::<Vec<_>>();
    scratch.json(&["sync", "init"]).expect("passed");
    once(&scratch, "nothing_to_do");

    // The branch says nothing, nor do names that only begin as the pattern does.
    let first = titled("Chair");
    tag("v1.0.0-hotfix", "HEAD");
    once(&scratch, "nothing_to_do");
    tag("v1.9.0", "HEAD");
    let published = once(&scratch, "published");
    assert_eq!((&published["live"]["release"], &published["live"]["serial"]), (&"v1.9.0".into(), &1.into()));
    assert!(published["channel"].as_str().unwrap().starts_with("tags ^v"), "{published}");
    let chair = seen(&scratch);
    once(&scratch, "nothing_to_do");

    // A date, an older version, and a tag that names nobody who made it.
    titled("Stool");
    tag("release-2026-11-21", "HEAD");
    tag("v1.8.9", "HEAD");
    scratch.git(&["tag", "v2.0.0"]);
    scratch.git(&["push", "--quiet", "origin", "v2.0.0"]);
    assert_eq!(codes(&once(&scratch, "nothing_to_do")), ["sync/lightweight-tag"]);
    assert_eq!(seen(&scratch), chair);

    // Five at once: the highest, and none of the others.
    titled("Bench");
    for name in ["v1.10.0", "v1.9.1", "v1.9.2", "v1.9.10", "v1.9.3"] {
        tag(name, "HEAD");
    }
    assert_eq!(once(&scratch, "published")["live"]["release"], "v1.10.0");
    let bench = seen(&scratch);

    // What readers see moved, then went: they see it still, and are told.
    tag("v1.10.0", &first);
    assert_eq!(codes(&once(&scratch, "nothing_to_do")), ["sync/tag-moved", "sync/lightweight-tag"]);
    let status = scratch.json(&["sync", "status"]).expect("findings");
    assert_eq!(conditions(&status), ["Ready True Live", "Published False TagMoved"]);
    scratch.git(&["push", "--quiet", "origin", ":v1.10.0"]);
    assert_eq!(codes(&once(&scratch, "nothing_to_do")), ["sync/tag-missing", "sync/lightweight-tag"]);
    assert_eq!(seen(&scratch), bench);

    // Back again, by a new tag at the old commit: the pointer alone moves.
    tag("v1.11.0", &first);
    let back = once(&scratch, "published");
    assert_eq!((&back["rows"], &back["live"]["number"]), (&Value::Null, &1.into()));
    assert_eq!(seen(&scratch), chair);
    scratch.json(&["sync", "audit"]).expect("passed");

    // One that is not valid is never seen.
    titled("A title that is far too long");
    tag("v1.12.0", "HEAD");
    assert_eq!(findings(&once(&scratch, "findings"))[0]["file"], "products/chair.md");
    assert_eq!(seen(&scratch), chair);

    // A ledger that is known of, and is not there, may have been removed: then tags say nothing.
    let known = [("TAGWARDEN_GENESIS", first.as_str())];
    scratch.json_with(&["sync", "once"], &known).expect("ledger_lost");
    assert_eq!(seen(&scratch), chair);

    // With a ledger it is the ledger that says.
    let refused = {
        scratch.json(&["policy", "adopt", "--reason", "start"]).expect("moved");
        scratch.json(&["sync", "once"]).expect("bad_config")
    };
    assert!(refused["message"].as_str().unwrap().contains("without a ledger"), "{refused}");
}

/// A tagged commit has its own pointer file, which says what is active.
#[test]
fn tags_follow_the_pointer_file_of_their_commit() {
    let protocol = PROTOCOL
        .replace("products/**/{id}.md\" }", "products/{id}-{version}.md\" }")
        .replace("identity: /name, ", "")
        .replace("retain: 1", "tags: ['^release-.*$', '^v\\d.*$']")
        + "pointer: { file: active.json }\n";
    let mut scratch = Scratch::new();
    let live = format!("sqlite:{}", scratch.path("live.db").display());
    scratch.set("LIVE", &live);
    for (path, text) in [
        ("gates/protocol.yaml", protocol.clone()),
        ("gates/10-open.yaml", GATE.to_owned()),
        ("gates/rails/product/schema.json", SCHEMA.to_owned()),
        ("products/chair-1.0.0.md", product("chair", "Chair")),
        ("products/chair-1.1.0.md", product("chair", "Armchair")),
        ("active.json", "{ \"chair\": \"1.0.0\" }\n".to_owned()),
    ] {
        scratch.write(path, text);
    }
    let tagged = |scratch: &Scratch, tag: &str| {
        scratch.commit(tag);
        scratch.push();
        scratch.git(&["tag", "-a", tag, "-m", tag]);
        scratch.git(&["push", "--quiet", "origin", tag]);
    };
    scratch.json(&["sync", "init"]).expect("passed");
    tagged(&scratch, "release-one");
    let unranked = once(&scratch, "nothing_to_do");
    assert_eq!(findings(&unranked)[0]["code"], "sync/unranked-tag");
    scratch.write("active.json", "{\n  \"chair\": \"1.0.0\"\n}\n");
    tagged(&scratch, "v1.0.0");
    once(&scratch, "published");
    assert_eq!(seen(&scratch), "chair 1 products/chair-1.0.0.md Chair");
    scratch.write("active.json", "{ \"chair\": \"1.1.0\" }\n");
    tagged(&scratch, "v1.1.0");
    once(&scratch, "published");
    assert_eq!(seen(&scratch), "chair 2 products/chair-1.1.0.md Armchair");

    // What is not there rejects the release, and so does a file that is gone.
    scratch.write("active.json", "{ \"chair\": \"2.0.0\" }\n");
    tagged(&scratch, "v1.2.0");
    assert_eq!(findings(&once(&scratch, "findings"))[0]["code"], "catalog/missing-artifact");
    assert_eq!(seen(&scratch), "chair 2 products/chair-1.1.0.md Armchair");
    let status = scratch.json(&["sync", "status"]).expect("findings");
    let codes: Vec<&Value> = findings(&status).iter().map(|finding| &finding["code"]).collect();
    assert!(codes.contains(&&"sync/rejected".into()), "{status:#}");
    scratch.git(&["rm", "--quiet", "active.json"]);
    tagged(&scratch, "v1.3.0");
    once(&scratch, "findings");

    // Which of several files is meant, nobody said.
    scratch.write("gates/protocol.yaml", protocol.replace("file: active.json", "file: \"active-{channel}.json\""));
    for channel in ["staging", "production"] {
        scratch.write(&format!("active-{channel}.json"), "{ \"chair\": \"1.1.0\" }\n");
    }
    tagged(&scratch, "v1.4.0");
    let refused = scratch.json(&["sync", "once"]).expect("bad_config");
    assert!(refused["message"].as_str().unwrap().contains("does not say which"), "{refused}");
}

/// A release that was moved before its time is brought to the store from its first moment on.
#[test]
fn what_is_in_force_later_waits_for_its_time() {
    let mut scratch = synced(&PROTOCOL.replace("signing:", "snapshots: { store: ../snapshots }\nsigning:"));
    scratch.key("ada");
    scratch.write("gates/allowed_signers", scratch.allowed_signers(&["ada"]));
    scratch.write("gates/20-bundle.yaml", "title: The bundle is in force\nbundle: { name: \"product@{version}\" }\nverbs: [promote]\n");
    scratch.commit("Ask for a bundle");
    scratch.push();
    scratch.json(&["policy", "adopt", "--reason", "bundles"]).expect("moved");
    scratch.write("products/chair.md", product("chair", "Stool"));
    let key = scratch.path("keys/ada").display().to_string();
    let create = ["bundle", "create", "products", "--rail", "product", "--version", "1.1.0", "--effective-from", "2027-01-01T00:00:00Z"];
    scratch.json(&create).expect("passed");
    scratch.json(&["bundle", "sign", "product@1.1.0", "--signing-key", &key]).expect("passed");
    scratch.commit("1.1.0");
    scratch.push();
    scratch.json(&["stage", "shop@1.1.0", "--at", "HEAD"]).expect("moved");
    scratch.json(&["promote", "shop@1.1.0", "--channel", "production", "--scheduled"]).expect("moved");
    let before = everything(&scratch);

    let waits = once(&scratch, "nothing_to_do");
    assert_eq!(findings(&waits)[0]["code"], "sync/scheduled");
    assert_eq!(conditions(&waits), ["Ready True Live", "Published False Scheduled"]);
    assert_eq!(everything(&scratch), before, "nothing was written");
    scratch.at("2026-12-31T23:59:59Z");
    once(&scratch, "nothing_to_do");
    assert_eq!(everything(&scratch), before);
    scratch.at("2027-01-01T00:00:00Z");
    let published = once(&scratch, "published");
    assert_eq!(conditions(&published), ["Ready True Live", "Published True UpToDate"]);
    assert!(seen(&scratch).contains("Stool"), "{}", seen(&scratch));

    // What is taken back before its time was never seen; what is gone back to is in force.
    scratch.json(&["rollback", "--channel", "production", "--reason", "too early"]).expect("moved");
    once(&scratch, "published");
    assert!(seen(&scratch).contains("Chair"), "{}", seen(&scratch));
}

/// Every command of the runbooks answers as the page says, in the state that its section is for.
#[test]
fn the_runbooks_do_what_they_say() {
    let page = include_str!("../../protocol-docs/sync-runbooks.md");
    let another_leads = |scratch: &Scratch| {
        let taken = "UPDATE pointer SET lease_epoch = lease_epoch + 1, lease_holder = 'another', lease_until = '2026-11-21T10:30:00Z'";
        reader(scratch).execute(taken, []).unwrap();
    };
    let next = |scratch: &Scratch, title: &str| {
        scratch.write("products/chair.md", product("chair", title));
        release(scratch, "1.1.0");
    };
    let mut sections = BTreeSet::new();
    for section in page.split("\n## ").skip(1) {
        let title = section.lines().next().unwrap();
        let mut scratch = synced(PROTOCOL);
        match title {
            "A release" => {
                scratch.write("products/chair.md", product("chair", "Stool"));
                scratch.commit("1.1.0");
                scratch.push();
                scratch.json(&["stage", "shop@1.1.0", "--at", "HEAD"]).expect("moved");
            }
            "A release that was rejected" => next(&scratch, "A title that is far too long"),
            "Back to the release before" => {
                next(&scratch, "Stool");
                once(&scratch, "published");
            }
            "A controller that is stuck" => {
                next(&scratch, "Stool");
                another_leads(&scratch);
            }
            "A store that is damaged" => {
                reader(&scratch).execute("DELETE FROM bodies WHERE body LIKE '%Lamp%'", []).unwrap();
            }
            "A store that is lost" => {
                for end in ["", "-wal", "-shm"] {
                    let _ = std::fs::remove_file(scratch.path(&format!("live.db{end}")));
                }
            }
            other => panic!("no state is known for the section {other}"),
        }
        sections.insert(title);
        for (at, block) in section.split("```sh\n").skip(1).enumerate() {
            if at == 1 {
                scratch.at("2026-11-21T10:31:00Z");
            }
            for line in block.split("```").next().unwrap().lines() {
                let (command, reason) = line.strip_prefix("tagwarden ").unwrap().split_once(" # ").unwrap();
                scratch.json(&command.split(' ').collect::<Vec<_>>()).expect(reason);
            }
        }
    }
    assert_eq!(sections.len(), 6, "{sections:?}");
}

#[test]
fn what_the_page_says_of_readers_are_queries_that_work() {
    let page = include_str!("../../protocol-docs/sync.md");
    let scratch = synced(PROTOCOL);
    let queries = page.split("```sql\n").nth(1).unwrap().split("```").next().unwrap();
    let [pin, read] = queries.lines().collect::<Vec<_>>()[..] else { panic!("{queries}") };
    let reader = reader(&scratch);
    let snapshot: i64 = reader.query_row(pin, [], |row| row.get(0)).unwrap();
    let body: String =
        reader.query_row(read, rusqlite::named_params! { ":snapshot": snapshot, ":identity": "chair" }, |row| row.get(0)).unwrap();
    assert!(body.contains("Chair"), "{body}");
}

#[test]
fn the_settings_are_checked_where_they_are_written() {
    let scratch = shop(PROTOCOL);
    for (from, to, code, line) in [
        ("\"env:LIVE\"", "live.db", "config/wrong-value", 10),
        ("retain: 1", "channel: nowhere", "config/unknown-channel", 12),
        ("retain: 1", "lease: 1s", "config/wrong-value", 12),
        ("retain: 1", "orphans: keep", "config/unknown-word", 12),
        ("retain: 1", "keep: 1", "config/unknown-key", 12),
        ("retain: 1", "tags: ['v.*']", "config/wrong-value", 12),
        ("retain: 1", "tags: []", "config/nothing-there", 12),
        ("retain: 1", "stable: true", "config/wrong-value", 12),
        ("{ product: {", "{ produkt: {", "config/unknown-word", 11),
        ("/name", "name", "config/wrong-value", 11),
    ] {
        let text = PROTOCOL.replace(from, to);
        assert_ne!(text, PROTOCOL, "{from}");
        scratch.write("gates/protocol.yaml", text);
        let answer = scratch.json(&["sync", "status"]).expect("bad_config");
        let found = findings(&answer)[0];
        assert_eq!((&found["code"], &found["line"]), (&code.into(), &line.into()), "{to}: {answer:#}");
    }
}

#[test]
fn one_controller_leads_and_the_others_leave_the_store_as_it_is() {
    let mut scratch = synced(PROTOCOL);
    scratch.write("products/chair.md", product("chair", "Armchair"));
    release(&scratch, "1.1.0");
    let taken = "UPDATE pointer SET lease_epoch = lease_epoch + 1, lease_holder = 'another', lease_until = '2026-11-21T10:30:00Z'";
    reader(&scratch).execute(taken, []).unwrap();
    let before = everything(&scratch);
    let answer = once(&scratch, "not_leading");
    assert!(answer["message"].as_str().unwrap().ends_with("another until 2026-11-21T10:30:00Z"), "{answer}");
    assert_eq!(everything(&scratch), before);
    let status = scratch.json(&["sync", "status"]).expect("passed");
    assert_eq!(status["leader"], serde_json::json!({ "name": "another", "until": "2026-11-21T10:30:00Z" }));
    // A lease that is over is taken over, under another epoch.
    let epoch = count(&scratch, "SELECT lease_epoch FROM pointer");
    scratch.at("2026-11-21T10:30:00Z");
    once(&scratch, "published");
    assert_eq!(count(&scratch, "SELECT lease_epoch FROM pointer"), epoch + 1);
    assert_eq!(count(&scratch, "SELECT count(*) FROM pointer WHERE lease_holder IS NULL"), 1, "it is given back");
}

#[test]
fn what_was_written_in_part_is_taken_back_by_the_next_round() {
    let scratch = synced(PROTOCOL);
    let old = seen(&scratch);
    let cut_off = "
        INSERT INTO snapshots (number, state, commit_id, shape) SELECT 2, 'writing', commit_id, shape FROM snapshots;
        UPDATE pointer SET last_number = 2;
        UPDATE artifacts SET valid_to = 2 WHERE identity = 'lamp';
        INSERT INTO bodies VALUES (X'00', 'text/plain', 'half');
        INSERT INTO artifacts
        SELECT kind, 'half', 2, 9223372036854775807, bucket, uid, 1, NULL, path, X'00', counted FROM artifacts LIMIT 1;";
    reader(&scratch).execute_batch(cut_off).unwrap();
    assert_eq!(seen(&scratch), old, "readers see nothing of it");
    scratch.write("products/chair.md", product("chair", "Armchair"));
    release(&scratch, "1.1.0");
    let answer = once(&scratch, "published");
    assert_eq!(answer["live"]["number"], 3);
    assert_eq!(answer["rows"], serde_json::json!({ "written": 1, "ended": 1, "kept": 1 }));
    scratch.json(&["sync", "audit"]).expect("passed");
}

/// What a store gives back is compared with what was written, rows and bodies, before anybody sees it.
#[test]
fn a_store_that_gives_back_something_else_publishes_nothing() {
    let kept = "WHERE digest = new.digest";
    for (wrong, times) in [
        (format!("AFTER INSERT ON bodies BEGIN UPDATE bodies SET body = body || ' ' {kept} AND body LIKE '%Chair%'; END"), 1),
        (format!("AFTER INSERT ON bodies BEGIN UPDATE bodies SET body = body || ' ' {kept}; END"), 2),
        (format!("AFTER INSERT ON bodies BEGIN DELETE FROM bodies {kept}; END"), 1),
        ("AFTER INSERT ON artifacts BEGIN UPDATE artifacts SET path = 'elsewhere.md' WHERE identity = 'chair'; END".to_owned(), 1),
        ("AFTER INSERT ON artifacts BEGIN DELETE FROM artifacts WHERE identity = 'chair'; END".to_owned(), 1),
    ] {
        let scratch = shop(PROTOCOL);
        scratch.json(&["sync", "init"]).expect("passed");
        release(&scratch, "1.0.0");
        reader(&scratch).execute_batch(&format!("CREATE TRIGGER wrong {wrong}")).unwrap();
        let answer = once(&scratch, "unreachable");
        assert!(findings(&answer).iter().all(|finding| finding["code"] == "sync/stale"), "{wrong}: {answer:#}");
        assert_eq!(findings(&answer).len(), times, "{wrong}: {answer:#}");
        assert_eq!(count(&scratch, "SELECT count(*) FROM pointer WHERE snapshot IS NOT NULL"), 0);
        assert_eq!(count(&scratch, "SELECT (SELECT count(*) FROM artifacts) + (SELECT count(*) FROM snapshots)"), 0, "{wrong}");
        reader(&scratch).execute_batch("DROP TRIGGER wrong").unwrap();
        once(&scratch, "published");
        assert_eq!(seen(&scratch).lines().count(), 2);
    }
}

#[test]
fn nothing_is_published_of_a_ledger_that_nobody_pinned() {
    let scratch = synced(PROTOCOL);
    std::fs::remove_dir_all(scratch.path("home/.local/state")).unwrap();
    for verb in [&["sync", "init"][..], &["sync", "once"], &["sync", "repair"]] {
        scratch.json(verb).expect("not_pinned");
    }
    scratch.json(&["sync", "status"]).expect("passed");
}
