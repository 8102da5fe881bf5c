//! `doctor --github` on the model: a repository that is set up, and each setting taken away.

use super::{
    hosted::Hosted,
    model::{App, GitHub, Key, Repository},
    rulesets::create,
};
use crate::common::{NOW, findings};
use insta::assert_snapshot;
use serde_json::Value;
use std::collections::BTreeSet;
use tagwarden::cli::explain;

const PROTOCOL: &str = r#"version: 1
packages: { app: { release_tag: "v{version}", default: true } }
release_branches: [main]
channels: { test: { tag: "channel/{channel}" }, live: { tag: "channel/{channel}", after: test } }
signing: { key: none }
release_tags: any
"#;
const WORKFLOW: &str = "\
name: verify
on: [pull_request]
permissions: {}
jobs:
  verify:
    runs-on: ubuntu-24.04
    steps:
      - uses: actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd
        with:
          fetch-depth: 0
      - run: tagwarden verify
";
const FILES: &[(&str, &str)] = &[
    ("gates/protocol.yaml", PROTOCOL),
    ("gates/10-tree.yaml", "title: The tree is there\ncommand: [ { run: [\"true\"] } ]\n"),
    (".github/workflows/verify.yml", WORKFLOW),
];
const ENVIRONMENT: Option<&[(&str, &str)]> = Some(&[("branch", "main")]);
const MAY: &[(&str, &str)] = &[
    ("administration", "read"),
    ("checks", "read"),
    ("contents", "write"),
    ("issues", "write"),
    ("members", "read"),
    ("pull_requests", "read"),
    ("statuses", "read"),
];

/// A repository that is set up, the App that moves in it, and whoever asks: an administrator who has the App's key.
fn set_up() -> (Hosted, App) {
    let hub = GitHub::new();
    hub.set_now(NOW);
    let app = hub.app("deployer");
    app.install_on(&hub.repo(), MAY);
    let mut hosted = Hosted::new(hub, FILES);
    let genesis = hosted.scratch.remote_refs()["refs/heads/tagwarden/ledger"].clone();
    let repo = hosted.hub.repo().public().environment("promotion", ENVIRONMENT).variable(Some("promotion"), "TAGWARDEN_GENESIS", &genesis);
    repo.immutable_releases(true);
    let text = hosted.scratch.run(&["init", "--rulesets", "--app", &app.id.to_string()]).ok();
    create(&hosted.hub, &serde_json::from_str::<Vec<Value>>(&text).unwrap());
    let number = app.id.to_string();
    hosted.scratch.set("TAGWARDEN_APP_ID", &number).set("TAGWARDEN_APP_KEY", &Key::of_apps().pem);
    (hosted, app)
}

fn told(hosted: &Hosted, app: &App) -> String {
    let said = hosted.scratch.run(&["doctor", "--github", "--wide"]).all();
    let said = said.replace(&hosted.hub.url()[7..], "HOST").replace(&app.id.to_string(), "APP");
    hosted.scratch.remote_refs().values().fold(said, |said, oid| said.replace(oid, "OID").replace(&oid[..10], "OID"))
}

