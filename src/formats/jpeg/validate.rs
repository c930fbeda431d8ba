//! The whole file: segments, tables, scans, end mark.

use super::frame::{Frame, Process};
use super::markers::{DHT, DNL, DQT, DRI, EOI, SOI, SOS, Segment, Step, entropy_end, next_marker, next_segment};
use super::painter::{Nobody, Painter};
use super::scan::{Followed, Scan};
use super::selection::Selection;
use super::tables::Tables;
use super::verdict::{Fault, State, Verdict};
use crate::formats::numbers::be16;

/// More blocks than any camera's picture has; above it a progressive picture is not followed. Bounds memory to 256 MiB.
const MAX_BLOCKS: u64 = 1 << 25;
/// Blocks looked at over all scans. Bounds the time that a file made to be slow can take.
const MAX_WORK: u64 = 1 << 30;
/// Stray bytes between the segments of a header that are gone over.
const STRAY: usize = 64;

/// Follows a JPEG from its first byte to its end mark.
pub fn validate(bytes: &[u8]) -> Verdict {
    follow(bytes, &mut Nobody)
}

/// Does what [`validate`] does, and shows the painter every coefficient on the way.
///
/// The painter sees nothing of pictures that are not followed (`Verdict::followed`).
pub fn follow<P: Painter>(bytes: &[u8], painter: &mut P) -> Verdict {
    let mut validator = Validator::new(bytes, painter);
    validator.run();
    validator.verdict()
}

struct Validator<'a, 'p, P> {
    bytes: &'a [u8],
    painter: &'p mut P,
    frame: Option<Frame>,
    followed: bool,
    tables: Tables,
    /// For each component of a progressive picture, its blocks' known coefficients.
    known: Vec<Vec<u64>>,
    /// For each component that has had a scan with the mean of its blocks: good and expected units of it.
    seen: [Option<(u64, u64)>; 4],
    scans: usize,
    work: u64,
    /// Good and expected units of the worst scan with something wrong inside.
    worst: Option<(u64, u64)>,
    fault: Option<(usize, Fault)>,
    end: Option<usize>,
    good_end: usize,
}

impl<'a, 'p, P: Painter> Validator<'a, 'p, P> {
    fn new(bytes: &'a [u8], painter: &'p mut P) -> Self {
        Self {
            bytes,
            painter,
            frame: None,
            followed: true,
            tables: Tables::new(),
            known: Vec::new(),
            seen: [None; 4],
            scans: 0,
            work: 0,
            worst: None,
            fault: None,
            end: None,
            good_end: 0,
        }
    }

    fn run(&mut self) {
        let begins =
            matches!(next_segment(self.bytes, 0), Step::Segment(first) if first.marker == SOI && first.at == 0);
        if !begins {
            let fault = if self.bytes.len() < 2 { Fault::Ended } else { Fault::NoPicture };
            return self.note(0, fault);
        }
        let mut at = 2;
        loop {
            match next_segment(self.bytes, at) {
                Step::Ended => return self.note(at, Fault::Ended),
                Step::Lost => {
                    self.note(at, Fault::NoMarker);
                    // Before the picture's own header, a marker further on may be that of a thumbnail in the metadata.
                    let near = if self.frame.is_some() { usize::MAX } else { STRAY };
                    let next = next_marker(self.bytes, at + 1).filter(|next| next - at <= near);
                    let Some(next) = next else { return };
                    at = next;
                }
                Step::Segment(segment) if segment.marker == SOI => return self.note(at, Fault::NoMarker),
                Step::Segment(segment) if segment.marker == EOI => {
                    self.end = Some(segment.end);
                    if self.fault.is_none() {
                        self.good_end = segment.end;
                    }
                    return;
                }
                Step::Segment(segment) => {
                    if self.fault.is_none() {
                        self.good_end = segment.end;
                    }
                    at = self.segment(&segment);
                }
            }
        }
    }

    /// Takes in one segment, its scan included; returns where the next one begins.
    fn segment(&mut self, segment: &Segment<'_>) -> usize {
        let understood = match segment.marker {
            DHT => self.tables.take_huffman(segment.payload),
            DQT => self.tables.take_quantization(segment.payload),
            DRI => self.tables.take_restart_interval(segment.payload),
            SOS => return self.scan(segment),
            0xC0..=0xC3 | 0xC5..=0xC7 | 0xC9..=0xCB | 0xCD..=0xCF => self.start_frame(segment),
            0xD0..=0xD7 => None,
            _ => Some(()),
        };
        if understood.is_none() {
            self.note(segment.at, Fault::BadScan);
        }
        segment.end
    }

    fn start_frame(&mut self, segment: &Segment<'_>) -> Option<()> {
        if self.frame.is_some() {
            return None;
        }
        let mut frame = Frame::read(segment)?;
        if frame.height == 0 {
            frame.height = self.lines_after_first_scan(segment.end)?;
        }
        let (across, down) = frame.mcus();
        let mcus = u64::from(across) * u64::from(down);
        self.followed = match frame.process {
            Process::Sequential => true,
            Process::Progressive => {
                let sizes: Vec<u64> = frame.components.iter().map(|one| mcus * u64::from(one.h * one.v)).collect();
                let fits = sizes.iter().sum::<u64>() <= MAX_BLOCKS;
                if fits {
                    self.known = sizes.iter().map(|size| vec![0; usize::try_from(*size).unwrap_or(0)]).collect();
                }
                fits
            }
            Process::Other => false,
        };
        if self.followed {
            self.painter.begin(&frame);
        }
        self.frame = Some(frame);
        Some(())
    }

