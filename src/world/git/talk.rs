//! A talk with a server, as far as git's trace of packets tells of it: whether the server said something, whether the updates of a
//! push left, how long it is waited for.
//!
//! The trace only says how long to wait and which words to choose: what moved is told by the refs. Lines that look like the trace
//! and cannot be read count as sent updates, so that "nothing was sent" is never said too early. A program that git starts may leave
//! its line open, so the trace may begin anywhere in a line. Deliberately absent: bytes of packs, which git does not trace; while one
//! comes, only the whole time is bounded.

use super::{
    push,
    run::{Output, TERMINAL},
};
use crate::{
    gate::probe::reduce::Masks,
    world::progress::{Progress, Waiting},
};
use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How long a server is waited for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A server that says nothing, before anything was sent.
    pub silent: Duration,
    /// The answer to a push, from the time it was sent; and a whole talk in which nothing is sent.
    pub answer: Duration,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { silent: Duration::from_secs(60), answer: Duration::from_secs(600) }
    }
}

/// How a run waits for servers, and who sees it.
#[derive(Clone, Debug, Default)]
pub struct Patience {
    pub limits: Limits,
    pub progress: Progress,
}

/// One talk.
pub(super) struct Talk<'a> {
    pub remote: &'a str,
    /// Where it goes.
    pub url: &'a str,
    pub patience: &'a Patience,
    /// It pushes: who is told to end gives it up while nothing was sent. What is read goes on, since a push may hang on it.
    pub pushes: bool,
}

impl Talk<'_> {
    /// Whether ssh may ask for a passphrase, or about a host key, before the server says anything.
    fn may_ask(&self) -> bool {
        *TERMINAL && is_ssh(self.url)
    }
}

/// As git tells a host from a path.
pub(super) fn is_ssh(url: &str) -> bool {
    match url.split_once("://") {
        Some((scheme, _)) => scheme.split('+').any(|part| part.eq_ignore_ascii_case("ssh")),
        None => url.find(':').is_some_and(|colon| !url[..colon].contains('/')),
    }
}

/// What a talk came to.
pub(super) struct Talked {
    pub output: Output,
    pub ended: Ended,
    /// Whether updates of a push left, or may have.
    pub has_sent: bool,
}

impl Talked {
    /// Without these secrets; `words` are added to those of a git that failed.
    pub fn masked(self, masks: &Masks, words: Option<String>) -> Talked {
        let clean = |text: &str| masks.mask(text);
        let mut stderr = clean(&self.output.stderr);
        if let Some(words) = words.filter(|_| self.output.code != Some(0)) {
            stderr = format!("{}\n{}", stderr.trim_end(), clean(&words)).trim_start().to_owned();
        }
        let stdout = String::from_utf8_lossy(&self.output.stdout);
        let stdout = push::clean_summaries(&stdout, clean).into_bytes();
        Talked { output: Output { stdout, stderr, ..self.output }, ..self }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    ByItself,
    /// Nothing was heard for too long.
    Silent,
    /// It took too long as a whole.
    Overdue,
    /// This process was told to end.
    Told,
}

/// Reads standard error of a git that traces its packets.
pub(super) struct Listener<'a> {
    limits: Limits,
    remote: &'a str,
    may_ask: bool,
    waiting: Waiting,
    heard: Mutex<Heard>,
}

struct Heard {
    /// Everything but the trace.
    words: Vec<u8>,
    has_sent: bool,
    line: Vec<u8>,
    answered: bool,
    is_in_pack: bool,
    start: Instant,
    last: Instant,
    sent: Instant,
}

