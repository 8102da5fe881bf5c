//! Workflows of GitHub Actions, read as they are written: what of them a release protocol cannot rest on.
//!
//! Limits: a job counts as one of Tagwarden's where a step of it names Tagwarden, so what a script or an action of somebody else
//! starts is not seen; expressions are not evaluated. Deliberately absent: everything that linters of workflows look for.

use super::{
    located::{self, Located},
    source::Source,
    yaml,
};
use crate::domain::{Finding, Place};
use serde_json::Value;

/// The commit that stands where the commit of a release has still to be filled in. git has no such object.
pub const PLACEHOLDER: &str = "0000000000000000000000000000000000000000";

/// What is wrong in one workflow. A file that cannot be read is a finding, too.
pub fn findings(source: &Source) -> Vec<Finding> {
    let read = match yaml::located(source) {
        Ok(read) => read,
        Err(finding) => {
            let words = format!("this workflow is not known to be right: {}", finding.message);
            return vec![placed(Finding::error("github/workflow-unreadable", words), finding.place)];
        }
    };
    let workflow = Workflow { source, read: &read };
    let jobs = read.value.get("jobs").and_then(Value::as_object);
    jobs.into_iter().flatten().flat_map(|(name, job)| workflow.job(&pointer(&["jobs", name]), job)).collect()
}

fn placed(finding: Finding, place: Option<Place>) -> Finding {
    match place {
        Some(place) => finding.at(place),
        None => finding,
    }
}

fn pointer(parts: &[&str]) -> String {
    let mut pointer = String::new();
    parts.iter().for_each(|part| located::push(&mut pointer, part));
    pointer
}

struct Workflow<'a> {
    source: &'a Source,
    read: &'a Located,
}

impl Workflow<'_> {
    fn at(&self, pointer: &str) -> Place {
        self.source.place(self.read.range(pointer))
    }

    fn job(&self, pointer: &str, job: &Value) -> Vec<Finding> {
        let empty = Vec::new();
        let steps = job.get("steps").and_then(Value::as_array).unwrap_or(&empty);
        let mut found: Vec<Finding> = Vec::new();
        found.extend(job.get("uses").and_then(Value::as_str).and_then(|uses| self.pinned(&format!("{pointer}/uses"), uses)));
        for (n, step) in steps.iter().enumerate() {
            let uses = step.get("uses").and_then(Value::as_str);
            found.extend(uses.and_then(|uses| self.pinned(&format!("{pointer}/steps/{n}/uses"), uses)));
        }
        let ours: Vec<&Value> = steps.iter().filter(|step| ["uses", "run"].iter().any(|key| step.get(key).is_some_and(names_us))).collect();
        let is_ours = job.get("uses").is_some_and(names_us) || !ours.is_empty();
        if !is_ours {
            return found;
        }
        for (n, step) in steps.iter().enumerate() {
            let is_checkout = step.get("uses").and_then(Value::as_str).is_some_and(|uses| uses.starts_with("actions/checkout@"));
            let depth = step.pointer("/with/fetch-depth");
            if is_checkout && ours.iter().any(|step| wants_history(step)) && !depth.is_some_and(|depth| depth == 0 || depth == "0") {
                let words = "this job runs Tagwarden in a checkout without its history, in which questions about it have no answer";
                let finding = Finding::error("github/shallow-checkout", words).at(self.at(&format!("{pointer}/steps/{n}/uses")));
                found.push(finding.help("put `fetch-depth: 0` under its `with`"));
            }
        }
        let permissions = job.get("permissions").or_else(|| self.read.value.get("permissions"));
        if permissions.is_some_and(|permissions| permissions == "write-all") {
            let words = "this job runs Tagwarden with every permission that there is";
            let finding = Finding::error("github/permissions-unsaid", words).at(self.at(pointer));
            found.push(finding.help("say what it needs under `permissions`, one by one"));
        }
        if permissions.is_none() {
            let words = "this job runs Tagwarden with whatever a workflow may do by default";
            let finding = Finding::error("github/permissions-unsaid", words).at(self.at(pointer));
            found.push(finding.help("say what it needs under `permissions`; `permissions: {}` above all jobs takes the rest away"));
        }
        found
    }

    /// `None`: what it names cannot change.
    fn pinned(&self, pointer: &str, uses: &str) -> Option<Finding> {
        if uses.starts_with("./") {
            return None;
        }
        let (action, version) = uses.rsplit_once('@').unwrap_or((uses, ""));
        let finding = |code: &str, words: String| Finding::error(code, words).at(self.at(pointer));
        if version == PLACEHOLDER {
            let words = format!("the commit of {action} has still to be filled in, and the workflow cannot run before");
            return Some(
                finding("github/action-placeholder", words)
                    .help("put in the commit whose action/assets.txt names the files of the release"),
            );
        }
        let is_hex = |text: &str, length| text.len() == length && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_digest = uses.starts_with("docker://") && version.strip_prefix("sha256:").is_some_and(|digest| is_hex(digest, 64));
        if is_hex(version, 40) || is_digest {
            return None;
        }
        let words = format!("`{}` is not pinned to a commit: whoever can move that name decides what runs", uses.escape_debug());
        Some(finding("github/action-unpinned", words).help("name the commit's whole id: `uses: OWNER/NAME@COMMIT`"))
    }
}

