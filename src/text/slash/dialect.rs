//! What the protocol decides about commands in comments.

use std::{fmt, str::FromStr};

/// How commands are written here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dialect {
    pub prefix: Prefix,
    /// Whether `promote` must name the commit.
    pub require_sha: bool,
}

impl Default for Dialect {
    fn default() -> Dialect {
        Dialect { prefix: Prefix("/".to_owned()), require_sha: true }
    }
}

/// What a command begins with, such as `/`, `/release-` or `tagwarden `.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

impl Prefix {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Prefix {
    type Err = String;

    /// Nothing that Markdown would read as a mark at the start of a line, and nothing that a word of prose could begin with.
    fn from_str(text: &str) -> Result<Prefix, String> {
        let word = text.strip_suffix(' ').unwrap_or(text);
        let starts = word.starts_with(|c: char| c.is_ascii_alphabetic() || "/!.".contains(c));
        let fits = starts
            && text.len() <= 32
            && word.chars().all(|c| c.is_ascii_alphanumeric() || "/!.:_-".contains(c))
            && !text.ends_with(|c: char| c.is_ascii_alphanumeric());
        if fits {
            return Ok(Prefix(text.to_owned()));
        }
        Err(format!(
            "`{}` cannot begin a command: it starts with a letter, `/`, `!` or `.`, goes on with letters, digits and `/!.:_-`, and ends \
             with one of these marks or one space; at most 32 characters",
            text.escape_debug()
        ))
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefixes_are_no_markdown_and_no_prose() {
        for text in ["/", "/release-", "!", ".", "tagwarden ", "tw:", "/tw/"] {
            assert_eq!(text.parse::<Prefix>().map(|prefix| prefix.to_string()).as_deref(), Ok(text));
        }
        for text in ["", " ", "#", "-", "> ", "1.", "*", "a", "tw", "/tw", "@bot ", "/ /", "tw  ", "\t", "/\n", "/\u{200b}", "é:", "`"] {
            assert!(text.parse::<Prefix>().is_err(), "{text:?}");
        }
        assert!(format!("{}/", "a".repeat(32)).parse::<Prefix>().is_err());
    }
}
