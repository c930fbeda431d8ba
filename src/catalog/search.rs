//! Searching.

use jiff::civil::DateTime;
use rusqlite::{ToSql, params_from_iter};

use super::photos::{SUMMARY, summary};
use super::{Catalog, CatalogError, same_picture};
use crate::model::report::{PhotoSummary, SearchReport};
use crate::model::{Condition, Family, Kind};

/// What to look for. Everything that is given must hold; the default finds every photo that is not in the trash.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Query {
    /// Words in names, captions, keywords, names of albums, cameras, folders and sources; a beginning is enough for the
    /// last one. Anything may stand in them.
    pub words: Vec<String>,
    /// The name of an album.
    pub album: Option<String>,
    /// The name of a person. This version knows no faces, so that nothing is found.
    pub person: Option<String>,
    /// The name of a place. This version knows no places by name, so that nothing is found.
    pub place: Option<String>,
    /// A whole keyword.
    pub tag: Option<String>,
    /// A part of the camera's name.
    pub camera: Option<String>,
    /// The number of a source, or a part of its name.
    pub source: Option<String>,
    /// A format, or a family of formats.
    pub kind: Option<KindFilter>,
    /// How whole.
    pub condition: Option<Condition>,
    /// Taken at this moment or later, by the clock on the wall.
    pub from: Option<DateTime>,
    /// Taken before this moment.
    pub to: Option<DateTime>,
    /// Whose.
    pub owner: Option<String>,
    /// Of photos of one owner that are the same picture with other metadata, only the best one: intact before damaged,
    /// then the largest file, then the one kept first. `total` counts pictures then.
    pub grouped: bool,
    /// How many to list at most; `total` counts all.
    pub limit: usize,
}

/// Which formats.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KindFilter {
    /// This one.
    Kind(Kind),
    /// Each of this family.
    Family(Family),
    /// Each camera's raw format.
    Raw,
}

impl KindFilter {
    fn kinds(self) -> Vec<&'static str> {
        Kind::ALL
            .iter()
            .filter(|(kind, _)| match self {
                Self::Kind(wanted) => *kind == wanted,
                Self::Family(wanted) => kind.family() == wanted,
                Self::Raw => kind.is_raw(),
            })
            .map(|(_, word)| *word)
            .collect()
    }
}

impl Catalog {
    /// The photos that a query finds, newest first, undated ones last; none that is in the trash.
    pub fn search(&self, query: &Query) -> Result<SearchReport, CatalogError> {
        let Some(conditions) = conditions(query) else { return Ok(SearchReport::default()) };
        let mut from = "FROM photo JOIN object ON object.row = photo.object WHERE deleted_at IS NULL".to_owned();
        for condition in &conditions {
            from.push_str(" AND ");
            from.push_str(&condition.sql);
        }
        if query.grouped {
            from = same_picture::best_of_each(&from);
        }
        let values = || conditions.iter().flat_map(|condition| condition.values.iter());
        let moment = self.moment()?;
        let total = moment
            .prepare_cached(&format!("SELECT count(*) {from}"))?
            .query_row(params_from_iter(values()), |row| super::columns::size(row, 0))?;
        let mut statement = moment
            .prepare_cached(&format!("SELECT {SUMMARY} {from} ORDER BY photo.taken_at DESC, photo.id LIMIT ?"))?;
        let limit: Box<dyn ToSql> = Box::new(i64::try_from(query.limit).unwrap_or(i64::MAX));
        let mut photos: Vec<PhotoSummary> = statement
            .query_map(params_from_iter(values().chain(std::iter::once(&limit))), summary)?
            .collect::<Result<_, _>>()?;
        if query.grouped {
            for photo in &mut photos {
                photo.same_picture = same_picture::others(&moment, &photo.id)?;
            }
        }
        Ok(SearchReport { total, photos })
    }
}

/// One thing that must hold, with the values for its question marks.
struct Must {
    sql: String,
    values: Vec<Box<dyn ToSql>>,
}

fn must(sql: &str, values: impl IntoIterator<Item = impl ToSql + 'static>) -> Must {
    let values = values.into_iter().map(|value| Box::new(value) as Box<dyn ToSql>).collect();
    Must { sql: sql.to_owned(), values }
}