/// Verbs that ask about history; those that move fetch what they need.
const WANT_HISTORY: [&str; 4] = ["verify", "rehearse", "docs", "stage"];

fn wants_history(step: &Value) -> bool {
    let texts = [step.pointer("/with/verb"), step.get("run")];
    let words = texts.into_iter().flatten().filter_map(Value::as_str).flat_map(str::split_whitespace);
    words.into_iter().any(|word| WANT_HISTORY.contains(&word))
}

/// Whether a step or a job names Tagwarden.
fn names_us(value: &Value) -> bool {
    value.as_str().is_some_and(|text| text.contains("tagwarden"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `code line`, of each.
    fn found(text: &str) -> Vec<String> {
        let found = findings(&Source::new(".github/workflows/x.yml", text));
        found.iter().map(|finding| format!("{} {}", finding.code, finding.place.as_ref().map_or(0, |place| place.line))).collect()
    }

    #[test]
    fn what_a_protocol_cannot_rest_on_is_named_at_its_place() {
        const PIN: &str = "de0fac2e4500dabe0009e67214ff5f5447ce83dd";
        let pinned = &format!("actions/checkout@{PIN}");
        let job = |permissions: &str, checkout: &str, run: &str| {
            format!(
                "name: x\non: [push]\n{permissions}jobs:\n  one:\n    runs-on: ubuntu-24.04\n    steps:\n      - uses: {checkout}\n      - run: {run}\n"
            )
        };
        let deep = format!("{pinned}\n        with: {{ fetch-depth: 0 }}");
        for (text, expected) in [
            (job("permissions: {}\n", &deep, "tagwarden verify"), vec![]),
            (job("permissions: {}\n", &deep.replace(": 0 }", ": \"0\" }"), "tagwarden verify"), vec![]),
            (job("permissions: {}\n", pinned, "tagwarden verify"), vec!["github/shallow-checkout 8"]),
            (
                job("permissions: {}\n", &format!("{pinned}\n        with: {{ fetch-depth: 1 }}"), "tagwarden verify"),
                vec!["github/shallow-checkout 8"],
            ),
            (job("", &deep, "tagwarden verify"), vec!["github/permissions-unsaid 5"]),
            (job("permissions: write-all\n", &deep, "tagwarden verify"), vec!["github/permissions-unsaid 6"]),
            (job("permissions: {}\n", pinned, "tagwarden promote v1.0.0"), vec![]),
            (
                job("permissions: {}\n", pinned, &format!("true\n      - uses: x/tagwarden@{PIN}\n        with: {{ verb: docs check }}")),
                vec!["github/shallow-checkout 8"],
            ),
            (job("", pinned, "make verify"), vec![]),
            (job("", "actions/checkout@v6", "make"), vec!["github/action-unpinned 7"]),
            (job("", "actions/checkout", "make"), vec!["github/action-unpinned 7"]),
            (job("", "actions/checkout@de0fac2", "make"), vec!["github/action-unpinned 7"]),
            (job("", "./.github/actions/x", "make"), vec![]),
            (job("", "docker://alpine:3", "make"), vec!["github/action-unpinned 7"]),
            (job("", &format!("docker://alpine@sha256:{}", "a".repeat(64)), "make"), vec![]),
            (job("", &format!("example/x@{PLACEHOLDER}"), "make"), vec!["github/action-placeholder 7"]),
            (
                "on:\n  pull_request:\npermissions: {}\njobs:\n  call:\n    uses: example/tagwarden/.github/workflows/verify.yml@v1\n"
                    .to_owned(),
                vec!["github/action-unpinned 6"],
            ),
            ("jobs: [\n".to_owned(), vec!["github/workflow-unreadable 1"]),
            ("name: nothing\n".to_owned(), vec![]),
        ] {
            assert_eq!(found(&text), expected, "{text}");
        }
    }
}
