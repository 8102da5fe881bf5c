//! git over HTTP with Tagwarden's own credentials, against real git and a server that demands a password: who gets the token, and
//! where it is never seen.

use crate::{
    common::{
        Scratch,
        git_http::GitServer,
        server::{Reply, Server},
    },
    github::model::Key,
};
use serde_json::json;
use std::{
    os::unix::fs::PermissionsExt,
    sync::atomic::{AtomicI64, Ordering},
};
use tagwarden::world::{Clock, EnvVars, World};

const TOKEN: &str = "ghs_OpenSesame0123456789";
const PROMOTE: &[&str] = &["promote", "v1.0.0", "--channel", "local_dev"];

/// An adopted protocol, whose remote is from now on behind HTTP; the environment names the server.
fn behind(server: impl Fn(&Scratch) -> GitServer) -> (Scratch, GitServer) {
    let mut scratch = Scratch::minimal();
    let server = server(&scratch);
    std::fs::create_dir(scratch.path("acme")).unwrap();
    std::fs::rename(scratch.path("origin.git"), scratch.path("acme/shop.git")).unwrap();
    std::os::unix::fs::symlink("acme/shop.git", scratch.path("origin.git")).unwrap();
    scratch.git(&["remote", "set-url", "origin", &format!("{}/acme/shop.git", server.url())]);
    scratch.git_in("acme/shop.git", &["config", "http.receivepack", "true"]);
    server.accept(&[TOKEN]);
    let genesis = scratch.git_in("acme/shop.git", &["rev-list", "--max-parents=0", "refs/heads/tagwarden/ledger"]);
    scratch.set("GITHUB_SERVER_URL", &server.url()).set("TAGWARDEN_GENESIS", genesis.trim());
    (scratch, server)
}

fn plain() -> (Scratch, GitServer) {
    behind(|scratch| GitServer::start(scratch.root()))
}

fn refs(scratch: &Scratch) -> String {
    scratch.git_in("acme/shop.git", &["for-each-ref", "--format=%(refname) %(objectname)"])
}

/// A `git` that writes down what it was started with.
fn watched(scratch: &mut Scratch) {
    let path = std::env::var("PATH").unwrap();
    let folder = scratch.path("bin");
    std::fs::create_dir(&folder).unwrap();
    let seen = scratch.path("seen");
    let script = format!("#!/bin/sh\n{{ printf '%s\\n' \"$@\"; env; }} >>{}\nPATH={path} exec git \"$@\"\n", seen.display());
    std::fs::write(folder.join("git"), script).unwrap();
    std::fs::set_permissions(folder.join("git"), PermissionsExt::from_mode(0o755)).unwrap();
    scratch.set("PATH", &format!("{}:{path}", folder.display()));
}

#[test]
fn a_token_of_the_environment_pushes_and_is_seen_nowhere() {
    let (mut scratch, server) = plain();
    watched(&mut scratch);
    scratch.set("GITHUB_TOKEN", TOKEN).set("GIT_CURL_VERBOSE", "1").set("GIT_TRACE_CURL", "1").set("GIT_TRACE_REDACT", "0");
    let output = scratch.run(&[PROMOTE, &["--format", "json"]].concat());
    assert!(output.stdout.contains("\"moved\""), "{output}");
    // git of the test itself has the variables of the run.
    let seen = std::fs::read_to_string(scratch.path("seen")).unwrap();
    std::fs::rename(scratch.path("seen"), scratch.path("tmp-seen")).unwrap();
    assert!(seen.contains("GIT_ASKPASS=") && seen.contains("credential.helper=\n"));
    let came = server.came();
    assert!(!came.is_empty() && came.iter().all(|pair| *pair == format!("x-access-token:{TOKEN}")), "{came:?}");
    assert!(refs(&scratch).contains("refs/tags/channel/local_dev "));
    let beside = server.beside();
    assert!(!cfg!(target_os = "linux") || beside.iter().any(|line| line.contains("git-remote-http")));
    assert!(!beside.iter().any(|line| line.contains(TOKEN)), "{beside:?}");
    // Output, files of the clone, of the remote and of the home, what git was started with, and what others could list.
    assert!(!output.all().contains(TOKEN));
    let mut files = std::collections::BTreeMap::new();
    for folder in ["work", "home", "tmp", "acme", "tmp-seen"] {
        crate::common::collect(scratch.root(), folder, &mut files);
    }
    assert!(files.len() > 50);
    for (name, bytes) in files {
        let text = String::from_utf8_lossy(&bytes);
        assert!(!text.contains(TOKEN), "{name}");
    }
    assert_eq!(std::fs::read_dir(scratch.path("tmp")).unwrap().count(), 0);
}

