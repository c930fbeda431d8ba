//! What the tests of FAT and exFAT share.

#![allow(clippy::expect_used, clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests")]

use std::ops::ControlFlow;
use std::sync::Arc;

use jiff::tz::TimeZone;

use crate::model::{Problem, Ranges};
use crate::sources::disk::file_system::{Content, DiskFile, FileSystem, Met, Reading, Standing};
use crate::sources::medium::Medium;

/// What a walk met, and where its files' bytes come from.
pub(in crate::sources::disk) struct Walked {
    pub(in crate::sources::disk) medium: Arc<dyn Medium>,
    pub(in crate::sources::disk) files: Vec<DiskFile>,
    pub(in crate::sources::disk) problems: Vec<Problem>,
    pub(in crate::sources::disk) free: Ranges,
}

pub(in crate::sources::disk) fn berlin() -> Reading {
    Reading { zone: TimeZone::get("Europe/Berlin").expect("the zones are here") }
}

pub(in crate::sources::disk) fn walked(volume: &dyn FileSystem, medium: Arc<dyn Medium>) -> Walked {
    let (mut files, mut problems) = (Vec::new(), Vec::new());
    let mut meet = |met| {
        match met {
            Met::File(file) => files.push(file),
            Met::Problem(problem) => problems.push(problem),
        }
        ControlFlow::Continue(())
    };
    volume.walk(&mut meet).expect("nobody stops it");
    let free = volume.free().expect("nobody stops it").expect("it can tell");
    Walked { medium, files, problems, free }
}

impl Walked {
    pub(in crate::sources::disk) fn file(&self, path: &str) -> &DiskFile {
        let found = self.files.iter().find(|file| file.path.as_bytes() == path.as_bytes());
        found.unwrap_or_else(|| panic!("no {path} among {:?}", self.paths()))
    }

    pub(in crate::sources::disk) fn paths(&self) -> Vec<String> {
        self.files.iter().map(|file| file.path.to_string()).collect()
    }

    pub(in crate::sources::disk) fn standing(&self, path: &str) -> Standing {
        self.file(path).standing
    }

    /// The bytes of a file, as many as have a place.
    pub(in crate::sources::disk) fn content(&self, path: &str) -> Vec<u8> {
        content(self.medium.as_ref(), self.file(path))
    }

    pub(in crate::sources::disk) fn told(&self) -> Vec<String> {
        self.problems.iter().map(|problem| format!("{}: {}", problem.path, problem.message)).collect()
    }
}

pub(in crate::sources::disk) fn content(medium: &dyn Medium, file: &DiskFile) -> Vec<u8> {
    let Content::Extents(extents) = &file.content else { panic!("clusters have extents") };
    let mut bytes = Vec::new();
    for extent in extents {
        let mut piece = vec![0; usize::try_from(extent.length).expect("small")];
        if let Some(at) = extent.at {
            medium.read(at, &mut piece).expect("it reads");
        }
        bytes.extend(piece);
    }
    bytes.truncate(usize::try_from(file.size).expect("small"));
    bytes
}

/// What holds of every volume, whatever its bytes.
pub(in crate::sources::disk) fn hold(walked: &Walked) {
    for file in &walked.files {
        let path = file.path.to_string();
        assert!(path.split('/').all(|part| !matches!(part, "" | "." | "..")), "{path:?}");
        let Content::Extents(extents) = &file.content else { panic!("clusters have extents") };
        let total = extents.iter().map(|extent| extent.length).fold(0_u64, u64::saturating_add);
        assert!(total <= file.size, "{file:?}");
        assert!(extents.iter().all(|extent| extent.length > 0), "{file:?}");
        if file.standing == Standing::Living {
            let owned = extents.iter().filter_map(|extent| extent.at.map(|at| at..at.saturating_add(extent.length)));
            assert!(owned.into_iter().all(|range| !walked.free.meets(range)), "{file:?} is free");
        }
    }
    assert!(walked.free.iter().all(|range| range.end <= walked.medium.size()));
    assert!(walked.problems.iter().all(|problem| !problem.path.is_empty() && !problem.message.is_empty()));
}
