//! Checks `gates/protocol.yaml` by itself: what is written becomes the values of [`crate::gate::protocol`].

use super::{
    collect::Collector,
    raw::{self, Named, Text},
    tags,
};
use crate::{
    domain::{ChannelName, PackageName, RefName, Span, TagPattern, Verb},
    gate::{
        hooks::{Call, Hook},
        protocol::{
            Channel, Comments, Documents, KeySource, PERMISSIONS, Package, Protocol, ReleaseTags, Reviewer, ReviewerKind, Role, Rule,
            Signal, Signing, Snapshots,
        },
        shapes,
    },
    lockdown::banned::List,
    text::{
        near, query,
        slash::{Dialect, Prefix},
        template::{self, Allowed},
        yaml::Spanned,
    },
};
use indexmap::IndexMap;

/// The version of the format that is read.
const VERSION: u64 = 1;

/// The protocol without its gates and signers. What is wrong goes to the collector; `None`, or any finding there, means that
/// nothing may be made of it.
pub(super) fn check(check: &mut Collector, raw: &raw::Protocol) -> Option<Protocol> {
    if *raw.version != VERSION {
        check.refuse(&raw.version, "unknown-version", format!("version {} of this format is not known", raw.version.value));
        check.help(format!("this program reads version {VERSION}"));
    }
    let packages = packages(check, &raw.packages, raw.kinds.as_ref().is_some_and(|kinds| !kinds.is_empty()));
    let channels = channels(check, raw);
    let release_branches = release_branches(check, &raw.release_branches);
    let ledger = ledger(check, raw.ledger.as_ref(), &raw.release_branches);
    let remote = remote(check, raw.remote.as_ref());
    let signing = signing(check, &raw.signing);
    let unsigned = raw.signing.key.as_str() == "none";
    let release_tags = raw
        .release_tags
        .as_ref()
        .map_or(Some(ReleaseTags::Signed), |word| check.word(word, &[("signed", ReleaseTags::Signed), ("any", ReleaseTags::Any)]));
    let roles = roles(check, &raw.roles, &raw.channels, unsigned);
    let automation = raw.automation.iter().filter_map(|who| identity(check, who, unsigned)).collect();
    let movers = raw.movers.iter().filter_map(|who| mover(check, who, unsigned)).collect();
    let reviewers = raw.reviewers.iter().filter_map(|(name, reviewer)| self::reviewer(check, name, reviewer)).collect();
    let comments = comments(check, &raw.comment);
    let redact = raw.redact.iter().filter_map(|program| redaction(check, program)).collect();
    let lock = raw.lock.as_ref().and_then(|lock| lock_path(check, lock));
    let documents = Documents { lock, ..documents(check, &raw.documents) };
    let catalog = super::catalog::check(check, raw);
    let sync = raw.sync.as_ref().and_then(|written| super::sync::check(check, raw, written));
    let snapshots = raw.snapshots.as_ref().and_then(|snapshots| self::snapshots(check, snapshots));
    let hooks = raw.hooks.after_move.iter().filter_map(|hook| self::hook(check, hook, &channels)).collect();
    let protocol = Protocol {
        packages,
        release_branches,
        channels,
        ledger: ledger?,
        remote: remote?,
        signing: signing?,
        release_tags: release_tags?,
        roles,
        automation,
        movers,
        reviewers,
        comments: comments?,
        redact,
        documents,
        catalog,
        sync,
        snapshots,
        hooks,
        gates: Vec::new(),
        allowed_signers: None,
        openpgp: Default::default(),
        warnings: Vec::new(),
    };
    tags::check(check, raw, &protocol);
    Some(protocol)
}

