//! Configuration artifacts: files that are released by a name, a version and a pointer file instead of a build.
//!
//! An artifact is `kind:id@version`. Where artifacts are is configuration ([`layout`]); which version of each is active is the pointer
//! file ([`pointer`]); what must hold of each is its rail ([`rails`], [`rules`]). [`check`] looks at a whole tree.
//!
//! Everything here is pure: a [`crate::tree::Tree`] comes in, findings come out.
//!
//! Deliberately absent: the commit that activates, which is made with the move ([`crate::release::draft`]).

pub mod activation;
pub mod bumps;
pub mod check;
pub mod diff;
pub mod document;
pub mod history;
pub mod layout;
pub mod pointer;
pub mod rails;
pub mod rules;
pub mod states;

/// The finding codes of catalogs, with their meaning (a sentence without capital and full stop), sorted.
pub const CODES: &[(&str, &str)] = &[
    ("catalog/ambiguous-id", "a flat pointer file names an id that several kinds have"),
    ("catalog/bad-range", "a row is not a range: a bound is not digits, or the end is before the start or of another length"),
    ("catalog/chain", "more references follow one another than the rule allows"),
    ("catalog/changed-after-active", "a commit changes a file of a version that was active before"),
    ("catalog/changed-after-tag", "a commit changes a file of a version that a release tag named before"),
    ("catalog/cycle", "references lead from an artifact back to itself"),
    ("catalog/dangling-reference", "a value names a file, a place in a file, or an artifact that is not there"),
    ("catalog/differs", "two files that must be equal have different bytes"),
    ("catalog/duplicate-artifact", "two files are one artifact: kind, id and version are the same"),
    ("catalog/duplicate-key", "a key, or a column, is there a second time, and readers disagree about which one counts"),
    ("catalog/empty", "the file is empty"),
    ("catalog/empty-kind", "no file is an artifact of this kind, so nothing of it is checked"),
    ("catalog/forbidden-text", "a file says what a rule forbids"),
    ("catalog/inactive-reference", "a value names an artifact, or a version of it, that is not active"),
    ("catalog/link", "a symbolic link or a submodule is where a file should be; links are not followed"),
    ("catalog/lint", "a program of the rail printed that something is wrong"),
    ("catalog/low-bump", "a version steps up less far than what changed in its schemas, or in values that the protocol names, needs"),
    ("catalog/malformed-reference", "a value has none of the forms that the rule knows"),
    ("catalog/missing-artifact", "the pointer file names an artifact or a version that is not there"),
    ("catalog/missing-text", "a file does not say what a rule requires"),
    ("catalog/no-name", "the file does not say its id or its version where the protocol says that it does"),
    ("catalog/no-pointer", "the pointer file that the protocol names is not there"),
    ("catalog/not-its-path", "the file says another id or version than its path"),
    ("catalog/not-mentioned", "a text does not speak of a value that it must name"),
    ("catalog/not-text", "the file is not UTF-8"),
    ("catalog/not-unique", "a value that must be there once is there a second time"),
    ("catalog/overlap", "two ranges overlap in part, or are the same; one inside the other is right"),
    ("catalog/pointer-schema", "the pointer file breaks the schema that it names itself"),
    ("catalog/pointer-shape", "the pointer file does not have the shape that the protocol says, or a version in it is not text"),
    ("catalog/pre-release-active", "a pre-release is named by the pointer file"),
    ("catalog/removed", "a file of a permanent kind is gone since the commit that `--changed-since` names"),
    ("catalog/schema", "the file breaks the JSON Schema of its rail; the rule names the keyword"),
    ("catalog/syntax", "the file is not what its name says: it cannot be read as JSON, YAML, CSV or front matter"),
    ("catalog/too-deep", "the file nests deeper than is read"),
    ("catalog/too-large", "the file is longer, or has more values in it, than is read"),
    ("catalog/too-many", "there are more errors than are shown"),
    ("catalog/undecided", "a rule could not be decided for this file: its program failed, or compared what cannot be compared"),
    ("catalog/unknown-kind", "the pointer file names a kind that the protocol does not have"),
    ("catalog/unknown-rail", "the artifact names no rail, or one that is not there"),
    ("catalog/unreadable-pointer", "the pointer file cannot be read in a commit of its history, so what changed there is not known"),
    ("catalog/unsorted", "a row begins before the one in front of it, and the rule wants them sorted"),
    ("rail/empty", "a folder of a rail has neither a schema nor rules, so it checks nothing"),
    ("rail/schema", "the schema cannot be used: it is malformed, refers to what is not there, or never ends"),
    ("rail/unknown", "a kind names a rail that is not there"),
];
