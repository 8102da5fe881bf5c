//! The files that `init` writes, as text: templates with the repository's own facts filled in.
//!
//! A template holds `@NAME@` marks; braces in it are the protocol's own placeholders and stay.

use crate::{attest::ssh::AllowedSigners, cli::args::Preset, gate::protocol::KeySource, report::Report};

/// What the templates need to know.
pub struct Facts {
    /// The branch that releases are cut from; `None`: HEAD is detached.
    pub branch: Option<String>,
    /// `None`: `origin`.
    pub remote: Option<String>,
    /// The folder of the protocol, relative to the root.
    pub gates: String,
    /// Where the signing key comes from; `None`: the variable [`KEY_VARIABLE`].
    pub key: Option<KeySource>,
    pub signer: Option<Signer>,
}

/// Holds the signing key, or the path of its file, where nothing else is said.
const KEY_VARIABLE: &str = "TAGWARDEN_SIGNING_KEY";

/// Stands in the protocol where no signer is known yet.
const NOBODY: &str = "release@example.com";

/// Somebody who may sign from the start.
pub struct Signer {
    principal: String,
    /// Type and key, without comment.
    key: String,
}

impl Signer {
    /// `None` where the two make no lawful line of `allowed_signers`.
    pub fn new(principal: &str, public_key: &str) -> Option<Signer> {
        let mut words = public_key.split_ascii_whitespace();
        let signer = Signer { principal: principal.to_owned(), key: format!("{} {}", words.next()?, words.next()?) };
        let named = |allowed: AllowedSigners| allowed.signers().all(|read| read.principal == principal);
        let lawful =
            !principal.is_empty() && !principal.contains(['"', '\\', '#']) && AllowedSigners::parse(&signer.line()).is_ok_and(named);
        lawful.then_some(signer)
    }

    fn line(&self) -> String {
        format!("{} {}", self.principal, self.key)
    }
}

/// A file to be written.
pub struct NewFile {
    /// Relative to the repository's root.
    pub path: String,
    pub about: &'static str,
    pub text: String,
}

/// One channel, one gate, no keys.
pub fn minimal(facts: &Facts) -> Vec<NewFile> {
    vec![
        facts.gate_file("protocol.yaml", "packages, channels, ledger", include_str!("minimal/protocol.yaml")),
        facts.gate_file("10-docs.yaml", "the gate on the protocol document", include_str!("minimal/10-docs.yaml")),
        facts.document(include_str!("minimal/promotion.md")),
    ]
}

/// The seven gates of a promotion, the gate on their document, four channels, signers.
pub fn full(facts: &Facts) -> Vec<NewFile> {
    vec![
        facts.gate_file("protocol.yaml", "packages, channels, roles, ledger", include_str!("full/protocol.yaml")),
        facts.gate_file("allowed_signers", "whose signatures count", include_str!("full/allowed_signers")),
        facts.gate_file("10-env.yaml", "environment variables", include_str!("full/10-env.yaml")),
        facts.gate_file("20-channel.yaml", "runtime channel", include_str!("full/20-channel.yaml")),
        facts.gate_file("30-auth-keys.yaml", "authentication keys", include_str!("full/30-auth-keys.yaml")),
        facts.gate_file("40-trust-endpoints.yaml", "trust endpoints", include_str!("full/40-trust-endpoints.yaml")),
        facts.gate_file("50-replay.yaml", "replay attribution", include_str!("full/50-replay.yaml")),
        facts.gate_file("60-audit.yaml", "audit durability", include_str!("full/60-audit.yaml")),
        facts.gate_file("70-verdicts.yaml", "reviewer verdicts", include_str!("full/70-verdicts.yaml")),
        facts.gate_file("80-docs.yaml", "the gate on the protocol document", include_str!("full/80-docs.yaml")),
        facts.document(include_str!("full/promotion.md")),
    ]
}

/// A small catalog that is right, with its rails and the gate on it.
pub fn preset(facts: &Facts, preset: Preset) -> Vec<NewFile> {
    match preset {
        Preset::Flat => with_pointer(facts, "flat", include_str!("catalog/pointer/flat.json")),
        Preset::Grouped => with_pointer(facts, "grouped", include_str!("catalog/pointer/grouped.json")),
        Preset::Rails => rails(facts),
    }
}

