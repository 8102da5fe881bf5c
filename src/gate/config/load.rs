//! From the files of `gates/` to a [`Protocol`]: parses each, checks each, then checks what they say of one another.

use super::{
    collect::Collector,
    header,
    raw::{self, Named, Text},
};
use crate::{
    attest::ssh::AllowedSigners,
    domain::{ChannelName, Fault, Finding, GateId, PackageName, Place, Reason, RefName, Result, Severity, TagPattern, Verb},
    gate::{
        LoadedGate, OnFail, Protocol, When,
        kinds::KINDS,
        protocol::{Channel, Documents, KeySource, Package, ReleaseTags, Role, Rule, Signing},
    },
    text::{
        near,
        query::Program,
        source::Source,
        yaml::{self, Spanned, place_in, place_of},
    },
};
use indexmap::IndexMap;
use std::collections::{BTreeMap, BTreeSet};

/// The files of a gates folder, as they are in a work tree, a commit or the ledger.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GateFiles {
    /// By path relative to the folder.
    pub files: BTreeMap<String, Vec<u8>>,
    /// The folder's own path, for places in messages.
    pub root: String,
}

const PROTOCOL: &str = "protocol.yaml";
const SIGNERS: &str = "allowed_signers";

/// Reads and checks everything. The fault (`bad_config`) carries every error of every file.
pub fn load(files: &GateFiles) -> Result<Protocol> {
    let Some(bytes) = files.files.get(PROTOCOL) else {
        let fault = Fault::new(Reason::BadConfig, format!("there is no {}/{PROTOCOL}", files.root));
        return Err(fault.help("`tagwarden init` writes one; `tagwarden init --minimal` the smallest"));
    };
    let mut findings = Vec::new();
    let protocol = protocol(files, bytes, &mut findings);
    let gates = gates(files, &mut findings);
    let checked = protocol.map(|(source, raw, mut protocol)| {
        check_gates(&source, &raw, &protocol, &gates, &mut findings);
        protocol.warnings.extend(check_signers(files, &source, &raw, &protocol, &mut findings));
        protocol.gates = gates.into_iter().map(|(_, gate)| gate).collect();
        protocol
    });
    findings.sort_by(|a, b| key(a).cmp(&key(b)));
    match checked.filter(|_| findings.is_empty()) {
        Some(protocol) => Ok(protocol),
        None => {
            let first = findings.first().and_then(|finding| finding.place.as_ref());
            let at = first.map(|place| format!("{}:{}:{}", place.file, place.line, place.column)).unwrap_or_else(|| files.root.clone());
            Err(Fault::new(Reason::BadConfig, format!("the configuration is wrong at {at}")).findings(findings))
        }
    }
}

fn key(finding: &Finding) -> (Option<&str>, u32, u32) {
    let place = finding.place.as_ref();
    (place.map(|place| place.file.as_str()), place.map_or(0, |place| place.line), place.map_or(0, |place| place.column))
}

