//! Recorded answers of real endpoints, replayed by a server that is not ours: the good ones let a release pass, and each
//! defective one ends in its own named finding while no ref moves.
//!
//! The bodies are made here. Where `TAGWARDEN_SAMPLES` (default: `../shared/samples/vitalcv` beside the repository) names a
//! folder with bodies of the same names, those run through the very same cases too; standard error says which ran.

use crate::common::{
    Scratch, exit_code_of, findings,
    server::{Reply, Server},
};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use std::{collections::BTreeMap, io::Write, path::PathBuf};

#[test]
fn bodies_made_here() {
    replay(&Bodies::made());
    say("the shapes made by the test ran");
}

#[test]
fn bodies_of_the_sample_folder() {
    let named = std::env::var_os("TAGWARDEN_SAMPLES").map(PathBuf::from);
    let folder = named.clone().unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/samples/vitalcv"));
    if !folder.is_dir() {
        assert!(named.is_none(), "TAGWARDEN_SAMPLES names no folder");
        say("there is no sample folder; only the shapes made by the test ran");
        return;
    }
    replay(&Bodies::of_folder(&folder));
    say("the bodies of the sample folder ran");
}

/// Past the capture of the test runner: which bodies ran is worth knowing when all is well, too.
fn say(what: &str) {
    let _ = writeln!(std::io::stderr(), "endpoints: {what}");
}

/// Bodies by the name of their file, without `.json`.
struct Bodies(BTreeMap<String, String>);

impl Bodies {
    fn of_folder(folder: &std::path::Path) -> Bodies {
        let read = |name: &&str| {
            let path = folder.join(format!("{name}.json"));
            (name.to_string(), std::fs::read_to_string(&path).unwrap_or_else(|why| panic!("{}: {why}", path.display())))
        };
        Bodies(NAMES.iter().map(read).collect())
    }

    fn get(&self, name: &str) -> &str {
        &self.0[name]
    }

    fn value(&self, name: &str) -> Value {
        serde_json::from_str(self.get(name)).unwrap()
    }

    fn made() -> Bodies {
        let health = |channel: Option<&str>, mode: &str| {
            let mut body = json!({
                "status": "ok", "service": "web", "timestamp": "2026-11-21T09:59:58.000Z",
                "config": { "apiBase": true, "clerk": { "enabled": mode != "none", "mode": mode }, "sentry": false },
            });
            if let Some(channel) = channel {
                body["runtime_channel"] = channel.into();
            }
            body
        };
        let status = |missing: &[&str]| {
            let subsystems =
                ["auth", "es256-signing", "database"].map(|name| json!({ "subsystem": name, "present": !missing.contains(&name) }));
            json!({
                "observedAt": "2026-11-21T09:59:58.000Z", "subsystems": subsystems, "degradedSubsystems": missing,
                "aggregate": if missing.is_empty() { "ok" } else { "degraded" },
            })
        };
        let key = |kid: &str| {
            json!({
                "kty": "EC", "crv": "P-256", "alg": "ES256", "use": "sig", "kid": kid,
                "x": "MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4", "y": "4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM",
            })
        };
        let mut leaking = key("example-es256-2026-11");
        leaking["d"] = "870MB6gfuTJ4HtUnUvYMyJpr5eUZNP4Bk43bVdj3eAE".into();
        let lineage = |source: &str, digest: &str| {
            let event =
                json!({ "eventId": "evt-7", "eventType": "source_complete", "observedAt": "2026-11-20T03:00:00.000Z", "sourceId": source });
            json!({ "runId": "run-7", "eventDigest": digest, "events": [event], "sealedAt": "2026-11-20T03:00:01.000Z", "comprehensive": true })
        };
        let digest = digest_of(&canonical_lineage(&lineage("first", "")));
        Bodies(
            [
                ("health.production", health(Some("production"), "production")),
                ("health.no-channel-field", health(None, "none")),
                ("health.preview-with-live-key", health(Some("operator_preview"), "production")),
                ("health.proxy-degraded.http500", json!({ "status": "DEGRADED", "gitSha": "unknown", "error": "Health check failed" })),
                ("status-health.ok", status(&[])),
                ("status-health.degraded.http200", status(&["es256-signing"])),
                ("jwks.ok", json!({ "keys": [key("example-es256-2026-11")] })),
                ("jwks.empty", json!({ "keys": [] })),
                ("jwks.leaks-private-d", json!({ "keys": [leaking] })),
                ("jwks.ephemeral-dev-key", json!({ "keys": [key("example-es256-1795255198000")] })),
                ("receipts-verify.empty-body.http400", json!({ "verified": false, "error": "token is required" })),
                (
                    "receipts-verify.bad-sig.http422",
                    json!({ "verified": false, "error": "signature verification failed", "errorCode": "signature_invalid" }),
                ),
                ("replay-lineage.valid", lineage("first", &digest)),
                ("replay-lineage.tampered", lineage("second", &digest)),
            ]
            .into_iter()
            .map(|(name, body)| (name.to_owned(), body.to_string()))
            .collect(),
        )
    }
}

