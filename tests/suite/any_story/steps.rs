//! What may happen in a story. Each step prints as a sentence, and as the line of a test that can be pasted.

use std::fmt;

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, prop_oneof};
use proptest::sample::select;

/// The names that files of the card have.
pub(super) const NAMES: [&str; 6] =
    ["beach.jpg", "sand.jpg", "Beach.JPG", "oma.jpg", "summer/beach.jpg", "Ünder a `tree`.jpg"];

/// The names that albums have: two differ in capitals alone, one is no name for a folder.
pub(super) const ALBUMS: [&str; 4] = ["Lisbon", "lisbon", "Oma / 80.", "CON"];

const CAPTIONS: [&str; 5] = ["Tram 28", "", "Oma & <Opa>", "two\nlines", "“Été” 🏖"];
const DATES: [&str; 3] = ["2014-08-03T14:22:33", "1999-12-31T23:59:59", "2020-02-29T00:00:00"];

/// The bytes that a file of the card can have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Content {
    Beach,
    /// The same picture, with another date in it.
    BeachLater,
    Tram,
    Oma,
    /// A picture that ends in the middle.
    HalfWedding,
    Zeros,
    /// Large, and like nothing else.
    Noise,
    /// Not a photo, whatever it is called.
    Note,
    /// Left aside.
    Empty,
}

use Content::{Beach, BeachLater, Empty, HalfWedding, Noise, Note, Oma, Tram, Zeros};

pub(super) const CONTENTS: [Content; 9] = [Beach, BeachLater, Tram, Oma, HalfWedding, Zeros, Noise, Note, Empty];

/// What a flipped, shortened or lost file has met.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Harm {
    Flip,
    Cut,
    Lose,
}

/// What of a repository is harmed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Part {
    Pack,
    Index,
    Snapshot,
}

impl Part {
    /// Where such files lie.
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Pack => "data",
            Self::Index => "index",
            Self::Snapshot => "snapshots",
        }
    }
}

/// What is killed in the middle.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verb {
    Ingest,
    Backup,
    Drill,
    Restore,
    Recover,
    Undo,
}

