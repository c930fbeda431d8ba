//! The real thing, and beside it what must be true of it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use age::secrecy::ExposeSecret as _;
use serde_json::Value;

use super::judge;
use super::quick_key;
use super::steps::{CONTENTS, Content, Harm, Part, Step, Verb};
use crate::support::cut_short::{Cut, copy_tree, kill_after};
use crate::support::fixtures::{Exif, picture};
use crate::support::sandbox::{Ended, Sandbox};
use crate::support::tree::{files_below, write};

/// What is not as it must be, in words.
pub(super) type Wrong = String;

/// A place where one story after the other is told: an empty archive with a repository is made only once.
pub(super) struct Stage {
    pub(super) sandbox: Sandbox,
    bytes: BTreeMap<Content, Vec<u8>>,
    names: BTreeMap<String, Content>,
    /// How often what happened, for whoever reads along.
    pub(super) tally: RefCell<BTreeMap<&'static str, u32>>,
}

/// All that a person said, as the archive tells it.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Told {
    pub(super) captions: BTreeMap<Content, String>,
    pub(super) stars: BTreeMap<Content, i64>,
    pub(super) dates: BTreeMap<Content, String>,
    /// The photos of each album in its order, those in the trash too.
    pub(super) albums: BTreeMap<String, Vec<Content>>,
    pub(super) trash: BTreeSet<Content>,
}

/// What an archive or a snapshot must hold.
#[derive(Clone, Default, Debug)]
pub(super) struct State {
    pub(super) stored: BTreeSet<Content>,
    /// What an ingest that was killed may have stored.
    pub(super) maybe: BTreeSet<Content>,
    /// What such an ingest has stored and not described: it has no place among the photos until the next ingest.
    pub(super) unfinished: BTreeSet<Content>,
    pub(super) told: Told,
}

/// The one copy of something that is not good.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Damage {
    Object(Content),
    Repository(Part, PathBuf),
}

/// A story that goes on.
pub(super) struct World<'a> {
    pub(super) stage: &'a Stage,
    card: BTreeMap<&'static str, Content>,
    pub(super) state: State,
    /// What had been said before each change that can be undone.
    changes: Vec<Told>,
    /// What the newest complete snapshot holds.
    pub(super) kept: Option<State>,
    pub(super) damage: Option<Damage>,
    /// A pack was moved away: what only older snapshots need is lost for them.
    pub(super) lost_a_pack: bool,
    /// The newest snapshot is of a backup that was killed before it could say so.
    pub(super) newest_is_unsaid: bool,
}

impl Stage {
    pub(super) fn new() -> Self {
        let sandbox = Sandbox::in_memory();
        sandbox.keepsake(&["init"]).expect_code(0);
        let identity = age::x25519::Identity::generate();
        write(&sandbox.path("identity.txt"), identity.to_string().expose_secret().as_bytes());
        let settings = sandbox.archive().join("keepsake.toml");
        let text = fs::read_to_string(&settings).expect("settings");
        fs::write(&settings, format!("{text}\n[kit]\nrecipients = [\"{}\"]\n", identity.to_public()))
            .expect("settings");
        let disk = sandbox.path("disk");
        sandbox.keepsake(&["repo", "add", "disk", &disk.display().to_string()]).expect_code(0);
        let secrets = fs::read_to_string(sandbox.archive().join("secrets.toml")).expect("secrets");
        let secrets: toml::Table = secrets.parse().expect("secrets are TOML");
        let master_key = secrets["repository"]["disk"]["master_key"].as_str().expect("a master key");
        quick_key::replace_keys(&disk, &sandbox.password("disk"), master_key);
        sandbox.keepsake(&["kit", "create", "--out", "kit.age"]).expect_code(0);
        for part in ["archive", "disk"] {
            copy_tree(&sandbox.path(part), &sandbox.path("template").join(part));
        }
        let bytes: BTreeMap<_, _> = CONTENTS.into_iter().map(|content| (content, drawn(content))).collect();
        let names = bytes.iter().map(|(content, bytes)| (name_of(bytes), *content)).collect();
        Self { sandbox, bytes, names, tally: RefCell::default() }
    }

