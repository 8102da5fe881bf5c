//! What is different in the scratch copy: `protocol.yaml`, `allowed_signers`, and the gates that ask facts of the outside,
//! which ask the stand-in endpoint instead. Everything else is the commit's own.
//!
//! A changed file keeps its path and at least as many lines as it had, so that documents that point at it stay true. The
//! new text is JSON, which is YAML. Pure.

use super::cast::{Asked, Cast, identity};
use crate::{
    domain::{ChannelName, Fault, GateId, Reason, Result, Verb},
    gate::{LoadedGate, OnFail, Protocol, When, protocol::ReleaseTags},
    lockdown,
    text::yaml,
};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// Kinds whose facts are all in the repository or the ledger: they are rehearsed as they are.
const KEPT: [&str; 4] = ["docs", "ack", "verdict", "audit"];

/// The gate that is added where no gate of the channel asks the outside.
const ADDED: &str = "rehearsal-endpoint";

/// The variable from which the scratch protocol takes its signing key.
pub const KEY_VARIABLE: &str = "TAGWARDEN_SIGNING_KEY";

/// A protocol as it stands in a commit.
pub struct Original<'a> {
    pub protocol: &'a Protocol,
    /// The files of the protocol's folder, by their path in it.
    pub files: &'a BTreeMap<String, Vec<u8>>,
    /// The folder, relative to the repository's root.
    pub folder: &'a str,
    pub branch: &'a str,
}

/// A gate of the scratch copy that asks the stand-in endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    pub gate: GateId,
    pub waivable: bool,
    /// The path of its file, from the repository's root.
    pub file: String,
}

/// The changed files, by path from the repository's root.
#[derive(Debug)]
pub struct Copy {
    pub files: BTreeMap<String, Vec<u8>>,
    /// The one whose answer decides promotions to the drilled channel.
    pub endpoint: Endpoint,
    /// Every gate that asks the stand-in.
    pub asking: Vec<GateId>,
    /// What stands in for the real thing, in words.
    pub stand_ins: Vec<String>,
}

/// The verdict and ack gates with the identities that they name.
pub fn asked(original: &Original<'_>) -> Result<Vec<Asked>> {
    let gates = original.protocol.gates.iter().filter(|gate| matches!(gate.kind.id, "verdict" | "ack"));
    let mut asked = Vec::new();
    for gate in gates {
        let spec = spec(original, gate)?;
        let who = spec.get(names_of(gate)).and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str);
        asked.push(Asked { gate: gate.id.clone(), kind: gate.kind.id, who: who.map(str::to_owned).collect() });
    }
    Ok(asked)
}

