//! Raw formats built on TIFF: told apart by their magic, their maker, their name.

use crate::formats::tiff;
use crate::model::Kind;

pub(super) fn by_directory(head: &[u8], extension: &[u8]) -> Option<Kind> {
    let magic = head.first_chunk::<4>()?;
    match magic {
        b"IIU\0" => return Some(Kind::Rw2),
        b"IIRO" | b"IIRS" | b"MMOR" => return Some(Kind::Orf),
        b"II*\0" | b"MM\0*" if head.get(8..10) == Some(b"CR") => return Some(Kind::Cr2),
        b"II*\0" | b"MM\0*" => {}
        b"II+\0" | b"MM\0+" => return Some(Kind::Tiff),
        _ => return None,
    }
    let mut read = |at: u64, length: usize| {
        let at = usize::try_from(at).unwrap_or(usize::MAX);
        let end = at.saturating_add(length).min(head.len());
        Ok(head.get(at..end).unwrap_or_default().to_vec())
    };
    let Ok(Some(found)) = tiff::walk(&mut read, head.len() as u64) else { return Some(Kind::Tiff) };
    if found.is_dng {
        return Some(Kind::Dng);
    }
    let make = found.make.unwrap_or_default().to_ascii_uppercase();
    let by_name = match extension {
        b"nef" | b"nrw" => Some(Kind::Nef),
        b"arw" | b"sr2" | b"srf" => Some(Kind::Arw),
        b"pef" | b"ptx" => Some(Kind::Pef),
        b"dng" => Some(Kind::Dng),
        b"cr2" => Some(Kind::Cr2),
        _ => None,
    };
    // A maker's own TIFFs, and TIFFs made from raws, name the maker too, but have no raw data in directories below.
    let by_make = [(&b"NIKON"[..], Kind::Nef), (b"SONY", Kind::Arw), (b"PENTAX", Kind::Pef)]
        .into_iter()
        .find_map(|(maker, kind)| (make.starts_with(maker) && found.has_sub_directories).then_some(kind));
    by_name.or(by_make).or(Some(Kind::Tiff))
}
