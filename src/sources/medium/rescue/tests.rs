#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on says so by panicking")]

use std::ops::Range;
use std::sync::atomic::Ordering;

use proptest::prelude::*;

use super::faulty::Faulty;
use super::*;
use crate::formats::mapfile::Phase;

const SIZE: usize = 8 << 20;

fn with(prepare: impl FnOnce(&mut Faulty)) -> Arc<Faulty> {
    let mut faulty = Faulty::new(SIZE);
    prepare(&mut faulty);
    Arc::new(faulty)
}

fn rescuer(drive: &Arc<Faulty>) -> Rescuer {
    Rescuer::new(Arc::clone(drive) as Arc<dyn RawRead>, How::default())
}

fn watched(drive: &Arc<Faulty>, stall: u64) -> Rescuer {
    let how = How { stall: Some(Duration::from_millis(stall)), ..How::default() };
    Rescuer::new(Arc::clone(drive) as Arc<dyn RawRead>, how)
}

/// Reads, and holds the answer to the drive: true bytes outside the holes, zeros inside.
fn read(rescuer: &Rescuer, drive: &Faulty, range: Range<usize>, effort: Effort) -> Ranges {
    let mut bytes = vec![0xEE; range.len()];
    let holes = rescuer.read_with(range.start as u64, &mut bytes, effort).unwrap();
    hold(&bytes, &holes, drive, range);
    holes
}

fn hold(bytes: &[u8], holes: &Ranges, drive: &Faulty, range: Range<usize>) {
    let mut expected = drive.content(range.start..range.end.min(SIZE)).to_vec();
    expected.resize(range.len(), 0);
    for hole in holes.iter() {
        let hole = usize::try_from(hole.start).unwrap() - range.start..usize::try_from(hole.end).unwrap() - range.start;
        expected[hole].fill(0);
    }
    assert!(bytes == expected, "other bytes than the drive's, with holes {holes}");
}

#[test]
fn a_sound_drive_comes_whole_in_large_reads() {
    let drive = with(|_| {});
    for rescuer in [rescuer(&drive), watched(&drive, 10_000)] {
        drive.reads.store(0, Ordering::SeqCst);
        assert!(read(&rescuer, &drive, 0..SIZE, Effort::Quick).is_empty());
        assert!(drive.reads.load(Ordering::SeqCst) <= 8);
        assert_eq!(rescuer.map().ranges(Status::Finished).bytes(), SIZE as u64);
        assert_eq!(rescuer.health(), Health::default());
    }
}

#[test]
fn what_lies_behind_the_end_is_a_hole() {
    let drive = with(|_| {});
    let rescuer = rescuer(&drive);
    assert_eq!(read(&rescuer, &drive, SIZE - 100..SIZE + 100, Effort::Quick).to_string(), format!("{SIZE}+100"));
    let mut bytes = [1; 10];
    assert_eq!(rescuer.read(u64::MAX - 5, &mut bytes).unwrap().to_string(), format!("{}+5", u64::MAX - 5));
    assert_eq!(bytes, [0; 10]);
}

#[test]
fn small_reads_are_answered_from_one_large_one() {
    let drive = with(|_| {});
    let rescuer = watched(&drive, 10_000);
    for at in (70_000..120_000).step_by(1000) {
        read(&rescuer, &drive, at..at + 900, Effort::Thorough);
    }
    assert_eq!(drive.reads.load(Ordering::SeqCst), 1);
}

#[test]
fn a_quick_read_sets_a_piece_aside_and_a_thorough_one_finds_the_sector() {
    let bad = 3 * 65_536 + 1024;
    for thorough in [false, true] {
        let drive = with(|drive| drive.bad = Ranges::one(bad..bad + 512));
        let rescuer = watched(&drive, 10_000);
        let effort = if thorough { Effort::Thorough } else { Effort::Quick };
        let holes = read(&rescuer, &drive, 65_536..10 * 65_536, effort);
        if thorough {
            assert_eq!(holes, Ranges::one(bad..bad + 512));
            assert_eq!(rescuer.map().ranges(Status::Bad), holes);
        } else {
            // What came before the bad sector is kept; behind it the piece and as much again is passed by.
            assert_eq!(holes, Ranges::one(bad..5 * 65_536));
            assert_eq!(rescuer.map().ranges(Status::NonTrimmed), Ranges::one(bad..4 * 65_536));
        }
        // What is known to fail is not asked for again.
        let before = drive.reads.load(Ordering::SeqCst);
        read(&rescuer, &drive, usize::try_from(bad).unwrap()..4 * 65_536, Effort::Quick);
        let again = drive.reads.load(Ordering::SeqCst) - before;
        assert!(again <= u64::from(thorough), "{again}");
    }
}

