//! New files below a work tree's root: compared first, then written whole, never over anything.
//!
//! A path through a symlink or through something that is no folder is refused: what is written must be what git will
//! track under that very name. Deliberately absent: changing or removing a file.

use std::{
    fs,
    io::{self, Write},
    path::Path,
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
    Ok(if fs::read(&place)? == text.as_bytes() { Found::Same } else { Found::Other("exists and differs") })
}

/// Writes a new file, and the folders it needs. A reader sees all of it or nothing; a file that came into being meanwhile
/// is [`io::ErrorKind::AlreadyExists`].
pub fn write_new(root: &Path, path: &str, text: &str) -> io::Result<()> {
    let place = root.join(path);
    let folder = place.parent().unwrap_or(root);
    fs::create_dir_all(folder)?;
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any new file: what the process's mask leaves of it.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    let mut file = builder.prefix(".tagwarden-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist_noclobber(&place).map(|_| ()).map_err(|error| error.error)
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
