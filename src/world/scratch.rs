//! A scratch place for rehearsals: repositories in a folder that goes away, throw-away keys, and plain git beside them.
//!
//! Nothing here goes through [`super::Git`]: a rehearsal looks at what the verbs did with other eyes than theirs. Everything
//! runs in a cleared environment, so that no configuration, key or credential of the surroundings is used. Deliberately
//! absent: any knowledge of ledgers, gates or channels.

use super::{EnvVars, Git, machine, temporary::Temporary};
use crate::domain::{Digest, Fault, Oid, Reason, Result, digest::hex};
use std::{
    collections::BTreeMap,
    ffi::{OsStr, OsString},
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// Lives as long as the handle; then everything in it is removed.
pub struct Scratch {
    folder: Temporary,
    env: EnvVars,
}

/// One file of a tree as its bytes are: mode and content digest.
pub type Files = BTreeMap<String, (String, Digest)>;

impl Scratch {
    /// An empty folder. Of the surroundings only PATH is kept.
    pub fn new(surroundings: &EnvVars) -> Result<Scratch> {
        let folder = Temporary::needed(&surroundings.temp_dir())?;
        let [home, temporary] = ["home", "tmp"].map(|name| folder.path().join(name));
        for folder in [&home, &temporary] {
            fs::create_dir(folder).map_err(|error| failed("a scratch folder", &error))?;
        }
        let mut vars: Vec<(OsString, OsString)> = [
            ("GIT_CONFIG_GLOBAL", "/dev/null"),
            ("GIT_CONFIG_NOSYSTEM", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_AUTHOR_NAME", "Rehearsal"),
            ("GIT_AUTHOR_EMAIL", "rehearsal@example.com"),
            ("GIT_COMMITTER_NAME", "Rehearsal"),
            ("GIT_COMMITTER_EMAIL", "rehearsal@example.com"),
            ("LC_ALL", "C"),
            ("NO_PROXY", "127.0.0.1"),
            ("no_proxy", "127.0.0.1"),
            // Nothing here is asked over TLS, and reading a system's certificates takes its time.
            ("SSL_CERT_FILE", "/dev/null"),
        ]
        .map(|(name, value)| (name.into(), value.into()))
        .to_vec();
        vars.extend([("HOME".into(), home.into_os_string()), ("TMPDIR".into(), temporary.into_os_string())]);
        vars.extend(surroundings.get_os("PATH").map(|path| ("PATH".into(), path.to_owned())));
        Ok(Scratch { folder, env: EnvVars::of(vars) })
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The cleared environment that everything here runs in.
    pub fn env(&self) -> &EnvVars {
        &self.env
    }

    /// Runs git in a folder of the scratch place; its output without the line break at the end.
    pub fn git<S: AsRef<OsStr>>(&self, folder: &str, args: &[S]) -> Result<String> {
        let output = self.git_fed(folder, args, b"")?;
        Ok(String::from_utf8_lossy(&output).trim_end_matches('\n').to_owned())
    }

    /// The same with something on its standard input; the very bytes of its output.
    pub fn git_fed<S: AsRef<OsStr>>(&self, folder: &str, args: &[S], input: &[u8]) -> Result<Vec<u8>> {
        let mut command = self.command("git", folder);
        command.args(args);
        run(command, input)
    }

    /// Copies everything that a tree of another repository reaches into a repository here. The other one is only read.
    pub async fn copy(&self, from: &Git, tree: &Oid, to: &str) -> Result<()> {
        let path = self.path("copy.pack");
        let file = fs::File::create(&path).map_err(|error| failed("the copy", &error))?;
        from.pack(tree, file).await?;
        let mut command = self.command("git", to);
        command.args(["index-pack", "--stdin"]);
        command.stdin(fs::File::open(&path).map_err(|error| failed("the copy", &error))?);
        finish(command.output(), "git index-pack")?;
        fs::remove_file(&path).map_err(|error| failed("the copy", &error))
    }

    /// A tree, given by its id, with some files changed (`Some`) or taken out (`None`); the id of the new tree.
    pub fn edit_tree(&self, repo: &str, tree: &str, edits: &[(String, Option<Vec<u8>>)]) -> Result<String> {
        let index = self.path("index");
        let _ = fs::remove_file(&index);
        let git = |args: &[&str], input: &[u8]| {
            let mut command = self.command("git", repo);
            command.args(args).env("GIT_INDEX_FILE", &index);
            run(command, input)
        };
        git(&["read-tree", tree], b"")?;
        let zero = "0".repeat(tree.len());
        let mut lines = String::new();
        for (path, bytes) in edits {
            match bytes {
                Some(bytes) => {
                    let oid = self.git_fed(repo, &["hash-object", "-w", "--stdin"], bytes)?;
                    lines.push_str(&format!("100644 {}\t{path}\0", String::from_utf8_lossy(&oid).trim_end()));
                }
                None => lines.push_str(&format!("0 {zero}\t{path}\0")),
            }
        }
        git(&["update-index", "-z", "--index-info"], lines.as_bytes())?;
        let oid = git(&["write-tree"], b"")?;
        Ok(String::from_utf8_lossy(&oid).trim_end().to_owned())
    }

    /// Every file of a commit or tree, read out and hashed here.
    pub fn files(&self, repo: &str, treeish: &str) -> Result<Files> {
        let listing = self.git_fed(repo, &["ls-tree", "-r", "-z", "--full-tree", treeish], b"")?;
        let mut files = Files::new();
        let mut wanted = Vec::new();
        for line in listing.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
            let line = String::from_utf8_lossy(line);
            let Some((head, path)) = line.split_once('\t') else { continue };
            let mut words = head.split(' ');
            let (Some(mode), Some(kind), Some(oid)) = (words.next(), words.next(), words.next()) else { continue };
            match kind {
                "blob" => wanted.push((path.to_owned(), mode.to_owned(), oid.to_owned())),
                // A submodule has no bytes here; what names it are those of its id.
                _ => {
                    files.insert(path.to_owned(), (mode.to_owned(), Digest::of(oid.as_bytes())));
                }
            }
        }
        let questions: String = wanted.iter().map(|(_, _, oid)| format!("{oid}\n")).collect();
        let mut command = self.command("git", repo);
        command.args(["cat-file", "--batch"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().map_err(|error| failed("git cat-file", &error))?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("git cat-file", &"it has no pipes"));
        };
        let read = std::thread::scope(|scope| {
            scope.spawn(move || {
                // A reader that ended early is told by its answers.
                let _ = stdin.write_all(questions.as_bytes());
            });
            let mut answers = BufReader::with_capacity(1 << 16, stdout);
            for (path, mode, _) in wanted {
                files.insert(path, (mode, next_digest(&mut answers)?));
            }
            Ok(files)
        });
        let _ = child.wait();
        read.map_err(|error: std::io::Error| failed("git cat-file", &error))
    }

    /// Writes a file, and the folders it needs.
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<PathBuf> {
        let path = self.path(name);
        let folder = path.parent().unwrap_or(self.folder.path());
        fs::create_dir_all(folder).and_then(|()| fs::write(&path, bytes)).map_err(|error| failed(name, &error))?;
        Ok(path)
    }

    /// Writes a program.
    pub fn script(&self, name: &str, text: &str) -> Result<PathBuf> {
        use std::os::unix::fs::PermissionsExt;
        let path = self.write(name, text.as_bytes())?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).map_err(|error| failed(name, &error))?;
        Ok(path)
    }

    /// The files right in the folders of a folder, by path. Where there is no such folder, there are none.
    pub fn files_below(&self, name: &str) -> BTreeMap<PathBuf, Vec<u8>> {
        let mut files = BTreeMap::new();
        for folder in fs::read_dir(self.path(name)).into_iter().flatten().flatten() {
            for file in fs::read_dir(folder.path()).into_iter().flatten().flatten() {
                files.extend(fs::read(file.path()).ok().map(|bytes| (file.path(), bytes)));
            }
        }
        files
    }

    /// Makes them what they were.
    pub fn put_back(&self, name: &str, files: &BTreeMap<PathBuf, Vec<u8>>) -> Result<()> {
        let now = self.files_below(name);
        let put = |path: &PathBuf| match files.get(path) {
            Some(bytes) => fs::write(path, bytes),
            None => fs::remove_file(path),
        };
        now.keys().chain(files.keys()).try_for_each(put).map_err(|error| failed(name, &error))
    }

    pub fn remove(&self, name: &str) -> Result<()> {
        fs::remove_file(self.path(name)).map_err(|error| failed(name, &error))
    }

    fn command(&self, program: &str, folder: &str) -> Command {
        let mut command = Command::new(program);
        command.current_dir(self.path(folder)).env_clear().envs(self.env.iter());
        command
    }
}

/// Runs some work to its end in the middle of other work that does not wait, as a checkpoint does not. Only on a runtime
/// with several threads.
pub fn in_between<T>(work: impl Future<Output = T>) -> T {
    tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(work))
}