/// One thing that happens.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Step {
    /// The card gets a file, or another content under an old name.
    Put(Content, &'static str),
    Rename(&'static str, &'static str),
    Remove(&'static str),
    Ingest,
    Caption(Content, &'static str),
    Stars(Content, i8),
    Date(Content, &'static str),
    Make(&'static str),
    Add(&'static str, Content),
    TakeOff(&'static str, Content),
    Call(&'static str, &'static str),
    Drop(&'static str),
    Delete(Content),
    Undelete(Content),
    Undo,
    Backup,
    Drill,
    Restore,
    Recover,
    HarmObject(Harm, Content),
    /// The number chooses the file and the byte.
    HarmRepository(Harm, Part, u16),
    Mend,
    Killed(Verb, u16),
}

/// A card with some photos, which is ingested as a rule, and then anything.
pub(super) fn story(longest: usize) -> impl Strategy<Value = Vec<Step>> {
    let card = vec(put(), 0..=7);
    let ingest = prop_oneof![4 => Just(vec![Step::Ingest]), 1 => Just(Vec::new())];
    (card, ingest, vec(step(), 1..=longest)).prop_map(|(card, ingest, rest)| [card, ingest, rest].concat())
}

fn put() -> impl Strategy<Value = Step> {
    // Few contents, so that steps meet.
    let content = prop_oneof![2 => select(&CONTENTS[..3]), 1 => select(&CONTENTS[..])];
    (content, select(&NAMES[..])).prop_map(|(content, name)| Step::Put(content, name))
}

fn step() -> impl Strategy<Value = Step> {
    let photo = || prop_oneof![3 => select(&CONTENTS[..3]), 1 => select(&CONTENTS[..8])];
    let name = || select(&NAMES[..]);
    let album = || select(&ALBUMS[..]);
    let harm = || select(&[Harm::Flip, Harm::Cut, Harm::Lose][..]);
    // Most runs of these small archives are over after a tenth of a second.
    let after = prop_oneof![4 => 1_u16..25, 3 => 25_u16..60, 1 => 60_u16..250];
    let part = prop_oneof![3 => Just(Part::Pack), 1 => Just(Part::Index), 1 => Just(Part::Snapshot)];
    let verb = prop_oneof![
        4 => Just(Verb::Ingest),
        4 => Just(Verb::Backup),
        1 => Just(Verb::Drill),
        1 => Just(Verb::Restore),
        2 => Just(Verb::Recover),
        1 => Just(Verb::Undo),
    ];
    prop_oneof![
        8 => put(),
        3 => (name(), name()).prop_map(|(from, to)| Step::Rename(from, to)),
        2 => name().prop_map(Step::Remove),
        8 => Just(Step::Ingest),
        3 => (photo(), select(&CAPTIONS[..])).prop_map(|(photo, text)| Step::Caption(photo, text)),
        3 => (photo(), -1_i8..=5).prop_map(|(photo, stars)| Step::Stars(photo, stars)),
        3 => (photo(), select(&DATES[..])).prop_map(|(photo, date)| Step::Date(photo, date)),
        3 => album().prop_map(Step::Make),
        6 => (album(), photo()).prop_map(|(album, photo)| Step::Add(album, photo)),
        2 => (album(), photo()).prop_map(|(album, photo)| Step::TakeOff(album, photo)),
        2 => (album(), album()).prop_map(|(from, to)| Step::Call(from, to)),
        1 => album().prop_map(Step::Drop),
        4 => photo().prop_map(Step::Delete),
        2 => photo().prop_map(Step::Undelete),
        6 => Just(Step::Undo),
        10 => Just(Step::Backup),
        1 => Just(Step::Drill),
        1 => Just(Step::Restore),
        2 => Just(Step::Recover),
        6 => (harm(), photo()).prop_map(|(harm, photo)| Step::HarmObject(harm, photo)),
        4 => (harm(), part, 0_u16..=999).prop_map(|(harm, part, which)| Step::HarmRepository(harm, part, which)),
        3 => Just(Step::Mend),
        8 => (verb, after).prop_map(|(verb, after)| Step::Killed(verb, after)),
    ]
}

impl fmt::Display for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Beach => "the picture of the beach",
            BeachLater => "the picture of the beach with another date",
            Tram => "the picture of the tram",
            Oma => "the picture of Oma",
            HalfWedding => "the half picture of the wedding",
            Zeros => "a file of zeros",
            Noise => "a large file of noise",
            Note => "a note",
            Empty => "an empty file",
        })
    }
}

impl fmt::Display for Harm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Flip => "gets another byte",
            Self::Cut => "is cut short",
            Self::Lose => "is lost",
        })
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Pack => "a pack",
            Self::Index => "an index file",
            Self::Snapshot => "a snapshot",
        })
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Ingest => "the ingest",
            Self::Backup => "the backup",
            Self::Drill => "the drill",
            Self::Restore => "the restore",
            Self::Recover => "the recovery after the archive's drive died",
            Self::Undo => "the undo",
        })
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Put(content, name) => write!(f, "{content} is on the card as {name}"),
            Self::Rename(from, to) => write!(f, "Anna renames {from} to {to} on the card"),
            Self::Remove(name) => write!(f, "Anna deletes {name} from the card"),
            Self::Ingest => write!(f, "Anna ingests the card"),
            Self::Caption(photo, text) => write!(f, "Anna writes {text:?} below {photo}"),
            Self::Stars(photo, stars) => write!(f, "Anna gives {photo} {stars} stars"),
            Self::Date(photo, date) => write!(f, "Anna says that {photo} was taken at {date}"),
            Self::Make(album) => write!(f, "Anna makes the album {album:?}"),
            Self::Add(album, photo) => write!(f, "Anna adds {photo} to the album {album:?}"),
            Self::TakeOff(album, photo) => write!(f, "Anna takes {photo} out of the album {album:?}"),
            Self::Call(from, to) => write!(f, "Anna calls the album {from:?} {to:?}"),
            Self::Drop(album) => write!(f, "Anna deletes the album {album:?}"),
            Self::Delete(photo) => write!(f, "Anna deletes {photo}"),
            Self::Undelete(photo) => write!(f, "Anna takes {photo} out of the trash"),
            Self::Undo => write!(f, "Anna undoes her last change"),
            Self::Backup => write!(f, "Anna backs up"),
            Self::Drill => write!(f, "Anna drills"),
            Self::Restore => write!(f, "Anna restores everything"),
            Self::Recover => write!(f, "the archive's drive dies, and Anna recovers"),
            Self::HarmObject(harm, photo) => write!(f, "the object of {photo} {harm}"),
            Self::HarmRepository(harm, part, which) => write!(f, "{part} of the repository {harm} (number {which})"),
            Self::Mend => write!(f, "Anna mends what is damaged, as the documents say"),
            Self::Killed(verb, after) => write!(f, "{verb} is killed after {after} ms"),
        }
    }
}