    /// An empty archive, an empty repository, an empty card.
    pub(super) fn begin(&self) -> World<'_> {
        for old in ["archive", "disk", "card", "recovered", "restored", "mended"] {
            self.clear(old);
        }
        for part in ["archive", "disk"] {
            copy_tree(&self.sandbox.path("template").join(part), &self.sandbox.path(part));
        }
        fs::create_dir(self.sandbox.path("card")).expect("a folder");
        World {
            stage: self,
            card: BTreeMap::new(),
            state: State::default(),
            changes: Vec::new(),
            kept: None,
            damage: None,
            lost_a_pack: false,
            newest_is_unsaid: false,
        }
    }

    /// An empty place in the sandbox.
    pub(super) fn clear(&self, name: &str) -> PathBuf {
        let path = self.sandbox.path(name);
        if path.exists() {
            fs::remove_dir_all(&path).expect("a folder of our own can be removed");
        }
        path
    }

    pub(super) fn count(&self, what: &'static str) {
        *self.tally.borrow_mut().entry(what).or_default() += 1;
    }

    /// Runs the program for so long, then kills it.
    fn kill(&self, command: std::process::Command, after: Duration) {
        match kill_after(command, after) {
            Cut::Killed => self.count("killed"),
            Cut::Finished => self.count("quicker than the killer"),
        }
    }

    /// The hash that bytes of the story are named after.
    pub(super) fn hash(&self, content: Content) -> String {
        name_of(&self.bytes[&content])
    }

    pub(super) fn content(&self, hash: &str) -> Result<Content, Wrong> {
        self.names.get(hash).copied().ok_or_else(|| format!("{hash} was never on the card"))
    }

    pub(super) fn content_of(&self, bytes: &[u8]) -> Result<Content, Wrong> {
        self.content(&name_of(bytes))
    }

    /// A call that has the kit and its identity, and no archive.
    pub(super) fn with_kit(&self, verb: &str, rest: &[&str]) -> std::process::Command {
        let (kit, identity) = (self.sandbox.path("kit.age"), self.sandbox.path("identity.txt"));
        let mut command = self.sandbox.command(["--json", verb]);
        command.arg("--kit").arg(kit).arg("--identity").arg(identity).args(rest);
        command
    }
}

fn name_of(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}