fn packages(check: &mut Collector, raw: &Spanned<Named<raw::Package>>, has_kinds: bool) -> IndexMap<PackageName, Package> {
    let mut packages = IndexMap::new();
    let mut default: Option<&Text> = None;
    if raw.is_empty() && !has_kinds {
        check.refuse(raw, "nothing-there", "`packages` names no package");
    }
    for (name, package) in &raw.value {
        let parsed = check.parsed::<PackageName>(name);
        let pattern = check.kept(&package.release_tag, TagPattern::release(&package.release_tag));
        if package.default {
            match default {
                Some(first) => check.refuse(name, "two-defaults", format!("`{}` is the default package already", first.value)),
                None => default = Some(name),
            }
        }
        if let (Some(name), Some(release_tag)) = (parsed, pattern) {
            packages.insert(name, Package { release_tag, default: package.default });
        }
    }
    // One package alone is the default, whether it says so or not.
    if let (1, Some((_, only))) = (raw.len(), packages.first_mut()) {
        only.default = true;
    }
    packages
}

fn channels(check: &mut Collector, raw: &raw::Protocol) -> IndexMap<ChannelName, Channel> {
    let mut channels = IndexMap::new();
    if raw.channels.is_empty() {
        check.refuse(&raw.channels, "nothing-there", "`channels` names no channel");
    }
    for (position, (name, channel)) in raw.channels.value.iter().enumerate() {
        let parsed = check.parsed::<ChannelName>(name);
        let tag = channel.tag.as_ref().and_then(|tag| check.kept(tag, TagPattern::channel(tag)));
        if let (Some(at), Some(pattern)) = (&channel.tag, &tag)
            && raw.packages.len() > 1
            && !pattern.has_package()
        {
            check.refuse(at, "package-needed", "with several packages the tag of a channel needs {package}");
            check.help("for example \"channel/{channel}/{package}\"");
        }
        if let Some(after) = &channel.after {
            check_after(check, after, position, &raw.channels);
        }
        let base_url = channel.base_url.as_ref().and_then(|url| base_url(check, url));
        let rules = rules(check, &channel.rules);
        let after = channel.after.as_ref().and_then(|after| after.parse().ok());
        if let Some(name) = parsed {
            channels.insert(name, Channel { tag, base_url, after, rules });
        }
    }
    channels
}

/// `after` names a channel that stands before this one, so there is no circle, and that has a tag, so something can be on it.
fn check_after(check: &mut Collector, after: &Text, position: usize, channels: &Named<raw::Channel>) {
    let earlier: Vec<&str> = channels.keys().take(position).map(|name| name.as_str()).collect();
    match channels.get_full(after) {
        Some((at, name, earlier)) if at < position => {
            if earlier.tag.is_none() {
                check.refuse(after, "no-tag", format!("nothing can be on `{}`, which has no tag", name.value));
                check.help("name a channel with a `tag`");
            }
        }
        Some((at, _, _)) if at == position => {
            check.refuse(after, "order", "a channel cannot come after itself");
        }
        Some(_) => {
            check.refuse(after, "order", format!("`{}` stands further down; channels stand in order of promotion", after.value));
            check.help("move this channel behind it");
        }
        None => {
            check.refuse(after, "unknown-channel", format!("there is no channel `{}`", after.escape_debug()));
            check.help(near::help(after, &earlier));
        }
    }
}

/// An absolute http(s) URL without user info, query and fragment; given back without a trailing slash.
fn base_url(check: &mut Collector, url: &Text) -> Option<String> {
    let why = match url.strip_prefix("https://").or_else(|| url.strip_prefix("http://")) {
        None => Some("it starts with http:// or https://"),
        Some(_) if url.contains(|c: char| c.is_whitespace() || c.is_control() || "\\{}<>\"^`|".contains(c)) => {
            Some("it has a character that no URL has")
        }
        Some(rest) if rest.contains(['?', '#']) => Some("it has no query and no fragment"),
        Some(rest) => {
            let host = rest.split('/').next().unwrap_or_default();
            let (name, port) = match host.rsplit_once(':') {
                Some((name, port)) if !port.contains(']') => (name, Some(port)),
                _ => (host, None),
            };
            let port_is_lawful =
                port.is_none_or(|port| port.bytes().all(|c| c.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|port| port > 0));
            match () {
                () if host.contains('@') => Some("it has no user info: secrets do not belong into it"),
                () if name.is_empty() || name.starts_with('.') => Some("it names a host"),
                () if !port_is_lawful => Some("its port is a number from 1 to 65535"),
                () => None,
            }
        }
    };
    match why {
        None => Some(url.trim_end_matches('/').to_owned()),
        Some(why) => {
            check.refuse(url, "base-url", format!("this is no base URL: {why}"));
            check.help("for example https://example.com");
            None
        }
    }
}

