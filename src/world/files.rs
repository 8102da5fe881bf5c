//! Files below a work tree's root: compared first, then written whole, never over anything but what was expected there.
//!
//! A path through a symlink or through something that is no folder is refused: what is written must be what git will
//! track under that very name. Deliberately absent: removing a file.

use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// What stands where a file is to be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Found {
    Nothing,
    /// The very same bytes.
    Same,
    /// Something else; the words say what, after "`path`".
    Other(&'static str),
}

/// Compares what is at `path` (relative, `/` separators) with `text`.
pub fn compare(root: &Path, path: &str, text: &str) -> io::Result<Found> {
    compare_bytes(root, path, text.as_bytes())
}

fn compare_bytes(root: &Path, path: &str, bytes: &[u8]) -> io::Result<Found> {
    let mut place = root.to_owned();
    let mut parts = path.split('/').peekable();
    while let Some(part) = parts.next() {
        place.push(part);
        let last = parts.peek().is_none();
        let found = match fs::symlink_metadata(&place) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Found::Nothing),
            Err(error) => return Err(error),
        };
        if found.is_symlink() {
            return Ok(Found::Other("stands at or behind a symlink"));
        }
        match (last, found.is_dir(), found.is_file()) {
            (true, false, true) => {}
            (true, _, _) => return Ok(Found::Other("exists and is no plain file")),
            (false, true, _) => {}
            (false, _, _) => return Ok(Found::Other("has a file where a folder is needed")),
        }
    }
    Ok(if fs::read(&place)? == bytes { Found::Same } else { Found::Other("exists and differs") })
}

/// Writes a new file, and the folders it needs. A reader sees all of it or nothing; a file that came into being meanwhile
/// is [`io::ErrorKind::AlreadyExists`].
pub fn write_new(root: &Path, path: &str, text: &str) -> io::Result<()> {
    let place = root.join(path);
    let folder = place.parent().unwrap_or(root);
    fs::create_dir_all(folder)?;
    // As any new file: what the process's mask leaves of it.
    let file = beside(folder, text, 0o666)?;
    file.persist_noclobber(&place).map(|_| ()).map_err(|error| error.error)
}

/// Puts a text in the place of a plain file that holds `expected`, with the file's permissions. A reader sees the one or the
/// other. Anything else there is [`io::ErrorKind::InvalidData`] and stays.
pub fn replace(root: &Path, path: &str, expected: &[u8], text: &str) -> io::Result<()> {
    let refused = |why: &str| io::Error::new(io::ErrorKind::InvalidData, why.to_owned());
    match compare_bytes(root, path, expected)? {
        Found::Same => {}
        Found::Nothing => return Err(refused("is gone")),
        Found::Other("exists and differs") => return Err(refused("changed meanwhile")),
        Found::Other(why) => return Err(refused(why)),
    }
    let place = root.join(path);
    let permissions = fs::metadata(&place)?.permissions();
    let file = beside(place.parent().unwrap_or(root), text, 0o600)?;
    file.as_file().set_permissions(permissions)?;
    file.persist(&place).map(|_| ()).map_err(|error| error.error)
}

/// The text in a file of its own, on the same file system, ready to take its place.
fn beside(folder: &Path, text: &str, mode: u32) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    let mut file = builder.prefix(".tagwarden-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    Ok(file)
}

/// The public key beside a private key's path, or at a public key's own path, as git's `user.signingkey` names it. `None`:
/// there is no such file, or it is no text of a key's size.
pub fn public_key(named: &str, home: Option<&str>) -> Option<String> {
    const LARGEST: u64 = 16 * 1024;
    let path = match (named.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => Path::new(home).join(rest),
        _ => Path::new(named).to_owned(),
    };
    // Only a file that calls itself public is read.
    let path =
        if path.extension().is_some_and(|extension| extension == "pub") { path } else { PathBuf::from(format!("{}.pub", path.display())) };
    let small = fs::metadata(&path).is_ok_and(|found| found.is_file() && found.len() <= LARGEST);
    let text = if small { fs::read_to_string(&path).ok()? } else { return None };
    Some(text.trim().to_owned())
}

/// A small text file that the user named.
pub fn read_text(path: &Path, limit: u64) -> io::Result<String> {
    if fs::metadata(path)?.len() > limit {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it is larger than {limit} bytes")));
    }
    fs::read_to_string(path)
}