fn with_pointer(facts: &Facts, shape: &'static str, pointer: &'static str) -> Vec<NewFile> {
    let protocol = fill(include_str!("catalog/pointer/protocol.yaml"), &[("@SHAPE@", shape.to_owned())]);
    vec![
        facts.gate_file("protocol.yaml", "kinds of artifacts, the pointer file, channels", &protocol),
        facts.gate_file("10-docs.yaml", "the gate on the protocol document", include_str!("minimal/10-docs.yaml")),
        facts.gate_file("20-catalog.yaml", "the gate on the catalog", include_str!("catalog/20-catalog.yaml")),
        facts.gate_file("rails/document/schema.json", "what a document is", include_str!("catalog/pointer/document/schema.json")),
        facts.gate_file("rails/document/lint.yaml", "what a document says of others", include_str!("catalog/pointer/document/lint.yaml")),
        facts.gate_file("rails/prompt/lint.yaml", "what a prompt must not say", include_str!("catalog/pointer/prompt/lint.yaml")),
        facts.document(include_str!("catalog/pointer/promotion.md")),
        plain("documents/welcome/1.0.0/document.yaml", "a document", include_str!("catalog/pointer/document.yaml")),
        plain("prompts/greeting/1.0.0/prompt.txt", "the prompt that it names", include_str!("catalog/pointer/prompt.txt")),
        plain("_active/active_releases.json", "which versions are active at first", pointer),
    ]
}

fn rails(facts: &Facts) -> Vec<NewFile> {
    vec![
        facts.gate_file("protocol.yaml", "kinds of artifacts, channels", include_str!("catalog/rails/protocol.yaml")),
        facts.gate_file("10-docs.yaml", "the gate on the protocol document", include_str!("minimal/10-docs.yaml")),
        facts.gate_file("20-catalog.yaml", "the gate on the catalog", include_str!("catalog/20-catalog.yaml")),
        facts.gate_file("rails/bin/schema.json", "what a row of a table is", include_str!("catalog/rails/bin/schema.json")),
        facts.gate_file("rails/bin/lint.yaml", "what rows are together", include_str!("catalog/rails/bin/lint.yaml")),
        facts.gate_file("rails/product/schema.json", "what a product says", include_str!("catalog/rails/product/schema.json")),
        facts.gate_file("rails/product/lint.yaml", "what products are together", include_str!("catalog/rails/product/lint.yaml")),
        facts.document(include_str!("catalog/rails/promotion.md")),
        plain("tables/bins.csv", "a table", include_str!("catalog/rails/bins.csv")),
        plain("products/seats/chair.md", "a product", include_str!("catalog/rails/chair.md")),
    ]
}

/// The files of a new rail.
pub fn rail(gates: &str, name: &str) -> Vec<NewFile> {
    let file = |file: &str, about, text: &str| NewFile { path: format!("{gates}/rails/{name}/{file}"), about, text: text.to_owned() };
    vec![
        file("schema.json", "what one artifact is", include_str!("rail/schema.json")),
        file("lint.yaml", "what a schema cannot say", include_str!("rail/lint.yaml")),
    ]
}

fn plain(path: &str, about: &'static str, text: &str) -> NewFile {
    NewFile { path: path.to_owned(), about, text: text.to_owned() }
}

/// What is left to do by hand before the full set can be adopted.
pub fn steps(report: Report, facts: &Facts) -> Report {
    let signers = format!("{}/allowed_signers", facts.gates);
    let report = match &facts.signer {
        Some(signer) => report.notice(format!("{signers} lists the key that git signs with, as {}", signer.principal)),
        None => report.notice(format!("{signers} lists nobody yet: put your public key in, under the name that the roles use")),
    };
    report
        .notice("hosts, names and endpoints at example.com are placeholders: replace them, and take out what does not apply")
        .next("Fill in what is said above, commit and push, `tagwarden verify --channel local_dev`, then `tagwarden policy adopt --reason start`.")
}

impl Facts {
    fn gate_file(&self, name: &str, about: &'static str, template: &str) -> NewFile {
        NewFile { path: format!("{}/{name}", self.gates), about, text: self.fill(template) }
    }

