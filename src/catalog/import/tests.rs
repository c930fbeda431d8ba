use super::*;
use crate::catalog::sample::{at, kept, library};
use crate::catalog::{Catalog, Query, Recorded};
use crate::model::Kind;

fn imported(shards: &[Shard]) -> (Catalog, Imported) {
    let mut catalog = Catalog::in_memory("recovered").unwrap();
    let imported = catalog.import(shards).unwrap();
    (catalog, imported)
}

#[test]
fn an_export_that_was_imported_is_exported_as_the_same_bytes() {
    let sample = library();
    let shards = sample.catalog.export().unwrap();
    let names: Vec<_> = shards.iter().map(|shard| shard.name.as_str()).collect();
    let wanted = [
        "albums.jsonl",
        "catalog/2012-01.jsonl",
        "catalog/2014-08.jsonl",
        "catalog/undated.jsonl",
        "objects/2025-06.jsonl",
        "sightings/2025-06.jsonl",
        "sources.jsonl",
        "tombstones.jsonl",
    ];
    assert_eq!(names, wanted);
    let (mut recovered, report) = imported(&shards);
    assert_eq!(report.problems, []);
    assert_eq!((report.photos, report.albums, report.objects, report.sightings), (6, 2, 7, 9));
    for (one, other) in shards.iter().zip(recovered.export().unwrap()) {
        assert_eq!(String::from_utf8_lossy(&one.bytes), String::from_utf8_lossy(&other.bytes));
    }
    assert_eq!(recovered.snapshot_plan().unwrap().photos, sample.catalog.snapshot_plan().unwrap().photos);
    assert_eq!(recovered.snapshot_plan().unwrap().albums, sample.catalog.snapshot_plan().unwrap().albums);
    assert_eq!(recovered.snapshot_plan().unwrap().kept, sample.catalog.snapshot_plan().unwrap().kept);
    assert_eq!(recovered.integrity_check().unwrap(), Vec::<String>::new());

    let everything = Query { limit: 100, ..Query::default() };
    assert_eq!(recovered.search(&everything).unwrap(), sample.catalog.search(&everything).unwrap());
    for words in ["mama", "lisbon", "canon", "familie", "dcim"] {
        let query = Query { words: vec![words.to_owned()], ..everything.clone() };
        assert_eq!(recovered.search(&query).unwrap(), sample.catalog.search(&query).unwrap(), "{words}");
        assert!(recovered.search(&query).unwrap().total > 0, "{words}");
    }
    let deleted = recovered.trash().unwrap().remove(0).0.id;
    recovered.undelete_photos(&[deleted], at(9)).unwrap();
    assert!(recovered.trash().unwrap().is_empty());
}

#[test]
fn what_was_deleted_stays_deleted_after_a_recovery() {
    let (mut recovered, _) = imported(&library().catalog.export().unwrap());
    let source = recovered.sources().unwrap()[0].clone();
    let run = recovered.begin_run(crate::catalog::Job::Ingest, Some(source.id), at(20)).unwrap();
    let file = kept("again.jpg", "a", Kind::Jpeg);
    assert!(recovered.seen_unchanged(source.id, &file.path, &file.stamp).unwrap().is_none());
    let recorded = recovered.commit_files(run, source.id, "anna", at(21), &[file]).unwrap();
    assert_eq!(recorded, [Recorded::PreviouslyDeleted]);
}

#[test]
fn a_drive_that_is_read_again_after_a_recovery_adds_no_sightings() {
    let sample = library();
    let (mut recovered, _) = imported(&sample.catalog.export().unwrap());
    let source = recovered.sources().unwrap()[0].clone();
    let run = recovered.begin_run(crate::catalog::Job::Ingest, Some(source.id), at(20)).unwrap();
    let before = recovered.export().unwrap();
    let generation = recovered.generation().unwrap();
    let file = kept("DCIM/d.jpg", "d", Kind::Jpeg);
    recovered.commit_files(run, source.id, "anna", at(21), std::slice::from_ref(&file)).unwrap();
    assert_eq!(recovered.export().unwrap(), before);
    assert_eq!(recovered.generation().unwrap(), generation);
    assert!(recovered.seen_unchanged(source.id, &file.path, &file.stamp).unwrap().is_some());
}

#[test]
fn bad_lines_are_counted_and_the_good_ones_are_taken_over() {
    let mut shards = library().catalog.export().unwrap();
    for shard in &mut shards {
        shard.bytes.extend_from_slice(b"{\"half a li\n\xff\xfe\n[]\n{}\n");
    }
    shards.push(Shard { name: "empty.jsonl".to_owned(), bytes: Vec::new() });
    shards.push(Shard {
        name: "other.jsonl".to_owned(),
        bytes: b"{\"schema\":1,\"what\":\"horoscopes\"}\n{}\n".to_vec(),
    });
    let (_, report) = imported(&shards);
    assert_eq!((report.photos, report.albums, report.objects), (6, 2, 7));
    assert_eq!(report.problems.len(), 8 * 4 + 2);
    assert!(report.problems.iter().all(|problem| problem.path.contains(", line ")));
}

#[test]
fn lines_that_contradict_or_name_what_is_not_there_are_problems_and_leave_nothing_behind() {
    let shards = library().catalog.export().unwrap();
    let mut twice = shards.clone();
    for shard in &mut twice {
        let text = String::from_utf8(shard.bytes.clone()).unwrap();
        let (_, lines) = text.split_once('\n').unwrap();
        shard.bytes.extend_from_slice(lines.as_bytes());
    }
    let (recovered, report) = imported(&twice);
    // A second sighting of the same file, and a source under its old name, are no contradiction.
    assert_eq!(report.problems.len(), 6 + 2 + 7 + 2, "{:#?}", report.problems);
    assert_eq!(recovered.photo_count().unwrap(), 5);
    let without_objects: Vec<Shard> =
        shards.iter().filter(|shard| !shard.name.starts_with("objects/")).cloned().collect();
    let (recovered, report) = imported(&without_objects);
    assert_eq!((report.photos, report.objects), (0, 0));
    assert_eq!(recovered.photo_count().unwrap(), 0);
    assert!(recovered.integrity_check().unwrap().is_empty());
}