/// `<oid> <kind> <size>`, the bytes, a line break.
fn next_digest(answers: &mut impl BufRead) -> std::io::Result<Digest> {
    let mut head = String::new();
    answers.read_line(&mut head)?;
    let size: u64 = head.trim_end().rsplit(' ').next().and_then(|size| size.parse().ok()).ok_or(std::io::ErrorKind::UnexpectedEof)?;
    let mut context = ring::digest::Context::new(&ring::digest::SHA256);
    let mut left = size;
    let mut buffer = vec![0; 1 << 16];
    while left > 0 {
        let most = buffer.len().min(usize::try_from(left).unwrap_or(usize::MAX));
        let read = answers.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        context.update(&buffer[..read]);
        left -= read as u64;
    }
    answers.read_exact(&mut [0])?;
    format!("sha256:{}", hex(context.finish().as_ref())).parse().map_err(std::io::Error::other)
}

fn run(mut command: Command, input: &[u8]) -> Result<Vec<u8>> {
    let shown = shown(&command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| failed(&shown, &error))?;
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        scope.spawn(move || {
            // A program that stops reading says why in its exit code.
            let _ = stdin.map(|mut stdin| stdin.write_all(input));
        });
        child.wait_with_output()
    });
    finish(output, &shown)
}

fn finish(output: std::io::Result<std::process::Output>, shown: &str) -> Result<Vec<u8>> {
    let output = output.map_err(|error| failed(shown, &error))?;
    match output.status.code() {
        Some(0) => Ok(output.stdout),
        None => Err(Fault::new(Reason::NoResources, format!("the scratch copy: {shown} was ended by a signal, as limits of a machine do"))),
        Some(_) => Err(failed(shown, &String::from_utf8_lossy(&output.stderr).trim())),
    }
}

