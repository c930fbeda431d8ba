//! An archive that is there.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

use crate::durable::{Readers, create_folder, is_unfinished, replace_file};

use super::error::{Absence, ConfigError};
use super::marker::{FORMAT, Known, MARKER_FILE, Marker};
use super::settings::{BadSettings, SETTINGS_FILE, Settings};

/// Bytes; nobody writes that many settings.
const MOST_BYTES: u64 = 1 << 20;

/// What an operating system leaves on an empty drive by itself.
const OF_THE_SYSTEM: [&str; 6] =
    ["lost+found", "System Volume Information", "$RECYCLE.BIN", ".DS_Store", ".Trashes", ".fseventsd"];

/// An archive that is there: its marker was read, its settings are valid.
#[derive(Debug)]
pub struct Archive {
    /// The folder that holds everything.
    pub folder: PathBuf,
    /// Which archive it is.
    pub marker: Marker,
    /// What its people set.
    pub settings: Settings,
}

impl Archive {
    /// Makes a new archive in a folder that is missing or empty.
    ///
    /// The marker is written last: after a crash there is either a whole archive, or none and the call can be
    /// repeated.
    pub fn create(folder: &Path, owner: &str, archive_id: &str) -> Result<Self, ConfigError> {
        let marker = Marker::new(archive_id).map_err(|why| ConfigError::BadId { id: archive_id.to_owned(), why })?;
        let file = folder.join(SETTINGS_FILE);
        let settings = Settings::new(owner).map_err(|why| {
            let why = format!("“{owner}” cannot be the owner: {why}");
            ConfigError::BadSettings { file: file.clone(), problem: BadSettings::Value { line: 1, why } }
        })?;
        refuse_what_is_there(folder)?;
        create_folder(folder).map_err(|source| failed(folder, "made", source))?;
        let archive = Self { folder: folder.to_owned(), marker, settings };
        let text =
            archive.settings.to_toml().map_err(|problem| ConfigError::BadSettings { file: file.clone(), problem })?;
        write(&file, &text)?;
        write(&folder.join(MARKER_FILE), &archive.marker.to_toml())?;
        Ok(archive)
    }

    /// Opens the archive in `folder`.
    pub fn open(folder: &Path) -> Result<Self, ConfigError> {
        let marker_file = folder.join(MARKER_FILE);
        let marker = match read(&marker_file)? {
            None => return Err(absence(folder)?),
            Some(text) => match Marker::from_toml(&text) {
                Ok(Known::Marker(marker)) => marker,
                Ok(Known::Newer(found)) => {
                    return Err(ConfigError::NewerFormat { folder: folder.to_owned(), found, known: FORMAT });
                }
                Err(why) => return Err(ConfigError::DamagedMarker { file: marker_file, why }),
            },
        };
        let settings_file = folder.join(SETTINGS_FILE);
        let Some(text) = read(&settings_file)? else { return Err(ConfigError::SettingsLost { file: settings_file }) };
        let settings =
            Settings::from_toml(&text).map_err(|problem| ConfigError::BadSettings { file: settings_file, problem })?;
        Ok(Self { folder: folder.to_owned(), marker, settings })
    }

    /// Whether there is an archive in `folder`, of whatever version.
    pub fn is_one(folder: &Path) -> bool {
        folder.join(MARKER_FILE).is_file()
    }

    /// The nearest folder that is an archive: `start`, or one that it lies in.
    pub fn find(start: &Path) -> Option<PathBuf> {
        let start = std::path::absolute(start).ok()?;
        start.ancestors().find(|folder| Self::is_one(folder)).map(Path::to_owned)
    }

    /// Writes new settings, and takes them over. After `Err`, or a crash, the old ones stand as before.
    ///
    /// Where repositories only came to the end, a person's comments stay; otherwise the file is written anew.
    /// Settings that somebody else changed since they were read here are never overwritten.
    pub fn save_settings(&mut self, settings: Settings) -> Result<(), ConfigError> {
        let file = self.settings_file();
        let bad = |problem| ConfigError::BadSettings { file: file.clone(), problem };
        // Between the look and the write nobody else may write.
        let _waits_for_others = self.settings_lock()?;
        let on_disk = read(&file)?.ok_or_else(|| ConfigError::ChangedMeanwhile { file: file.clone() })?;
        if !Settings::from_toml(&on_disk).is_ok_and(|on_disk| on_disk == self.settings) {
            return Err(ConfigError::ChangedMeanwhile { file });
        }
        let text = settings.to_toml_after(&self.settings, &on_disk).map_err(bad)?;
        Settings::from_toml(&text).map_err(bad)?;
        write(&file, &text)?;
        self.settings = settings;
        Ok(())
    }

    /// Makes two programs that change the settings wait for each other; released when it is dropped.
    fn settings_lock(&self) -> Result<File, ConfigError> {
        let folder = self.folder.join("locks");
        let path = folder.join("settings.lock");
        let take = || -> io::Result<File> {
            create_folder(&folder)?;
            let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
            file.lock()?;
            Ok(file)
        };
        take().map_err(|source| failed(&path, "locked", source))
    }

