//! Stores of snapshots, for people.

use super::canvas::{Canvas, Tone, cell, toned};
use crate::{
    artifact::{Label, files::counted},
    domain::Digest,
    report::shape::snapshot::{Info, Listed, SnapshotAnswer, SnapshotShape},
};

pub fn draw(shape: &SnapshotShape, canvas: &mut Canvas) {
    match &shape.what {
        SnapshotAnswer::Created(made) => {
            let tags = if made.tags.is_empty() { String::new() } else { format!(" as {}", made.tags.join(", ")) };
            let new = if made.new { "captured" } else { "captured before" };
            let line = format!("{new}: {} of {}{tags}", short(&made.digest, canvas), canvas.foreign(&made.source));
            canvas.line(&line);
            canvas.line(&format!("  {}, {}, event {}", files(made.files as u64), bytes(made.bytes), made.serial));
            if let Some(label) = &made.bundle {
                canvas.line(&format!("  {}", said(label)));
            }
            if made.artifacts > 0 {
                let artifacts = if made.artifacts == 1 { "1 artifact".to_owned() } else { format!("{} artifacts", made.artifacts) };
                canvas.line(&format!("  {artifacts} validated"));
            }
        }
        SnapshotAnswer::List { snapshots } => {
            canvas.line(&format!("{} in {}", snapshots_of(snapshots.len()), canvas.foreign(&shape.store)));
            rows_of(snapshots, canvas);
        }
        SnapshotAnswer::Bundles { bundles } => {
            let count = if bundles.len() == 1 { "1 bundle".to_owned() } else { format!("{} bundles", bundles.len()) };
            canvas.line(&format!("{count} in {}", canvas.foreign(&shape.store)));
            rows_of(bundles, canvas);
        }
        SnapshotAnswer::Info(info) => {
            let what = if info.listed.bundle.is_some() { "bundle" } else { "snapshot" };
            canvas.line(&format!("{what} {}", info.listed.digest));
            facts(info, canvas);
            let rows: Vec<_> = info
                .contents
                .iter()
                .take(if canvas.style.verbose > 0 { usize::MAX } else { MOST_FILES })
                .map(|file| vec![cell(&file.mode), cell(bytes(file.size)), cell(short(&file.digest, canvas)), cell(&file.path)])
                .collect();
            let rest = info.contents.len() - rows.len();
            canvas.rows(&rows);
            if rest > 0 {
                canvas.line(&format!("  and {rest} more; `-v` shows them all"));
            }
        }
        SnapshotAnswer::Verified(verified) => {
            let what = format!("{}, {}, {}", snapshots_of(verified.verified), files(verified.files as u64), bytes(verified.bytes));
            canvas.line(&format!("{what} in {}", canvas.foreign(&shape.store)));
            for signers in verified.signed.iter().flatten().filter(|signers| !signers.people.is_empty()) {
                canvas.line(&format!("  {} signed by {}", short(&signers.digest, canvas), canvas.foreign(&signers.people.join(", "))));
            }
            for bundle in &verified.bundles {
                canvas.line(&format!("  {} is {}, {}", short(&bundle.digest, canvas), canvas.foreign(&said(&bundle.bundle)), bundle.phase));
            }
            if let (Some(events), Some(head)) = (verified.events, &verified.head) {
                canvas.line(&format!("  events: {events}, head {head}"));
            }
        }
        SnapshotAnswer::Signed(signed) => {
            canvas.line(&format!("signed: {} by {}", short(&signed.digest, canvas), canvas.foreign(&signed.signer)));
            canvas.line(&format!("  with key {}; {} signed it", signed.fingerprint, people(signed.people)));
        }
        SnapshotAnswer::Differences(diff) => {
            canvas.line(&format!("from {} to {}", short(&diff.from, canvas), short(&diff.to, canvas)));
            let none = || "none".to_owned();
            let said = |side: &Option<String>| side.clone().unwrap_or_else(none);
            let fields = diff.fields.iter().map(|field| vec![cell(field.field), cell(said(&field.from)), cell(said(&field.to))]);
            let digest = |side: &Option<Digest>| side.as_ref().map_or_else(none, |digest| short(digest, canvas));
            let changes = diff.changes.iter();
            let files =
                changes.map(|file| vec![cell(format!("{} {}", file.change, file.path)), cell(digest(&file.from)), cell(digest(&file.to))]);
            let rows: Vec<_> = fields.chain(files).collect();
            canvas.rows(&rows);
        }
        SnapshotAnswer::Restored(restored) => {
            let (digest, target) = (short(&restored.digest, canvas), canvas.foreign(&restored.target));
            let what = if restored.undone { "taken back" } else { "restored" };
            canvas.line(&format!("{what}: {digest} to {target}"));
            canvas.line(&format!("  {} of {} written", restored.written, files(restored.files as u64)));
            if let Some(previous) = &restored.previous {
                canvas.line(&format!("  what was there before: {}", short(previous, canvas)));
            }
        }
        SnapshotAnswer::Rehearsed(rehearsed) => {
            canvas.line(&format!("rehearsed: a restore of {}", short(&rehearsed.digest, canvas)));
            let rows = rehearsed.criteria.iter().map(|criterion| {
                let (word, tone) = if criterion.held { ("held", Tone::Good) } else { ("failed", Tone::Bad) };
                vec![toned(word, tone), cell(criterion.name), cell(canvas.foreign(&criterion.detail))]
            });
            let rows: Vec<_> = rows.collect();
            canvas.rows(&rows);
        }
        SnapshotAnswer::Status(status) => {
            canvas.line(&format!("{} in {}", snapshots_of(status.snapshots), canvas.foreign(&shape.store)));
            let ago = |time: Option<crate::domain::Timestamp>, age: Option<u64>| match (time, age) {
                (Some(time), Some(age)) => format!("{time}, {} ago", span(age)),
                _ => "never".to_owned(),
            };
            let found = status.verified_findings.filter(|findings| *findings > 0).map(|findings| format!(", {findings} findings"));
            let rows = [
                ("captured", ago(status.newest, status.age_seconds)),
                ("verified", ago(status.verified, status.verified_age_seconds) + &found.unwrap_or_default()),
                (
                    "rehearsed",
                    ago(status.rehearsed, status.rehearsed_age_seconds)
                        + if status.rehearsal_passed == Some(false) { ", and failed" } else { "" },
                ),
                ("captured bytes", status.bytes.map_or_else(|| "unknown: the log does not verify".to_owned(), bytes)),
                ("events", status.events.to_string()),
            ];
            let rows: Vec<_> = rows.into_iter().map(|(name, value)| vec![toned(name, Tone::Dim), cell(value)]).collect();
            canvas.rows(&rows);
            let rows: Vec<_> = status
                .sources
                .iter()
                .map(|source| {
                    vec![cell(short(&source.digest, canvas)), cell(format!("{} ago", span(source.age_seconds))), cell(&source.source)]
                })
                .collect();
            canvas.rows(&rows);
        }
        SnapshotAnswer::Pruned(pruned) => {
            let planned = if pruned.dry_run { " (dry run)" } else { "" };
            canvas.line(&format!("prune {}{planned}", canvas.foreign(&shape.store)));
            let gone = pruned.pruned.iter().map(|digest| vec![toned("gone", Tone::Bad), cell(short(digest, canvas)), cell("")]);
            let kept = pruned.kept.iter().map(|kept| vec![cell("kept"), cell(short(&kept.digest, canvas)), toned(kept.because, Tone::Dim)]);
            let rows: Vec<_> = gone.chain(kept).collect();
            canvas.rows(&rows);
            match pruned.blobs {
                Some(blobs) => canvas.line(&format!("  {blobs} blobs that nothing names, {}", bytes(pruned.freed))),
                None => canvas.line("  no blob was removed: something of another program cannot be read"),
            }
        }
    }
}

