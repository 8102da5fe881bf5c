//! A small HTTP server on loopback, independent of the product: answers that a test sets and changes, a log of what was
//! asked.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

/// What a path answers.
#[derive(Clone, Debug)]
pub enum Reply {
    Send {
        status: u16,
        headers: Vec<(String, String)>,
        body: Vec<u8>,
    },
    /// The connection is closed without a word.
    Drop,
    /// Nothing is said until the server ends.
    Hang,
    /// The answers in order; the last one stays.
    Then(Vec<Reply>),
    /// The request itself, head and body, as the text of a JSON member `echo`.
    Echo,
    /// What `git http-backend` says of the repositories in this folder.
    Git(PathBuf),
    /// The same is done, and this is answered: a proxy that lost patience.
    GitUnanswered(PathBuf, u16),
}

impl Reply {
    pub fn json(body: &str) -> Reply {
        Reply::status(200, body)
    }

    pub fn status(status: u16, body: &str) -> Reply {
        Reply::Send { status, headers: vec![("content-type".to_owned(), "application/json".to_owned())], body: body.as_bytes().to_vec() }
    }

    pub fn text(body: &str) -> Reply {
        Reply::Send { status: 200, headers: vec![("content-type".to_owned(), "text/plain".to_owned())], body: body.as_bytes().to_vec() }
    }

    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Reply {
        if let Reply::Send { headers, .. } = &mut self {
            headers.push((name.to_owned(), value.to_owned()));
        }
        self
    }
}

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    /// Path and query.
    pub target: String,
    /// The whole head, with line ends.
    pub head: String,
    pub body: Vec<u8>,
}

struct Shared {
    replies: Mutex<HashMap<String, Reply>>,
    log: Mutex<Vec<Request>>,
    over: AtomicBool,
}

pub struct Server {
    address: SocketAddr,
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub fn start() -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let shared = Arc::new(Shared { replies: Mutex::default(), log: Mutex::default(), over: AtomicBool::new(false) });
        let thread = std::thread::spawn({
            let shared = shared.clone();
            move || {
                for stream in listener.incoming() {
                    if shared.over.load(Ordering::SeqCst) {
                        return;
                    }
                    let (Ok(stream), shared) = (stream, shared.clone()) else { continue };
                    // Nobody waits for it: it ends with its connection, or with the test.
                    std::thread::spawn(move || answer(stream, &shared));
                }
            }
        });
        Server { address, shared, thread: Some(thread) }
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Sets what a path answers, for every method and query.
    pub fn set(&self, path: &str, reply: Reply) {
        self.shared.replies.lock().unwrap().insert(path.to_owned(), reply);
    }

    /// What was asked until now.
    pub fn log(&self) -> Vec<Request> {
        self.shared.log.lock().unwrap().clone()
    }

    pub fn forget(&self) {
        self.shared.log.lock().unwrap().clear();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.shared.over.store(true, Ordering::SeqCst);
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// An address where nobody listens.
pub fn closed_url() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn answer(stream: TcpStream, shared: &Shared) {
    let _ = stream.set_read_timeout(Some(Duration::from_secs(30)));
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        let path = request.target.split('?').next().unwrap_or_default().to_owned();
        shared.log.lock().unwrap().push(request.clone());
        let reply = next_reply(shared, &path);
        match reply {
            Some(Reply::Drop) => return,
            Some(Reply::Hang) => {
                while !shared.over.load(Ordering::SeqCst) {
                    std::thread::sleep(Duration::from_millis(10));
                }
                return;
            }
            Some(Reply::Echo) => {
                let said = format!("{}{}", request.head, String::from_utf8_lossy(&request.body));
                let body = serde_json::json!({ "status": "ok", "echo": said }).to_string();
                send(reader.get_mut(), 200, &[("content-type".to_owned(), "application/json".to_owned())], body.as_bytes());
            }
            Some(Reply::Git(folder)) => {
                let (status, headers, body) = backend(&folder, &request);
                send(reader.get_mut(), status, &headers, &body);
            }
            Some(Reply::GitUnanswered(folder, status)) => {
                backend(&folder, &request);
                send(reader.get_mut(), status, &[], b"no");
            }
            Some(Reply::Send { status, headers, body }) => send(reader.get_mut(), status, &headers, &body),
            Some(Reply::Then(_)) | None => send(reader.get_mut(), 404, &[], b"no such path"),
        }
    }
}

/// git's own server, as a web server starts it: status, headers and body of its answer.
fn backend(folder: &Path, request: &Request) -> (u16, Vec<(String, String)>, Vec<u8>) {
    let header = |name: &str| {
        let value = |line: &str| {
            line.split_once(':').filter(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
        };
        request.head.lines().find_map(value).unwrap_or_default()
    };
    let (path, query) = request.target.split_once('?').unwrap_or((&request.target, ""));
    let mut child = Command::new("git")
        .args(["-c", "http.receivepack=true", "http-backend"])
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap_or_default())
        .env("GIT_PROJECT_ROOT", folder)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query)
        .env("REQUEST_METHOD", request.head.split(' ').next().unwrap_or_default())
        .env("CONTENT_TYPE", header("content-type"))
        .env("CONTENT_LENGTH", request.body.len().to_string())
        .env("HTTP_CONTENT_ENCODING", header("content-encoding"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(&request.body).unwrap();
    let said = child.wait_with_output().unwrap().stdout;
    let end = said.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap_or(said.len());
    let head = String::from_utf8_lossy(&said[..end]).into_owned();
    let headers = head.lines().filter_map(|line| line.split_once(": ")).map(|(name, value)| (name.to_owned(), value.to_owned()));
    let (status, headers): (Vec<_>, Vec<_>) = headers.partition(|(name, _)| name == "Status");
    let status = status.first().and_then(|(_, value)| value.split(' ').next()?.parse().ok()).unwrap_or(200);
    (status, headers, said.get(end + 4..).unwrap_or_default().to_vec())
}

fn next_reply(shared: &Shared, path: &str) -> Option<Reply> {
    let mut replies = shared.replies.lock().unwrap();
    match replies.get_mut(path)? {
        Reply::Then(list) if list.len() > 1 => Some(list.remove(0)),
        Reply::Then(list) => list.first().cloned(),
        reply => Some(reply.clone()),
    }
}

fn read(reader: &mut BufReader<TcpStream>) -> Option<Request> {
    let mut head = String::new();
    loop {
        let before = head.len();
        reader.read_line(&mut head).ok().filter(|read| *read > 0)?;
        if head[before..].trim_end().is_empty() {
            break;
        }
    }
    let mut words = head.split_whitespace();
    let target = words.nth(1)?.to_owned();
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().ok())?
    });
    let mut body = vec![0; length.unwrap_or(0)];
    reader.read_exact(&mut body).ok()?;
    Some(Request { target, head, body })
}

fn send(stream: &mut TcpStream, status: u16, headers: &[(String, String)], body: &[u8]) {
    let mut head = format!("HTTP/1.1 {status} Status\r\ncontent-length: {}\r\n", body.len());
    headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    let bytes = [head.as_bytes(), b"\r\n", body].concat();
    // A client that went away does not matter here.
    let _ = stream.write_all(&bytes);
}
