//! What happened to a disk, step by step: the calls of a run, with file numbers and paths turned into files.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::rc::Rc;

use super::disk::{Disk, Node, ROOT};
use super::trace::Call;

/// A file or a folder, whatever its names are.
pub(super) type Inode = usize;

/// A name: the folder that it stands in, and the text.
pub(super) type Name = (Inode, String);

#[derive(Clone, Debug)]
pub(super) enum Step {
    /// Bytes get into a file.
    Write { file: Inode, at: usize, bytes: Rc<[u8]> },
    /// A file gets this length.
    Length { file: Inode, bytes: usize },
    /// A name appears, or stands for another file from now on.
    Link { name: Name, to: Inode },
    /// A name goes.
    Unlink { name: Name },
    /// A file gets another name, in one step.
    Rename { from: Name, to: Name, file: Inode },
    /// What was done to the file or folder in the steps before number `covers` is durable.
    Sync { of: Inode, covers: usize },
    /// The program told its result.
    Said,
    /// The program ended.
    Ended,
}

/// A run, as the disk lived through it; or several, one after the other.
#[derive(Clone)]
pub(super) struct Story {
    /// The disk before.
    pub(super) before: Disk,
    pub(super) steps: Vec<Step>,
    /// Every file and folder that there ever was on it.
    pub(super) nodes: Vec<Node>,
}

impl Story {
    /// Nothing has happened yet to the disk at `root`: all of it is durable.
    pub(super) fn begin(root: &Path) -> Self {
        let (before, nodes) = read_disk(root);
        Self { before, steps: Vec::new(), nodes }
    }

    /// The run died before step number `at`, and the power stayed on.
    pub(super) fn died(&self, at: usize) -> Self {
        Self { before: self.before.clone(), steps: self.steps[..at].to_vec(), nodes: self.nodes.clone() }
    }

    /// What a run did then to the disk at `root`, by its calls.
    pub(super) fn went_on(self, calls: &[Call], root: &Path) -> Self {
        let names = self.disk_at_the_end().live_names();
        let mut reader = Reader {
            root: root.to_owned(),
            names: names.into_iter().map(|(path, inode)| (root.join(path), inode)).collect(),
            ended_at: vec![0; self.steps.len()],
            story: self,
            open: HashMap::new(),
            descriptions: Vec::new(),
        };
        // A file is closed from the moment when that is asked for: another thread may get its number at once. All else
        // has happened when it came back.
        let is_close = |call: &Call| call.name == "close";
        let moment = |call: &Call| if is_close(call) { call.began } else { call.ended };
        let mut in_order: Vec<&Call> = calls.iter().collect();
        in_order.sort_by_key(|call| moment(call));
        for call in in_order {
            reader.read(call);
        }
        reader.story
    }

    /// The moments at which something becomes durable, and the end: as numbers of steps that were taken.
    pub(super) fn sync_points(&self) -> Vec<usize> {
        let all = self.steps.iter().enumerate();
        all.filter(|(_, step)| matches!(step, Step::Sync { .. } | Step::Said | Step::Ended)).map(|(at, _)| at).collect()
    }

    /// The disk when so many steps have been taken; what `skips` names by its number did not happen.
    pub(super) fn disk_after(&self, steps: usize, skips: &dyn Fn(usize) -> bool) -> Disk {
        let mut disk = self.before.clone();
        for (number, step) in self.steps.iter().enumerate().take(steps) {
            if !skips(number) {
                disk.take(number, step);
            }
        }
        disk
    }

    /// The disk at the end.
    pub(super) fn disk_at_the_end(&self) -> Disk {
        self.disk_after(self.steps.len(), &|_| false)
    }
}

/// An open file, whatever numbers it has.
struct Description {
    inode: Inode,
    offset: usize,
    appends: bool,
}

struct Reader {
    root: PathBuf,
    /// What programs see.
    names: BTreeMap<PathBuf, Inode>,
    story: Story,
    open: HashMap<i64, usize>,
    descriptions: Vec<Description>,
    /// The line of the trace where each step ended.
    ended_at: Vec<usize>,
}

