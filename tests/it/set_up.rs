//! The set-up page, followed literally: every command of its `sh` blocks, in order, by bash, in a repository whose remote is the model of
//! GitHub. `gh` is a stand-in that speaks to the model: `api`, `variable set`, `secret set` (the model keeps no secrets, so that one only
//! reads what it is given), `auth token`.

use crate::{
    common::Scratch,
    github::model::{GitHub, Key},
};
use std::{fs, os::unix::fs::PermissionsExt, path::Path, process::Command};

const GH: &str = r#"#!/usr/bin/env python3
import json, os, sys, urllib.request
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
        print(answer.read().decode())
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
    send("POST", f"{here}/environments/{flag('--env')}/variables", {"name": words[2], "value": flag("--body")})
elif words[:2] == ["secret", "set"]:
    assert flag("--body") or sys.stdin.read().strip(), "an empty secret"
else:
    sys.exit(f"gh: {words} is not expected here")
"#;

/// The `sh` blocks of the page.
fn commands() -> Vec<String> {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol-docs/set-up.md")).unwrap();
    let blocks = page.split("```sh\n").skip(1).map(|rest| rest.split("```").next().unwrap().to_owned());
    blocks.collect()
}

#[test]
fn the_set_up_page_works_as_it_is_written() {
    let hub = GitHub::new();
    // The programs on the page have the clock of the machine.
    hub.set_now(&jiff::Timestamp::now().to_string());
    let app = hub.app("deployer");
    app.install_on(&hub.repo(), &[("contents", "write"), ("issues", "write"), ("members", "read"), ("pull_requests", "read")]);
    let scratch = Scratch::new();
    scratch.write("README.md", "An application\n");
    scratch.commit("Begin");
    scratch.push();
    hub.repo().on_disk(&scratch.path("origin.git")).workflows("write", true);
    let admin = hub.user("ann");
    hub.repo().collaborator(&admin, "admin");
    scratch.git(&["remote", "set-url", "origin", &format!("{}/example/app.git", hub.url())]);
    fs::create_dir(scratch.path("bin")).unwrap();
    fs::write(scratch.path("bin/gh"), GH).unwrap();
    fs::set_permissions(scratch.path("bin/gh"), PermissionsExt::from_mode(0o755)).unwrap();
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_tagwarden"), scratch.path("bin/tagwarden")).unwrap();
    fs::write(scratch.path("app.pem"), &Key::of_apps().pem).unwrap();

    let blocks = commands();
    assert!(blocks.len() >= 7, "{}", blocks.len());
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
        .env("TAGWARDEN_APP_ID", app.id.to_string())
        .env("APP_KEY_FILE", scratch.path("app.pem"))
        .env("TAGWARDEN_ACTION", "example/tagwarden@de0fac2e4500dabe0009e67214ff5f5447ce83dd")
        .output()
        .unwrap();
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{stdout}\n{stderr}");
    assert!(stdout.trim_end().ends_with("done (passed). Nothing stands in the way."), "{stdout}\n{stderr}");
    assert!(!stdout.contains("PRIVATE KEY") && !stdout.contains(&token), "{stdout}");
}
