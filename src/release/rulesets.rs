//! The refs of a protocol as rulesets of GitHub: what must be forbidden and to whom, and whether the rulesets of a repository
//! forbid it. `init --rulesets` prints the first, `doctor --github` judges the second, by what a ruleset binds and not by its name.
//!
//! Whoever may bypass a ruleset is let past all of its rules, and a ruleset is about tags or about branches, so there are four, and two more
//! where pointer files have branches of their own.
//! <https://docs.github.com/repositories/configuring-branches-and-merges-in-your-repository/managing-rulesets/available-rules-for-rulesets>
//!
//! Limits: a pattern with `?`, classes or braces covers only a pattern that is written the same, and as an exclusion it excludes
//! everything. Deliberately absent: who may create a release tag, which the ledger decides; protected branches and tags of the time
//! before rulesets.

use super::plan;
use crate::gate::Protocol;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// What a ruleset is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    Tag,
    Branch,
}

impl Target {
    pub const fn name(self) -> &'static str {
        match self {
            Target::Tag => "tag",
            Target::Branch => "branch",
        }
    }

    /// What `~ALL` stands for.
    const fn all(self) -> &'static str {
        match self {
            Target::Tag => "refs/tags/**/*",
            Target::Branch => "refs/heads/**/*",
        }
    }
}

/// Whom a rule does not bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exempt {
    Nobody,
    /// The GitHub App that moves.
    App,
}

/// One ruleset that a protocol needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Guard {
    pub name: &'static str,
    /// What it is for, for people.
    pub about: &'static str,
    pub target: Target,
    /// Patterns of whole names of refs.
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    pub rules: &'static [&'static str],
    pub exempt: Exempt,
}

const REWRITE: &[&str] = &["deletion", "non_fast_forward"];

/// The rulesets that keep a protocol's refs, none without a ref.
pub fn guards(protocol: &Protocol) -> Vec<Guard> {
    let channel_tags = channel_tags(protocol);
    let releases = protocol.packages.iter().map(|(name, package)| {
        let pattern = package.release_tag.as_str().replace("{package}", name.as_str()).replace("{version}", "*");
        format!("refs/tags/{pattern}")
    });
    let of_kinds = protocol.catalog.kinds.iter().map(|(kind, rules)| {
        let pattern = rules.release_tag.as_str().replace("{kind}", kind.as_str()).replace("{id}", "*").replace("{version}", "*");
        format!("refs/tags/{pattern}")
    });
    let releases = unique(releases.chain(of_kinds));
    // A channel tag whose name has the form of a release's must still move.
    let moving = channel_tags.iter().filter(|tag| releases.iter().any(|release| covers(release, tag))).cloned().collect();
    let ledger = vec![protocol.ledger.as_str().to_owned()];
    let pointers = pointer_branches(protocol);
    let guard = |name, about, target, include, rules, exempt| Guard { name, about, target, include, exclude: Vec::new(), rules, exempt };
    let release_rules = &["deletion", "non_fast_forward", "update"];
    let mut guards = vec![
        Guard {
            exclude: moving,
            ..guard("Tagwarden: release tags", "release tags never move", Target::Tag, releases, release_rules, Exempt::Nobody)
        },
        guard("Tagwarden: ledger", "the ledger only grows", Target::Branch, ledger.clone(), REWRITE, Exempt::Nobody),
        guard(
            "Tagwarden: channel tags",
            "the App alone moves channel tags",
            Target::Tag,
            channel_tags,
            &["creation", "deletion", "update"],
            Exempt::App,
        ),
        guard("Tagwarden: ledger entries", "the App alone writes entries", Target::Branch, ledger, &["update"], Exempt::App),
        guard(
            "Tagwarden: pointer files",
            "activations alone write pointer files",
            Target::Branch,
            pointers.clone(),
            REWRITE,
            Exempt::Nobody,
        ),
        guard("Tagwarden: activations", "the App alone activates", Target::Branch, pointers, &["creation", "update"], Exempt::App),
    ];
    guards.retain(|guard| !guard.include.is_empty());
    guards
}

