//! What `init` writes, filled in as a user would and run by the built program: every gate passes a sound deployment, and is seen to
//! fail for each thing that its comments and its section of the document say. What they say is not proved is seen to pass.

use crate::common::{
    Scratch, findings,
    server::{Reply, Server},
};
use serde_json::{Value, json};

const HEALTH: &str = "/api/health";
const KEYS: &str = "/.well-known/jwks.json";
const RECEIPTS: &str = "/api/receipts/verify";
const LINEAGE: &str = "/api/replay/lineage";

/// The variables of a deployment on staging, as the template's table has them.
const VARIABLES: &[(&str, &str)] = &[
    ("APP_CHANNEL", "staging"),
    ("DATABASE_URL", "postgres://db.example.com/app"),
    ("AUTH_PUBLISHABLE_KEY", "pk_test_0123456789"),
    ("AUTH_SECRET_KEY", "sk_test_0123456789"),
    ("SIGNING_PUBLIC_JWK", "public-part"),
    ("SIGNING_PRIVATE_JWK", "private-part"),
    ("SIGNING_KEY_ID", "k1"),
    ("ALLOWED_ORIGINS", "https://www.example.com"),
];

/// A repository that `init` with these arguments filled, with a deployment, a release and what its reviewer said.
struct Site {
    scratch: Scratch,
    server: Server,
    gates: &'static str,
}

impl Site {
    fn new(gates: &'static str, more: &[&str]) -> Site {
        let server = Server::start();
        let mut scratch = Scratch::new();
        for name in ["operator", "reviewer"] {
            scratch.key(name);
        }
        let key = scratch.path("keys/operator").display().to_string();
        for (name, value) in [("user.email", "operator@example.com"), ("gpg.format", "ssh"), ("user.signingkey", &key)] {
            scratch.git(&["config", name, value]);
        }
        scratch.run(&[&["init", "--gates", gates], more].concat()).ok();
        let signers = format!("{gates}/allowed_signers");
        scratch.write(&signers, scratch.read(&signers) + &scratch.allowed_signers(&["reviewer"]));
        scratch.edit(&format!("{gates}/protocol.yaml"), "https://staging.example.com", &server.url());
        scratch.edit("protocol-docs/promotion.md", "https://staging.example.com", &server.url());
        // A dump without a database: the template says to put one's own command there.
        let audit = format!("{gates}/60-audit.yaml");
        scratch.edit(&audit, "pg_dump --format=custom --file=\"$TAGWARDEN_SCRATCH/data.dump\" \"$DATABASE_URL\"", "sh -c \"$DUMP\"");
        scratch.edit(&audit, "pg_restore --list \"$TAGWARDEN_SCRATCH/data.dump\"", "sh -c \"$LIST\"");
        scratch.edit(&audit, "env: [DATABASE_URL]", "env: [DUMP, LIST]");
        scratch.commit("Add the protocol");
        scratch.push();
        scratch.sign_as("operator");
        scratch.json(&["policy", "adopt", "--gates", gates, "--reason", "start"]).expect("moved");
        scratch.json(&["stage", "v1.0.0", "--gates", gates, "--at", "HEAD"]).expect("moved");
        scratch.sign_as("reviewer");
        scratch.json(&["verdict", "record", "SAFE", "--gates", gates, "--release", "v1.0.0"]).expect("moved");
        scratch.sign_as("operator");
        let site = Site { scratch, server, gates };
        site.answer_soundly();
        site
    }

    fn answer_soundly(&self) {
        self.set(HEALTH, json!({ "runtime_channel": "staging", "config": { "auth": { "enabled": true, "mode": "test" } } }));
        self.set(KEYS, json!({ "keys": [{ "kty": "EC", "crv": "P-256", "kid": "k1", "x": "x", "y": "y" }] }));
        self.server.set(RECEIPTS, Reply::status(400, "{}"));
        self.set(LINEAGE, lineage("0a"));
    }

    fn set(&self, path: &str, body: Value) {
        self.server.set(path, Reply::json(&body.to_string()));
    }

    /// Verifies one gate on staging; `over` are variables instead of the sound ones, an empty value takes one away.
    #[track_caller]
    fn verify(&self, gate: &str, over: &[(&str, &str)], at: &[&str]) -> (String, Vec<String>) {
        let sound = VARIABLES.iter().chain(&[("DUMP", "echo data >\"$TAGWARDEN_SCRATCH/data.dump\""), ("LIST", "echo table")]);
        let kept = sound.filter(|(name, _)| !over.iter().any(|(other, _)| other == name));
        let variables: Vec<(&str, &str)> = kept.chain(over).filter(|(_, value)| !value.is_empty()).copied().collect();
        let line = [&["verify", "--gates", self.gates, "--channel", "staging", "--effects", "--gate", gate], at].concat();
        let answer = self.scratch.json_with(&line, &variables);
        let codes = findings(&answer.value).into_iter().filter(|finding| finding["severity"] == "error");
        (answer.reason().to_owned(), codes.filter_map(|finding| Some(finding["code"].as_str()?.to_owned())).collect())
    }

