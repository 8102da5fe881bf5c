//! Where shell text stands in a document: fenced blocks, with or without prompts, and code spans.
//!
//! A block in a list or a quote has marks and blanks before each line that are none of its text; a table cell has `\|` for
//! `|`. Both are taken off with the way back kept.

use super::mapped::Mapped;
use crate::text::markdown::{Bytes, CodeSpan, Fence};

/// Shell text that is read together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub texts: Vec<Mapped>,
    /// Each text is one command, with output behind it.
    pub session: bool,
    /// The document itself says that all of it is shell.
    pub named: bool,
}

/// Words behind an opening fence that say shell, and those that say a session with prompts.
const SHELLS: &[&str] = &["sh", "bash", "shell", "zsh", "dash", "ksh"];
const SESSIONS: &[&str] = &["console", "shell-session", "shellsession", "sh-session", "bash-session", "terminal"];

/// The shell text of a fenced block; `None`: it is something else.
pub fn of_fence(text: &str, fence: &Fence) -> Option<Block> {
    let info = fence.info.trim_start_matches(['{', '.', ' ']);
    let word = info.split(|c: char| c.is_whitespace() || ",{}:".contains(c)).next().unwrap_or_default().to_ascii_lowercase();
    let session = SESSIONS.contains(&word.as_str());
    if !session && !word.is_empty() && !SHELLS.contains(&word.as_str()) {
        return None;
    }
    let content = text.get(fence.content.clone())?;
    // The first line that says something tells whether there are prompts.
    let opens =
        content.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#')).is_some_and(|line| line.starts_with("$ "));
    if word.is_empty() && !opens {
        return None;
    }
    let lines = lines(text, fence);
    let texts = match session || opens {
        true => prompted(text, &lines),
        false => vec![join(text, &lines)],
    };
    Some(Block { texts, session: session || opens, named: !(session || opens) })
}

/// The shell text of a code span.
pub fn of_span(text: &str, span: &CodeSpan) -> Option<Block> {
    let mapped = aligned(text, span)?;
    let prompt = mapped.text.len() - without_prompt(&mapped.text).unwrap_or(&mapped.text).len();
    let mapped = if prompt > 0 { mapped.slice(&(prompt..mapped.text.len())) } else { mapped };
    Some(Block { texts: vec![mapped], session: false, named: false })
}

/// The lines of code, each without what belongs to the list or quote around it, and without its end.
fn lines(text: &str, fence: &Fence) -> Vec<Bytes> {
    let line_start = text[..fence.range.start].rfind('\n').map_or(0, |at| at + 1);
    let before = &text[line_start..fence.range.start];
    let width = before.chars().fold(0, |column, c| if c == '\t' { column + 4 - column % 4 } else { column + 1 });
    let quotes = before.matches('>').count();
    let content = &text[fence.content.clone()];
    let mut at = fence.content.start;
    let mut lines = Vec::new();
    for (index, line) in content.split_inclusive('\n').enumerate() {
        let shown = line.trim_end_matches(['\n', '\r']);
        // The parser has taken it off the first line already.
        let marks = if index == 0 { 0 } else { marks(shown, quotes, width) };
        lines.push(at + marks..at + shown.len());
        at += line.len();
    }
    lines
}

/// How many bytes of a line belong to the quotes and the list around it.
fn marks(line: &str, quotes: usize, width: usize) -> usize {
    let mut rest = line;
    for _ in 0..quotes {
        match rest.trim_start_matches([' ', '\t']).strip_prefix('>') {
            Some(inner) => rest = inner,
            None => break,
        }
    }
    let taken = line.len() - rest.len();
    let blanks = rest.bytes().take_while(|byte| matches!(byte, b' ' | b'\t'));
    let mut column = taken;
    let indent = blanks.take_while(|byte| {
        let wide = if *byte == b'\t' { 4 - column % 4 } else { 1 };
        column += wide;
        column <= width
    });
    taken + indent.count()
}

fn join(text: &str, lines: &[Bytes]) -> Mapped {
    let mut joined = Mapped::default();
    for line in lines {
        joined.push(&text[line.clone()], line.end - line.len());
        joined.push("\n", line.end);
    }
    joined
}

/// One text for each prompt: its line, and the lines up to the next prompt, which go on with it or are output.
fn prompted(text: &str, lines: &[Bytes]) -> Vec<Mapped> {
    let mut texts: Vec<Mapped> = Vec::new();
    let mut open = false;
    for line in lines {
        let shown = &text[line.clone()];
        let command = without_prompt(shown.trim_start_matches([' ', '\t']));
        if let Some(command) = command {
            // A comment is no command that could go on.
            open = !command.starts_with('#');
            if open {
                texts.push(Mapped::default());
            }
        }
        let Some(last) = texts.last_mut().filter(|_| open) else { continue };
        // What a shell asks for a further line with.
        let kept = command.or_else(|| shown.strip_prefix("> ")).unwrap_or(shown);
        last.push(kept, line.end - kept.len());
        last.push("\n", line.end);
    }
    texts
}

/// What follows `$ `, `% `, `user@host:~$ ` or `(venv) $ `. A `# ` alone is a comment.
fn without_prompt(line: &str) -> Option<&str> {
    let rest = match line.strip_prefix('(').and_then(|rest| rest.split_once(") ")) {
        Some((name, rest)) if !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "._-".contains(c)) => rest,
        _ => line,
    };
    let user = rest.find(['$', '#', '%', ' ']).map_or("", |at| &rest[..at]);
    let host = user.contains('@') && user.chars().all(|c| c.is_alphanumeric() || "@._:~/[]-".contains(c));
    let rest = if host { &rest[user.len()..] } else { rest };
    let mark = rest.chars().next().filter(|c| matches!(c, '$' | '%') || host && *c == '#')?;
    let rest = &rest[mark.len_utf8()..];
    rest.starts_with(' ').then(|| rest.trim_start()).filter(|rest| !rest.is_empty())
}

