//! git over HTTP on loopback: git's own server as a web server starts it, for whichever server of the tests is asked, and one that
//! demands a password and says what came.

use super::server::{Reply, Request, Server};
use base64::{Engine, engine::general_purpose::STANDARD};
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

/// One request to git's server.
pub struct Asked<'r> {
    pub method: &'r str,
    /// Path and query; the path leads to a repository below the folder.
    pub target: &'r str,
    pub header: &'r dyn Fn(&str) -> Option<String>,
    pub body: &'r [u8],
}

/// What it says: status, headers, body.
pub type Said = (u16, Vec<(String, String)>, Vec<u8>);

/// `git http-backend` for the repositories in a folder, with further settings and variables; who may ask was looked at before.
pub fn backend(folder: &Path, asked: &Asked<'_>, settings: &[&str], variables: &[(&str, &str)]) -> Said {
    let header = |name: &str| (asked.header)(name).unwrap_or_default();
    let (path, query) = asked.target.split_once('?').unwrap_or((asked.target, ""));
    let settings = ["http.receivepack=true"].iter().chain(settings).flat_map(|setting| ["-c", setting]);
    let mut child = Command::new("git")
        .args(settings)
        .arg("http-backend")
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .env("GIT_PROJECT_ROOT", folder)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", asked.method)
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", asked.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .env("GIT_PROTOCOL", header("git-protocol"))
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    // One that refuses may not read it all.
    let _ = child.stdin.take().unwrap().write_all(asked.body);
    let said = child.wait_with_output().unwrap().stdout;
    let end = said.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap_or(said.len());
    let head = String::from_utf8_lossy(&said[..end]).into_owned();
    let headers = head.lines().filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_owned(), value.to_owned()));
    let (status, headers): (Vec<_>, Vec<_>) = headers.partition(|(name, _)| name == "Status");
    let status = status.first().and_then(|(_, value)| value.split(' ').next()?.parse().ok()).unwrap_or(200);
    (status, headers, said.get(end + 4..).unwrap_or_default().to_vec())
}

/// User and password of an `Authorization`; `None`: another scheme.
pub fn credentials(authorization: &str) -> Option<(String, String)> {
    let (scheme, value) = authorization.split_once(' ')?;
    let text = String::from_utf8(STANDARD.decode(value.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?).ok()?;
    text.split_once(':').map(|(user, password)| (user.to_owned(), password.to_owned()))
}

/// A server of its own, for those with a token.
pub struct GitServer {
    pub address: std::net::SocketAddr,
    root: PathBuf,
    server: Server,
}

impl GitServer {
    /// The repositories stand below `root`; nobody has a token yet.
    pub fn start(root: &Path) -> GitServer {
        let server = Server::start();
        let git = GitServer { address: server.address, root: root.to_owned(), server };
        git.accept(&[]);
        git
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// From now on only these tokens are taken.
    pub fn accept(&self, tokens: &[&str]) {
        let tokens = tokens.iter().map(|token| (*token).to_owned()).collect();
        self.server.set("*", Reply::GitBehind(self.root.clone(), tokens));
    }

    /// From now on everything is redirected to another server.
    pub fn redirect(&self, url: &str) {
        self.server.set("*", Reply::Elsewhere(url.to_owned()));
    }

    /// The tokens that came, in turn, as `user:token`; a request without one is not counted.
    pub fn came(&self) -> Vec<String> {
        let pair = |request: &Request| {
            let authorization = request.header("authorization")?;
            let (user, token) = credentials(&authorization).unwrap_or_else(|| panic!("{authorization}"));
            Some(format!("{user}:{token}"))
        };
        self.server.log().iter().filter_map(pair).collect()
    }

    /// The arguments of the programs that spoke with this server, as others could list them; only Linux tells.
    pub fn beside(&self) -> Vec<String> {
        self.server.log().into_iter().flat_map(|request| request.beside).collect()
    }

    pub fn requests(&self) -> usize {
        self.server.log().len()
    }

    pub fn forget(&self) {
        self.server.forget();
    }
}

/// The arguments of the programs that name this address.
pub fn arguments_that_name(address: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).filter(|line| line.contains(address)).collect()
}