impl Reader {
    fn read(&mut self, call: &Call) {
        match call.name.as_str() {
            "exit_group" => return self.step(call, Step::Ended),
            "write" if call.file(0) == 1 => return self.step(call, Step::Said),
            "close" => {
                self.open.remove(&call.file(0));
                return;
            }
            _ if call.result < 0 => return,
            _ => {}
        }
        match call.name.as_str() {
            "openat" => self.opened(call, call.argument(2), call.number(3)),
            "open" => self.opened(call, call.argument(1), call.number(2)),
            "dup" | "dup2" | "dup3" => self.duplicated(call),
            "fcntl" if call.argument(1).starts_with("F_DUPFD") => self.duplicated(call),
            "fcntl" | "exit_group" => {}
            "lseek" | "read" => self.moved(call),
            "write" | "pwrite64" | "writev" => self.written(call),
            "ftruncate" => self.cut(call),
            "fallocate" => assert!(self.file(call, 0).is_none(), "the model knows no fallocate: {call:?}"),
            "fsync" | "fdatasync" => self.synced(call),
            "syncfs" => self.all_synced(call),
            "rename" => self.renamed(call, &call.path(0), call.path(1)),
            "renameat" | "renameat2" => self.renamed(call, &call.path_at(0), call.path_at(2)),
            "link" => self.linked(call, &call.path(0), &call.path(1)),
            "linkat" => self.linked(call, &call.path_at(0), &call.path_at(2)),
            "unlink" | "rmdir" => self.unlinked(call, &call.path(0)),
            "unlinkat" => self.unlinked(call, &call.path_at(0)),
            "mkdir" => self.made(call, &call.path(0), call.number(1)),
            "mkdirat" => self.made(call, &call.path_at(0), call.number(2)),
            "fchmod" => {
                if let Some(inode) = self.file(call, 0) {
                    self.story.nodes[inode].mode = mode_of(call.number(1));
                }
            }
            "chmod" => self.told_mode(&call.path(0), call.number(1)),
            "fchmodat" => self.told_mode(&call.path_at(0), call.number(2)),
            // SQLite shares its index of the log through memory. It makes it anew when it is the first to open it, so
            // it does not matter what of it reaches the disk.
            "mmap" => {
                let shared = call.argument(3).contains("MAP_SHARED") && call.argument(2).contains("PROT_WRITE");
                let path = call.argument(4).split_once('<').map_or("", |(_, path)| path);
                let is_index = path.ends_with(r"\x2d\x73\x68\x6d>");
                assert!(!shared || is_index || self.file(call, 4).is_none(), "written through memory: {call:?}");
            }
            // None of these was seen; the model would have to learn them.
            _ => assert!(
                (0..call.arguments.len()).all(|at| self.file(call, at).is_none()),
                "the model does not know this call: {call:?}"
            ),
        }
    }

    fn step(&mut self, call: &Call, step: Step) {
        self.story.steps.push(step);
        self.ended_at.push(call.ended);
    }

    fn description(&mut self, call: &Call, at: usize) -> Option<&mut Description> {
        self.open.get(&call.file(at)).map(|number| &mut self.descriptions[*number])
    }

    /// The open file that an argument names, if it is on this disk.
    fn file(&mut self, call: &Call, at: usize) -> Option<Inode> {
        self.description(call, at).map(|description| description.inode)
    }

    /// Folder and name of a path on this disk.
    fn name(&self, path: &Path) -> Option<Name> {
        let folder = self.names.get(path.parent()?)?;
        Some((*folder, path.file_name()?.to_str().expect("names here are text").to_owned()))
    }

    fn new_node(&mut self, is_folder: bool, mode: u64) -> Inode {
        self.story.nodes.push(Node { is_folder, mode: mode_of(mode) & !0o022 });
        self.story.nodes.len() - 1
    }

    fn opened(&mut self, call: &Call, flags: &str, mode: u64) {
        let path = call.opened.clone().expect("what was opened has a path");
        if !path.starts_with(&self.root) {
            return;
        }
        assert!(!flags.contains("O_TMPFILE"), "the model knows no file without a name: {call:?}");
        let inode = if let Some(inode) = self.names.get(&path) {
            *inode
        } else {
            assert!(flags.contains("O_CREAT"), "a file that nobody made: {call:?}");
            let inode = self.new_node(false, mode);
            let name = self.name(&path).expect("a folder around it");
            self.names.insert(path, inode);
            self.step(call, Step::Link { name, to: inode });
            inode
        };
        if flags.contains("O_TRUNC") {
            self.step(call, Step::Length { file: inode, bytes: 0 });
        }
        self.descriptions.push(Description { inode, offset: 0, appends: flags.contains("O_APPEND") });
        self.open.insert(call.result, self.descriptions.len() - 1);
    }

    fn duplicated(&mut self, call: &Call) {
        if let Some(number) = self.open.get(&call.file(0)).copied() {
            self.open.insert(call.result, number);
        }
    }

    fn moved(&mut self, call: &Call) {
        let by = usize::try_from(call.result).expect("it did not fail");
        let reads = call.name == "read";
        if let Some(description) = self.description(call, 0) {
            description.offset = if reads { description.offset + by } else { by };
        }
    }

