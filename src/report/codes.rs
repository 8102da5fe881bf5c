//! The finding codes that belong to no gate kind, and those that any kind may give. `explain` reads both, and a test
//! demands that every code in the source is known. Codes of broken rules of the ledger are those of
//! [`crate::release::transition`].

use crate::release::transition;

/// Codes outside the gates, with their meaning (a sentence without capital and full stop, as in [`crate::gate::Kind`]),
/// sorted.
pub const CODES: &[(&str, &str)] = &[
    ("apply/not-taken-back", "a ref that moved alone could not be moved back; `tagwarden doctor` shows the state"),
    ("apply/server-said", "the server's own words about a refused push"),
    ("apply/taken-back", "a ref that moved alone was moved back by compare-and-swap"),
    ("comment/conflict", "the command has two flags that exclude each other"),
    ("comment/edited", "the comment of a slash command was changed after it was written"),
    ("comment/fork", "a slash command stands on a pull request whose head is in another repository"),
    ("comment/head-changed", "the head of the pull request changed while the slash command ran"),
    ("comment/hidden-character", "the command holds a character that nobody sees, or that changes the order of the text"),
    ("comment/missing", "the command lacks an argument, or a flag its value"),
    ("comment/no-role", "no role of the policy names who wrote a slash command that does more than show or help"),
    ("comment/no-sha", "the command lacks the full commit id of the release, which the policy asks for"),
    ("comment/not-here", "the program takes this flag, a comment does not"),
    ("comment/place", "a slash command stands where none is carried out"),
    (
        "comment/quotes",
        "quotes or escapes are wrong: a value with a space stands in double quotes, with `\\\"` and `\\\\` as its only escapes",
    ),
    ("comment/several-commands", "the comment holds more than one command"),
    ("comment/too-long", "the comment is longer than 65,536 characters"),
    ("comment/too-old", "a slash command was written longer ago than `comment.max_age` allows"),
    ("comment/twice", "the command has a flag or a value a second time"),
    ("comment/unavailable", "what a slash command rests on could not be read again"),
    ("comment/unexpected", "the command has a value where none belongs"),
    ("comment/unknown-command", "a line of the comment nearly is a command"),
    ("comment/unknown-flag", "the command has no flag of this name"),
    ("comment/unreadable", "the comment's Markdown is not read: its blocks or references lie too deep in one another"),
    ("comment/wrong-value", "a value of the command breaks a rule of its type"),
    ("config/bad-program", "a jq program does not compile"),
    ("config/bad-template", "the text has a placeholder that is not known here, or a brace that does not close"),
    ("config/base-url", "a base URL is absolute (http or https), without user info, query and fragment"),
    ("config/branch", "the word is no name of a branch"),
    ("config/byte-order-mark", "the file starts with a byte order mark"),
    ("config/control-character", "the file holds a control character"),
    ("config/duplicate", "the same thing stands in a list a second time"),
    ("config/duplicate-key", "a key stands in a mapping a second time"),
    ("config/empty", "the file says nothing"),
    ("config/file-name", "a gate file is named `NN-<id>.yaml`"),
    ("config/identity", "the word is no identity such as `ssh:<principal>` or `github:<numeric id>`"),
    ("config/ledger-branch", "the ledger's branch is a release branch, or git could not keep it beside one"),
    ("config/merge-key", "merge keys (`<<`) are not read; write the keys out"),
    ("config/missing-key", "a key that must be there is missing"),
    ("config/no-base-url", "a gate uses `{base_url}` on a channel that has none"),
    ("config/no-body", "the answer to a HEAD request has no body to read"),
    ("config/no-gate", "a channel with a tag has no required gate before the move"),
    ("config/no-kind", "the gate file has no kind key, so the gate asks nothing"),
    ("config/no-path", "a program of `redact` gives values instead of paths"),
    ("config/no-signers", "there is no `allowed_signers`, so no signature could count"),
    ("config/no-such-signer", "an identity `ssh:<principal>` is no signer of `allowed_signers`, so it permits nothing"),
    ("config/no-tag", "a channel comes after one that has no tag, on which nothing can be"),
    ("config/not-utf8", "the file is no UTF-8 text"),
    ("config/nothing-there", "a list that decides something is empty"),
    ("config/order", "a channel comes after itself, or after one that stands further down"),
    ("config/package-needed", "with several packages the channel tag needs `{package}`"),
    ("config/path", "a path is relative to the repository, with `/`, without `..`"),
    ("config/pointer-channel", "a channel with a pointer file has one tag for all artifacts, so its pattern has no `{package}`"),
    (
        "config/pointer-file",
        "the pointer file is where no activation may write: in git's own folder, in the folder of gates, or no file at all",
    ),
    ("config/query", "a jq program over the answers does not compile"),
    ("config/remote", "the word is no name of a remote"),
    ("config/same-id", "two gate files have one id"),
    ("config/same-number", "two gate files have one number, so their order is left open"),
    ("config/several-bodies", "a request has more than one body"),
    ("config/several-commands", "a command has both `run` and `shell`, or a hook both `post` and `run`"),
    ("config/several-documents", "the file holds more than one YAML document"),
    ("config/several-kinds", "the gate file has more than one kind key"),
    ("config/several-methods", "a request has more than one method"),
    ("config/shared-pointer", "several channels have one pointer file, so what is active on one would be active on all"),
    ("config/signing-key", "the words name no key: a path, `env:NAME`, `agent:SHA256:FINGERPRINT` or `none`"),
    ("config/syntax", "the text is no YAML"),
    ("config/tab", "a tab stands where YAML wants spaces"),
    ("config/tag", "YAML tags (`!name`) are not read"),
    ("config/tag-collision", "two tag patterns make one tag name, or a channel tag reads as a release tag"),
    ("config/threshold", "more signatures are asked for than there are signers, or none"),
    ("config/too-big", "the file unfolds to more than a configuration file may be"),
    ("config/too-deep", "the file nests deeper than is read"),
    ("config/too-large", "the file is longer than is read"),
    ("config/two-defaults", "more than one package is the default"),
    ("config/unexpanded", "an argument holds `${...}`, which no shell expands here, or a script a placeholder, which nobody fills in"),
    ("config/unknown-anchor", "an alias names no anchor that stands before it"),
    ("config/unknown-channel", "the protocol names no such channel"),
    ("config/unknown-key", "no key of this name may stand here"),
    ("config/unknown-version", "the version of the format is not known"),
    ("config/unknown-word", "no word of this name may stand here"),
    ("config/verb", "no role can permit this verb: the signers and their threshold decide it"),
    ("config/wrong-type", "another type of value must stand here"),
    ("config/wrong-value", "the value breaks a rule of its key"),
    ("doctor/check", "something that promotions rest on does not hold, or could not be looked at"),
    ("gate/evidence-expired", "the evidence grew older than the gate's `max_age` before the move"),
    ("gate/foreign-evidence", "the evidence was recorded for another gate, channel, commit or policy"),
    ("gate/waiver-does-not-count", "a waiver for this gate, channel and commit is there, and something speaks against it (a note)"),
    ("github/action-placeholder", "a workflow names an action by a commit that has still to be filled in"),
    ("github/action-unpinned", "a workflow names an action by something that can be moved, not by a commit"),
    ("github/app-missing", "the GitHub App that moves is not installed on the repository, is suspended, or is another"),
    ("github/app-permission", "the GitHub App's installation lacks the permission to push"),
    ("github/channel-release", "a release was published for a channel's tag, which an immutable release locks"),
    ("github/environment-missing", "the environment that holds the keys is not there"),
    ("github/environment-open", "the environment that holds the keys is not limited to the default branch"),
    ("github/genesis-missing", "no variable of the repository or the environment says which entry 0 is meant"),
    ("github/genesis-other", "the variable names another entry 0 than the one that is pinned here"),
    ("github/no-workflow", "the repository has no workflow"),
    ("github/permissions-unsaid", "a job runs Tagwarden and does not say what its token may do"),
    ("github/releases-mutable", "published releases can be changed: the repository has no immutable releases"),
    ("github/ruleset-bars-app", "a ruleset forbids the App to move a channel's tag or to write the ledger"),
    ("github/ruleset-missing", "no ruleset forbids what nobody, or nobody but the App, may do to a ref of the protocol"),
    ("github/ruleset-open", "a ruleset of the protocol's refs lets others past"),
    ("github/shallow-checkout", "a job asks Tagwarden about history in a checkout that has none"),
    ("github/token-approves", "a workflow may approve pull requests"),
    ("github/token-writes", "a workflow that says nothing of its permissions may write"),
    ("github/unknown", "a setting of the repository could not be read, so it is not known to be right"),
    ("github/workflow-unreadable", "a workflow cannot be read, so it is not known to be right"),
    ("hold/unknown-release", "a release is held that nobody staged, promoted or tagged yet"),
    ("init/in-the-way", "a file that `init` would write is there already and differs"),
    ("ledger/cannot-rejudge", "a recorded gate cannot be judged again: an object is missing, or the kind is not known"),
    ("ledger/cut-back", "a channel tag says that it was made by an entry beyond the end of the ledger"),
    ("ledger/fork", "two valid entries follow the same one, and nothing says which counts"),
    ("ledger/head-lost", "the ledger does not hold the head that was remembered: it was cut off or replaced, or it is another ledger"),
    ("ledger/no-genesis", "the ledger branch has no valid first entry"),
    ("ledger/other-activation", "the commit of an activation changes more than the pointer file, or not to its releases"),
    ("ledger/other-documents", "the documents of the candidate are not those whose digest the entry has"),
    ("ledger/other-genesis", "the ledger's first entry is not the one that is pinned outside the repository"),
    ("ledger/other-verdict", "judged again, the recorded evidence gives another verdict"),
    ("ledger/passed-by", "an entry was valid where it was written, and others took its place"),
    ("policy/nobody-adopts", "under this policy too few signers count for another adoption"),
    ("policy/nobody-promotes", "under this policy nobody could promote to any channel"),
    ("policy/signature-again", "a co-signature of a signer who is counted already does not count again"),
    ("policy/signature-refused", "a co-signature does not verify, or is not a signer's"),
    ("policy/tag-before-ledger", "a channel's tag is on the remote, and no ledger tells of it"),
    ("signers/cert-authority", "certificates of an authority are not supported in `allowed_signers`"),
    ("signers/empty", "`allowed_signers` names no signer"),
    ("signers/key", "a line of `allowed_signers` holds no key that can be read"),
    ("signers/malformed", "a line of `allowed_signers`, or a file of `openpgp/`, is not understood"),
    ("signers/option", "a line of `allowed_signers` has an option that is not supported"),
    ("signers/principal", "a line of `allowed_signers`, or the name of a file of `openpgp/`, has no lawful principal"),
    ("signers/private-key", "a file of `openpgp/` holds a private key, which whoever can read the repository has now"),
    ("signers/two-names", "one key stands under two principals, or twice in `openpgp/`"),
    ("signers/unread", "this build cannot read the keys of `openpgp/`, so what they signed is neither good nor bad to it"),
    ("signers/unusable", "the OpenPGP keys of a person are revoked or may not sign, so nothing that they signed counts"),
    ("status/pointer-moved", "the branch of a pointer file on the remote is not at the commit that the ledger records"),
    ("status/release-tag-missing", "a release tag that the ledger records is not on the remote"),
    ("status/release-tag-moved", "a release tag on the remote is not the object that the ledger records"),
    ("status/tag-missing", "a channel tag that the ledger records is not on the remote"),
    ("status/tag-moved", "a channel tag on the remote is not the object that the ledger records"),
    ("status/tag-without-entry", "a channel tag is on the remote, but no ledger entry moved it there"),
    ("status/unhealthy", "gates after the move that brought a channel where it is did not all pass"),
];

