//! The tar that holds the files of a large snapshot: POSIX ustar, with a pax header where a name or a size does not fit.
//!
//! Its bytes follow from the list of files alone: sorted, owner and group 0, time 0, one closing pair of blocks. So it is never
//! unpacked by what it says: whoever reads it knows from the list where each file is and which header stands before it, and anything
//! else is refused. A tar that unfolds to more than its list says cannot be expressed.

use super::{Files, files::FileEntry};

const BLOCK: u64 = 512;

/// The largest size that the field of the header holds.
const LARGEST: u64 = 0o77_777_777_777;

/// The closing blocks.
pub const END: [u8; 1024] = [0; 1024];

/// What stands before the bytes of a file.
pub fn header(file: &FileEntry) -> Vec<u8> {
    let mut records = Vec::new();
    let place = place(&file.path);
    if place.is_none() {
        records.extend(record("path", &file.path));
    }
    if file.size > LARGEST {
        records.extend(record("size", &file.size.to_string()));
    }
    let mut header = Vec::new();
    if !records.is_empty() {
        header.extend(block(("", "PaxHeader"), 0o644, records.len() as u64, b'x'));
        records.resize(records.len() + padding(records.len() as u64), 0);
        header.extend(records);
    }
    let size = if file.size > LARGEST { 0 } else { file.size };
    header.extend(block(place.unwrap_or(("", "long")), file.mode.bits(), size, b'0'));
    header
}

/// How many zeros stand behind so many bytes.
pub fn padding(size: u64) -> usize {
    ((BLOCK - size % BLOCK) % BLOCK) as usize
}

/// The length of the whole tar.
pub fn length(files: &Files) -> u64 {
    let one = |file: FileEntry| (header(&file).len() as u64).saturating_add(file.size).saturating_add(padding(file.size) as u64);
    files.iter().fold(END.len() as u64, |sum, file| sum.saturating_add(one(file)))
}

/// Prefix and name, where the header holds them and every program agrees on their bytes.
fn place(path: &str) -> Option<(&str, &str)> {
    if !path.is_ascii() {
        return None;
    }
    if path.len() <= 100 {
        return Some(("", path));
    }
    let fits = |(at, _): &(usize, &str)| *at <= 155 && path.len() - at - 1 <= 100;
    let (at, _) = path.match_indices('/').find(fits)?;
    Some((&path[..at], &path[at + 1..]))
}

/// `LENGTH KEY=VALUE\n`, where the length counts its own digits.
fn record(key: &str, value: &str) -> Vec<u8> {
    let rest = key.len() + value.len() + 3;
    let digits = |length: usize| length.to_string().len();
    let mut length = rest + digits(rest);
    if rest + digits(length) != length {
        length = rest + digits(length);
    }
    format!("{length} {key}={value}\n").into_bytes()
}

fn block((prefix, name): (&str, &str), mode: u32, size: u64, kind: u8) -> [u8; BLOCK as usize] {
    let mut block = [0; BLOCK as usize];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, format!("{mode:07o}").as_bytes());
    put(108, b"0000000");
    put(116, b"0000000");
    put(124, format!("{size:011o}").as_bytes());
    put(136, b"00000000000");
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    put(345, prefix.as_bytes());
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{artifact::files::Mode, domain::Digest};

    fn file(path: &str, size: u64) -> FileEntry {
        FileEntry { path: path.to_owned(), mode: Mode::FILE, size, digest: Digest::of(b"") }
    }

    #[test]
    fn names_stand_where_they_fit() {
        let long = format!("{}/{}", "a".repeat(120), "b".repeat(90));
        assert_eq!(place("a/b"), Some(("", "a/b")));
        assert_eq!(place(&long), Some((&long[..120], &long[121..])));
        assert_eq!((place(&"x".repeat(101)), place("ä")), (None, None));
        for (path, length) in [("a/b", 512), (long.as_str(), 512), ("ä", 1536), (&"x".repeat(101), 1536), (&"x".repeat(510), 2048)] {
            assert_eq!(header(&file(path, 0)).len(), length, "{path}");
        }
        assert_eq!(length(&[file("a", 0), file("b", 1), file("c", 512)].into_iter().collect()), 512 + 1024 + 1024 + 1024);
    }

    #[test]
    fn a_record_counts_its_own_digits() {
        for size in 1..300 {
            let record = record("path", &"x".repeat(size));
            let said: usize = String::from_utf8_lossy(&record).split(' ').next().unwrap().parse().unwrap();
            assert_eq!(said, record.len());
        }
    }

    #[test]
    fn a_header_has_no_time_and_no_owner() {
        let header = header(&FileEntry { mode: Mode::EXECUTABLE, ..file("bin/run", 0o1234) });
        let text = String::from_utf8_lossy(&header).replace('\0', "|");
        let parts: Vec<&str> = text.split('|').filter(|part| !part.is_empty()).collect();
        insta::assert_snapshot!(parts.join(" "), @"bin/run 0000755 0000000 0000000 00000001234 00000000000 007247  0 ustar 00");
    }
}
