//! What runs once for every byte or every photo: `cargo bench`.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    missing_docs,
    reason = "a benchmark that cannot be set up says so by panicking"
)]

use std::hint::black_box;
use std::io::Cursor;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use jiff::Timestamp;
use jiff::civil::date;
use jpeg_encoder::{ColorType, Encoder, SamplingFactor};
use keepsake::catalog::{Catalog, Description, FileOutcome, FileRecord, Job, Recorded, SourceIdentity};
use keepsake::formats::{file_name, jpeg, names};
use keepsake::media;
use keepsake::model::{
    CaptureTime, Certainty, Coming, FileStamp, Hasher, Kind, ObjectId, PhotoId, RawPath, Sha1Digest, TimeSource,
};

const PHOTOS: u32 = 20_000;

fn hashing(criterion: &mut Criterion) {
    let bytes = noise(4 << 20);
    let mut group = criterion.benchmark_group("hash");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("blake3 and sha1 of 4 MiB", |bencher| {
        bencher.iter(|| {
            let mut hasher = Hasher::new();
            for window in bytes.chunks(1 << 20) {
                hasher.update(window);
            }
            hasher.finish()
        });
    });
    group.finish();
}

fn pictures(criterion: &mut Criterion) {
    let photo = photo(4000, 3000);
    let mut group = criterion.benchmark_group("jpeg");
    group.sample_size(10).throughput(Throughput::Bytes(photo.len() as u64));
    assert_eq!(jpeg::validate(&photo).state, jpeg::State::Whole);
    group.bench_function("validate 12 megapixels", |bencher| bencher.iter(|| jpeg::validate(black_box(&photo))));
    group.finish();
    criterion.bench_function("sniff", |bencher| {
        bencher.iter(|| media::sniff(black_box(&photo[..1 << 16]), black_box(b"IMG_0001.JPG")));
    });
    let told = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/old-drive/DCIM/100CANON/IMG_0001.JPG"));
    let told = told.expect("the fixtures are there");
    criterion.bench_function("facts of one file", |bencher| {
        bencher
            .iter(|| media::facts::read(&mut Cursor::new(black_box(&told)), Kind::Jpeg).expect("memory can be read"));
    });
}

fn words(criterion: &mut Criterion) {
    let file_names: [&[u8]; 6] = [
        b"IMG_20140803_142233.jpg",
        b"WhatsApp Image 2014-08-03 at 14.22.33.jpeg",
        b"FB_IMG_1510000000000.jpg",
        b"DSC_0815.JPG",
        b"Screenshot 2014-08-03 at 2.22.33 PM.png",
        b"Oma & Opa (1).jpg",
    ];
    criterion.bench_function("times in six names", |bencher| {
        bencher.iter(|| file_names.map(|name| names::in_file_name(black_box(name))));
    });
    let path = RawPath::from_bytes(b"Fotos/2014/2014-08 Lisbon/August/IMG_0001.JPG".to_vec());
    criterion.bench_function("times in a path", |bencher| {
        bencher.iter(|| media::capture_time::from_path(black_box(&path)));
    });
    criterion.bench_function("six names made safe, and their keys", |bencher| {
        bencher.iter(|| file_names.map(|name| file_name::fold_case(&file_name::safe(black_box(name)))));
    });
}

fn catalogs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("catalog of 20000 photos");
    group.sample_size(10).throughput(Throughput::Elements(PHOTOS.into()));
    let (library, descriptions) = undescribed();
    let shards = library.export().expect("a catalog is exported");
    group.bench_function("give every photo its path", |bencher| {
        let fresh = || {
            let mut catalog = Catalog::in_memory("bench").expect("a catalog in memory");
            catalog.import(&shards).expect("our own export is read");
            catalog
        };
        let describe = |mut catalog: Catalog| {
            catalog.describe_photos(&descriptions).expect("photos are described");
            catalog
        };
        bencher.iter_batched(fresh, describe, BatchSize::PerIteration);
    });
    let mut library = library;
    library.describe_photos(&descriptions).expect("photos are described");
    group.bench_function("plan of a snapshot", |bencher| bencher.iter(|| library.snapshot_plan()));
    group.bench_function("export", |bencher| bencher.iter(|| library.export()));
    group.finish();
}

