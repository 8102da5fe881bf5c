//! See `checks/lock.rs`.

#![no_main]

#[path = "../checks/lock.rs"]
mod lock;

libfuzzer_sys::fuzz_target!(|text: &str| lock::check(text));
