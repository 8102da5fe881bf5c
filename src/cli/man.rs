//! The verb `man`: one manual page with a section per verb, made from the command line's own shapes.

use super::args::Cli;
use crate::{
    domain::{Fault, Reason, Result},
    report::{Body, Report, TextShape},
};
use clap::{Command, CommandFactory};
use clap_mangen::Man;

pub fn run() -> Result<Report> {
    let text = page().map_err(|error| Fault::new(Reason::Internal, format!("cannot write the manual page: {error}")))?;
    Ok(Report::new(Reason::Passed, Body::Text(TextShape { media_type: "text/troff", ..TextShape::plain(text) })))
}

fn page() -> std::io::Result<String> {
    let mut page = Vec::new();
    let command = Cli::command();
    Man::new(command.clone()).render(&mut page)?;
    for verb in verbs(&command, "tagwarden") {
        let mut section = Vec::new();
        let name = verb.get_bin_name().unwrap_or_default().to_uppercase();
        let man = Man::new(verb);
        man.render_synopsis_section(&mut section)?;
        man.render_description_section(&mut section)?;
        man.render_options_section(&mut section)?;
        page.extend_from_slice(format!(".SH \"{name}\"\n").as_bytes());
        page.extend_from_slice(String::from_utf8_lossy(&section).replace(".SH ", ".SS ").as_bytes());
    }
    Ok(String::from_utf8_lossy(&page).into_owned())
}

/// The verbs, and below a verb that has its own, those instead. Not built yet, so that global flags are not told again.
fn verbs(command: &Command, before: &str) -> Vec<Command> {
    let named = |verb: &Command| verb.clone().bin_name(format!("{before} {}", verb.get_name()));
    let below = |verb: &Command| match verb.has_subcommands() {
        true => verb
            .get_subcommands()
            .map(|verb_of| verb_of.clone().bin_name(format!("{before} {} {}", verb.get_name(), verb_of.get_name())))
            .collect(),
        false => vec![named(verb)],
    };
    command.get_subcommands().flat_map(below).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_has_its_section() {
        let page = page().unwrap();
        for verb in ["PROMOTE", "POLICY ADOPT", "POLICY SHOW", "VERDICT RECORD", "MAN"] {
            assert!(page.contains(&format!(".SH \"TAGWARDEN {verb}\"")), "{verb}");
        }
        assert_eq!(page.matches("no\\-progress").count(), 2, "global flags are told once, in synopsis and options");
        assert!(page.contains("\\-\\-dry\\-run"));
    }
}