/// The protocol file; `None` where it is too wrong to check the gates against it.
fn protocol(files: &GateFiles, bytes: &[u8], findings: &mut Vec<Finding>) -> Option<(Source, raw::Protocol, Protocol)> {
    let parsed = yaml::source(format!("{}/{PROTOCOL}", files.root), bytes).and_then(|source| yaml::parse(&source).map(|raw| (source, raw)));
    let (source, raw): (Source, raw::Protocol) = match parsed {
        Ok(parsed) => parsed,
        Err(finding) => {
            findings.push(finding);
            return None;
        }
    };
    let mut check = Collector::new(&source);
    let packages = packages(&mut check, &raw.packages);
    let channels = channels(&mut check, &raw);
    if *raw.version != 1 {
        check.refuse(&raw.version, "unknown-version", format!("version {} of this format is not known", raw.version.value));
        check.help("write `version: 1`");
    }
    unsupported(&mut check, &raw);
    let signing = signing(&mut check, &raw.signing);
    let protocol = Protocol {
        packages,
        release_branches: branches(&mut check, &raw.release_branches),
        ledger: ledger(&mut check, raw.ledger.as_ref())?,
        remote: remote(&mut check, raw.remote.as_ref()),
        release_tags: raw
            .release_tags
            .as_ref()
            .and_then(|word| check.word(word, &[("signed", ReleaseTags::Signed), ("any", ReleaseTags::Any)]))
            .unwrap_or(ReleaseTags::Signed),
        roles: roles(&mut check, &raw.roles, &channels, signing.key == KeySource::None),
        automation: raw.automation.iter().filter_map(|who| identity(&mut check, who, signing.key == KeySource::None)).collect(),
        redact: raw.redact.iter().filter_map(|program| jq(&mut check, program, &[])).collect(),
        documents: documents(&mut check, &raw.documents),
        channels,
        signing,
        gates: Vec::new(),
        allowed_signers: files.files.get(SIGNERS).map(|bytes| String::from_utf8_lossy(bytes).into_owned()),
        warnings: Vec::new(),
    };
    colliding_tags(&mut check, &raw, &protocol);
    if let Some(lock) = &raw.lock {
        relative_path(&mut check, lock);
    }
    let whole = check.findings.is_empty();
    findings.append(&mut check.findings);
    drop(check);
    whole.then_some((source, raw, protocol))
}

fn packages(check: &mut Collector, raw: &Named<raw::Package>) -> IndexMap<PackageName, Package> {
    let mut packages = IndexMap::new();
    let mut default: Option<&Text> = None;
    for (name, package) in raw {
        let parsed = check.parsed::<PackageName>(name);
        let pattern = check.kept(&package.release_tag, TagPattern::release(&package.release_tag));
        if package.default
            && let Some(first) = default.replace(name)
        {
            check.refuse(name, "two-defaults", format!("`{}` is the default package already", first.value));
        }
        if let (Some(name), Some(release_tag)) = (parsed, pattern) {
            packages.insert(name, Package { release_tag, default: package.default });
        }
    }
    if raw.is_empty() {
        check.refuse(&Spanned::new((), 0..0), "no-package", "`packages` names no package");
    }
    // One package alone is the default, whether it says so or not.
    if let (1, Some((_, only))) = (packages.len(), packages.get_index_mut(0)) {
        only.default = true;
    }
    packages
}

fn channels(check: &mut Collector, raw: &raw::Protocol) -> IndexMap<ChannelName, Channel> {
    let mut channels: IndexMap<ChannelName, Channel> = IndexMap::new();
    for (name, channel) in &raw.channels {
        let parsed = check.parsed::<ChannelName>(name);
        let tag = channel.tag.as_ref().and_then(|tag| check.kept(tag, TagPattern::channel(tag)).map(|pattern| (tag, pattern)));
        if let Some((tag, pattern)) = &tag
            && raw.packages.len() > 1
            && !pattern.has_package()
        {
            check.refuse(tag, "package-needed", "with several packages the channel tag needs {package}");
            check.help("for example \"channel/{channel}/{package}\"");
        }
        let after = channel.after.as_ref().and_then(|after| {
            let known: Vec<&str> = channels.keys().map(ChannelName::as_str).collect();
            if known.contains(&after.as_str()) {
                return check.parsed(after);
            }
            check.refuse(
                after,
                "unknown-channel",
                format!("`after` names no channel that stands before this one: `{}`", after.escape_debug()),
            );
            check.help(near::help(after, &known));
            None
        });
        let base_url = channel.base_url.as_ref().and_then(|url| base_url(check, url));
        let rules = channel
            .rules
            .iter()
            .filter_map(|rule| Some(Rule { name: rule.name.value.clone(), when: jq(check, &rule.when, &["env", "channel"])? }))
            .collect();
        if let Some(name) = parsed {
            channels.insert(name, Channel { tag: tag.map(|(_, pattern)| pattern), base_url, after, rules });
        }
    }
    if raw.channels.is_empty() {
        check.refuse(&Spanned::new((), 0..0), "no-channel", "`channels` names no channel");
    }
    channels
}

