//! See `checks/openpgp.rs`.

#![no_main]

#[path = "../checks/openpgp.rs"]
mod openpgp;

libfuzzer_sys::fuzz_target!(|text: &str| openpgp::check(text));
