//! A small HTTP server on loopback, independent of the product: answers that a test sets and changes, a log of what was
//! asked.

use super::git_http::{self, Asked};
use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::{Path, PathBuf},
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
    /// The same for who has one of these tokens for a password; others are asked for one.
    GitBehind(PathBuf, Vec<String>),
    /// The same target on this server is to be asked instead.
    Elsewhere(String),
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
    /// The arguments of the programs that named this server while it was asked, where a token was demanded.
    pub beside: Vec<String>,
}

impl Request {
    pub fn header(&self, name: &str) -> Option<String> {
        let mut pairs = self.head.lines().filter_map(|line| line.split_once(':'));
        pairs.find(|(found, _)| found.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim().to_owned())
    }
}

struct Shared {
    replies: Mutex<HashMap<String, Reply>>,
    log: Mutex<Vec<Request>>,
    over: AtomicBool,
}

pub struct Server {
    pub address: SocketAddr,
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

    /// Sets what a path answers, for every method and query; `*` is every path that has no answer of its own.
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
        let reply = next_reply(shared, &path);
        let beside = match (&reply, reader.get_ref().local_addr()) {
            (Some(Reply::GitBehind(..)), Ok(address)) => git_http::arguments_that_name(&address.to_string()),
            _ => Vec::new(),
        };
        shared.log.lock().unwrap().push(Request { beside, ..request.clone() });
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
            Some(Reply::GitBehind(folder, tokens)) => {
                let token = request.header("authorization").and_then(|header| git_http::credentials(&header)).map(|(_, token)| token);
                let (status, headers, body) = match token.is_some_and(|token| tokens.contains(&token)) {
                    true => backend(&folder, &request),
                    false => (401, vec![("www-authenticate".to_owned(), "Basic realm=\"git\"".to_owned())], Vec::new()),
                };
                send(reader.get_mut(), status, &headers, &body);
            }
            Some(Reply::Elsewhere(url)) => {
                send(reader.get_mut(), 302, &[("location".to_owned(), format!("{url}{}", request.target))], b"");
            }
            Some(Reply::Send { status, headers, body }) => send(reader.get_mut(), status, &headers, &body),
            Some(Reply::Then(_)) | None => send(reader.get_mut(), 404, &[], b"no such path"),
        }
    }
}

fn backend(folder: &Path, request: &Request) -> git_http::Said {
    let method = request.head.split(' ').next().unwrap_or_default();
    let header = |name: &str| request.header(name);
    git_http::backend(folder, &Asked { method, target: &request.target, header: &header, body: &request.body }, &[], &[])
}

fn next_reply(shared: &Shared, path: &str) -> Option<Reply> {
    let mut replies = shared.replies.lock().unwrap();
    let path = if replies.contains_key(path) { path } else { "*" };
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
    Some(Request { target, head, body, beside: Vec::new() })
}

fn send(stream: &mut TcpStream, status: u16, headers: &[(String, String)], body: &[u8]) {
    let mut head = format!("HTTP/1.1 {status} Status\r\ncontent-length: {}\r\n", body.len());
    headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
    let bytes = [head.as_bytes(), b"\r\n", body].concat();
    // A client that went away does not matter here.
    let _ = stream.write_all(&bytes);
}
