//! Why Tagwarden refused or stopped: the closed list of reason codes, and the one table of exit codes.
//!
//! A [`Fault`] is the only error type that crosses modules. It names what was refused, the places that show why, and the
//! next command. Outcomes of gates are not faults; they are values (see [`super::outcome`]).

use super::finding::Finding;
use serde::{Deserialize, Serialize};
use std::fmt;

/// The result of anything that can be refused.
pub type Result<T> = std::result::Result<T, Fault>;

macro_rules! reasons {
    ($($variant:ident $slug:literal $exit:literal $about:literal $next:literal;)*) => {
        /// A reason code: closed, stable, and bound to one exit code.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $(#[doc = $about] $variant,)* }

        impl Reason {
            /// Every reason, in the order of the exit codes.
            pub const ALL: &'static [Reason] = &[$(Reason::$variant,)*];

            /// The slug that scripts read.
            pub const fn slug(self) -> &'static str {
                match self { $(Reason::$variant => $slug,)* }
            }

            /// The process exit code.
            pub const fn exit_code(self) -> u8 {
                match self { $(Reason::$variant => $exit,)* }
            }

            /// What it means, in one sentence.
            pub const fn about(self) -> &'static str {
                match self { $(Reason::$variant => $about,)* }
            }

            /// What to do next.
            pub const fn next(self) -> &'static str {
                match self { $(Reason::$variant => $next,)* }
            }
        }
    };
}

reasons! {
    Passed "passed" 0 "Every required gate passed." "Promote: `tagwarden promote RELEASE --channel CHANNEL`.";
    Moved "moved" 0 "The refs moved, together with their ledger entry." "See it: `tagwarden status`.";
    AlreadyThere "already_there" 0 "The channel is at this release already; tag object, evidence and ledger agree." "Nothing to do.";
    NothingToDo "nothing_to_do" 0 "The state already is what was asked for." "Nothing to do.";
    Published "published" 0 "Readers see the release." "See it: `tagwarden sync status`.";
    FollowersFailed "followers_failed" 0 "The refs moved, but a later notification failed." "Repeat the notification; the move stands.";
    GateFailed "gate_failed" 1 "A required gate failed." "Read the finding, mend its cause, run `tagwarden verify --channel CHANNEL`.";
    NothingToCheck "nothing_to_check" 1 "A gate found nothing to check, which proves nothing." "Give the gate something to check, or remove it.";
    Findings "findings" 1 "There are findings at error level." "Read the findings.";
    Differences "differences" 1 "The two sides differ." "Read the differences.";
    LedgerBroken "ledger_broken" 1 "The ledger does not verify." "Run `tagwarden audit`, which names what is wrong.";
    LedgerLost "ledger_lost" 1 "A ledger that is known is not on the remote any more." "Ask who removed it, and push what was seen of it back.";
    StoreBroken "store_broken" 1 "A store of snapshots does not verify." "`tagwarden snapshot verify` names what is wrong.";
    DrillFailed "drill_failed" 1 "The rehearsal failed." "Read the failed step.";
    BadUsage "bad_usage" 2 "The command line is not understood." "Run `tagwarden help`.";
    BadConfig "bad_config" 2 "A configuration file is wrong." "Mend the file at the place shown; `tagwarden schema` prints its shape.";
    UnknownChannel "unknown_channel" 2 "The protocol names no such channel." "`tagwarden status` lists the channels.";
    UnknownRelease "unknown_release" 2 "There is no such release." "Stage it: `tagwarden stage RELEASE --at REV`.";
    UnknownSnapshot "unknown_snapshot" 2 "The store has no such snapshot." "`tagwarden snapshot list` shows what it has.";
    NoRemote "no_remote" 2 "The repository has no such remote." "`git remote add origin URL`, or name another with `--remote`.";
    NoLedger "no_ledger" 2 "The remote has no ledger." "`tagwarden policy adopt --reason REASON` writes its first entry.";
    SignerMissing "signer_missing" 2 "There is no usable signing key." "Set the key that `signing.key` in gates/protocol.yaml names.";
    NoStore "no_store" 2 "There is no read store yet." "`tagwarden sync init` makes it.";
    ForeignStore "foreign_store" 2 "The read store is not one that this program can use here." "Name another one under `sync.store`.";
    NotARepository "not_a_repository" 2 "This is no git repository." "Run inside a clone, or name one with `--repo DIR`.";
    GitTooOld "git_too_old" 2 "git is missing or older than 2.36." "Install a newer git.";
    GateInconclusive "gate_inconclusive" 3 "A fact that a required gate needs could not be had." "Make the fact available and run again.";
    EvidenceExpired "evidence_expired" 3 "Evidence grew older than its gate allows before the move." "Run again.";
    Unreachable "unreachable" 3 "A remote could not be reached or read." "Check network and credentials, then run again.";
    SignatureUnchecked "signature_unchecked" 3 "A signature that decides cannot be checked by this build." "Use a build with the feature `openpgp`, as published ones are.";
    ShallowHistory "shallow_history" 3 "A question about history cannot be answered in a shallow clone." "`git fetch --unshallow`.";
    LedgerUnverifiable "ledger_unverifiable" 3 "The ledger is not here as a whole, so it cannot be verified." "Fetch the whole ledger branch and run again.";
    OutcomeUnknown "outcome_unknown" 3 "A push was sent, and what became of it is not known: it may have moved." "Run the same command again; it will tell.";
    Interrupted "interrupted" 3 "The run was told to end before it was done." "Run again.";
    EffectsNotAllowed "effects_not_allowed" 3 "The gate needs a probe that writes, which plain verify does not do." "Run `tagwarden verify --effects`, or promote.";
    ClockBehind "clock_behind" 3 "The clock is more than five minutes behind the newest ledger entry." "Set the clock.";
    NoResources "no_resources" 3 "This machine failed: no space, file or process is left, or a place cannot be written." "Free or allow what the message names, then run again.";
    NotLeading "not_leading" 4 "Another controller leads on the read store; nothing was published." "`tagwarden sync status` shows until when; run again then.";
    StalePointer "stale_pointer" 4 "Somebody else moved first; nothing was moved." "Look at `tagwarden status`, then run again.";
    RefChanged "ref_changed" 4 "A ref, or the configuration of git, changed between judgement and move; nothing was moved." "Run again.";
    TagConflict "tag_conflict" 4 "A tag of that name exists at another object; nothing was moved." "Choose another version, or look at the tag.";
    Held "held" 4 "A hold forbids this move; nothing was moved." "`tagwarden status` shows the hold; `tagwarden unhold` lifts it.";
    HalfState "half_state" 4 "Ledger and tags disagree; nothing was moved." "`tagwarden doctor` shows it, `tagwarden doctor --fix` mends it.";
    ClaimUsed "claim_used" 4 "This claim was used for another move; nothing was moved." "Use a new claim id.";
    ServerRefused "server_refused" 4 "The server refused the push; nothing was moved." "Read the server's words above.";
    NoAtomic "no_atomic" 4 "The server cannot push atomically; nothing was sent." "Use a server with the atomic capability (`receive.advertiseAtomic`).";
    StoreBusy "store_busy" 4 "Another process writes to this store or folder; nothing was written." "Run again when it is done.";
    SourceChanged "source_changed" 4 "A file changed, or went, while it was captured; nothing was recorded." "Run again when nobody writes to it.";
    PartialMove "partial_move" 4 "The server moved only some refs; what moved alone was taken back where that was possible." "`tagwarden doctor` shows the state.";
    NotPermitted "not_permitted" 5 "The policy gives this actor no right to do this here." "See `tagwarden policy show`.";
    WindowClosed "window_closed" 5 "No window is open for this move now." "Wait until the window opens.";
    ImmutableTag "immutable_tag" 5 "A release tag never moves." "Stage a new version.";
    LowerVersion "lower_version" 5 "A lower version is allowed only as a rollback." "`tagwarden rollback`.";
    VersionReused "version_reused" 5 "This version already names other content." "Stage a new version.";
    NotAfter "not_after" 5 "The release is not on the channel that comes before this one." "Promote it to the earlier channel first.";
    UnreachableCommit "unreachable_commit" 5 "The commit is not reachable from a release branch." "Merge it first.";
    PolicyUnadopted "policy_unadopted" 5 "The committed policy is not the one in force." "`tagwarden policy adopt --reason REASON`.";
    NotPinned "not_pinned" 5 "Nothing outside of the repository says which ledger is meant." "`tagwarden trust OID` with the entry 0 that the first adoption printed, or TAGWARDEN_GENESIS.";
    MovedButUnhealthy "moved_but_unhealthy" 6 "The refs moved, but a gate after the move failed." "Roll back: `tagwarden rollback --channel CHANNEL --reason REASON`.";
    Internal "internal" 70 "A defect in Tagwarden." "Report it with the message above.";
}