    fn written(&mut self, call: &Call) {
        let Some(description) = self.description(call, 0) else { return };
        assert!(!description.appends, "the model knows no O_APPEND: {call:?}");
        let length = usize::try_from(call.result).expect("it did not fail");
        let file = description.inode;
        let at = if call.name == "pwrite64" {
            usize::try_from(call.number(3)).expect("small files")
        } else {
            description.offset += length;
            description.offset - length
        };
        let bytes = call.bytes(1);
        self.step(call, Step::Write { file, at, bytes: bytes[..length].into() });
    }

    fn cut(&mut self, call: &Call) {
        if let Some(file) = self.file(call, 0) {
            let bytes = usize::try_from(call.number(1)).expect("small files");
            self.step(call, Step::Length { file, bytes });
        }
    }

    fn synced(&mut self, call: &Call) {
        if let Some(of) = self.file(call, 0) {
            // What another thread did while the sync was on its way may not be covered by it.
            let covers = self.ended_at.partition_point(|ended| *ended < call.began);
            self.step(call, Step::Sync { of, covers });
        }
    }

    /// The bytes of every file that was written to since its last sync; nothing is taken of the names.
    fn all_synced(&mut self, call: &Call) {
        if self.file(call, 0).is_none() {
            return;
        }
        let covers = self.ended_at.partition_point(|ended| *ended < call.began);
        let mut unsynced = std::collections::BTreeSet::new();
        for step in &self.story.steps[..covers] {
            match step {
                Step::Write { file, .. } | Step::Length { file, .. } => {
                    unsynced.insert(*file);
                }
                Step::Sync { of, .. } => {
                    unsynced.remove(of);
                }
                Step::Link { .. } | Step::Unlink { .. } | Step::Rename { .. } | Step::Said | Step::Ended => {}
            }
        }
        for of in unsynced {
            self.step(call, Step::Sync { of, covers });
        }
    }

    fn renamed(&mut self, call: &Call, from: &Path, to: PathBuf) {
        if from.starts_with(&self.root) || to.starts_with(&self.root) {
            let file = self.names.remove(from).expect("what is renamed is there");
            assert!(!self.story.nodes[file].is_folder, "the model knows no renaming of folders: {call:?}");
            let names = (self.name(from).expect("a folder"), self.name(&to).expect("a folder"));
            self.names.insert(to, file);
            self.step(call, Step::Rename { from: names.0, to: names.1, file });
        }
    }

    fn linked(&mut self, call: &Call, from: &Path, to: &Path) {
        if let Some(file) = self.names.get(from).copied() {
            let name = self.name(to).expect("a folder around it");
            self.names.insert(to.to_owned(), file);
            self.step(call, Step::Link { name, to: file });
        }
    }

    fn unlinked(&mut self, call: &Call, path: &Path) {
        if let Some(name) = self.name(path) {
            self.names.remove(path).expect("what is removed was there");
            self.step(call, Step::Unlink { name });
        }
    }

    fn made(&mut self, call: &Call, path: &Path, mode: u64) {
        if let Some(name) = self.name(path) {
            let folder = self.new_node(true, mode);
            self.names.insert(path.to_owned(), folder);
            self.step(call, Step::Link { name, to: folder });
        }
    }

    fn told_mode(&mut self, path: &Path, mode: u64) {
        if let Some(inode) = self.names.get(path) {
            self.story.nodes[*inode].mode = mode_of(mode);
        }
    }
}

fn mode_of(number: u64) -> u32 {
    u32::try_from(number & 0o7777).expect("twelve bits")
}

/// The disk that a folder is, all of it durable.
fn read_disk(root: &Path) -> (Disk, Vec<Node>) {
    use std::os::unix::fs::PermissionsExt as _;
    let (mut disk, mut nodes) = (Disk::default(), Vec::new());
    let mut left = vec![(root.to_owned(), None::<Name>)];
    while let Some((path, name)) = left.pop() {
        let metadata = std::fs::symlink_metadata(&path).expect("a file can be looked at");
        let inode = nodes.len();
        assert!(name.is_some() || inode == ROOT, "the root comes first");
        nodes.push(Node { is_folder: metadata.is_dir(), mode: metadata.permissions().mode() & 0o7777 });
        if metadata.is_dir() {
            disk.plant(inode, name, None);
            for entry in std::fs::read_dir(&path).expect("a folder can be listed") {
                let entry = entry.expect("a folder can be listed");
                let text = entry.file_name().to_str().expect("names here are text").to_owned();
                left.push((entry.path(), Some((inode, text))));
            }
        } else {
            disk.plant(inode, name, Some(std::fs::read(&path).expect("a file can be read")));
        }
    }
    (disk, nodes)
}
