//! In-toto statements and SSH signatures. Pure.
