//! The verb `docs lock`, and how the lock is written: over itself or where nothing stands, whole or not at all.
//!
//! A document that is wrong is not locked: it is mended, or what is wrong is accepted, first.

use super::{
    Judged, Taken, args,
    gathered::{self, Gathered},
};
use crate::{
    cli::Session,
    domain::{Fault, Finding, Reason, Result, Severity},
    lockdown::lock::{
        self, Lock,
        compare::{self, Seen},
        watch::Watcher,
    },
    report::{Body, DocsShape, Report, shape::LockShape},
    tree::Unreadable,
    world::{files, machine},
};

pub async fn run(session: &Session, facts: &args::DocsFacts) -> Result<Report> {
    let args = documents(facts);
    let gathered = gathered::gather(session, &args).await?;
    let mut judged = super::judge(&gathered, &args).await?;
    let file = Present::of(&gathered)?;
    let accepted = accept(&file.lock, &mut judged);
    let (lock, how) = compare::renew(&file.lock, &seen(&gathered, &judged.taken)?);
    let mut findings = judged.take_findings();
    findings.extend(gathered.facts.pulls.unread_findings());
    let shape = super::shape(&mut judged.taken, false).with_accepted(accepted);
    let unread = judged.unread.take();
    let mut told = LockShape {
        file: file.path.clone(),
        written: false,
        rows: lock.rows.len(),
        added: how.added,
        removed: how.removed,
        changed: how.changed,
        accepted: 0,
    };
    if findings.iter().any(|finding| finding.severity == Severity::Error) {
        let body = Body::Docs(Box::new(shape));
        let report = Report::new(Reason::Findings, body).findings(findings).notice("the lock was not written");
        let report = unread.into_iter().fold(report, Report::notice);
        return Ok(gathered.signed(report).next("Mend the documents, or `tagwarden docs accept TARGET --kind KIND --reason TEXT`."));
    }
    told.written = file.write(&gathered, &lock)?;
    let (reason, next) = match told.written {
        true => (Reason::Passed, format!("Review the change of {}, and commit it with the documents.", file.path)),
        false => (Reason::NothingToDo, "Nothing to do.".to_owned()),
    };
    let body = Body::Docs(Box::new(DocsShape { lock: Some(told), ..shape }));
    let mut report = Report::new(reason, body).findings(findings).next(next);
    if let Some(wrong) = file.wrong.filter(|_| reason == Reason::Passed) {
        report = report.notice(format!("{wrong}: it was written anew, with what could be read of it"));
    }
    if how.settled > 0 {
        report = report.notice(format!("{} acceptance(s) went: what they speak of holds or is gone", how.settled));
    }
    Ok(gathered.signed(report))
}

/// All declared documents, with these facts.
pub fn documents(facts: &args::DocsFacts) -> args::DocsCheck {
    args::DocsCheck { facts: facts.clone(), ..args::DocsCheck::default() }
}

/// Turns what is accepted into notes; how many references that are.
pub fn accept(lock: &Lock, judged: &mut Judged) -> usize {
    judged.taken.iter_mut().map(|taken| compare::accept(lock, &taken.source.file, &mut taken.census)).sum()
}

pub fn seen<'t>(gathered: &Gathered, taken: &'t [Taken]) -> Result<Vec<Seen<'t>>> {
    let mut watcher = Watcher::new(gathered.tree.as_ref());
    let seen: std::result::Result<Vec<Seen>, Unreadable> =
        taken.iter().map(|taken| Seen::new(&mut watcher, &taken.source, &taken.census)).collect();
    seen.map_err(gathered::unreadable)
}

/// The lock as it is in the work tree.
pub struct Present {
    pub path: String,
    /// `None`: there is no such file.
    bytes: Option<Vec<u8>>,
    /// What can be read of it.
    pub lock: Lock,
    /// What is wrong with it.
    wrong: Option<String>,
}

impl Present {
    /// Faults: `bad_config` where something else stands in its place.
    pub fn of(gathered: &Gathered) -> Result<Present> {
        let path = gathered.named_lock().unwrap_or(lock::FILE).to_owned();
        let bytes = gathered.tree.read(&path).map_err(gathered::unreadable)?;
        let Some(text) = bytes.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned()) else {
            return Ok(Present { path, bytes: None, lock: Lock::default(), wrong: None });
        };
        let wrong = Lock::read(&path, &text).err().and_then(|findings| findings.first().map(said));
        let lock = Lock::salvage(&path, &text).map_err(|findings| {
            let fault = Fault::new(Reason::BadConfig, format!("{path} is not overwritten: it is no lock that this program wrote"));
            fault.findings(findings)
        })?;
        Ok(Present { path, bytes, lock, wrong })
    }

    /// Writes the lock if it is another one; whether it did.
    pub fn write(&self, gathered: &Gathered, lock: &Lock) -> Result<bool> {
        let text = lock.text();
        let root = gathered.world.git.dir();
        let written = match &self.bytes {
            // A checkout may have turned its line ends.
            Some(bytes) if String::from_utf8_lossy(bytes).replace("\r\n", "\n") == text => return Ok(false),
            Some(bytes) => files::replace(root, &self.path, bytes, &text),
            None => match files::compare(root, &self.path, &text) {
                Ok(files::Found::Nothing) => files::write_new(root, &self.path, &text),
                Ok(files::Found::Same) => Err(std::io::Error::other("is there already, but git ignores it")),
                Ok(files::Found::Other(why)) => Err(std::io::Error::other(why)),
                Err(error) => Err(error),
            },
        };
        written.map(|()| true).map_err(|error| {
            let reason = machine::unwritten(&error, Reason::BadUsage);
            let fault = Fault::new(reason, format!("the lock `{}` was not written: {error}", self.path));
            fault.help("look at what stands there, or name another file under `lock` in gates/protocol.yaml")
        })
    }
}

/// `file:line: message`
fn said(finding: &Finding) -> String {
    let place = finding.place.as_ref().map(|place| format!("{}:{}: ", place.file, place.line));
    place.unwrap_or_default() + &finding.message
}
