//! Recover: a whole new archive out of one repository, on a machine that has nothing but the kit.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::contents::{Contents, exported, read_whole};
use super::open_archive::{be_present, hold};
use super::restore::{pick_snapshot, unreadable_snapshots};
use super::tree_paths::path_of_each_object;
use super::{Circumstances, Error, OpenArchive, make_kit};
use crate::catalog::{Catalog, Job, Outcome, Shard, SnapshotRow};
use crate::config::{Archive, ConfigError, Lock, RepositorySettings, Settings, Sharing};
use crate::durable;
use crate::events::{Listener, Progress, Stage};
use crate::model::report::RecoverReport;
use crate::model::{ObjectId, Problem, ProblemKind};
use crate::objects::{Incoming, ObjectsError, Store};
use crate::recovery::Kit;
use crate::repository::{Access, Key, Repository, Snapshot, SnapshotFile};
use crate::secrets::{Secrets, generate_passphrase};

/// What opens the repository to recover from, and what else the person has.
pub struct RecoverFrom {
    /// The repository.
    pub access: Access,
    /// The kit that told of it, if there is one: its other repositories are taken over too.
    pub kit: Option<Kit>,
    /// The words that opened the kit: later kits are sealed with them again.
    pub words: Option<String>,
    /// A snapshot's id or its beginning; the newest complete one when not said.
    pub snapshot: Option<String>,
}

/// Makes the archive anew in `into`, which must be missing, empty, or what an interrupted recovery left.
///
/// After Ok the archive holds every object of the snapshot that is not among the problems, each compared with its
/// name, and all that people said. After Err or a crash, running again goes on from there; the catalog is written
/// last, so a half recovered folder never passes for an archive.
pub fn recover(
    from: &RecoverFrom,
    into: &Path,
    around: &Circumstances,
    listener: &dyn Listener,
) -> Result<RecoverReport, Error> {
    let RecoverFrom { access, kit, words, snapshot } = from;
    let repository = Repository::open(access)?;
    let archive_id = kit.as_ref().map(|kit| kit.archive_id.as_str());
    let passed_by = snapshot.is_none();
    let snapshot = pick_snapshot(&repository, snapshot.as_deref(), archive_id)?;
    let mut contents = Contents::list(&repository, &snapshot.id)?;
    if let Some(lost) = contents.lost_folders(Some("keepsake")).into_iter().next() {
        // Without the whole catalog the new archive would hold less than this snapshot, and not know it.
        return Err(Error::CatalogExportLost { path: lost.path, why: lost.message });
    }
    let (settings, misunderstood) = settings_of(&repository, &contents, &snapshot)?;
    let known = (access, kit.as_ref(), words.as_deref());
    let (archive, secrets, words) = found_archive(&repository, &snapshot, settings, known, into, around)?;
    let presence = be_present(&archive, around, listener)?;
    let objects = Store::create(into)?;
    let _held = hold(&archive, &Lock::Ingest, Sharing::Exclusive, "recovery", around, listener)?;
    objects.sweep_incoming()?;

    let every_path: Vec<String> = contents.files.keys().cloned().collect();
    let lost_checksums = contents.fetch_checksums(&repository, every_path.iter().map(String::as_str))?;
    let mut report = RecoverReport {
        snapshot: snapshot.id.to_string(),
        words,
        problems: lost_checksums,
        ..RecoverReport::default()
    };
    report.problems.extend(contents.lost_folders(None));
    report.problems.extend(misunderstood);
    if passed_by {
        report.problems.extend(unreadable_snapshots(&repository, &snapshot)?);
    }
    let mut catalog = unfinished_catalog(&repository, &contents, &archive, &mut report)?;
    catalog.skip_generations(around.now)?;
    let mut open = OpenArchive { archive, catalog, objects, secrets, presence };
    let recovered = fetch_objects(&repository, &contents, &open, &mut report, listener)?;
    // Before the catalog gets its name: from then on the folder is an archive, and there is none without a kit.
    make_kit::renew(&mut open, around)?;
    open = finish_catalog(open)?;
    report.photos = open.catalog.photo_count()?;
    report.albums = open.catalog.albums(None)?.len() as u64;
    report.problems.extend(lost_objects(&open, &report.problems)?);
    remember(&mut open, &repository, &snapshot, from, &recovered, around)?;
    if report.words.is_none() {
        put_kit_beside(&mut open, &repository, from, around, listener);
    }
    let run = open.catalog.begin_run(Job::Recover, None, around.moment())?;
    let outcome = if report.problems.is_empty() { Outcome::Done } else { Outcome::Problems };
    let as_json = serde_json::to_string(&report.without_words()).map_err(Error::Report)?;
    open.catalog.finish_run(run, outcome, around.moment(), &as_json, &report.problems)?;
    report.fetched_bytes = repository.traffic().fetched_bytes;
    Ok(report)
}