    /// The height that a DNL segment gives (T.81, B.2.5), which stands right after the first scan.
    fn lines_after_first_scan(&self, at: usize) -> Option<u32> {
        let mut at = at;
        loop {
            let Step::Segment(segment) = next_segment(self.bytes, at) else { return None };
            at = match segment.marker {
                SOS => entropy_end(self.bytes, segment.end),
                DNL => return be16(segment.payload, 0).map(u32::from).filter(|lines| *lines > 0),
                EOI => return None,
                _ => segment.end,
            };
        }
    }

    /// Follows the scan behind a start-of-scan segment; returns where its data ends.
    fn scan(&mut self, segment: &Segment<'_>) -> usize {
        let end = entropy_end(self.bytes, segment.end);
        if !self.followed {
            self.scans += 1;
            if self.fault.is_none() {
                self.good_end = end;
            }
            return end;
        }
        match self.follow(segment, end) {
            None => self.note(segment.at, Fault::BadScan),
            Some((followed, means_of)) => {
                self.scans += 1;
                if self.fault.is_none() {
                    self.good_end = if followed.fault.is_some() { followed.end } else { end };
                }
                let inside = matches!(followed.fault, Some((_, fault)) if fault != Fault::Ended);
                let share = (followed.good, followed.expected);
                for seen in self.seen.iter_mut().zip(means_of).filter_map(|(seen, of)| of.then_some(seen)) {
                    *seen = Some(share);
                }
                if inside {
                    self.worst = Some(worse(self.worst, share));
                }
                if let Some((at, fault)) = followed.fault {
                    self.note(at, fault);
                }
            }
        }
        end
    }

    /// Also tells of which components it carries the mean of each block.
    fn follow(&mut self, segment: &Segment<'_>, end: usize) -> Option<(Followed, [bool; 4])> {
        let frame = self.frame.as_ref()?;
        let chosen = Selection::read(segment.payload, frame)?;
        let units = chosen.units(frame);
        let mode = chosen.mode;
        let means_of = chosen.means_of();
        let parts = chosen.parts(frame, &self.tables, &mut self.known)?;
        for part in &parts {
            let table = frame.components.get(part.component).map_or(u8::MAX, |component| component.table);
            self.painter.quantizers(part.component, self.tables.quantizer(table)?);
        }
        let blocks: u64 = parts.iter().map(|part| u64::from(part.blocks.0 * part.blocks.1)).sum();
        self.work += u64::from(units.0) * u64::from(units.1) * blocks;
        if self.work > MAX_WORK {
            self.followed = false;
            return Some((Followed { good: 0, expected: 0, fault: None, end: segment.end }, [false; 4]));
        }
        let mut scan = Scan { mode, parts, units, restart_interval: self.tables.restart_interval };
        Some((scan.follow(self.bytes, segment.end, end, self.painter), means_of))
    }

    /// Keeps the first fault.
    fn note(&mut self, at: usize, fault: Fault) {
        self.fault.get_or_insert((at, fault));
    }

    /// Good and expected MCUs of the whole picture.
    fn mcus(&self) -> (u64, u64) {
        let Some(frame) = self.frame.as_ref().filter(|_| self.followed) else { return (0, 0) };
        let (across, down) = frame.mcus();
        let mcus = u64::from(across) * u64::from(down);
        let of_all = |(good, expected): (u64, u64)| (good * mcus).checked_div(expected).unwrap_or(0);
        let (mut good, mut weights) = (0, 0);
        for (component, seen) in frame.components.iter().zip(self.seen) {
            let weight = u64::from(component.h * component.v);
            good += of_all(seen.unwrap_or((0, 0))) * weight;
            weights += weight;
        }
        let mean = good.checked_div(weights).unwrap_or(0);
        (mean.min(self.worst.map_or(mcus, of_all)), mcus)
    }

    fn verdict(self) -> Verdict {
        let wanted = self.frame.as_ref().map_or(1, |frame| frame.components.len());
        let complete = !self.followed || self.seen.iter().take(wanted).all(Option::is_some);
        let state = match self.fault {
            Some((_, Fault::Ended)) => State::Truncated,
            Some((at, fault)) => State::Broken { at, fault },
            None if self.frame.is_none() || self.scans == 0 || !complete => {
                State::Broken { at: self.good_end, fault: Fault::NoPicture }
            }
            None => State::Whole,
        };
        let (mcus_good, mcus_expected) = self.mcus();
        Verdict {
            state,
            frame: self.frame,
            followed: self.followed,
            good_end: self.good_end,
            end: self.end,
            mcus_good,
            mcus_expected,
        }
    }
}

/// The scan of which the smaller share is good.
fn worse(one: Option<(u64, u64)>, other: (u64, u64)) -> (u64, u64) {
    match one {
        Some((good, expected)) if good * other.1 <= other.0 * expected => (good, expected),
        Some(_) | None => other,
    }
}

#[cfg(test)]
mod tests;
