//! See `checks/catalog.rs`.

#![no_main]

#[path = "../checks/catalog.rs"]
mod catalog;

libfuzzer_sys::fuzz_target!(|text: &str| catalog::check(text));
