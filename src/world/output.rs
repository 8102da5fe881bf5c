//! Where answers go: standard output, a file that is replaced whole, a file that is appended to.
//!
//! A reader that closed the pipe is no error: it has seen what it wanted.

use crate::domain::digest::hex;
use ring::rand::SecureRandom;
use std::{
    fs,
    io::{self, Write},
    path::Path,
};

/// Writes to standard output.
pub fn to_stdout(text: &str) -> io::Result<()> {
    settle(io::stdout().lock(), text)
}

/// Writes to standard error.
pub fn to_stderr(text: &str) -> io::Result<()> {
    settle(io::stderr().lock(), text)
}

/// The columns of the terminal that standard output is.
pub fn columns() -> Option<usize> {
    terminal_size::terminal_size_of(io::stdout()).map(|(width, _)| usize::from(width.0))
}

fn settle(mut stream: impl Write, text: &str) -> io::Result<()> {
    match stream.write_all(text.as_bytes()).and_then(|()| stream.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other,
    }
}

/// Replaces a file in one step: a reader sees the old text or the new one, never a part. What is there and is no plain
/// file (a device, a pipe) is written to instead. A symlink is followed.
pub fn replace_file(path: &Path, text: &str) -> io::Result<()> {
    let path = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    if fs::metadata(&path).is_ok_and(|found| !found.is_file() && !found.is_dir()) {
        return fs::OpenOptions::new().write(true).open(&path)?.write_all(text.as_bytes());
    }
    let mut file = temporary_beside(&path)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(&path).map(|_| ()).map_err(|error| error.error)
}

/// Whether [`replace_file`] could write here now. Leaves nothing behind.
pub fn can_replace(path: &Path) -> io::Result<()> {
    match fs::metadata(path) {
        Ok(found) if found.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(found) if !found.is_file() => Ok(()),
        _ => temporary_beside(path).map(|_| ()),
    }
}

fn temporary_beside(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        // As any new file: what the process's mask leaves of it.
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.prefix(".tagwarden-").tempfile_in(folder)
}

/// Appends to a file, making it where it is not there.
pub fn append_file(path: &Path, text: &str) -> io::Result<()> {
    fs::OpenOptions::new().append(true).create(true).open(path)?.write_all(text.as_bytes())
}

/// How long a file is; 0 where it is not there.
pub fn size(path: &Path) -> usize {
    fs::metadata(path).map_or(0, |found| usize::try_from(found.len()).unwrap_or(usize::MAX))
}

/// 128 random bits in hex.
pub fn random_hex() -> io::Result<String> {
    let mut bytes = [0; 16];
    ring::rand::SystemRandom::new().fill(&mut bytes).map_err(|_| io::Error::other("the system gives no random numbers"))?;
    Ok(hex(&bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_whole_and_nothing_is_left_beside_them() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("answer.json");
        can_replace(&path).unwrap();
        replace_file(&path, "one, and longer").unwrap();
        replace_file(&path, "two").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "two");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(replace_file(&folder.path().join("none/answer"), "x").is_err());
        assert!(can_replace(&folder.path().join("none/answer")).is_err());
        assert!(can_replace(folder.path()).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_devices_are_written_to() {
        let folder = tempfile::tempdir().unwrap();
        let (target, link) = (folder.path().join("target"), folder.path().join("link"));
        fs::write(&target, "old").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        replace_file(&link, "new").unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&target).unwrap(), "new");
        replace_file(Path::new("/dev/null"), "gone").unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }

    #[test]
    fn appending_makes_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("summary");
        append_file(&path, "a\n").unwrap();
        append_file(&path, "b\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "a\nb\n");
    }

    #[test]
    fn random_words_differ() {
        let one = random_hex().unwrap();
        assert_eq!(one.len(), 32);
        assert_ne!(one, random_hex().unwrap());
    }
}