/// An absolute http(s) URL without user info, query and fragment; given back without a trailing slash.
fn base_url(check: &mut Collector, url: &Text) -> Option<String> {
    let rest = url.strip_prefix("https://").or_else(|| url.strip_prefix("http://"));
    let host = rest.map(|rest| rest.split('/').next().unwrap_or_default());
    let lawful = host.is_some_and(|host| !host.is_empty() && !host.contains('@'))
        && !url.contains(['?', '#', '{', '}', '\\'])
        && !url.chars().any(|c| c.is_whitespace() || c.is_control());
    if lawful {
        return Some(url.trim_end_matches('/').to_owned());
    }
    check.refuse(url, "base-url", "a base URL is absolute (http or https), without user info, query and fragment");
    None
}

/// A jq program, checked by compiling it.
fn jq(check: &mut Collector, program: &Text, vars: &[&str]) -> Option<String> {
    match Program::compile(program, vars) {
        Ok(_) => Some(program.value.clone()),
        Err(error) => {
            let place = place_in(check.source, program, error.offset..error.offset + 1);
            check.findings.push(Finding::error("config/jq", format!("this jq program does not compile: {error}")).at(place));
            None
        }
    }
}

/// What a later version does: refused, because ignoring it would promise what is not done.
fn unsupported(check: &mut Collector, raw: &raw::Protocol) {
    let mut refuse = |at: &Spanned<()>, what: &str| {
        check.refuse(at, "not-supported", format!("`{what}` is not supported by this version"));
        check.help("remove it");
    };
    if let Some(pointer) = &raw.pointer {
        refuse(&pointer.with(()), "pointer");
    }
    if let Some((name, _)) = raw.kinds.first() {
        refuse(&name.with(()), "kinds");
    }
    if let Some(hook) = raw.hooks.after_move.first() {
        refuse(&hook.with(()), "hooks.after_move");
    }
}

fn signing(check: &mut Collector, raw: &raw::Signing) -> Signing {
    let text = raw.key.as_str();
    let key = match text.split_once(':') {
        _ if text == "none" => Some(KeySource::None),
        Some(("env", name)) if lawful_variable(name) => Some(KeySource::Env(name.to_owned())),
        Some(("agent", fingerprint)) if fingerprint.starts_with("SHA256:") => Some(KeySource::Agent(fingerprint.to_owned())),
        Some(("env" | "agent", _)) => None,
        _ if text.is_empty() => None,
        _ => Some(KeySource::Path(text.to_owned())),
    };
    if key.is_none() {
        check.refuse(&raw.key, "signing-key", format!("`{}` names no key", text.escape_debug()));
        check.help("a path, env:NAME, agent:SHA256:FINGERPRINT, or none");
    }
    let threshold = raw.threshold.as_ref().map_or(1, |threshold| threshold.value);
    if threshold == 0
        && let Some(at) = &raw.threshold
    {
        check.refuse(at, "threshold", "a threshold of 0 would let anybody adopt anything");
    }
    Signing { key: key.unwrap_or(KeySource::None), threshold }
}

