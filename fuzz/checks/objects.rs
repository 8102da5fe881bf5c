//! Raw git objects: what is read of them is there, and what a signature signs does not depend on the signature.

use tagwarden::release::object::{Commit, Tag, parse_tree, signed_commit};

pub fn check(bytes: &[u8]) {
    if let Ok(commit) = Commit::parse(bytes) {
        assert_eq!(Commit::parse(&commit.payload), Ok(Commit { signature: None, ..commit.clone() }));
        let signed = signed_commit(&commit.payload, "-----BEGIN X-----\nabc\n-----END X-----\n");
        let again = Commit::parse(&signed);
        assert_eq!(again.as_ref().map(|again| &again.payload), Ok(&commit.payload));
        assert!(again.is_ok_and(|again| again.signature.as_deref() == Some("-----BEGIN X-----\nabc\n-----END X-----")));
    }
    if let Ok(tag) = Tag::parse(bytes) {
        assert!(bytes.starts_with(&tag.payload));
        assert_eq!(Tag::parse(&tag.payload), Ok(Tag { signature: None, ..tag }));
    }
    for length in [20, 32] {
        if let Ok(items) = parse_tree(bytes, length) {
            let size: usize = items.iter().map(|item| item.mode.len() + 1 + item.name.len() + 1 + length).sum();
            assert!(size >= bytes.len() || bytes.is_empty(), "nothing is dropped");
        }
    }
}
