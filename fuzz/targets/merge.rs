//! Damaged copies of one photo: what is called whole is the photo.
#![no_main]

use std::sync::LazyLock;

use jpeg_encoder::{ColorType, Encoder};
use keepsake::formats::jpeg::{State, validate};
use keepsake::formats::merged::{Copy, Outcome, Proof, fingerprint, merge};
use keepsake::model::Ranges;
use keepsake_fuzz::prepare;
use libfuzzer_sys::fuzz_target;

static PHOTOS: LazyLock<Vec<Vec<u8>>> = LazyLock::new(|| [0, 3].map(photo).to_vec());

fuzz_target!(init: prepare(), |recipe: &[u8]| {
    let Some((&[which, count], steps)) = recipe.split_first_chunk::<2>() else { return };
    let photo = &PHOTOS[usize::from(which & 1)];
    let mut copies = vec![(photo.clone(), None::<Ranges>); usize::from(count % 4) + 1];
    // What nobody can see: other bytes, and holes without the edges of one, where only one copy has any; holes where a map
    // says that there is none.
    let mut in_secret = false;
    let mut filled = vec![false; copies.len()];
    for &[what, at, more, length] in steps.as_chunks::<4>().0 {
        let index = usize::from(what >> 4) % copies.len();
        let (bytes, lost) = &mut copies[index];
        let is_aligned = what & 8 == 0;
        let at = usize::from(at) << 8 | usize::from(more);
        let at = if is_aligned { at & !511 } else { at }.min(bytes.len());
        let end = at + if is_aligned { usize::from(length % 32 + 1) * 512 } else { usize::from(length) * 61 };
        let end = end.min(bytes.len());
        match what & 7 {
            0..=2 => {
                bytes[at..end].fill(if what & 7 == 2 { 0xFF } else { 0 });
                in_secret |= !is_aligned;
                filled[index] = true;
            }
            3 | 4 => {
                bytes[at..end].fill(0);
                lost.get_or_insert_default().insert(at as u64..end as u64);
            }
            5 => bytes.truncate(end),
            _ => {
                in_secret = true;
                bytes[at..end].iter_mut().for_each(|byte| *byte = byte.wrapping_mul(167).wrapping_add(more));
            }
        }
    }
    in_secret |= copies.iter().zip(filled).any(|((_, lost), filled)| filled && lost.is_some());
    let copies: Vec<Copy<'_>> = copies.iter().map(|(bytes, lost)| Copy { bytes, lost: lost.clone() }).collect();
    for copy in &copies {
        assert!(fingerprint(copy.bytes).is_none_or(|group| group.keys().len() <= 80 && group.meets(&group)));
    }
    if let Outcome::Whole { bytes, from, proof } = merge(&copies) {
        let mut given = Ranges::new();
        for (index, ranges) in &from {
            for part in ranges.iter() {
                assert!(!given.meets(part.clone()));
                given.insert(part.clone());
                let part = usize::try_from(part.start).unwrap()..usize::try_from(part.end).unwrap();
                assert_eq!(bytes[part.clone()], copies[*index].bytes[part]);
            }
        }
        assert_eq!(given, Ranges::one(0..bytes.len() as u64));
        assert!(proof == Proof::Agreement || validate(&bytes).state == State::Whole);
        assert!(in_secret || bytes == *photo, "called whole, and is not the photo");
    }
});

fn photo(restart: u16) -> Vec<u8> {
    let mut file = Vec::new();
    let mut seed = 1_u64;
    let pixels: Vec<u8> = std::iter::repeat_with(|| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        seed.to_be_bytes()[0] / 2
    })
    .take(200 * 150 * 3)
    .collect();
    let mut encoder = Encoder::new(&mut file, 85);
    if restart > 0 {
        encoder.set_restart_interval(restart);
    }
    encoder.encode(&pixels, 200, 150, ColorType::Rgb).expect("a picture of this size can be encoded");
    file
}
