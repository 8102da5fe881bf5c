//! Raw objects, written past git and past the program: whatever a writer with access to the branch can put there.

use std::{collections::BTreeMap, path::Path};
use tagwarden::{
    domain::Oid,
    release::{assemble::Assembled, object::object_id, state_tree::Item},
};

/// A file of a tree: its mode and what it holds.
#[derive(Clone, Debug)]
pub enum Node {
    Bytes(&'static str, Vec<u8>),
    There(&'static str, Oid),
}

pub type Tree = BTreeMap<String, Node>;

pub fn tree_of(assembled: &Assembled) -> Tree {
    let node = |item: &Item| match item {
        Item::File(bytes) => Node::Bytes("100644", bytes.clone()),
        Item::Blob(oid) => Node::There("100644", oid.clone()),
        Item::Tree(oid) => Node::There("40000", oid.clone()),
    };
    assembled.items.iter().map(|(path, item)| (path.clone(), node(item))).collect()
}

/// Writes everything that the tree needs; gives its id, and every path down to the second level with mode and id.
pub fn write_tree(repo: &Path, tree: &Tree) -> (Oid, Vec<(String, String, Oid)>) {
    let mut folders: BTreeMap<&str, Tree> = BTreeMap::new();
    let mut items: Vec<(String, &str, Oid)> = Vec::new();
    let mut shape = Vec::new();
    for (path, node) in tree {
        match (path.split_once('/'), node) {
            (Some((folder, rest)), node) => drop(folders.entry(folder).or_default().insert(rest.to_owned(), node.clone())),
            (None, Node::Bytes(mode, bytes)) => items.push((path.clone(), mode, write(repo, "blob", bytes))),
            (None, Node::There(mode, oid)) => items.push((path.clone(), mode, oid.clone())),
        }
    }
    for (name, below) in &folders {
        let (oid, seen) = write_tree(repo, below);
        items.push(((*name).to_owned(), "40000", oid));
        if matches!(*name, "evidence" | "attestations") {
            let direct = seen.into_iter().filter(|(path, ..)| !path.contains('/'));
            shape.extend(direct.map(|(path, mode, oid)| (format!("{name}/{path}"), mode, oid)));
        }
    }
    items.sort_by_key(|(name, mode, _)| if *mode == "40000" { format!("{name}/") } else { name.clone() });
    let mut bytes = Vec::new();
    for (name, mode, oid) in &items {
        bytes.extend_from_slice(format!("{mode} {name}\0").as_bytes());
        bytes.extend((0..20).map(|at| u8::from_str_radix(&oid.as_str()[at * 2..at * 2 + 2], 16).unwrap()));
        shape.push((name.clone(), (*mode).to_owned(), oid.clone()));
    }
    (write(repo, "tree", &bytes), shape)
}

/// Writes a loose object, uncompressed.
pub fn write(repo: &Path, kind: &str, content: &[u8]) -> Oid {
    let like: Oid = "a".repeat(40).parse().unwrap();
    let oid = object_id(kind, content, &like);
    let (folder, name) = oid.as_str().split_at(2);
    let path = repo.join("objects").join(folder).join(name);
    if !path.exists() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, stored(&[format!("{kind} {}\0", content.len()).as_bytes(), content].concat())).unwrap();
    }
    oid
}

/// A zlib stream (RFC 1950) of stored blocks (RFC 1951, 3.2.4).
fn stored(bytes: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut chunks = bytes.chunks(65_535).peekable();
    while let Some(chunk) = chunks.next() {
        let length = u16::try_from(chunk.len()).unwrap();
        stream.push(u8::from(chunks.peek().is_none()));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend_from_slice(chunk);
    }
    let (a, b) = bytes.iter().fold((1_u32, 0_u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    stream.extend((b << 16 | a).to_be_bytes());
    stream
}
