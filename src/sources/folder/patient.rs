//! A file on a drive that gives some of its pages and not others.

use std::fs::File;
use std::io::{self, Read};

use rustix::io::Errno;

use crate::model::Ranges;

/// What the system reads at once: where one sector is bad, all of its page comes as an error.
const PAGE: u64 = 4096;

/// So many bad places one behind the other, and the rest of the file is given up: each can take the drive many seconds.
const MOST_IN_A_ROW: u32 = 64;

/// So many at the very beginning, and it is not read at all.
const MOST_AT_FIRST: u32 = 8;

/// How a file gives its bytes by position.
pub(in crate::sources) trait At {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize>;
}

impl At for File {
    fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
        std::os::unix::fs::FileExt::read_at(self, into, at)
    }
}

/// Reads from the first byte to the last and goes on behind bad places, whose bytes come as zeros.
pub(in crate::sources) struct Patient<F = File> {
    pub(super) file: F,
    size: u64,
    at: u64,
    lost: Ranges,
    in_a_row: u32,
}

impl<F: At> Patient<F> {
    /// Takes an open file of `size` bytes, as the file system says.
    pub(super) fn new(file: F, size: u64) -> Self {
        Self { file, size, at: 0, lost: Ranges::new(), in_a_row: 0 }
    }

    /// The bytes so far that did not come. At the end of a file that was given up they are missing, not zero.
    pub(in crate::sources) fn lost(&self) -> &Ranges {
        &self.lost
    }

    fn go_past(&mut self, into: &mut [u8], error: io::Error) -> io::Result<usize> {
        self.in_a_row += 1;
        // Where nothing at all came yet, it is not a bad place, but a bad file.
        let hopeless = self.lost.bytes() == self.at && self.in_a_row > MOST_AT_FIRST;
        if self.at >= self.size || hopeless || Errno::from_io_error(&error) != Some(Errno::IO) {
            return Err(error);
        }
        if self.in_a_row > MOST_IN_A_ROW {
            self.lost.insert(self.at..self.size);
            return Ok(0);
        }
        let end = (self.at / PAGE + 1).saturating_mul(PAGE).min(self.size);
        let most = usize::try_from(end - self.at).unwrap_or(usize::MAX).min(into.len());
        into.get_mut(..most).unwrap_or_default().fill(0);
        self.lost.insert(self.at..self.at + most as u64);
        self.at += most as u64;
        Ok(most)
    }
}

impl<F: At> Read for Patient<F> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        match self.file.read_at(into, self.at) {
            Ok(read) => {
                self.in_a_row = 0;
                self.at += read as u64;
                Ok(read)
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted || into.is_empty() => Err(error),
            Err(error) => self.go_past(into, error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of which some places give an error, as the system gives it: what lies before them in a read comes.
    struct Failing {
        bytes: Vec<u8>,
        bad: Ranges,
        errno: Errno,
    }

    impl At for Failing {
        fn read_at(&self, into: &mut [u8], at: u64) -> io::Result<usize> {
            let there = self.bytes.get(usize::try_from(at).unwrap()..).unwrap_or_default();
            let asked = at..at + there.len().min(into.len()) as u64;
            let end = self.bad.within(asked.clone()).iter().next().map_or(asked.end, |bad| bad.start);
            if end == at && !asked.is_empty() {
                return Err(self.errno.into());
            }
            let read = usize::try_from(end - at).unwrap();
            into[..read].copy_from_slice(&there[..read]);
            Ok(read)
        }
    }

    fn read(bad: Ranges, errno: Errno) -> (io::Result<usize>, Vec<u8>, String) {
        let bytes: Vec<u8> = (0..40 * PAGE).map(|at| u8::try_from(at % 251).unwrap() + 1).collect();
        let mut patient = Patient::new(Failing { bytes, bad, errno }, 40 * PAGE);
        let mut all = Vec::new();
        let mut small = [0; 3000];
        let ended = loop {
            match patient.read(&mut small) {
                Ok(0) => break Ok(0),
                Ok(read) => all.extend_from_slice(&small[..read]),
                Err(error) => break Err(error),
            }
        };
        (ended, all, patient.lost().to_string())
    }

    #[test]
    fn what_lies_behind_a_bad_page_is_read_and_the_page_is_told() {
        let (ended, all, lost) = read(Ranges::one(8192..16384), Errno::IO);
        assert!(ended.is_ok());
        assert_eq!((all.len() as u64, lost.as_str()), (40 * PAGE, "8192+8192"));
        assert!(all[8192..16384].iter().all(|byte| *byte == 0));
        assert!(all[..8192].iter().chain(&all[16384..]).all(|byte| *byte != 0));
    }

    #[test]
    fn a_file_that_gives_nothing_and_a_drive_that_is_gone_are_errors() {
        let (ended, all, _) = read(Ranges::one(0..u64::MAX), Errno::IO);
        assert!(ended.is_err() && all.len() <= 8 * 4096, "{}", all.len());
        let (ended, _, lost) = read(Ranges::one(8192..16384), Errno::NXIO);
        assert!(ended.is_err() && lost.is_empty());
    }

    #[test]
    fn a_file_whose_end_is_all_bad_is_given_up_and_ends_early() {
        let bytes = vec![1; 200 * 4096];
        let bad = Ranges::one(4096..200 * 4096);
        let mut patient = Patient::new(Failing { bytes, bad, errno: Errno::IO }, 200 * PAGE);
        let mut all = Vec::new();
        patient.read_to_end(&mut all).unwrap();
        assert_eq!(patient.lost().to_string(), format!("4096+{}", 199 * 4096));
        assert!(all.len() < 100 * 4096, "{}", all.len());
    }
}
