//! What a photo is called, when it was taken and where it stands in the tree, from all that is known of it.

use jiff::{Timestamp, ToSpan as _, civil::DateTime, tz::TimeZone};

use super::examine::{Broken, Described};
use super::{Circumstances, Error, OpenArchive};
use crate::catalog::{Damage, Description, Undescribed};
use crate::events::Listener;
use crate::formats::file_name;
use crate::media::{capture_time, facts};
use crate::model::{
    CaptureTime, Certainty, Condition, Facts, FileStamp, Problem, ProblemKind, RawPath, TimeCandidate,
    choose_capture_time,
};
use crate::sources::disk::FOUND_BY_CONTENT;

/// Photos described between two transactions.
const PAGE: usize = 256;

/// Describes every photo that something new is known of, and names the broken ones by the path they came from.
pub(super) fn describe(
    open: &mut OpenArchive,
    broken: &Broken,
    around: &Circumstances,
    described: &mut Described,
    listener: &dyn Listener,
) -> Result<(), Error> {
    loop {
        let page = open.catalog.photos_to_describe(None, PAGE)?;
        if page.is_empty() {
            return Ok(());
        }
        let mut descriptions = Vec::new();
        for photo in &page {
            let sidecars = read_sidecars(open, photo, listener);
            descriptions.push((photo.photo.clone(), description(photo, &sidecars, around.now, &around.zone)));
            for damage in untold(photo, broken) {
                described.damaged += u64::from(damage.object == photo.object);
                let problem = problem(photo, damage);
                listener.problem(&problem);
                described.problems.push(problem);
            }
        }
        open.catalog.describe_photos(&descriptions)?;
    }
}

/// The damage that nobody was told of yet: what this run found, and what a run found that was cut off between examining
/// and describing.
fn untold<'a>(photo: &'a Undescribed, broken: &Broken) -> impl Iterator<Item = &'a Damage> {
    photo.damage.iter().filter(|damage| photo.is_new || broken.contains(&damage.object))
}

fn problem(photo: &Undescribed, damage: &Damage) -> Problem {
    let kind = match damage.condition {
        Condition::Truncated => ProblemKind::Truncated,
        Condition::Damaged | Condition::Intact => ProblemKind::Damaged,
        Condition::PreviewOnly => ProblemKind::PreviewOnly,
    };
    let path = best_sighting(&damage.sightings).map_or_else(|| photo.photo.to_string(), |(path, _)| path.to_string());
    Problem::new(path, kind, format!("the file {}", damage.finding))
}

/// A sidecar that the archive has lost says nothing, and stops nobody: `check` finds it.
fn read_sidecars(open: &OpenArchive, photo: &Undescribed, listener: &dyn Listener) -> Facts {
    let mut told = Facts::default();
    for sidecar in &photo.sidecars {
        let mut bytes = Vec::new();
        let read = open.objects.open_object(sidecar).map_err(Error::from).and_then(|file| {
            let mut file = io_limit(file);
            let read = std::io::Read::read_to_end(&mut file, &mut bytes);
            read.map_err(|cause| Error::Examination { object: *sidecar, cause })
        });
        match read {
            Ok(_) => merge(&mut told, facts::read_sidecar(&bytes)),
            Err(error) => listener.note(&format!("a sidecar of {} cannot be read: {}", photo.photo, error.told())),
        }
    }
    told
}

/// A sidecar is a page of text: what is longer is something else.
fn io_limit(file: std::fs::File) -> impl std::io::Read {
    std::io::Read::take(file, 4 << 20)
}

/// Adds what `more` knows and `facts` does not.
fn merge(facts: &mut Facts, more: Facts) {
    facts.rating = facts.rating.or(more.rating);
    facts.caption = facts.caption.take().or(more.caption);
    facts.position = facts.position.or(more.position);
    for keyword in more.keywords {
        if !facts.keywords.contains(&keyword) {
            facts.keywords.push(keyword);
        }
    }
    facts.times.extend(more.times);
}