/// Files that are shown where not all are asked for.
const MOST_FILES: usize = 50;

/// What is known of each without reading its manifest.
fn rows_of(listed: &[Listed], canvas: &mut Canvas) {
    let rows = listed.iter().map(|listed| {
        let phase = listed.phase.map(|phase| format!(" ({phase})")).unwrap_or_default();
        vec![
            cell(short(&listed.digest, canvas)),
            cell(listed.captured.map(|time| time.to_string()).unwrap_or_else(|| "not recorded".to_owned())),
            cell(listed.files.map(files).unwrap_or_default()),
            cell(listed.bytes.map(bytes).unwrap_or_default()),
            cell(listed.bundle.as_ref().map(|label| format!("{label}{phase}")).or_else(|| listed.source.clone()).unwrap_or_default()),
            toned(listed.tags.join(", "), Tone::Good),
        ]
    });
    let rows: Vec<_> = rows.collect();
    canvas.rows(&rows);
}

/// A bundle's name and window.
fn said(label: &Label) -> String {
    let from = label.effective_from.map(|time| format!(", in force from {time}")).unwrap_or_default();
    let to = label.effective_to.map(|time| format!(", not any more from {time}")).unwrap_or_default();
    format!("{label}{from}{to}")
}

fn facts(info: &Info, canvas: &mut Canvas) {
    let listed = &info.listed;
    let time = |time: Option<crate::domain::Timestamp>| time.map(|time| time.to_string());
    let number = |number: Option<u64>, say: fn(u64) -> String| number.map(say);
    let signed = info.signed.as_ref().filter(|people| !people.is_empty()).map(|people| people.join(", "));
    let rows = [
        ("bundle", listed.bundle.as_ref().map(said)),
        ("now", listed.phase.map(str::to_owned)),
        ("signed by", signed),
        ("captured", time(listed.captured)),
        ("first", time(listed.first).filter(|_| listed.first != listed.captured)),
        ("by", listed.actor.clone()),
        ("source", listed.source.clone()),
        ("commit", listed.commit.clone()),
        ("channel", listed.channel.clone()),
        ("files", number(listed.files, |files| files.to_string())),
        ("bytes", number(listed.bytes, bytes)),
        ("reason", listed.reason.clone()),
        ("tags", (!listed.tags.is_empty()).then(|| listed.tags.join(", "))),
    ];
    let rows: Vec<_> = rows.into_iter().filter_map(|(name, value)| Some(vec![toned(name, Tone::Dim), cell(value?)])).collect();
    canvas.rows(&rows);
}

fn short(digest: &Digest, canvas: &Canvas) -> String {
    if canvas.style.verbose > 0 { digest.hex().to_owned() } else { digest.hex()[..12].to_owned() }
}

fn snapshots_of(count: usize) -> String {
    if count == 1 { "1 snapshot".to_owned() } else { format!("{count} snapshots") }
}

fn people(count: usize) -> String {
    if count == 1 { "1 listed person".to_owned() } else { format!("{count} listed people") }
}

fn files(count: u64) -> String {
    counted(count as usize)
}

fn bytes(count: u64) -> String {
    match count {
        0..1024 => format!("{count} B"),
        1024..1_048_576 => format!("{}.{} KiB", count / 1024, count % 1024 * 10 / 1024),
        1_048_576..1_073_741_824 => format!("{}.{} MiB", count >> 20, ((count % (1 << 20)) * 10) >> 20),
        _ => format!("{}.{} GiB", count >> 30, ((count % (1 << 30)) * 10) >> 30),
    }
}

fn span(seconds: u64) -> String {
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}