#[test]
fn a_wrong_token_is_refused_by_name_and_moves_nothing() {
    let (mut scratch, _server) = plain();
    scratch.set("GH_TOKEN", "ghs_NotOpenSesame012345");
    let before = refs(&scratch);
    let value = scratch.json(PROMOTE).expect("unreachable");
    assert_eq!(refs(&scratch), before);
    let message = value["message"].as_str().unwrap();
    assert!(message.contains("does not accept these credentials (401)") && message.contains("the token of GH_TOKEN"), "{message}");
    assert!(!value.to_string().contains("NotOpenSesame"));
    // Without any, nothing is offered.
    scratch.unset("GH_TOKEN");
    let value = scratch.json(PROMOTE).expect("unreachable");
    assert!(value["message"].as_str().unwrap().contains("no credential helper gives any"), "{value:#}");
}

#[test]
fn no_host_but_that_of_the_environment_gets_the_token() {
    let (mut scratch, server) = plain();
    scratch.set("GITHUB_TOKEN", TOKEN);
    // The remote's address is not the environment's word: another port is another server.
    let other = GitServer::start(scratch.root());
    let elsewhere = format!("{}/acme/shop.git", other.url());
    scratch.git(&["remote", "set-url", "origin", &elsewhere]);
    let _ = scratch.json(PROMOTE).expect("unreachable");
    assert_eq!((other.requests() > 0, other.came()), (true, vec![]));
    // It looks like the server, and is not.
    for start in [format!("{}@{}", server.url(), other.address), server.url().replace("127.0.0.1", "x-access-token@127.0.0.1")] {
        scratch.git(&["remote", "set-url", "origin", &format!("{start}/acme/shop.git")]);
        let _ = scratch.json(PROMOTE).expect("unreachable");
    }
    assert!(!server.came().into_iter().chain(other.came()).any(|pair| pair.contains(TOKEN)));
    // The server sends git on, and the question names the other host.
    scratch.git(&["remote", "set-url", "origin", &format!("{}/acme/shop.git", server.url())]);
    server.redirect(&other.url());
    other.forget();
    let _ = scratch.json(PROMOTE).expect("unreachable");
    assert_eq!((other.requests() > 0, other.came()), (true, vec![]));
    // The configuration turns the address elsewhere.
    scratch.git(&["config", &format!("url.{}/.insteadOf", other.url()), &format!("{}/", server.url())]);
    other.forget();
    let _ = scratch.json(PROMOTE).expect("unreachable");
    assert_eq!((other.requests() > 0, other.came()), (true, vec![]));
}

/// A helper of one's own is asked alone: what it does not have is not put into it either.
#[test]
fn what_git_was_set_up_with_goes_before() {
    let (mut scratch, server) = plain();
    scratch.set("GITHUB_TOKEN", "ghs_NotOpenSesame012345");
    let store = scratch.path("home/store").display().to_string();
    scratch.git(&["config", "credential.helper", &format!("store --file {store}")]);
    let _ = scratch.json(PROMOTE).expect("unreachable");
    assert_eq!((server.came(), std::path::Path::new(&store).exists()), (vec![], false));
    std::fs::write(&store, format!("http://ann:{TOKEN}@{}\n", server.address)).unwrap();
    let _ = scratch.json(PROMOTE).expect("moved");
    assert!(server.came().iter().all(|pair| *pair == format!("ann:{TOKEN}")));
    scratch.git(&["config", "--unset", "credential.helper"]);
    let askpass = scratch.path("bin-askpass");
    std::fs::write(&askpass, format!("#!/bin/sh\ncase \"$1\" in Username*) echo bob ;; *) echo {TOKEN} ;; esac\n")).unwrap();
    std::fs::set_permissions(&askpass, PermissionsExt::from_mode(0o755)).unwrap();
    server.forget();
    scratch.set("GIT_ASKPASS", &askpass.display().to_string());
    let _ = scratch.json(&["hold", "--channel", "local_dev", "--reason", "later"]).expect("moved");
    assert!(server.came().iter().all(|pair| *pair == format!("bob:{TOKEN}")));
}

const INSTALLATION: &str = r#"{ "id": 99, "permissions": { "contents": "write", "issues": "write", "metadata": "read" } }"#;

