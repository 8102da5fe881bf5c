//! git over HTTP on loopback: `git http-backend` behind a server that demands a password, and says what came.

use base64::{Engine, engine::general_purpose::STANDARD};
use std::{
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex, MutexGuard,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

pub struct GitServer {
    pub address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    /// Below which the repositories stand.
    root: PathBuf,
    state: Mutex<State>,
    over: AtomicBool,
}

#[derive(Default)]
struct State {
    accepted: Vec<String>,
    /// Where everything is sent instead.
    elsewhere: Option<String>,
    heads: Vec<String>,
    /// The arguments of the programs that named this server while it was asked.
    beside: Vec<String>,
}

impl GitServer {
    pub fn start(root: &Path) -> GitServer {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { root: root.to_owned(), state: Mutex::default(), over: AtomicBool::new(false) });
        let thread = std::thread::spawn({
            let shared = shared.clone();
            move || {
                for stream in listener.incoming() {
                    if shared.over.load(Ordering::SeqCst) {
                        return;
                    }
                    let (Ok(stream), shared) = (stream, shared.clone()) else { continue };
                    std::thread::spawn(move || drop(answer(stream, &shared)));
                }
            }
        });
        GitServer { address, shared, thread: Some(thread) }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// From now on only these tokens are taken.
    pub fn accept(&self, tokens: &[&str]) {
        self.state().accepted = tokens.iter().map(|token| (*token).to_owned()).collect();
    }

    /// From now on everything is redirected to another server.
    pub fn redirect(&self, url: &str) {
        self.state().elsewhere = Some(url.to_owned());
    }

    /// The tokens that came, in turn, as `user:token`; a request without one is not counted.
    pub fn came(&self) -> Vec<String> {
        self.state().heads.iter().filter_map(|head| credentials(head)).collect()
    }

    /// The arguments of the programs that spoke with this server, as others could list them; only Linux tells.
    pub fn beside(&self) -> Vec<String> {
        self.state().beside.clone()
    }

    pub fn requests(&self) -> usize {
        self.state().heads.len()
    }

    pub fn forget(&self) {
        self.state().heads.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.state.lock().unwrap()
    }
}

impl Drop for GitServer {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn header<'a>(head: &'a str, wanted: &str) -> Option<&'a str> {
    let mut pairs = head.lines().filter_map(|line| line.split_once(':'));
    pairs.find(|(name, _)| name.eq_ignore_ascii_case(wanted)).map(|(_, value)| value.trim())
}

fn arguments_that_name(address: &str) -> Vec<String> {
    let processes = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).filter(|line| line.contains(address)).collect()
}

fn credentials(head: &str) -> Option<String> {
    let (scheme, value) = header(head, "authorization")?.split_once(' ')?;
    assert!(scheme.eq_ignore_ascii_case("basic"), "{head}");
    Some(String::from_utf8(STANDARD.decode(value).unwrap()).unwrap())
}

/// One request for each connection.
fn answer(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    let address = stream.local_addr()?.to_string();
    let mut reader = BufReader::new(stream);
    let mut head = String::new();
    while reader.read_line(&mut head)? > 2 {}
    let mut words = head.split_whitespace();
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return Ok(()) };
    let mut body = vec![0; header(&head, "content-length").map_or(0, |length| length.parse().unwrap())];
    reader.read_exact(&mut body)?;
    let (is_in, elsewhere) = {
        let mut state = shared.state.lock().unwrap();
        state.heads.push(head.clone());
        state.beside.extend(arguments_that_name(&address));
        let token = credentials(&head).and_then(|pair| Some(pair.split_once(':')?.1.to_owned()));
        (token.is_some_and(|token| state.accepted.contains(&token)), state.elsewhere.clone())
    };
    let stream = reader.get_mut();
    if let Some(url) = elsewhere {
        return write!(stream, "HTTP/1.1 302 Found\r\nlocation: {url}{target}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    }
    if !is_in {
        let demand = "www-authenticate: Basic realm=\"git\"\r\ncontent-length: 0\r\nconnection: close";
        return write!(stream, "HTTP/1.1 401 Unauthorized\r\n{demand}\r\n\r\n");
    }
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut backend = Command::new("git");
    backend.arg("http-backend").env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    backend.env("GIT_PROJECT_ROOT", &shared.root).env("GIT_HTTP_EXPORT_ALL", "").env("REMOTE_USER", "mover");
    backend.env("PATH_INFO", path).env("QUERY_STRING", query).env("REQUEST_METHOD", method).env("GIT_CONFIG_NOSYSTEM", "1");
    let passed = [("content-type", "CONTENT_TYPE"), ("content-encoding", "HTTP_CONTENT_ENCODING"), ("git-protocol", "GIT_PROTOCOL")];
    for (name, variable) in passed {
        backend.envs(header(&head, name).map(|value| (variable, value)));
    }
    backend.env("CONTENT_LENGTH", body.len().to_string()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = backend.spawn()?;
    child.stdin.take().unwrap().write_all(&body)?;
    let output = child.wait_with_output()?.stdout;
    let at = output.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
    let said = String::from_utf8_lossy(&output[..at]).into_owned();
    let status = header(&said, "status").unwrap_or("200 OK");
    write!(stream, "HTTP/1.1 {status}\r\nconnection: close\r\n{said}\r\n\r\n")?;
    stream.write_all(&output[at + 4..])
}
