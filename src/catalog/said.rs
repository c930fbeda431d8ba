//! What a person says about a photo. It wins over every file and every machine, and no later reading changes it.

use jiff::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::columns::{self, to_json, to_ns};
use super::description::settle;
use super::operations::{OperationId, Undo, record_operation};
use super::photos::photo_row;
use super::{Catalog, CatalogError};
use crate::model::{CaptureTime, PhotoId, TimeSource};

/// All that was said about one photo.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub(super) struct Said {
    /// Empty: “this photo has no caption”, whatever its file says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) caption: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) rating: Option<i8>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) taken_at: Option<CaptureTime>,
}

/// What a statement is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Subject {
    Caption,
    Rating,
    TakenAt,
}

impl Subject {
    fn as_str(self) -> &'static str {
        match self {
            Self::Caption => "caption",
            Self::Rating => "rating",
            Self::TakenAt => "taken-at",
        }
    }

    fn in_words(self) -> &'static str {
        match self {
            Self::Caption => "the caption",
            Self::Rating => "the rating",
            Self::TakenAt => "the date",
        }
    }
}

impl Catalog {
    /// A person wrote a caption. Empty: there shall be none. `None`: they take back what they wrote, and what the file
    /// says shows again.
    pub fn set_caption(
        &mut self,
        photo: &PhotoId,
        caption: Option<&str>,
        now: Timestamp,
    ) -> Result<OperationId, CatalogError> {
        self.say(photo, Subject::Caption, caption.map(Value::from), now)
    }

    /// A person gave stars, 0 to 5, or -1 for “rejected”; more or fewer count as the nearest. `None` takes it back.
    pub fn set_rating(
        &mut self,
        photo: &PhotoId,
        rating: Option<i8>,
        now: Timestamp,
    ) -> Result<OperationId, CatalogError> {
        self.say(photo, Subject::Rating, rating.map(|stars| Value::from(stars.clamp(-1, 5))), now)
    }

    /// A person corrected when a photo was taken. The photo gets its new path when it is described next.
    pub fn set_taken_at(
        &mut self,
        photo: &PhotoId,
        taken_at: Option<CaptureTime>,
        now: Timestamp,
    ) -> Result<OperationId, CatalogError> {
        let value = match taken_at {
            Some(time) => Some(
                serde_json::to_value(CaptureTime { source: TimeSource::Person, ..time })
                    .map_err(|cause| CatalogError::Nonsense { what: cause.to_string() })?,
            ),
            None => None,
        };
        self.say(photo, Subject::TakenAt, value, now)
    }

    fn say(
        &mut self,
        photo: &PhotoId,
        subject: Subject,
        value: Option<Value>,
        now: Timestamp,
    ) -> Result<OperationId, CatalogError> {
        let change = self.change()?;
        let row = photo_row(&change, photo)?;
        let before = statement(&change, row, subject)?;
        write(&change, row, subject, value.as_ref(), now)?;
        let what = format!("changed {} of a photo ({photo})", subject.in_words());
        let undo = Undo::Say { photo: photo.clone(), subject, before, after: value };
        let operation = record_operation(&change, now, &what, &undo)?;
        change.commit()?;
        Ok(operation)
    }
}

/// What a person said about one thing.
pub(super) fn statement(connection: &Connection, photo: i64, subject: Subject) -> Result<Option<Value>, CatalogError> {
    let mut statement = connection.prepare_cached("SELECT value FROM said WHERE photo = ?1 AND what = ?2")?;
    Ok(statement.query_row(params![photo, subject.as_str()], |row| columns::json(row, 0)).optional()?)
}

/// Writes a statement down, or takes it back.
pub(super) fn write(
    change: &Connection,
    photo: i64,
    subject: Subject,
    value: Option<&Value>,
    now: Timestamp,
) -> Result<(), CatalogError> {
    match value {
        Some(value) => insert(change, photo, subject, value, now)?,
        None => {
            change
                .prepare_cached("DELETE FROM said WHERE photo = ?1 AND what = ?2")?
                .execute(params![photo, subject.as_str()])?;
        }
    }
    if subject == Subject::TakenAt {
        change.prepare_cached("UPDATE photo SET needs_describing = 1 WHERE row = ?1")?.execute([photo])?;
    }
    settle(change, photo)
}

/// Writes the row of a statement, and nothing that follows from it.
pub(super) fn insert(
    change: &Connection,
    photo: i64,
    subject: Subject,
    value: &Value,
    at: Timestamp,
) -> Result<(), CatalogError> {
    change
        .prepare_cached(
            "INSERT INTO said (photo, what, value, at) VALUES (?1, ?2, ?3, ?4)
             ON CONFLICT DO UPDATE SET value = excluded.value, at = excluded.at",
        )?
        .execute(params![photo, subject.as_str(), to_json(value)?, to_ns(at)])?;
    Ok(())
}

/// All that a person said about a photo.
pub(super) fn said(connection: &Connection, photo: i64) -> Result<Said, CatalogError> {
    let mut statement = connection.prepare_cached("SELECT what, value FROM said WHERE photo = ?1")?;
    let mut rows = statement.query([photo])?;
    let mut said = Said::default();
    while let Some(row) = rows.next()? {
        match columns::word(row, 0)? {
            Subject::Caption => said.caption = Some(columns::json(row, 1)?),
            Subject::Rating => said.rating = Some(columns::json(row, 1)?),
            Subject::TakenAt => said.taken_at = Some(columns::json(row, 1)?),
        }
    }
    Ok(said)
}
