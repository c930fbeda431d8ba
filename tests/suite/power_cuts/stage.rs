//! A disk that a run is watched on, and on which the worlds after a power cut are put one after the other.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;

use super::disk::World;
use super::judge;
use super::story::{Step, Story};
use super::trace;
use super::worlds::{Dice, Loss, Luck};
use crate::support::holdings::Holdings;
use crate::support::sandbox::{Ended, Sandbox};
use crate::support::tree::files_below;

/// A blank home with a folder in it that is the disk: the archive is `disk/archive`, its repository `disk/copy`.
pub(super) struct Stage {
    pub(super) sandbox: Sandbox,
    pub(super) disk: PathBuf,
    _home: Sandbox,
}

impl Stage {
    pub(super) fn new() -> Self {
        let home = Sandbox::in_memory();
        let disk = home.path("disk");
        std::fs::create_dir(&disk).expect("a folder can be made");
        Self { sandbox: home.moved("disk/archive"), disk, _home: home }
    }

    pub(super) fn repository(&self) -> PathBuf {
        self.disk.join("copy")
    }

    /// The program, about to run on the archive.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let archive = self.sandbox.archive();
        let named = ["--archive".as_ref(), archive.as_os_str()];
        self.sandbox.command(named.into_iter().chain(arguments.iter().map(AsRef::as_ref)))
    }

    /// Runs a command on the archive and says what was wrong if it did not end so.
    pub(super) fn ends(&self, arguments: &[&str], codes: &[i32]) -> Result<Ended, String> {
        let ended = self.sandbox.keepsake(arguments);
        ends(ended, &arguments.join(" "), codes)
    }
}

pub(super) fn ends(ended: Ended, what: &str, codes: &[i32]) -> Result<Ended, String> {
    if codes.contains(&ended.code) {
        Ok(ended)
    } else {
        Err(format!("“{what}” ended with {}: {}{}", ended.code, ended.stdout, ended.stderr))
    }
}

/// Runs the program again in what a cut left; says whether its result had been told, and gives what is wrong.
pub(super) type Again<'a> = &'a dyn Fn(&Scene, bool) -> Result<(), String>;

/// What is wrong with a world, by its looks.
pub(super) type Look<'a> = &'a dyn Fn(&Scene, &World, usize, Loss) -> Vec<String>;

/// A run that was watched.
pub(super) struct Scene {
    pub(super) stage: Rc<Stage>,
    pub(super) story: Story,
    pub(super) ended: Ended,
    /// What stood on the disk at the beginning and at the end.
    pub(super) before: World,
    pub(super) after: World,
    pub(super) held_before: Option<Holdings>,
    pub(super) held_after: Option<Holdings>,
    /// Every content that ever got a name in one step, by that name.
    pub(super) named: BTreeMap<PathBuf, Vec<Vec<u8>>>,
}

impl Scene {
    /// Watches the command on the stage as it is.
    pub(super) fn watch(stage: Stage, command: impl FnOnce(&Stage) -> Command) -> Self {
        let story = Story::begin(&stage.disk);
        Self::of(Rc::new(stage), story, command)
    }

    /// Watches the command after the story so far.
    fn of(stage: Rc<Stage>, so_far: Story, command: impl FnOnce(&Stage) -> Command) -> Self {
        let before = so_far.before.live(&so_far.nodes);
        let held_before = judge::with_catalog(&before, Holdings::of).ok();
        so_far.disk_at_the_end().live(&so_far.nodes).put(&stage.disk);
        let (ended, calls) = trace::take(&command(&stage), &stage.sandbox.path("trace"));
        let story = so_far.went_on(&calls, &stage.disk);
        let after = story.disk_at_the_end().live(&story.nodes);
        assert_is_what_the_run_left(&stage.disk, &after);
        let held_after = judge::with_catalog(&after, Holdings::of).ok();
        let named = contents_by_name(&story, &before);
        Self { stage, story, ended, before, after, held_before, held_after, named }
    }

    /// The run dies, and is run again to its end; the power is cut after that. What the first one did and did not sync
    /// must be durable once the second one has told of it.
    pub(super) fn survives_after_a_death(
        &self,
        verb: &str,
        times: usize,
        codes: &[i32],
        command: &dyn Fn(&Stage) -> Command,
    ) {
        let mut dice = Dice(0x6465_6164);
        let mut moments = self.story.sync_points();
        while !is_thorough() && moments.len() > times {
            moments.remove(dice.below(moments.len()));
        }
        for at in moments {
            let second = Self::of(Rc::clone(&self.stage), self.story.died(at), command);
            let what = format!("{verb}: died at {}, and was run again", self.moment(at));
            ends(second.ended.clone(), &what, codes).expect("it ends well");
            for at in second.story.sync_points().into_iter().filter(|later| *later >= at) {
                for loss in [Loss::Everything, Loss::Bytes] {
                    let wrong = judge::faults(&second, &second.world(at, loss), at, loss);
                    assert!(wrong.is_empty(), "{what}; power cut at {}, {loss:?}: {wrong:#?}", second.moment(at));
                }
            }
        }
    }