type Known<'a> = (&'a Access, Option<&'a Kit>, Option<&'a str>);

/// The settings in the snapshot; of those that a newer version wrote, what this one understands, and a word on it.
fn settings_of(
    repository: &Repository,
    contents: &Contents,
    snapshot: &Snapshot,
) -> Result<(Settings, Option<Problem>), Error> {
    let path = "keepsake/settings.toml";
    let Some(file) = contents.files.get(path) else {
        return Err(Error::NotOurSnapshot { snapshot: snapshot.id.to_string() });
    };
    let text = String::from_utf8_lossy(&read_whole(repository, file)?).into_owned();
    match (Settings::from_toml(&text), Settings::owner_in(&text)) {
        (Ok(settings), _) => Ok((settings, None)),
        (Err(_), Some(settings)) => {
            let message = "this version of the program does not know all of these settings: the owner was taken over, and the repositories of the kit";
            Ok((settings, Some(Problem::new(path, ProblemKind::Altered, message))))
        }
        (Err(bad), None) => Err(bad.into()),
    }
}

/// Makes the folder an archive with the old id, settings and secrets, or finds that a recovery began here before.
fn found_archive(
    repository: &Repository,
    snapshot: &Snapshot,
    settings: Settings,
    (access, kit, words): Known<'_>,
    into: &Path,
    around: &Circumstances,
) -> Result<(Archive, Secrets, Option<String>), Error> {
    let mut archive = match Archive::create(into, &settings.owner, &snapshot.archive_id) {
        Ok(archive) => archive,
        Err(ConfigError::AlreadyThere { .. }) => unfinished(into, snapshot)?,
        Err(error) => return Err(error.into()),
    };
    let mut settings = settings;
    settings.repositories = repositories(&settings.repositories, access, kit);
    let mut secrets = Secrets::load(into, &around.environment, around.credentials_directory.as_deref())?;
    take_over_secrets(&mut secrets, repository, &settings.repositories, access, kit)?;
    let mut new_words = None;
    if settings.kit.recipients.is_empty() {
        // An interrupted recovery may have made words that nobody was shown.
        let known = words.map(str::to_owned).or_else(|| secrets.kit_passphrase());
        let sealed_with = known.unwrap_or_else(generate_passphrase);
        if words.is_none() {
            new_words = Some(sealed_with.clone());
        }
        secrets.set_kit_passphrase(&sealed_with);
    }
    secrets.save()?;
    archive.save_settings(settings)?;
    Ok((archive, secrets, new_words))
}

/// A folder of the same archive that has no catalog yet is a recovery that was cut short.
fn unfinished(into: &Path, snapshot: &Snapshot) -> Result<Archive, Error> {
    let archive = Archive::open(into)?;
    let same = archive.marker.archive_id == snapshot.archive_id;
    if same && !archive.catalog_file().exists() {
        Ok(archive)
    } else {
        Err(Error::AlreadyAnArchive { path: into.to_owned() })
    }
}

/// Those of the kit where there is one (it is the newer word), else those of the snapshot's settings with the one that
/// was opened; a repository whose password nobody has is left out.
fn repositories(old: &[RepositorySettings], access: &Access, kit: Option<&Kit>) -> Vec<RepositorySettings> {
    let location = access.location.to_string();
    let from_kit: Vec<RepositorySettings> = kit
        .into_iter()
        .flat_map(|kit| &kit.repositories)
        .filter_map(|one| {
            let name = one.name.parse().ok()?;
            let (location, options, id) = (one.location.clone(), one.options.clone(), one.repository_id.clone());
            Some(RepositorySettings { name, location, id, options })
        })
        .collect();
    if !from_kit.is_empty() {
        return from_kit;
    }
    let known = old.iter().find(|one| one.location == location).cloned();
    let named = || {
        let name = "recovered".parse().ok()?;
        Some(RepositorySettings { name, location: location.clone(), id: None, options: access.options.clone() })
    };
    known.or_else(named).into_iter().collect()
}