fn rules(check: &mut Collector, raw: &[raw::Rule]) -> Vec<Rule> {
    let mut rules: Vec<Rule> = Vec::new();
    for rule in raw {
        if rule.name.trim().is_empty() || rule.name.contains('\n') {
            check.refuse(&rule.name, "wrong-value", "one line of text must stand here");
        } else if rules.iter().any(|other| other.name == rule.name.value) {
            check.refuse(&rule.name, "duplicate", format!("a rule `{}` stands before", rule.name.escape_debug()));
        }
        let compiled = query::Program::compile_in(check.source, &rule.when, &["env", "channel"]);
        // Only named variables can be asked for, so a rule that looks at others could never be judged.
        let named = compiled.and_then(|_| query::env_names(&rule.when).map_err(|error| error.finding(check.source, &rule.when)));
        match named {
            Ok(_) => rules.push(Rule { name: rule.name.value.clone(), when: rule.when.value.clone() }),
            Err(finding) => check.findings.push(finding),
        }
    }
    rules
}

/// A jq program that names paths. Tried on a few shapes, because the engine finds out only when it runs.
fn redaction(check: &mut Collector, program: &Text) -> Option<String> {
    if let Err(finding) = query::Program::selecting(program).map_err(|error| error.finding(check.source, program)) {
        check.findings.push(finding);
        return None;
    }
    let paths = query::Program::selecting(&format!("[path(\n{}\n)]", program.value));
    let fails = |paths: &query::Program| {
        let shapes = [serde_json::json!(null), serde_json::json!({}), serde_json::json!([])];
        shapes.iter().any(|shape| paths.run(shape, &[]).is_err_and(|error| error.to_string().contains("path expression")))
    };
    if paths.as_ref().map_or(true, fails) {
        check.refuse(program, "no-path", "this program gives values, not paths");
        check.help("write what is to be removed as a path, such as '.. | .token?'");
        return None;
    }
    Some(program.value.clone())
}

fn release_branches(check: &mut Collector, raw: &Spanned<Vec<Text>>) -> Vec<String> {
    if raw.is_empty() {
        check.refuse(raw, "nothing-there", "`release_branches` names no branch");
    }
    let mut branches: Vec<String> = Vec::new();
    for branch in &raw.value {
        if branches.contains(&branch.value) {
            check.refuse(branch, "duplicate", format!("`{}` stands here a second time", branch.value));
        } else if branch_ref(check, branch).is_some() {
            branches.push(branch.value.clone());
        }
    }
    branches
}

/// The full ref of a branch that is written without `refs/heads/`.
fn branch_ref(check: &mut Collector, branch: &Text) -> Option<RefName> {
    if branch.starts_with("refs/") || branch.as_str() == "HEAD" {
        check.refuse(branch, "branch", format!("`{}` is no branch name", branch.escape_debug()));
        check.help("write the name without refs/heads/");
        return None;
    }
    let name = format!("refs/heads/{}", branch.value).parse::<RefName>();
    if name.is_err() {
        check.refuse(branch, "branch", format!("`{}` is no branch name that git allows", branch.escape_debug()));
    }
    name.ok()
}

fn ledger(check: &mut Collector, raw: Option<&raw::Ledger>, release_branches: &[Text]) -> Option<RefName> {
    let Some(ledger) = raw else {
        return "refs/heads/tagwarden/ledger".parse().ok();
    };
    let name = branch_ref(check, &ledger.branch)?;
    if let Some(branch) = release_branches.iter().find(|branch| tags::in_the_way(branch, &ledger.branch)) {
        check.refuse(&ledger.branch, "ledger-branch", format!("the ledger cannot be kept beside the release branch `{}`", branch.value));
        check.help("give it a branch of its own, such as tagwarden/ledger");
    }
    Some(name)
}

