//! Rows of a first hydration, sent as the server takes most of them at once.
//!
//! Deliberately absent: rows that may be there already. They are an error here.

use super::{Failed, OPEN, member, signed};
use crate::{
    domain::Digest,
    sync::row::{Body, Row},
};
use tokio_postgres::{
    Transaction,
    binary_copy::BinaryCopyInWriter,
    types::{ToSql, Type},
};

pub(super) async fn bodies(transaction: &Transaction<'_>, bodies: &[(Digest, Body)]) -> Result<(), Failed> {
    let sink = transaction.copy_in("COPY bodies (digest, media_type, body) FROM STDIN BINARY").await?;
    let mut writer = std::pin::pin!(BinaryCopyInWriter::new(sink, &[Type::BYTEA, Type::TEXT, Type::TEXT]));
    for (digest, Body { media_type, text }) in bodies {
        writer.as_mut().write(&[&digest.to_bytes().as_slice(), media_type, text]).await?;
    }
    writer.finish().await?;
    Ok(())
}

pub(super) async fn rows(transaction: &Transaction<'_>, number: u64, rows: &[&Row]) -> Result<(), Failed> {
    const TYPES: &[Type] = &[
        Type::TEXT,
        Type::TEXT,
        Type::INT8,
        Type::INT8,
        Type::INT4,
        Type::TEXT,
        Type::INT8,
        Type::TEXT,
        Type::TEXT,
        Type::BYTEA,
        Type::BYTEA,
    ];
    let columns = "kind, identity, valid_from, valid_to, bucket, uid, generation, version, path, digest, counted";
    let sink = transaction.copy_in(&format!("COPY artifacts ({columns}) FROM STDIN BINARY")).await?;
    let mut writer = std::pin::pin!(BinaryCopyInWriter::new(sink, TYPES));
    for Row { content, uid, generation, .. } in rows {
        let (digest, counted) = (content.digest.to_bytes(), content.counted.to_bytes());
        let (bucket, generation) = (i32::from(member::bucket(&content.key)), signed(*generation));
        let values: [&(dyn ToSql + Sync); 11] = [
            &content.key.kind,
            &content.key.identity,
            &signed(number),
            &OPEN,
            &bucket,
            uid,
            &generation,
            &content.version,
            &content.path,
            &digest.as_slice(),
            &counted.as_slice(),
        ];
        writer.as_mut().write(&values).await?;
    }
    writer.finish().await?;
    Ok(())
}