/// The text of a code span with the place of each character: `\|` shows as `|`, the end of a line as a blank.
fn aligned(text: &str, span: &CodeSpan) -> Option<Mapped> {
    let source = text.get(span.content.clone())?;
    let mut mapped = Mapped::default();
    if source == span.text {
        mapped.push(source, span.content.start);
        return Some(mapped);
    }
    let mut rest = source;
    let mut shown = span.text.chars().peekable();
    while let Some(c) = shown.next() {
        let at = span.content.end - rest.len();
        if let Some(after) = rest.strip_prefix(c) {
            mapped.push(&rest[..c.len_utf8()], at);
            rest = after;
        } else if let Some(after) = rest.strip_prefix("\\|").filter(|_| c == '|') {
            mapped.push("|", at + 1);
            rest = after;
        } else if let Some(after) = rest.strip_prefix('\r').filter(|_| c == ' ') {
            mapped.push(" ", at);
            rest = after;
        } else if let Some(after) = rest.strip_prefix('\n').filter(|_| c == ' ') {
            mapped.push(" ", at);
            // In a list or a quote the next line starts with what is not shown.
            let next = shown.peek().copied();
            rest = after.trim_start_matches(|c: char| matches!(c, ' ' | '\t' | '>') && next != Some(c));
        } else {
            return None;
        }
    }
    Some(mapped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::markdown;

    /// Each text of each block, and whether every character stands in the document where it says.
    fn told(text: &str) -> Vec<String> {
        let document = markdown::parse(text);
        let fences = document.fences.iter().filter_map(|fence| of_fence(text, fence));
        let spans = document.codes.iter().filter_map(|span| of_span(text, span));
        let blocks: Vec<Block> = fences.chain(spans).collect();
        for mapped in blocks.iter().flat_map(|block| &block.texts) {
            for (at, c) in mapped.text.char_indices().filter(|(_, c)| !c.is_whitespace()) {
                assert!(text[mapped.offset(at)..].starts_with(c), "{text}: {at}");
            }
        }
        blocks.into_iter().flat_map(|block| block.texts).map(|mapped| mapped.text).collect()
    }

    #[test]
    fn blocks_of_shells_are_read_without_what_is_around_them() {
        for (text, texts) in [
            ("```bash\na\n  b\n```", vec!["a\n  b\n"]),
            ("```sh title=\"x\"\r\na é\r\n\r\nb\r\n```\r\n", vec!["a é\n\nb\n"]),
            ("~~~{.bash}\na\n~~~", vec!["a\n"]),
            ("```yaml\na: b\n```", vec![]),
            ("```\na\n```", vec![]),
            ("1. x\n\n   ```bash\n   a <<E\n     b\n   E\n   ```", vec!["a <<E\n  b\nE\n"]),
            ("- x\n  - y\n    ```sh\n    a\n\n     b\n    ```", vec!["a\n\n b\n"]),
            ("> ```sh\n> a\n>\n>  b\n> ```", vec!["a\n\n b\n"]),
            ("> - ```sh\n>   a\n>   b\n>   ```", vec!["a\nb\n"]),
            ("  ```sh\n  a\n b\n  ```", vec!["a\nb\n"]),
            ("```sh\n```", vec![""]),
        ] {
            assert_eq!(told(text), texts, "{text}");
        }
    }

    #[test]
    fn prompts_tell_commands_from_output() {
        for (text, texts) in [
            ("```console\n$ a\nout\n$ b \\\n> -c\nmore\n```", vec!["a\nout\n", "b \\\n-c\nmore\n"]),
            ("```\n$ a\n```", vec!["a\n"]),
            ("```bash\n# why\n$ a\n# not\nout\n```", vec!["a\n# not\nout\n"]),
            ("```console\na\nb\n```", vec![]),
            ("```shell-session\nme@host:~/x$ a\nroot@host# b\n(venv) $ c\n% d\n$HOME\n```", vec!["a\n", "b\n", "c\n", "d\n$HOME\n"]),
            ("```console\n$ # why\nit's\n$ a\n```", vec!["a\n"]),
            ("`$ a b` and `a b`", vec!["a b", "a b"]),
            ("x\n\n    $ a\n    out\n\n      $ b\n\ny", vec!["a\nout\n\n", "b\n"]),
            ("x\n\n    a\n", vec![]),
            ("\t$ a \\\n\t  b", vec!["a \\\n  b\n"]),
            ("- y\n\n      $ a\n", vec!["a\n"]),
            (">     $ a\n>     b\n", vec!["a\nb\n"]),
        ] {
            assert_eq!(told(text), texts, "{text}");
        }
    }

    #[test]
    fn spans_lead_back_through_cells_and_lines() {
        for (text, texts) in [
            ("| a |\n|---|\n| `x \\| y é` |", vec!["x | y é"]),
            ("`a\nb` `` c`d ``", vec!["a b", "c`d"]),
            ("> x `a\n> b`", vec!["a b"]),
            ("- x `a\r\n  b`", vec!["a  b"]),
        ] {
            assert_eq!(told(text), texts, "{text}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_document_has_its_places(text in "([`~|>\\\\ \t\r\na$é#-]|```|sh\n|```sh\n|\n> |\n  |\\$ |\\\\\\||\n\\| a \\|\n\\|---\\|\n\\| ){0,50}") {
            told(&text);
        }
    }
}