impl Reason {
    /// The reason with this slug.
    pub fn parse(slug: &str) -> Option<Reason> {
        Reason::ALL.iter().copied().find(|reason| reason.slug() == slug)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.slug())
    }
}

impl Serialize for Reason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.slug())
    }
}

impl<'de> Deserialize<'de> for Reason {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> std::result::Result<Reason, D::Error> {
        let slug = String::deserialize(deserializer)?;
        Reason::parse(&slug).ok_or_else(|| serde::de::Error::custom(format!("unknown reason code `{slug}`")))
    }
}

/// A refusal: what, why, where, and what to do next.
#[derive(Clone, Debug, PartialEq)]
pub struct Fault {
    pub reason: Reason,
    /// What was refused and why, one sentence without a full stop at the end.
    pub message: String,
    /// The places that show it. May be empty.
    pub findings: Vec<Finding>,
    /// The next command; [`Reason::next`] where absent.
    pub help: Option<String>,
}

impl Fault {
    pub fn new(reason: Reason, message: impl Into<String>) -> Fault {
        Fault { reason, message: message.into(), findings: Vec::new(), help: None }
    }

    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Fault {
        self.help = Some(help.into());
        self
    }

    #[must_use]
    pub fn finding(mut self, finding: Finding) -> Fault {
        self.findings.push(finding);
        self
    }

    #[must_use]
    pub fn findings(mut self, findings: impl IntoIterator<Item = Finding>) -> Fault {
        self.findings.extend(findings);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message, self.reason)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slugs_are_unique_and_read_back() {
        for reason in Reason::ALL {
            assert_eq!(Reason::parse(reason.slug()), Some(*reason));
            assert!(!reason.about().is_empty() && !reason.next().is_empty());
        }
    }
}
