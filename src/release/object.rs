//! Raw git objects as bytes: commits, trees and tags read and written without git, so that a ledger entry can be checked and
//! made purely. Formats: gitformat-signature(5), git-mktag(1), git-commit-tree(1).
//!
//! Deliberately absent: zlib, packs, loose files. The bytes come from `git cat-file` and go to `git hash-object`.

use crate::domain::{Oid, RefName, Timestamp};

/// A parsed commit. `payload` is what its signature signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    pub tree: Oid,
    pub parents: Vec<Oid>,
    /// Armored signature from `gpgsig` or `gpgsig-sha256`.
    pub signature: Option<String>,
    pub payload: Vec<u8>,
}

impl Commit {
    pub fn parse(bytes: &[u8]) -> Result<Commit, String> {
        let headers_end = find(bytes, b"\n\n").ok_or("the commit has no end of headers")?;
        let mut payload = Vec::with_capacity(bytes.len());
        let (mut tree, mut parents, mut signature) = (None, Vec::new(), None::<String>);
        let mut in_signature = false;
        for line in bytes[..=headers_end].split_inclusive(|byte| *byte == b'\n') {
            let text = std::str::from_utf8(line).unwrap_or_default().trim_end_matches('\n');
            if let (true, Some(more)) = (in_signature, text.strip_prefix(' ')) {
                signature.get_or_insert_default().push_str(&format!("\n{more}"));
                continue;
            }
            in_signature = false;
            if let Some(first) = text.strip_prefix("gpgsig ").or_else(|| text.strip_prefix("gpgsig-sha256 ")) {
                if signature.is_some() {
                    return Err("the commit bears two signatures".to_owned());
                }
                signature = Some(first.to_owned());
                in_signature = true;
                continue;
            }
            if let Some(oid) = text.strip_prefix("tree ") {
                if tree.replace(oid.parse::<Oid>()?).is_some() {
                    return Err("the commit names two trees".to_owned());
                }
            } else if let Some(oid) = text.strip_prefix("parent ") {
                parents.push(oid.parse()?);
            }
            payload.extend_from_slice(line);
        }
        payload.extend_from_slice(&bytes[headers_end + 1..]);
        Ok(Commit { tree: tree.ok_or("the commit names no tree")?, parents, signature, payload })
    }
}

/// The bytes of an unsigned commit; what a signature signs.
pub fn commit_bytes(tree: &Oid, parents: &[Oid], who: &str, time: Timestamp, message: &str) -> Vec<u8> {
    let mut text = format!("tree {tree}\n");
    for parent in parents {
        text.push_str(&format!("parent {parent}\n"));
    }
    let who = identity(who);
    text.push_str(&format!("author {who} {0} +0000\ncommitter {who} {0} +0000\n\n{message}\n", time.unix()));
    text.into_bytes()
}

/// A commit with its signature header in place (`gpgsig`, or `gpgsig-sha256` in a SHA-256 repository).
pub fn signed_commit(payload: &[u8], armored: &str) -> Vec<u8> {
    // `tree ` and 64 characters.
    let name = if payload.get(69) == Some(&b'\n') { "gpgsig-sha256" } else { "gpgsig" };
    let at = find(payload, b"\n\n").map_or(payload.len(), |at| at + 1);
    let mut bytes = payload[..at].to_vec();
    bytes.extend_from_slice(format!("{name} {}\n", armored.trim_end().replace('\n', "\n ")).as_bytes());
    bytes.extend_from_slice(&payload[at..]);
    bytes
}

/// A parsed annotated tag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tag {
    pub object: Oid,
    /// `commit`, `tree`, `blob` or `tag`.
    pub kind: String,
    /// The name inside the object. git verifies a tag's signature under any ref name, so it must be compared with the ref.
    pub name: String,
    /// Message without the signature.
    pub message: String,
    pub signature: Option<String>,
    /// What the signature signs.
    pub payload: Vec<u8>,
}

impl Tag {
    pub fn parse(bytes: &[u8]) -> Result<Tag, String> {
        const BEGIN: &[u8] = b"-----BEGIN ";
        let headers_end = find(bytes, b"\n\n").ok_or("the tag has no end of headers")?;
        let starts_line = |at: usize| at == headers_end + 2 || bytes[at - 1] == b'\n';
        let body = &bytes[headers_end + 2..];
        let mut signature_at = None;
        let mut from = 0;
        while let Some(at) = find(&body[from..], BEGIN) {
            let whole = headers_end + 2 + from + at;
            if starts_line(whole) {
                signature_at = Some(whole);
                break;
            }
            from += at + BEGIN.len();
        }
        let payload = bytes[..signature_at.unwrap_or(bytes.len())].to_vec();
        let signature = signature_at.map(|at| String::from_utf8_lossy(&bytes[at..]).trim_end().to_owned());
        let headers = std::str::from_utf8(&bytes[..headers_end]).map_err(|_| "the tag's headers are no UTF-8")?;
        let mut lines = headers.lines();
        let mut header = |name: &str| -> Result<String, String> {
            let line = lines.next().unwrap_or_default();
            line.strip_prefix(name)
                .and_then(|rest| rest.strip_prefix(' '))
                .map(str::to_owned)
                .ok_or_else(|| format!("the tag lacks its `{name}` line"))
        };
        let object = header("object")?.parse()?;
        let (kind, name) = (header("type")?, header("tag")?);
        let message = String::from_utf8_lossy(&payload[headers_end + 2..]).into_owned();
        Ok(Tag { object, kind, name, message, signature, payload })
    }
}

