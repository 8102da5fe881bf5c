//! `init` as a user meets it: what it writes, what it refuses, and that nothing is ever written over.

use crate::world_support::Scratch;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use tagwarden::world::github::Purpose;

const TAGWARDEN: &str = env!("CARGO_BIN_EXE_tagwarden");

/// A repository without a commit, on this branch.
fn fresh(branch: &str) -> Scratch {
    let scratch = Scratch::new();
    fs::create_dir(scratch.path("work")).unwrap();
    scratch.git("work", &["init", "-q", "-b", branch]);
    scratch
}

#[must_use]
fn tagwarden(scratch: &Scratch, dir: &str, args: &[&str]) -> (i32, serde_json::Value) {
    let args: Vec<&str> = args.iter().copied().chain(["--format", "json"]).collect();
    let (code, text) = scratch.try_run(&scratch.path(dir), TAGWARDEN, &args);
    (code.unwrap(), serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}")))
}

/// Every file below a folder but `.git`, with its bytes.
fn files(root: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap).filter(|entry| entry.file_name() != ".git") {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                let path = entry.path().strip_prefix(root).unwrap().display().to_string();
                found.insert(path, fs::read(entry.path()).unwrap_or_default());
            }
        }
    }
    found
}

fn written(report: &serde_json::Value) -> Vec<bool> {
    report["files"].as_array().unwrap().iter().map(|file| file["written"].as_bool().unwrap()).collect()
}

