//! Places as cameras and programs write them.

use crate::model::Position;

/// One coordinate of EXIF: degrees, minutes and seconds, and the letter of the half of the earth.
#[derive(Clone, Copy, Debug)]
pub struct Coordinate<'a> {
    /// One to three numbers; not a number where a fraction had the denominator 0.
    pub parts: &'a [f64],
    /// `N`, `S`, `E` or `W`, as written.
    pub half: Option<&'a str>,
}

/// Puts two coordinates of EXIF together (Exif 2.32, 4.6.6).
///
/// `None` without the letters: a place on the wrong half of the earth is worse than none. Missing minutes and seconds
/// count as 0, as do those that are 0/0.
pub fn position(latitude: Coordinate<'_>, longitude: Coordinate<'_>) -> Option<Position> {
    Position::new(degrees(latitude, 'N', 'S')?, degrees(longitude, 'E', 'W')?)
}

/// Reads XMP's pair: `38,42.5N` or `38,42,30N` (XMP specification, part 2, `GPSCoordinate`), or plain signed degrees.
pub fn parse_xmp(latitude: &str, longitude: &str) -> Option<Position> {
    Position::new(xmp_degrees(latitude, 'N', 'S')?, xmp_degrees(longitude, 'E', 'W')?)
}

/// Reads `+27.1281+100.2508+000.000/` (ISO 6709, Annex H), the form with degrees and its parts after a point only,
/// and the one with minutes and seconds.
pub fn parse_iso6709(text: &str) -> Option<Position> {
    let text = text.trim();
    let longitude_at = text.char_indices().skip(1).find(|(_, character)| matches!(character, '+' | '-'))?.0;
    let (latitude, rest) = text.split_at_checked(longitude_at)?;
    let end = rest
        .char_indices()
        .skip(1)
        .find(|(_, character)| !character.is_ascii_digit() && *character != '.')
        .map_or(rest.len(), |(at, _)| at);
    Position::new(iso_degrees(latitude, 2)?, iso_degrees(rest.get(..end)?, 3)?)
}

fn degrees(coordinate: Coordinate<'_>, plus: char, minus: char) -> Option<f64> {
    let letter = coordinate.half?.trim().chars().next()?.to_ascii_uppercase();
    let sign = if letter == plus {
        1.0
    } else if letter == minus {
        -1.0
    } else {
        return None;
    };
    let mut parts = coordinate.parts.iter().copied();
    let whole = parts.next().filter(|degrees| degrees.is_finite())?;
    let mut part = || parts.next().filter(|part| part.is_finite()).unwrap_or(0.0);
    let (minutes, seconds) = (part(), part());
    Some(sign * (whole + minutes / 60.0 + seconds / 3600.0))
}

fn xmp_degrees(text: &str, plus: char, minus: char) -> Option<f64> {
    let text = text.trim();
    if let Ok(degrees) = text.parse::<f64>() {
        return Some(degrees);
    }
    let (numbers, half) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let parts: Vec<f64> = numbers.split(',').map(|part| part.trim().parse().unwrap_or(f64::NAN)).take(3).collect();
    degrees(Coordinate { parts: &parts, half: Some(half) }, plus, minus)
}

fn iso_degrees(text: &str, whole_places: usize) -> Option<f64> {
    let (sign, digits) = match text.split_at_checked(1)? {
        ("+", digits) => (1.0, digits),
        ("-", digits) => (-1.0, digits),
        _ => return None,
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') {
        return None;
    }
    let places = digits.find('.').unwrap_or(digits.len());
    let number = |from: usize, to: usize| digits.get(from..to)?.parse::<f64>().ok();
    let value = match places.checked_sub(whole_places)? {
        0 | 1 => digits.parse().ok()?,
        2 => number(0, whole_places)? + number(whole_places, digits.len())? / 60.0,
        4 => {
            let minutes_end = whole_places + 2;
            number(0, whole_places)?
                + number(whole_places, minutes_end)? / 60.0
                + number(minutes_end, digits.len())? / 3600.0
        }
        _ => return None,
    };
    Some(sign * value)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exif(latitude: (&[f64], Option<&str>), longitude: (&[f64], Option<&str>)) -> Option<(f64, f64)> {
        let place = position(
            Coordinate { parts: latitude.0, half: latitude.1 },
            Coordinate { parts: longitude.0, half: longitude.1 },
        )?;
        Some((place.latitude(), place.longitude()))
    }

    #[test]
    fn the_letters_say_which_half_of_the_earth_in_either_case() {
        let place = exif((&[33.0, 30.0, 0.0], Some("s")), (&[18.0, 15.0, 36.0], Some("East\0")));
        assert_eq!(place, Some((-33.5, 18.26)));
    }

    #[test]
    fn a_place_without_its_letters_is_no_place() {
        assert_eq!(exif((&[33.0, 30.0, 0.0], None), (&[18.0, 15.0, 0.0], Some("E"))), None);
        assert_eq!(exif((&[33.0, 30.0, 0.0], Some("")), (&[18.0, 15.0, 0.0], Some("E"))), None);
        assert_eq!(exif((&[33.0, 30.0, 0.0], Some("E")), (&[18.0, 15.0, 0.0], Some("E"))), None);
    }

    #[test]
    fn nothing_over_nothing_is_no_place_as_degrees_and_zero_as_seconds() {
        let broken = f64::NAN;
        assert_eq!(exif((&[broken, broken, broken], Some("N")), (&[18.0], Some("E"))), None);
        assert_eq!(exif((&[10.5, 0.0, broken], Some("N")), (&[18.0], Some("E"))), Some((10.5, 18.0)));
        assert_eq!(exif((&[f64::INFINITY], Some("N")), (&[18.0], Some("E"))), None);
        assert_eq!(exif((&[], Some("N")), (&[18.0], Some("E"))), None);
    }

    #[test]
    fn xmp_and_apple_write_it_their_own_way() {
        let near = |place: Option<Position>, latitude: f64, longitude: f64| {
            let place = place.expect("a place");
            assert!(
                (place.latitude() - latitude).abs() < 1e-6 && (place.longitude() - longitude).abs() < 1e-6,
                "{place:?}"
            );
        };
        near(parse_xmp("38,42.5N", "9,8,24W"), 38.708_333_3, -9.14);
        near(parse_iso6709("+27.1281+100.2508+000.000/"), 27.1281, 100.2508);
        near(parse_iso6709("-3342.5+01830.0/"), -33.708_333_3, 18.5);
        near(parse_iso6709("+404212-0740021/"), 40.703_333_3, -74.005_833_3);
        for text in ["", "+", "+é+", "+1+2", "hello", "+27.1281", "+27.12+100.2.5"] {
            assert_eq!(parse_iso6709(text), None, "{text}");
        }
        assert_eq!(parse_xmp("", "é"), None);
    }
}
