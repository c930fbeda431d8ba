//! An archive's own files: the marker that says "this is one", the settings, the locks. Each is validated once into
//! types that the rest can trust. Passwords live elsewhere (`secrets` writes them).

mod archive;
mod error;
mod kit_copies;
mod locks;
mod marker;
mod reading;
mod settings;

pub use archive::Archive;
pub use error::{Absence, ConfigError};
pub use kit_copies::KitCopy;
pub use locks::{Held, Lock, Sharing};
pub use marker::{FORMAT, MARKER_FILE, Marker};
pub use settings::{BadName, BadSettings, KitSettings, RepositoryName, RepositorySettings, SETTINGS_FILE, Settings};