impl<'a> Listener<'a> {
    pub fn new(talk: &Talk<'a>) -> Listener<'a> {
        let now = Instant::now();
        let waiting = talk.patience.progress.wait(format!("waiting for {}", talk.remote));
        waiting.quiet(talk.may_ask());
        let heard = Heard {
            words: Vec::new(),
            has_sent: false,
            line: Vec::new(),
            answered: false,
            is_in_pack: false,
            start: now,
            last: now,
            sent: now,
        };
        Listener { limits: talk.patience.limits, remote: talk.remote, may_ask: talk.may_ask(), waiting, heard: Mutex::new(heard) }
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn hear(&self, bytes: &[u8]) {
        let mut heard = self.heard();
        let (answered, has_sent) = (heard.answered, heard.has_sent);
        heard.take(bytes, Instant::now());
        if heard.answered && !answered {
            self.waiting.quiet(false);
        }
        if heard.has_sent && !has_sent {
            let most = self.limits.answer.as_secs();
            self.waiting.now_waits(format!("sent to {}, waiting at most {most} s for its answer", self.remote));
        }
    }

    /// When patience ends, as things are now.
    pub fn due(&self) -> Instant {
        let heard = self.heard();
        if heard.has_sent {
            return heard.sent + self.limits.answer;
        }
        let whole = heard.start + self.limits.answer;
        if heard.is_in_pack || (self.may_ask && !heard.answered) { whole } else { whole.min(heard.last + self.limits.silent) }
    }

    /// How patience ended, where it did.
    pub fn overdue(&self) -> Option<Ended> {
        let (due, now) = (self.due(), Instant::now());
        let heard = self.heard();
        let is_silent = !heard.has_sent && due < heard.start + self.limits.answer;
        (due <= now).then_some(if is_silent { Ended::Silent } else { Ended::Overdue })
    }

    pub fn has_sent(&self) -> bool {
        self.heard().has_sent
    }

    /// Everything but the trace, and whether updates of a push left.
    pub fn finish(&self) -> (Vec<u8>, bool) {
        let mut heard = self.heard();
        let rest = std::mem::take(&mut heard.line);
        heard.take_line(&rest, Instant::now());
        (std::mem::take(&mut heard.words), heard.has_sent)
    }
}

impl Heard {
    fn take(&mut self, bytes: &[u8], now: Instant) {
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                self.take_line(&line, now);
            }
        }
    }

    fn take_line(&mut self, line: &[u8], now: Instant) {
        let text = String::from_utf8_lossy(line);
        let (words, packet) = split(&text);
        if packet == Packet::None {
            return self.words.extend_from_slice(line);
        }
        if !words.is_empty() {
            self.words.extend_from_slice(words.trim_end().as_bytes());
            self.words.push(b'\n');
        }
        match packet {
            Packet::None => {}
            // What a server on this machine traces is not what this side saw.
            Packet::OfServer => {}
            Packet::Came(content) => {
                (self.answered, self.last) = (true, now);
                self.is_in_pack |= content.starts_with("PACK");
            }
            Packet::Left(content) => {
                self.last = now;
                if is_update(content) {
                    self.send(now);
                }
            }
            Packet::Unreadable => self.send(now),
        }
    }

    fn send(&mut self, now: Instant) {
        if !self.has_sent {
            (self.has_sent, self.sent) = (true, now);
        }
    }
}

#[derive(Debug, PartialEq)]
enum Packet<'a> {
    /// No line of the trace.
    None,
    OfServer,
    Came(&'a str),
    Left(&'a str),
    /// Of the trace, by its look, but not in the form that is known.
    Unreadable,
}

/// The longest part of a trace before its mark.
const HEAD: usize = 100;

/// What others wrote before the trace, and the packet.
fn split(line: &str) -> (&str, Packet<'_>) {
    // Nowhere else, so that a long line costs no more than its length.
    let starts = line.match_indices(" packet:").flat_map(|(mark, _)| mark.saturating_sub(HEAD)..mark);
    let starts = starts.filter(|at| line.as_bytes()[*at].is_ascii_digit());
    let found = starts.filter_map(|at| Some((line.get(..at)?, packet(line.get(at..)?)))).find(|(_, packet)| *packet != Packet::None);
    found.unwrap_or((line, Packet::None))
}

/// `12:34:56.789012 pkt-line.c:80   packet:   push> CONTENT`.
fn packet(trace: &str) -> Packet<'_> {
    let Some((head, rest)) = trace.split_once(" packet:") else { return Packet::None };
    // The time, and the place in git's source where it has one.
    let mut head = head.split_whitespace();
    if !head.next().is_some_and(is_time) || head.nth(1).is_some() {
        return Packet::None;
    }
    let rest = rest.trim_start();
    let Some(end) = rest.find(['<', '>']) else { return Packet::Unreadable };
    let (who, content) = (&rest[..end], rest[end + 1..].trim());
    match (who, &rest[end..=end]) {
        ("upload-pack" | "receive-pack" | "upload-archive", _) => Packet::OfServer,
        (_, "<") => Packet::Came(content),
        _ => Packet::Left(content),
    }
}

fn is_time(word: &str) -> bool {
    word.len() > 8
        && word.bytes().enumerate().all(|(at, byte)| if at == 2 || at == 5 { byte == b':' } else { byte.is_ascii_digit() || byte == b'.' })
}

