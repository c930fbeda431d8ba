//! Previews on their way from whoever made them to their folder.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::Error;
use crate::events::Listener;
use crate::media::{NotShown, Renditions};
use crate::model::ObjectId;
use crate::previews::{Found, Previews, PreviewsError};

/// What makes previews now. Raised when it learns to show more, so that what it could not show is tried again.
pub(super) const MAKER: &str = "keepsake previews 1";

/// Keeps previews as long as there is room for them, and remembers why it stopped: no photo waits for a preview.
pub(super) struct Keeper {
    pub(super) previews: Previews,
    failed: Mutex<Option<PreviewsError>>,
}

impl Keeper {
    pub(super) fn new(previews: Previews) -> Self {
        Self { previews, failed: Mutex::new(None) }
    }

    /// Keeps the previews of an object, or the reason why there are none. A reason that may pass is not kept.
    ///
    /// After the first failure nothing more is written.
    pub(super) fn keep(&self, object: &ObjectId, made: &Result<Renditions, NotShown>) {
        if self.lock().is_some() {
            return;
        }
        let kept = match made {
            Ok(Renditions { small, large, .. }) => self.previews.put(object, small, large),
            Err(why) if why.is_lasting() => self.previews.put_none(object, &why.to_string(), MAKER),
            Err(_) => Ok(()),
        };
        if let Err(error) = kept {
            self.lock().get_or_insert(error);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<PreviewsError>> {
        self.failed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn find(&self, object: &ObjectId) -> Result<Found, PreviewsError> {
        self.previews.find(object, MAKER)
    }

    /// Whether previews could not be kept.
    pub(super) fn has_failed(&self) -> bool {
        self.lock().is_some()
    }

    /// Why previews could not be kept, if so.
    pub(super) fn into_failure(self) -> Option<PreviewsError> {
        self.failed.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    /// Says so if previews could not be kept.
    pub(super) fn tell(self, listener: &dyn Listener) {
        if let Some(error) = self.into_failure() {
            let why = Error::chain(&error);
            listener.note(&format!("previews are left out: {why}. “keepsake previews” makes them when there is room"));
        }
    }
}