fn lawful_variable(name: &str) -> bool {
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

fn branches(check: &mut Collector, raw: &Spanned<Vec<Text>>) -> Vec<String> {
    if raw.is_empty() {
        check.refuse(raw, "no-branch", "`release_branches` names no branch");
    }
    let lawful = |branch: &Text| format!("refs/heads/{}", branch.value).parse::<RefName>().map(|_| branch.value.clone());
    raw.iter().filter_map(|branch| check.kept(branch, lawful(branch))).collect()
}

fn ledger(check: &mut Collector, raw: Option<&raw::Ledger>) -> Option<RefName> {
    match raw {
        None => "refs/heads/tagwarden/ledger".parse().ok(),
        Some(ledger) => check.kept(&ledger.branch, format!("refs/heads/{}", ledger.branch.value).parse()),
    }
}

fn remote(check: &mut Collector, raw: Option<&Text>) -> String {
    let Some(name) = raw else { return "origin".to_owned() };
    let lawful = !name.is_empty() && !name.starts_with('-') && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    if !lawful {
        check.refuse(name, "remote", format!("`{}` is no remote's name", name.escape_debug()));
        check.help("a name that `git remote` lists, not a URL");
    }
    name.value.clone()
}

fn roles(
    check: &mut Collector,
    raw: &Named<raw::Role>,
    channels: &IndexMap<ChannelName, Channel>,
    unsigned: bool,
) -> IndexMap<String, Role> {
    let verbs: Vec<(&'static str, Verb)> = Verb::ALL.iter().map(|verb| (verb.slug(), *verb)).collect();
    let mut roles = IndexMap::new();
    for (name, role) in raw {
        let who = role.who.iter().filter_map(|who| identity(check, who, unsigned)).collect();
        let mut may = Vec::new();
        for verb in &role.may {
            match check.word(verb, &verbs) {
                Some(Verb::Adopt | Verb::Annul) => {
                    check.refuse(verb, "verb", format!("`{}` is decided by the signers and their threshold, not by roles", verb.value));
                }
                Some(verb) => may.push(verb),
                None => {}
            }
        }
        let on = role.on.as_ref().map(|on| on.iter().filter_map(|channel| known_channel(check, channel, channels)).collect());
        if role.who.is_empty() || role.may.is_empty() {
            check.refuse(name, "empty-role", format!("role `{}` permits nothing to anybody", name.value));
        }
        roles.insert(name.value.clone(), Role { who, may, on });
    }
    roles
}

fn known_channel(check: &mut Collector, name: &Text, channels: &IndexMap<ChannelName, Channel>) -> Option<ChannelName> {
    let known: Vec<&str> = channels.keys().map(ChannelName::as_str).collect();
    if known.contains(&name.as_str()) {
        return check.parsed(name);
    }
    check.refuse(name, "unknown-channel", format!("there is no channel `{}`", name.escape_debug()));
    check.help(near::help(name, &known));
    None
}

/// `ssh:<principal>`, `github:<numeric id>`, `team:<org>/<slug>`, `permission:<word>`; `local:<e-mail>` where signing is none.
fn identity(check: &mut Collector, who: &Text, unsigned: bool) -> Option<String> {
    let slug = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c));
    let lawful = match who.split_once(':') {
        Some(("ssh", principal)) => !principal.is_empty() && !principal.contains(char::is_whitespace),
        Some(("local", mail)) => unsigned && !mail.is_empty(),
        Some(("github", id)) => !id.is_empty() && id.bytes().all(|c| c.is_ascii_digit()),
        Some(("team", team)) => team.split_once('/').is_some_and(|(org, team)| slug(org) && slug(team)),
        Some(("permission", word)) => ["read", "triage", "write", "maintain", "admin"].contains(&word),
        _ => false,
    };
    if lawful {
        return Some(who.value.clone());
    }
    check.refuse(who, "identity", format!("`{}` is no identity", who.escape_debug()));
    check.help("ssh:<principal of allowed_signers>, github:<numeric id>, team:<org>/<slug>, permission:<word>; local:<e-mail> only with signing none");
    None
}

fn documents(check: &mut Collector, raw: &raw::Documents) -> Documents {
    let mut paths = |list: &[Text]| list.iter().filter_map(|path| relative_path(check, path)).collect();
    Documents { protocol: paths(&raw.protocol), archive: paths(&raw.archive), log: paths(&raw.log), foreign: raw.foreign.clone() }
}

fn relative_path(check: &mut Collector, path: &Text) -> Option<String> {
    let lawful =
        !path.is_empty() && !path.starts_with('/') && !path.contains('\\') && !path.split('/').any(|part| matches!(part, "" | "." | ".."));
    if lawful {
        return Some(path.value.clone());
    }
    check.refuse(path, "path", "a path here is relative to the repository, with `/`, without `..`");
    None
}

