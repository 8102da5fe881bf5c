//! Reads `gates/` into a [`super::Protocol`], with exact places for everything that is wrong.