impl Copy {
    /// `keys` are the public keys by principal, `base_url` gives a channel's stand-in, `read` a file of the commit.
    pub fn of(
        original: &Original<'_>,
        cast: &Cast,
        keys: &BTreeMap<String, String>,
        channel: &ChannelName,
        base_url: impl Fn(&ChannelName) -> String,
        read: impl Fn(&str) -> Result<Option<Vec<u8>>>,
    ) -> Result<Copy> {
        let protocol = original.protocol;
        let mut files: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        let mut stand_ins = Vec::new();
        let mut asking = Vec::new();
        for gate in &protocol.gates {
            let text = match gate.kind.id {
                kept @ ("verdict" | "ack") => Some(renamed(original, gate, kept)?),
                "audit" => without_dump(original, gate, &mut stand_ins)?,
                kept if KEPT.contains(&kept) => None,
                kind => {
                    stand_ins.push(format!("an http gate for the {kind} gate {}", gate.id));
                    asking.push(gate.id.clone());
                    Some(standing_in(gate))
                }
            };
            if let Some(text) = text {
                files.insert(gate.file.clone(), text);
            }
        }
        let decides = |gate: &&LoadedGate| {
            !KEPT.contains(&gate.kind.id) && gate.header.on_fail == OnFail::Halt && gate.applies(Verb::Promote, channel, When::Before)
        };
        let mut found: Vec<&LoadedGate> = protocol.gates.iter().filter(decides).collect();
        found.sort_by_key(|gate| !gate.header.waivable);
        let endpoint = match found.first() {
            Some(gate) => Endpoint { gate: gate.id.clone(), waivable: gate.header.waivable, file: gate.file.clone() },
            None => {
                let endpoint = added(original, channel, &mut files, &read)?;
                stand_ins.push(format!("the gate {}, since no gate of {channel} asks the outside", endpoint.gate));
                asking.push(endpoint.gate.clone());
                endpoint
            }
        };
        // The copy's gates differ, so its lock is not compared; what it accepts counts where no protocol names it.
        if let Some(lock) = protocol.documents.lock.as_ref().filter(|lock| *lock != lockdown::lock::FILE)
            && let Some(text) = read(lock)?
        {
            files.insert(lockdown::lock::FILE.to_owned(), text);
        }
        files.insert(format!("{}/protocol.yaml", original.folder), protocol_text(original, cast, &base_url)?);
        let signers: String = cast.principals.iter().filter_map(|name| Some(format!("{name} {}\n", keys.get(name)?))).collect();
        files.insert(format!("{}/allowed_signers", original.folder), signers.into_bytes());
        let signing = if protocol.is_unsigned() { "signatures, although the protocol asks for none" } else { "throw-away signing keys" };
        stand_ins.insert(0, signing.to_owned());
        stand_ins.insert(0, format!("a bare repository for the remote {}", protocol.remote));
        if !asking.is_empty() {
            stand_ins.push("an endpoint on loopback for every base_url".to_owned());
        }
        if !protocol.catalog.pointers.is_empty() {
            stand_ins.push("releases without a pointer file for the artifacts of the catalog".to_owned());
        }
        stand_ins.extend(cast.added.iter().cloned());
        for (path, text) in &mut files {
            let before = path.strip_prefix(original.folder).and_then(|name| original.files.get(name.trim_start_matches('/')));
            let lines = |text: &[u8]| text.iter().filter(|byte| **byte == b'\n').count();
            let missing = before.map_or(0, |before| lines(before)).saturating_sub(lines(text));
            text.extend(std::iter::repeat_n(b'\n', missing));
        }
        Ok(Copy { files, endpoint, asking, stand_ins })
    }
}

/// The gate as one that asks the stand-in: title, order, verbs, channels stay.
fn standing_in(gate: &LoadedGate) -> Vec<u8> {
    let mut file = header(gate);
    file.insert("http".to_owned(), http(&gate.id));
    pretty(&Value::Object(file))
}

fn http(gate: &GateId) -> Value {
    json!([{
        "get": format!("{{base_url}}/{gate}"),
        "expect": {
            "status": 200,
            "content_type": "application/json",
            "jq": [".status == \"ok\"", format!(".gate == \"{gate}\""), ".channel == $channel"],
        },
        "within": "5s",
    }])
}

fn header(gate: &LoadedGate) -> Map<String, Value> {
    let header = &gate.header;
    let mut keys = Map::new();
    keys.insert("title".to_owned(), json!(header.title));
    keys.extend(header.owner.as_ref().map(|owner| ("owner".to_owned(), json!(owner))));
    keys.insert("on_fail".to_owned(), json!(header.on_fail.slug()));
    keys.insert("when".to_owned(), json!(if header.when == When::Before { "before" } else { "after" }));
    keys.insert("verbs".to_owned(), json!(gate.verbs()));
    keys.extend(header.channels.as_ref().map(|channels| ("channels".to_owned(), json!(channels))));
    keys.insert("max_age".to_owned(), json!(header.max_age.to_string()));
    keys.insert("waivable".to_owned(), json!(header.waivable));
    keys
}

/// The gate with its identities as those of the scratch copy.
fn renamed(original: &Original<'_>, gate: &LoadedGate, kind: &str) -> Result<Vec<u8>> {
    let mut spec = spec(original, gate)?;
    for who in spec.get_mut(names_of(gate)).and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(name) = who.as_str() {
            *who = json!(identity(name));
        }
    }
    let mut file = header(gate);
    file.insert(kind.to_owned(), spec);
    Ok(pretty(&Value::Object(file)))
}

