//! The verb `completions`: a completion script, made from the command line's own shapes.

use super::args::{self, Cli};
use crate::{
    domain::{Fault, Reason, Result},
    report::{Body, Report, TextShape},
};
use clap::CommandFactory;

pub fn run(args: &args::Completions) -> Result<Report> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "tagwarden", &mut script);
    let text = String::from_utf8(script).map_err(|_| Fault::new(Reason::Internal, "the completion script is no UTF-8"))?;
    Ok(Report::new(Reason::Passed, Body::Text(TextShape::plain(text))))
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

    #[test]
    fn every_shell_completes_the_verbs() {
        for shell in clap_complete::Shell::value_variants() {
            let report = run(&args::Completions { shell: *shell }).unwrap();
            let Body::Text(shape) = report.body else { panic!("a text") };
            assert!(shape.text.contains("promote") && shape.text.contains("rehearse"), "{shell}");
        }
    }
}