/// All that must hold; `None` when nothing can be found.
fn conditions(query: &Query) -> Option<Vec<Must>> {
    let Query { words, album, person, place, tag, camera, source, kind, condition, from, to, owner, .. } = query;
    if person.is_some() || place.is_some() {
        return None;
    }
    let mut all = Vec::new();
    if !words.is_empty() {
        let text = full_text(words)?;
        all.push(must("photo.row IN (SELECT rowid FROM words WHERE words MATCH ?)", [text]));
    }
    if let Some(album) = album {
        all.push(must(
            "photo.row IN (SELECT photo FROM album_photo JOIN album ON album.id = album
                 WHERE album.name = ? COLLATE NOCASE)",
            [album.clone()],
        ));
    }
    if let Some(tag) = tag {
        all.push(must("photo.row IN (SELECT photo FROM tag WHERE tag.name = ? COLLATE NOCASE)", [tag.clone()]));
    }
    if let Some(camera) = camera {
        all.push(must("instr(lower(photo.camera), lower(?)) > 0", [camera.clone()]));
    }
    if let Some(source) = source {
        all.push(must(
            "photo.object IN (SELECT sighting.object FROM source JOIN folder ON folder.source = source.id
                 JOIN sighting ON sighting.folder = folder.row
                 WHERE CAST(source.id AS TEXT) = ?1 OR (?1 GLOB '*[^0-9]*' AND instr(lower(source.name), lower(?1)) > 0))",
            [source.clone()],
        ));
    }
    if let Some(kind) = kind {
        all.push(of_kind(*kind));
    }
    if let Some(condition) = condition {
        all.push(must("object.condition = ?", [condition.as_str()]));
    }
    if let Some(from) = from {
        all.push(must("photo.taken_at >= ?", [from.to_string()]));
    }
    if let Some(to) = to {
        all.push(must("photo.taken_at < ?", [to.to_string()]));
    }
    if let Some(owner) = owner {
        // The plus keeps SQLite from walking the owner's photos by another order than that of time.
        all.push(must("+photo.owner = ?", [owner.clone()]));
    }
    Some(all)
}

/// A raw file that stands beside its picture is what somebody means who asks for raw files; of other companions (the
/// moving half of a photo is no video) that is not so.
fn of_kind(kind: KindFilter) -> Must {
    let kinds = kind.kinds();
    let marks = vec!["?"; kinds.len()].join(", ");
    let original = format!("object.kind IN ({marks})");
    let is_raw = match kind {
        KindFilter::Raw => true,
        KindFilter::Kind(kind) => kind.is_raw(),
        KindFilter::Family(_) => false,
    };
    if !is_raw {
        return must(&original, kinds);
    }
    let beside = "photo.row IN (SELECT photo FROM companion JOIN object AS beside ON beside.row = companion.object
         WHERE beside.kind IN";
    must(&format!("({original} OR {beside} ({marks})))"), [kinds.clone(), kinds].concat())
}