#[test]
fn a_statement_that_makes_no_sense_is_a_problem_of_its_line() {
    let mut shards = library().catalog.export().unwrap();
    for shard in &mut shards {
        let text = String::from_utf8(shard.bytes.clone()).unwrap();
        shard.bytes = text.replace("\"value\":5", "\"value\":\"five\"").into_bytes();
    }
    let (recovered, report) = imported(&shards);
    assert_eq!((report.photos, recovered.photo_count().unwrap()), (5, 4), "nothing of the line is left");
    // The photo's line, and both albums that it was in.
    assert_eq!(report.problems.len(), 3, "{:#?}", report.problems);
}

#[test]
fn a_newer_export_is_refused_in_words_and_changes_nothing() {
    let mut shards = library().catalog.export().unwrap();
    let text = String::from_utf8(shards[3].bytes.clone()).unwrap();
    shards[3].bytes = text.replacen("\"schema\":2", "\"schema\":3", 1).into_bytes();
    let mut catalog = Catalog::in_memory("recovered").unwrap();
    let refused = catalog.import(&shards);
    assert!(matches!(refused, Err(CatalogError::NewerExport { found: 3, known: 2, .. })), "{refused:?}");
    assert_eq!(catalog.generation().unwrap(), 0);
}

#[test]
fn what_a_later_version_adds_to_an_export_costs_nothing_else() {
    let sample = library();
    let shards = sample.catalog.export().unwrap();
    let mut later = shards.clone();
    for shard in &mut later {
        let lines = String::from_utf8(shard.bytes.clone()).unwrap();
        shard.bytes = lines.replace("\n{", "\n{\"colour\":{\"deep\":[1]},").into_bytes();
        assert_ne!(shard.bytes, lines.as_bytes());
    }
    later.push(Shard { name: "faces.jsonl".into(), bytes: b"{\"schema\":1,\"what\":\"faces\"}\n{}\n".to_vec() });
    let (recovered, report) = imported(&later);
    let told: Vec<_> = report.problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(told, ["faces.jsonl, line 1"]);
    assert_eq!(recovered.export().unwrap(), shards);
}

#[test]
fn an_export_is_not_poured_over_what_is_known() {
    let mut sample = library();
    let shards = sample.catalog.export().unwrap();
    assert!(matches!(sample.catalog.import(&shards), Err(CatalogError::NotEmpty)));
    assert_eq!(sample.catalog.export().unwrap(), shards);
}

#[test]
fn a_recovered_catalog_never_comes_to_a_generation_of_before() {
    let sample = library();
    let (mut recovered, _) = imported(&sample.catalog.export().unwrap());
    recovered.skip_generations(at(30)).unwrap();
    let (first, before) = (recovered.generation().unwrap(), sample.catalog.generation().unwrap());
    assert!(first > before + 1_000_000_000, "{first}");
    recovered.skip_generations(at(30)).unwrap();
    assert!(recovered.generation().unwrap() > first);
}

#[test]
fn a_path_that_would_make_every_backup_fail_is_given_anew_and_the_photo_stays() {
    let shards = library().catalog.export().unwrap();
    let good = "photos/anna/2014/2014-08/20140803_b.jpg";
    let other = "photos/anna/2014/2014-08/20140803_c.jpg";
    for bad in [
        "../../etc/passwd",
        "photos/anna//b.jpg",
        "photos/../b.jpg",
        "photos/anna/b\\u0000.jpg",
        "trash/anna/b.jpg",
        "",
        &format!("{other}/b.jpg"),
        "photos/anna/2014/2014-08",
        "photos/anna/2014",
    ] {
        let mut shards = shards.clone();
        let mut changed = 0;
        for shard in &mut shards {
            let text = String::from_utf8(shard.bytes.clone()).unwrap();
            changed += text.matches(good).count();
            shard.bytes = text.replace(good, bad).into_bytes();
        }
        assert_eq!(changed, 1, "the sample has this path");
        let (recovered, report) = imported(&shards);
        assert_eq!((report.photos, report.problems.len()), (6, 1), "{bad}: {:?}", report.problems);
        let paths: Vec<String> =
            recovered.snapshot_plan().unwrap().photos.into_iter().map(|photo| photo.path).collect();
        assert!(!paths.contains(&bad.to_owned()), "{paths:?}");
        let (_, again) = imported(&recovered.export().unwrap());
        assert_eq!(again.problems, []);
    }
}

#[test]
fn a_folder_of_an_album_that_leads_elsewhere_gets_another_name() {
    for bad in ["..", "a/b", ""] {
        let mut shards = library().catalog.export().unwrap();
        let albums = shards.iter_mut().find(|shard| shard.name == "albums.jsonl").unwrap();
        let text = String::from_utf8(albums.bytes.clone()).unwrap();
        albums.bytes = text.replace("\"folder\":\"Lisbon\"", &format!("\"folder\":\"{bad}\"")).into_bytes();
        let (recovered, report) = imported(&shards);
        assert_eq!((report.albums, report.problems.len()), (2, 1), "{bad}: {:?}", report.problems);
        assert!(recovered.snapshot_plan().unwrap().albums.iter().all(|album| album.folder_name != bad));
    }
}