    /// The settings.
    pub fn settings_file(&self) -> PathBuf {
        self.folder.join(SETTINGS_FILE)
    }

    /// The database.
    pub fn catalog_file(&self) -> PathBuf {
        self.folder.join("catalog.db")
    }

    /// The originals.
    pub fn objects_folder(&self) -> PathBuf {
        self.folder.join("objects")
    }

    /// Small pictures of what is stored; they may be deleted at any time.
    pub fn previews_folder(&self) -> PathBuf {
        self.folder.join("previews")
    }

    /// Where runs say that they are busy.
    pub fn locks_folder(&self) -> PathBuf {
        self.folder.join("locks")
    }
}

/// Says why there is no marker in `folder`.
fn absence(folder: &Path) -> Result<ConfigError, ConfigError> {
    let absent = |why| ConfigError::Absent { folder: folder.to_owned(), why };
    match fs::read_dir(folder) {
        Ok(mut entries) => Ok(match entries.next() {
            None => absent(Absence::Empty),
            Some(_) if folder.join("catalog.db").exists() => ConfigError::MarkerLost { folder: folder.to_owned() },
            Some(_) => ConfigError::NotAnArchive { folder: folder.to_owned() },
        }),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(absent(Absence::Missing)),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            Ok(ConfigError::NotAnArchive { folder: folder.to_owned() })
        }
        Err(source) => Err(failed(folder, "read", source)),
    }
}

/// Lets through a folder that is missing, is empty, or holds only what a create that was cut short left.
fn refuse_what_is_there(folder: &Path) -> Result<(), ConfigError> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(|source| failed(folder, "read", source))?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|source| failed(folder, "read", source))?;
        names.push(entry.file_name().to_string_lossy().into_owned());
    }
    if names.iter().any(|name| name == MARKER_FILE) {
        return Err(ConfigError::AlreadyThere { folder: folder.to_owned() });
    }
    let left_by_a_create = |name: &str| name == SETTINGS_FILE || is_unfinished(name);
    names.sort();
    match names.into_iter().find(|name| !left_by_a_create(name) && !OF_THE_SYSTEM.contains(&name.as_str())) {
        Some(found) => Err(ConfigError::NotEmpty { folder: folder.to_owned(), found }),
        None => Ok(()),
    }
}

/// The text of a file; `None` when there is no such file.
pub(super) fn read(file: &Path) -> Result<Option<String>, ConfigError> {
    let read = || -> io::Result<String> {
        if fs::metadata(file)?.len() > MOST_BYTES {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "it is larger than such a file can be"));
        }
        fs::read_to_string(file)
    };
    match read() {
        Ok(text) => Ok(Some(text)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(source) => Err(failed(file, "read", source)),
    }
}

pub(super) fn write(file: &Path, text: &str) -> Result<(), ConfigError> {
    replace_file(file, text.as_bytes(), Readers::Anyone).map_err(|source| failed(file, "written", source))
}

