//! Numbers, sizes and times as people read them.

use std::io::{self, Write};

use crate::model::Problem;

/// “1 photo”, “2 photos”.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", thousands(number), if number == 1 { one } else { many })
}

/// `1,234,567`.
pub(super) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// `2.9 MB`: powers of ten, as drives are sold.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if bytes < 1000 {
        return count(bytes, "byte", "bytes");
    }
    let mut tenths = bytes.saturating_mul(10) / 1000;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1000;
        unit += 1;
    }
    let name = UNITS.get(unit).copied().unwrap_or("PB");
    if tenths < 1000 { format!("{}.{} {name}", tenths / 10, tenths % 10) } else { format!("{} {name}", tenths / 10) }
}

/// `2026-11-22 08:30`, from RFC 3339 in UTC.
pub(super) fn moment(rfc3339: &str) -> String {
    match rfc3339.split_once('T') {
        Some((day, clock)) => format!("{day} {} UTC", clock.get(..5).unwrap_or(clock)),
        None => rfc3339.to_owned(),
    }
}

/// The first digits of an id are enough for people and for every command.
pub(super) fn short(id: &str) -> &str {
    id.get(..8).unwrap_or(id)
}

/// How many problems a text lists; the catalog has them all.
const SHOWN: usize = 25;

/// Writes problems, one line each, under a heading.
pub(super) fn problems(out: &mut dyn Write, problems: &[Problem]) -> io::Result<()> {
    if problems.is_empty() {
        return Ok(());
    }
    let width = problems.iter().take(SHOWN).map(|problem| problem.path.chars().count()).max().unwrap_or(0).min(48);
    for problem in problems.iter().take(SHOWN) {
        writeln!(out, "  {:width$}  {}", problem.path, problem.message)?;
    }
    if problems.len() > SHOWN {
        writeln!(out, "  … and {} more: keepsake problems lists all", problems.len() - SHOWN)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_read_them() {
        assert_eq!(count(1, "photo", "photos"), "1 photo");
        assert_eq!(count(1_234_567, "photo", "photos"), "1,234,567 photos");
        assert_eq!(size(999), "999 bytes");
        assert_eq!(size(1_000), "1.0 kB");
        assert_eq!(size(2_949_120), "2.9 MB");
        assert_eq!(size(512_000_000_000), "512 GB");
        assert_eq!(moment("2026-11-22T08:30:25.123Z"), "2026-11-22 08:30 UTC");
    }
}
