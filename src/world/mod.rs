//! Everything that touches the world: git, HTTP, processes, files, clock, keys.

pub mod output;
