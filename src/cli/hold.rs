//! The verbs `hold` and `unhold`.

use super::{args, session::Session};
use crate::{
    domain::{Fault, Reason, Result},
    report::Report,
};

pub async fn hold(_session: &Session, _args: &args::Hold) -> Result<Report> {
    Err(Fault::new(Reason::Internal, "not built yet"))
}

pub async fn unhold(_session: &Session, _args: &args::Hold) -> Result<Report> {
    Err(Fault::new(Reason::Internal, "not built yet"))
}