#[test]
fn a_drive_that_answers_nothing_is_gone_through_in_few_reads() {
    let drive = with(|drive| drive.bad = Ranges::one(0..SIZE as u64));
    for effort in [Effort::Quick, Effort::Thorough] {
        drive.reads.store(0, Ordering::SeqCst);
        let rescuer = watched(&drive, 10_000);
        for at in (0..SIZE).step_by(16_384) {
            let mut bytes = vec![1; 16_384];
            assert_eq!(rescuer.read_with(at as u64, &mut bytes, effort).unwrap().bytes(), 16_384);
            assert_eq!(bytes, vec![0; 16_384]);
        }
        let reads = drive.reads.load(Ordering::SeqCst);
        assert!(reads < 300, "{effort:?}: {reads}");
    }
}

/// A drive of any size that answers nothing.
struct Dead(u64, AtomicBool, std::sync::atomic::AtomicU64);

impl RawRead for Dead {
    fn size(&self) -> u64 {
        self.0
    }

    fn read_at(&self, at: u64, _: &mut [u8]) -> std::io::Result<usize> {
        self.2.fetch_add(1, Ordering::SeqCst);
        // Its first sector is all it ever gives.
        if at == 0 && self.1.load(Ordering::SeqCst) { Ok(512) } else { Err(rustix::io::Errno::IO.into()) }
    }
}

#[test]
fn of_a_large_dead_drive_more_and_more_is_passed_by() {
    let drive = Arc::new(Dead(64 << 30, AtomicBool::new(false), std::sync::atomic::AtomicU64::new(0)));
    let rescuer = Rescuer::new(Arc::clone(&drive) as Arc<dyn RawRead>, How::default());
    for effort in [Effort::Quick, Effort::Thorough] {
        for at in (0..64 << 30).step_by(1 << 20) {
            let mut bytes = [1; 1024];
            assert_eq!(rescuer.read_with(at, &mut bytes, effort).unwrap().bytes(), 1024);
        }
        let reads = drive.2.swap(0, Ordering::SeqCst);
        // A hundredth of the drive at a time, and the steps up to there.
        assert!(reads < 700, "{effort:?}: {reads}");
        assert!(rescuer.map().runs().count() < 1000);
    }
}

#[test]
fn a_later_pass_gets_everything_but_the_bad_sectors() {
    let bad: Ranges = [300_032..300_544, 2_000_384..2_001_920, 8_388_096..8_388_608].into_iter().collect();
    let drive = with(|drive| drive.bad = bad.clone());
    let rescuer = rescuer(&drive);
    read(&rescuer, &drive, 0..SIZE, Effort::Quick);
    let mut told = Vec::new();
    let missing = rescuer.retry(&Ranges::one(0..SIZE as u64), 1, &mut |progress| told.push(progress)).unwrap();
    assert_eq!(missing, bad);
    assert_eq!(rescuer.map().ranges(Status::Bad), bad);
    assert!(told.iter().all(|progress| progress.done_bytes <= progress.all_bytes));
    let phases: Vec<_> = told.iter().map(|progress| progress.phase).collect();
    assert!(phases.is_sorted_by_key(|phase| {
        [Phase::Copying, Phase::Trimming, Phase::Scraping, Phase::Retrying].iter().position(|one| one == phase)
    }));
    assert_eq!(read(&rescuer, &drive, 0..SIZE, Effort::Quick), bad);
}

