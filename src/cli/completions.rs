//! The verb `completions`.

use super::args;
use crate::{
    domain::{Fault, Reason, Result},
    report::Report,
};

pub fn run(_args: &args::Completions) -> Result<Report> {
    Err(Fault::new(Reason::Internal, "not built yet"))
}