/// Words in a sidecar were written later than those inside the file: they go first.
fn description(photo: &Undescribed, sidecars: &Facts, now: Timestamp, zone: &TimeZone) -> Description {
    let mut known = sidecars.clone();
    merge(&mut known, photo.facts.clone());
    let taken_at = taken_at(&known.times, &photo.sightings, now, zone);
    let name = best_sighting(&photo.sightings).map(|(path, _)| path.file_name().to_vec()).unwrap_or_default();
    Description {
        wanted_path: wanted_path(&photo.owner, photo.said_taken_at.as_ref().or(taken_at.as_ref()), &name),
        name: RawPath::from_bytes(name).to_string(),
        taken_at,
        position: known.position,
        rating: known.rating,
        caption: known.caption,
        keywords: known.keywords,
        camera: photo.facts.camera.clone(),
        lens: photo.facts.lens.clone(),
        width: photo.facts.width,
        height: photo.facts.height,
        orientation: photo.facts.orientation,
        duration_ms: photo.facts.duration_ms,
    }
}

fn taken_at(
    told: &[TimeCandidate],
    sightings: &[(RawPath, FileStamp)],
    now: Timestamp,
    zone: &TimeZone,
) -> Option<CaptureTime> {
    let mut candidates = told.to_vec();
    candidates.extend(sightings.iter().flat_map(|(path, _)| capture_time::from_path(path)));
    let mut modified: Vec<Timestamp> = sightings.iter().filter_map(|(_, stamp)| stamp.modified_at).collect();
    // Copying sets the time anew, so the oldest is the nearest to the truth.
    modified.sort_unstable();
    candidates.extend(modified.into_iter().map(|modified_at| capture_time::from_modified(modified_at, zone)));
    choose_capture_time(&candidates, latest(now, zone))
}

/// Clocks that run a day ahead, or stand in a zone further east, are believed.
fn latest(now: Timestamp, zone: &TimeZone) -> DateTime {
    let local = now.to_zoned(zone.clone()).datetime();
    local.checked_add(1.day()).unwrap_or(local)
}

/// The sighting that names the photo: one with a name where there is one, not a “copy of” where there is another, then the shortest path, so that the
/// order in which files were met does not matter.
fn best_sighting(sightings: &[(RawPath, FileStamp)]) -> Option<&(RawPath, FileStamp)> {
    let rank = |path: &RawPath| (is_nameless(path), looks_like_a_copy(path), path.as_bytes().len());
    sightings.iter().min_by_key(|(path, _)| (rank(path), path.clone()))
}

/// Whether no folder told of it: its name is only a place on a disk.
fn is_nameless(path: &RawPath) -> bool {
    path.as_bytes().starts_with(FOUND_BY_CONTENT.as_bytes())
}

fn looks_like_a_copy(path: &RawPath) -> bool {
    let shown = path.to_string().to_lowercase();
    let name = shown.rsplit('/').next().unwrap_or_default();
    let numbered = name.rsplit_once('.').map_or(name, |(stem, _)| stem).ends_with(')');
    numbered || ["copy", "kopie", "backup"].iter().any(|word| shown.contains(word))
}