#[test]
fn only_what_is_wanted_is_tried_again() {
    let drive = with(|drive| drive.bad = [100_352..100_864, 4_000_256..4_000_768].into_iter().collect());
    let rescuer = rescuer(&drive);
    read(&rescuer, &drive, 0..SIZE, Effort::Quick);
    *drive.asked.lock().unwrap() = Ranges::new();
    let missing = rescuer.retry(&Ranges::one(100_900..110_000), 2, &mut |_| {}).unwrap();
    assert!(missing.is_empty(), "{missing}");
    let asked = drive.asked.lock().unwrap().clone();
    assert!(asked.iter().all(|range| range.start >= 100_864 && range.end <= 110_080), "{asked}");
}

#[test]
fn a_weak_sector_that_came_once_is_not_asked_for_again() {
    let drive = with(|drive| {
        drive.weak.lock().unwrap().insert(1_000_960, 5);
    });
    let rescuer = watched(&drive, 10_000);
    assert!(!read(&rescuer, &drive, 950_000..1_050_000, Effort::Quick).is_empty());
    assert!(rescuer.retry(&Ranges::one(950_000..1_050_000), 9, &mut |_| {}).unwrap().is_empty());
    // It will never come again.
    drive.weak.lock().unwrap().insert(1_000_960, u32::MAX);
    assert!(read(&rescuer, &drive, 1_000_900..1_001_000, Effort::Quick).is_empty());
}

#[test]
fn a_read_that_takes_too_long_counts_as_failed_and_the_next_one_comes() {
    let drive = with(|drive| drive.stalls = Ranges::one(1_048_576..1_049_088));
    let rescuer = watched(&drive, 50);
    let holes = read(&rescuer, &drive, 1_048_576 - 65_536..1_048_576 + 65_536, Effort::Quick);
    assert_eq!(holes, Ranges::one(1_048_576..1_048_576 + 65_536));
    assert!(read(&rescuer, &drive, 0..65_536, Effort::Quick).is_empty());
    let health = rescuer.health();
    assert!(health.stalls >= 1 && health.read_errors == health.stalls, "{health:?}");
}

#[test]
fn a_drive_that_stalls_at_every_read_is_given_up() {
    let drive = with(|drive| drive.stalls = Ranges::one(0..SIZE as u64));
    let rescuer = watched(&drive, 20);
    let mut bytes = vec![0; 1 << 20];
    assert!(matches!(rescuer.read(0, &mut bytes), Err(MediumError::Gone(_))));
    assert!(drive.reads.load(Ordering::SeqCst) <= 3);
}

#[test]
fn a_drive_that_is_pulled_out_is_told_from_a_bad_spot() {
    for errno in [rustix::io::Errno::IO, rustix::io::Errno::NXIO, rustix::io::Errno::NODEV] {
        let drive = with(|drive| drive.lost_as = errno);
        let rescuer = watched(&drive, 10_000);
        read(&rescuer, &drive, 0..1 << 20, Effort::Quick);
        drive.lost.store(true, Ordering::SeqCst);
        let mut bytes = vec![0; 4 << 20];
        let before = drive.reads.load(Ordering::SeqCst);
        let mut at = 2 << 20;
        let gone = loop {
            match rescuer.read(at, &mut bytes[..65_536]) {
                Ok(_) => at += 65_536,
                Err(error) => break error,
            }
            assert!(at < SIZE as u64, "{errno:?} was taken for bad sectors");
        };
        assert!(matches!(gone, MediumError::Gone(_)));
        assert!(drive.reads.load(Ordering::SeqCst) - before < 12);
        assert!(matches!(rescuer.read(0, &mut bytes), Err(MediumError::Gone(_))));
    }
}

#[test]
fn a_drive_that_the_system_lists_no_more_is_gone_at_its_first_failure() {
    let drive = with(|_| {});
    let rescuer = watched(&drive, 10_000);
    read(&rescuer, &drive, 0..1 << 20, Effort::Quick);
    drive.lost.store(true, Ordering::SeqCst);
    drive.is_listed.store(false, Ordering::SeqCst);
    assert!(matches!(rescuer.read(5 << 20, &mut [0; 512]), Err(MediumError::Gone(_))));
}

