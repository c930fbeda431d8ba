//! Turning a picture upright (Exif 2.32, 4.6.4 A, Orientation).

use super::fitted::Fitted;

impl Fitted {
    /// The picture as it is to be looked at; `orientation` is EXIF's, 1 to 8. Anything else leaves it as it is.
    pub(crate) fn upright(self, orientation: u8) -> Self {
        if !(2..=8).contains(&orientation) {
            return self;
        }
        let lies = orientation >= 5;
        let (width, height) = if lies { (self.height, self.width) } else { (self.width, self.height) };
        let (across, half) = (self.width, self.width.div_ceil(2));
        Self {
            width,
            height,
            luma: turned(&self.luma, across as usize, orientation),
            chroma: self.chroma.map(|planes| planes.map(|plane| turned(&plane, half as usize, orientation))),
            profile: self.profile,
        }
    }
}

/// The samples of a plane `across` samples wide, turned.
fn turned(samples: &[u8], across: usize, orientation: u8) -> Vec<u8> {
    let rows: Vec<&[u8]> = samples.chunks_exact(across.max(1)).collect();
    let straight = |row: &&[u8]| row.to_vec();
    let mirrored = |row: &&[u8]| row.iter().rev().copied().collect::<Vec<u8>>();
    match orientation {
        2 => rows.iter().flat_map(mirrored).collect(),
        3 => samples.iter().rev().copied().collect(),
        4 => rows.iter().rev().flat_map(straight).collect(),
        5 => columns(&rows, across, false, false),
        6 => columns(&rows, across, false, true),
        7 => columns(&rows, across, true, true),
        8 => columns(&rows, across, true, false),
        _ => samples.to_vec(),
    }
}

/// The columns as rows: the last one first where `from_right`, each read upwards where `upwards`.
fn columns(rows: &[&[u8]], across: usize, from_right: bool, upwards: bool) -> Vec<u8> {
    let down = rows.len();
    let mut out = Vec::with_capacity(across * down);
    for index in 0..across {
        let column = if from_right { across - 1 - index } else { index };
        let sample = |row: &&[u8]| row.get(column).copied().unwrap_or(0);
        if upwards {
            out.extend(rows.iter().rev().map(sample));
        } else {
            out.extend(rows.iter().map(sample));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What EXIF's orientations mean, by where the first row and the first column of the file stand (table 6 there).
    #[test]
    fn every_orientation_puts_the_corners_where_exif_says() {
        // a b c
        // d e f
        let stored = b"abcdef";
        let expected: [&[u8]; 8] =
            [b"abcdef", b"cbafed", b"fedcba", b"defabc", b"adbecf", b"daebfc", b"fcebda", b"cfbead"];
        for (orientation, expected) in (1..).zip(expected) {
            assert_eq!(turned(stored, 3, orientation), expected, "{orientation}");
        }
    }

    #[test]
    fn a_lying_picture_changes_its_sides_and_nonsense_turns_nothing() {
        let fitted = Fitted { width: 3, height: 2, luma: b"abcdef".to_vec(), chroma: None, profile: None };
        let upright = fitted.clone().upright(6);
        assert_eq!((upright.width, upright.height, upright.luma.as_slice()), (2, 3, &b"daebfc"[..]));
        assert_eq!(fitted.clone().upright(9), fitted);
        assert_eq!(fitted.clone().upright(0), fitted);
    }
}
