//! Which of all the things that a power cut may leave: the luck that what was not synced has.

use super::disk::Change;

/// What becomes of everything that was not synced.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Loss {
    /// All of it is lost.
    Everything,
    /// Names are there, and their files are empty.
    BytesAndLengths,
    /// Names and lengths are there, and the bytes are zeros: the classic.
    Bytes,
    /// Bytes are there, and the names are not.
    Names,
    /// Only the newest name is there, and none that came before it.
    AllButTheNewestName,
    /// Some of it, by sectors and names, in no order.
    Some(u64),
    /// Nothing of it: the program died, the power stayed on.
    Nothing,
}

impl Loss {
    /// The worlds without a die in them.
    pub(super) const PLAIN: [Self; 5] =
        [Self::Everything, Self::BytesAndLengths, Self::Bytes, Self::Names, Self::AllButTheNewestName];
}

/// Decides piece by piece.
pub(super) struct Luck {
    loss: Loss,
    dice: Dice,
    /// How many of 256 pieces are kept.
    odds: u64,
}

impl Luck {
    pub(super) fn with(loss: Loss) -> Self {
        let mut dice = Dice(if let Loss::Some(seed) = loss { seed } else { 0 });
        let odds = [64, 128, 192][usize::try_from(dice.roll() % 3).expect("one of three")];
        Self { loss, dice, odds }
    }

    pub(super) fn all() -> Self {
        Self::with(Loss::Nothing)
    }

    pub(super) fn keeps_name(&mut self, is_newest: bool) -> bool {
        match self.loss {
            Loss::AllButTheNewestName => is_newest,
            Loss::Everything | Loss::Names => false,
            Loss::BytesAndLengths | Loss::Bytes | Loss::Nothing => true,
            Loss::Some(_) => self.kept(),
        }
    }

    pub(super) fn of_change(&mut self, parts: Vec<Change>, apply: &mut dyn FnMut(&Change)) {
        for part in parts {
            let kept = match self.loss {
                Loss::Everything | Loss::BytesAndLengths | Loss::Bytes | Loss::AllButTheNewestName => false,
                Loss::Names | Loss::Nothing => true,
                Loss::Some(_) => self.kept(),
            };
            if kept {
                apply(&part);
            }
        }
    }

    pub(super) fn keeps_lengths(&self) -> bool {
        self.loss == Loss::Bytes
    }

    fn kept(&mut self) -> bool {
        self.dice.roll() % 256 < self.odds
    }
}

/// The generator called `SplitMix64`.
pub(super) struct Dice(pub(super) u64);

impl Dice {
    pub(super) fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut drawn = self.0;
        drawn = (drawn ^ (drawn >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        drawn = (drawn ^ (drawn >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        drawn ^ (drawn >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.roll() % u64::try_from(end).expect("64 bits")).expect("below the end")
    }
}