const NAMES: &[&str] = &[
    "health.production",
    "health.no-channel-field",
    "health.preview-with-live-key",
    "health.proxy-degraded.http500",
    "status-health.ok",
    "status-health.degraded.http200",
    "jwks.ok",
    "jwks.empty",
    "jwks.leaks-private-d",
    "jwks.ephemeral-dev-key",
    "receipts-verify.empty-body.http400",
    "receipts-verify.bad-sig.http422",
    "replay-lineage.valid",
    "replay-lineage.tampered",
];

/// What the lineage digest is made of: run and events, keys sorted, no white space. serde_json keeps the order of keys, and
/// the bodies have them sorted but for these two.
fn canonical_lineage(body: &Value) -> String {
    let event = &body["events"][0];
    let member = |name: &str| format!("{}:{}", Value::from(name), event[name]);
    let names = ["eventId", "eventType", "observedAt", "sourceId"];
    assert_eq!(event.as_object().unwrap().len(), names.len(), "{body}");
    assert_eq!(body["events"].as_array().unwrap().len(), 1, "{body}");
    format!(r#"{{"events":[{{{}}}],"runId":{}}}"#, names.map(member).join(","), body["runId"])
}

fn digest_of(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A case: what is changed beside the good answers, and how the promotion to a channel must end.
struct Case {
    name: &'static str,
    channel: &'static str,
    set: Vec<(&'static str, Reply)>,
    gate: &'static str,
    reason: &'static str,
    /// The code of the finding and a word of its message or place.
    finding: (&'static str, &'static str),
}

/// Longer than any answer that comes takes, on whatever machine.
const PATIENT: &str = "1m";

fn replay(bodies: &Bodies) {
    let server = Server::start();
    let good = good_replies(bodies);
    let mut scratch = protocol(bodies, &server.url(), PATIENT);
    scratch.set("APP_CHANNEL", "production");
    let mut seen = BTreeMap::new();
    for case in cases(bodies) {
        stops(&scratch, &server, &good, case, &mut seen);
    }
    // Only what never answers is judged by a limit that a slow machine could exceed.
    let mut hasty = protocol(bodies, &server.url(), "300ms");
    hasty.set("APP_CHANNEL", "production");
    stops(&hasty, &server, &good, endless_wait(), &mut seen);

    good.iter().for_each(|(path, reply)| server.set(path, reply.clone()));
    let moved = scratch.json(&["promote", "v1.0.0", "--channel", "production"]).expect("moved");
    let gates = moved["run"]["gates"].as_array().unwrap();
    assert_eq!(gates.iter().map(|gate| &gate["id"]).collect::<Vec<_>>(), GATES);
    assert!(gates.iter().all(|gate| gate["outcome"] == "passed"));
    assert_eq!(scratch.remote_commit("refs/tags/channel/production"), Some(scratch.git(&["rev-parse", "HEAD"])));
    // The ledger can be judged again when the endpoints are gone.
    drop(server);
    let audit = scratch.json(&["audit", "--rejudge", "all"]).expect("passed");
    let again = audit["rejudged"].as_array().unwrap();
    assert_eq!(again.len(), GATES.len());
    assert!(again.iter().all(|gate| gate["verdict"] == "same"), "{audit:#}");
    let unreachable = scratch.refused_with(
        &["promote", "v1.0.0", "--channel", "operator_preview"],
        &[("APP_CHANNEL", "operator_preview")],
        "gate_inconclusive",
    );
    crate::common::finding(&unreachable, "channel/unreachable");
}

/// What tells one finding from another: its file and line, its code and its message.
type Which = (String, Option<u64>, &'static str, String);

/// A promotion amid good answers but for the case's own: nothing moves, and the finding is no other case's.
fn stops(scratch: &Scratch, server: &Server, good: &[(&'static str, Reply)], case: Case, seen: &mut BTreeMap<Which, &'static str>) {
    good.iter().for_each(|(path, reply)| server.set(path, reply.clone()));
    case.set.iter().for_each(|(path, reply)| server.set(path, reply.clone()));
    server.forget();
    let (refs, before) = (scratch.remote_refs(), scratch.everything());
    let answer = scratch.json_with(&["promote", "v1.0.0", "--channel", case.channel], &[("APP_CHANNEL", case.channel)]);
    let answer = answer.expect(case.reason);
    scratch.unchanged_since(&before);
    assert_eq!(scratch.remote_refs(), refs, "{}", case.name);
    assert_eq!(answer["ledger"], Value::Null, "{}", case.name);
    assert!(!server.log().is_empty(), "{}: nothing was asked", case.name);

    let gates = answer["run"]["gates"].as_array().unwrap();
    let stopped = gates.iter().find(|gate| gate["outcome"] != "passed").unwrap();
    let outcome = if exit_code_of(case.reason) == 3 { "inconclusive" } else { "failed" };
    assert_eq!((&stopped["id"], &stopped["outcome"]), (&case.gate.into(), &outcome.into()), "{}: {stopped:#}", case.name);
    let errors: Vec<&Value> = findings(stopped).into_iter().filter(|finding| finding["severity"] == "error").collect();
    let (code, word) = case.finding;
    let named = errors.iter().find(|finding| finding["code"] == code && finding.to_string().contains(word));
    let named = named.unwrap_or_else(|| panic!("{}: no {code} with `{word}` in {errors:#?}", case.name));
    let which = (named["file"].to_string(), named["line"].as_u64(), code, named["message"].to_string());
    assert_eq!(seen.insert(which, case.name), None, "{}: the finding is no other's", case.name);
    let later = gates.iter().skip_while(|gate| gate["id"] != case.gate).skip(1);
    later.for_each(|gate| assert_eq!(gate["outcome"], "skipped", "{}", case.name));
}

const GATES: [&str; 6] = ["channel", "auth-keys", "status", "keys", "receipts", "replay"];

fn good_replies(bodies: &Bodies) -> Vec<(&'static str, Reply)> {
    let body = |name: &str| Reply::json(bodies.get(name));
    vec![
        ("/api/health", body("health.production")),
        ("/api/status/health", body("status-health.ok")),
        ("/.well-known/jwks.json", body("jwks.ok")),
        ("/api/receipts/verify", Reply::status(400, bodies.get("receipts-verify.empty-body.http400"))),
        ("/api/receipts/verify-signature", Reply::status(422, bodies.get("receipts-verify.bad-sig.http422"))),
        ("/api/replay/lineage", body("replay-lineage.valid")),
    ]
}

fn cases(bodies: &Bodies) -> Vec<Case> {
    let body = |name: &str| Reply::json(bodies.get(name));
    let case = |name, channel, set: Vec<(&'static str, Reply)>, gate, reason, finding| Case { name, channel, set, gate, reason, finding };
    let production = |name, set: (&'static str, Reply), gate, reason, finding| case(name, "production", vec![set], gate, reason, finding);
    let health = |reply| ("/api/health", reply);
    let keys = |reply| ("/.well-known/jwks.json", reply);
    vec![
        production("no channel field", health(body("health.no-channel-field")), "channel", "gate_failed", ("channel/not-reported", "")),
        production(
            "the health of another channel",
            health(body("health.preview-with-live-key")),
            "channel",
            "gate_failed",
            ("channel/endpoint-mismatch", "operator_preview"),
        ),
        case(
            "a live key on preview",
            "operator_preview",
            vec![health(body("health.preview-with-live-key"))],
            "auth-keys",
            "gate_failed",
            ("http/jq", "mode"),
        ),
        production(
            "a proxy that answers 500",
            health(Reply::status(500, bodies.get("health.proxy-degraded.http500"))),
            "channel",
            "gate_inconclusive",
            ("channel/server-error", "500"),
        ),
        production(
            "degraded with 200",
            ("/api/status/health", body("status-health.degraded.http200")),
            "status",
            "gate_failed",
            ("http/jq", "aggregate"),
        ),
        production(
            "the same as a 503",
            ("/api/status/health", Reply::status(503, bodies.get("status-health.degraded.http200"))),
            "status",
            "gate_inconclusive",
            ("http/server-error", "503"),
        ),
        production("no keys", keys(body("jwks.empty")), "keys", "gate_failed", ("http/jq", "length")),
        production("a private member", keys(body("jwks.leaks-private-d")), "keys", "gate_failed", ("http/jq", "has(")),
        production(
            "a key made at each start",
            keys(Reply::Then(vec![body("jwks.ok"), body("jwks.ephemeral-dev-key")])),
            "keys",
            "gate_failed",
            ("http/jq", "capture.KID"),
        ),
        production(
            "bad input that is accepted",
            ("/api/receipts/verify", Reply::json(r#"{"verified":true}"#)),
            "receipts",
            "gate_failed",
            ("http/status", "200"),
        ),
        production(
            "an endpoint that breaks on bad input",
            ("/api/receipts/verify", Reply::status(500, "{}")),
            "receipts",
            "gate_inconclusive",
            ("http/server-error", "500"),
        ),
        production(
            "a refusal that says verified",
            ("/api/receipts/verify-signature", Reply::status(422, r#"{"verified":true}"#)),
            "receipts",
            "gate_failed",
            ("http/jq", "verified"),
        ),
        production(
            "a tampered lineage",
            ("/api/replay/lineage", body("replay-lineage.tampered")),
            "replay",
            "gate_failed",
            ("http/jq", "tojson"),
        ),
        production("an empty page", ("/api/replay/lineage", Reply::json("")), "replay", "gate_inconclusive", ("http/empty", "")),
        production(
            "a page of a proxy",
            ("/api/replay/lineage", Reply::text("<html>Sign in</html>")),
            "replay",
            "gate_failed",
            ("http/content-type", "text/plain"),
        ),
        production("no answer", ("/api/replay/lineage", Reply::Drop), "replay", "gate_inconclusive", ("http/unreachable", "")),
    ]
}

fn endless_wait() -> Case {
    let set = vec![("/api/replay/lineage", Reply::Hang)];
    Case { name: "an endless wait", channel: "production", set, gate: "replay", reason: "gate_inconclusive", finding: ("http/timeout", "") }
}

/// Two channels on the server, and the gates. What is expected of keys and lineage stands in the gates as text: it is not
/// taken from the answer that it judges. `within`: the limit of the lineage.
fn protocol(bodies: &Bodies, url: &str, within: &str) -> Scratch {
    let canonical = canonical_lineage(&bodies.value("replay-lineage.valid"));
    let digest = digest_of(&canonical);
    assert_eq!(bodies.value("replay-lineage.valid")["eventDigest"], digest.as_str(), "the body says what it is the digest of");
    assert_ne!(digest_of(&canonical_lineage(&bodies.value("replay-lineage.tampered"))), digest);
    let protocol = format!(
        r#"version: 1
packages:
  web: {{ release_tag: "v{{version}}", default: true }}
release_branches: [main]
channels:
  operator_preview:
    tag: "channel/{{channel}}"
    base_url: "{url}"
    rules: [{{ name: preview, when: '$env.APP_CHANNEL == "operator_preview"' }}]
  production:
    tag: "channel/{{channel}}"
    base_url: "{url}"
    rules: [{{ name: production, when: '$env.APP_CHANNEL == "production"' }}]
signing: {{ key: none }}
release_tags: any
"#
    );
    let replay = format!(
        r#"title: Replay attribution is wired
http:
  - get: "{{base_url}}/api/replay/lineage"
    expect:
      content_type: application/json
      jq:
        - '.comprehensive'
        - '.eventDigest == "{digest}"'
        - '{{events: [.events[] | {{eventId, eventType, observedAt, sourceId}}], runId}} | tojson == {canonical}'
    within: {within}
"#,
        canonical = Value::from(canonical.as_str()).to_string().replace('\'', "''"),
    );
    let files = [
        ("gates/protocol.yaml", protocol.as_str()),
        (
            "gates/10-channel.yaml",
            r#"title: The runtime channel is the target
channel:
  endpoint: { get: "{base_url}/api/health", jq: .runtime_channel }
"#,
        ),
        (
            "gates/20-auth-keys.yaml",
            r#"title: Authentication keys are of the right mode
http:
  - get: "{base_url}/api/health"
    expect:
      jq:
        - '.status == "ok"'
        - '.config.clerk.enabled'
        - '.config.clerk.mode == (if $channel == "production" then "production" else "test" end)'
"#,
        ),
        (
            "gates/30-status.yaml",
            r#"title: Every subsystem is there
http:
  - get: "{base_url}/api/status/health"
    expect: { jq: ['(.aggregate == "ok") and (.degradedSubsystems == []) and (.subsystems | length > 0 and all(.present))'] }
"#,
        ),
        (
            "gates/40-keys.yaml",
            r#"title: Signing is live
http:
  - get: "{base_url}/.well-known/jwks.json"
    expect:
      jq:
        - '.keys | length > 0'
        - '.keys | all(has("d") | not)'
    capture: { KID: '.keys | map(.kid) | join(",")' }
  - get: "{base_url}/.well-known/jwks.json"
    expect: { jq: ['(.keys | map(.kid) | join(",")) == $capture.KID'] }
"#,
        ),
        (
            "gates/50-receipts.yaml",
            r#"title: Bad receipts are refused
http:
  - post: "{base_url}/api/receipts/verify"
    json: {}
    expect: { status: [400, 422], jq: ['.verified == false'] }
  - post: "{base_url}/api/receipts/verify-signature"
    json: { token: not-a-signature }
    expect: { status: [400, 422], jq: ['.verified == false'] }
"#,
        ),
        ("gates/60-replay.yaml", replay.as_str()),
    ];
    Scratch::with(&files)
}
