//! IPTC's older metadata (IIM 4.2), as Photoshop puts it into its image resources.

use crate::formats::exif_text::{clean, decode, is_filler};
use crate::formats::moments;
use crate::formats::xmp::without_doubles;
use crate::model::{Facts, TimeSource};

/// Reads the data sets of record 2. Stops at the first byte that begins none.
pub fn read(block: &[u8]) -> Facts {
    let sets = DataSets::of(block);
    let text = |number| sets.first(number).and_then(|value| sets.decode(value));
    let time_of = |day, time| moments::parse_iptc(&text(day)?, text(time).as_deref());
    Facts {
        caption: text(120).or_else(|| text(5)).filter(|caption| !is_filler(caption)),
        keywords: without_doubles(&sets.all(25).filter_map(|value| sets.decode(value)).collect::<Vec<_>>()),
        // 2:55 and 2:60, the intellectual content's date. 2:62, when it was digitised, is the scanner's.
        times: time_of(55, 60).map(|moment| moment.said_by(TimeSource::Iptc)).into_iter().collect(),
        ..Facts::default()
    }
}

#[derive(Default)]
struct DataSets<'a> {
    application: Vec<(u8, &'a [u8])>,
    utf8: bool,
}

impl<'a> DataSets<'a> {
    fn of(mut block: &'a [u8]) -> Self {
        let mut sets = Self::default();
        while let Some(([0x1C, record, number, high, low], rest)) = block.split_first_chunk::<5>() {
            let length = usize::from(u16::from_be_bytes([*high, *low]));
            // The highest bit marks a length of its own length (IIM 1.5.c): nothing that we read is that long.
            let Some((value, rest)) = rest.split_at_checked(length).filter(|_| length < 0x8000) else { break };
            match (record, number) {
                (1, 90) => sets.utf8 = value == b"\x1B%G",
                (2, _) => sets.application.push((*number, value)),
                _ => {}
            }
            block = rest;
        }
        sets
    }

    fn all(&self, number: u8) -> impl Iterator<Item = &'a [u8]> {
        self.application.iter().filter(move |(known, _)| *known == number).map(|(_, value)| *value)
    }

    fn first(&self, number: u8) -> Option<&'a [u8]> {
        self.all(number).next()
    }

    fn decode(&self, value: &[u8]) -> Option<String> {
        if self.utf8 { clean(&String::from_utf8_lossy(value)) } else { decode(value) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::photoshop::{IPTC, find};
    use jiff::civil::date;

    fn set(number: u8, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len()).unwrap_or(0).to_be_bytes();
        [&[0x1C, 2, number], length.as_slice(), value].concat()
    }

    #[test]
    fn keywords_caption_and_date_are_read() {
        let block = [
            set(25, b"Lisbon"),
            set(25, b"Caf\xe9"),
            set(25, b"Lisbon"),
            set(120, b"Oma on the tram"),
            set(55, b"20140803"),
            set(60, b"142233+0100"),
        ]
        .concat();
        let facts = read(&block);
        assert_eq!(facts.keywords, ["Lisbon", "Café"]);
        assert_eq!(facts.caption.as_deref(), Some("Oma on the tram"));
        assert_eq!(facts.times[0].local, date(2014, 8, 3).at(14, 22, 33, 0));
        assert_eq!(facts.times[0].source, TimeSource::Iptc);
    }

    #[test]
    fn the_block_is_found_among_other_resources() {
        let block = set(120, b"Oma");
        let mut resources = b"8BIM\x03\xed\x00\x00\x00\x00\x00\x03abc\x00".to_vec();
        resources.extend(b"8BIM\x04\x04\x03abc\x00\x00");
        resources.extend(u16::try_from(block.len()).unwrap_or(0).to_be_bytes());
        resources.extend(&block);
        assert_eq!(find(&resources, IPTC), Some(block.as_slice()));
    }

    #[test]
    fn a_block_cut_anywhere_never_panics() {
        let block = [set(25, b"Lisbon"), set(55, b"20140803")].concat();
        let resources = [b"8BIM\x04\x04\x00\x00\x00\x00\x00\x18".as_slice(), &block].concat();
        for end in 0..resources.len() {
            let found = find(&resources[..end], IPTC).map(read).unwrap_or_default();
            assert!(found.keywords.len() <= 1);
        }
    }
}
