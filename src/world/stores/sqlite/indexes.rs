//! The indexes of a file, and the first hydration of all, which is written without them: made from full tables they cost a fraction of what
//! keeping them up row by row does, and of a tree of digests every part would write nearly every page.
//!
//! Nobody reads rows meanwhile: there is no snapshot. A first hydration that is cut off leaves a file without them, whose next hydration is
//! the first again.

use rusqlite::{ErrorCode, Transaction};

/// One to be made: its name, what it is of, and where rows of it must differ, how the later one of two goes.
pub(super) struct Index {
    name: &'static str,
    of: &'static str,
    doubles: Option<&'static str>,
}

pub(super) const ALL: &[Index] = &[
    Index {
        name: "bodies_digest",
        of: "bodies (digest)",
        doubles: Some("DELETE FROM bodies WHERE rowid NOT IN (SELECT min(rowid) FROM bodies GROUP BY digest)"),
    },
    Index {
        name: "artifacts_key",
        of: "artifacts (kind, identity, valid_from)",
        doubles: Some("DELETE FROM artifacts WHERE rowid NOT IN (SELECT min(rowid) FROM artifacts GROUP BY kind, identity, valid_from)"),
    },
    Index { name: "artifacts_from", of: "artifacts (valid_from)", doubles: None },
    Index { name: "artifacts_bucket", of: "artifacts (bucket, valid_from, valid_to)", doubles: None },
    // With what says whether a row is in a snapshot, so that rows with a body are counted without reading rows.
    Index { name: "artifacts_digest", of: "artifacts (digest, valid_from, valid_to)", doubles: None },
];

/// Takes the indexes away where this is the first hydration of all. Whether it is.
pub(super) fn left_out(transaction: &Transaction) -> rusqlite::Result<bool> {
    let is_there = "SELECT 1 FROM artifacts UNION ALL SELECT 1 FROM snapshots WHERE state = 'ready'";
    if transaction.prepare(is_there)?.exists([])? {
        return Ok(false);
    }
    for Index { name, .. } in ALL {
        transaction.execute(&format!("DROP INDEX IF EXISTS {name}"), [])?;
    }
    // No row has them.
    transaction.execute("DELETE FROM bodies", [])?;
    Ok(true)
}

pub(super) fn all(transaction: &Transaction) -> rusqlite::Result<()> {
    ALL.iter().try_for_each(|index| one(transaction, index))
}

pub(super) fn one(transaction: &Transaction, Index { name, of, doubles }: &Index) -> rusqlite::Result<()> {
    let unique = if doubles.is_some() { "UNIQUE" } else { "" };
    let make = format!("CREATE {unique} INDEX IF NOT EXISTS {name} ON {of}");
    match (transaction.execute(&make, []), doubles) {
        (Err(error), Some(doubles)) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation) => {
            transaction.execute(doubles, [])?;
            transaction.execute(&make, []).map(drop)
        }
        (made, _) => made.map(drop),
    }
}