fn remote(check: &mut Collector, raw: Option<&Text>) -> Option<String> {
    let Some(name) = raw else { return Some("origin".to_owned()) };
    // What could be an option, a path or a URL is no name.
    let lawful = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
        && !name.contains("..")
        && !name.ends_with(".lock");
    if !lawful {
        check.refuse(name, "remote", format!("`{}` is no name of a remote", name.escape_debug()));
        check.help("write a name that `git remote` lists, not a URL");
    }
    lawful.then(|| name.value.clone())
}

fn signing(check: &mut Collector, raw: &raw::Signing) -> Option<Signing> {
    let key = key_source(&raw.key);
    if raw.key.starts_with("openpgp:") {
        check.refuse(&raw.key, "signing-key", "the ledger is signed with SSH keys");
        check.help("name an SSH key here; `tagwarden snapshot sign --signing-key openpgp:KEY` signs snapshots and bundles");
        return None;
    }
    if key.is_none() {
        check.refuse(&raw.key, "signing-key", format!("`{}` names no key", raw.key.escape_debug()));
        check.help("a path, env:NAME, agent:SHA256:FINGERPRINT, or none");
    }
    let threshold = raw.threshold.as_ref().map_or(1, |threshold| threshold.value);
    if let Some(at) = &raw.threshold {
        if threshold == 0 {
            check.refuse(at, "threshold", "with a threshold of 0 anybody could adopt anything");
            check.help("1 or more");
        } else if threshold > 1 && key == Some(KeySource::None) {
            check.refuse(at, "threshold", format!("nobody signs, so {threshold} signers are never had"));
        }
    }
    Some(Signing { key: key?, threshold })
}

fn key_source(text: &str) -> Option<KeySource> {
    if text == "none" {
        return Some(KeySource::None);
    }
    if let Some(name) = text.strip_prefix("env:") {
        let lawful =
            name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        return lawful.then(|| KeySource::Env(name.to_owned()));
    }
    if let Some(fingerprint) = text.strip_prefix("agent:") {
        // The digest in base64 without padding.
        let digits = fingerprint.strip_prefix("SHA256:")?;
        let lawful = digits.len() == 43 && digits.chars().all(|c| c.is_ascii_alphanumeric() || "+/".contains(c));
        return lawful.then(|| KeySource::Agent(fingerprint.to_owned()));
    }
    let lawful = !text.trim().is_empty() && !text.starts_with('-') && !text.chars().any(char::is_control);
    lawful.then(|| KeySource::Path(text.to_owned()))
}

/// The verbs that a role may permit, as they are written.
pub(super) fn permitted() -> impl Iterator<Item = (&'static str, Verb)> {
    Verb::ALL.iter().filter(|verb| verb.is_for_roles()).map(|verb| (verb.slug(), *verb))
}