/// The words as an FTS5 query: each one quoted, so that nothing in it is an operator; all must be there, the last one at
/// least begun. `None` when there is nothing in them that could be found (only punctuation).
fn full_text(words: &[String]) -> Option<String> {
    let quoted: Vec<String> = words
        .iter()
        .flat_map(|word| word.split(|character: char| character.is_whitespace() || character.is_control()))
        .filter(|word| word.chars().any(char::is_alphanumeric))
        .map(|word| format!("\"{}\"", word.replace('"', "\"\"")))
        .collect();
    (!quoted.is_empty()).then(|| quoted.join(" ") + "*")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::sample::{Sample, at, described, intact};
    use crate::model::{CompanionRole, ObjectId, PhotoId};
    use jiff::civil::date;

    fn found(sample: &Sample, query: &Query) -> Vec<PhotoId> {
        let report = sample.catalog.search(&Query { limit: 100, ..query.clone() }).unwrap();
        assert_eq!(report.total, report.photos.len() as u64);
        report.photos.into_iter().map(|photo| photo.id).collect()
    }

    fn words(text: &str) -> Query {
        Query { words: text.split(' ').map(str::to_owned).collect(), ..Query::default() }
    }

    /// Two photos: one described in every way, one about which nothing is known but its name.
    fn library() -> (Sample, PhotoId, PhotoId) {
        let mut sample = Sample::new();
        let lisbon = sample.photo("2014 Portugal/IMG_1234.JPG", "lisbon");
        let plain = sample.photo("other/scan.jpg", "plain");
        let mut description = described("IMG_1234.JPG", "2014-08-03");
        description.caption = Some("Mamá vor dem Café".to_owned());
        description.keywords = vec!["Familie".to_owned(), "tram 28".to_owned()];
        description.camera = Some("Canon EOS 350D".to_owned());
        sample.catalog.describe_photo(&lisbon, &description).unwrap();
        sample.catalog.record_examinations(&[(ObjectId::of(b"lisbon"), intact())]).unwrap();
        let album = sample.catalog.create_album("anna", &"Sommerreise".parse().unwrap(), at(2)).unwrap();
        sample.catalog.add_to_album(album, std::slice::from_ref(&lisbon), at(3)).unwrap();
        (sample, lisbon, plain)
    }

    #[test]
    fn a_photo_is_found_by_words_from_everywhere() {
        let (sample, lisbon, plain) = library();
        for text in
            ["mama", "CAFÉ", "cafe mamá", "img_1234", "1234", "sommer", "tram", "canon 350", "portugal", "img 1234.jp"]
        {
            assert_eq!(found(&sample, &words(text)), std::slice::from_ref(&lisbon), "{text}");
        }
        assert_eq!(found(&sample, &words("scan")), [plain]);
        assert_eq!(found(&sample, &words("jpg")).len(), 2);
        assert!(found(&sample, &words("som reise")).is_empty(), "only the last word may be a beginning");
    }

    #[test]
    fn nothing_that_a_person_types_is_an_error() {
        let (sample, lisbon, _) = library();
        let odd = [
            "\"", "*", "(", ")", "NEAR", "NEAR(", "AND", "OR NOT", "^", "-", "name:", "{a b}: c", "\0", "a\0b", "'",
            ";--", "", "\"\"\"", "+", "mama\"", "(mama", "*mama*", "\u{301}", "\u{fffe}", "🦀", "a AND", "NOT mama",
        ];
        for text in odd {
            let report = sample.catalog.search(&words(text));
            assert!(report.is_ok(), "{text:?}: {report:?}");
        }
        assert_eq!(found(&sample, &words("(mama\"")), [lisbon]);
        assert!(found(&sample, &words("NEAR")).is_empty());
        assert!(found(&sample, &words("* (")).is_empty(), "what cannot be found is not found");
    }

    #[test]
    fn every_filter_leaves_out_what_it_should() {
        let (sample, lisbon, plain) = library();
        let text = |text: &str| Some(text.to_owned());
        let queries = [
            Query { album: text("sommerreise"), ..Query::default() },
            Query { tag: text("familie"), ..Query::default() },
            Query { camera: text("eos"), ..Query::default() },
            Query { condition: Some(Condition::Intact), ..Query::default() },
            Query { from: Some(date(2014, 8, 3).at(0, 0, 0, 0)), ..Query::default() },
            Query { to: Some(date(2014, 8, 4).at(0, 0, 0, 0)), ..Query::default() },
        ];
        for query in queries {
            assert_eq!(found(&sample, &query), std::slice::from_ref(&lisbon), "{query:?}");
        }
        let all = [lisbon, plain];
        let queries = [
            Query::default(),
            Query { owner: text("anna"), ..Query::default() },
            Query { source: text("MEDIA/stick"), ..Query::default() },
            Query { source: text("1"), ..Query::default() },
            Query { kind: Some(KindFilter::Kind(Kind::Jpeg)), ..Query::default() },
            Query { kind: Some(KindFilter::Family(Family::Still)), ..Query::default() },
        ];
        for query in queries {
            assert_eq!(found(&sample, &query), all, "{query:?}");
        }
        let queries = [
            Query { owner: text("ben"), ..Query::default() },
            Query { source: text("elsewhere"), ..Query::default() },
            Query { kind: Some(KindFilter::Family(Family::Video)), ..Query::default() },
            Query { person: text("Mamá"), ..Query::default() },
            Query { to: Some(date(2014, 8, 3).at(14, 22, 33, 0)), ..Query::default() },
        ];
        for query in queries {
            assert!(found(&sample, &query).is_empty(), "{query:?}");
        }
    }

    #[test]
    fn a_search_for_raw_files_finds_those_beside_their_picture_too() {
        let mut sample = Sample::new();
        let jpeg = sample.photo("IMG_1.JPG", "jpeg");
        let raw = sample.photo_of_kind("IMG_2.CR2", "alone", Kind::Cr2);
        sample.photo_of_kind("IMG_1.CR2", "beside", Kind::Cr2);
        sample.photo_of_kind("IMG_1.MOV", "moving", Kind::Mov);
        for (content, role) in [("beside", CompanionRole::Raw), ("moving", CompanionRole::LiveVideo)] {
            sample.catalog.set_companion(&jpeg, &ObjectId::of(content.as_bytes()), role, "IMG_1").unwrap();
        }
        let of = |kind| {
            let found = found(&sample, &Query { kind: Some(kind), ..Query::default() });
            found.into_iter().collect::<std::collections::BTreeSet<_>>()
        };
        let both = std::collections::BTreeSet::from([jpeg, raw]);
        assert_eq!(of(KindFilter::Raw), both);
        assert_eq!(of(KindFilter::Kind(Kind::Cr2)), both);
        assert!(of(KindFilter::Kind(Kind::Nef)).is_empty());
        assert!(of(KindFilter::Family(Family::Video)).is_empty(), "the moving half of a photo is no video");
    }

    #[test]
    fn the_newest_come_first_and_the_trash_never() {
        let mut sample = Sample::new();
        let mut photos = Vec::new();
        for (name, day) in [("a", "2014-08-03"), ("b", "2019-01-01"), ("c", "1999-12-31"), ("d", "2016-05-05")] {
            let photo = sample.photo(name, name);
            sample.catalog.describe_photo(&photo, &described(name, day)).unwrap();
            photos.push(photo);
        }
        let undated = sample.photo("e", "e");
        sample.catalog.delete_photos(&photos[3..], at(2)).unwrap();
        let wanted = [&photos[1], &photos[0], &photos[2], &undated].map(Clone::clone);
        assert_eq!(found(&sample, &Query::default()), wanted);
        let report = sample.catalog.search(&Query { limit: 1, ..Query::default() }).unwrap();
        assert_eq!((report.total, report.photos.len()), (4, 1));
    }
}
