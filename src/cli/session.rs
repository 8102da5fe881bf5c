//! What every verb is given: the global flags, and the world behind them.

use super::args::Globals;

/// One run of the program.
pub struct Session {
    pub globals: Globals,
}

impl Session {
    pub fn new(globals: Globals) -> Session {
        Session { globals }
    }
}