/// A catalog whose photos have no path yet, and what to say of each.
fn undescribed() -> (Catalog, Vec<(PhotoId, Description)>) {
    let mut catalog = Catalog::in_memory("bench").expect("a catalog in memory");
    let root = RawPath::from_bytes(b"/media/stick".to_vec());
    let identity = SourceIdentity { kind: "folder".into(), volume: None, root, name: "stick".into() };
    let source = catalog.source(&identity).expect("a source");
    let run = catalog.begin_run(Job::Ingest, Some(source), at(0)).expect("a run");
    let mut descriptions = Vec::new();
    let numbers: Vec<u32> = (0..PHOTOS).collect();
    for batch in numbers.chunks(128) {
        let files: Vec<FileRecord> = batch.iter().map(|number| file(*number)).collect();
        let recorded = catalog.commit_files(run, source, "anna", at(1), &files).expect("files are taken in");
        for (number, recorded) in batch.iter().zip(recorded) {
            if let Recorded::New { photo: Some(photo), .. } = recorded {
                descriptions.push((photo, description(*number)));
            }
        }
    }
    assert_eq!(descriptions.len(), numbers.len());
    (catalog, descriptions)
}

fn file(number: u32) -> FileRecord {
    let size = 3_000_000;
    let object = ObjectId::of(&number.to_le_bytes());
    FileRecord {
        path: RawPath::from_bytes(format!("DCIM/{}CANON/{}", 100 + number / 1000, name(number)).into_bytes()),
        stamp: FileStamp { size, modified_at: Some(at(number.into())), inode: number.into() },
        outcome: FileOutcome::Kept {
            object,
            sha1: Sha1Digest([7; 20]),
            size,
            kind: Kind::Jpeg,
            coming: Coming::default(),
        },
    }
}

fn description(number: u32) -> Description {
    let day = date(2004, 1, 1).saturating_add(jiff::Span::new().days(number / 4));
    let local = day.at(14, 22, 33, 0);
    Description {
        name: name(number),
        taken_at: Some(CaptureTime { local, offset: None, source: TimeSource::Exif, certainty: Certainty::Exact }),
        camera: Some("Canon EOS 350D".to_owned()),
        wanted_path: format!("photos/anna/{}_{}", local.strftime("%Y/%Y-%m/%Y%m%d-%H%M%S"), name(number)),
        ..Description::default()
    }
}

/// Cameras begin again after 9999: every second path of a day meets another.
fn name(number: u32) -> String {
    format!("IMG_{:04}.JPG", number / 2 % 10_000)
}

fn at(second: i64) -> Timestamp {
    Timestamp::constant(1_750_000_000, 0).saturating_add(jiff::SignedDuration::from_secs(second)).expect("in range")
}

/// A picture with soft areas and with fine detail, as cameras code it.
fn photo(width: u16, height: u16) -> Vec<u8> {
    let grain = noise(1 << 16);
    let pixel = |x: u32, y: u32| {
        let noisy = grain.get(((x * 7 + y * 31) & 0xFFFF) as usize).map_or(0, |byte| u32::from(*byte >> 4));
        [x / 16 + noisy, y / 12 + noisy, (x + y) / 28].map(|level| u8::try_from(level & 0xFF).unwrap_or(0))
    };
    let pixels: Vec<u8> =
        (0..u32::from(height)).flat_map(|y| (0..u32::from(width)).flat_map(move |x| pixel(x, y))).collect();
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, 92);
    encoder.set_sampling_factor(SamplingFactor::F_2_1);
    encoder.encode(&pixels, width, height, ColorType::Rgb).expect("a picture can be encoded");
    file
}

fn noise(bytes: usize) -> Vec<u8> {
    let mut seed = 7_u64;
    let mut next = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 56).to_le_bytes()[0]
    };
    (0..bytes).map(|_| next()).collect()
}

criterion_group!(benches, hashing, pictures, words, catalogs);
criterion_main!(benches);