/// The refs of all channel tags.
pub fn channel_tags(protocol: &Protocol) -> Vec<String> {
    unique(plan::channel_refs(protocol).into_iter().map(|(_, tag)| tag.as_str().to_owned()))
}

/// The branches that activations alone write. A release branch is everybody's.
fn pointer_branches(protocol: &Protocol) -> Vec<String> {
    let branches = &protocol.release_branches;
    let own = protocol.catalog.pointers.iter().filter(|pointer| !pointer.is_on(branches));
    unique(own.filter_map(|pointer| Some(pointer.branch_ref(branches)?.as_str().to_owned())))
}

fn unique(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    texts.filter(|text| seen.insert(text.clone())).collect()
}

impl Guard {
    /// The body of `POST /repos/{owner}/{repo}/rulesets`. `app`: the number of the App.
    pub fn body(&self, app: u64) -> Value {
        let bypass = match self.exempt {
            Exempt::Nobody => json!([]),
            Exempt::App => json!([{ "actor_id": app, "actor_type": "Integration", "bypass_mode": "always" }]),
        };
        let rules: Vec<Value> = self.rules.iter().map(|rule| json!({ "type": rule })).collect();
        json!({
            "name": self.name,
            "target": self.target.name(),
            "enforcement": "active",
            "bypass_actors": bypass,
            "conditions": { "ref_name": { "include": self.include, "exclude": self.exclude } },
            "rules": rules,
        })
    }
}

// ---- what a repository has -------------------------------------------------------------------------------------------

/// A ruleset as GitHub tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruleset {
    pub name: String,
    /// `tag`, `branch`, `push`, or what GitHub has come to call it.
    pub target: String,
    /// `active`, `evaluate`, `disabled`.
    pub enforcement: String,
    pub include: Vec<String>,
    pub exclude: Vec<String>,
    /// The types of its rules.
    pub rules: Vec<String>,
    /// `None`: GitHub shows them only to who may change the ruleset.
    pub bypass: Option<Vec<Bypass>>,
}

/// Somebody who is let past a ruleset.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bypass {
    /// `Integration` is an App.
    pub kind: String,
    pub id: Option<u64>,
    /// `always`, `exempt`, `pull_request`.
    pub mode: Option<String>,
}

/// Whether a guard is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kept {
    Yes,
    /// Patterns with the rules that nothing makes for them: `deletion of refs/tags/v*`.
    Missing(Vec<String>),
    /// Rulesets that are right but for whom they let past.
    Open(Vec<String>),
    /// What was not shown.
    Unknown(String),
}

/// `app`: the number of the App, where it is known.
pub fn kept(guard: &Guard, rulesets: &[Ruleset], app: Option<u64>) -> Kept {
    let (mut missing, mut open, mut unknown) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    for (pattern, rule) in guard.include.iter().flat_map(|pattern| guard.rules.iter().map(move |rule| (pattern, *rule))) {
        let of_target = rulesets.iter().filter(|ruleset| ruleset.target == guard.target.name() && ruleset.enforcement == "active");
        let binding: Vec<&Ruleset> = of_target
            .filter(|ruleset| ruleset.rules.iter().any(|known| known == rule) && ruleset.binds(guard.target, pattern, &guard.exclude))
            .collect();
        let exemptions: Vec<Exemption> = binding.iter().map(|ruleset| ruleset.exemption(guard.exempt, app)).collect();
        if exemptions.contains(&Exemption::Fits) {
            continue;
        }
        let with =
            |wanted: Exemption| binding.iter().zip(&exemptions).filter(move |(_, found)| **found == wanted).map(|(one, _)| &one.name);
        if exemptions.contains(&Exemption::Unknown) {
            unknown.extend(with(Exemption::Unknown).map(|name| format!("`{}`", name.escape_debug())));
        } else if exemptions.contains(&Exemption::TooWide) {
            open.extend(with(Exemption::TooWide).map(|name| format!("`{}`", name.escape_debug())));
        } else {
            missing.push(format!("{} of {pattern}", rule.replace('_', " ")));
        }
    }
    if !missing.is_empty() {
        return Kept::Missing(missing);
    }
    if !open.is_empty() {
        return Kept::Open(open.into_iter().collect());
    }
    match unknown.is_empty() {
        true => Kept::Yes,
        false => Kept::Unknown(unknown.into_iter().collect::<Vec<_>>().join(", ")),
    }
}

