//! The document lock: what is read of it is written as it was read, and reading for a comparison and for writing agree.

use tagwarden::lockdown::lock::Lock;

pub fn check(text: &str) {
    let salvaged = Lock::salvage("x.lock", text);
    match Lock::read("x.lock", text) {
        Ok(read) => {
            assert_eq!(salvaged.as_ref(), Ok(&read.lock));
            assert_eq!(read.lines.len(), read.lock.rows.len(), "every row has its line");
        }
        Err(findings) => {
            assert!(!findings.is_empty() && findings.len() <= 21);
            let lines = text.lines().count().max(1) as u32;
            assert!(findings.iter().filter_map(|finding| finding.place.as_ref()).all(|place| (1..=lines).contains(&place.line)));
        }
    }
    if let Ok(lock) = salvaged {
        let written = lock.text();
        assert_eq!(Lock::read("x.lock", &written).map(|read| read.lock).as_ref(), Ok(&lock));
    }
}
