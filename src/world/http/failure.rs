//! Why an exchange failed, in fixed words: the messages of the libraries may hold the URL, and with it a secret.

use crate::gate::probe::{Unavailable, why};
use std::{error::Error, io};

/// The reason of a failed exchange.
pub(in crate::world) fn why(error: &reqwest::Error) -> Unavailable {
    let chain = causes(error);
    // Its words name no secret.
    if let Some(tls) = chain.iter().find_map(|error| error.downcast_ref::<rustls::Error>()) {
        return Unavailable::new(why::TLS).detail(tls.to_string());
    }
    if error.is_timeout() {
        return Unavailable::new(why::TIMEOUT);
    }
    if error.is_dns() {
        return Unavailable::new(why::UNREACHABLE).detail("the name does not resolve");
    }
    if error.is_builder() {
        return Unavailable::new(why::BAD_QUESTION);
    }
    let io = chain.iter().rev().find_map(|error| error.downcast_ref::<io::Error>()).map(io::Error::kind);
    let broke = |words: &str| Unavailable::new(why::UNREACHABLE).detail(words.to_owned());
    match io {
        Some(io::ErrorKind::ConnectionRefused) => broke("connection refused"),
        Some(io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted | io::ErrorKind::BrokenPipe) => broke("connection reset"),
        Some(io::ErrorKind::TimedOut) => Unavailable::new(why::TIMEOUT),
        Some(io::ErrorKind::UnexpectedEof) => broke("the connection ended before the answer did"),
        Some(io::ErrorKind::NetworkUnreachable | io::ErrorKind::HostUnreachable) => broke("no route to the host"),
        _ if error.is_connect() => broke("no connection"),
        _ if chain.iter().any(|error| is_parse(&error.to_string())) => Unavailable::new(why::UNREADABLE).detail("the answer is no HTTP"),
        _ => broke("the connection ended before the answer did"),
    }
}

/// The error and what lies behind it. An `io::Error` around another error gives that one's source for its own.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> Vec<&'a (dyn Error + 'static)> {
    let mut causes = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        causes.push(error);
        let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        next = match wrapped {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    causes
}

/// hyper tells parse errors only by their words.
fn is_parse(words: &str) -> bool {
    words.starts_with("invalid HTTP") || words.contains("message head is too large")
}

/// The words of an error that has no URL.
pub(super) fn words(error: &reqwest::Error) -> String {
    let last = causes(error).into_iter().skip(1).last();
    last.map_or_else(|| "no HTTP client can be made".to_owned(), ToString::to_string)
}