fn failed(path: &Path, doing: &'static str, source: io::Error) -> ConfigError {
    ConfigError::Io { path: path.to_owned(), doing, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RepositorySettings;

    fn put(path: &Path, text: &str) {
        replace_file(path, text.as_bytes(), Readers::Anyone).unwrap();
    }

    #[test]
    fn an_archive_that_was_made_can_be_opened_and_found_from_below() {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path().join("new/archive");
        let made = Archive::create(&folder, "anna", "a1").unwrap();
        let opened = Archive::open(&folder).unwrap();
        assert_eq!((&opened.marker, &opened.settings), (&made.marker, &made.settings));
        assert_eq!(opened.settings.owner, "anna");
        fs::create_dir_all(folder.join("objects/ab")).unwrap();
        assert_eq!(Archive::find(&folder.join("objects/ab")), Some(folder));
        assert_eq!(Archive::find(place.path()), None);
    }

    #[test]
    fn an_archive_is_made_neither_over_another_nor_among_other_files() {
        let place = tempfile::tempdir().unwrap();
        Archive::create(place.path(), "anna", "a1").unwrap();
        assert!(matches!(Archive::create(place.path(), "bob", "b2"), Err(ConfigError::AlreadyThere { .. })));
        assert_eq!(Archive::open(place.path()).unwrap().settings.owner, "anna");

        let full = tempfile::tempdir().unwrap();
        put(&full.path().join("holiday.jpg"), "x");
        let error = Archive::create(full.path(), "anna", "a1").unwrap_err();
        assert!(matches!(&error, ConfigError::NotEmpty { found, .. } if found == "holiday.jpg"), "{error}");
    }

    #[test]
    fn a_create_that_was_cut_short_left_no_archive_and_can_be_repeated() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir(place.path().join("lost+found")).unwrap();
        put(&place.path().join(SETTINGS_FILE), "half");
        put(&place.path().join(".keepsake-abc.new"), "");
        assert!(matches!(Archive::open(place.path()), Err(ConfigError::NotAnArchive { .. })));
        Archive::create(place.path(), "anna", "a1").unwrap();
        Archive::open(place.path()).unwrap();
    }

    #[test]
    fn a_create_that_fails_on_its_way_leaves_no_marker() {
        let place = tempfile::tempdir().unwrap();
        fs::create_dir_all(place.path().join(SETTINGS_FILE).join("in the way")).unwrap();
        assert!(matches!(Archive::create(place.path(), "anna", "a1"), Err(ConfigError::Io { .. })));
        assert!(!place.path().join(MARKER_FILE).exists());
    }

    #[test]
    fn an_archive_that_lost_its_marker_is_not_made_anew_over_its_photos() {
        let place = tempfile::tempdir().unwrap();
        Archive::create(place.path(), "anna", "a1").unwrap();
        fs::create_dir(place.path().join("objects")).unwrap();
        fs::remove_file(place.path().join(MARKER_FILE)).unwrap();
        assert!(matches!(Archive::create(place.path(), "anna", "a2"), Err(ConfigError::NotEmpty { .. })));
    }

    #[test]
    fn a_drive_that_is_not_mounted_is_absent_not_empty() {
        let place = tempfile::tempdir().unwrap();
        let why = |folder: &Path| {
            let error = Archive::open(folder).unwrap_err();
            let ConfigError::Absent { why, .. } = error else { panic!("{error}") };
            why
        };
        assert_eq!(why(place.path()), Absence::Empty);
        assert_eq!(why(&place.path().join("gone")), Absence::Missing);
        put(&place.path().join("file"), "");
        assert!(matches!(Archive::open(&place.path().join("file")), Err(ConfigError::NotAnArchive { .. })));
    }

    #[test]
    fn an_archive_of_a_newer_format_is_refused_with_both_numbers() {
        let place = tempfile::tempdir().unwrap();
        put(&place.path().join(MARKER_FILE), "format = 9\n");
        let error = Archive::open(place.path()).unwrap_err();
        assert!(matches!(error, ConfigError::NewerFormat { found: 9, known: FORMAT, .. }), "{error}");
    }

    #[test]
    fn a_marker_that_was_emptied_is_damaged_and_not_a_new_archive() {
        let place = tempfile::tempdir().unwrap();
        put(&place.path().join(MARKER_FILE), "");
        assert!(matches!(Archive::open(place.path()), Err(ConfigError::DamagedMarker { .. })));
        assert!(matches!(Archive::create(place.path(), "a", "a"), Err(ConfigError::AlreadyThere { .. })));
    }

    #[test]
    fn saved_settings_are_the_ones_that_are_opened_and_bad_ones_are_not_saved() {
        let place = tempfile::tempdir().unwrap();
        let mut archive = Archive::create(place.path(), "anna", "a1").unwrap();
        let mut settings = archive.settings.clone();
        let name = "usb".parse().unwrap();
        settings.repositories.push(RepositorySettings { name, location: "/mnt".into(), id: None, options: [].into() });
        archive.save_settings(settings.clone()).unwrap();
        assert_eq!(Archive::open(place.path()).unwrap().settings, settings);

        let mut twice = settings.clone();
        twice.repositories.extend(settings.repositories.clone());
        archive.save_settings(twice).unwrap_err();
        assert_eq!(archive.settings, settings);
        assert_eq!(Archive::open(place.path()).unwrap().settings, settings);
    }

    #[test]
    fn settings_that_somebody_changed_meanwhile_are_not_overwritten_but_a_comment_is_no_change() {
        let place = tempfile::tempdir().unwrap();
        let mut archive = Archive::create(place.path(), "anna", "a1").unwrap();
        put(&archive.settings_file(), "# mine\nowner = \"anna\"\n");
        let mut settings = archive.settings.clone();
        let name = "usb".parse().unwrap();
        settings.repositories.push(RepositorySettings { name, location: "/mnt".into(), id: None, options: [].into() });
        archive.save_settings(settings.clone()).unwrap();
        assert!(fs::read_to_string(archive.settings_file()).unwrap().starts_with("# mine\n"));

        put(&archive.settings_file(), "owner = \"bob\"\n");
        let error = archive.save_settings(settings).unwrap_err();
        assert!(matches!(error, ConfigError::ChangedMeanwhile { .. }), "{error}");
        assert_eq!(Archive::open(place.path()).unwrap().settings.owner, "bob");
    }

    #[test]
    fn a_mistake_in_the_settings_says_the_file_and_the_line() {
        let place = tempfile::tempdir().unwrap();
        let archive = Archive::create(place.path(), "anna", "a1").unwrap();
        put(&archive.settings_file(), "owner = \"anna\"\nkitt = 1\n");
        let said = Archive::open(place.path()).unwrap_err().to_string();
        assert!(said.ends_with("keepsake.toml: line 2: “kitt” is not a setting; did you mean “kit”?"), "{said}");
    }
}