/// `OLD NEW REF`, the command of a push.
fn is_update(content: &str) -> bool {
    let mut words = content.split(' ');
    let is_oid = |word: Option<&str>| word.is_some_and(|word| word.len() >= 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit()));
    is_oid(words.next()) && is_oid(words.next()) && words.next().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OID: &str = "6e67b3c6cc3590f796a1a599237747fbd5f4e593";

    #[test]
    fn the_trace_is_told_from_words_and_what_left_from_what_came() {
        let at = "00:35:04.369059 pkt-line.c:80           packet:";
        let update = format!("{OID} {OID} refs/heads/x\\0 atomic");
        for (line, want) in [
            (format!("{at}         push> {update}"), Packet::Left(update.as_str())),
            (format!("{at}    send-pack> 0000"), Packet::Left("0000")),
            (format!("{at}        fetch< PACK ..."), Packet::Came("PACK ...")),
            (format!("{at} receive-pack< {update}"), Packet::OfServer),
            (format!("{at} something else"), Packet::Unreadable),
            ("fatal: the packet: it is bad".to_owned(), Packet::None),
            ("10:00:00 is no trace, nor is its packet: x".to_owned(), Packet::None),
            (String::new(), Packet::None),
        ] {
            assert_eq!(split(&line).1, want, "{line}");
            // Behind a line that ssh, or a bar of git's, left open.
            for open in ["Only for staff", "remote: 100%\r", "at 10:00:00.5: ", "é"].into_iter().filter(|_| want != Packet::None) {
                assert_eq!(split(&format!("{open}{line}")), (open, packet(&line)), "{line}");
            }
        }
        for (content, is_one) in [
            (update.as_str(), true),
            (&format!("{OID} {}\\0 report-status", "0".repeat(40)), false),
            (&format!("{OID} {} refs/heads/x", "0".repeat(40)), true),
            (&format!("want {OID} side-band-64k"), false),
            (&format!("ref-prefix {OID}"), false),
            ("0000", false),
        ] {
            assert_eq!(is_update(content), is_one, "{content}");
        }
    }

    #[test]
    fn patience_ends_by_what_was_heard() {
        let patience = Patience { limits: Limits::default(), progress: Progress::default() };
        let talk = |url| Talk { remote: "origin", url, patience: &patience, pushes: true };
        let line = |words: &str| format!("00:35:04.369059 pkt-line.c:80 packet: {words}\n");
        let seconds = |listener: &Listener, start: Instant| listener.due().duration_since(start).as_secs();
        let listener = Listener::new(&talk("https://example.com/a"));
        let start = listener.heard().start;
        assert_eq!(seconds(&listener, start), 60);
        listener.hear(b"fatal: half");
        listener.hear(b" a line\n");
        listener.heard().take(line("push< 0000").as_bytes(), start + Duration::from_secs(30));
        assert_eq!((seconds(&listener, start), listener.has_sent()), (90, false));
        listener.heard().take(line("fetch< PACK ...").as_bytes(), start + Duration::from_secs(40));
        assert_eq!(seconds(&listener, start), 600);
        listener.heard().take(line(&format!("push> {OID} {OID} refs/heads/x")).as_bytes(), start + Duration::from_secs(50));
        assert_eq!((seconds(&listener, start), listener.has_sent()), (650, true));
        assert_eq!(listener.finish().0, b"fatal: half a line\n");
        let glued = Listener::new(&talk("ssh://example.com/a"));
        glued.hear(b"Only for staff");
        glued.hear(line(&format!("push> {OID} {OID} refs/heads/x")).as_bytes());
        assert!(glued.has_sent(), "whoever left a line open hides nothing");
        assert_eq!(glued.finish().0, b"Only for staff\n");
        let cut = Listener::new(&talk("ssh://example.com/a"));
        cut.hear(line(&format!("push> {OID} {OID} refs/heads/x")).trim_end().as_bytes());
        assert_eq!(cut.finish(), (Vec::new(), true), "also the last line counts");
        let unreadable = Listener::new(&talk("https://example.com/a"));
        unreadable.hear(line("who knows").as_bytes());
        assert!(unreadable.has_sent(), "what cannot be read may have been sent");
    }

    #[test]
    fn addresses_over_ssh_are_known() {
        for (url, is) in [
            ("ssh://git@example.com/a", true),
            ("git+ssh://example.com/a", true),
            ("git@example.com:a/b.git", true),
            ("https://example.com/a", false),
            ("../a:b", false),
            ("/srv/a", false),
            ("file:///srv/a", false),
        ] {
            assert_eq!(is_ssh(url), is, "{url}");
        }
    }
}
