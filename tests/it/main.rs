//! The integration tests, as modules of one program: it is linked once, and its threads share the machine. One part runs by
//! its name, `cargo test --test it session::`.
//!
//! All tests share one process, so none may change what belongs to all of it: variables, working folder, panic hook.

mod common;
mod ground;
mod world_support;

mod action;
mod activation;
mod adopting;
mod artifacts;
mod askpass;
mod bad_input;
mod bundle;
mod canary;
mod catalog;
mod census;
mod changes;
mod cli_surface;
mod comments;
mod controller;
mod doctor;
mod endpoints;
mod formats;
mod fuzz;
mod gates;
mod github;
mod hints;
mod history;
mod house;
mod in_process;
mod init;
mod killed;
mod lockdown;
mod machine;
mod openpgp;
mod presets;
mod properties;
mod protocols;
mod race;
mod rehearse;
mod reviews;
mod rulebook;
mod screen;
mod session;
mod set_up;
mod snapshot;
mod stores;
mod sync;
mod templates;
mod trust;
mod verbs;
mod waiting;
mod world_answer;
mod world_git;
mod world_github;
mod world_history;
mod world_http;
mod world_rim;
mod world_ssh;
