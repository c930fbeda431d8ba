//! Puts the pieces of a file together in the order of its bytes, whatever its file system says about them.

use crate::sources::disk::file_system::{Content, Extent};

/// Pieces of one file at most: 96 MiB of them. What comes after is lost, and said to be.
const MOST_PIECES: usize = 1 << 22;

/// A file's bytes so far.
pub(in crate::sources) struct Layout {
    pieces: Vec<Extent>,
    end: u64,
    lost: u64,
    /// Where nothing can be read: behind the end of the medium.
    nowhere: u64,
}

impl Layout {
    /// Of a file on a medium of `medium_bytes`.
    pub(in crate::sources) fn new(medium_bytes: u64) -> Self {
        Self { pieces: Vec::new(), end: 0, lost: 0, nowhere: medium_bytes }
    }

    /// Where the next byte goes.
    pub(in crate::sources) fn end(&self) -> u64 {
        self.end
    }

    /// Bytes of which nobody knows any more where they lie.
    pub(in crate::sources) fn lost(&self) -> u64 {
        self.lost
    }

    /// Bytes among the first `size` that lie behind the end of the medium; those that are lost are among them.
    pub(in crate::sources) fn out_of_reach(&self, size: u64) -> u64 {
        let mut at = 0_u64;
        let mut bytes = 0_u64;
        for piece in &self.pieces {
            let length = piece.length.min(size.saturating_sub(at));
            at = at.saturating_add(piece.length);
            bytes += if piece.at.is_some_and(|start| start >= self.nowhere) { length } else { 0 };
        }
        bytes
    }

    /// Whether no more pieces are taken in.
    pub(in crate::sources) fn is_full(&self) -> bool {
        self.pieces.len() >= MOST_PIECES
    }

    /// The next bytes lie at `at`, or read as zeros.
    pub(in crate::sources) fn put(&mut self, at: Option<u64>, length: u64) {
        if self.is_full() {
            return self.lose(length);
        }
        let length = length.min(u64::MAX - self.end);
        self.end += length;
        match self.pieces.last_mut() {
            Some(last) if follows(last, at) => last.length += length,
            _ if length > 0 => self.pieces.push(Extent { at, length }),
            _ => {}
        }
    }

    /// Zeros up to the byte `until`.
    pub(in crate::sources) fn zeros_until(&mut self, until: u64) {
        self.put(None, until.saturating_sub(self.end));
    }

    /// Nobody knows where the next bytes lie: they are asked for behind the end of the medium, where nothing can be
    /// read, so that they count as lost and never pass for zeros.
    pub(in crate::sources) fn lose(&mut self, length: u64) {
        let length = length.min((u64::MAX - self.nowhere).saturating_sub(self.end));
        self.end += length;
        self.lost += length;
        match self.pieces.last_mut() {
            Some(last) if last.at == Some(self.nowhere) => last.length += length,
            _ if length > 0 => self.pieces.push(Extent { at: Some(self.nowhere), length }),
            _ => {}
        }
    }

    /// The pieces as they stand; a file may be longer.
    pub(in crate::sources) fn pieces(&self) -> &[Extent] {
        &self.pieces
    }

    /// The content of a file of `size` bytes: what nobody wrote at its end is zeros.
    pub(in crate::sources) fn content(mut self, size: u64) -> Content {
        self.zeros_until(size);
        Content::Extents(self.pieces)
    }
}

fn follows(last: &Extent, at: Option<u64>) -> bool {
    match (last.at, at) {
        (None, None) => true,
        (Some(before), Some(at)) => before.checked_add(last.length) == Some(at),
        (None, Some(_)) | (Some(_), None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_are_one_piece_and_gaps_are_zeros_up_to_the_last_byte() {
        let mut layout = Layout::new(1 << 20);
        layout.put(Some(4096), 1024);
        layout.put(Some(5120), 1024);
        layout.zeros_until(8192);
        layout.put(Some(9000), 10);
        let Content::Extents(pieces) = layout.content(9000) else { panic!("it lies on the disk") };
        let expected = [(Some(4096), 2048), (None, 6144), (Some(9000), 10), (None, 798)];
        assert_eq!(pieces, expected.map(|(at, length)| Extent { at, length }));
    }

    #[test]
    fn what_is_lost_lies_behind_the_end_and_is_counted() {
        let mut layout = Layout::new(100);
        layout.lose(7);
        layout.lose(u64::MAX);
        assert_eq!(layout.pieces(), [Extent { at: Some(100), length: u64::MAX - 100 }]);
        assert!(layout.lost() > 7);
    }
}
