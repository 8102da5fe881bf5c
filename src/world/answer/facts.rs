//! What the run knows of the ledger, given by whoever verified it.

use crate::{
    domain::{ChannelName, Oid, state},
    gate::{
        Unavailable,
        probe::{AcksGot, ChainGot, ChannelRehearsalGot, VerdictsGot},
    },
};
use std::{collections::BTreeMap, collections::BTreeSet};

/// The verified ledger as probes see it.
#[derive(Clone)]
pub struct LedgerFacts {
    pub chain: Result<ChainGot, Unavailable>,
    /// `None` where there is no verified ledger: `chain` says why.
    pub head: Option<Oid>,
    pub verdicts: Vec<state::Verdict>,
    pub acks: Vec<state::Ack>,
    /// At most one of each channel.
    pub rehearsals: Vec<state::Rehearsal>,
    /// The commit that is on each channel.
    pub present: BTreeMap<ChannelName, Oid>,
}

impl LedgerFacts {
    /// Keeps what concerns the candidate. Of what is about other commits, the newest of each person (and gate) stays, where they
    /// said nothing about the candidate: it tells stale from absent.
    pub(super) fn about(self, candidate: Option<&Oid>) -> LedgerFacts {
        let verdicts = kept(self.verdicts, candidate, |verdict| (&verdict.commit, verdict.by.clone(), verdict.serial));
        let acks = kept(self.acks, candidate, |ack| (&ack.candidate, format!("{}\0{}\0{}", ack.gate, ack.channel, ack.by), ack.serial));
        LedgerFacts { verdicts, acks, ..self }
    }

    pub(super) fn verdicts(&self) -> Result<VerdictsGot, Unavailable> {
        Ok(VerdictsGot { head: self.head()?, verdicts: self.verdicts.clone() })
    }

    /// Those on exactly these commits.
    pub(super) fn verdicts_on(&self, commits: &[Oid]) -> Result<VerdictsGot, Unavailable> {
        let verdicts = self.verdicts.iter().filter(|verdict| commits.contains(&verdict.commit)).cloned().collect();
        Ok(VerdictsGot { head: self.head()?, verdicts })
    }

    pub(super) fn acks(&self) -> Result<AcksGot, Unavailable> {
        Ok(AcksGot { head: self.head()?, acks: self.acks.clone() })
    }

    /// The last rehearsal of this channel.
    pub(super) fn rehearsal(&self, channel: &str) -> Result<ChannelRehearsalGot, Unavailable> {
        let last = self.rehearsals.iter().find(|rehearsal| rehearsal.channel.as_str() == channel).cloned();
        Ok(ChannelRehearsalGot { head: self.head()?, present: self.present(channel)?, last })
    }

    /// The commit on this channel. Where there is no ledger yet, nothing is on any.
    pub(super) fn present(&self, channel: &str) -> Result<Option<Oid>, Unavailable> {
        match self.head() {
            Ok(_) => Ok(self.present.iter().find(|(name, _)| name.as_str() == channel).map(|(_, commit)| commit.clone())),
            Err(unavailable) if unavailable.why == "no-ledger" => Ok(None),
            Err(unavailable) => Err(unavailable),
        }
    }

    fn head(&self) -> Result<Oid, Unavailable> {
        match (&self.chain, &self.head) {
            // What a broken chain says proves nothing.
            (Ok(chain), Some(_)) if !chain.problems.is_empty() => Err(Unavailable::new("ledger-broken")),
            (Ok(_), Some(head)) => Ok(head.clone()),
            (Err(unavailable), _) => Err(unavailable.clone()),
            (Ok(_), None) => Err(Unavailable::new("no-ledger")),
        }
    }
}

/// `of` gives the commit that a record is about, who (for what) it is by, and its serial.
fn kept<T>(records: Vec<T>, candidate: Option<&Oid>, of: impl Fn(&T) -> (&Oid, String, u64)) -> Vec<T> {
    let is_ours = |record: &T| Some(of(record).0) == candidate;
    let spoke: BTreeSet<String> = records.iter().filter(|record| is_ours(record)).map(|record| of(record).1).collect();
    let mut newest: BTreeMap<String, u64> = BTreeMap::new();
    for (_, by, serial) in records.iter().map(&of).filter(|(_, by, _)| !spoke.contains(by)) {
        let known = newest.entry(by).or_default();
        *known = serial.max(*known);
    }
    records.into_iter().filter(|record| is_ours(record) || newest.get(&of(record).1) == Some(&of(record).2)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(digit: char) -> Oid {
        digit.to_string().repeat(40).parse().unwrap()
    }

    fn verdict(by: &str, commit: char, serial: u64) -> state::Verdict {
        let time = "2026-11-21T10:00:00Z".parse().unwrap();
        state::Verdict { verdict: "SAFE".to_owned(), commit: oid(commit), by: by.to_owned(), by_right_of: Vec::new(), time, serial }
    }

    fn facts(problems: usize) -> LedgerFacts {
        let problem = crate::domain::Finding::error("ledger/x", "x");
        let chain =
            ChainGot { head: oid('a'), genesis: oid('b'), entries: 9, signing: "none".to_owned(), problems: vec![problem; problems] };
        let verdicts = vec![verdict("a", 'c', 1), verdict("a", 'd', 2), verdict("b", 'd', 3), verdict("b", 'e', 4), verdict("a", 'c', 5)];
        LedgerFacts {
            chain: Ok(chain),
            head: Some(oid('a')),
            verdicts,
            acks: Vec::new(),
            rehearsals: Vec::new(),
            present: BTreeMap::from([("staging".parse().unwrap(), oid('c'))]),
        }
    }

    #[test]
    fn what_concerns_the_candidate_stays_and_otherwise_the_newest() {
        let serials = |candidate: Option<Oid>| {
            let got = facts(0).about(candidate.as_ref()).verdicts().unwrap();
            got.verdicts.iter().map(|verdict| verdict.serial).collect::<Vec<_>>()
        };
        assert_eq!(serials(Some(oid('c'))), [1, 4, 5]);
        assert_eq!(serials(Some(oid('d'))), [2, 3]);
        assert_eq!(serials(None), [4, 5]);
        let on = facts(0).verdicts_on(&[oid('e'), oid('d')]).unwrap();
        assert_eq!(on.verdicts.iter().map(|verdict| verdict.serial).collect::<Vec<_>>(), [2, 3, 4]);
        assert_eq!(facts(1).verdicts_on(&[oid('e')]).unwrap_err().why, "ledger-broken");
    }

    #[test]
    fn nothing_is_read_from_a_ledger_that_does_not_verify() {
        assert_eq!(facts(1).verdicts().unwrap_err().why, "ledger-broken");
        let missing = LedgerFacts { chain: Err(Unavailable::new("no-ledger")), head: None, ..facts(0) };
        assert_eq!(missing.acks().unwrap_err().why, "no-ledger");
        assert_eq!(LedgerFacts { head: None, ..facts(0) }.acks().unwrap_err().why, "no-ledger");
        assert_eq!(facts(0).present("staging").unwrap(), Some(oid('c')));
        assert_eq!(facts(0).present("production").unwrap(), None);
        assert_eq!(facts(1).present("staging").unwrap_err().why, "ledger-broken");
        let unreachable = LedgerFacts { chain: Err(Unavailable::new("unreachable")), head: None, ..facts(0) };
        assert_eq!(unreachable.present("production").unwrap_err().why, "unreachable", "unknown is not nothing");
        assert_eq!(LedgerFacts { head: None, ..facts(0) }.present("production").unwrap(), None);
    }
}
