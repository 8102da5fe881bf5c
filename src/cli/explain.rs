//! The verb `explain`.

use super::args;
use crate::{
    domain::{Fault, Reason, Result},
    report::Report,
};

pub fn run(_args: &args::Explain) -> Result<Report> {
    Err(Fault::new(Reason::Internal, "not built yet"))
}