/// The path from `root` of a file below it, symlinks followed.
pub fn below(root: &Path, file: &Path) -> Option<String> {
    let (root, file) = (fs::canonicalize(root).ok()?, fs::canonicalize(file).ok()?);
    Some(file.strip_prefix(root).ok()?.to_str()?.to_owned())
}

/// A path in full, symlinks followed where it leads somewhere.
pub fn in_full(path: &Path) -> String {
    let full = fs::canonicalize(path).or_else(|_| std::path::absolute(path));
    full.unwrap_or_else(|_| path.to_owned()).display().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_written_once_and_never_over_anything() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        assert_eq!(compare(root, "a/b/c.yaml", "one").unwrap(), Found::Nothing);
        write_new(root, "a/b/c.yaml", "one").unwrap();
        assert_eq!(compare(root, "a/b/c.yaml", "one").unwrap(), Found::Same);
        assert_eq!(compare(root, "a/b/c.yaml", "two").unwrap(), Found::Other("exists and differs"));
        assert_eq!(write_new(root, "a/b/c.yaml", "two").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(fs::read_to_string(root.join("a/b/c.yaml")).unwrap(), "one");
        assert_eq!(fs::read_dir(root.join("a/b")).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn only_what_was_expected_is_replaced() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::create_dir(root.join("a")).unwrap();
        fs::write(root.join("a/b"), "one").unwrap();
        replace(root, "a/b", b"one", "two").unwrap();
        assert_eq!(fs::read_to_string(root.join("a/b")).unwrap(), "two");
        for (path, why) in [("a/b", "changed meanwhile"), ("a/c", "is gone"), ("a", "exists and is no plain file")] {
            let error = replace(root, path, b"one", "three").unwrap_err();
            assert_eq!((error.kind(), error.to_string().as_str()), (io::ErrorKind::InvalidData, why), "{path}");
        }
        assert_eq!(fs::read_to_string(root.join("a/b")).unwrap(), "two");
        assert_eq!(fs::read_dir(root.join("a")).unwrap().count(), 1, "nothing is left beside it");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            fs::set_permissions(root.join("a/b"), fs::Permissions::from_mode(0o755)).unwrap();
            replace(root, "a/b", b"two", "three").unwrap();
            assert_eq!(fs::metadata(root.join("a/b")).unwrap().permissions().mode() & 0o777, 0o755);
            std::os::unix::fs::symlink(root.join("a"), root.join("link")).unwrap();
            std::os::unix::fs::symlink(root.join("a/b"), root.join("file-link")).unwrap();
            for path in ["link/b", "file-link"] {
                assert_eq!(replace(root, path, b"three", "four").unwrap_err().to_string(), "stands at or behind a symlink", "{path}");
            }
            assert_eq!(fs::read_to_string(root.join("a/b")).unwrap(), "three");
        }
    }

    #[test]
    fn only_public_keys_are_read() {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("id"), "PRIVATE").unwrap();
        let (named, home_text) = (home.path().join("id").display().to_string(), home.path().display().to_string());
        assert_eq!(public_key(&named, None), None);
        fs::write(home.path().join("id.pub"), "ssh-ed25519 AAAA x\n").unwrap();
        for named in [named.as_str(), &format!("{named}.pub"), "~/id", "~/id.pub"] {
            assert_eq!(public_key(named, Some(&home_text)).as_deref(), Some("ssh-ed25519 AAAA x"), "{named}");
        }
        assert_eq!(public_key("~/id", None), None);
        fs::write(home.path().join("big.pub"), "x".repeat(20_000)).unwrap();
        assert_eq!(public_key("~/big.pub", Some(&home_text)), None);
    }

    #[test]
    fn what_is_no_plain_path_is_in_the_way() {
        let root = tempfile::tempdir().unwrap();
        let root = root.path();
        fs::create_dir_all(root.join("folder/inside")).unwrap();
        fs::write(root.join("file"), "text").unwrap();
        assert_eq!(compare(root, "file/below", "x").unwrap(), Found::Other("has a file where a folder is needed"));
        assert_eq!(compare(root, "folder/inside", "x").unwrap(), Found::Other("exists and is no plain file"));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(root.join("folder"), root.join("link")).unwrap();
            std::os::unix::fs::symlink("nowhere", root.join("dangling")).unwrap();
            for path in ["link/new", "dangling", "dangling/new"] {
                assert_eq!(compare(root, path, "x").unwrap(), Found::Other("stands at or behind a symlink"), "{path}");
            }
        }
    }
}
