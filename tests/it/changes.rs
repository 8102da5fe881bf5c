//! A release of a catalog whose rules look at one file alone: only what changed is read, and what comes of it is what reading everything
//! gives.

use crate::{
    common::{Scratch, findings},
    sync::{PROTOCOL, count, product, release, seen, shop},
};
use serde_json::{Value, json};

const LOCAL: &str = r#"rules:
  - id: no-status
    find: 'select(has("status")) | {message: "status is written by the system", at: "/status"}'
"#;

fn once(scratch: &Scratch, reason: &str) -> Value {
    scratch.json(&["sync", "once"]).expect(reason)
}

/// The protocol with the identity that paths say.
fn by_path() -> String {
    PROTOCOL.replace("identity: /name, ", "")
}

/// A shop with local rules and two released products, which readers see.
fn synced(protocol: &str) -> Scratch {
    let scratch = shop(protocol);
    adopt(&scratch, "gates/rails/product/lint.yaml", LOCAL);
    scratch.json(&["sync", "init"]).expect("passed");
    release(&scratch, "1.0.0");
    once(&scratch, "published");
    scratch
}

fn adopt(scratch: &Scratch, path: &str, text: &str) {
    scratch.write(path, text);
    scratch.commit("Other rules");
    scratch.push();
    scratch.json(&["policy", "adopt", "--reason", "other rules"]).expect("moved");
}

/// Takes the bytes of a file of HEAD out of the repository, so that whoever reads them fails.
fn lose(scratch: &Scratch, path: &str) {
    let oid = scratch.git(&["rev-parse", &format!("HEAD:{path}")]);
    let object = format!(".git/objects/{}/{}", &oid[..2], &oid[2..]);
    let root = scratch.git(&["rev-parse", "--show-toplevel"]);
    std::fs::remove_file(std::path::Path::new(&root).join(object)).unwrap();
}

/// The digest that a fresh store of the same release gets.
fn anew(scratch: &Scratch) -> Value {
    let other = scratch.path("other.db");
    let other = [("LIVE", &*format!("sqlite:{}", other.display()))];
    scratch.json_with(&["sync", "init"], &other).expect("passed");
    let answer = scratch.json_with(&["sync", "once"], &other).expect("published");
    for end in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(scratch.path(&format!("other.db{end}")));
    }
    answer["live"].clone()
}

#[test]
fn what_changed_is_written_as_if_everything_had_been_read() {
    let scratch = synced(&by_path());
    let steps: [(&str, &dyn Fn(), Value); 6] = [
        ("1.1.0", &|| scratch.write("products/chair.md", product("chair", "Armchair")), json!({ "written": 1, "ended": 1, "kept": 1 })),
        ("1.2.0", &|| scratch.write("products/stool.md", product("stool", "Stool")), json!({ "written": 1, "ended": 0, "kept": 2 })),
        (
            "1.3.0",
            &|| drop(scratch.git(&["mv", "products/light/lamp.md", "products/lamp.md"])),
            json!({ "written": 1, "ended": 1, "kept": 2 }),
        ),
        ("1.4.0", &|| drop(scratch.git(&["rm", "--quiet", "products/chair.md"])), json!({ "written": 0, "ended": 1, "kept": 2 })),
        ("1.5.0", &|| scratch.write("products/chair.md", product("chair", "Chair")), json!({ "written": 1, "ended": 0, "kept": 2 })),
        // The same value, written in another way.
        ("1.6.0", &|| scratch.write("products/stool.md", "---\nspec: { title: Stool }\nname: stool\n---\n# Stool\n"), Value::Null),
    ];
    for (version, change, rows) in steps {
        change();
        release(&scratch, version);
        let answer = once(&scratch, "published");
        assert_eq!(answer["rows"], rows, "{version}");
        let fresh = anew(&scratch);
        assert_eq!((&answer["live"]["snapshot"], &answer["live"]["counts"]), (&fresh["snapshot"], &fresh["counts"]), "{version}");
        scratch.json(&["sync", "audit"]).expect("passed");
    }
    assert_eq!(seen(&scratch), "chair 1 products/chair.md Chair\nlamp 1 products/lamp.md Lamp\nstool 1 products/stool.md Stool");
}

