//! Months written out, in the languages of our first users.

use crate::formats::moments::{Moment, civil_date};
use crate::formats::names::{YEARS, known_to};
use crate::model::Certainty;

/// January to December; the English short forms last.
const NAMES: [[&str; 12]; 8] = [
    [
        "january",
        "february",
        "march",
        "april",
        "may",
        "june",
        "july",
        "august",
        "september",
        "october",
        "november",
        "december",
    ],
    [
        "januar",
        "februar",
        "märz",
        "april",
        "mai",
        "juni",
        "juli",
        "august",
        "september",
        "oktober",
        "november",
        "dezember",
    ],
    [
        "janvier",
        "février",
        "mars",
        "avril",
        "mai",
        "juin",
        "juillet",
        "août",
        "septembre",
        "octobre",
        "novembre",
        "décembre",
    ],
    [
        "enero",
        "febrero",
        "marzo",
        "abril",
        "mayo",
        "junio",
        "julio",
        "agosto",
        "septiembre",
        "octubre",
        "noviembre",
        "diciembre",
    ],
    [
        "janeiro",
        "fevereiro",
        "março",
        "abril",
        "maio",
        "junho",
        "julho",
        "agosto",
        "setembro",
        "outubro",
        "novembro",
        "dezembro",
    ],
    [
        "gennaio",
        "febbraio",
        "marzo",
        "aprile",
        "maggio",
        "giugno",
        "luglio",
        "agosto",
        "settembre",
        "ottobre",
        "novembre",
        "dicembre",
    ],
    [
        "januari",
        "februari",
        "maart",
        "april",
        "mei",
        "juni",
        "juli",
        "augustus",
        "september",
        "oktober",
        "november",
        "december",
    ],
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"],
];

/// Finds a month's name beside a year, and a day beside the month: `August 2014`, `3. August 2014`, `August 3, 2014`,
/// `2014 August`.
pub(super) fn in_words(name: &str) -> Option<Moment> {
    let lowered = name.to_lowercase();
    let words: Vec<&str> =
        lowered.split(|character: char| !character.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let (at, month) = words.iter().enumerate().find_map(|(at, word)| Some((at, month_of(word)?)))?;
    let number = |at: Option<usize>| words.get(at?)?.parse::<u32>().ok();
    let year = |at| number(at).filter(|year| YEARS.contains(year));
    let (before, after) = (at.checked_sub(1), at.checked_add(1));
    let written = match (year(after), year(before)) {
        (Some(year), _) => (year, number(before)),
        (None, Some(year)) => (year, number(after)),
        (None, None) => (year(at.checked_add(2))?, number(after)),
    };
    let (year, day) = written;
    match day.and_then(|day| civil_date(year, month, day)) {
        Some(date) => Some(known_to(Certainty::Day, date)),
        None => Some(known_to(Certainty::Month, civil_date(year, month, 1)?)),
    }
}

fn month_of(word: &str) -> Option<u32> {
    let position = NAMES.iter().find_map(|language| language.iter().position(|name| *name == word))?;
    u32::try_from(position + 1).ok()
}