/// Two channels must not share a tag, and no channel tag may look like a release tag.
fn colliding_tags(check: &mut Collector, raw: &raw::Protocol, protocol: &Protocol) {
    let mut taken: BTreeMap<RefName, &ChannelName> = BTreeMap::new();
    for (name, channel) in &protocol.channels {
        let Some(pattern) = &channel.tag else { continue };
        let at = raw.channels.iter().find(|(key, _)| key.as_str() == name.as_str()).and_then(|(_, channel)| channel.tag.as_ref());
        let Some(at) = at else { continue };
        let refs: BTreeSet<RefName> = protocol.packages.keys().filter_map(|package| pattern.channel_ref(name, package).ok()).collect();
        for tag in refs {
            let release = protocol
                .packages
                .iter()
                .find(|(package, rules)| tag.tag().is_some_and(|tag| rules.release_tag.version_in(tag, package).is_some()));
            if let Some((package, _)) = release {
                check.refuse(at, "tag-collision", format!("{tag} reads as a release tag of package `{package}`"));
            }
            if let Some(other) = taken.insert(tag.clone(), name) {
                check.refuse(at, "tag-collision", format!("{tag} is the tag of channel `{other}` already"));
            }
        }
    }
}

/// Every gate file, in order of number.
fn gates(files: &GateFiles, findings: &mut Vec<Finding>) -> Vec<(Source, LoadedGate)> {
    let mut gates: Vec<(u64, Source, LoadedGate)> = Vec::new();
    for (name, bytes) in &files.files {
        let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml");
        if name == PROTOCOL || name.contains('/') || !is_yaml {
            continue;
        }
        let file = format!("{}/{name}", files.root);
        let Some((number, id)) = gate_name(name) else {
            let place = Place { file, line: 1, column: 1, end_column: None, source: None };
            let message = format!("`{name}` is neither {PROTOCOL} nor a gate file");
            findings.push(
                Finding::error("config/file-name", message).at(place).help("a gate file is named NN-<id>.yaml, the id [a-z][a-z0-9-]*"),
            );
            continue;
        };
        match gate(file, bytes, id, number) {
            Ok((source, gate)) => gates.push((number, source, gate)),
            Err(wrong) => findings.extend(wrong),
        }
    }
    gates.sort_by_key(|(number, _, _)| *number);
    for pair in gates.windows(2) {
        let ((number, _, first), (same, source, second)) = (&pair[0], &pair[1]);
        if number == same {
            let message = format!("{} has the number {number} too, so their order is open", first.file);
            findings.push(Finding::error("config/same-number", message).at(source.place(0..0)).help(format!("rename {}", second.file)));
        }
    }
    let mut seen: BTreeMap<GateId, String> = BTreeMap::new();
    let mut loaded = Vec::new();
    for (position, (_, source, mut gate)) in gates.into_iter().enumerate() {
        if let Some(other) = seen.insert(gate.id.clone(), gate.file.clone()) {
            let message = format!("gate `{}` is in {other} already", gate.id);
            findings.push(Finding::error("config/same-id", message).at(source.place(0..0)));
        }
        gate.number = position + 1;
        loaded.push((source, gate));
    }
    loaded
}

fn gate_name(name: &str) -> Option<(u64, GateId)> {
    let (number, id) = name.strip_suffix(".yaml")?.split_once('-')?;
    Some((number.parse().ok().filter(|_| number.bytes().all(|c| c.is_ascii_digit()))?, id.parse().ok()?))
}

fn gate(file: String, bytes: &[u8], id: GateId, number: u64) -> std::result::Result<(Source, LoadedGate), Vec<Finding>> {
    let source = yaml::source(file.clone(), bytes).map_err(|finding| vec![finding])?;
    let kind = header::kind_of(&source, KINDS)?;
    let (header, gate) = (kind.read)(&source).map_err(|fault| match fault.findings.is_empty() {
        true => vec![Finding::error("config/gate", fault.message).at(source.place(0..0))],
        false => fault.findings,
    })?;
    Ok((source, LoadedGate { id, number: number as usize, kind, header, gate, file }))
}