/// Where the photo belongs in every snapshot: `photos/anna/2014/2014-08/20140803-142233_IMG_1234.JPG`.
///
/// A time that is a computer's guess sorts a photo into its month, and stays out of its name.
fn wanted_path(owner: &str, taken_at: Option<&CaptureTime>, name: &[u8]) -> String {
    let owner = file_name::safe(owner.as_bytes());
    let name = file_name::safe(name);
    let Some(time) = taken_at else {
        return format!("photos/{owner}/undated/{name}");
    };
    let (date, clock) = (time.local.date(), time.local.time());
    let (year, month, day) = (date.year(), date.month(), date.day());
    let folder = match time.certainty {
        Certainty::Year => format!("photos/{owner}/{year:04}"),
        Certainty::Guess | Certainty::Month | Certainty::Day | Certainty::Exact => {
            format!("photos/{owner}/{year:04}/{year:04}-{month:02}")
        }
    };
    let stamp = match time.certainty {
        Certainty::Exact => {
            format!("{year:04}{month:02}{day:02}-{:02}{:02}{:02}_", clock.hour(), clock.minute(), clock.second())
        }
        Certainty::Day => format!("{year:04}{month:02}{day:02}_"),
        Certainty::Guess | Certainty::Year | Certainty::Month => String::new(),
    };
    format!("{folder}/{}", file_name::safe(format!("{stamp}{name}").as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Kind, ObjectId, PhotoId, TimeSource};
    use jiff::civil::date;

    fn seen(path: &str) -> (RawPath, FileStamp) {
        (RawPath::from_bytes(path.into()), FileStamp { size: 1, modified_at: None, inode: 0 })
    }

    fn taken(certainty: Certainty) -> CaptureTime {
        CaptureTime { local: date(2014, 8, 3).at(14, 22, 33, 0), offset: None, source: TimeSource::Exif, certainty }
    }

    #[test]
    fn a_path_says_what_is_known_of_the_time_and_no_more() {
        let path = |time: Option<CaptureTime>| wanted_path("anna", time.as_ref(), b"IMG_1234.JPG");
        assert_eq!(path(Some(taken(Certainty::Exact))), "photos/anna/2014/2014-08/20140803-142233_IMG_1234.JPG");
        assert_eq!(path(Some(taken(Certainty::Day))), "photos/anna/2014/2014-08/20140803_IMG_1234.JPG");
        assert_eq!(path(Some(taken(Certainty::Guess))), "photos/anna/2014/2014-08/IMG_1234.JPG");
        assert_eq!(path(Some(taken(Certainty::Year))), "photos/anna/2014/IMG_1234.JPG");
        assert_eq!(path(None), "photos/anna/undated/IMG_1234.JPG");
    }

    #[test]
    fn the_name_comes_from_the_best_copy_whatever_the_order() {
        let mut sightings =
            vec![seen("backup/DCIM/IMG_1.JPG"), seen("DCIM/100CANON/IMG_1.JPG"), seen("DCIM/IMG_1 (1).JPG")];
        for _ in 0..3 {
            sightings.rotate_left(1);
            let (best, _) = best_sighting(&sightings).expect("one is the best");
            assert_eq!(best.to_string(), "DCIM/100CANON/IMG_1.JPG");
        }
    }

    #[test]
    fn damage_is_told_once_though_the_run_that_found_it_was_cut_off() {
        let object = ObjectId::of(b"broken");
        let sightings = vec![seen("card/DCIM/IMG_1.JPG")];
        let finding = "ends after 61 % of the picture".to_owned();
        let mut photo = Undescribed {
            photo: PhotoId::new("anna", &object),
            owner: "anna".to_owned(),
            object,
            kind: Kind::Jpeg,
            facts: Facts::default(),
            sightings: sightings.clone(),
            sidecars: Vec::new(),
            damage: vec![Damage { object, condition: Condition::Truncated, finding, sightings }],
            is_new: true,
            said_taken_at: None,
        };
        let told = |photo: &Undescribed, broken: &Broken| {
            untold(photo, broken).map(|damage| problem(photo, damage)).collect::<Vec<_>>()
        };
        let nothing_found_now = Broken::new();
        let problems = told(&photo, &nothing_found_now);
        assert_eq!((problems[0].path.as_str(), problems[0].kind), ("card/DCIM/IMG_1.JPG", ProblemKind::Truncated));
        photo.is_new = false;
        assert!(told(&photo, &nothing_found_now).is_empty(), "described before");
        assert_eq!(told(&photo, &Broken::from([object])).len(), 1, "found now");
    }

    #[test]
    fn the_oldest_file_time_is_the_best_guess() {
        let at = |text: &str| FileStamp { size: 1, modified_at: Some(text.parse().expect("a time")), inode: 0 };
        let sightings = [
            (RawPath::from_bytes(b"a/x.jpg".to_vec()), at("2019-01-01T00:00:00Z")),
            (RawPath::from_bytes(b"b/x.jpg".to_vec()), at("2012-05-06T07:08:09Z")),
        ];
        let now = "2026-01-01T00:00:00Z".parse().expect("a time");
        let time = taken_at(&[], &sightings, now, &TimeZone::UTC).expect("a guess");
        assert_eq!((time.local, time.certainty), (date(2012, 5, 6).at(7, 8, 9, 0), Certainty::Guess));
    }
}
