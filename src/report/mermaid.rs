//! The way of a promotion as a flowchart that GitHub draws: the channels in their order, what each is at, and what moved.
//!
//! A label is foreign text: whatever is not a letter, a digit or one of few marks becomes an entity code, so that it can neither end
//! the label nor the fence, nor be a directive. Deliberately absent: anything that can be clicked.

use super::shape::{MoveShape, Waypoint, join_releases};
use std::fmt::Write as _;

/// Mermaid draws no chart that is longer than 50,000 characters; so many channels of so many characters are always shorter.
const MOST: usize = 50;
const LABEL: usize = 400;

/// A fenced flowchart; empty where the channels are more than can be drawn, or none.
pub fn way(shape: &MoveShape) -> String {
    if shape.way.is_empty() || shape.way.len() > MOST {
        return String::new();
    }
    let mut text = "```mermaid\nflowchart LR\n".to_owned();
    for (at, point) in shape.way.iter().enumerate() {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "    c{at}[\"{}<br/>{}\"]", label(point.channel.as_str()), stand(shape, point));
    }
    for (at, point) in shape.way.iter().enumerate() {
        let before = shape.way.iter().position(|other| Some(&other.channel) == point.after.as_ref());
        if let Some(before) = before {
            let _ = writeln!(text, "    c{before} --> c{at}");
        }
    }
    if let Some(at) = shape.way.iter().position(|point| point.channel == shape.channel) {
        let _ = writeln!(text, "    style c{at} stroke-width:4px");
    }
    text.push_str("```\n\n");
    text
}

/// What a channel is at; of the one that the answer is about, also what it was or would be at.
fn stand(shape: &MoveShape, point: &Waypoint) -> String {
    let now = point.release.as_deref().map_or_else(|| "nothing".to_owned(), label);
    let wanted = label(&join_releases(&shape.releases, ", "));
    if point.channel != shape.channel || wanted.is_empty() || now == wanted {
        return now;
    }
    match (shape.dry_run, shape.outputs.moved) {
        (true, _) => format!("{now}, would be {wanted}"),
        (false, true) => format!("{now} → {wanted}"),
        // It stays where it is.
        (false, false) => now,
    }
}

fn label(text: &str) -> String {
    let mut shown = String::new();
    for c in text.chars() {
        if shown.len() >= LABEL {
            return shown + "…";
        }
        match c {
            ' ' | '-' | '.' | ',' | '/' => shown.push(c),
            c if c.is_ascii_alphanumeric() => shown.push(c),
            c if c.is_control() => shown.push('?'),
            c => {
                let _ = write!(shown, "#{};", u32::from(c));
            }
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{report::Body, report::sample, text::markdown};

    fn shape(report: crate::report::Report) -> MoveShape {
        let Body::Move(shape) = report.body else { panic!("a move") };
        *shape
    }

    #[test]
    fn the_way_shows_what_moved() {
        insta::assert_snapshot!(way(&shape(sample::moved())), @r#"
        ```mermaid
        flowchart LR
            c0["staging<br/>web#64;1.4.0"]
            c1["production<br/>web#64;1.3.0 → web#64;1.4.0"]
            c2["demo<br/>nothing"]
            c0 --> c1
            style c1 stroke-width:4px
        ```
        "#);
        let would = way(&shape(sample::dry_run()));
        assert!(would.contains("would be web#64;1.4.0"), "{would}");
        let refused = way(&MoveShape { outputs: crate::report::shape::MoveOutputs::default(), ..shape(sample::moved()) });
        assert!(!refused.contains("→"), "{refused}");
    }

    #[test]
    fn a_label_cannot_leave_its_place() {
        assert_eq!(label("a\"]\n```<b>%%{init}%%"), "a#34;#93;?#96;#96;#96;#60;b#62;#37;#37;#123;init#125;#37;#37;");
        let mut foreign = shape(sample::moved());
        for point in &mut foreign.way {
            point.release = Some(sample::HOSTILE.repeat(20));
        }
        let text = way(&foreign);
        let document = markdown::parse(&text);
        assert_eq!((document.blocks.len(), document.fences.len()), (1, 1), "{text}");
        assert!(document.fences[0].closed && text.lines().count() == 9, "{text}");
        foreign.way = vec![foreign.way[0].clone(); MOST];
        assert!(way(&foreign).len() < 50_000);
        foreign.way.push(foreign.way[0].clone());
        assert_eq!(way(&foreign), "");
    }
}
