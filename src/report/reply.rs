//! The help of slash commands, as Markdown. Text of the comment stands in code alone, so that nothing of it acts; and no line begins
//! with a command, so that no answer is one, for us or for whoever reads lines without reading Markdown.

use super::markdown::code;
use crate::text::slash::{COMMANDS, Dialect, Form, Need, Right, Spec};
use std::fmt::Write as _;

/// Every command, each with one line.
pub fn help(dialect: &Dialect) -> String {
    let mut text = "| command | does | who may |\n|---|---|---|\n".to_owned();
    for spec in COMMANDS {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| `{}{}` | {} | {} |", dialect.prefix, spec.name, spec.about, who(spec.right));
    }
    let _ = writeln!(text, "\nHow one of them is written: `{}help COMMAND`.", dialect.prefix);
    text
}

/// How one command is written.
pub fn help_of(spec: &Spec, dialect: &Dialect) -> String {
    let mut text = format!("{}.\n\nUsage: {}\n", spec.about, code(&spec.usage(dialect)));
    if !spec.arguments.is_empty() {
        text.push_str("\n| argument | says | required |\n|---|---|---|\n");
    }
    for argument in spec.arguments {
        let required = match argument.need {
            _ if spec.one_of.contains(&argument.name) && argument.form == Form::Flag => "exactly one of these",
            Need::Always => "yes",
            Need::Policy if dialect.require_sha => "yes",
            Need::Policy | Need::No => "",
        };
        let _ = writeln!(text, "| `{}` | {} | {required} |", argument.written().replace('|', "\\|"), argument.about);
    }
    let places: Vec<&str> = spec.on.iter().map(|on| on.about()).collect();
    let _ = writeln!(text, "\nWho may: {}. Where: {}.", who(spec.right), places.join(", "));
    let _ = writeln!(text, "\nExample: {}", code(&format!("{}{}", dialect.prefix, spec.example)));
    text
}

/// Who may run a command, in words.
pub fn who(right: Right) -> String {
    match right {
        Right::Read => "who may read the repository".to_owned(),
        Right::Role => "whom any role names".to_owned(),
        Right::Verb(verb) => format!("roles with `{verb}`"),
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::text::{markdown, slash};

    /// No line begins a command, the answer is none, and what it shows as text is our own.
    pub(in crate::report) fn harmless(reply: &str, dialect: &Dialect) {
        assert!(!reply.lines().any(|line| line.trim_start().starts_with(dialect.prefix.as_str())), "{reply}");
        assert_eq!(slash::read(reply, dialect), Ok(None), "{reply}");
        assert!(reply.chars().count() <= slash::MAX_CHARACTERS, "{}", reply.len());
        let document = markdown::parse(reply);
        assert!(document.links.is_empty() && document.comments.is_empty() && document.anchors.is_empty(), "{reply}");
        let shown: Vec<String> = document.texts.iter().map(|range| reply[range.clone()].to_owned()).collect();
        let acts = |text: &String| text.starts_with('@') || [" @", "#", "<", "://"].iter().any(|mark| text.contains(mark));
        assert!(!shown.iter().any(acts), "{shown:?}");
        assert!(!reply.contains("##[") && !reply.lines().any(|line| line.trim_start().starts_with("::")), "{reply}");
    }

    #[test]
    fn help_is_made_from_the_table() {
        let dialect = Dialect::default();
        for spec in COMMANDS {
            let text = help_of(spec, &dialect);
            harmless(&text, &dialect);
            assert!(spec.arguments.iter().all(|argument| text.contains(&argument.shown())), "{text}");
            assert!(help(&dialect).contains(spec.about));
        }
        harmless(&help(&dialect), &dialect);
        insta::assert_snapshot!(help_of(slash::spec("verdict").unwrap(), &dialect), @r##"
        Record a reviewer's verdict on one commit.

        Usage: `/verdict record SAFE|FINDINGS (--release RELEASE | --at SHA) [--reason TEXT]`

        | argument | says | required |
        |---|---|---|
        | `record` | The word itself | yes |
        | `SAFE\|FINDINGS` | What was found | yes |
        | `--release RELEASE` | On this release's commit | exactly one of these |
        | `--at SHA` | On the commit of this full id | exactly one of these |
        | `--reason TEXT` | What was looked at, or found |  |

        Who may: roles with `verdict`. Where: an open pull request, a merged pull request, the release issue.

        Example: `/verdict record SAFE --release web@1.4.0 --reason "read every change"`
        "##);
    }
}
