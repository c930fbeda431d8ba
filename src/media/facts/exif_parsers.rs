//! EXIF through others' parsers: each fails on files that the other reads, so the second fills in for the first.

use std::io::Cursor;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::formats::exif_tags::{Table, Tag, Tags, Value, tag};
use crate::formats::exif_text::{clean, is_filler};

/// Reads the tags of a picture in a container that either parser knows.
pub(super) fn from_container(file: &[u8]) -> Tags {
    let mut tags = guarded(|| {
        let reader = tolerant();
        let parsed = reader.read_from_container(&mut Cursor::new(file));
        whole_or_partial(parsed).map(|exif| of_kamadak(&exif))
    });
    if !tags.is_complete() {
        tags.add_missing(second_opinion(file));
    }
    tags
}

/// Reads the tags of a bare TIFF structure, as it stands inside other containers.
pub(super) fn from_tiff(tiff: Vec<u8>) -> Tags {
    guarded(|| whole_or_partial(tolerant().read_raw(tiff)).map(|exif| of_kamadak(&exif)))
}

/// Reads a TIFF structure whose first directory is, in truth, another one.
pub(super) fn from_lone_table(tiff: Vec<u8>, truth: Table) -> Tags {
    guarded(|| {
        let exif = whole_or_partial(tolerant().read_raw(tiff))?;
        let mut tags = Tags::default();
        for wanted in tag::ALL.into_iter().filter(|(table, _)| *table == truth) {
            let field = exif.get_field(exif::Tag(exif::Context::Tiff, wanted.1), exif::In::PRIMARY);
            if let Some(value) = field.and_then(|field| value_of_kamadak(wanted, &field.value)) {
                tags.add(wanted, value);
            }
        }
        Some(tags)
    })
}

fn second_opinion(file: &[u8]) -> Tags {
    guarded(|| {
        let source = nom_exif::MediaSource::seekable(Cursor::new(file)).ok()?;
        let exif: nom_exif::Exif = nom_exif::MediaParser::new().parse_exif(source).ok()?.into();
        Some(of_nom(&exif))
    })
}

/// The title or description among the text chunks of a PNG.
pub(super) fn png_caption(file: &[u8]) -> Option<String> {
    let parse = || {
        let source = nom_exif::MediaSource::seekable(Cursor::new(file)).ok()?;
        let metadata = nom_exif::MediaParser::new().parse_image_metadata(source).ok()?;
        let nom_exif::ImageFormatMetadata::Png(texts) = metadata.format? else { return None };
        let said = ["Description", "Title"].into_iter().find_map(|key| texts.get(key))?;
        clean(said).filter(|caption| !is_filler(caption))
    };
    catch_unwind(AssertUnwindSafe(parse)).ok().flatten()
}

/// A parser that panics found nothing.
fn guarded(parse: impl FnOnce() -> Option<Tags>) -> Tags {
    catch_unwind(AssertUnwindSafe(parse)).ok().flatten().unwrap_or_default()
}

fn tolerant() -> exif::Reader {
    let mut reader = exif::Reader::new();
    reader.continue_on_error(true);
    reader
}

/// Broken entries cost themselves, not the others.
fn whole_or_partial(parsed: Result<exif::Exif, exif::Error>) -> Option<exif::Exif> {
    parsed.or_else(|error| error.distill_partial_result(|_| {})).ok()
}

fn of_kamadak(exif: &exif::Exif) -> Tags {
    let mut tags = Tags::default();
    for wanted in tag::ALL {
        let contexts: &[exif::Context] = match wanted.0 {
            Table::Image => &[exif::Context::Tiff],
            // TIFF/EP, and raw files after it, put EXIF's tags into the first directory (ISO 12234-2).
            Table::Exif => &[exif::Context::Exif, exif::Context::Tiff],
            Table::Gps => &[exif::Context::Gps],
        };
        for context in contexts {
            let field = exif.get_field(exif::Tag(*context, wanted.1), exif::In::PRIMARY);
            if let Some(value) = field.and_then(|field| value_of_kamadak(wanted, &field.value)) {
                tags.add(wanted, value);
            }
        }
    }
    tags
}