    #[track_caller]
    fn passes(&self, gate: &str, over: &[(&str, &str)]) {
        assert_eq!(self.verify(gate, over, AT), ("passed".to_owned(), Vec::new()), "{gate} with {over:?}");
    }

    #[track_caller]
    fn stops(&self, gate: &str, over: &[(&str, &str)], reason: &str, code: &str) {
        let (found, codes) = self.verify(gate, over, AT);
        assert_eq!(found, reason, "{gate} with {over:?}: {codes:?}");
        assert!(codes.iter().any(|found| found == code), "{gate} with {over:?}: no {code} among {codes:?}");
    }
}

const AT: &[&str] = &["--at", "HEAD"];

fn lineage(byte: &str) -> Value {
    json!({ "lineage": { "event_digest": format!("sha256:{}", byte.repeat(32)), "replay_of": "e1", "comprehensive": true } })
}

fn health(channel: &str, mode: &str, enabled: Value) -> Value {
    json!({ "runtime_channel": channel, "config": { "auth": { "enabled": enabled, "mode": mode } } })
}

#[test]
#[ignore = "takes half a minute; `tests/full ledger` runs it"]
fn each_gate_of_the_full_set_fails_for_what_it_says() {
    let site = Site::new("gates", &[]);
    for gate in ["env", "channel", "auth-keys", "trust-endpoints", "replay", "audit", "verdicts", "docs"] {
        site.passes(gate, &[]);
    }

    for (name, value, code) in [
        ("APP_CHANNEL", "production", "env/literal"),
        ("DATABASE_URL", "mysql://db.example.com/app", "env/prefix"),
        ("DATABASE_URL", "", "env/missing"),
        ("AUTH_PUBLISHABLE_KEY", "pk_live_0123456789", "env/prefix"),
        ("AUTH_SECRET_KEY", "sk_live_0123456789", "env/disagree"),
        ("SIGNING_KEY_ID", "", "env/incomplete-set"),
        ("ALLOWED_ORIGINS", "", "env/missing"),
    ] {
        site.stops("env", &[(name, value)], "gate_failed", code);
    }

    site.stops("channel", &[("APP_CHANNEL", "production")], "gate_failed", "channel/mismatch");
    site.stops("channel", &[("APP_CHANNEL", "moon")], "gate_failed", "channel/bad-override");
    // Without the override the rules decide: nothing set is the first channel.
    site.stops("channel", &[("APP_CHANNEL", "")], "gate_failed", "channel/mismatch");
    site.set(HEALTH, health("production", "test", json!(true)));
    site.stops("channel", &[], "gate_failed", "channel/endpoint-mismatch");
    site.set(HEALTH, json!({}));
    site.stops("channel", &[], "gate_failed", "channel/not-reported");

    site.stops("auth-keys", &[], "gate_inconclusive", "http/undecided");
    site.set(HEALTH, health("staging", "live", json!(true)));
    site.stops("auth-keys", &[], "gate_failed", "http/jq");
    site.set(HEALTH, health("staging", "test", json!(false)));
    site.stops("auth-keys", &[], "gate_failed", "http/jq");
    site.set(HEALTH, health("staging", "test", json!("false")));
    site.stops("auth-keys", &[], "gate_inconclusive", "http/undecided");

    let key = |kid: &str| json!({ "keys": [{ "kty": "EC", "kid": kid }] });
    for keys in [json!({ "keys": [] }), json!({ "keys": [{ "kid": "k1", "d": "private" }] }), key("")] {
        site.set(KEYS, keys);
        site.stops("trust-endpoints", &[], "gate_failed", "http/jq");
    }
    // Two instances that each made a key of their own.
    let body = |kid: &str| Reply::json(&key(kid).to_string());
    site.server.set(KEYS, Reply::Then(vec![body("one"), body("two")]));
    site.stops("trust-endpoints", &[], "gate_failed", "http/jq");
    site.answer_soundly();
    for status in [200, 404] {
        site.server.set(RECEIPTS, Reply::status(status, "{}"));
        site.stops("trust-endpoints", &[], "gate_failed", "http/status");
    }

    site.set(LINEAGE, lineage("00"));
    site.stops("replay", &[], "gate_failed", "http/jq");
    for (member, value, reason, code) in [
        ("event_digest", json!("sha256:short"), "gate_failed", "http/jq"),
        ("event_digest", json!(null), "gate_inconclusive", "http/undecided"),
        ("replay_of", json!(null), "gate_failed", "http/jq"),
        ("comprehensive", json!(false), "gate_failed", "http/jq"),
        ("comprehensive", json!("true"), "gate_inconclusive", "http/undecided"),
    ] {
        let mut body = lineage("0a");
        body["lineage"][member] = value;
        site.set(LINEAGE, body);
        site.stops("replay", &[], reason, code);
    }

    for (name, script, code) in [
        ("DUMP", "exit 1", "audit/dump-failed"),
        ("DUMP", "true", "audit/dump-missing"),
        ("DUMP", ": >\"$TAGWARDEN_SCRATCH/data.dump\"", "audit/dump-too-small"),
        ("LIST", "exit 1", "audit/list-failed"),
        ("LIST", "true", "audit/list-empty"),
    ] {
        site.stops("audit", &[(name, script)], "gate_failed", code);
    }

    // A verdict is for one commit.
    let release = site.scratch.git(&["rev-parse", "HEAD"]);
    site.scratch.commit("Go on");
    site.stops("verdicts", &[], "gate_failed", "verdict/stale");
    assert_eq!(site.verify("verdicts", &[], &["--at", &release]).0, "passed");

    site.scratch.edit("protocol-docs/promotion.md", "## Gate 3 — Authentication keys are of the right mode", "## Keys");
    site.scratch.commit("Lose a heading");
    let (reason, codes) = site.verify("docs", &[], AT);
    assert!(reason == "gate_failed" && !codes.is_empty(), "{reason}: {codes:?}");
}