    fn document(&self, template: &str) -> NewFile {
        NewFile { path: "protocol-docs/promotion.md".to_owned(), about: "the protocol document", text: self.fill(template) }
    }

    fn fill(&self, template: &str) -> String {
        let key = match &self.key {
            None => format!("env:{KEY_VARIABLE}"),
            Some(KeySource::None) => "none".to_owned(),
            Some(KeySource::Env(name)) => format!("env:{name}"),
            Some(KeySource::Agent(fingerprint)) => format!("agent:{fingerprint}"),
            Some(KeySource::Path(path)) => path.clone(),
            Some(KeySource::OpenPgp(key)) => format!("openpgp:{key}"),
        };
        let principal = self.signer.as_ref().map_or(NOBODY, |signer| &signer.principal);
        let marks = [
            ("@BRANCH@", quoted(self.branch.as_deref().unwrap_or("main"))),
            ("@REMOTE@", quoted(self.remote.as_deref().unwrap_or("origin"))),
            ("@GATES@", self.gates.clone()),
            ("@KEY@", quoted(&key)),
            ("@SIGNER@", quoted(&format!("ssh:{principal}"))),
            ("@SIGNER_LINE@", self.signer.as_ref().map_or(format!("# {NOBODY} ssh-ed25519 AAAA..."), Signer::line)),
        ];
        fill(template, &marks)
    }
}

/// One pass, so that a mark inside a value stays what it is.
pub fn fill(template: &str, marks: &[(&str, String)]) -> String {
    let mut text = String::with_capacity(template.len());
    let mut rest = template;
    while let Some(at) = rest.find('@') {
        text.push_str(&rest[..at]);
        rest = &rest[at..];
        let (mark, value) = marks.iter().find(|(mark, _)| rest.starts_with(mark)).map_or(("@", "@"), |(mark, value)| (*mark, value));
        text.push_str(value);
        rest = &rest[mark.len()..];
    }
    text + rest
}

/// A YAML scalar that is read as exactly this string: plain where nothing can be misread, else as a JSON string, which is
/// a lawful YAML one.
pub fn quoted(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c))
        && !matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n");
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::{source::Source, yaml};
    use clap::ValueEnum;

    fn facts(branch: &str) -> Facts {
        Facts { branch: Some(branch.to_owned()), remote: None, gates: "ops/gates".to_owned(), key: None, signer: None }
    }

    #[test]
    fn every_mark_is_filled_and_every_name_is_read_back() {
        for branch in ["main", "release/1.x", "null", "no", "12", "a#b", "héllo", "a'b\"c{d}", "@GATES@x"] {
            let presets = Preset::value_variants().iter().map(|one| preset(&facts(branch), *one));
            for set in [minimal(&facts(branch)), full(&facts(branch))].into_iter().chain(presets) {
                let read: serde_json::Value = yaml::parse(&Source::new("p", set[0].text.clone())).unwrap();
                assert_eq!(read["release_branches"][0], branch);
                assert_eq!(set[0].path, "ops/gates/protocol.yaml");
                let document = &set.iter().find(|file| file.path == "protocol-docs/promotion.md").unwrap().text;
                assert!(set.iter().filter(|file| file.path.ends_with("-docs.yaml")).all(|file| document.contains(&file.path)));
                assert!(branch.contains('@') || set.iter().all(|file| !file.text.contains("@GATES@") && !file.text.contains("@SIGNER")));
            }
        }
    }

    #[test]
    fn only_lawful_lines_make_a_signer() {
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHcVJSJ4s7y2OhGZ1yCvHkUZ0d6RkLg7d2kq1y0d3uXv some comment";
        let signer = Signer::new("someone@example.com", key).unwrap();
        assert!(!signer.line().contains("comment"));
        for wrong in ["", "two names", "#x@example.com", "a,b", "*@example.com", "quo\"te"] {
            assert!(Signer::new(wrong, key).is_none(), "{wrong}");
        }
        assert!(Signer::new("someone@example.com", "ssh-ed25519").is_none());
        assert!(Signer::new("someone@example.com", "-----BEGIN OPENSSH PRIVATE KEY-----").is_none());
    }
}