/// A token that could push is asked for where something is pushed, and nowhere else.
#[test]
fn only_a_push_gets_a_token_that_writes() {
    let (mut scratch, server) = plain();
    let api = Server::start();
    let token = |name: &str| Reply::status(201, &json!({ "token": name, "expires_at": "2126-11-21T11:00:00Z" }).to_string());
    api.set("/api/repos/acme/shop/installation", Reply::json(INSTALLATION));
    api.set("/api/app/installations/99/access_tokens", Reply::Then(vec![token("ghs_read_0123"), token("ghs_write_0123")]));
    server.accept(&["ghs_read_0123", "ghs_write_0123"]);
    let key = Key::of_apps().pem.clone();
    scratch.set("TAGWARDEN_APP_ID", "4711").set("TAGWARDEN_APP_KEY", &key).set("GITHUB_API_URL", &format!("{}/api", api.url()));
    let asked = |api: &Server| -> Vec<serde_json::Value> {
        let log = api.log();
        let bodies = log.iter().filter(|request| !request.body.is_empty());
        bodies.map(|request| serde_json::from_slice::<serde_json::Value>(&request.body).unwrap()["permissions"].clone()).collect()
    };
    let (read, write) = (json!({ "contents": "read", "metadata": "read" }), json!({ "contents": "write", "metadata": "read" }));
    let _ = scratch.json(PROMOTE).expect("moved");
    assert_eq!(asked(&api), [read.clone(), write]);
    api.forget();
    api.set("/api/app/installations/99/access_tokens", token("ghs_read_0123"));
    let _ = scratch.run(&["status"]);
    assert_eq!(asked(&api), [read]);
}

/// A GitHub App's token is fetched when git asks for it, and renewed before it ends.
#[tokio::test]
async fn an_app_s_token_is_renewed_between_two_talks() {
    static HAND: AtomicI64 = AtomicI64::new(1_795_255_200);
    let (scratch, server) = plain();
    let api = Server::start();
    let token = |name: &str, end: &str| Reply::status(201, &json!({ "token": name, "expires_at": end }).to_string());
    api.set("/api/repos/acme/shop/installation", Reply::json(INSTALLATION));
    let tokens = "/api/app/installations/99/access_tokens";
    api.set(tokens, Reply::Then(vec![token("ghs_first_0123", "2026-11-21T11:00:00Z"), token("ghs_second_0123", "2026-11-21T12:00:00Z")]));
    server.accept(&["ghs_first_0123", "ghs_second_0123"]);
    let variables = [
        ("PATH", std::env::var("PATH").unwrap()),
        ("TMPDIR", scratch.path("tmp").display().to_string()),
        ("GIT_CONFIG_GLOBAL", "/dev/null".to_owned()),
        ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
        ("GITHUB_SERVER_URL", server.url()),
        ("GITHUB_API_URL", format!("{}/api", api.url())),
        ("GITHUB_GRAPHQL_URL", format!("{}/graphql", api.url())),
        ("TAGWARDEN_APP_ID", "4711".to_owned()),
        ("TAGWARDEN_APP_KEY", Key::of_apps().pem.clone()),
    ];
    let world = World::open(&scratch.path("work"), Clock::by_hand(&HAND), EnvVars::of(variables)).await.unwrap();
    assert!(api.log().is_empty());
    let git = world.proving(env!("CARGO_BIN_EXE_tagwarden").into()).git;
    git.ls_remote("origin", &["refs/heads/main"]).await.unwrap();
    git.ls_remote("origin", &["refs/heads/main"]).await.unwrap();
    let mut came = server.came();
    came.dedup();
    assert_eq!((came, api.log().len()), (vec!["x-access-token:ghs_first_0123".to_owned()], 2));
    // Five minutes before its end.
    HAND.store(1_795_255_200 + 3_301, Ordering::SeqCst);
    server.forget();
    git.ls_remote("origin", &["refs/heads/main"]).await.unwrap();
    assert!(server.came().iter().all(|pair| pair == "x-access-token:ghs_second_0123"));
    // No token: the reason is GitHub's, not git's.
    HAND.store(1_795_255_200 + 7_200, Ordering::SeqCst);
    api.set("/api/repos/acme/shop/installation", Reply::status(404, "{}"));
    let fault = git.ls_remote("origin", &["refs/heads/main"]).await.unwrap_err();
    assert!(fault.message.contains("git was given no token: the App is not installed on acme/shop"), "{fault:?}");
}