fn roles(check: &mut Collector, raw: &Named<raw::Role>, channels: &Named<raw::Channel>, unsigned: bool) -> IndexMap<String, Role> {
    let verbs: Vec<(&'static str, Verb)> = permitted().collect();
    let known: Vec<&str> = channels.keys().map(|name| name.as_str()).collect();
    let mut roles = IndexMap::new();
    for (name, role) in raw {
        for (list, what) in [(&role.who, "nobody"), (&role.may, "nothing")] {
            if list.is_empty() {
                check.refuse(list, "nothing-there", format!("role `{}` permits {what}", name.escape_debug()));
            }
        }
        let who = role.who.iter().filter_map(|who| identity(check, who, unsigned)).collect();
        let mut may = Vec::new();
        for verb in &role.may.value {
            if verb.as_str() == "adopt" {
                check.refuse(verb, "verb", format!("`{}` is decided by the signers and their threshold", verb.value));
                check.help("see `signing.threshold`");
            } else if let Some(verb) = check.word(verb, &verbs) {
                may.push(verb);
            }
        }
        let on = role.on.as_ref().map(|on| {
            if on.is_empty() {
                check.refuse(on, "nothing-there", format!("role `{}` permits it nowhere", name.escape_debug()));
                check.help("leave `on` out for every channel");
            }
            on.iter().filter_map(|channel| known_channel(check, channel, &known)).collect()
        });
        roles.insert(name.value.clone(), Role { who, may, on });
    }
    roles
}

pub(super) fn known_channel(check: &mut Collector, name: &Text, known: &[&str]) -> Option<ChannelName> {
    if !known.contains(&name.as_str()) {
        check.refuse(name, "unknown-channel", format!("there is no channel `{}`", name.escape_debug()));
        check.help(near::help(name, known));
        return None;
    }
    name.parse().ok()
}

/// `ssh:<principal>`, `github:<numeric id>`, `team:<org>/<slug>`, `permission:<level>`; `local:<e-mail>` where signing is
/// none. Names of accounts are not taken: they can be given up and taken over.
fn identity(check: &mut Collector, who: &Text, unsigned: bool) -> Option<String> {
    let slug = |text: &str| {
        text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    let help = match who.split_once(':') {
        Some(("ssh", principal)) if printable(principal) => None,
        Some(("ssh", _)) => Some("ssh:PRINCIPAL, as it stands in allowed_signers"),
        Some(("local", mail)) if unsigned && printable(mail) => None,
        Some(("local", _)) if !unsigned => Some("local:E-MAIL proves nothing; it counts only with `signing: { key: none }`"),
        Some(("local", _)) => Some("local:E-MAIL, as git knows it"),
        Some(("github", id)) if !id.is_empty() && id.bytes().all(|c| c.is_ascii_digit()) && !id.starts_with('0') => None,
        Some(("github", _)) => Some("github:NUMERIC-ID; an account's name can change hands, its id cannot"),
        Some(("team", team)) if team.split_once('/').is_some_and(|(org, team)| slug(org) && slug(team)) => None,
        Some(("team", _)) => Some("team:ORG/SLUG"),
        Some(("permission", level)) if PERMISSIONS.contains(&level) => None,
        Some(("permission", _)) => Some("permission:read, triage, write, maintain or admin"),
        _ => Some("ssh:PRINCIPAL, github:NUMERIC-ID, team:ORG/SLUG, permission:LEVEL, or local:E-MAIL without signing"),
    };
    match help {
        None => Some(who.value.clone()),
        Some(help) => {
            check.refuse(who, "identity", format!("`{}` is no identity that counts here", who.escape_debug()));
            check.help(help);
            None
        }
    }
}

/// A mover signs entries, so it is a signer (or nobody in particular, where nothing is signed).
fn mover(check: &mut Collector, who: &Text, unsigned: bool) -> Option<String> {
    let id = identity(check, who, unsigned)?;
    if id.starts_with("ssh:") || id.starts_with("local:") {
        return Some(id);
    }
    check.refuse(who, "identity", format!("`{}` signs no entries", who.escape_debug()));
    check.help("a mover is a signer: ssh:PRINCIPAL, as it stands in allowed_signers");
    None
}

fn printable(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|c| c.is_whitespace() || c.is_control())
}

fn documents(check: &mut Collector, raw: &raw::Documents) -> Documents {
    let mut paths = |list: &[Text]| {
        let mut paths = Vec::new();
        for path in list {
            let Some(lawful) = relative_path(check, path) else { continue };
            if paths.contains(&lawful) {
                check.refuse(path, "duplicate", format!("`{lawful}` stands here a second time"));
            }
            paths.push(lawful);
        }
        paths
    };
    let (protocol, archive, log) = (paths(&raw.protocol), paths(&raw.archive), paths(&raw.log));
    let roots = paths(&raw.roots);
    let foreign = raw.foreign.iter().filter_map(|(root, name)| Some((relative_path(check, root)?, name.value.clone()))).collect();
    let banned = raw.banned.iter().filter_map(|banned| {
        let path = relative_path(check, &banned.list)?;
        Some(List { path, allow: banned.allow.iter().map(|allowed| allowed.value.clone()).collect() })
    });
    let banned = banned.collect();
    Documents { protocol, archive, log, foreign, roots, banned, lock: None }
}

/// A file that is written, so nothing of git's own.
fn lock_path(check: &mut Collector, path: &Text) -> Option<String> {
    let lawful = relative_path(check, path)?;
    if lawful.ends_with('/') || lawful.split('/').any(|part| part.eq_ignore_ascii_case(".git")) {
        check.refuse(path, "path", format!("the lock cannot be written at `{}`", path.escape_debug()));
        check.help("name a file of the work tree, such as protocol-docs/tagwarden.lock");
        return None;
    }
    Some(lawful)
}

/// A path inside the repository. A folder may end with a slash.
pub(super) fn relative_path(check: &mut Collector, path: &Text) -> Option<String> {
    let inside = |part: &str| !matches!(part, "" | "." | "..");
    let trimmed = path.strip_suffix('/').unwrap_or(path);
    if trimmed.split('/').all(inside) && !path.contains(['\\', ':']) && !path.chars().any(char::is_control) {
        return Some(path.value.clone());
    }
    check.refuse(path, "path", format!("`{}` is no path inside the repository", path.escape_debug()));
    check.help("relative to the repository's root, with `/`, without `..`");
    None
}

/// The store is a folder of this machine, which may be outside of the repository.
fn snapshots(check: &mut Collector, raw: &raw::Snapshots) -> Option<Snapshots> {
    let path = &raw.store;
    if path.trim().is_empty() || path.contains("://") || path.chars().any(char::is_control) {
        check.refuse(path, "path", format!("`{}` is not a folder", path.escape_debug()));
        check.help("for example ../snapshots, from the repository's root");
        return None;
    }
    Some(Snapshots { store: path.value.clone(), signatures: raw.signatures.as_ref().map_or(0, |signatures| signatures.value) })
}

fn comments(check: &mut Collector, raw: &raw::Comment) -> Option<Comments> {
    let default = Comments::default();
    let prefix = match &raw.prefix {
        Some(prefix) => check.parsed::<Prefix>(prefix),
        None => Some(default.dialect.prefix),
    };
    if let Some(age) = raw.max_age.as_ref().filter(|age| age.value == Span::millis(0)) {
        check.refuse(age, "wrong-value", "with an age of 0 no command is ever young enough");
        check.help("for example 10m");
    }
    if let Some(issue) = raw.release_issue.as_ref().filter(|issue| issue.value == 0) {
        check.refuse(issue, "wrong-value", "issues are numbered from 1");
    }
    Some(Comments {
        dialect: Dialect { prefix: prefix?, require_sha: raw.require_sha.unwrap_or(default.dialect.require_sha) },
        max_age: raw.max_age.as_ref().map_or(default.max_age, |age| age.value),
        release_issue: raw.release_issue.as_ref().map(|issue| issue.value),
    })
}

fn reviewer(check: &mut Collector, name: &Text, raw: &raw::Reviewer) -> Option<(String, Reviewer)> {
    let kind = match raw.kind {
        raw::ReviewerKind::User => ReviewerKind::User,
        raw::ReviewerKind::Bot => ReviewerKind::Bot,
        raw::ReviewerKind::Team => ReviewerKind::Team,
    };
    let is_slug =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c)) && !part.starts_with('.');
    match &raw.team {
        Some(team) if kind != ReviewerKind::Team => check.refuse(team, "wrong-value", "only a reviewer of type team has a `team`"),
        Some(team) if !team.split_once('/').is_some_and(|(organisation, slug)| is_slug(organisation) && is_slug(slug)) => {
            check.refuse(team, "wrong-value", format!("`{}` is not ORGANISATION/SLUG", team.escape_debug()));
        }
        None if kind == ReviewerKind::Team => {
            check.refuse(name, "missing-key", "a team needs `team: ORGANISATION/SLUG` beside its numeric id");
        }
        _ => {}
    }
    if let Some(signer) = &raw.ssh {
        if kind != ReviewerKind::User {
            check.refuse(signer, "wrong-value", "only a reviewer of type user is a person who signs");
        } else {
            check.kept(signer, crate::gate::identity::check(&format!("ssh:{}", signer.value)));
        }
    }
    let mut approves: Vec<Signal> = raw.approves.value.iter().filter_map(|signal| self::signal(check, signal)).collect();
    if raw.approves.value.is_empty() {
        approves.push(Signal::Review);
    }
    let team = raw.team.as_ref().map(|team| team.value.clone());
    let signer = raw.ssh.as_ref().map(|signer| signer.value.clone());
    Some((name.value.clone(), Reviewer { kind, id: raw.id.value, team, app: raw.app, signer, approves }))
}

