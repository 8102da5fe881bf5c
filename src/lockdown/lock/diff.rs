//! The difference of two short texts, for people.

use similar::{Algorithm, TextDiff};

/// Lines that are shown; the others are counted.
const MOST_LINES: usize = 10;

/// A longer text is not compared.
const LONGEST: usize = 200_000;

/// Unified, one line of context; the last line says how many more there are. `None`: too long, or no text.
pub fn unified(old: &[u8], new: &[u8]) -> Option<Vec<String>> {
    if old.len().max(new.len()) > LONGEST {
        return None;
    }
    let (old, new) = (std::str::from_utf8(old).ok()?, std::str::from_utf8(new).ok()?);
    // The end of the last line is no difference.
    let ended = |text: &str| if text.is_empty() || text.ends_with('\n') { text.to_owned() } else { format!("{text}\n") };
    let (old, new) = (ended(old), ended(new));
    let diff = TextDiff::configure().algorithm(Algorithm::Patience).diff_lines(&old, &new);
    let text = diff.unified_diff().context_radius(1).missing_newline_hint(false).to_string();
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    let more = lines.len().saturating_sub(MOST_LINES);
    if more > 0 {
        lines.truncate(MOST_LINES);
        lines.push(format!("… {more} more line{}", if more == 1 { "" } else { "s" }));
    }
    Some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_short() {
        assert_eq!(unified(b"a\nb\nc\nd", b"a\nB\nc\nd").unwrap(), ["@@ -1,3 +1,3 @@", " a", "-b", "+B", " c"]);
        let (old, new) = ("x\n".repeat(9), "y\n".repeat(9));
        let lines = unified(old.as_bytes(), new.as_bytes()).unwrap();
        assert_eq!((lines.len(), lines[10].as_str()), (11, "… 9 more lines"));
        assert_eq!(unified(b"a", b"a\nb").unwrap(), ["@@ -1 +1,2 @@", " a", "+b"]);
        assert_eq!(unified(b"\xff", b"a"), None);
        assert_eq!(unified("a\n".repeat(100_001).as_bytes(), b"a"), None);
        let (old, new): (String, String) = (0..50_000).map(|n| (format!("{n}\n"), format!("{}\n", n * 7))).unzip();
        assert!(old.len() > LONGEST || unified(old.as_bytes(), new.as_bytes()).is_some());
    }
}