fn shown(command: &Command) -> String {
    let args: Vec<_> = command.get_args().take(2).map(OsStr::to_string_lossy).collect();
    format!("{} {}", Path::new(command.get_program()).display(), args.join(" "))
}

fn failed(what: &str, why: &dyn std::fmt::Display) -> Fault {
    Fault::new(machine::reason(why, Reason::DrillFailed), format!("the scratch copy: {what} failed: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scratch() -> Scratch {
        let scratch = Scratch::new(&EnvVars::from_process()).unwrap();
        scratch.git("", &["init", "--quiet", "--bare", "--initial-branch=main", "a.git"]).unwrap();
        scratch
    }

    #[test]
    fn what_is_temporary_in_it_goes_away_with_it() {
        let scratch = scratch();
        let temporary = scratch.env().temp_dir();
        assert!(temporary.starts_with(scratch.path("")) && temporary.is_dir());
    }

    #[test]
    fn trees_are_edited_and_read_out_by_their_bytes() {
        let scratch = scratch();
        let empty = scratch.git_fed("a.git", &["mktree"], b"").unwrap();
        let empty = String::from_utf8(empty).unwrap().trim().to_owned();
        let file = |path: &str, bytes: &[u8]| (path.to_owned(), Some(bytes.to_vec()));
        let one = scratch.edit_tree("a.git", &empty, &[file("a/b", b"x"), file("c", b"\0y\n")]).unwrap();
        let two = scratch.edit_tree("a.git", &one, &[("a/b".to_owned(), None), file("c", b"z")]).unwrap();
        let files = scratch.files("a.git", &one).unwrap();
        let paths: Vec<&str> = files.keys().map(String::as_str).collect();
        assert_eq!(paths, ["a/b", "c"]);
        assert_eq!(files["c"], ("100644".to_owned(), Digest::of(b"\0y\n")));
        assert_eq!(scratch.files("a.git", &two).unwrap().len(), 1);
        assert!(scratch.files("a.git", "HEAD").is_err(), "nothing there is an error, not an empty tree");
    }

    #[tokio::test]
    async fn a_tree_is_copied_and_its_source_only_read() {
        let scratch = scratch();
        let file = |path: &str, bytes: &[u8]| (path.to_owned(), Some(bytes.to_vec()));
        let empty = scratch.git("a.git", &["hash-object", "-t", "tree", "-w", "/dev/null"]).unwrap();
        let tree = scratch.edit_tree("a.git", &empty, &[file("deep/er/f", b"bytes"), file("g", b"h")]).unwrap();
        scratch.git("", &["init", "--quiet", "--bare", "b.git"]).unwrap();
        let objects = |repo: &str| scratch.git(repo, &["count-objects", "--verbose"]).unwrap();
        let before = objects("a.git");
        let git = Git::open(&scratch.path("a.git"), scratch.env()).await.unwrap();
        scratch.copy(&git, &tree.parse().unwrap(), "b.git").await.unwrap();
        assert_eq!(objects("a.git"), before);
        assert_eq!(scratch.files("b.git", &tree).unwrap(), scratch.files("a.git", &tree).unwrap());
        let missing = "b".repeat(40).parse().unwrap();
        assert!(scratch.copy(&git, &missing, "b.git").await.is_err());
    }

    #[test]
    fn everything_goes_away_with_the_handle() {
        let scratch = scratch();
        let folder = scratch.path("");
        assert!(folder.exists());
        drop(scratch);
        assert!(!folder.exists());
    }
}