fn take_over_secrets(
    secrets: &mut Secrets,
    repository: &Repository,
    repositories: &[RepositorySettings],
    access: &Access,
    kit: Option<&Kit>,
) -> Result<(), Error> {
    for one in kit.into_iter().flat_map(|kit| &kit.repositories) {
        secrets.set_repository_password(&one.name, &one.password);
        if let Some(key) = &one.master_key {
            secrets.set_master_key(&one.name, key);
        }
        if let Some(credentials) = &one.credentials {
            secrets.set_bucket_keys(&one.name, &credentials.id, &credentials.secret);
        }
    }
    if kit.is_none() {
        for one in repositories {
            if let Key::Password(password) = &access.key {
                secrets.set_repository_password(one.name.as_str(), password);
            }
            secrets.set_master_key(one.name.as_str(), &repository.master_key()?);
            if let Some(keys) = access.bucket_keys.as_ref().filter(|keys| keys.session_token.is_none()) {
                secrets.set_bucket_keys(one.name.as_str(), &keys.id, &keys.secret);
            }
        }
    }
    Ok(())
}

/// Fetches every object that is not there yet; returns those that came back whole.
fn fetch_objects(
    repository: &Repository,
    contents: &Contents,
    open: &OpenArchive,
    report: &mut RecoverReport,
    listener: &dyn Listener,
) -> Result<Vec<ObjectId>, Error> {
    let objects = &open.objects;
    let wanted = one_path_per_object(contents, open)?;
    let bytes_total = wanted.values().map(|file| file.size).sum();
    let files_total = wanted.len() as u64;
    let (mut recovered, mut there, mut bytes_done) = (Vec::new(), Vec::new(), 0);
    for (files_done, (object, file)) in (1..).zip(&wanted) {
        if listener.stop_requested() {
            return Err(Error::Interrupted);
        }
        report.objects += 1;
        report.bytes += file.size;
        if objects.size(object)? == Some(file.size) {
            report.already_there += 1;
            there.push(*object);
        } else if let Err(problem) = fetch_object(repository, objects, object, file)? {
            listener.problem(&problem);
            report.problems.push(problem);
        } else {
            recovered.push(*object);
        }
        bytes_done += file.size;
        listener.progress(Progress { stage: Stage::Restoring, files_done, files_total, bytes_done, bytes_total });
    }
    // Whoever brought them back may have died before they were durable; the catalog will name them.
    objects.settle_names(&there)?;
    Ok(recovered)
}

/// Where each object that the catalog knows stands in the snapshot; what the snapshot has not is told at the end.
fn one_path_per_object<'a>(
    contents: &'a Contents,
    open: &OpenArchive,
) -> Result<BTreeMap<ObjectId, &'a SnapshotFile>, Error> {
    let known: BTreeSet<ObjectId> = open.every_object()?.into_iter().map(|(id, _)| id).collect();
    let mut wanted = BTreeMap::new();
    for (path, file) in &contents.files {
        if let Some(object) = contents.expected(path).filter(|object| known.contains(object)) {
            wanted.entry(object).or_insert(file);
        }
    }
    // Where checksums are lost, the catalog still says what stands where; each object is held against its name anyway.
    for (object, path) in path_of_each_object(&open.catalog.snapshot_plan()?) {
        if let Some(file) = contents.files.get(&path) {
            wanted.entry(object).or_insert(file);
        }
    }
    Ok(wanted)
}

/// The outer error is the archive's: nothing more will fit. The inner one concerns this object.
fn fetch_object(
    repository: &Repository,
    objects: &Store,
    object: &ObjectId,
    file: &SnapshotFile,
) -> Result<Result<(), Problem>, Error> {
    let mut incoming = Receiving { incoming: objects.receive()?, failed: None };
    if let Err(error) = repository.read(file, &mut incoming) {
        if let Some(failed) = incoming.failed {
            return Err(failed.into());
        }
        if !error.is_of_one_file() {
            // The network or the drive went away: the recovery is taken up again from here, not finished without it.
            return Err(error.into());
        }
        return Ok(Err(Problem::new(file.path.as_str(), ProblemKind::Unreadable, Error::chain(&error))));
    }
    let staged = incoming.incoming.finish()?;
    if staged.id != *object {
        let message = format!("other bytes came back than went in: {} instead of {object}", staged.id);
        return Ok(Err(Problem::new(file.path.as_str(), ProblemKind::Altered, message)));
    }
    objects.commit(vec![staged])?;
    Ok(Ok(()))
}

/// Writes into the archive, and remembers that it was the archive that failed, not the repository.
struct Receiving<'a> {
    incoming: Incoming<'a>,
    failed: Option<ObjectsError>,
}

