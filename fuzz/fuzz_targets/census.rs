//! See `checks/census.rs`.

#![no_main]

#[path = "../checks/census.rs"]
mod census;

libfuzzer_sys::fuzz_target!(|text: &str| census::check(text));