fn drawn(content: Content) -> Vec<u8> {
    let small = |seed| picture(seed).size(64, 48).quality(60);
    match content {
        Content::Beach => small(1).exif(Exif::new().taken("2014:08:03 10:00:00")).jpeg(),
        Content::BeachLater => small(1).exif(Exif::new().taken("2016:01:01 10:00:00")).jpeg(),
        Content::Tram => small(2).exif(Exif::new().taken("2014:08:03 10:00:00")).jpeg(),
        Content::Oma => small(3).jpeg(),
        Content::HalfWedding => {
            let mut half = picture(4).size(160, 120).jpeg();
            half.truncate(half.len() * 2 / 3);
            half
        }
        Content::Zeros => vec![0; 5000],
        Content::Noise => {
            let mut noise = vec![0; 3 << 19];
            blake3::Hasher::new().finalize_xof().fill(&mut noise);
            noise[..12].copy_from_slice(b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01");
            noise
        }
        Content::Note => b"milk, bread, films for the camera".to_vec(),
        Content::Empty => Vec::new(),
    }
}

impl State {
    /// What is neither in the trash nor a maybe.
    pub(super) fn visible(&self) -> BTreeSet<Content> {
        self.stored.difference(&self.told.trash).copied().collect()
    }
}

impl Told {
    /// The name of the album that a name means: its own, or the only one that differs in capitals alone.
    fn album(&self, asked: &str) -> Option<String> {
        if self.albums.contains_key(asked) {
            return Some(asked.to_owned());
        }
        let mut alike = self.albums.keys().filter(|name| name.to_lowercase() == asked.to_lowercase());
        let only = alike.next()?;
        alike.next().is_none().then(|| only.clone())
    }
}

impl World<'_> {
    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.stage.sandbox
    }

    /// One step, in the real thing and beside it. What makes no sense at this point is passed over.
    pub(super) fn take(&mut self, step: &Step) -> Result<(), Wrong> {
        match *step {
            Step::Put(content, name) => {
                if !self.is_in_the_way(name) {
                    write(&self.on_card(name), &self.stage.bytes[&content]);
                    self.card.insert(name, content);
                }
                Ok(())
            }
            Step::Rename(from, to) => {
                if self.card.contains_key(from) && from != to {
                    write(&self.on_card(to), b"");
                    fs::rename(self.on_card(from), self.on_card(to)).expect("a file can be renamed");
                    let content = self.card.remove(from).expect("it was there");
                    self.card.insert(to, content);
                }
                Ok(())
            }
            Step::Remove(name) => {
                if self.card.remove(name).is_some() {
                    fs::remove_file(self.on_card(name)).expect("a file can be removed");
                }
                Ok(())
            }
            Step::Ingest => self.ingest("card", &self.card.values().copied().collect()),
            Step::Caption(photo, text) => self.describe(photo, "--caption", text),
            Step::Stars(photo, stars) => self.describe(photo, "--stars", &stars.to_string()),
            Step::Date(photo, date) => self.describe(photo, "--taken-at", date),
            Step::Make(album) => self.make_album(album),
            Step::Add(album, photo) => self.add(album, photo),
            Step::TakeOff(album, photo) => self.take_off(album, photo),
            Step::Call(from, to) => self.rename_album(from, to),
            Step::Drop(album) => self.drop_album(album),
            Step::Delete(photo) => self.change_trash(photo, &["delete"], |trash| trash.insert(photo)),
            Step::Undelete(photo) => self.change_trash(photo, &["trash", "--restore"], |trash| trash.remove(&photo)),
            Step::Undo => self.undo(),
            Step::Backup => self.back_up(),
            Step::Drill => self.drill(),
            Step::Restore => judge::restores(self),
            Step::Recover => self.recover(None),
            Step::HarmObject(harm, photo) => {
                self.harm_object(harm, photo);
                Ok(())
            }
            Step::HarmRepository(harm, part, which) => {
                self.harm_repository(harm, part, which);
                Ok(())
            }
            Step::Mend => self.mend(),
            Step::Killed(verb, after) => self.kill(verb, Duration::from_millis(after.into())),
        }
    }

    fn on_card(&self, name: &str) -> PathBuf {
        self.sandbox().path("card").join(name)
    }

    /// Nothing may stand where a file of this name is to be put but such a file.
    fn is_in_the_way(&self, name: &str) -> bool {
        self.on_card(name).is_dir()
    }

    /// A call that ends with one of these codes.
    pub(super) fn call(&self, arguments: &[&str], codes: &[i32]) -> Result<Ended, Wrong> {
        let ended = self.sandbox().keepsake(&[&["--json"], arguments].concat());
        expect(ended, arguments, codes)
    }

    fn changed(&mut self, change: impl FnOnce(&mut Told)) {
        self.stage.count("said");
        self.changes.push(self.state.told.clone());
        change(&mut self.state.told);
    }

    fn ingest(&mut self, source: &str, contents: &BTreeSet<Content>) -> Result<(), Wrong> {
        let source = self.sandbox().path(source).display().to_string();
        let report = self.call(&["ingest", &source], &[0, 3])?.json();
        if report["complete"] != true {
            return Err(format!("the ingest is not complete: {report}"));
        }
        self.stage.count(if contents.is_empty() { "ingested nothing" } else { "ingested" });
        for content in contents.iter().filter(|content| content.is_kept()) {
            self.state.stored.insert(*content);
            self.state.maybe.remove(content);
        }
        self.state.unfinished.clear();
        self.see_what_is_mended();
        Ok(())
    }

    /// An ingest that meets the bytes again puts a lost object back.
    fn see_what_is_mended(&mut self) {
        if let Some(Damage::Object(photo)) = self.damage {
            let object = self.object(photo);
            if fs::read(object).is_ok_and(|bytes| bytes == self.stage.bytes[&photo]) {
                self.damage = None;
            }
        }
    }

    fn describe(&mut self, photo: Content, option: &str, value: &str) -> Result<(), Wrong> {
        if !self.state.stored.contains(&photo) {
            return Ok(());
        }
        let value_given = format!("{option}={value}");
        self.call(&["describe", &self.stage.hash(photo), &value_given], &[0])?;
        self.changed(|told| match option {
            "--caption" => drop(told.captions.insert(photo, value.to_owned())),
            "--stars" => drop(told.stars.insert(photo, value.parse().expect("a number"))),
            _ => drop(told.dates.insert(photo, value.to_owned())),
        });
        Ok(())
    }

    fn make_album(&mut self, album: &str) -> Result<(), Wrong> {
        if self.state.told.albums.contains_key(album) {
            return self.call(&["album", "create", album], &[2]).map(drop);
        }
        self.call(&["album", "create", album], &[0])?;
        self.changed(|told| drop(told.albums.insert(album.to_owned(), Vec::new())));
        Ok(())
    }

    fn add(&mut self, album: &str, photo: Content) -> Result<(), Wrong> {
        let Some(meant) = self.meant(album, &["album", "add", album, &self.stage.hash(photo)], photo)? else {
            return Ok(());
        };
        if !self.state.told.albums[&meant].contains(&photo) {
            self.changed(|told| told.albums.entry(meant).or_default().push(photo));
        }
        Ok(())
    }

    fn take_off(&mut self, album: &str, photo: Content) -> Result<(), Wrong> {
        let Some(meant) = self.meant(album, &["album", "remove", album, &self.stage.hash(photo)], photo)? else {
            return Ok(());
        };
        if self.state.told.albums[&meant].contains(&photo) {
            self.changed(|told| told.albums.entry(meant).or_default().retain(|one| *one != photo));
        }
        Ok(())
    }

    /// Makes the call if there is such a photo, and says which album was meant if there is one.
    fn meant(&mut self, album: &str, arguments: &[&str], photo: Content) -> Result<Option<String>, Wrong> {
        if !self.state.stored.contains(&photo) {
            return Ok(None);
        }
        let meant = self.state.told.album(album);
        self.call(arguments, if meant.is_some() { &[0] } else { &[2] })?;
        Ok(meant)
    }

    fn rename_album(&mut self, from: &str, to: &str) -> Result<(), Wrong> {
        let meant = self.state.told.album(from);
        let taken = meant.as_deref() != Some(to) && self.state.told.albums.contains_key(to);
        let arguments = ["album", "rename", from, to];
        let Some(meant) = meant.filter(|_| !taken) else {
            return self.call(&arguments, &[2]).map(drop);
        };
        self.call(&arguments, &[0])?;
        self.changed(|told| {
            let photos = told.albums.remove(&meant).expect("it is there");
            told.albums.insert(to.to_owned(), photos);
        });
        Ok(())
    }

    fn drop_album(&mut self, album: &str) -> Result<(), Wrong> {
        let arguments = ["album", "delete", album];
        let Some(meant) = self.state.told.album(album) else {
            return self.call(&arguments, &[2]).map(drop);
        };
        self.call(&arguments, &[0])?;
        self.changed(|told| drop(told.albums.remove(&meant)));
        Ok(())
    }

    fn change_trash(
        &mut self,
        photo: Content,
        arguments: &[&str],
        change: impl FnOnce(&mut BTreeSet<Content>) -> bool,
    ) -> Result<(), Wrong> {
        if !self.state.stored.contains(&photo) {
            return Ok(());
        }
        self.call(&[arguments, &[self.stage.hash(photo).as_str()]].concat(), &[0])?;
        self.changed(|told| {
            change(&mut told.trash);
        });
        Ok(())
    }

    fn undo(&mut self) -> Result<(), Wrong> {
        match self.changes.pop() {
            Some(before) => {
                self.state.told = before;
                self.stage.count("undone");
                self.call(&["undo"], &[0]).map(drop)
            }
            None => self.call(&["undo"], &[2]).map(drop),
        }
    }

    pub(super) fn back_up(&mut self) -> Result<(), Wrong> {
        if let Some(Damage::Repository(..)) = self.damage {
            // It may say that nothing is new, or find the damage; either way only one good copy is left.
            return self.call(&["backup"], &[0, 1, 3]).map(drop);
        }
        // A photo that moved in the tree is read again, and left out and listed where its object is not good.
        let codes: &[i32] = if self.damage.is_some() { &[0, 3] } else { &[0] };
        let ended = self.call(&["backup"], codes)?;
        let report = ended.json();
        let state = &report["repositories"][0]["state"];
        if ended.code == 3 {
            let is_told = state == "partial" && report["repositories"][0]["problems"][0]["path"].is_string();
            return if is_told { Ok(()) } else { Err(format!("a backup that ends with 3 names nothing: {report}")) };
        }
        if state != "complete" && state != "unchanged" {
            return Err(format!("backup ended with 0, and is not complete: {report}"));
        }
        self.stage.count("backed up");
        self.newest_is_unsaid = false;
        self.kept = Some(self.state.clone());
        Ok(())
    }

    fn drill(&self) -> Result<(), Wrong> {
        match (&self.kept, &self.damage) {
            (Some(_), None | Some(Damage::Object(_))) => self.call(&["drill", "--all"], &[0]).map(drop),
            (Some(_), Some(Damage::Repository(Part::Snapshot, _))) => {
                // An older one may be drilled.
                self.call(&["drill", "--all"], &[0, 1, 4]).map(drop)
            }
            (Some(_), Some(Damage::Repository(..))) => {
                // What the newest snapshot does not need may be damaged: then all that it has comes back.
                let drilled = self.call(&["drill", "--all"], &[0, 1, 4])?;
                if drilled.code == 0 { judge::restores_all_bytes(self) } else { Ok(()) }
            }
            (None, _) => self.call(&["drill", "--all"], &[1, 4, 10]).map(drop),
        }
    }

    /// The archive is gone, and comes back from the repository as it was when it was backed up last.
    fn recover(&mut self, killed_after: Option<Duration>) -> Result<(), Wrong> {
        let (Some(kept), None | Some(Damage::Object(_))) = (self.kept.clone(), &self.damage) else { return Ok(()) };
        self.stage.count("recovered");
        let archive = self.stage.clear("archive");
        let command = || self.stage.with_kit("recover", &["--into", &archive.display().to_string()]);
        let mut is_there = false;
        if let Some(after) = killed_after {
            self.stage.kill(command(), after);
            is_there = self.sandbox().keepsake(&["search"]).code == 0;
        }
        if !is_there {
            expect(Ended::of(&command().output().expect("the program starts")), &["recover"], &[0])?;
        }
        self.state = kept;
        self.changes.clear();
        self.damage = None;
        judge::archive_is(&self.stage.sandbox, self.stage, &mut self.state)
    }

    pub(super) fn object(&self, photo: Content) -> PathBuf {
        let hash = self.stage.hash(photo);
        self.sandbox().archive().join("objects").join(&hash[..2]).join(hash)
    }

    fn harm_object(&mut self, harm: Harm, photo: Content) {
        let is_copied = self.kept.as_ref().is_some_and(|kept| kept.stored.contains(&photo));
        if self.damage.is_none() && is_copied {
            self.stage.count("objects harmed");
            hurt(harm, &self.object(photo), 0);
            self.damage = Some(Damage::Object(photo));
        }
    }

    fn harm_repository(&mut self, harm: Harm, part: Part, which: u16) {
        if self.damage.is_some() || self.kept.is_none() {
            return;
        }
        let folder = self.sandbox().path("disk").join(part.folder());
        let files = files_below(&folder);
        let file = folder.join(&files[usize::from(which) % files.len()]);
        self.stage.count("repositories harmed");
        hurt(harm, &file, usize::from(which));
        self.damage = Some(Damage::Repository(part, file));
    }

    /// What docs/damage.md says under “putting it right”.
    pub(super) fn mend(&mut self) -> Result<(), Wrong> {
        match self.damage.clone() {
            None => Ok(()),
            Some(Damage::Object(photo)) => {
                self.call(&["check", "--objects"], &[4])?;
                let mended = self.stage.clear("mended");
                let shown = self.call(&["show", &self.stage.hash(photo)], &[0])?.json();
                let id = shown["id"].as_str().expect("an id");
                self.call(&["restore", "--photo", id, "--to", &mended.display().to_string()], &[0])?;
                // What Anna said is in the archive already; said again by a file it would outlive an undo.
                for name in files_below(&mended).iter().filter(|name| has_extension(name, "xmp")) {
                    fs::remove_file(mended.join(name)).expect("a file can be removed");
                }
                self.ingest("mended", &BTreeSet::from([photo]))?;
                self.call(&["ingest", "--reread", &mended.display().to_string()], &[0, 3])?;
                self.damage = None;
                judge::check_finds_nothing(self)
            }
            Some(Damage::Repository(part, file)) => {
                self.call(&["check", "--read-data"], &[0, 4])?;
                self.damage = None;
                if part == Part::Pack {
                    take_away(&file);
                    self.lost_a_pack = true;
                }
                self.back_up()?;
                if part == Part::Snapshot {
                    take_away(&file);
                }
                Ok(())
            }
        }
    }

    fn kill(&mut self, verb: Verb, after: Duration) -> Result<(), Wrong> {
        let named = |arguments: &[&str]| {
            let archive = self.sandbox().archive();
            self.sandbox().command(
                ["--archive".as_ref(), archive.as_os_str()].into_iter().chain(arguments.iter().map(AsRef::as_ref)),
            )
        };
        match verb {
            Verb::Ingest => {
                let card = self.sandbox().path("card").display().to_string();
                self.stage.kill(named(&["ingest", &card]), after);
                self.see_what_is_mended();
                self.state.maybe.extend(self.card.values().filter(|content| content.is_kept()));
                self.state.maybe.retain(|content| !self.state.stored.contains(content));
                judge::adopt(self.stage, &self.stage.sandbox, &mut self.state)
            }
            Verb::Backup => {
                let before = self.complete_snapshots()?;
                self.stage.kill(named(&["backup"]), after);
                if self.complete_snapshots()? != before && !matches!(self.damage, Some(Damage::Repository(..))) {
                    self.newest_is_unsaid = true;
                    self.kept = Some(self.state.clone());
                }
                Ok(())
            }
            Verb::Drill => {
                self.stage.kill(named(&["drill", "--all"]), after);
                Ok(())
            }
            Verb::Restore => {
                let to = self.stage.clear("restored").display().to_string();
                self.stage.kill(self.stage.with_kit("restore", &["--all", "--to", &to]), after);
                judge::goes_on_restoring(self)
            }
            Verb::Recover => self.recover(Some(after)),
            Verb::Undo => {
                let before = self.undone()?;
                self.stage.kill(named(&["undo"]), after);
                if self.undone()? != before {
                    self.state.told = self.changes.pop().ok_or("something was undone that nobody had said")?;
                }
                Ok(())
            }
        }
    }

    fn complete_snapshots(&self) -> Result<usize, Wrong> {
        // A repository that is damaged may not list them.
        let listed = self.call(&["snapshots"], &[0, 1])?.json();
        let snapshots = listed["snapshots"].as_array().into_iter().flatten();
        Ok(snapshots.filter(|snapshot| snapshot["complete"] == true).count())
    }

    fn undone(&self) -> Result<usize, Wrong> {
        let listed = self.call(&["undo", "--list"], &[0])?.json();
        let changes = listed.as_array().into_iter().flatten();
        Ok(changes.filter(|change: &&Value| change["undone_at"].is_string()).count())
    }
}