#[test]
fn a_repository_that_is_set_up_passes() {
    let (hosted, app) = set_up();
    assert_snapshot!(told(&hosted, &app), @r"
      ✓  repository          git answers, whole clone
      ✓  gates/              1 gates, 2 channels
      ✓  remote              origin answers
      ✓  ledger              1 entries verify, head OID
      ✓  pin                 entry 0 is the pinned one
      –  signer              signing: none, so entries prove nothing about who wrote them
      ✓  policy              the committed gates/ are in force (version 1)
      ✓  atomic push         the server offers it
      ✓  tags                every tag is where the ledger says
      ✓  github              example/app answers
      ✓  rulesets            release tags never move
      ✓  rulesets            the ledger only grows
      ✓  rulesets            the App alone moves channel tags
      ✓  rulesets            the App alone writes entries
      ✓  app                 App APP is installed and may move refs
      ✓  environment         `promotion` is limited to main, and somebody approves each job
      ✓  genesis pin         TAGWARDEN_GENESIS of the environment `promotion` is the entry 0 that is pinned here
      –  secrets             whether the environment `promotion` has its secrets is not known: GitHub shows them to nobody
      ✓  workflow token      reads by default, and approves nothing
      ✓  channel tags        none carries a release
      ✓  immutable releases  what is published stays as it is
      ✓  workflows           1 read: actions are pinned, and Tagwarden has history and permissions
    signing: none

    done (passed). Nothing stands in the way.
    -- exit 0
    ");
}

#[test]
fn each_setting_that_is_missing_is_named() {
    type Change<'a> = &'a dyn Fn(&Hosted, &App, Repository);
    let cases: &[(&str, &str, Change)] = &[
        ("github/ruleset-missing", "findings", &|_, _, repo| repo.remove_ruleset("Tagwarden: release tags")),
        ("github/ruleset-missing", "findings", &|_, _, repo| drop(repo.enforce("Tagwarden: channel tags", "evaluate"))),
        ("github/ruleset-open", "findings", &|_, _, repo| drop(repo.let_past("Tagwarden: ledger", "RepositoryRole", 5))),
        ("github/ruleset-open", "findings", &|hosted, _, repo| {
            drop(repo.let_past("Tagwarden: channel tags", "Integration", hosted.hub.app("other").id));
        }),
        ("github/ruleset-bars-app", "findings", &|_, _, repo| {
            drop(repo.ruleset("All tags", "tag", &["~ALL"], &["non_fast_forward"], &[]));
        }),
        ("github/unknown", "unreachable", &|_, app, repo| {
            drop(repo.ruleset("All tags", "tag", &["refs/tags/channel/*"], &["commit_message_pattern"], &[]));
            assert!(app.id > 0);
        }),
        ("github/environment-missing", "findings", &|hosted, _, repo| {
            repo.remove_environment("promotion");
            let genesis = hosted.scratch.remote_refs()["refs/heads/tagwarden/ledger"].clone();
            drop(repo.variable(None, "TAGWARDEN_GENESIS", &genesis));
        }),
        ("github/environment-open", "findings", &|_, _, repo| drop(repo.change_environment("promotion", None))),
        ("github/environment-open", "findings", &|_, _, repo| {
            drop(repo.change_environment("promotion", Some(&[("branch", "main"), ("branch", "release/*")])));
        }),
        ("github/environment-open", "findings", &|_, _, repo| drop(repo.change_environment("promotion", Some(&[("tag", "main")])))),
        ("github/environment-open", "findings", &|_, _, repo| drop(repo.change_environment("promotion", Some(&[])))),
        ("github/genesis-missing", "findings", &|_, _, repo| repo.remove_variable("promotion", "TAGWARDEN_GENESIS")),
        ("github/genesis-other", "findings", &|_, _, repo| {
            drop(repo.variable(Some("promotion"), "TAGWARDEN_GENESIS", "ghs_SomethingElse"));
        }),
        ("github/token-writes", "findings", &|_, _, repo| drop(repo.workflows("write", false))),
        ("github/token-approves", "findings", &|_, _, repo| drop(repo.workflows("read", true))),
        ("github/releases-mutable", "findings", &|_, _, repo| drop(repo.immutable_releases(false))),
        ("github/channel-release", "findings", &|hosted, _, repo| drop(repo.release(&hosted.hub.user("mover"), "channel/live"))),
        ("github/app-missing", "findings", &|_, app, _| app.uninstall()),
        ("github/app-permission", "findings", &|_, app, repo| {
            app.uninstall();
            app.install_on(&repo, &[("contents", "read")]);
        }),
        ("github/action-unpinned", "findings", &|hosted, _, _| {
            let pinned = "de0fac2e4500dabe0009e67214ff5f5447ce83dd";
            hosted.scratch.write(".github/workflows/verify.yml", WORKFLOW.replace(pinned, "v6"));
        }),
        ("github/shallow-checkout", "findings", &|hosted, _, _| {
            hosted.scratch.write(".github/workflows/verify.yml", WORKFLOW.replace("fetch-depth", "ref"));
        }),
        ("github/no-workflow", "findings", &|hosted, _, _| {
            std::fs::remove_file(hosted.scratch.path("work/.github/workflows/verify.yml")).unwrap();
        }),
    ];
    for (code, reason, change) in cases {
        let (hosted, app) = set_up();
        change(&hosted, &app, hosted.hub.repo());
        let answer = hosted.scratch.json(&["doctor", "--github"]).expect(reason);
        let found = findings(&answer);
        // What depends on it is not known either, and git gets no token of an App that is not there.
        let is_other = |found: &&str| !["doctor/check", "github/unknown"].contains(found) || found == code;
        let codes: BTreeSet<&str> = found.iter().map(|finding| finding["code"].as_str().unwrap()).filter(is_other).collect();
        assert_eq!(codes, BTreeSet::from([*code]), "{answer:#}");
        assert!(explain::knows(code), "{code}");
        let has_help = |finding: &&Value| finding["help"].as_str().is_some_and(|help| !help.is_empty());
        assert!(found.iter().all(has_help), "{answer:#}");
        assert!(!answer.to_string().contains("ghs_SomethingElse"), "{answer:#}");
    }
}

/// Whoever may see less knows less, and it does not pass.
#[test]
fn what_is_not_shown_is_not_known() {
    let (mut hosted, app) = set_up();
    hosted.scratch.unset("GITHUB_TOKEN");
    assert_snapshot!(told(&hosted, &app), @r"
      ✓  repository          git answers, whole clone
      ✓  gates/              1 gates, 2 channels
      ✓  remote              origin answers
      ✓  ledger              1 entries verify, head OID
      ✓  pin                 entry 0 is the pinned one
      –  signer              signing: none, so entries prove nothing about who wrote them
      ✓  policy              the committed gates/ are in force (version 1)
      ✓  atomic push         the server offers it
      ✓  tags                every tag is where the ledger says
      ✓  github              example/app answers
      ?  rulesets
      ?  rulesets
      ?  rulesets
      ?  rulesets
      ?  rulesets
      ✓  app                 App APP is installed and may move refs
      ✓  environment         `promotion` is limited to main, and somebody approves each job
      ?  genesis pin
      –  secrets             whether the environment `promotion` has its secrets is not known: GitHub shows them to nobody
      ✓  workflow token      reads by default, and approves nothing
      ✓  channel tags        none carries a release
      ✓  immutable releases  what is published stays as it is
      ✓  workflows           1 read: actions are pinned, and Tagwarden has history and permissions

    error[github/unknown]: rulesets: not known: release tags never move: of `Tagwarden: release tags`, whom they let past is not shown to this token
    error[github/unknown]: rulesets: not known: the ledger only grows: of `Tagwarden: ledger`, whom they let past is not shown to this token
    error[github/unknown]: rulesets: not known: the App alone moves channel tags: of `Tagwarden: channel tags`, whom they let past is not shown to this token
    error[github/unknown]: rulesets: not known: the App alone writes entries: of `Tagwarden: ledger entries`, whom they let past is not shown to this token
    error[github/unknown]: rulesets: not known: whether the App is let past: `Tagwarden: channel tags` refs/tags/channel/test (creation), `Tagwarden: channel tags` refs/tags/channel/test (update), `Tagwarden: channel tags` refs/tags/channel/live (creation), `Tagwarden: channel tags` refs/tags/channel/live (update), `Tagwarden: ledger entries` refs/heads/tagwarden/ledger (update)
    error[github/unknown]: genesis pin: not known: the token lacks a permission; GitHub asks for environments: read: Resource not accessible by integration
    signing: none

    stop (unreachable). Run it as an administrator of the repository, with GH_TOKEN set: `GH_TOKEN=$(gh auth token) tagwarden doctor --github`
    -- exit 3
    ");

    let reader = hosted.hub.user("reader");
    let limited = hosted.hub.limited_token(&reader, &[("contents", "read")]);
    hosted.scratch.set("GITHUB_TOKEN", &limited).unset("TAGWARDEN_APP_ID").unset("TAGWARDEN_APP_KEY");
    assert_snapshot!(told(&hosted, &app), @r"
      ✓  repository          git answers, whole clone
      ✓  gates/              1 gates, 2 channels
      ✓  remote              origin answers
      ✓  ledger              1 entries verify, head OID
      ✓  pin                 entry 0 is the pinned one
      –  signer              signing: none, so entries prove nothing about who wrote them
      ✓  policy              the committed gates/ are in force (version 1)
      ?  atomic push
      ✓  tags                every tag is where the ledger says
      ✓  github              example/app answers
      ?  rulesets
      ?  rulesets
      ?  rulesets
      ?  rulesets
      ?  rulesets
      ?  app
      ✓  environment         `promotion` is limited to main, and somebody approves each job
      ?  genesis pin
      –  secrets             whether the environment `promotion` has its secrets is not known: GitHub shows them to nobody
      ?  workflow token
      ✓  channel tags        none carries a release
      ?  immutable releases
      ✓  workflows           1 read: actions are pinned, and Tagwarden has history and permissions

    error[doctor/check]: atomic push: remote `origin` could not be read: these credentials may not do this (403): a token that may only read, or an archived repository: fatal: unable to access 'http://HOST/example/app.git/': The requested URL returned error: 403; git was given the token of GITHUB_TOKEN
      help: use a token that may write (GitHub Actions: `permissions: contents: write`), and see on the server whether the repository is archived
    error[github/unknown]: rulesets: not known: release tags never move: of `Tagwarden: release tags`, whether they let past the right App alone cannot be told
      help: name the App: `tagwarden doctor --github --app NUMBER`
    error[github/unknown]: rulesets: not known: the ledger only grows: of `Tagwarden: ledger`, whether they let past the right App alone cannot be told
      help: name the App: `tagwarden doctor --github --app NUMBER`
    error[github/unknown]: rulesets: not known: the App alone moves channel tags: of `Tagwarden: channel tags`, whether they let past the right App alone cannot be told
      help: name the App: `tagwarden doctor --github --app NUMBER`
    error[github/unknown]: rulesets: not known: the App alone writes entries: of `Tagwarden: ledger entries`, whether they let past the right App alone cannot be told
      help: name the App: `tagwarden doctor --github --app NUMBER`
    error[github/unknown]: rulesets: not known: whether the App is let past: `Tagwarden: channel tags` refs/tags/channel/test (creation), `Tagwarden: channel tags` refs/tags/channel/test (update), `Tagwarden: channel tags` refs/tags/channel/live (creation), `Tagwarden: channel tags` refs/tags/channel/live (update), `Tagwarden: ledger entries` refs/heads/tagwarden/ledger (update)
      help: name the App: `tagwarden doctor --github --app NUMBER`
    error[github/unknown]: app: not known: how the App is installed
      help: set TAGWARDEN_APP_ID and TAGWARDEN_APP_KEY as well: GitHub tells only the App itself
    error[github/unknown]: genesis pin: not known: the token lacks a permission; GitHub asks for environments: read: Resource not accessible by integration
      help: run it as an administrator of the repository, with GH_TOKEN set: `GH_TOKEN=$(gh auth token) tagwarden doctor --github`
    error[github/unknown]: workflow token: not known: the token lacks a permission; GitHub asks for administration: read: Resource not accessible by integration
      help: run it as an administrator of the repository, with GH_TOKEN set: `GH_TOKEN=$(gh auth token) tagwarden doctor --github`
    error[github/unknown]: immutable releases: not known: the token lacks a permission; GitHub asks for administration: read: Resource not accessible by integration
      help: run it as an administrator of the repository, with GH_TOKEN set: `GH_TOKEN=$(gh auth token) tagwarden doctor --github`
    signing: none

    stop (unreachable). Read the findings.
    -- exit 3
    ");

    hosted.scratch.unset("GITHUB_SERVER_URL");
    let answer = hosted.scratch.json(&["doctor", "--github"]).expect("unreachable");
    assert!(crate::common::finding(&answer, "github/unknown").to_string().contains("GITHUB_SERVER_URL is not set"), "{answer:#}");
}
