//! What following a JPEG found.

use super::frame::{Frame, Process};

/// What is wrong at a place in a JPEG.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// The bytes end.
    Ended,
    /// A code that no table has, or that runs out of its block.
    BadCode,
    /// A brightness or contrast that no picture can have: the codes before it are not those that were written.
    OutOfRange,
    /// The data of a scan ends before all its blocks.
    TooFewBlocks,
    /// The data of a scan goes on after its last block.
    TooManyBytes,
    /// Sectors of zeros where no zeros can be.
    Hole,
    /// A scan whose header, tables or size make no sense.
    BadScan,
    /// Something that is no marker where one must be.
    NoMarker,
    /// The file does not begin as a JPEG, or its end comes before a picture.
    NoPicture,
}

/// How a JPEG came out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum State {
    /// Every block of every scan decodes, and the end mark is there.
    Whole,
    /// All is good up to the end of the bytes, which comes too early.
    Truncated,
    /// Something is wrong at this offset.
    Broken {
        /// Where; up to 8 bytes early.
        at: usize,
        /// What.
        fault: Fault,
    },
}

/// What the validator found.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Verdict {
    /// Whole, truncated or broken.
    pub state: State,
    /// What the picture is; `None` when its header was not reached.
    pub frame: Option<Frame>,
    /// Whether every code was followed. `false` for lossless, hierarchical, arithmetic and oversized pictures: of these
    /// only the markers were walked.
    pub followed: bool,
    /// Where valid data ends: after the end mark of a whole picture, else the last byte that is certainly good (up to
    /// 8 bytes early).
    pub good_end: usize,
    /// Where the picture ends: after its end mark; what follows is trailing. `None` without an end mark.
    pub end: Option<usize>,
    /// MCUs that decode. Where components stand in scans of their own, the mean over them, by their blocks. Counted are
    /// the scans that carry the mean of each block: where a progressive file ends early, the later ones only add
    /// detail. But a scan that is broken inside, of any sort, spoils what comes after.
    pub mcus_good: u64,
    /// MCUs that the picture's size asks for; 0 when its header was not reached.
    pub mcus_expected: u64,
}

impl Verdict {
    /// How much of the picture is good, 0 to 100; 100 only when all MCUs are, and never where something is broken. `None`
    /// where it cannot be told: something is wrong, but every MCU decodes.
    pub fn good_percent(&self) -> Option<u8> {
        let measured = match self.state {
            State::Whole => true,
            State::Truncated => self.followed,
            State::Broken { fault, .. } => {
                // Stray bytes between segments may stand where a scan was, but a sequential picture has no more.
                let is_sequential = self.frame.as_ref().is_some_and(|frame| frame.process == Process::Sequential);
                let outside = match fault {
                    Fault::NoMarker | Fault::BadScan => is_sequential,
                    Fault::NoPicture => true,
                    Fault::Ended
                    | Fault::BadCode
                    | Fault::OutOfRange
                    | Fault::TooFewBlocks
                    | Fault::TooManyBytes
                    | Fault::Hole => false,
                };
                self.mcus_good < self.mcus_expected || outside
            }
        };
        let share = (self.mcus_good * 100).checked_div(self.mcus_expected).unwrap_or(0);
        let most = if matches!(self.state, State::Broken { .. }) { 99 } else { 100 };
        measured.then(|| u8::try_from(share).unwrap_or(most).min(most))
    }
}
