//! Names this build by everything that it is made of. Builds between two releases share a version, and what one of them
//! verified may break a rule of the next: see `src/world/trust.rs`.

use std::{
    collections::{BTreeMap, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    io::Result,
    path::{Path, PathBuf},
};

fn main() -> Result<()> {
    let mut files = BTreeMap::new();
    for name in ["Cargo.lock", "Cargo.toml", "src"] {
        println!("cargo::rerun-if-changed={name}");
        read(Path::new(name), &mut files)?;
    }
    let features: Vec<String> = std::env::vars().map(|(name, _)| name).filter(|name| name.starts_with("CARGO_FEATURE_")).collect();
    let mut hasher = DefaultHasher::new();
    (files, features).hash(&mut hasher);
    println!("cargo::rustc-env=TAGWARDEN_BUILD={:016x}", hasher.finish());
    Ok(())
}

/// A file, or every file below a folder. One that is not there counts for nothing.
fn read(path: &Path, files: &mut BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
    if path.is_dir() {
        return std::fs::read_dir(path)?.try_for_each(|entry| read(&entry?.path(), files));
    }
    if path.is_file() {
        files.insert(path.to_owned(), std::fs::read(path)?);
    }
    Ok(())
}