#[test]
fn files_that_did_not_change_are_not_read() {
    let scratch = synced(PROTOCOL);
    scratch.write("products/chair.md", product("chair", "Armchair"));
    release(&scratch, "1.1.0");
    lose(&scratch, "products/light/lamp.md");
    assert_eq!(once(&scratch, "published")["rows"], json!({ "written": 1, "ended": 1, "kept": 1 }));

    // Rules that look across files are judged of all of them.
    let scratch = shop(PROTOCOL);
    scratch.json(&["sync", "init"]).expect("passed");
    release(&scratch, "1.0.0");
    once(&scratch, "published");
    scratch.write("products/chair.md", product("chair", "Armchair"));
    release(&scratch, "1.1.0");
    lose(&scratch, "products/light/lamp.md");
    let before = seen(&scratch);
    let answer = once(&scratch, "gate_inconclusive");
    assert!(answer["message"].as_str().unwrap().contains("products/light/lamp.md"), "{answer}");
    assert_eq!(seen(&scratch), before);
}

#[test]
fn what_files_that_did_not_change_say_is_not_forgotten() {
    // Another file has the identity already, and nobody reads that.
    let scratch = synced(PROTOCOL);
    let before = seen(&scratch);
    let refused = |version: &str, codes: &[&str]| {
        release(&scratch, version);
        let answer = once(&scratch, "findings");
        let found: Vec<&str> = findings(&answer).iter().map(|finding| finding["code"].as_str().unwrap()).collect();
        assert_eq!(found, codes, "{version}: {answer:#}");
        assert_eq!(seen(&scratch), before);
        assert_eq!(count(&scratch, "SELECT count(*) FROM artifacts"), 2, "{version}");
        assert_eq!(count(&scratch, "SELECT count(*) FROM bodies"), 2, "{version}");
    };
    scratch.write("products/chair.md", product("lamp", "Lamp"));
    refused("1.1.0", &["sync/duplicate-identity"]);
    // Another file is the artifact already, by its path, whatever identifies its row.
    scratch.write("products/chair.md", product("chair", "Chair"));
    scratch.write("products/dark/lamp.md", product("dark-lamp", "Dark"));
    refused("1.2.0", &["catalog/duplicate-artifact"]);
    scratch.git(&["rm", "--quiet", "products/dark/lamp.md", "products/chair.md", "products/light/lamp.md"]);
    refused("1.3.0", &["catalog/empty-kind", "sync/nothing"]);
    // Its own faults are found as ever.
    scratch.write("products/light/lamp.md", product("lamp", "Lamp"));
    scratch.write("products/chair.md", product("chair", "A chair of far too many words"));
    refused("1.4.0", &["catalog/schema"]);
}

#[test]
fn other_rules_are_asked_of_every_file() {
    let scratch = synced(PROTOCOL);
    let before = seen(&scratch);
    adopt(
        &scratch,
        "gates/rails/product/schema.json",
        r#"{ "properties": { "spec": { "properties": { "title": { "maxLength": 4 } } } } }"#,
    );
    scratch.write("products/light/lamp.md", product("lamp", "Bulb"));
    release(&scratch, "1.1.0");
    let answer = once(&scratch, "findings");
    assert_eq!(findings(&answer)[0]["file"], "products/chair.md", "it did not change: {answer:#}");
    assert_eq!(seen(&scratch), before);
}

#[test]
fn a_store_that_is_not_as_it_was_left_is_compared_whole() {
    for damage in [
        "DELETE FROM artifacts WHERE identity = 'chair'",
        "UPDATE artifacts SET path = 'elsewhere.md' WHERE identity = 'chair'",
        "UPDATE snapshots SET buckets = x'00'",
        "UPDATE snapshots SET digest = 'sha256:0000000000000000000000000000000000000000000000000000000000000000'",
    ] {
        let scratch = synced(PROTOCOL);
        rusqlite::Connection::open(scratch.path("live.db")).unwrap().execute(damage, []).unwrap();
        scratch.write("products/chair.md", product("chair", "Armchair"));
        release(&scratch, "1.1.0");
        let answer = once(&scratch, "published");
        assert_eq!(answer["live"]["snapshot"], anew(&scratch)["snapshot"], "{damage}");
        assert_eq!(seen(&scratch).replace("chair 1", "chair 2"), "chair 2 products/chair.md Armchair\nlamp 1 products/light/lamp.md Lamp");
    }
}