/// What forbids the App a move or an entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Barred {
    /// The name of the ruleset, the rule, the ref.
    By(String, String, String),
    /// The same, where it was not shown whether the App is let past, or what the rule forbids is not known here.
    Perhaps(String, String, String),
}

/// Rules that forbid a ref's move, or leave it to something that a move does not have.
const BARS: &[&str] =
    &["creation", "update", "non_fast_forward", "pull_request", "required_status_checks", "required_deployments", "merge_queue"];

/// Rulesets that bind what the App must be able to do.
pub fn barred(protocol: &Protocol, rulesets: &[Ruleset], app: Option<u64>) -> Vec<Barred> {
    let tags = channel_tags(protocol).into_iter().map(|tag| (Target::Tag, tag, &["deletion"][..]));
    // The ledger grows by one commit on the other, and was made before.
    let harmless = &["creation", "deletion", "non_fast_forward", "required_linear_history"][..];
    let ledger = [(Target::Branch, protocol.ledger.as_str().to_owned(), harmless)];
    // An activation follows the judged commit and the one before, so a linear history is none of it.
    let pointers = pointer_branches(protocol).into_iter().map(|branch| (Target::Branch, branch, &["deletion", "non_fast_forward"][..]));
    let mut found = Vec::new();
    for (target, name, harmless) in tags.chain(ledger).chain(pointers) {
        let active = rulesets.iter().filter(|ruleset| ruleset.target == target.name() && ruleset.enforcement == "active");
        for ruleset in active.filter(|ruleset| ruleset.may_bind(target, &name)) {
            let lets_past = ruleset.lets_past(app);
            for rule in ruleset.rules.iter().filter(|rule| !harmless.contains(&rule.as_str()) && lets_past != Some(true)) {
                let told = (ruleset.name.clone(), rule.clone(), name.clone());
                let is_sure = lets_past == Some(false) && BARS.contains(&rule.as_str());
                found.push(if is_sure { Barred::By(told.0, told.1, told.2) } else { Barred::Perhaps(told.0, told.1, told.2) });
            }
        }
    }
    found
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Exemption {
    Fits,
    TooWide,
    Unknown,
}

impl Ruleset {
    /// Whether it is in force for every name of a pattern, but for names of `but`.
    fn binds(&self, target: Target, pattern: &str, but: &[String]) -> bool {
        let excluded = |exclusion: &String| match exclusion.as_str() {
            // The ledger is no branch that code is on.
            "~DEFAULT_BRANCH" => false,
            "~ALL" => true,
            other => !but.contains(exclusion) && may_meet(other, pattern),
        };
        let included = |inclusion: &String| covers(if inclusion == "~ALL" { target.all() } else { inclusion }, pattern);
        self.include.iter().any(included) && !self.exclude.iter().any(excluded)
    }

    /// Whether it could be in force for a name.
    fn may_bind(&self, target: Target, name: &str) -> bool {
        let included = |inclusion: &String| match inclusion.as_str() {
            "~DEFAULT_BRANCH" => false,
            "~ALL" => true,
            other => may_meet(other, name),
        };
        let excluded = |exclusion: &String| covers(if exclusion == "~ALL" { target.all() } else { exclusion }, name);
        self.include.iter().any(included) && !self.exclude.iter().any(excluded)
    }

    fn exemption(&self, wanted: Exempt, app: Option<u64>) -> Exemption {
        let Some(bypass) = &self.bypass else { return Exemption::Unknown };
        let is_app = |one: &Bypass| one.kind == "Integration" && (app.is_none() || one.id == app);
        match (wanted, &bypass[..]) {
            (_, []) => Exemption::Fits,
            (Exempt::App, [one]) if is_app(one) => match app {
                Some(_) => Exemption::Fits,
                None => Exemption::Unknown,
            },
            _ => Exemption::TooWide,
        }
    }

    /// Whether the App is bound by nothing of it. `None`: that is not known.
    fn lets_past(&self, app: Option<u64>) -> Option<bool> {
        let bypass = self.bypass.as_ref()?;
        // Who is let past on pull requests is bound by a push.
        let of_apps = || bypass.iter().filter(|one| one.kind == "Integration" && one.mode.as_deref() != Some("pull_request"));
        let mut own = of_apps().filter(|one| app.is_none() || one.id == app);
        match (own.next().map(|one| one.mode.as_deref()), app) {
            (None, _) => Some(false),
            (Some(None | Some("always" | "exempt")), Some(_)) => Some(true),
            _ => None,
        }
    }
}

// ---- patterns ----------------------------------------------------------------------------------------------------------

/// What is more than text and stars, whose meaning is not looked into.
fn is_special(text: &str) -> bool {
    text.contains(['?', '[', ']', '{', '}', '\\'])
}

/// Whether every name that `pattern` matches is matched by `outer`. `pattern` is one of ours: text, and stars within a part.
pub fn covers(outer: &str, pattern: &str) -> bool {
    let (outer_parts, parts): (Vec<&str>, Vec<&str>) = (outer.split('/').collect(), pattern.split('/').collect());
    outer == pattern || (!is_special(outer) && parts_match(&outer_parts, &parts, &part_covers))
}

/// Whether a name could match both.
fn may_meet(other: &str, pattern: &str) -> bool {
    let (other_parts, parts): (Vec<&str>, Vec<&str>) = (other.split('/').collect(), pattern.split('/').collect());
    is_special(other) || parts_match(&other_parts, &parts, &part_meets)
}

/// Parts of a path against the parts of one of our patterns; `**` before a slash is any number of parts.
fn parts_match(outer: &[&str], parts: &[&str], matches: &dyn Fn(&[u8], &[u8]) -> bool) -> bool {
    // reached[n]: what was read of `outer` can end before part n.
    let mut reached = vec![false; parts.len() + 1];
    reached[0] = true;
    for (at, part) in outer.iter().enumerate() {
        let mut next = vec![false; parts.len() + 1];
        if *part == "**" && at + 1 < outer.len() {
            let first = reached.iter().position(|reached| *reached).unwrap_or(next.len());
            next.iter_mut().skip(first).for_each(|next| *next = true);
        } else {
            for (n, found) in parts.iter().enumerate() {
                next[n + 1] = reached[n] && matches(part.as_bytes(), found.as_bytes());
            }
        }
        reached = next;
    }
    reached.last() == Some(&true)
}

/// A star of `part` stands for any text, so only a star of `outer` takes it.
fn part_covers(outer: &[u8], part: &[u8]) -> bool {
    // reached[n]: what was read of `outer` can take the first n bytes of `part`.
    let mut reached: Vec<bool> = (0..=part.len()).map(|n| n == 0).collect();
    for byte in outer {
        let mut next = vec![false; part.len() + 1];
        if *byte == b'*' {
            let first = reached.iter().position(|reached| *reached).unwrap_or(next.len());
            next.iter_mut().skip(first).for_each(|next| *next = true);
        } else {
            for (n, found) in part.iter().enumerate() {
                next[n + 1] = reached[n] && *found != b'*' && found == byte;
            }
        }
        reached = next;
    }
    reached.last() == Some(&true)
}

/// Two patterns of one part: whether a text matches both.
fn part_meets(one: &[u8], other: &[u8]) -> bool {
    let width = other.len() + 1;
    let mut reached = vec![false; (one.len() + 1) * width];
    reached[0] = true;
    for i in 0..=one.len() {
        for j in 0..=other.len() {
            if !reached[i * width + j] {
                continue;
            }
            let (left, right) = (one.get(i), other.get(j));
            if left == Some(&b'*') {
                reached[(i + 1) * width + j] = true;
            }
            if right == Some(&b'*') {
                reached[i * width + j + 1] = true;
            }
            match (left, right) {
                (Some(b'*'), Some(byte)) if *byte != b'*' => reached[i * width + j + 1] = true,
                (Some(byte), Some(b'*')) if *byte != b'*' => reached[(i + 1) * width + j] = true,
                (Some(left), Some(right)) if left == right => reached[(i + 1) * width + j + 1] = true,
                _ => {}
            }
        }
    }
    reached.last() == Some(&true)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::config::{self, GateFiles};

    const PROTOCOL: &str = r#"version: 1
packages:
  web: { release_tag: "{package}/v{version}", default: true }
  api: { release_tag: "v{version}" }
release_branches: [main]
channels:
  draft: {}
  next: { tag: "{package}/v-{channel}" }
  live: { tag: "channel/{channel}/{package}" }
signing: { key: none }
release_tags: any
"#;

    fn protocol() -> Protocol {
        let files = [("protocol.yaml", PROTOCOL), ("10-tree.yaml", "title: T\ncommand: [ { run: [\"true\"] } ]\n")];
        let files = files.map(|(name, text)| (name.to_owned(), text.as_bytes().to_vec()));
        config::load(&GateFiles { files: files.into_iter().collect(), root: "gates".to_owned() }).unwrap()
    }

    /// What the bodies ask GitHub for, as it would tell them.
    fn made(guard: &Guard, app: u64) -> Ruleset {
        let body = guard.body(app);
        let texts = |value: &Value| value.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect();
        let bypass = body["bypass_actors"].as_array().unwrap().iter().map(|actor| Bypass {
            kind: actor["actor_type"].as_str().unwrap().to_owned(),
            id: actor["actor_id"].as_u64(),
            mode: actor["bypass_mode"].as_str().map(str::to_owned),
        });
        Ruleset {
            name: guard.name.to_owned(),
            target: body["target"].as_str().unwrap().to_owned(),
            enforcement: "active".to_owned(),
            include: texts(&body["conditions"]["ref_name"]["include"]),
            exclude: texts(&body["conditions"]["ref_name"]["exclude"]),
            rules: body["rules"].as_array().unwrap().iter().map(|rule| rule["type"].as_str().unwrap().to_owned()).collect(),
            bypass: Some(bypass.collect()),
        }
    }

    #[test]
    fn the_refs_come_from_the_protocol() {
        let shown: Vec<String> = guards(&protocol()).iter().map(|guard| format!("{:?} but {:?}", guard.include, guard.exclude)).collect();
        assert_eq!(
            shown,
            [
                r#"["refs/tags/web/v*", "refs/tags/v*"] but ["refs/tags/web/v-next"]"#,
                r#"["refs/heads/tagwarden/ledger"] but []"#,
                r#"["refs/tags/web/v-next", "refs/tags/api/v-next", "refs/tags/channel/live/web", "refs/tags/channel/live/api"] but []"#,
                r#"["refs/heads/tagwarden/ledger"] but []"#,
            ]
        );
    }

    #[test]
    fn pointer_files_are_written_by_the_app_alone() {
        let written = |branch: &str| {
            let text = format!(
                "version: 1\npackages: {{}}\nrelease_branches: [main]\nchannels: {{ a: {{ tag: \"on/{{channel}}\" }}, b: {{ tag: \"on/{{channel}}\" }} }}\n\
                 signing: {{ key: none }}\nkinds: {{ page: {{ path: \"{{id}}/{{version}}.json\", rail: none }} }}\n\
                 pointer: {{ file: active.json, branch: \"{branch}\", channel: [a, b] }}\n"
            );
            let gate = "title: T\ncommand: [ { run: [\"true\"] } ]\n".to_owned();
            let files = [("protocol.yaml", text), ("10-fine.yaml", gate)];
            let files = files.map(|(path, text)| (path.to_owned(), text.into_bytes())).into();
            crate::gate::config::load(&crate::gate::config::GateFiles { files, root: "gates".to_owned() }).unwrap()
        };
        let protocol = written("active/{channel}");
        let guards = guards(&protocol);
        let shown: Vec<String> = guards.iter().map(|guard| format!("{}: {}", guard.name, guard.include.join(" "))).collect();
        assert_eq!(
            shown,
            [
                "Tagwarden: release tags: refs/tags/page/*/v*",
                "Tagwarden: ledger: refs/heads/tagwarden/ledger",
                "Tagwarden: channel tags: refs/tags/on/a refs/tags/on/b",
                "Tagwarden: ledger entries: refs/heads/tagwarden/ledger",
                "Tagwarden: pointer files: refs/heads/active/a refs/heads/active/b",
                "Tagwarden: activations: refs/heads/active/a refs/heads/active/b",
            ]
        );
        let all: Vec<Ruleset> = guards.iter().map(|guard| made(guard, 7)).collect();
        assert_eq!(barred(&protocol, &all, Some(7)), []);
        let by = |found: &Barred| matches!(found, Barred::By(_, rule, name) if rule == "creation" && name == "refs/heads/active/b");
        assert!(barred(&protocol, &all, Some(8)).iter().any(by));
    }

    #[test]
    fn what_is_printed_is_what_is_demanded() {
        let (guards, protocol) = (guards(&protocol()), protocol());
        let all: Vec<Ruleset> = guards.iter().map(|guard| made(guard, 7)).collect();
        for (at, guard) in guards.iter().enumerate() {
            assert_eq!(kept(guard, &all, Some(7)), Kept::Yes, "{}", guard.name);
            let without: Vec<Ruleset> = all.iter().enumerate().filter(|(n, _)| *n != at).map(|(_, one)| one.clone()).collect();
            assert!(matches!(kept(guard, &without, Some(7)), Kept::Missing(_)), "{}", guard.name);
        }
        assert_eq!(barred(&protocol, &all, Some(7)), []);
        assert!(barred(&protocol, &all, Some(8)).contains(&Barred::By(
            "Tagwarden: ledger entries".to_owned(),
            "update".to_owned(),
            "refs/heads/tagwarden/ledger".to_owned()
        )));
    }

    #[test]
    fn a_ruleset_counts_by_what_it_binds() {
        let guards = guards(&protocol());
        let release = made(&guards[0], 7);
        let channel = made(&guards[2], 7);
        let bypass = |kind: &str, id| Bypass { kind: kind.to_owned(), id: Some(id), mode: Some("always".to_owned()) };
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        type Change = fn(&mut Ruleset);
        let changes: &[(Change, &str)] = &[
            (|_| {}, "yes"),
            (|one| one.name = "Another".to_owned(), "yes"),
            (|one| one.include = vec!["~ALL".to_owned()], "yes"),
            (|one| one.include = vec!["refs/tags/**/*".to_owned()], "yes"),
            (|one| one.include = vec!["refs/tags/*".to_owned()], "missing"),
            (|one| one.include.truncate(1), "missing"),
            (|one| one.exclude.push("refs/tags/v0.*".to_owned()), "missing"),
            (|one| one.exclude = vec!["refs/tags/web/v-next".to_owned()], "yes"),
            (|one| one.exclude = Vec::new(), "yes"),
            (|one| one.exclude = vec!["refs/tags/web/v-*".to_owned()], "missing"),
            (|one| one.exclude.push("refs/tags/[v]*".to_owned()), "missing"),
            (|one| one.exclude.push("refs/tags/other/*".to_owned()), "yes"),
            (|one| one.enforcement = "evaluate".to_owned(), "missing"),
            (|one| one.target = "branch".to_owned(), "missing"),
            (|one| one.rules.retain(|rule| rule != "deletion"), "missing"),
            (|one| one.bypass = None, "unknown"),
        ];
        for (at, (change, expected)) in changes.iter().enumerate() {
            let mut one = release.clone();
            change(&mut one);
            let found = match kept(&guards[0], &[one], Some(7)) {
                Kept::Yes => "yes",
                Kept::Missing(_) => "missing",
                Kept::Open(_) => "open",
                Kept::Unknown(_) => "unknown",
            };
            assert_eq!(found, *expected, "change {at}");
        }
        // Nobody may be let past what nobody may do, and only the App past what it alone does.
        let open = |ruleset: &Ruleset, guard: &Guard, let_past: Vec<Bypass>, app| {
            kept(guard, &[Ruleset { bypass: Some(let_past), ..ruleset.clone() }], app)
        };
        assert!(matches!(open(&release, &guards[0], vec![bypass("Integration", 7)], Some(7)), Kept::Open(_)));
        assert_eq!(open(&channel, &guards[2], vec![], Some(7)), Kept::Yes);
        assert!(matches!(open(&channel, &guards[2], vec![bypass("Integration", 8)], Some(7)), Kept::Open(_)));
        assert!(matches!(open(&channel, &guards[2], vec![bypass("RepositoryRole", 7)], Some(7)), Kept::Open(_)));
        let two = vec![bypass("Integration", 7), bypass("OrganizationAdmin", 1)];
        assert!(matches!(open(&channel, &guards[2], two, Some(7)), Kept::Open(_)));
        assert!(matches!(open(&channel, &guards[2], vec![bypass("Integration", 7)], None), Kept::Unknown(_)));
        // What binds channel tags must let the App past.
        let all =
            Ruleset { include: texts(&["~ALL"]), exclude: texts(&["refs/tags/channel/live/*", "refs/tags/api/**/*"]), ..release.clone() };
        assert_eq!(
            barred(&protocol(), &[all], Some(7)),
            [
                Barred::By("Tagwarden: release tags".to_owned(), "non_fast_forward".to_owned(), "refs/tags/web/v-next".to_owned()),
                Barred::By("Tagwarden: release tags".to_owned(), "update".to_owned(), "refs/tags/web/v-next".to_owned()),
            ]
        );
        let include = texts(&["refs/tags/web/v-next"]);
        let odd = Ruleset { rules: texts(&["commit_message_pattern"]), include, exclude: Vec::new(), ..release.clone() };
        assert!(matches!(barred(&protocol(), &[odd], Some(7))[..], [Barred::Perhaps(..)]));
        let hidden = Ruleset { bypass: None, ..channel.clone() };
        assert!(barred(&protocol(), &[hidden], Some(7)).iter().all(|found| matches!(found, Barred::Perhaps(..))));
    }

    #[test]
    fn patterns_cover_and_meet() {
        for (outer, pattern, does) in [
            ("refs/tags/v*", "refs/tags/v*", true),
            ("refs/tags/*", "refs/tags/v*", true),
            ("refs/tags/v*", "refs/tags/*", false),
            ("refs/tags/v1*", "refs/tags/v*", false),
            ("refs/tags/*", "refs/tags/web/v*", false),
            ("refs/tags/*/*", "refs/tags/web/v*", true),
            ("refs/tags/**/*", "refs/tags/web/v*", true),
            ("refs/tags/**/*", "refs/tags/v*", true),
            ("refs/**/v*", "refs/tags/web/v*", true),
            ("refs/**/w*", "refs/tags/web/v*", false),
            ("refs/tags/**", "refs/tags/web/v*", false),
            ("refs/tags/**", "refs/tags/v*", true),
            ("refs/tags/v[0-9]*", "refs/tags/v*", false),
            ("refs/tags/v[0-9]*", "refs/tags/v[0-9]*", true),
            ("*", "refs/tags/v*", false),
            ("", "refs/tags/v*", false),
            ("refs/tags/*v*", "refs/tags/x-v*", true),
        ] {
            assert_eq!(covers(outer, pattern), does, "{outer} {pattern}");
        }
        for (one, other, does) in [
            ("refs/tags/v0.*", "refs/tags/v*", true),
            ("refs/tags/*.0", "refs/tags/v*", true),
            ("refs/tags/w*", "refs/tags/v*", false),
            ("refs/tags/*", "refs/tags/web/v*", false),
            ("refs/**/x", "refs/tags/v*", false),
            ("refs/**/v1", "refs/tags/v*", true),
            ("refs/tags/{a,b}", "refs/tags/v*", true),
            ("refs/tags/vnext", "refs/tags/vnext", true),
            ("refs/tags/vnex", "refs/tags/vnext", false),
        ] {
            assert_eq!(may_meet(one, other), does, "{one} {other}");
        }
    }
}
