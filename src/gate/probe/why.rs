//! Why a fact could not be had: the slugs of [`super::Unavailable`]. A slug becomes the finding code `<kind>/<slug>`, so each
//! kind that can meet it lists it among its codes.

/// No whole answer within the time limit.
pub const TIMEOUT: &str = "timeout";
/// No connection, or it broke off.
pub const UNREACHABLE: &str = "unreachable";
/// The server could not prove who it is.
pub const TLS: &str = "tls";
/// A redirect led to another host and was not followed.
pub const REDIRECT_ELSEWHERE: &str = "redirect-elsewhere";
/// More redirects than the gate follows.
pub const TOO_MANY_REDIRECTS: &str = "too-many-redirects";
/// The question needs a variable that is not set (or may not be read).
pub const UNSET_VARIABLE: &str = "unset-variable";
/// The question cannot be asked as it stands, for example because a filled-in URL is none.
pub const BAD_QUESTION: &str = "bad-question";
/// There is no such program, or no such thing.
pub const NOT_FOUND: &str = "not-found";
/// Nobody says where the forge is, or with what it may be asked.
pub const NO_FORGE: &str = "no-forge";
/// The forge does not know the token, or the token lacks a permission.
pub const NOT_ALLOWED: &str = "not-allowed";
/// The forge limits how often it is asked.
pub const RATE_LIMITED: &str = "rate-limited";
/// The answer came, but could not be read.
pub const UNREADABLE: &str = "unreadable";
/// A probe that writes, under a verb that does not allow it.
pub const EFFECTS_NOT_ALLOWED: &str = super::EFFECTS_NOT_ALLOWED;