/// The limits that the comments name: whoever proves more one day changes them together.
#[test]
fn what_the_comments_call_not_proved_passes() {
    let site = Site::new("gates", &[]);
    let text = |name: &str| site.scratch.read(&format!("gates/{name}"));
    assert!(text("40-trust-endpoints.yaml").contains("# Not proved here: that the key outlives a start of the deployment"));
    site.set(KEYS, json!({ "keys": [{ "kty": "EC", "kid": "made-at-this-start" }] }));
    site.passes("trust-endpoints", &[]);
    assert!(text("50-replay.yaml").contains("Not proved here: that the digest\n# is that of the event"));
    site.set(LINEAGE, lineage("ff"));
    site.passes("replay", &[]);
    assert!(text("60-audit.yaml").contains("Not proved here: that the dump can be restored"));
    site.passes("audit", &[("DUMP", "echo rubbish >\"$TAGWARDEN_SCRATCH/data.dump\"")]);
}

/// The same files in another folder, for another remote's name, with another source of the key.
#[test]
fn flags_of_init_change_no_gate() {
    let site = Site::new("ops/gates", &["--remote", "origin", "--signing-key", "env:TAGWARDEN_SIGNING_KEY"]);
    for gate in ["env", "channel", "auth-keys", "trust-endpoints", "replay", "audit", "verdicts", "docs"] {
        site.passes(gate, &[]);
    }
    site.stops("env", &[("DATABASE_URL", "")], "gate_failed", "env/missing");
    site.set(HEALTH, health("production", "live", json!(true)));
    site.stops("channel", &[], "gate_failed", "channel/endpoint-mismatch");
    site.stops("auth-keys", &[], "gate_failed", "http/jq");
    site.server.set(RECEIPTS, Reply::status(200, "{}"));
    site.stops("trust-endpoints", &[], "gate_failed", "http/status");
    site.set(LINEAGE, lineage("00"));
    site.stops("replay", &[], "gate_failed", "http/jq");
    site.stops("audit", &[("DUMP", "exit 1")], "gate_failed", "audit/dump-failed");
    site.scratch.commit("Go on");
    site.stops("verdicts", &[], "gate_failed", "verdict/stale");
}

#[test]
fn the_gate_of_the_smallest_set_fails_for_what_it_says() {
    for (from, to) in [
        ("## Gate 1 — The protocol document holds", "## Something else"),
        ("`gates/10-docs.yaml` reads", "`gates/10-nothing.yaml` reads"),
        ("## Rolling back", "See [below](#nowhere).\n\n## Rolling back"),
    ] {
        let scratch = Scratch::minimal_unadopted();
        let verify = ["verify", "--channel", "local_dev", "--at", "HEAD"];
        scratch.json(&verify).expect("passed");
        scratch.edit("protocol-docs/promotion.md", from, to);
        scratch.commit("Break the document");
        scratch.json(&verify).expect("gate_failed");
    }
}