/// What any kind of gate may find where a fact could not be had, as `<kind>/<what>`, sorted.
pub const ANY_KIND: &[(&str, &str)] = &[
    ("effects-not-allowed", "the gate needs a probe that writes, which plain verify does not do; allow it with `--effects`"),
    ("nothing-to-check", "the gate found nothing to check, which proves nothing"),
    ("timeout", "the answer did not come in time"),
    ("unreadable", "there was an answer, but it could not be read"),
];

/// The meaning of a code outside the gates; of a rule of the ledger, what holds where it is kept.
pub fn meaning(code: &str) -> Option<&'static str> {
    find(CODES, code).or_else(|| transition::rule(code).map(|rule| rule.about))
}

/// The meaning of a code that any kind may give, by its part after the slash.
pub fn meaning_in_any_kind(what: &str) -> Option<&'static str> {
    find(ANY_KIND, what)
}

fn find(table: &[(&'static str, &'static str)], wanted: &str) -> Option<&'static str> {
    table.iter().find(|(code, _)| *code == wanted).map(|(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_sorted_and_say_something() {
        for table in [CODES, ANY_KIND] {
            assert!(table.is_sorted_by(|one, two| one.0 < two.0), "sorted, no code twice");
            assert!(table.iter().all(|(_, meaning)| !meaning.is_empty() && !meaning.ends_with('.')), "one sentence without its full stop");
        }
        let slug = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
        assert!(CODES.iter().all(|(code, _)| code.split_once('/').is_some_and(|(kind, what)| slug(kind) && slug(what))));
        assert!(ANY_KIND.iter().all(|(what, _)| slug(what)));
    }
}
