//! Records of one size, more than memory should hold: taken in any order, given back sorted, a part at a time.
//!
//! A part is what begins alike, so that parts are in order as well. What is too much is written to a file without a name, which ends with
//! the process however that ends.
//!
//! Deliberately absent: records that begin with anything else than a digest, since parts would be of very different sizes.

use crate::domain::{Fault, Reason, Result};
use std::{
    fs::File,
    io,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// By their first six bits.
pub const PARTS: usize = 64;
/// Records that are kept in memory while they come.
const KEPT: usize = 64 * 1024;

pub struct Spill<const N: usize> {
    within: PathBuf,
    kept: Vec<Vec<[u8; N]>>,
    held: usize,
    file: Option<File>,
    end: u64,
    /// Of each part: where its records are in the file, and how many bytes of them.
    written: Vec<Vec<(u64, usize)>>,
}

impl<const N: usize> Spill<N> {
    /// `within`: the folder of the file, if it needs one.
    pub fn new(within: &Path) -> Spill<N> {
        Spill { within: within.to_owned(), kept: vec![Vec::new(); PARTS], held: 0, file: None, end: 0, written: vec![Vec::new(); PARTS] }
    }

    /// Faults: `no_resources`.
    pub fn push(&mut self, record: [u8; N]) -> Result<()> {
        let part = record.first().map_or(0, |first| usize::from(first >> 2));
        self.kept[part].push(record);
        self.held += 1;
        if self.held < KEPT { Ok(()) } else { self.write().map_err(|error| self.fault(&error)) }
    }

    fn write(&mut self) -> io::Result<()> {
        if self.file.is_none() {
            self.file = Some(tempfile::tempfile_in(&self.within)?);
        }
        let Some(file) = &self.file else { return Ok(()) };
        for (kept, written) in self.kept.iter_mut().zip(&mut self.written).filter(|(kept, _)| !kept.is_empty()) {
            let bytes = kept.as_flattened();
            file.write_all_at(bytes, self.end)?;
            written.push((self.end, bytes.len()));
            self.end += bytes.len() as u64;
            kept.clear();
        }
        self.held = 0;
        Ok(())
    }

    /// All records of one of the [`PARTS`], sorted. Faults: `no_resources`.
    pub fn part(&self, part: usize) -> Result<Vec<[u8; N]>> {
        let mut records = self.read(part).map_err(|error| self.fault(&error))?;
        records.sort_unstable();
        Ok(records)
    }

    fn read(&self, part: usize) -> io::Result<Vec<[u8; N]>> {
        let (kept, written) = (&self.kept[part], &self.written[part]);
        let bytes: usize = written.iter().map(|(_, bytes)| bytes).sum();
        let mut records = vec![[0; N]; bytes / N];
        let mut into = records.as_flattened_mut();
        for (at, bytes) in written {
            let (here, rest) = into.split_at_mut(*bytes);
            // There is a file where something was written.
            self.file.iter().try_for_each(|file| file.read_exact_at(here, *at))?;
            into = rest;
        }
        records.extend_from_slice(kept);
        Ok(records)
    }

    fn fault(&self, error: &io::Error) -> Fault {
        Fault::new(Reason::NoResources, format!("a temporary file in {} cannot be used: {error}", self.within.display()))
            .help("make room there, or set TMPDIR to a folder that has some")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Digest;

    #[test]
    fn what_goes_in_comes_out_in_order_however_much_it_is() {
        for count in [0, 1, KEPT - 1, KEPT, 3 * KEPT + 7] {
            let mut spill = Spill::<8>::new(&std::env::temp_dir());
            let mut wanted: Vec<[u8; 8]> = Vec::with_capacity(count);
            for number in 0..count {
                let mut record = [0; 8];
                record.copy_from_slice(&Digest::of(&number.to_le_bytes()).hex().as_bytes()[..8]);
                record[0] = (number * 7 % 251) as u8;
                spill.push(record).unwrap();
                wanted.push(record);
            }
            wanted.sort_unstable();
            let given: Vec<[u8; 8]> = (0..PARTS).flat_map(|part| spill.part(part).unwrap()).collect();
            assert!(given == wanted, "{count}");
            assert_eq!(spill.file.is_some(), count >= KEPT, "{count}");
        }
    }
}