fn value_of_kamadak(tag: Tag, value: &exif::Value) -> Option<Value> {
    use exif::Value as Raw;
    let fraction = |upper: f64, lower: f64| if lower == 0.0 { f64::NAN } else { upper / lower };
    Some(match value {
        Raw::Ascii(parts) => Value::Bytes(parts.join(&0)),
        Raw::Byte(bytes) if is_data(tag) => Value::Bytes(bytes.clone()),
        Raw::Undefined(bytes, _) => Value::Bytes(bytes.clone()),
        // IPTC's block is declared as LONG by some programs and is bytes all the same; its order is lost then.
        Raw::Long(_) if is_data(tag) => return None,
        Raw::Byte(numbers) => Value::Numbers(numbers.iter().copied().map(f64::from).collect()),
        Raw::Short(numbers) => Value::Numbers(numbers.iter().copied().map(f64::from).collect()),
        Raw::Long(numbers) => Value::Numbers(numbers.iter().copied().map(f64::from).collect()),
        Raw::SByte(numbers) => Value::Numbers(numbers.iter().copied().map(f64::from).collect()),
        Raw::SShort(numbers) => Value::Numbers(numbers.iter().copied().map(f64::from).collect()),
        Raw::SLong(numbers) => Value::Numbers(numbers.iter().copied().map(f64::from).collect()),
        Raw::Float(numbers) => Value::Numbers(numbers.iter().copied().map(f64::from).collect()),
        Raw::Double(numbers) => Value::Numbers(numbers.clone()),
        Raw::Rational(fractions) => {
            Value::Numbers(fractions.iter().map(|it| fraction(it.num.into(), it.denom.into())).collect())
        }
        // Some phones write their place as signed fractions.
        Raw::SRational(fractions) => {
            Value::Numbers(fractions.iter().map(|it| fraction(it.num.into(), it.denom.into())).collect())
        }
        Raw::Unknown(..) => return None,
    })
}

fn of_nom(exif: &nom_exif::Exif) -> Tags {
    use nom_exif::IfdKind;
    let mut tags = Tags::default();
    for wanted in tag::ALL {
        let kinds: &[IfdKind] = match wanted.0 {
            Table::Image => &[IfdKind::Tiff],
            Table::Exif => &[IfdKind::Exif, IfdKind::Tiff],
            Table::Gps => &[IfdKind::Gps],
        };
        for kind in kinds {
            let entry = exif.get_by_code_in(nom_exif::IfdIndex::MAIN, *kind, wanted.1);
            if let Some(value) = entry.and_then(|entry| value_of_nom(wanted, entry)) {
                tags.add(wanted, value);
            }
        }
    }
    tags
}

fn value_of_nom(tag: Tag, value: &nom_exif::EntryValue) -> Option<Value> {
    use nom_exif::EntryValue as Raw;
    let fractions =
        |all: &mut dyn Iterator<Item = Option<f64>>| Value::Numbers(all.map(|it| it.unwrap_or(f64::NAN)).collect());
    Some(match value {
        Raw::Text(text) => Value::Text(text.clone()),
        Raw::DateTime(_) | Raw::NaiveDateTime(_) => {
            // Only the wall clock: the zone in the value may be that of another time of the file.
            Value::Text(value.as_datetime()?.into_naive().to_string())
        }
        Raw::Undefined(bytes) => Value::Bytes(bytes.clone()),
        Raw::U8Array(bytes) if is_data(tag) => Value::Bytes(bytes.clone()),
        Raw::U8Array(numbers) => Value::Numbers(numbers.iter().copied().map(f64::from).collect()),
        Raw::U16Array(numbers) => Value::Numbers(numbers.iter().copied().map(f64::from).collect()),
        Raw::U32Array(numbers) => Value::Numbers(numbers.iter().copied().map(f64::from).collect()),
        Raw::URational(it) => fractions(&mut std::iter::once(it.to_f64())),
        Raw::IRational(it) => fractions(&mut std::iter::once(it.to_f64())),
        Raw::URationalArray(all) => fractions(&mut all.iter().map(nom_exif::Rational::to_f64)),
        Raw::IRationalArray(all) => fractions(&mut all.iter().map(nom_exif::Rational::to_f64)),
        Raw::F32(number) => Value::Numbers(vec![f64::from(*number)]),
        Raw::F64(number) => Value::Numbers(vec![*number]),
        Raw::U8(_) | Raw::U16(_) | Raw::U32(_) | Raw::U64(_) | Raw::I8(_) | Raw::I16(_) | Raw::I32(_) | Raw::I64(_) => {
            Value::Numbers(vec![value.try_as_float()?])
        }
        _ => return None,
    })
}

/// Whether a tag holds data or UTF-16 text, and not numbers.
fn is_data(tag: Tag) -> bool {
    let data = [tag::IPTC, tag::PHOTOSHOP, tag::XP_TITLE, tag::XP_COMMENT, tag::XP_KEYWORDS, tag::MAKER_NOTE];
    data.contains(&tag)
}
