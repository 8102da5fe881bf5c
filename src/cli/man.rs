//! The verb `man`: the manual page, made from the command line's own shapes.

use crate::{
    domain::{Fault, Reason, Result},
    report::Report,
};

pub fn run() -> Result<Report> {
    Err(Fault::new(Reason::Internal, "not built yet"))
}