/// The bytes of an unsigned annotated tag at a commit. A signature is appended to them.
pub fn tag_bytes(commit: &Oid, name: &RefName, who: &str, time: Timestamp, message: &str) -> Vec<u8> {
    let tag = name.tag().unwrap_or(name.as_str());
    format!("object {commit}\ntype commit\ntag {tag}\ntagger {} {} +0000\n\n{}\n", identity(who), time.unix(), message.trim_end())
        .into_bytes()
}

/// One entry of a tree object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeItem {
    /// Octal as git writes it: `100644`, `100755`, `40000`, `120000`, `160000`.
    pub mode: String,
    pub name: String,
    pub oid: Oid,
}

pub fn parse_tree(bytes: &[u8], oid_length: usize) -> Result<Vec<TreeItem>, String> {
    let mut items = Vec::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let nul = find(rest, b"\0").ok_or("a tree entry does not end")?;
        let head = String::from_utf8_lossy(&rest[..nul]);
        let (mode, name) = head.split_once(' ').ok_or("a tree entry has no mode")?;
        let raw = rest.get(nul + 1..nul + 1 + oid_length).ok_or("a tree entry is cut off")?;
        items.push(TreeItem { mode: mode.to_owned(), name: name.to_owned(), oid: crate::domain::digest::hex(raw).parse()? });
        rest = &rest[nul + 1 + oid_length..];
    }
    Ok(items)
}

/// The id git gives these bytes; `like` tells the hash function by its length.
pub fn object_id(kind: &str, bytes: &[u8], like: &Oid) -> Oid {
    use ring::digest::{Context, SHA1_FOR_LEGACY_USE_ONLY, SHA256};
    let mut context = Context::new(if like.as_str().len() == 64 { &SHA256 } else { &SHA1_FOR_LEGACY_USE_ONLY });
    context.update(format!("{kind} {}\0", bytes.len()).as_bytes());
    context.update(bytes);
    let hex = crate::domain::digest::hex(context.finish().as_ref());
    hex.parse().unwrap_or_else(|_| like.clone())
}

/// `Name <mail>` without characters that would break a header.
fn identity(who: &str) -> String {
    let clean: String = who.chars().filter(|c| !c.is_control() && !"<>".contains(*c)).collect();
    let clean = clean.trim();
    match clean.split_once(':') {
        Some((_, mail)) if mail.contains('@') => format!("{} <{}>", mail.split('@').next().unwrap_or(mail), mail.trim()),
        _ => format!("{} <>", if clean.is_empty() { "tagwarden" } else { clean }),
    }
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    memchr::memmem::find(bytes, needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(digit: char) -> Oid {
        digit.to_string().repeat(40).parse().unwrap()
    }

    #[test]
    fn a_signed_commit_reads_back_with_its_payload() {
        let time = Timestamp::from_unix(1_700_000_000);
        let payload = commit_bytes(&oid('a'), &[oid('b')], "ssh:ci@example.com", time, "entry 1: promote\n\nA reason");
        let signed = signed_commit(&payload, "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----\n");
        let commit = Commit::parse(&signed).unwrap();
        assert_eq!((commit.tree, commit.parents), (oid('a'), vec![oid('b')]));
        assert_eq!(commit.payload, payload);
        assert_eq!(commit.signature.unwrap(), "-----BEGIN SSH SIGNATURE-----\nAAAA\n-----END SSH SIGNATURE-----");
        assert_eq!(Commit::parse(&payload).unwrap().signature, None);
    }

    #[test]
    fn the_signature_header_is_that_of_the_object_format() {
        for (tree, header) in [("a".repeat(40), "\ngpgsig -"), ("a".repeat(64), "\ngpgsig-sha256 -")] {
            let payload = commit_bytes(&tree.parse().unwrap(), &[], "ci", Timestamp::from_unix(1), "m");
            let signed = String::from_utf8(signed_commit(&payload, "-----BEGIN SSH SIGNATURE-----\nA")).unwrap();
            assert!(signed.contains(header), "{signed}");
        }
    }

    #[test]
    fn a_signed_tag_reads_back() {
        let bytes =
            tag_bytes(&oid('c'), &"refs/tags/v1.0.0".parse().unwrap(), "ci", Timestamp::from_unix(1), "release\n\nnot -----BEGIN here");
        let signed = [bytes.as_slice(), b"-----BEGIN SSH SIGNATURE-----\nAA\n-----END SSH SIGNATURE-----\n"].concat();
        let tag = Tag::parse(&signed).unwrap();
        assert_eq!((tag.object, tag.kind.as_str(), tag.name.as_str()), (oid('c'), "commit", "v1.0.0"));
        assert_eq!(tag.payload, bytes);
        assert!(tag.signature.unwrap().ends_with("END SSH SIGNATURE-----"));
    }

    #[test]
    fn malformed_objects_are_refused() {
        for wrong in ["", "tree x\n\n", "parent abc\n\n", "author a\n\nm"] {
            assert!(Commit::parse(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
        for wrong in ["", "object x\n\n", "object aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\ntag v\n\n"] {
            assert!(Tag::parse(wrong.as_bytes()).is_err(), "{wrong:?}");
        }
        assert!(parse_tree(b"100644 a\0short", 20).is_err());
    }

    #[test]
    fn ids_are_those_of_git() {
        // `git hash-object -t blob /dev/null` in repositories of either format.
        assert_eq!(object_id("blob", b"", &oid('a')).as_str(), "e69de29bb2d1d6434b8b29ae775ad8c2e48c5391");
        let like: Oid = "a".repeat(64).parse().unwrap();
        assert_eq!(object_id("blob", b"", &like).as_str(), "473a0f4c3be8a93681a267e3b1e9a7dcda1185436fe141f7749120a303721813");
    }
}
