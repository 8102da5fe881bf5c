//! The rulebook against a writer with good keys and raw access to the branch: what the verbs could not write does not count,
//! and stops nobody.
//!
//! [`pushed`] has one test for each thing that could be pushed; [`random`] tries sequences of valid and broken entries, and
//! compares what the verbs' function says with what the branch reads as.

mod forge;
mod hostile;
mod keys;
mod objects;
mod pushed;
mod random;