#[test]
fn a_person_can_stop_it() {
    let drive = with(|_| {});
    let how = How::default();
    let stop = Arc::clone(&how.stop);
    let rescuer = Rescuer::new(Arc::clone(&drive) as Arc<dyn RawRead>, how);
    read(&rescuer, &drive, 0..512, Effort::Quick);
    stop.store(true, Ordering::SeqCst);
    assert!(matches!(rescuer.read(0, &mut [0; 512]), Err(MediumError::Stopped)));
    assert!(matches!(rescuer.retry(&Ranges::one(4096..8192), 1, &mut |_| {}), Err(MediumError::Stopped)));
}

#[test]
fn a_person_can_stop_it_while_the_drive_hangs() {
    let drive = with(|drive| {
        drive.stalls = Ranges::one(0..SIZE as u64);
        drive.stall = Duration::from_secs(20);
    });
    let how = How { stall: Some(How::STALL), ..How::default() };
    let stop = Arc::clone(&how.stop);
    let rescuer = Rescuer::new(Arc::clone(&drive) as Arc<dyn RawRead>, how);
    let began = std::time::Instant::now();
    std::thread::scope(|scope| {
        let reading = scope.spawn(|| rescuer.read(0, &mut [0; 4096]));
        std::thread::sleep(Duration::from_millis(50));
        stop.store(true, Ordering::SeqCst);
        assert!(matches!(reading.join().unwrap(), Err(MediumError::Stopped)));
    });
    assert!(began.elapsed() < Duration::from_secs(10));
    // What nobody waited for is not held against the drive.
    assert_eq!(rescuer.health(), Health::default());
    assert_eq!(rescuer.map().ranges(Status::Untried).bytes(), SIZE as u64);
}

#[test]
fn an_image_is_gone_on_with_and_what_it_holds_is_not_asked_for_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("old drive.img");
    let bad = Ranges::one(700_416..700_928);
    let drive = with(|drive| drive.bad = bad.clone());
    {
        let rescuer = Rescuer::with_image(Arc::clone(&drive) as Arc<dyn RawRead>, How::default(), &path).unwrap();
        read(&rescuer, &drive, 500_000..1_500_000, Effort::Thorough);
        // Nobody asked for it to be saved: it is, when it ends.
    }
    *drive.asked.lock().unwrap() = Ranges::new();
    let rescuer = Rescuer::with_image(Arc::clone(&drive) as Arc<dyn RawRead>, How::default(), &path).unwrap();
    assert_eq!(read(&rescuer, &drive, 500_000..1_500_000, Effort::Quick), bad);
    assert!(drive.asked.lock().unwrap().bytes() <= 3 * 512, "{:?}", drive.asked);
    // Nothing that the map calls read is missing in the image, which is as long as the drive.
    let image = std::fs::read(&path).unwrap();
    assert_eq!(image.len(), SIZE);
    for range in rescuer.map().ranges(Status::Finished).iter() {
        let range = usize::try_from(range.start).unwrap()..usize::try_from(range.end).unwrap();
        assert!(image[range.clone()] == *drive.content(range));
    }
}

#[test]
fn an_image_of_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("img");
    let open = |drive: &Arc<Faulty>| Rescuer::with_image(Arc::clone(drive) as Arc<dyn RawRead>, How::default(), &path);
    let drive = with(|_| {});
    std::fs::File::create(&path).unwrap();
    assert!(matches!(open(&drive), Err(ImageError::WithoutMap { .. })));
    std::fs::remove_file(&path).unwrap();

    let first = open(&drive).unwrap();
    assert!(matches!(open(&drive), Err(ImageError::InUse { .. })));
    read(&first, &drive, 0..1 << 20, Effort::Quick);
    first.checkpoint().unwrap();
    drop(first);
    let shorter = Arc::new(Faulty::new(SIZE - 512));
    assert!(matches!(open(&shorter), Err(ImageError::OtherDrive { .. })));
    let map = std::fs::read_to_string(folder.path().join("img.map")).unwrap();

    // The same length, other bytes: all of the samples differ.
    let other = Arc::new(Faulty::shifted(SIZE));
    assert!(matches!(open(&other), Err(ImageError::OtherDrive { .. })));
    assert_eq!(std::fs::read_to_string(folder.path().join("img.map")).unwrap(), map);
    drop(open(&drive).unwrap());

    let map_path = folder.path().join("img.map");
    std::fs::File::options()
        .append(true)
        .open(&map_path)
        .and_then(|mut file| std::io::Write::write_all(&mut file, b"nonsense\n"))
        .unwrap();
    assert!(matches!(open(&drive), Err(ImageError::NoMap { .. })));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(open(&drive), Err(ImageError::WithoutImage { .. })));
}