impl Write for Receiving<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.incoming.append(bytes).map(|()| bytes.len()).map_err(|failed| {
            let told = io::Error::other("the archive cannot be written");
            self.failed = Some(failed);
            told
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// The catalog under the name that says “not finished”, with all that the snapshot says of it.
fn unfinished_catalog(
    repository: &Repository,
    contents: &Contents,
    archive: &Archive,
    report: &mut RecoverReport,
) -> Result<Catalog, Error> {
    let file = recovering(archive);
    for leftover in [file.clone(), with_ending(&file, "-wal"), with_ending(&file, "-shm")] {
        match std::fs::remove_file(&leftover) {
            Err(cause) if cause.kind() != io::ErrorKind::NotFound => {
                return Err(Error::RestoreTo { path: leftover, cause });
            }
            Ok(()) | Err(_) => {}
        }
    }
    let mut catalog = Catalog::create(&file, &archive.marker.archive_id)?;
    let imported = catalog.import(&fetch_shards(repository, contents)?)?;
    report.problems.extend(imported.problems);
    Ok(catalog)
}

/// Gives the catalog its name: from here on the folder is a whole archive.
fn finish_catalog(open: OpenArchive) -> Result<OpenArchive, Error> {
    let OpenArchive { archive, catalog, objects, secrets, presence } = open;
    catalog.close()?;
    let (from, to) = (recovering(&archive), archive.catalog_file());
    durable::rename(&from, &to).map_err(|cause| Error::RestoreTo { path: to.clone(), cause })?;
    let catalog = Catalog::open(&to)?;
    Ok(OpenArchive { archive, catalog, objects, secrets, presence })
}

fn recovering(archive: &Archive) -> PathBuf {
    with_ending(&archive.catalog_file(), ".recovering")
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    PathBuf::from(name)
}

fn fetch_shards(repository: &Repository, contents: &Contents) -> Result<Vec<Shard>, Error> {
    let mut shards = Vec::new();
    for (path, file) in &contents.files {
        if let Some(name) = exported(path) {
            let bytes = read_whole(repository, file)?;
            if contents.expected(path).is_some_and(|expected| expected != ObjectId::of(&bytes)) {
                return Err(Error::CatalogExportAltered { path: path.clone() });
            }
            shards.push(Shard { name: name.to_owned(), bytes });
        }
    }
    Ok(shards)
}

/// What the catalog knows and the store has not: damaged in the repository, or missing in the snapshot.
fn lost_objects(open: &OpenArchive, told: &[Problem]) -> Result<Vec<Problem>, Error> {
    let paths = path_of_each_object(&open.catalog.snapshot_plan()?);
    let is_told = |id: &ObjectId| paths.get(id).is_some_and(|path| told.iter().any(|one| one.path == *path));
    let mut lost = Vec::new();
    for (id, _) in open.every_object()? {
        if !open.objects.contains(&id)? && !is_told(&id) {
            let photos = open.catalog.photos_of_object(&id)?;
            let photos: Vec<String> = photos.iter().map(ToString::to_string).collect();
            let message = format!("the bytes did not come back; photos: {}", photos.join(", "));
            lost.push(Problem::new(format!("objects/{id}"), ProblemKind::Missing, message));
        }
    }
    Ok(lost)
}

/// Puts the new kit, which the old words open, where the old one was. One that is sealed with new words waits for the
/// first backup of the new archive: a recovery that was only tried must not lock out whoever has the old words.
fn put_kit_beside(
    open: &mut OpenArchive,
    repository: &Repository,
    from: &RecoverFrom,
    around: &Circumstances,
    listener: &dyn Listener,
) {
    let location = from.access.location.to_string();
    let settings = open.archive.settings.repositories.iter().find(|one| one.location == location);
    let Some(name) = settings.map(|one| one.name.clone()) else { return };
    if let Err(error) = make_kit::put_beside(open, &name, repository, around) {
        // A copy on a disc that cannot be written to is no worse a copy; status says where the kit is.
        listener.note(&format!("the new recovery kit was not put beside {name}: {}", error.told()));
    }
}

/// What was just restored whole is proven; the snapshot it came from is the newest that this machine knows.
fn remember(
    open: &mut OpenArchive,
    repository: &Repository,
    snapshot: &Snapshot,
    from: &RecoverFrom,
    recovered: &[ObjectId],
    around: &Circumstances,
) -> Result<(), Error> {
    let location = from.access.location.to_string();
    let settings = open.archive.settings.repositories.iter().find(|one| one.location == location);
    let Some(name) = settings.map(|one| one.name.to_string()) else { return Ok(()) };
    open.catalog.record_proofs(&repository.id(), around.now, recovered)?;
    open.catalog.record_snapshot(&SnapshotRow {
        name,
        repository: repository.id(),
        id: snapshot.id.to_string(),
        at: snapshot.at,
        generation: snapshot.generation.unwrap_or_default(),
        complete: snapshot.complete,
        files: snapshot.files,
        bytes: snapshot.bytes,
    })?;
    Ok(())
}