/// An audit gate whose dump is a fact of the outside, without it.
fn without_dump(original: &Original<'_>, gate: &LoadedGate, stand_ins: &mut Vec<String>) -> Result<Option<Vec<u8>>> {
    let mut spec = spec(original, gate)?;
    let Some(keys) = spec.as_object_mut() else { return Ok(None) };
    if keys.remove("dump").is_none() {
        return Ok(None);
    }
    stand_ins.push(format!("nothing for the dump of gate {}", gate.id));
    // A gate that asked for nothing but the dump has its ledger verified instead, so that it asks something.
    let asks = |key: &str, keys: &Map<String, Value>| keys.get(key).and_then(Value::as_bool).unwrap_or(true);
    if !asks("ledger", keys) && !asks("probe_ref", keys) {
        keys.insert("ledger".to_owned(), json!(true));
    }
    let mut file = header(gate);
    file.insert("audit".to_owned(), spec);
    Ok(Some(pretty(&Value::Object(file))))
}

fn names_of(gate: &LoadedGate) -> &'static str {
    if gate.kind.id == "ack" { "by" } else { "reviewers" }
}

/// What stands under the kind's key.
fn spec(original: &Original<'_>, gate: &LoadedGate) -> Result<Value> {
    let name = gate.file.strip_prefix(original.folder).unwrap_or(&gate.file).trim_start_matches('/');
    let unreadable = |why: String| Fault::new(Reason::BadConfig, format!("{} cannot be read again: {why}", gate.file));
    let bytes = original.files.get(name).ok_or_else(|| unreadable("it is gone".to_owned()))?;
    let source = yaml::source(gate.file.clone(), bytes).map_err(|finding| unreadable(finding.message))?;
    let mut file: Map<String, Value> = yaml::parse(&source).map_err(|finding| unreadable(finding.message))?;
    file.remove(gate.kind.id).ok_or_else(|| unreadable(format!("it has no `{}`", gate.kind.id)))
}

/// Adds the endpoint gate behind all others, and its heading to the last protocol document.
fn added(
    original: &Original<'_>,
    channel: &ChannelName,
    files: &mut BTreeMap<String, Vec<u8>>,
    read: impl Fn(&str) -> Result<Option<Vec<u8>>>,
) -> Result<Endpoint> {
    // Gates are in the order of their numbers, so this one comes last.
    let name = |gate: &LoadedGate| gate.file.rsplit('/').next().unwrap_or_default().to_owned();
    let numbers = original.protocol.gates.iter().filter_map(|gate| name(gate).split('-').next()?.parse::<u64>().ok());
    let number = numbers.max().unwrap_or(0).saturating_add(1);
    let taken = |id: &GateId| original.protocol.gate(id).is_some();
    let ids = std::iter::once(ADDED.to_owned()).chain((2..=9).map(|n| format!("{ADDED}-{n}")));
    let gate = ids.filter_map(|id| id.parse().ok()).find(|id| !taken(id));
    let gate: GateId = gate.ok_or_else(|| Fault::new(Reason::Internal, "no free name for the added gate"))?;
    let title = "The stand-in endpoint answers";
    let text =
        json!({ "title": title, "on_fail": "halt", "verbs": ["promote"], "channels": [channel], "waivable": true, "http": http(&gate) });
    let file = format!("{}/{number}-{gate}.yaml", original.folder);
    files.insert(file.clone(), pretty(&text));
    if let Some(document) = original.protocol.documents.protocol.last() {
        let heading = format!("\n## Gate {} — {title}\n\nAdded for a rehearsal.\n", original.protocol.gates.len() + 1);
        let mut text = read(document)?.unwrap_or_default();
        text.extend_from_slice(heading.as_bytes());
        files.insert(document.clone(), text);
    }
    Ok(Endpoint { gate, waivable: true, file })
}

