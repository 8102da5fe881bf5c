//! A read store, for people.

use super::canvas::{Canvas, Cell, Tone, cell, toned};
use crate::{report::shape::SyncShape, sync::condition::Status};

pub fn draw(shape: &SyncShape, canvas: &mut Canvas) {
    canvas.line(&format!("{} for {}", canvas.foreign(&shape.store), shape.channel));
    match &shape.live {
        Some(live) => {
            let counts: Vec<String> = live.counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
            let release = canvas.foreign(&live.release);
            canvas.line(&format!(
                "  live    {release} at {}  snapshot {} ({})  entry {}  since {}",
                canvas.oid(&live.commit),
                live.number,
                counts.join(", "),
                live.serial,
                live.since
            ));
        }
        None => canvas.line("  live    nothing yet"),
    }
    if let Some(rows) = &shape.rows {
        canvas.line(&format!("  rows    {} written, {} ended, {} kept", rows.written, rows.ended, rows.kept));
    }
    if let Some(plan) = &shape.plan {
        let said = if plan.done { "repaired" } else { "repair" };
        canvas.line(&format!("  {said}  {} rows to write, {} to end; {} rows and bodies to remove", plan.write, plan.end, plan.remove));
    }
    if let Some(leader) = &shape.leader {
        canvas.line(&format!("  leader  {} until {}", canvas.foreign(&leader.name), leader.until));
    }
    let rows: Vec<Vec<Cell>> = shape
        .conditions
        .iter()
        .map(|condition| {
            let tone = if condition.status == Status::True { Tone::Good } else { Tone::Bad };
            vec![cell(condition.name), toned(condition.status.word(), tone), cell(condition.reason), cell(&condition.message)]
        })
        .collect();
    canvas.rows(&rows);
}