/// The order that a crash depends on, as the system sees it: the image reaches the disk before the map that speaks of it.
#[test]
fn the_image_is_synced_before_its_map_gets_its_name() {
    let trace = tempfile::NamedTempFile::new().unwrap();
    let traced = std::process::Command::new("strace")
        .args(["-f", "-y", "-e", "trace=fsync,rename,renameat,renameat2", "-o"])
        .arg(trace.path())
        .arg(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--test-threads=1",
            "sources::medium::rescue::tests::an_image_is_gone_on_with_and_what_it_holds_is_not_asked_for_again",
        ])
        .output();
    let required = std::env::vars_os().any(|(name, value)| name == "KEEPSAKE_REFEREES" && value == "required");
    let Ok(traced) = traced else {
        assert!(!required, "strace is missing: apt-get install strace");
        return;
    };
    assert!(traced.status.success(), "{}", String::from_utf8_lossy(&traced.stdout));
    let calls = std::fs::read_to_string(trace.path()).unwrap();
    let lines: Vec<&str> = calls.lines().filter(|line| line.contains("img")).collect();
    let renames =
        lines.iter().enumerate().filter(|(_, line)| line.contains("rename") && line.contains("old drive.img.map"));
    let mut seen = 0;
    for (index, _) in renames {
        let synced = lines[..index].iter().rev().take_while(|line| !line.contains("rename"));
        assert!(synced.into_iter().any(|line| line.contains("fsync") && line.contains("old drive.img>")), "{calls}");
        seen += 1;
    }
    assert!(seen >= 2, "{calls}");
}

#[test]
fn a_full_disk_stops_the_image_and_not_the_rescue() {
    let full = std::path::Path::new("/dev/full");
    if !full.exists() {
        return;
    }
    let drive = with(|_| {});
    let rescuer = Rescuer::with_image_file(
        Arc::clone(&drive) as Arc<dyn RawRead>,
        std::fs::File::options().read(true).write(true).open(full).unwrap(),
    );
    assert!(read(&rescuer, &drive, 0..1 << 20, Effort::Quick).is_empty());
    assert!(rescuer.health().image_trouble.is_some());
    assert_eq!(rescuer.map().ranges(Status::Finished).bytes(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn whatever_fails_and_is_asked_the_answer_is_true(
        bad in prop::collection::vec((0..SIZE as u64 / 512, 1..20_u64), 0..12),
        asked in prop::collection::vec((0..SIZE, 1..200_000_usize, any::<bool>(), any::<bool>()), 1..20),
        has_image in any::<bool>(),
    ) {
        let bad: Ranges = bad.into_iter().map(|(at, length)| at * 512..(at + length) * 512).collect();
        let drive = with(|drive| drive.bad = bad.clone());
        let folder = tempfile::tempdir().unwrap();
        let raw = Arc::clone(&drive) as Arc<dyn RawRead>;
        let rescuer = if has_image {
            Rescuer::with_image(raw, How::default(), &folder.path().join("img")).unwrap()
        } else {
            Rescuer::new(raw, How::default())
        };
        for (at, length, thorough, again) in asked {
            let range = at..at + length;
            read(&rescuer, &drive, range.clone(), if thorough { Effort::Thorough } else { Effort::Quick });
            if again {
                let wanted = Ranges::one(range.start as u64..range.end as u64);
                let missing = rescuer.retry(&wanted, 1, &mut |_| {}).unwrap();
                // All that can be had has been had, and no more is missing than is bad.
                prop_assert!(missing.iter().all(|range| bad.within(range.clone()) == Ranges::one(range)));
            }
            let finished = rescuer.map().ranges(Status::Finished);
            prop_assert!(finished.iter().all(|range| !bad.meets(range)));
        }
    }
}