fn protocol_text(original: &Original<'_>, cast: &Cast, base_url: impl Fn(&ChannelName) -> String) -> Result<Vec<u8>> {
    let Protocol { packages, channels, ledger, remote, signing, release_tags, redact, documents, .. } = original.protocol;
    let mut package_keys = Map::new();
    for (name, package) in packages {
        let mut keys = json!({ "release_tag": package.release_tag.as_str() });
        if package.default {
            keys["default"] = json!(true);
        }
        package_keys.insert(name.to_string(), keys);
    }
    // Artifacts are not drilled, and a protocol of artifacts alone has nothing else to move.
    if package_keys.is_empty() {
        package_keys.insert("rehearsed".to_owned(), json!({ "release_tag": "rehearsed/v{version}" }));
    }
    let mut channel_keys = Map::new();
    for (name, channel) in channels {
        let mut keys = Map::new();
        keys.extend(channel.tag.as_ref().map(|tag| ("tag".to_owned(), json!(tag.as_str()))));
        keys.insert("base_url".to_owned(), json!(base_url(name)));
        keys.extend(channel.after.as_ref().map(|after| ("after".to_owned(), json!(after))));
        if !channel.rules.is_empty() {
            let rules: Vec<Value> = channel.rules.iter().map(|rule| json!({ "name": rule.name, "when": rule.when })).collect();
            keys.insert("rules".to_owned(), json!(rules));
        }
        channel_keys.insert(name.to_string(), Value::Object(keys));
    }
    let mut role_keys = Map::new();
    for (name, role) in &cast.roles {
        let mut keys = json!({ "who": role.who, "may": role.may });
        if let Some(on) = &role.on {
            keys["on"] = json!(on);
        }
        role_keys.insert(name.clone(), keys);
    }
    let automation: Vec<String> = cast.automations.iter().map(|name| identity(name)).collect();
    let branch = ledger.as_str().strip_prefix("refs/heads/").unwrap_or(ledger.as_str());
    let text = json!({
        "version": 1,
        "packages": package_keys,
        "release_branches": [original.branch],
        "channels": channel_keys,
        "ledger": { "branch": branch },
        "remote": remote,
        "signing": { "key": format!("env:{KEY_VARIABLE}"), "threshold": signing.threshold.max(1) },
        "release_tags": if *release_tags == ReleaseTags::Signed { "signed" } else { "any" },
        "roles": role_keys,
        "automation": automation,
        "redact": redact,
        "documents": {
            "protocol": documents.protocol,
            "archive": documents.archive,
            "log": documents.log,
            "foreign": documents.foreign,
            "roots": documents.roots,
            "banned": documents.banned.iter().map(|banned| json!({ "list": banned.path, "allow": banned.allow })).collect::<Vec<_>>(),
        },
    });
    Ok(pretty(&text))
}