#[test]
fn the_smallest_protocol_is_three_files_on_the_current_branch() {
    let scratch = fresh("trunk");
    fs::create_dir(scratch.path("work/below")).unwrap();
    let (code, report) = tagwarden(&scratch, "work/below", &["init", "--minimal"]);
    assert_eq!((code, &report["decision"], &report["reason_code"]), (0, &"done".into(), &"passed".into()), "{report}");
    let paths: Vec<&str> = report["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["gates/protocol.yaml", "gates/10-docs.yaml", "protocol-docs/promotion.md"]);
    assert_eq!(
        files(&scratch.path("work")).into_keys().collect::<Vec<_>>(),
        ["gates/10-docs.yaml", "gates/protocol.yaml", "protocol-docs/promotion.md"]
    );
    let protocol = fs::read_to_string(scratch.path("work/gates/protocol.yaml")).unwrap();
    assert!(protocol.contains("release_branches: [trunk]") && protocol.contains("signing: { key: none }"), "{protocol}");
}

#[test]
fn what_is_the_same_is_kept_and_what_is_missing_is_added() {
    let scratch = fresh("main");
    assert_eq!(tagwarden(&scratch, "work", &["init", "--minimal"]).0, 0);
    fs::remove_file(scratch.path("work/gates/10-docs.yaml")).unwrap();
    let before = files(&scratch.path("work"));
    let (code, report) = tagwarden(&scratch, "work", &["init", "--minimal"]);
    assert_eq!((code, written(&report)), (0, vec![false, true, false]));
    assert_eq!(files(&scratch.path("work")).len(), before.len() + 1);
    let (code, report) = tagwarden(&scratch, "work", &["init", "--minimal"]);
    assert_eq!((code, written(&report), &report["reason_code"]), (0, vec![false; 3], &"nothing_to_do".into()));
}

#[test]
fn nothing_is_written_where_one_file_differs() {
    for args in [&["init", "--minimal"][..], &["init"]] {
        let scratch = fresh("main");
        fs::create_dir(scratch.path("work/protocol-docs")).unwrap();
        fs::write(scratch.path("work/protocol-docs/promotion.md"), "ours\n").unwrap();
        let before = files(&scratch.path("work"));
        let (code, report) = tagwarden(&scratch, "work", args);
        assert_eq!((code, &report["reason_code"]), (2, &"bad_usage".into()), "{report}");
        assert_eq!(report["findings"][0]["code"], "init/in-the-way");
        assert!(report["findings"][0]["message"].as_str().unwrap().contains("protocol-docs/promotion.md"), "{report}");
        assert!(report["help"].as_str().unwrap().contains("tagwarden verify"), "{report}");
        assert_eq!(files(&scratch.path("work")), before);
    }
}

#[cfg(unix)]
#[test]
fn a_symlink_out_of_the_repository_is_not_written_through() {
    let scratch = fresh("main");
    fs::create_dir(scratch.path("elsewhere")).unwrap();
    std::os::unix::fs::symlink(scratch.path("elsewhere"), scratch.path("work/gates")).unwrap();
    let (code, report) = tagwarden(&scratch, "work", &["init", "--minimal"]);
    assert_eq!((code, &report["findings"][0]["code"]), (2, &"init/in-the-way".into()), "{report}");
    assert_eq!(fs::read_dir(scratch.path("elsewhere")).unwrap().count(), 0);
    assert!(!scratch.path("work/protocol-docs").exists());
}

#[test]
fn places_that_take_no_protocol_are_refused() {
    let scratch = fresh("main");
    scratch.git("work", &["init", "-q", "--bare", "bare"]);
    fs::create_dir(scratch.path("nowhere")).unwrap();
    for (dir, args, reason) in [
        ("nowhere", &["init", "--minimal"][..], "not_a_repository"),
        ("nowhere", &["init"], "not_a_repository"),
        ("work/bare", &["init", "--minimal"], "bad_usage"),
        ("work", &["init", "--minimal", "--gates", "../out"], "bad_usage"),
        ("work", &["init", "--minimal", "--gates", ".git/gates"], "bad_usage"),
        ("work", &["init", "--minimal", "--signing-key", "env:KEY"], "bad_usage"),
        ("work", &["init", "--minimal", "--force"], "bad_usage"),
    ] {
        let (code, report) = tagwarden(&scratch, dir, args);
        assert_eq!((code, &report["reason_code"], &report["decision"]), (2, &reason.into(), &"stop".into()), "{args:?}: {report}");
        assert!(report["help"].as_str().is_some_and(|help| !help.is_empty()), "{report}");
    }
    assert!(files(&scratch.path("nowhere")).is_empty());
    assert!(!scratch.path("work/protocol-docs").exists() && !scratch.path("out").exists());
}

#[test]
fn another_folder_remote_and_key_are_written_down() {
    let scratch = fresh("main");
    let (code, report) =
        tagwarden(&scratch, "work", &["init", "--gates", "ops/gates", "--remote", "upstream", "--signing-key", "env:OUR_KEY"]);
    assert_eq!(code, 0, "{report}");
    let protocol = fs::read_to_string(scratch.path("work/ops/gates/protocol.yaml")).unwrap();
    assert!(protocol.contains("remote: upstream") && protocol.contains(r#"key: "env:OUR_KEY""#), "{protocol}");
    assert!(!scratch.path("work/gates").exists());
}

#[test]
fn the_key_that_git_signs_with_becomes_the_first_signer() {
    let scratch = fresh("main");
    scratch.run(&scratch.path("work"), "ssh-keygen", &["-q", "-t", "ed25519", "-N", "", "-C", "no one", "-f", "../home/id"]);
    let public = fs::read_to_string(scratch.path("home/id.pub")).unwrap();
    let key = public.split_whitespace().take(2).collect::<Vec<_>>().join(" ");
    for (name, value) in [("user.email", "somebody@example.com"), ("gpg.format", "ssh"), ("user.signingkey", "~/id")] {
        scratch.git("work", &["config", name, value]);
    }
    let (code, report) = tagwarden(&scratch, "work", &["init"]);
    assert_eq!(code, 0, "{report}");
    let signers = fs::read_to_string(scratch.path("work/gates/allowed_signers")).unwrap();
    assert_eq!(signers.lines().last().unwrap(), format!("somebody@example.com {key}"));
    let private = fs::read_to_string(scratch.path("home/id")).unwrap();
    let secret = private.lines().nth(1).unwrap();
    assert!(files(&scratch.path("work")).values().all(|bytes| !String::from_utf8_lossy(bytes).contains(secret)));
}

const ACTION: &str = "example/tagwarden@de0fac2e4500dabe0009e67214ff5f5447ce83dd";

fn yaml(path: &Path) -> serde_json::Value {
    let text = fs::read_to_string(path).unwrap();
    tagwarden::text::yaml::located(&tagwarden::text::source::Source::new(path.display().to_string(), text)).unwrap().value
}

fn keys(value: &serde_json::Value) -> BTreeSet<&str> {
    value.as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect()
}

/// What a job's own token is given is what its questions need, as far as such a token can have it.
#[test]
fn the_workflows_give_what_their_questions_need() {
    for (file, job, purpose) in [("verify", "verify", Purpose::Gates), ("scheduled", "docs", Purpose::Documents)] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!(".github/workflows/reusable-{file}.yml"));
        let given = yaml(&path)["jobs"][job]["permissions"].clone();
        let needs = purpose.needs().into_iter().filter(|need| !matches!(need.permission, "members" | "administration"));
        let needs = needs.map(|need| (need.permission.replace('_', "-"), need.level.name().into()));
        let needs: serde_json::Map<String, serde_json::Value> = needs.chain([("contents".to_owned(), "read".into())]).collect();
        assert_eq!(given, serde_json::Value::Object(needs), "{file}");
    }
}

/// What a caller gives is what the called workflow reads, and no permission that one of its jobs needs is left out.
#[test]
fn the_workflows_fit_those_that_they_call() {
    let scratch = fresh("main");
    assert_eq!(tagwarden(&scratch, "work", &["init"]).0, 0);
    let protocol = scratch.path("work/gates/protocol.yaml");
    let text = fs::read_to_string(&protocol).unwrap();
    fs::write(protocol, text + "snapshots: { store: ../store }\n").unwrap();
    let (code, report) = tagwarden(&scratch, "work", &["init", "--github", "--action", ACTION, "--environment", "release"]);
    assert_eq!((code, &report["reason_code"]), (0, &"passed".into()), "{report}");
    let written: Vec<&str> = report["files"].as_array().unwrap().iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(written.len(), 6);
    for path in written {
        let caller = yaml(&scratch.path("work").join(path));
        assert_eq!(caller["permissions"], serde_json::json!({}), "{path}");
        for (name, job) in caller["jobs"].as_object().unwrap() {
            let uses = job["uses"].as_str().unwrap();
            let file =
                uses.strip_prefix("example/tagwarden/").and_then(|uses| uses.strip_suffix(&ACTION["example/tagwarden".len()..])).unwrap();
            let called = yaml(&Path::new(env!("CARGO_MANIFEST_DIR")).join(file));
            let wants = &called["on"]["workflow_call"];
            let given = keys(&job["with"]);
            assert!(given.is_subset(&keys(&wants["inputs"])), "{path} {name}: {given:?}");
            let required = wants["inputs"].as_object().into_iter().flatten().filter(|(_, input)| input["required"] == true);
            assert!(required.map(|(input, _)| input.as_str()).all(|input| given.contains(input)), "{path} {name}");
            assert_eq!(keys(&job["secrets"]), keys(&wants["secrets"]), "{path} {name}");
            let needed: BTreeSet<&str> =
                called["jobs"].as_object().unwrap().iter().flat_map(|(_, job)| keys(&job["permissions"])).collect();
            assert_eq!(keys(&job["permissions"]), needed, "{path} {name}");
            let group = called["jobs"].as_object().unwrap().iter().map(|(_, job)| &job["concurrency"]["group"]);
            assert!(
                group.into_iter().all(|group| group.is_null() || *group != caller["concurrency"]["group"]),
                "{path}: it waits for itself"
            );
        }
    }
    let promote = yaml(&scratch.path("work/.github/workflows/tagwarden-promote.yml"));
    assert_eq!(promote["jobs"]["promote"]["with"]["environment"], "release");
    let required = |name: &str| promote["on"]["workflow_dispatch"]["inputs"][name]["required"] == true;
    let all = ["verb", "channel", "reason", "release", "sha"];
    assert_eq!(all.map(required), [true, true, true, false, false], "a rollback may leave release and commit out");
    let channels = &promote["on"]["workflow_dispatch"]["inputs"]["channel"]["options"];
    assert_eq!(
        *channels,
        serde_json::json!(["local_dev", "operator_preview", "staging", "production"]),
        "those of the protocol that have a tag"
    );
    let (code, again) = tagwarden(&scratch, "work", &["init", "--github", "--action", ACTION, "--environment", "release"]);
    assert_eq!((code, &again["reason_code"]), (0, &"nothing_to_do".into()), "{again}");
}

#[test]
fn workflows_are_written_over_nothing_and_a_missing_commit_is_said() {
    let scratch = fresh("main");
    let (code, report) = tagwarden(&scratch, "work", &["init", "--github"]);
    assert_eq!((code, &report["reason_code"]), (2, &"bad_config".into()), "{report}");
    assert_eq!(tagwarden(&scratch, "work", &["init", "--minimal"]).0, 0);
    // An expression would be evaluated where the name is meant.
    for wrong in [["--action", "example/tagwarden@v1"], ["--environment", "${{github.head_ref}}"]] {
        let (code, report) = tagwarden(&scratch, "work", &[&["init", "--github"][..], &wrong].concat());
        assert_eq!((code, &report["reason_code"]), (2, &"bad_usage".into()), "{report}");
    }
    let (code, report) = tagwarden(&scratch, "work", &["init", "--github"]);
    assert_eq!(code, 0);
    assert!(report["notices"].to_string().contains("OWNER/tagwarden@000000"), "{report}");
    for (path, bytes) in files(&scratch.path("work")).iter().filter(|(path, _)| path.starts_with(".github/")) {
        let source = tagwarden::text::source::Source::new(path.clone(), String::from_utf8(bytes.clone()).unwrap());
        let found = tagwarden::text::workflows::findings(&source);
        assert_eq!(found.iter().map(|finding| finding.code.as_str()).collect::<Vec<_>>(), ["github/action-placeholder"], "{path}");
    }
    let ours = scratch.path("work/.github/workflows/tagwarden-adopt.yml");
    fs::write(&ours, "name: ours\n").unwrap();
    let (code, report) = tagwarden(&scratch, "work", &["init", "--github", "--action", ACTION]);
    assert_eq!((code, &report["findings"][0]["code"]), (2, &"init/in-the-way".into()), "{report}");
    assert_eq!(fs::read_to_string(&ours).unwrap(), "name: ours\n");
}
