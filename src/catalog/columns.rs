//! How values of the model stand in columns.

use jiff::Timestamp;
use rusqlite::Row;
use rusqlite::types::{Type, ValueRef};
use serde::Serialize;
use serde::de::value::{Error as WordError, StrDeserializer};
use serde::de::{DeserializeOwned, IntoDeserializer as _};

use super::error::CatalogError;
use crate::model::{Likeness, Look, ObjectId, Payload, PhotoId, RawPath};

/// A number of bytes or an inode: 64 bits either way, so that nothing is ever cut off.
pub(super) fn to_i64(number: u64) -> i64 {
    number.cast_signed()
}

/// The way back from [`to_i64`].
pub(super) fn to_u64(number: i64) -> u64 {
    number.cast_unsigned()
}

/// Nanoseconds since 1970; what is outside 1677..2262 stands at the end of that range, and so never equals itself.
pub(super) fn to_ns(at: Timestamp) -> i64 {
    let ns = at.as_nanosecond();
    i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX })
}

/// The way back from [`to_ns`].
pub(super) fn from_ns(ns: i64) -> Timestamp {
    // Every i64 of nanoseconds lies inside the years that a Timestamp can say.
    Timestamp::from_nanosecond(i128::from(ns)).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// The object whose 32 bytes stand in a column.
pub(super) fn object(row: &Row<'_>, column: usize) -> rusqlite::Result<ObjectId> {
    row.get(column).map(ObjectId::from_hash)
}

/// The object whose 32 bytes may stand in a column.
pub(super) fn object_or_none(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<ObjectId>> {
    Ok(row.get::<_, Option<[u8; 32]>>(column)?.map(ObjectId::from_hash))
}

/// The likeness whose halves may stand in two columns.
pub(super) fn likeness(row: &Row<'_>, payload: usize, look: usize) -> rusqlite::Result<Likeness> {
    let payload = row.get::<_, Option<[u8; 16]>>(payload)?.map(Payload::from_hash);
    let look = row.get::<_, Option<[u8; 40]>>(look)?.map(|bytes| Look::from_bytes(&bytes));
    Ok(Likeness { payload, look })
}

/// The photo whose id stands in a column.
pub(super) fn photo(row: &Row<'_>, column: usize) -> rusqlite::Result<PhotoId> {
    parsed(row, column, str::parse::<PhotoId>)
}

/// The time that stands in a column.
pub(super) fn time(row: &Row<'_>, column: usize) -> rusqlite::Result<Timestamp> {
    row.get(column).map(from_ns)
}

/// The time that may stand in a column.
pub(super) fn time_or_none(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Timestamp>> {
    Ok(row.get::<_, Option<i64>>(column)?.map(from_ns))
}

/// The number of bytes that stands in a column.
pub(super) fn size(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    row.get(column).map(to_u64)
}

/// A path from the columns folder path and file name, which stand side by side.
pub(super) fn path(row: &Row<'_>, folder: usize, name: usize) -> rusqlite::Result<RawPath> {
    let mut bytes: Vec<u8> = row.get(folder)?;
    bytes.extend_from_slice(row.get_ref(name)?.as_blob()?);
    Ok(RawPath::from_bytes(bytes))
}

/// A path as the columns folder path (with its slash) and file name: joined they are the exact path.
pub(super) fn split(path: &RawPath) -> (&[u8], &[u8]) {
    let bytes = path.as_bytes();
    let end = bytes.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
    bytes.split_at_checked(end).unwrap_or((bytes, &[]))
}

/// One of the model's words (a kind, a condition, …) from the text in a column.
pub(super) fn word<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    parsed(row, column, from_word)
}

/// One of the model's words from the text that may stand in a column.
pub(super) fn word_or_none<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    if is_null(row, column)? { Ok(None) } else { word(row, column).map(Some) }
}

/// One of the model's words from its text.
pub(super) fn from_word<T: DeserializeOwned>(text: &str) -> Result<T, WordError> {
    let word: StrDeserializer<'_, WordError> = text.into_deserializer();
    T::deserialize(word)
}

/// A value from the JSON in a column.
pub(super) fn json<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<T> {
    parsed(row, column, |text| serde_json::from_str(text))
}

/// A value from the JSON that may stand in a column.
pub(super) fn json_or_none<T: DeserializeOwned>(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<T>> {
    if is_null(row, column)? { Ok(None) } else { json(row, column).map(Some) }
}

/// A value as JSON, on its way into a column.
pub(super) fn to_json<T: Serialize>(value: &T) -> Result<String, CatalogError> {
    serde_json::to_string(value).map_err(|cause| CatalogError::Nonsense { what: cause.to_string() })
}

fn is_null(row: &Row<'_>, column: usize) -> rusqlite::Result<bool> {
    Ok(matches!(row.get_ref(column)?, ValueRef::Null))
}

fn parsed<T, E: std::error::Error + Send + Sync + 'static>(
    row: &Row<'_>,
    column: usize,
    parse: impl FnOnce(&str) -> Result<T, E>,
) -> rusqlite::Result<T> {
    parse(row.get_ref(column)?.as_str()?)
        .map_err(|cause| rusqlite::Error::FromSqlConversionFailure(column, Type::Text, Box::new(cause)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Certainty, Condition, Depth, Kind};

    #[test]
    fn a_path_is_the_same_bytes_after_it_was_split_and_joined() {
        for bytes in [&b"a.jpg"[..], b"DCIM/100/a.jpg", b"/a", b"a/", b"", b"//", b"f\xfcr/\xff"] {
            let path = RawPath::from_bytes(bytes.to_vec());
            let (folder, name) = split(&path);
            assert_eq!([folder, name].concat(), bytes);
            assert!(!name.contains(&b'/'));
        }
    }

    #[test]
    fn times_outside_the_range_do_not_come_back_as_themselves() {
        for (text, exact) in [("2014-08-03T12:22:33.123456789Z", true), ("2446-05-10T00:00:00Z", false)] {
            let at: Timestamp = text.parse().unwrap();
            assert_eq!(from_ns(to_ns(at)) == at, exact, "{text}");
        }
    }

    #[test]
    fn every_word_reads_back() {
        for (kind, word) in Kind::ALL {
            assert_eq!(from_word::<Kind>(word).unwrap(), kind);
        }
        for condition in Condition::ALL {
            assert_eq!(from_word::<Condition>(condition.as_str()).unwrap(), condition);
        }
        for depth in [Depth::Signature, Depth::Structure, Depth::Pixels] {
            assert_eq!(from_word::<Depth>(depth.as_str()).unwrap(), depth);
        }
        assert_eq!(from_word::<Certainty>(Certainty::Guess.as_str()).unwrap(), Certainty::Guess);
        assert!(from_word::<Condition>("fine").is_err());
    }
}
