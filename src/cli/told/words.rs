//! Times, ids and problems as people read them.

use std::io::{self, Write};

use crate::model::Problem;

/// `2026-11-22 08:30`, from RFC 3339 in UTC.
pub(in crate::cli) fn moment(rfc3339: &str) -> String {
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
    fn a_moment_is_written_to_the_minute() {
        assert_eq!(moment("2026-11-22T08:30:25.123Z"), "2026-11-22 08:30 UTC");
    }
}