    /// What a cut leaves before step number `at` was taken.
    pub(super) fn world(&self, at: usize, loss: Loss) -> World {
        self.story.disk_after(at, &|_| false).world(&self.story.nodes, &mut Luck::with(loss))
    }

    /// Whether the program had told its result before step number `at`.
    pub(super) fn has_said(&self, at: usize) -> bool {
        self.story.steps.iter().take(at).any(|step| matches!(step, Step::Said))
    }

    /// Where the power is cut: before every sync, at every word that is told, at the end, and at some moments between.
    pub(super) fn moments(&self, seed: u64) -> Vec<usize> {
        let mut moments = self.story.sync_points();
        let (mut dice, steps) = (Dice(seed), self.story.steps.len());
        moments.extend((0..moments.len() / 4).map(|_| dice.below(steps)));
        moments.push(steps);
        moments.sort_unstable();
        moments.dedup();
        moments
    }

    /// Looks at worlds: at every one quickly, and at `thoroughly` of them by running the program again.
    ///
    /// With `KEEPSAKE_THOROUGH=1` at every one in both ways.
    pub(super) fn survives(&self, verb: &str, thoroughly: usize, again: Again<'_>) {
        self.survives_with(verb, thoroughly, &judge::faults, again);
    }

    /// The same with another look at each world.
    pub(super) fn survives_with(&self, verb: &str, thoroughly: usize, look: Look<'_>, again: Again<'_>) {
        let all = is_thorough();
        let mut dice = Dice(0x6b65_6570);
        let (mut seen, mut worlds) = (HashSet::new(), Vec::new());
        for at in self.moments(dice.roll()) {
            let seeds = [Loss::Some(dice.roll()), Loss::Some(dice.roll())];
            for loss in Loss::PLAIN.into_iter().chain(seeds) {
                let world = self.world(at, loss);
                if seen.insert((judge::hash(&world), self.has_said(at))) {
                    let wrong = look(self, &world, at, loss);
                    assert!(wrong.is_empty(), "{verb}: the power is cut at {}, {loss:?}: {wrong:#?}", self.moment(at));
                    worlds.push((at, loss));
                }
            }
        }
        let looked_at = worlds.len();
        while !all && worlds.len() > thoroughly {
            worlds.swap_remove(dice.below(worlds.len()));
        }
        for (at, loss) in &worlds {
            self.world(*at, *loss).put(&self.stage.disk);
            if let Err(wrong) = again(self, self.has_said(*at)) {
                panic!("{verb}, run again: the power was cut at {}, {loss:?}: {wrong}", self.moment(*at));
            }
        }
        let (steps, syncs) = (self.story.steps.len(), self.story.sync_points().len());
        println!("{verb}: {steps} steps, {syncs} of them syncs; {looked_at} worlds, run again in {}", worlds.len());
    }

    /// A moment, for people.
    pub(super) fn moment(&self, at: usize) -> String {
        let next = self.story.steps.get(at).map(|step| super::classes::told(self, at, step));
        format!("step {at} of {} (before: {})", self.story.steps.len(), next.unwrap_or_else(|| "the end".to_owned()))
    }
}

/// Whether every world is to be looked at in every way, however long it takes.
pub(super) fn is_thorough() -> bool {
    std::env::var_os("KEEPSAKE_THOROUGH").is_some_and(|value| value == "1")
}

/// The model says at the end what stands on the disk, or it knows less than the program does.
fn assert_is_what_the_run_left(disk: &Path, model: &World) {
    let is_told = |path: &&PathBuf| !path.to_string_lossy().ends_with("-shm");
    let found: Vec<PathBuf> = files_below(disk).into_iter().map(PathBuf::from).collect();
    let found: Vec<&PathBuf> = found.iter().filter(is_told).collect();
    assert_eq!(found, model.files.keys().filter(is_told).collect::<Vec<_>>(), "the model has other files");
    for path in found {
        let same = std::fs::read(disk.join(path)).expect("a file can be read") == model.files[path].1;
        assert!(same, "the model has other bytes in {}", path.display());
    }
}

fn contents_by_name(story: &Story, before: &World) -> BTreeMap<PathBuf, Vec<Vec<u8>>> {
    let mut named: BTreeMap<PathBuf, Vec<Vec<u8>>> = BTreeMap::new();
    let mut disk = story.before.clone();
    for (number, step) in story.steps.iter().enumerate() {
        disk.take(number, step);
        let Step::Rename { file, .. } = step else { continue };
        let names = disk.live_names().into_iter().filter(|(_, inode)| inode == file);
        for (path, inode) in names {
            let old = before.files.get(&path).map(|(_, bytes)| bytes.clone());
            named.entry(path).or_insert_with(|| old.into_iter().collect()).push(disk.live_bytes(inode));
        }
    }
    named
}
