//! Whether it was the machine that failed: no space, no file or process left, a place that cannot be written.
//!
//! Told by the system's own words for its errors. git and ssh-keygen hand on nothing else, and run with `LC_ALL=C` here, so
//! that these words are one closed list; an error of this process shows the same words. Deliberately absent: which resource it
//! was, since the message quotes the words, and any attempt to free something.

use crate::domain::Reason;
use std::{fmt::Display, io};

/// As GNU, musl and Apple's libraries say ENOSPC, EDQUOT, EFBIG, EROFS, EMFILE, ENFILE, EAGAIN and ENOMEM.
const WORDS: &[&str] = &[
    "No space left on device",
    "Disk quota exceeded",
    "Disc quota exceeded",
    "Quota exceeded",
    "File too large",
    "Read-only file system",
    "Too many open files",
    "No file descriptors available",
    "Resource temporarily unavailable",
    "Cannot allocate memory",
    "Out of memory",
];

/// `no_resources` where these words name a failure of the machine, else `otherwise`. What the other side of a connection said
/// of its own machine must not be among them.
pub fn reason(why: &dyn Display, otherwise: Reason) -> Reason {
    let why = why.to_string();
    if WORDS.iter().any(|words| why.contains(words)) { Reason::NoResources } else { otherwise }
}

/// The same for a file or folder that could not be written, where a permission that is missing is such a failure too.
pub fn unwritten(error: &io::Error, otherwise: Reason) -> Reason {
    if error.kind() == io::ErrorKind::PermissionDenied { Reason::NoResources } else { reason(error, otherwise) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::io::Errno;

    #[test]
    fn the_errors_of_this_system_are_known() {
        let errors = [Errno::NOSPC, Errno::DQUOT, Errno::FBIG, Errno::ROFS, Errno::MFILE, Errno::NFILE, Errno::AGAIN, Errno::NOMEM];
        for errno in errors {
            assert_eq!(reason(&io::Error::from(errno), Reason::Internal), Reason::NoResources, "{errno}");
        }
        for errno in [Errno::NOENT, Errno::ACCESS, Errno::PIPE, Errno::CONNREFUSED] {
            assert_eq!(reason(&io::Error::from(errno), Reason::Internal), Reason::Internal, "{errno}");
        }
        assert_eq!(unwritten(&io::Error::from(Errno::ACCESS), Reason::BadUsage), Reason::NoResources);
        assert_eq!(unwritten(&io::Error::from(Errno::NOENT), Reason::BadUsage), Reason::BadUsage);
    }
}