fn pretty(value: &Value) -> Vec<u8> {
    format!("{value:#}\n").into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::config::{GateFiles, load};

    const PROTOCOL: &str = r#"
version: 1
packages: { web: { release_tag: "v{version}" } }
release_branches: [trunk, next]
channels:
  staging: { tag: "{channel}", base_url: "https://staging.example.com", rules: [{ name: r, when: "true" }] }
  live: { tag: "{channel}", after: staging }
remote: upstream
signing: { key: none }
roles: { all: { who: ["local:a@example.com"], may: [promote], on: [live] } }
documents: { protocol: [how.md], roots: [src], banned: [{ list: words.txt, allow: [how.md] }] }
lock: own.lock
"#;

    fn files(gates: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        let all = gates.iter().copied().chain([("protocol.yaml", PROTOCOL)]);
        all.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec())).collect()
    }

    fn copied(files: &BTreeMap<String, Vec<u8>>, channel: &str) -> (Copy, Protocol) {
        let load = |files: &BTreeMap<String, Vec<u8>>| load(&GateFiles { files: files.clone(), root: "gates".to_owned() });
        let protocol = load(files).unwrap();
        let original = Original { protocol: &protocol, files, folder: "gates", branch: "trunk" };
        let channel: ChannelName = channel.parse().unwrap();
        let cast = Cast::of(&protocol, &["signer@example.com".to_owned()], &asked(&original).unwrap(), std::slice::from_ref(&channel));
        let keys = cast.principals.iter().map(|name| (name.clone(), KEY.to_owned())).collect();
        let read = |path: &str| Ok(matches!(path, "how.md" | "own.lock").then(|| b"# How\n".to_vec()));
        let copy = Copy::of(&original, &cast, &keys, &channel, |channel| format!("http://127.0.0.1:1/{channel}"), read).unwrap();
        let mut changed = files.clone();
        changed.extend(copy.files.iter().filter_map(|(path, text)| Some((path.strip_prefix("gates/")?.to_owned(), text.clone()))));
        // The keys of this test are all the same, which is no lawful list.
        changed.remove("allowed_signers");
        changed.insert("allowed_signers".to_owned(), Vec::new());
        let loaded = load(&changed).unwrap();
        (copy, loaded)
    }

    const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";

    #[test]
    fn gates_that_ask_the_outside_ask_the_stand_in_and_keep_their_place() {
        let files = files(&[
            (
                "10-vars.yaml",
                "title: Set up\nowner: ops\nmax_age: 3m\nenv: { from: process, vars: { A: required } }\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n",
            ),
            ("20-said.yaml", "title: Said\nverdict: { reviewers: [\"local:r@example.com\"], require: 1, fresh: 7d }\n"),
            ("30-written.yaml", "title: Written\ndocs: {}\n"),
            ("40-dumped.yaml", "title: Dumped\naudit: { ledger: false, probe_ref: false, dump: { shell: x, file: f, list_shell: y } }\n"),
        ]);
        let (copy, loaded) = copied(&files, "live");
        let kinds: Vec<(&str, &str)> = loaded.gates.iter().map(|gate| (gate.id.as_str(), gate.kind.id)).collect();
        assert_eq!(kinds, [("vars", "http"), ("said", "verdict"), ("written", "docs"), ("dumped", "audit")]);
        let vars = &loaded.gates[0].header;
        assert_eq!((vars.title.as_str(), vars.owner.as_deref(), vars.max_age.to_string()), ("Set up", Some("ops"), "3m".to_owned()));
        assert_eq!(copy.endpoint.gate.as_str(), "vars");
        assert!(!copy.files.contains_key("gates/30-written.yaml") && !copy.files.contains_key("how.md"));
        let documents = &loaded.documents;
        assert_eq!((documents.roots.len(), documents.banned.len(), documents.lock.as_deref()), (1, 1, None));
        assert_eq!(copy.files["protocol-docs/tagwarden.lock"], b"# How\n", "what is accepted stays so");
        let lines = |text: &[u8]| text.iter().filter(|byte| **byte == b'\n').count();
        assert!(lines(&copy.files["gates/10-vars.yaml"]) >= lines(&files["10-vars.yaml"]), "lines that documents name stay there");
        let said = String::from_utf8_lossy(&copy.files["gates/20-said.yaml"]);
        assert!(said.contains("ssh:r@example.com") && said.contains("7d") && said.contains("\"require\": 1"), "{said}");
        assert!(!String::from_utf8_lossy(&copy.files["gates/40-dumped.yaml"]).contains("dump\""));
        let channel = &loaded.channels[1];
        assert_eq!(
            (channel.base_url.as_deref(), channel.after.as_ref().map(ChannelName::as_str)),
            (Some("http://127.0.0.1:1/live"), Some("staging"))
        );
        assert_eq!((loaded.release_branches.as_slice(), loaded.remote.as_str()), (&["trunk".to_owned()][..], "upstream"));
        assert!(!loaded.is_unsigned() && loaded.roles["all"].who == ["ssh:a@example.com"]);
    }

    /// Without roles every signer may do everything, which the copy says as a role.
    #[test]
    fn a_protocol_without_roles_is_copied() {
        let mut files = files(&[("10-written.yaml", "title: Written\ndocs: {}\n")]);
        let text = PROTOCOL.lines().filter(|line| !line.starts_with("roles:")).collect::<Vec<_>>().join("\n");
        files.insert("protocol.yaml".to_owned(), format!("{text}\n").into_bytes());
        let (_, loaded) = copied(&files, "staging");
        let everybody = &loaded.roles["rehearsal-everybody"];
        assert_eq!(everybody.who, ["ssh:signer@example.com"]);
        assert!(everybody.may.contains(&Verb::Promote) && everybody.may.contains(&Verb::Rehearse), "{:?}", everybody.may);
    }

    #[test]
    fn a_gate_is_added_behind_all_others_where_none_asks_the_outside() {
        let files = files(&[("100-written.yaml", "title: Written\ndocs: {}\n"), ("9-early.yaml", "title: Early\ndocs: {}\n")]);
        let (copy, loaded) = copied(&files, "staging");
        assert_eq!(loaded.gates.last().map(|gate| gate.id.as_str()), Some("rehearsal-endpoint"));
        assert!(copy.endpoint.waivable && copy.files.contains_key("gates/101-rehearsal-endpoint.yaml"));
        let document = String::from_utf8_lossy(&copy.files["how.md"]);
        assert!(document.starts_with("# How\n") && document.contains("\n## Gate 3 — The stand-in endpoint answers\n"), "{document}");
        assert!(copy.stand_ins.iter().any(|words| words.contains("rehearsal-endpoint")));
    }
}