fn signal(check: &mut Collector, raw: &Text) -> Option<Signal> {
    match raw.split_once(':') {
        Some(("comment", text)) if !text.trim().is_empty() => Some(Signal::Comment(text.trim().to_owned())),
        None if raw.as_str() == "review" => Some(Signal::Review),
        None if raw.as_str() == "reaction" => Some(Signal::Reaction),
        _ => {
            check.refuse(raw, "wrong-value", format!("`{}` is not a way to approve", raw.escape_debug()));
            check.help("write `review`, `reaction`, or `comment:TEXT` with the text that an approving comment begins with");
            None
        }
    }
}

fn hook(check: &mut Collector, raw: &Spanned<raw::Hook>, channels: &IndexMap<ChannelName, Channel>) -> Option<Hook> {
    if raw.name.trim().is_empty() || raw.name.chars().any(char::is_control) {
        check.refuse(&raw.name, "wrong-value", "a name must stand here, which reports call the hook by");
    }
    let allowed = Allowed { values: template::VALUES, ..Allowed::default() };
    let secret = Allowed { env: true, ..Allowed { values: template::VALUES, ..Allowed::default() } };
    let call = match (&raw.post, &raw.run) {
        (Some(url), None) => {
            let url = shapes::url(check, url, &secret);
            let headers = raw.headers.iter().filter_map(|(name, value)| {
                if value.contains(['\n', '\r', '\0']) {
                    check.refuse(value, "wrong-value", "the value of a header is one line");
                }
                Some((name.to_ascii_lowercase(), shapes::template(check, value, &secret)?))
            });
            let headers = headers.collect();
            url.map(|url| Call::Post { url, headers })
        }
        (None, Some(run)) => {
            match run.first() {
                Some(program) => shapes::program(check, program),
                None => check.refuse(run, "wrong-value", "a program and its arguments must stand here"),
            }
            let run: Vec<Option<_>> = run.iter().map(|argument| shapes::argument(check, argument)).collect();
            let env = raw.env.iter().map(|name| name.value.clone()).collect();
            run.into_iter().collect::<Option<_>>().map(|run| Call::Run { run, env })
        }
        (Some(_), Some(run)) => {
            check.refuse(run, "several-commands", "a hook has `post` or `run`, not both");
            None
        }
        (None, None) => {
            check.refuse(raw, "missing-key", "the hook has neither `post` nor `run`");
            None
        }
    };
    let keys: Vec<Option<_>> = raw.keys.iter().map(|key| shapes::template(check, key, &allowed)).collect();
    let known = |check: &mut Collector, name: &Text| {
        let channel = check.parsed::<ChannelName>(name)?;
        if !channels.contains_key(&channel) {
            check.refuse(name, "unknown-channel", format!("the protocol names no channel `{channel}`"));
        }
        Some(channel)
    };
    let channels = raw.channels.as_ref().map(|names| names.iter().filter_map(|name| known(check, name)).collect());
    Some(Hook { name: raw.name.value.clone(), channels, keys: keys.into_iter().collect::<Option<_>>()?, call: call? })
}
