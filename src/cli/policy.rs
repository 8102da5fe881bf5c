//! The verb `policy`.

use super::{args, session::Session};
use crate::{
    domain::{Fault, Reason, Result},
    report::Report,
};

pub async fn run(_session: &Session, _args: &args::Policy) -> Result<Report> {
    Err(Fault::new(Reason::Internal, "not built yet"))
}
