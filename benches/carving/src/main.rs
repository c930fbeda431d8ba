//! Carves an image, and writes each file under its state and place: what compare.py counts.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::ops::ControlFlow;
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use keepsake::model::Ranges;
use keepsake::sources::disk::carve::{Search, carve};
use keepsake::sources::medium::{Medium, MediumError};

struct Image(File, u64);

impl Medium for Image {
    fn size(&self) -> u64 {
        self.1
    }

    fn read(&self, at: u64, into: &mut [u8]) -> Result<Ranges, MediumError> {
        match self.0.read_exact_at(into, at) {
            Ok(()) => Ok(Ranges::new()),
            Err(_) => {
                into.fill(0);
                Ok(Ranges::one(at..at + into.len() as u64))
            }
        }
    }
}

fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().collect();
    let [_, image, out, budget] = arguments.as_slice() else { panic!("carving IMAGE OUT SECONDS-PER-PHOTO") };
    let mut file = File::open(image)?;
    let size = file.seek(SeekFrom::End(0))?;
    let medium = Image(file, size);
    let space = Ranges::one(0..size);
    let budget = Duration::from_secs_f64(budget.parse().expect("seconds"));
    let search = Search { medium: &medium, space: &space, cluster: None, budget, threads: 2 };
    let begun = Instant::now();
    let mut number = 0;
    let mut failed = None;
    let mut write = |carved: keepsake::sources::disk::carve::Carved| -> std::io::Result<()> {
        let state = format!("{:?}", carved.state).to_lowercase();
        let state: String = state.chars().map(|one| if one.is_alphanumeric() { one } else { '-' }).collect();
        let place = carved.pieces.first().and_then(|piece| piece.at).unwrap_or(0);
        let mut file = File::create(format!("{out}/{state}-{place:012}-{number}.{:?}", carved.kind))?;
        number += 1;
        for piece in &carved.pieces {
            let mut bytes = vec![0; usize::try_from(piece.length).expect("it fits")];
            medium.0.read_exact_at(&mut bytes, piece.at.unwrap_or(0))?;
            file.write_all(&bytes)?;
        }
        Ok(())
    };
    let mut found = |carved| match write(carved) {
        Ok(()) => ControlFlow::Continue(()),
        Err(error) => {
            failed = Some(error);
            ControlFlow::Break(())
        }
    };
    let last = std::sync::atomic::AtomicU64::new(0);
    let progress = |bytes| {
        if last.swap(bytes, std::sync::atomic::Ordering::Relaxed) < bytes && bytes == size {
            eprintln!("gone over in {:.2} s", begun.elapsed().as_secs_f64());
        }
    };
    let done = carve(&search, &|| false, &progress, &mut found);
    eprintln!("{number} files in {:.2} s", begun.elapsed().as_secs_f64());
    failed.map_or_else(|| done.map_err(std::io::Error::other), Err)
}
