//! Cases of whole gates folders, with a kind of gate of their own, so that they stand whatever kinds there are.

#[cfg(test)]
mod folder;
#[cfg(test)]
mod written;

use super::{
    header::{self, Spec},
    load::load_among,
    *,
};
use crate::{
    domain::{Fault, Finding, Reason, Severity, Verb},
    gate::{
        Checks, Context, Evidence, Gate, Header, Judgement, Kind, Probe, Protocol,
        protocol::{KeySource, ReleaseTags},
    },
    text::{source::Source, yaml::Spanned},
};
use schemars::JsonSchema;
use serde::Deserialize;

#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Ping {
    #[allow(dead_code)]
    to: Spanned<String>,
}

impl Spec for Ping {
    const KEY: &'static str = "ping";
}

impl Gate for Ping {
    fn asks(&self, _: &Context, _: &Evidence) -> Vec<Probe> {
        Vec::new()
    }

    fn judge(&self, _: &Context, _: &Evidence) -> Judgement {
        Checks::new().judge("ping")
    }
}

fn read_ping(source: &Source) -> crate::domain::Result<(Header, Box<dyn Gate>)> {
    let (header, ping) = header::read_among::<Ping>(source, TEST_KINDS)?;
    Ok((header, Box::new(ping)))
}

static PING: Kind = Kind {
    id: "ping",
    about: "does it answer?",
    page: "",
    codes: &[],
    verbs: &[Verb::Promote],
    writes: false,
    read: read_ping,
    schema: |generator| Ping::json_schema(generator),
};

static PONG: Kind = Kind { id: "pong", ..PING };

static TEST_KINDS: &[&Kind] = &[&PING, &PONG];

const MINIMAL: &str = "\
version: 1
packages:
  web: { release_tag: \"v{version}\" }
release_branches: [main]
channels:
  local_dev: { tag: \"channel/{channel}\" }
signing: { key: none }
";

const GATE: &str = "title: T\nping: { to: here }\n";

/// Every key that the format knows.
const WHOLE: &str = r#"version: 1
packages:
  web: { release_tag: "v{version}", default: true }
release_branches: [main]
channels:
  local_dev:  { tag: "channel/{channel}", rules: [{ name: default, when: 'true' }] }
  staging:    { tag: "channel/{channel}", base_url: "https://staging.example.com", after: local_dev }
  production:
    tag: "channel/{channel}"
    base_url: "https://example.com/app/"
    after: staging
    rules: [{ name: explicit, when: '$env.APP_CHANNEL == "production"' }]
ledger: { branch: tagwarden/ledger }
remote: origin
signing: { key: "env:TAGWARDEN_SIGNING_KEY" }
release_tags: signed
roles:
  promoters: { who: ["ssh:release@example.com", "permission:maintain"], may: [stage, promote, rollback], on: [staging, production] }
automation: ["ssh:ci@example.com"]
redact: ['.. | .token?']
documents: { protocol: [protocol-docs/promotion.md], archive: [], log: [], foreign: { other/: example } }
lock: protocol-docs/tagwarden.lock
kinds: {}
reviewers: { ada: { type: user, id: 199175422, app: 1144995, approves: [review, "comment:All good"] } }
comment: { prefix: "/tw-", max_age: 5m, require_sha: false, release_issue: 12 }
hooks: { after_move: [] }
"#;

const SIGNERS: &str = "\
release@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMqXgRLKG73K+sIxs5oj3E2nhu/4FHxOcrmAd4Wv7ki7
ci@example.com ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAID4j6BYAOVlKM4lPZWThsTSLvXoAiNQsSstz7q7VnACd
";

fn files(files: &[(&str, &str)]) -> GateFiles {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
    GateFiles { files, root: "gates".to_owned() }
}

fn load_texts(texts: &[(&str, &str)]) -> Result<Protocol, Fault> {
    load_among(&files(texts), TEST_KINDS)
}

/// `code file:line:column-end |source line|` of each error.
fn refusals(texts: &[(&str, &str)]) -> Vec<String> {
    let fault = load_texts(texts).map(|_| ()).expect_err(&format!("{texts:?}"));
    assert_eq!(fault.reason, Reason::BadConfig);
    assert!(fault.findings.iter().all(|finding| finding.severity == Severity::Error));
    fault.findings.iter().map(shown).collect()
}

fn shown(finding: &Finding) -> String {
    let place = finding.place.clone().unwrap();
    let file = place.file.strip_prefix("gates/").unwrap();
    let end = place.end_column.map(|end| end.to_string()).unwrap_or_default();
    format!("{} {file}:{}:{}-{end} |{}|", finding.code, place.line, place.column, place.source.unwrap())
}
