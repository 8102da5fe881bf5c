//! `bundle create` and `bundle diff`. Everything else of a bundle is done as for a snapshot.

use super::{
    Around, Meant,
    args::{BundleCreate, BundleDiff},
    create::{self, As},
};
use crate::{
    artifact::{FileEntry, Label, Snapshot},
    cli::Session,
    domain::{Digest, Fault, Reason, Result},
    report::{
        Report,
        shape::snapshot::{ChangeShape, DiffShape, FieldShape, SnapshotAnswer},
    },
};
use std::collections::BTreeMap;

pub async fn create(session: &Session, args: &BundleCreate) -> Result<Report> {
    let label = Label::new(&args.rail, &args.version, (args.effective_from, args.effective_to));
    let label = label.map_err(|why| Fault::new(Reason::BadUsage, why).help("`tagwarden help bundle create`"))?;
    create::capture(session, &args.capturing, &As::Bundle(label)).await
}

pub async fn diff(session: &Session, args: &BundleDiff) -> Result<Report> {
    let around = Around::of(session, &args.store).await?;
    let store = around.open()?;
    let view = store.view()?;
    let read = |wanted| store.named(&view, &Meant::Bundle.find(&store, &view, wanted)?);
    let (from, to) = (read(&args.from)?, read(&args.to)?);
    let shape = DiffShape { fields: fields(&from, &to), changes: changes(&from, &to), from: from.digest, to: to.digest };
    let reason = if shape.fields.is_empty() && shape.changes.is_empty() { Reason::Passed } else { Reason::Differences };
    Ok(around.report(reason, SnapshotAnswer::Differences(shape)))
}

/// What both say of themselves, as far as it differs.
fn fields(from: &Snapshot, to: &Snapshot) -> Vec<FieldShape> {
    type Said = fn(&Label) -> Option<String>;
    let said: [(&'static str, Said); 4] = [
        ("rail", |label| Some(label.rail.clone())),
        ("version", |label| Some(label.version.clone())),
        ("effective_from", |label| label.effective_from.map(|time| time.to_string())),
        ("effective_to", |label| label.effective_to.map(|time| time.to_string())),
    ];
    let of = |snapshot: &Snapshot, said: Said| snapshot.label.as_ref().and_then(said);
    let fields = said.into_iter().map(|(field, said)| FieldShape { field, from: of(from, said), to: of(to, said) });
    fields.filter(|field| field.from != field.to).collect()
}

/// Files that one has and the other has not, or otherwise. A mode is a part of a file.
fn changes(from: &Snapshot, to: &Snapshot) -> Vec<ChangeShape> {
    let mut sides: BTreeMap<&str, [Option<FileEntry>; 2]> = BTreeMap::new();
    for (at, snapshot) in [from, to].into_iter().enumerate() {
        for (path, file) in snapshot.files.paths().zip(snapshot.files.iter()) {
            sides.entry(path).or_default()[at] = Some(file);
        }
    }
    let digest = |file: Option<FileEntry>| -> Option<Digest> { file.map(|file| file.digest) };
    let changes = sides.into_iter().filter(|(_, [from, to])| from != to).map(|(path, [from, to])| ChangeShape {
        path: path.to_owned(),
        change: match (&from, &to) {
            (None, _) => "added",
            (_, None) => "removed",
            _ => "changed",
        },
        from: digest(from),
        to: digest(to),
    });
    changes.collect()
}
