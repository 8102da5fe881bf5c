//! Names with their rules: channels, packages, gates, refs, object ids.
//!
//! A name that could be mistaken for an option, a path out of a folder, a URL part or a ref expression cannot be made.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

macro_rules! text_newtype {
    ($(#[$doc:meta])* $name:ident, $check:path) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = String;

            fn from_str(text: &str) -> Result<$name, String> {
                $check(text).map(|()| $name(text.to_owned()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<$name, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string" })
            }
        }
    };
}

text_newtype!(
    /// A channel: `[a-z][a-z0-9_-]*`, at most 64 characters.
    ChannelName, check_channel
);
text_newtype!(
    /// A package: letters, digits, `.`, `_`, `-` and `/` between parts; every part starts with a letter or digit. A configuration
    /// artifact is `kind:id`, where the id is one such part.
    PackageName, check_package
);
text_newtype!(
    /// A kind of artifacts: `[a-z][a-z0-9_-]*`, at most 64 characters.
    KindName, check_kind
);
text_newtype!(
    /// A gate: `[a-z][a-z0-9-]*`, at most 64 characters.
    GateId, check_gate
);
text_newtype!(
    /// A full ref name (`refs/...`) by the rules of `git check-ref-format`.
    RefName, check_ref
);
text_newtype!(
    /// A git object id: 40 (SHA-1) or 64 (SHA-256) lower-case hex characters, not all zero.
    Oid, check_oid
);

impl Oid {
    /// The first ten characters, for people.
    pub fn short(&self) -> &str {
        &self.0[..10]
    }
}

impl PackageName {
    /// Kind and id, where it is a configuration artifact.
    pub fn artifact(&self) -> Option<(&str, &str)> {
        self.0.split_once(':')
    }

    /// The artifact of a kind with this id.
    pub fn of_artifact(kind: &str, id: &str) -> Result<PackageName, String> {
        format!("{kind}:{id}").parse()
    }
}

impl RefName {
    /// The tag name of a tag ref.
    pub fn tag(&self) -> Option<&str> {
        self.0.strip_prefix("refs/tags/")
    }
}

fn check_slug(text: &str, what: &str, extra: &[char]) -> Result<(), String> {
    let fits = text.len() <= 64
        && text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || extra.contains(&c));
    if fits {
        Ok(())
    } else {
        Err(format!(
            "`{}` is no {what} name: lower-case letters, digits and {extra:?}, at most 64, starting with a letter",
            text.escape_debug()
        ))
    }
}

fn check_channel(text: &str) -> Result<(), String> {
    check_slug(text, "channel", &['_', '-'])
}

fn check_kind(text: &str) -> Result<(), String> {
    check_slug(text, "kind", &['_', '-'])
}

fn check_gate(text: &str) -> Result<(), String> {
    check_slug(text, "gate", &['-'])
}

fn check_package(text: &str) -> Result<(), String> {
    let part = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphanumeric())
            && !part.ends_with('.')
            && !part.ends_with(".lock")
            && !part.contains("..")
            && part.chars().all(|c| c.is_ascii_alphanumeric() || "._-".contains(c))
    };
    let fits = match text.split_once(':') {
        Some((kind, id)) => check_kind(kind).is_ok() && part(id),
        None => text.split('/').all(part),
    };
    if text.len() <= 128 && fits {
        Ok(())
    } else {
        Err(format!("`{}` is no package name: letters, digits, `.`, `_`, `-`, and `/` between parts", text.escape_debug()))
    }
}

fn check_ref(text: &str) -> Result<(), String> {
    let wrong = |why: &str| Err(format!("`{}` is no ref name: {why}", text.escape_debug()));
    if !text.starts_with("refs/") {
        return wrong("it must start with refs/");
    }
    if text.len() > 512 {
        return wrong("it is longer than 512 bytes");
    }
    if text.contains("..") || text.contains("@{") || text.ends_with('.') {
        return wrong("it must not contain `..` or `@{`, nor end with a dot");
    }
    if text.chars().any(|c| c.is_control() || c == ' ' || "~^:?*[\\\u{7f}".contains(c)) {
        return wrong("it has a character that git does not allow");
    }
    if text.split('/').any(|part| part.is_empty() || part.starts_with('.') || part.ends_with(".lock") || part.starts_with('-')) {
        return wrong("every part must be non-empty, not start with `.` or `-`, not end with `.lock`");
    }
    Ok(())
}

fn check_oid(text: &str) -> Result<(), String> {
    let hex = |c: u8| c.is_ascii_digit() || (b'a'..=b'f').contains(&c);
    if matches!(text.len(), 40 | 64) && text.bytes().all(hex) && text.bytes().any(|c| c != b'0') {
        Ok(())
    } else {
        Err(format!("`{}` is no object id of 40 or 64 lower-case hex characters", text.escape_debug()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lawful_and_unlawful_names() {
        for (text, lawful) in [
            ("production", true),
            ("local_dev", true),
            ("", false),
            ("1a", false),
            ("a/b", false),
            ("A", false),
            ("-x", false),
            ("a b", false),
        ] {
            assert_eq!(text.parse::<ChannelName>().is_ok(), lawful, "channel {text}");
        }
        for (text, lawful) in [
            ("web", true),
            ("a/b", true),
            ("a.b-c_d", true),
            ("a//b", false),
            ("../x", false),
            ("a/../b", false),
            ("a#b", false),
            ("a?b", false),
            ("-x", false),
            ("a.lock", false),
            ("", false),
            ("a/", false),
            ("prompt:a.v1", true),
            ("prompt:a/b", false),
            ("a/b:c", false),
            ("Prompt:a", false),
            ("prompt:", false),
            (":a", false),
            ("a:b:c", false),
        ] {
            assert_eq!(text.parse::<PackageName>().is_ok(), lawful, "package {text}");
        }
        for (text, lawful) in [
            ("refs/tags/v1.0.0", true),
            ("refs/heads/tagwarden/ledger", true),
            ("HEAD", false),
            ("refs/tags/a b", false),
            ("refs/tags/a..b", false),
            ("refs/tags/a@{1}", false),
            ("refs/tags//a", false),
            ("refs/tags/.a", false),
            ("refs/tags/a.lock", false),
            ("refs/tags/a\nb", false),
            ("refs/tags/+a:b", false),
        ] {
            assert_eq!(text.parse::<RefName>().is_ok(), lawful, "ref {text}");
        }
        assert!("0".repeat(40).parse::<Oid>().is_err(), "the null id is no object");
        assert!("a".repeat(40).parse::<Oid>().is_ok());
        assert!("a".repeat(41).parse::<Oid>().is_err());
    }
}
