//! `docs check --fix`: what history or the tree proves is written into the documents, then everything is checked again.
//!
//! A document is written whole, and only while it holds what was judged. What is accepted stays as it is. Deliberately
//! absent: guesses. A suggestion that is not proven is for a person.

use super::{Taken, args, drift, gathered, judge};
use crate::{
    cli::Session,
    domain::{Finding, Place, Result},
    lockdown::Fix,
    report::{Report, shape::FixedShape},
    world::files,
};

pub async fn run(session: &Session, args: &args::DocsCheck) -> Result<Report> {
    let gathered = gathered::gather(session, args).await?;
    let mut judged = judge(&gathered, args).await?;
    // So that what is accepted has no fix any more.
    drift::of(&gathered, &mut judged.taken, args)?;
    let mut fixed = Vec::new();
    let mut unfixed = Vec::new();
    for taken in &judged.taken {
        let (text, places) = mended(taken);
        if places == 0 {
            continue;
        }
        let file = &taken.source.file;
        match files::replace(gathered.world.git.dir(), file, taken.source.text.as_bytes(), &text) {
            Ok(()) => fixed.push(FixedShape { file: file.clone(), places }),
            Err(error) => {
                let place = Place { file: file.clone(), line: 1, column: 1, end_column: None, source: None };
                let message = format!("the document was not mended: {error}");
                unfixed.push(Finding::warning("docs/not-mended", message).at(place).help("mend it by hand, or run it again"));
            }
        }
    }
    let report = super::check(session, args, fixed).await?;
    Ok(report.findings(unfixed))
}

/// The text with all its fixes, and how many there were. Of two that touch one another, the first counts.
fn mended(taken: &Taken) -> (String, usize) {
    let mut fixes: Vec<&Fix> = taken.census.problems.iter().filter_map(|problem| problem.fix.as_ref()).collect();
    fixes.sort_by_key(|fix| (fix.range.start, fix.range.end));
    let source = &taken.source.text;
    let mut text = String::with_capacity(source.len());
    let (mut at, mut places) = (0, 0);
    for fix in fixes {
        // A range that cuts a character, or lies in one that was mended, is left alone.
        let Some(before) = source.get(at..fix.range.start) else { continue };
        if source.get(fix.range.clone()).is_none_or(|old| old == fix.with) {
            continue;
        }
        text.push_str(before);
        text.push_str(&fix.with);
        at = fix.range.end;
        places += 1;
    }
    text.push_str(source.get(at..).unwrap_or_default());
    (text, places)
}
