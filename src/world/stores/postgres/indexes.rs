//! The indexes of a schema, and the first hydration of all, which is written without them: made from full tables they cost a fraction of
//! what keeping them up row by row does.
//!
//! Nobody reads rows meanwhile: there is no snapshot. A first hydration that is cut off leaves tables without them, whose next hydration is
//! the first again.

use super::Failed;
use tokio_postgres::{Transaction, error::SqlState};

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
        doubles: Some(
            "DELETE FROM bodies b USING (SELECT digest, min(ctid) AS kept FROM bodies GROUP BY digest HAVING count(*) > 1) d
             WHERE b.digest = d.digest AND b.ctid <> d.kept",
        ),
    },
    Index {
        name: "artifacts_key",
        of: "artifacts (kind, identity, valid_from)",
        doubles: Some(
            "DELETE FROM artifacts a USING (SELECT kind, identity, valid_from, min(ctid) AS kept FROM artifacts
                                            GROUP BY kind, identity, valid_from HAVING count(*) > 1) d
             WHERE a.kind = d.kind AND a.identity = d.identity AND a.valid_from = d.valid_from AND a.ctid <> d.kept",
        ),
    },
    Index { name: "artifacts_from", of: "artifacts (valid_from, digest)", doubles: None },
    Index { name: "artifacts_bucket", of: "artifacts (bucket, valid_from, valid_to)", doubles: None },
    Index { name: "artifacts_digest", of: "artifacts (digest)", doubles: None },
];

/// Takes the indexes away where this is the first hydration of all. Whether it is. Where somebody reads the tables it is not waited for
/// long, and the indexes stay.
pub(super) async fn left_out(transaction: &Transaction<'_>) -> Result<bool, Failed> {
    let is_there = "SELECT EXISTS (SELECT 1 FROM artifacts) OR EXISTS (SELECT 1 FROM snapshots WHERE state = 'ready')";
    if transaction.query_one(is_there, &[]).await?.try_get(0)? {
        return Ok(false);
    }
    let drop: String = ALL.iter().map(|Index { name, .. }| format!("DROP INDEX IF EXISTS {name};")).collect();
    // No row has the bodies that are there.
    let drop = format!("SAVEPOINT whole; SET LOCAL lock_timeout = '1s'; {drop} SET LOCAL lock_timeout = '10s'; DELETE FROM bodies");
    match transaction.batch_execute(&drop).await {
        Ok(()) => Ok(true),
        Err(error) if error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE) => {
            transaction.batch_execute("ROLLBACK TO SAVEPOINT whole").await?;
            Ok(false)
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) fn made(Index { name, of, doubles }: &Index) -> String {
    let unique = if doubles.is_some() { "UNIQUE" } else { "" };
    format!("CREATE {unique} INDEX IF NOT EXISTS {name} ON {of}")
}

pub(super) async fn one(transaction: &Transaction<'_>, index: &Index) -> Result<(), Failed> {
    // Sorting in memory takes half the time; it is for this transaction alone.
    transaction.batch_execute("SET LOCAL maintenance_work_mem = '128MB'; SAVEPOINT whole").await?;
    match (transaction.batch_execute(&made(index)).await, index.doubles) {
        (Err(error), Some(doubles)) if error.code() == Some(&SqlState::UNIQUE_VIOLATION) => {
            transaction.batch_execute(&format!("ROLLBACK TO SAVEPOINT whole; {doubles}; {}", made(index))).await?;
            Ok(())
        }
        (made, _) => Ok(made?),
    }
}