/// What gates and protocol say of one another.
fn check_gates(source: &Source, raw: &raw::Protocol, protocol: &Protocol, gates: &[(Source, LoadedGate)], findings: &mut Vec<Finding>) {
    let known: Vec<&str> = protocol.channels.keys().map(ChannelName::as_str).collect();
    for (file, gate) in gates {
        for channel in gate.header.channels.iter().flatten().filter(|channel| !protocol.channels.contains_key(*channel)) {
            let at = word_place(file, "channels:", channel.as_str());
            let finding = Finding::error("config/unknown-channel", format!("there is no channel `{channel}`")).at(at);
            findings.push(finding.help(near::help(channel.as_str(), &known)));
        }
        if let Some(at) = file.text.find("{base_url}") {
            let lacks = |name: &&ChannelName| {
                protocol.channels[*name].base_url.is_none() && gate.header.channels.as_ref().is_none_or(|channels| channels.contains(name))
            };
            if let Some(lacking) = protocol.channels.keys().find(lacks) {
                let message = format!("channel `{lacking}` has no base_url, and this gate decides there");
                let finding = Finding::error("config/no-base-url", message).at(file.place(at..at + "{base_url}".len()));
                findings.push(finding.help("give the channel a base_url, or the gate `channels:`"));
            }
        }
    }
    for (name, channel) in &protocol.channels {
        let decides = |gate: &LoadedGate| gate.header.on_fail == OnFail::Halt && gate.applies(Verb::Promote, name, When::Before);
        if channel.tag.is_none() || gates.iter().any(|(_, gate)| decides(gate)) {
            continue;
        }
        if let Some((at, _)) = raw.channels.iter().find(|(key, _)| key.as_str() == name.as_str()) {
            let message = format!("no required gate decides promotions to `{name}`, so anything would pass");
            let finding = Finding::error("config/no-gate", message).at(place_of(source, at));
            findings.push(finding.help("add a gate file with `on_fail: halt` that decides there, or take the channel's `tag` away"));
        }
    }
}

/// Where a word stands after a key; the key's file start where it cannot be found.
fn word_place(source: &Source, key: &str, word: &str) -> Place {
    let from = source.text.find(key).unwrap_or(0);
    match source.text[from..].find(word) {
        Some(at) => source.place(from + at..from + at + word.len()),
        None => source.place(0..0),
    }
}

/// A file that names nobody yet is worth a warning only: drafts can be judged, and a policy with it cannot be adopted.
fn check_signers(
    files: &GateFiles,
    source: &Source,
    raw: &raw::Protocol,
    protocol: &Protocol,
    findings: &mut Vec<Finding>,
) -> Option<Finding> {
    let file = Source::new(format!("{}/{SIGNERS}", files.root), protocol.allowed_signers.clone().unwrap_or_default());
    match (&protocol.allowed_signers, &protocol.signing.key) {
        (None, KeySource::None) => {}
        (None, _) => {
            let finding = Finding::error("config/no-signers", format!("there is no {}/{SIGNERS}, so no signature could count", files.root));
            findings.push(
                finding.at(place_of(source, &raw.signing.key)).help("one line per signer: `release@example.com ssh-ed25519 AAAA...`"),
            );
        }
        (Some(_), key) => match AllowedSigners::parse_file(&file) {
            Err(wrong) if wrong.iter().all(|finding| finding.code == "signers/empty") => {
                let nobody = wrong.into_iter().next().filter(|_| *key != KeySource::None)?;
                let help = "nobody can adopt it: put in a line for each signer, `release@example.com ssh-ed25519 AAAA...`";
                return Some(Finding { severity: Severity::Warning, ..nobody }.help(help));
            }
            Err(wrong) => findings.extend(wrong),
            Ok(allowed) => {
                let people: BTreeSet<&str> = allowed.signers().map(|signer| signer.principal.as_str()).collect();
                let threshold = protocol.signing.threshold;
                if let Some(at) = raw.signing.threshold.as_ref().filter(|_| threshold as usize > people.len()) {
                    let message = format!("a threshold of {threshold} can never be met: {SIGNERS} names {} signer(s)", people.len());
                    findings.push(Finding::error("config/threshold", message).at(place_of(source, at)));
                }
            }
        },
    }
    None
}
