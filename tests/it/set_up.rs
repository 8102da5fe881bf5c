//! The set-up page, followed literally: every command of its `sh` blocks, in order, by bash, in a repository whose remote is the model of
//! GitHub. `gh` is a stand-in that speaks to the model: `api`, `variable set`, `secret set` (the model keeps no secrets, so what is set is
//! written down for the jobs that read it), `auth token`. The last section, about a later policy, is for `tests/full actions`, which runs
//! the workflows that are written here.

use crate::{
    common::Scratch,
    github::model::{App, GitHub, Key},
};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

const GH: &str = r#"#!/usr/bin/env python3
import json, os, pathlib, subprocess, sys, urllib.request
words = sys.argv[1:]
def flag(name, default=None):
    return words[words.index(name) + 1] if name in words else default
def send(method, path, body):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(os.environ["GITHUB_API_URL"] + "/" + path, data=data, method=method)
    request.add_header("Authorization", "Bearer " + os.environ["GH_TOKEN"])
    request.add_header("User-Agent", "gh")
    if data:
        request.add_header("Content-Type", "application/json")
    with urllib.request.urlopen(request) as answer:
        text = answer.read().decode()
    if flag("--jq"):
        text = subprocess.run(["jq", "-r", flag("--jq")], input=text, text=True, check=True, capture_output=True).stdout
    print(text, end="" if flag("--jq") else "\n")
def keep(kind, value):
    assert value.strip(), f"an empty {kind}"
    assert flag("--env") == "promotion", f"a {kind} outside of the environment"
    folder = pathlib.Path(os.environ["GH_KEPT"], kind)
    folder.mkdir(exist_ok=True)
    (folder / words[2]).write_text(value)
here = "repos/example/app"
if words[:2] == ["auth", "token"]:
    print(os.environ["GH_TOKEN"])
elif words[0] == "api":
    values = {"true": True, "false": False}
    fields = {}
    for at, word in enumerate(words):
        if word in ("-f", "-F"):
            name, value = words[at + 1].split("=", 1)
            fields[name] = values.get(value, value) if word == "-F" else value
    body = json.load(sys.stdin) if flag("--input") == "-" else (fields or None)
    path = next(word for word in words if word.startswith("repos/")).replace("repos/{owner}/{repo}", here)
    send(flag("--method", "POST" if body else "GET"), path, body)
elif words[:2] == ["variable", "set"]:
    keep("variables", flag("--body"))
    send("POST", f"{here}/environments/{flag('--env')}/variables", {"name": words[2], "value": flag("--body")})
elif words[:2] == ["secret", "set"]:
    keep("secrets", flag("--body") or sys.stdin.read())
else:
    sys.exit(f"gh: {words} is not expected here")
"#;

/// What was set up.
pub struct SetUp {
    pub app: App,
    /// Has `variables/NAME` and `secrets/NAME`, as the environment has them.
    pub kept: PathBuf,
    pub said: String,
}

/// Follows the page in a repository of one commit, as the administrator `ann`.
pub fn follow(hub: &GitHub, scratch: &Scratch, action: &str) -> SetUp {
    // The programs on the page have the clock of the machine.
    hub.set_now(&jiff::Timestamp::now().to_string());
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol-docs/set-up.md")).unwrap();
    let app = hub.app("deployer");
    let permissions = permissions(&page);
    app.install_on(&hub.repo(), &permissions.iter().map(|(name, level)| (name.as_str(), level.as_str())).collect::<Vec<_>>());
    scratch.write("README.md", "An application\n");
    scratch.commit("Begin");
    scratch.push();
    hub.repo().on_disk(&scratch.path("origin.git")).workflows("write", true);
    let admin = hub.user("ann");
    hub.repo().collaborator(&admin, "admin");
    scratch.git(&["remote", "set-url", "origin", &format!("{}/example/app.git", hub.url())]);
    for folder in ["bin", "keys", "kept"] {
        fs::create_dir(scratch.path(folder)).unwrap();
    }
    fs::write(scratch.path("bin/gh"), GH).unwrap();
    fs::set_permissions(scratch.path("bin/gh"), PermissionsExt::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_tagwarden"), scratch.path("bin/tagwarden")).unwrap();
    fs::write(scratch.path("app.pem"), &Key::of_apps().pem).unwrap();

    let (page, _) = page.split_once("\n## 9. When the policy changes\n").expect("the section about a later policy");
    let blocks: Vec<&str> = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap()).collect();
    assert!(blocks.len() >= 8, "{}", blocks.len());
    // A block may use a variable of one before it.
    let script = format!("set -euo pipefail\n{}", blocks.join("\n"));
    let token = hub.token(&admin);
    let helper = format!("!f() {{ echo username=x-access-token; echo password={token}; }}; f");
    scratch.git(&["config", "credential.helper", &helper]);
    let output = Command::new("bash")
        .args(["-c", &script])
        .current_dir(scratch.path("work"))
        .env_clear()
        .env("PATH", format!("{}:{}", scratch.path("bin").display(), std::env::var("PATH").unwrap()))
        .env("HOME", scratch.path("home"))
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("TMPDIR", scratch.path("tmp"))
        .env("GITHUB_SERVER_URL", hub.url())
        .env("GITHUB_API_URL", hub.url())
        .env("GH_TOKEN", &token)
        .env("GH_KEPT", scratch.path("kept"))
        .env("TAGWARDEN_APP_ID", app.id.to_string())
        .env("APP_KEY_FILE", scratch.path("app.pem"))
        .env("KEYS", scratch.path("keys"))
        .env("TAGWARDEN_ACTION", action)
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(!stdout.contains("PRIVATE KEY") && !stdout.contains(&token), "{stdout}");
    SetUp { app, kept: scratch.path("kept"), said: stdout.into_owned() }
}

/// The permissions that the page gives the App, by GitHub's names: rows of a table that begin with `| *Contents: read and write*`.
fn permissions(page: &str) -> Vec<(String, String)> {
    let rows = page.lines().filter_map(|line| line.strip_prefix("| *")?.split_once('*'));
    rows.map(|(words, _)| {
        let (name, level) = words.split_once(": ").unwrap();
        let name = match name {
            "Commit statuses" => "statuses".to_owned(),
            name => name.to_lowercase().replace(' ', "_"),
        };
        (name, if level == "read and write" { "write" } else { "read" }.to_owned())
    })
    .collect()
}

#[test]
fn the_set_up_page_works_as_it_is_written() {
    let (hub, scratch) = (GitHub::new(), Scratch::new());
    let done = follow(&hub, &scratch, "example/tagwarden@de0fac2e4500dabe0009e67214ff5f5447ce83dd");
    assert!(done.said.trim_end().ends_with("done (passed). Nothing stands in the way."), "{}", done.said);
    // The App may do everything that the table says it is used for.
    assert!(done.said.contains("is installed and may move refs") && !done.said.contains("would also need"), "{}", done.said);
    // Each secret that the workflows read is set, and nothing else.
    let workflow = scratch.read(".github/workflows/tagwarden-promote.yml");
    let (_, secrets) = workflow.split_once("    secrets:\n").unwrap();
    let mut read: Vec<&str> = secrets.lines().map(|line| line.trim().split(':').next().unwrap()).collect();
    read.sort_unstable();
    let mut set: Vec<String> =
        fs::read_dir(done.kept.join("secrets")).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    set.sort_unstable();
    assert_eq!(set, read);
}
