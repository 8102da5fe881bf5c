//! Scratch repositories and a cleared environment for the tests of the world.

use std::{
    path::{Path, PathBuf},
    process::Command,
};
use tagwarden::{
    domain::{Oid, RefName},
    world::{EnvVars, Git},
};
use tempfile::TempDir;

/// A folder of its own, with a home in it.
pub struct Scratch {
    folder: TempDir,
}

impl Scratch {
    pub fn new() -> Scratch {
        let folder = TempDir::new().unwrap();
        std::fs::create_dir(folder.path().join("home")).unwrap();
        Scratch { folder }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Nothing of the surroundings but PATH.
    pub fn env(&self) -> EnvVars {
        EnvVars::of([
            ("PATH", std::env::var("PATH").unwrap_or_default()),
            ("HOME", self.path("home").display().to_string()),
            ("GIT_CONFIG_GLOBAL", "/dev/null".to_owned()),
            ("GIT_CONFIG_NOSYSTEM", "1".to_owned()),
            ("GIT_AUTHOR_NAME", "Somebody".to_owned()),
            ("GIT_AUTHOR_EMAIL", "somebody@example.com".to_owned()),
            ("GIT_COMMITTER_NAME", "Somebody".to_owned()),
            ("GIT_COMMITTER_EMAIL", "somebody@example.com".to_owned()),
            ("GIT_AUTHOR_DATE", "1795000000 +0000".to_owned()),
            ("GIT_COMMITTER_DATE", "1795000000 +0000".to_owned()),
        ])
    }

    /// Runs a program here; its output without the last line break. Panics where it fails.
    pub fn run(&self, dir: &Path, program: &str, args: &[&str]) -> String {
        let (code, text) = self.try_run(dir, program, args);
        assert_eq!(code, Some(0), "{program} {args:?}: {text}");
        text
    }

    pub fn try_run(&self, dir: &Path, program: &str, args: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(program);
        command.current_dir(dir).args(args).env_clear().envs(self.env().iter()).stdin(std::process::Stdio::null());
        let output = command.output().unwrap();
        let mut text = String::from_utf8_lossy(&output.stdout).trim_end().to_owned();
        if !output.status.success() {
            text.push_str(&String::from_utf8_lossy(&output.stderr));
        }
        (output.status.code(), text)
    }

    pub fn git(&self, dir: &str, args: &[&str]) -> String {
        self.run(&self.path(dir), "git", args)
    }

    pub fn oid(&self, dir: &str, rev: &str) -> Oid {
        self.git(dir, &["rev-parse", "--verify", rev]).parse().unwrap()
    }

    /// A bare repository `server` and a clone `work` of it with `commits` commits on `main`.
    pub fn with_remote(commits: usize) -> Scratch {
        Scratch::with_format(commits, "sha1")
    }

    pub fn with_format(commits: usize, format: &str) -> Scratch {
        let scratch = Scratch::new();
        let format = format!("--object-format={format}");
        scratch.git("", &["init", "--quiet", "--bare", "--initial-branch=main", &format, "server"]);
        scratch.git("", &["init", "--quiet", "--initial-branch=main", &format, "work"]);
        scratch.git("work", &["remote", "add", "origin", &scratch.path("server").display().to_string()]);
        for number in 1..=commits {
            std::fs::write(scratch.path("work").join("file"), format!("{number}\n")).unwrap();
            scratch.git("work", &["add", "file"]);
            scratch.git("work", &["commit", "--quiet", "--message", &number.to_string()]);
        }
        scratch.git("work", &["push", "--quiet", "origin", "main"]);
        scratch
    }

    pub async fn open(&self, dir: &str) -> Git {
        Git::open(&self.path(dir), &self.env()).await.unwrap()
    }

    /// An executable script.
    pub fn script(&self, path: &str, text: &str) {
        use std::os::unix::fs::PermissionsExt;
        let path = self.path(path);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    /// Everything under a folder that says where refs stand.
    pub fn ref_state(&self, dir: &str) -> String {
        let git_dir = self.path(dir).join(".git");
        let shallow = std::fs::read_to_string(git_dir.join("shallow")).unwrap_or_default();
        let fetch_head = git_dir.join("FETCH_HEAD").exists();
        format!(
            "{}\n{}\nshallow {shallow}\nFETCH_HEAD {fetch_head}",
            self.git(dir, &["for-each-ref"]),
            self.git(dir, &["rev-parse", "HEAD"])
        )
    }
}

pub fn name(text: &str) -> RefName {
    text.parse().unwrap()
}
