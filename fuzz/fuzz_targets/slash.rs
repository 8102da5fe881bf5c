//! See `checks/slash.rs`.

#![no_main]

#[path = "../checks/slash.rs"]
mod slash;

libfuzzer_sys::fuzz_target!(|text: &str| slash::check(text));
