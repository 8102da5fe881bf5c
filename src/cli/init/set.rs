//! The files that `init` writes, as text: templates with the repository's own facts filled in.
//!
//! A template holds `@NAME@` marks; braces in it are the protocol's own placeholders and stay.

/// What the templates need to know.
pub struct Facts {
    /// The branch that releases are cut from; `None`: HEAD is detached.
    pub branch: Option<String>,
    /// `None`: `origin`.
    pub remote: Option<String>,
    /// The folder of the protocol, relative to the root.
    pub gates: String,
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

impl Facts {
    fn gate_file(&self, name: &str, about: &'static str, template: &str) -> NewFile {
        NewFile { path: format!("{}/{name}", self.gates), about, text: self.fill(template) }
    }

    fn document(&self, template: &str) -> NewFile {
        NewFile { path: "protocol-docs/promotion.md".to_owned(), about: "the protocol document", text: self.fill(template) }
    }

    /// One pass, so that a mark inside a value stays what it is.
    fn fill(&self, template: &str) -> String {
        let marks = [
            ("@BRANCH@", quoted(self.branch.as_deref().unwrap_or("main"))),
            ("@REMOTE@", quoted(self.remote.as_deref().unwrap_or("origin"))),
            ("@GATES@", self.gates.clone()),
        ];
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
}

/// A YAML scalar that is read as exactly this string: plain where nothing can be misread, else as a JSON string, which is
/// a lawful YAML one.
fn quoted(text: &str) -> String {
    let plain = text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c))
        && !matches!(text.to_ascii_lowercase().as_str(), "true" | "false" | "null" | "yes" | "no" | "on" | "off" | "y" | "n");
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mark_is_filled_and_every_name_is_read_back() {
        for branch in ["main", "release/1.x", "null", "no", "12", "a#b", "héllo", "a'b\"c{d}", "@GATES@x"] {
            let facts = Facts { branch: Some(branch.to_owned()), remote: None, gates: "ops/gates".to_owned() };
            let set = minimal(&facts);
            let protocol = crate::text::source::Source::new("p", set[0].text.clone());
            let read: serde_json::Value = crate::text::yaml::parse(&protocol).unwrap();
            assert_eq!(read["release_branches"][0], branch);
            assert_eq!(set[0].path, "ops/gates/protocol.yaml");
            assert!(set[2].text.contains("`ops/gates/10-docs.yaml`"));
        }
    }
}