impl Content {
    /// What is called a picture is kept, whatever it is, unless it is empty.
    pub(super) fn is_kept(self) -> bool {
        self != Self::Empty
    }
}

/// One of these codes, or all that was printed.
pub(super) fn expect(ended: Ended, arguments: &[&str], codes: &[i32]) -> Result<Ended, Wrong> {
    if codes.contains(&ended.code) {
        return Ok(ended);
    }
    Err(format!("{arguments:?} ended with {}, not {codes:?}\n{}\n{}", ended.code, ended.stdout, ended.stderr))
}

pub(super) fn has_extension(name: &str, extension: &str) -> bool {
    Path::new(name).extension().is_some_and(|found| found.eq_ignore_ascii_case(extension))
}

fn take_away(file: &Path) {
    if file.exists() {
        fs::remove_file(file).expect("a file can be removed");
    }
}

/// A new file takes the old one's place: the stage's own may be linked to it.
fn hurt(harm: Harm, path: &Path, which: usize) {
    let mut bytes = fs::read(path).expect("a file that was good");
    fs::remove_file(path).expect("a file can be removed");
    let place = which.wrapping_mul(7919).wrapping_add(bytes.len() / 2) % bytes.len();
    match harm {
        Harm::Flip => bytes[place] ^= 1,
        Harm::Cut => bytes.truncate(place),
        Harm::Lose => return,
    }
    fs::write(path, bytes).expect("a file can be written");
}
