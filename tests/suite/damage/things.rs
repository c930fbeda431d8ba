//! What can be damaged, how, and what is asked then.

use std::path::Path;

/// A file that something rests on.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Thing {
    Object,
    Catalog,
    DataPack,
    TreePack,
    Index,
    Snapshot,
    Key,
    RepositoryConfig,
    Kit,
    KitBeside,
    Settings,
    Secrets,
    Marker,
}

/// What happens to it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Damage {
    CutShort,
    Altered,
    Gone,
    Folder,
    Unreadable,
}

/// What somebody asks of it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Verb {
    Status,
    Check,
    CheckObjects,
    CheckReadData,
    Ingest,
    Backup,
    Drill,
    RestoreAlbum,
    RestoreAllKit,
    Recover,
}

impl Thing {
    pub(super) const ALL: [Self; 13] = [
        Self::Object,
        Self::Catalog,
        Self::DataPack,
        Self::TreePack,
        Self::Index,
        Self::Snapshot,
        Self::Key,
        Self::RepositoryConfig,
        Self::Kit,
        Self::KitBeside,
        Self::Settings,
        Self::Secrets,
        Self::Marker,
    ];

    /// The heading that it stands under in the page.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Object => "An object of the archive",
            Self::Catalog => "The catalog",
            Self::DataPack => "A pack of photos in a repository",
            Self::TreePack => "A pack of folders in a repository",
            Self::Index => "An index file of a repository",
            Self::Snapshot => "The newest snapshot",
            Self::Key => "The only key file of a repository",
            Self::RepositoryConfig => "The configuration of a repository",
            Self::Kit => "The archive's own recovery kit",
            Self::KitBeside => "The kit beside a repository",
            Self::Settings => "The settings",
            Self::Secrets => "The secrets",
            Self::Marker => "The marker",
        }
    }
}

impl Damage {
    pub(super) const ALL: [Self; 5] = [Self::CutShort, Self::Altered, Self::Gone, Self::Folder, Self::Unreadable];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::CutShort => "cut short",
            Self::Altered => "altered",
            Self::Gone => "gone",
            Self::Folder => "a folder",
            Self::Unreadable => "unreadable",
        }
    }
}

impl Verb {
    pub(super) const ALL: [Self; 10] = [
        Self::Status,
        Self::Check,
        Self::CheckObjects,
        Self::CheckReadData,
        Self::Ingest,
        Self::Backup,
        Self::Drill,
        Self::RestoreAlbum,
        Self::RestoreAllKit,
        Self::Recover,
    ];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Status => "status",
            Self::Check => "check",
            Self::CheckObjects => "check --objects",
            Self::CheckReadData => "check --read-data",
            Self::Ingest => "ingest",
            Self::Backup => "backup",
            Self::Drill => "drill --all",
            Self::RestoreAlbum => "restore --album",
            Self::RestoreAllKit => "restore --all --kit",
            Self::Recover => "recover --kit",
        }
    }

    /// Whether it needs no archive, but a kit and its words.
    pub(super) fn has_a_kit_alone(self) -> bool {
        matches!(self, Self::RestoreAllKit | Self::Recover)
    }

    /// Whether it writes into the archive or the repository more than that it ran.
    pub(super) fn writes(self) -> bool {
        matches!(self, Self::Ingest | Self::Backup)
    }

    /// What is typed, in the folder `place`.
    pub(super) fn arguments(self, place: &Path) -> Vec<String> {
        let path = |name: &str| place.join(name).display().to_string();
        let words: Vec<String> = match self {
            Self::Ingest => vec!["ingest".into(), path("card")],
            Self::RestoreAlbum => {
                vec!["restore".into(), "--album".into(), "Lisbon".into(), "--to".into(), path("to")]
            }
            Self::RestoreAllKit => {
                let kit = path("archive/recovery/kit.age");
                vec!["restore".into(), "--all".into(), "--kit".into(), kit, "--to".into(), path("to")]
            }
            Self::Recover => {
                let kit = path("archive/recovery/kit.age");
                vec!["recover".into(), "--kit".into(), kit, "--into".into(), path("new")]
            }
            Self::Status | Self::Check | Self::CheckObjects | Self::CheckReadData | Self::Backup | Self::Drill => {
                self.name().split(' ').map(str::to_owned).collect()
            }
        };
        if self.has_a_kit_alone() { words } else { [vec!["--archive".into(), path("archive")], words].concat() }
    }
}
