//! One finding: its message, its place with the source line and a mark under the exact characters, its help.

use super::{
    super::safe::{visible, visible_in_place},
    canvas::Canvas,
};
use crate::domain::{Finding, Place, Severity};
use annotate_snippets::{AnnotationKind, Group, Level, Origin, Renderer, Snippet};

/// `last`: what the last line of the report advises; a help that says the same is left to it.
pub fn draw(finding: &Finding, last: &str, canvas: &mut Canvas) {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(visible(&finding.message)).id(visible(&finding.code));
    let mut group = Group::with_title(title);
    if let Some(place) = &finding.place {
        let origin = Origin::path(visible(&place.file)).line(place.line as usize).char_column(place.column as usize);
        group = match excerpt(place) {
            Some(excerpt) => {
                let mark = AnnotationKind::Primary.span(excerpt.span);
                group.element(Snippet::source(excerpt.line).path(visible(&place.file)).line_start(place.line as usize).annotation(mark))
            }
            None => group.element(origin),
        };
    }
    // The whole document has no pointer to show.
    let pointer = finding.pointer.as_ref().filter(|pointer| !pointer.is_empty()).map(|pointer| format!("at {}", visible(pointer)));
    let help = finding.help.as_ref().filter(|help| *help != last).map(|help| visible(help));
    if finding.place.is_some() {
        group = group.elements(pointer.as_ref().map(|pointer| Level::NOTE.message(pointer)));
        group = group.elements(help.as_ref().map(|help| Level::HELP.message(help.as_ref())));
    }
    let renderer = if canvas.style.color { Renderer::styled() } else { Renderer::plain() };
    let renderer = match canvas.style.width {
        Some(width) => renderer.term_width(width),
        None => renderer,
    };
    for (at, line) in renderer.render(&[group]).lines().enumerate() {
        match message_in(line) {
            _ if at == 0 => canvas.line(line),
            Some(hanging) => canvas.line_hanging(line, hanging),
            None => canvas.line_as_it_is(line),
        }
    }
    if finding.place.is_none() {
        // Without an excerpt there is no margin to hang them on.
        pointer.into_iter().for_each(|pointer| canvas.line(&format!("  note: {pointer}")));
        help.into_iter().for_each(|help| canvas.line(&format!("  help: {help}")));
    }
    if canvas.style.verbose > 0 {
        finding.output.iter().for_each(|line| canvas.line(&format!("  > {}", visible(line))));
    }
}

/// Where the text begins of a line `= help: ...` below an excerpt.
fn message_in(line: &str) -> Option<usize> {
    let line = anstream::adapter::strip_str(line).to_string();
    let (head, _) = line.split_once(": ")?;
    head.trim_start().starts_with("= ").then(|| head.len() + 2)
}

pub struct Excerpt {
    pub line: String,
    pub span: std::ops::Range<usize>,
}

/// The source line made harmless, with the marked bytes.
pub fn excerpt(place: &Place) -> Option<Excerpt> {
    let line = visible_in_place(place.source.as_ref()?);
    let byte_of = |column: u32| line.char_indices().nth((column.max(1) - 1) as usize).map_or(line.len(), |(at, _)| at);
    let start = byte_of(place.column);
    let end = byte_of(place.end_column.unwrap_or(place.column + 1)).max(start);
    Some(Excerpt { span: start..end, line })
}
