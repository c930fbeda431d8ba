//! What of the unsynced contents survives a power loss.

/// What a power loss takes of the contents that were not synced.
#[derive(Clone, Copy, Debug)]
pub(in crate::objects::tests) enum PowerLoss {
    /// Everything.
    Everything,
    /// All bytes and no names: some file systems write names ahead of data.
    Bytes,
    /// Each name, and a part of the bytes of each file, as the dice of this seed fall.
    AsDiceFall(u64),
}

/// Decides what survives. The numbers are xorshift64 (Marsaglia 2003).
pub(super) struct Dice {
    loss: PowerLoss,
    state: u64,
}

impl Dice {
    pub(super) fn new(loss: PowerLoss) -> Self {
        let seed = if let PowerLoss::AsDiceFall(seed) = loss { seed } else { 0 };
        Self { loss, state: seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15) }
    }

    pub(super) fn keeps_name(&mut self) -> bool {
        match self.loss {
            PowerLoss::Everything => false,
            PowerLoss::Bytes => true,
            PowerLoss::AsDiceFall(_) => self.roll().is_multiple_of(2),
        }
    }

    pub(super) fn part_of(&mut self, bytes: usize) -> usize {
        match self.loss {
            PowerLoss::Everything | PowerLoss::Bytes => 0,
            PowerLoss::AsDiceFall(_) => usize::try_from(self.roll() % (bytes as u64 + 1)).unwrap_or(0),
        }
    }

    fn roll(&mut self) -> u64 {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        self.state >> 8
    }
}
