//! XMP (ISO 16684-1), inside a file or beside it: what is said about the picture as a whole.

pub mod extended;

use std::collections::HashSet;
use std::ops::Range;

use memchr::memmem;
use quick_xml::events::{BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;

use crate::formats::exif_text::{camera_name, clean, is_filler};
use crate::formats::{gps, moments};
use crate::model::{Certainty, Facts, TimeCandidate, TimeSource};

/// Deeper than any XMP is; what lies deeper is not looked at.
const MAX_DEPTH: usize = 64;

/// More namespaces than any XMP declares; what comes after is not looked at. Bounds time: each name is looked up among
/// all that are declared.
const MAX_NAMESPACES: usize = 1000;

/// One file holds a few packets: its own, and those of the pictures inside it.
const MAX_PACKETS: usize = 16;

/// No packet is longer; one whose end is missing would run to the end of the file.
const MAX_PACKET_BYTES: usize = 16 * 1024 * 1024;

/// Finds the packets inside a file of any format, in their order: `<x:xmpmeta …>` or a bare `<rdf:RDF …>`, up to the
/// closing tag, or to the end of the file where that is missing.
pub fn packets(file: &[u8]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut from = 0;
    while found.len() < MAX_PACKETS {
        let Some(packet) = next_packet(file, from) else { break };
        from = packet.end;
        found.push(packet);
    }
    found
}

/// Reads one packet or sidecar. A packet that breaks off gives what came before the break; nonsense gives nothing.
///
/// Not read: orientation and size, which no viewer takes from XMP.
pub fn read(packet: &[u8]) -> Facts {
    let properties = Properties::parse(&as_text(packet));
    let description = properties.first("dc:description").or_else(|| properties.first("dc:title"));
    let mut keywords = properties.all("dc:subject");
    if keywords.is_empty() {
        let leaf = |path: String| path.rsplit(['|', '/']).next().map(str::to_owned);
        let paths = [properties.all("lr:hierarchicalSubject"), properties.all("digiKam:TagsList")];
        keywords = paths.into_iter().flatten().filter_map(leaf).collect();
    }
    Facts {
        camera: camera_name(properties.first("tiff:Make"), properties.first("tiff:Model")),
        lens: properties.first("aux:Lens").or_else(|| properties.first("exifEX:LensModel")).and_then(clean),
        position: gps::parse_xmp(
            properties.first("exif:GPSLatitude").unwrap_or_default(),
            properties.first("exif:GPSLongitude").unwrap_or_default(),
        ),
        rating: properties.first("xmp:Rating").and_then(parse_rating),
        caption: description.and_then(clean).filter(|caption| !is_filler(caption)),
        keywords: without_doubles(&keywords),
        times: times(&properties),
        ..Facts::default()
    }
}

/// Reads `4`, `4.0`, `-1`; `None` outside -1 to 5.
pub fn parse_rating(text: &str) -> Option<i8> {
    let stars = text.trim().parse::<f32>().ok()?;
    [-1_i8, 0, 1, 2, 3, 4, 5].into_iter().find(|rating| (f32::from(*rating) - stars).abs() < 0.5)
}

/// Keeps the first of each, cleaned, in their order.
pub fn without_doubles(keywords: &[String]) -> Vec<String> {
    let mut known = HashSet::new();
    keywords.iter().filter_map(|keyword| clean(keyword)).filter(|keyword| known.insert(keyword.clone())).collect()
}

/// `xmp:CreateDate` says when the *file* was made: for a scan that is years after the picture. It counts where nobody
/// says more, and where it is a finer statement of the same date.
fn times(properties: &Properties) -> Vec<TimeCandidate> {
    let moment = |name| properties.first(name).and_then(moments::parse);
    let taken: Vec<_> = ["photoshop:DateCreated", "exif:DateTimeOriginal"].into_iter().filter_map(moment).collect();
    let made: Vec<_> = ["exif:DateTimeDigitized", "xmp:CreateDate"].into_iter().filter_map(moment).collect();
    let coarse = taken.iter().find(|moment| moment.certainty < Certainty::Exact).copied();
    let finer = |moment: &moments::Moment| match coarse {
        None => taken.is_empty(),
        Some(coarse) => {
            let (wide, fine) = (coarse.local.date(), moment.local.date());
            match coarse.certainty {
                Certainty::Exact | Certainty::Day => wide == fine,
                Certainty::Month => (wide.year(), wide.month()) == (fine.year(), fine.month()),
                Certainty::Year | Certainty::Guess => wide.year() == fine.year(),
            }
        }
    };
    let made = made.into_iter().filter(finer);
    taken.iter().copied().chain(made).map(|moment| moment.said_by(TimeSource::Xmp)).collect()
}

fn next_packet(file: &[u8], from: usize) -> Option<Range<usize>> {
    let rest = file.get(from..)?;
    // The opening of both kinds; the outer one stands first where both are there.
    let start = memmem::find_iter(rest, b"<").find_map(|at| {
        let tag = rest.get(at..)?;
        let close: &[u8] = if tag.starts_with(b"<x:xmpmeta") || tag.starts_with(b"<x:xapmeta") {
            tag.get(3..10).map_or(b"".as_slice(), |name| name)
        } else if tag.starts_with(b"<rdf:RDF") {
            b"rdf:RDF"
        } else {
            return None;
        };
        Some((at, close))
    });
    let (start, name) = start?;
    let inside = rest.get(start..)?;
    let length = memmem::find(inside, &[b"</".as_slice(), if name == b"rdf:RDF" { b"" } else { b"x:" }, name].concat())
        .map_or(inside.len(), |close| close + name.len() + 5)
        .min(inside.len())
        .min(MAX_PACKET_BYTES);
    Some(from + start..from + start + length)
}

/// UTF-8 as it should be, else UTF-16 where a byte order mark says so, else Latin-1.
fn as_text(packet: &[u8]) -> String {
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().map(|pair| unit(*pair)).collect();
        String::from_utf16_lossy(&units)
    };
    match packet {
        [0xFF, 0xFE, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xFE, 0xFF, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xEF, 0xBB, 0xBF, rest @ ..] | rest => match std::str::from_utf8(rest) {
            Ok(text) => text.to_owned(),
            // Broken off in the middle of good UTF-8: what follows is not text anyway.
            Err(broken) if rest.get(..broken.valid_up_to()).is_some_and(|good| !good.is_ascii()) => {
                String::from_utf8_lossy(rest).into_owned()
            }
            Err(_) => rest.iter().map(|byte| char::from(*byte)).collect(),
        },
    }
}

/// The properties of the picture as a whole, by their usual names, each value in its order.
#[derive(Default)]
struct Properties(Vec<(String, String)>);

impl Properties {
    fn first(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn all(&self, name: &str) -> Vec<String> {
        self.0.iter().filter(|(known, _)| known == name).map(|(_, value)| value.clone()).collect()
    }

    /// Walks the elements: `rdf:RDF / rdf:Description / property`, with the value as an attribute, as text, or as the
    /// items of a list. What is nested deeper belongs to something else (the history, an ingredient).
    fn parse(text: &str) -> Self {
        let mut reader = NsReader::from_str(text);
        let config = reader.config_mut();
        config.check_end_names = false;
        config.allow_dangling_amp = true;
        config.expand_empty_elements = true;
        let mut properties = Self::default();
        let mut path: Vec<String> = Vec::new();
        let mut value = String::new();
        let mut namespaces = 0;
        loop {
            match reader.read_event() {
                Ok(Event::Start(element)) => {
                    namespaces += memmem::find_iter(element.as_bytes(), b"xmlns").count();
                    if namespaces > MAX_NAMESPACES {
                        return properties;
                    }
                    path.push(usual_name(reader.resolver().resolve_element(element.name())));
                    if path.len() > MAX_DEPTH {
                        return properties;
                    }
                    value.clear();
                    if is_description(&path) {
                        properties.take_attributes(&reader, &element);
                    }
                }
                Ok(Event::Text(text)) => value.push_str(&text.xml10_content()),
                Ok(Event::CData(text)) => value.push_str(&text.xml10_content()),
                Ok(Event::GeneralRef(reference)) => match reference.resolve_char_ref() {
                    Ok(Some(character)) => value.push(character),
                    Ok(None) | Err(_) => {
                        value.push_str(quick_xml::escape::resolve_predefined_entity(&reference).unwrap_or_default());
                    }
                },
                Ok(Event::End(_)) => {
                    let said = value.trim();
                    if let Some(name) = property_of(&path).filter(|_| !said.is_empty()) {
                        properties.0.push((name.to_owned(), said.to_owned()));
                    }
                    value.clear();
                    path.pop();
                }
                Ok(Event::Eof) | Err(_) => return properties,
                Ok(Event::Empty(_) | Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_)) => {}
            }
        }
    }

    fn take_attributes(&mut self, reader: &NsReader<&[u8]>, element: &BytesStart<'_>) {
        for attribute in element.attributes().with_checks(false).filter_map(Result::ok) {
            let name = usual_name(reader.resolver().resolve_attribute(attribute.key));
            let Ok(value) = attribute.normalized_value(quick_xml::XmlVersion::Implicit1_0) else { continue };
            if !value.trim().is_empty() {
                self.0.push((name, value.trim().to_owned()));
            }
        }
    }
}

fn is_description(path: &[String]) -> bool {
    matches!(path, [.., rdf, description] if rdf == "rdf:RDF" && description == "rdf:Description")
}

/// The property whose value stands at this place, if it is one.
fn property_of(path: &[String]) -> Option<&str> {
    let (above, name) = match path {
        [above @ .., name, list, item] if item == "rdf:li" => {
            matches!(list.as_str(), "rdf:Bag" | "rdf:Seq" | "rdf:Alt").then_some((above, name))?
        }
        [above @ .., name] => (above, name),
        [] => return None,
    };
    is_description(above).then_some(name.as_str())
}

/// Namespaces that are read, under the prefixes that everybody uses for them.
const NAMESPACES: [(&str, &str); 11] = [
    ("rdf", "http://www.w3.org/1999/02/22-rdf-syntax-ns#"),
    ("dc", "http://purl.org/dc/elements/1.1/"),
    ("xmp", "http://ns.adobe.com/xap/1.0/"),
    ("photoshop", "http://ns.adobe.com/photoshop/1.0/"),
    ("exif", "http://ns.adobe.com/exif/1.0/"),
    ("exifEX", "http://cipa.jp/exif/1.0/"),
    ("tiff", "http://ns.adobe.com/tiff/1.0/"),
    ("aux", "http://ns.adobe.com/exif/1.0/aux/"),
    ("lr", "http://ns.adobe.com/lightroom/1.0/"),
    ("digiKam", "http://www.digikam.org/ns/1.0/"),
    ("x", "adobe:ns:meta/"),
];

fn usual_name((namespace, local): (ResolveResult<'_>, quick_xml::name::LocalName<'_>)) -> String {
    let local: &str = local.into_inner();
    match namespace {
        ResolveResult::Bound(bound) => {
            let bound: &str = bound.into_inner();
            match NAMESPACES.iter().find(|(_, address)| *address == bound) {
                Some((prefix, _)) => format!("{prefix}:{local}"),
                None => String::new(),
            }
        }
        ResolveResult::Unbound | ResolveResult::Unknown(_) => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::UtcOffset;
    use jiff::civil::date;

    const AS_ATTRIBUTES: &str = r#"<?xpacket begin='' id='W5M0MpCehiHzreSzNTczkc9d'?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:a="http://ns.adobe.com/xap/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
 xmlns:photoshop="http://ns.adobe.com/photoshop/1.0/" a:Rating="4" a:CreateDate="2019-01-01T10:00:00Z"
 photoshop:DateCreated="2014-08-03T14:22:33+01:00" exif:GPSLatitude="38,42.5N" exif:GPSLongitude="9,8.4W"/>
</rdf:RDF></x:xmpmeta><?xpacket end='w'?>"#;

    const AS_ELEMENTS: &str = r#"<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:xmp="http://ns.adobe.com/xap/1.0/"
 xmlns:xmpMM="http://ns.adobe.com/xap/1.0/mm/"><rdf:Description>
<dc:subject><rdf:Bag><rdf:li>Oma &amp; Opa</rdf:li><rdf:li>Caf&#xE9;</rdf:li><rdf:li>Caf&#xE9;</rdf:li></rdf:Bag></dc:subject>
<dc:description><rdf:Alt><rdf:li xml:lang="x-default"> On the tram </rdf:li><rdf:li xml:lang="de">In der Tram</rdf:li></rdf:Alt></dc:description>
<xmp:Rating>-1</xmp:Rating>
<xmpMM:History><rdf:Seq><rdf:li><rdf:Description><xmp:CreateDate>2001-01-01</xmp:CreateDate></rdf:Description></rdf:li></rdf:Seq></xmpMM:History>
</rdf:Description></rdf:RDF>"#;

    #[test]
    fn attributes_are_read_whatever_their_prefix() {
        let facts = read(AS_ATTRIBUTES.as_bytes());
        assert_eq!(facts.rating, Some(4));
        assert_eq!(facts.times.len(), 1);
        assert_eq!(facts.times[0].local, date(2014, 8, 3).at(14, 22, 33, 0));
        assert_eq!(facts.times[0].offset, UtcOffset::from_minutes(60));
        let position = facts.position.expect("a place");
        assert!((position.latitude() - 38.708_333).abs() < 1e-5 && (position.longitude() + 9.14).abs() < 1e-5);
    }

    #[test]
    fn elements_and_lists_are_read_and_the_history_is_not() {
        let facts = read(AS_ELEMENTS.as_bytes());
        assert_eq!(facts.keywords, ["Oma & Opa", "Café"]);
        assert_eq!(facts.caption.as_deref(), Some("On the tram"));
        assert_eq!(facts.rating, Some(-1));
        assert!(facts.times.is_empty(), "{:?}", facts.times);
    }

    #[test]
    fn the_date_of_the_scan_is_not_the_date_of_the_picture() {
        let with = |dates: &str| {
            let xmp = AS_ATTRIBUTES.replace("2014-08-03T14:22:33+01:00", dates);
            read(xmp.as_bytes()).times.iter().map(|said| said.local.date()).collect::<Vec<_>>()
        };
        assert_eq!(with("1974-07"), [date(1974, 7, 1)]);
        assert_eq!(with("2019-01-01"), [date(2019, 1, 1), date(2019, 1, 1)]);
        assert_eq!(with("nonsense"), [date(2019, 1, 1)]);
    }

    #[test]
    fn packets_are_found_in_any_file() {
        let file =
            [b"\xFF\xD8 <b> ".as_slice(), AS_ATTRIBUTES.as_bytes(), b"\0\0\xFF", AS_ELEMENTS.as_bytes()].concat();
        let found = packets(&file);
        assert_eq!(found.len(), 2);
        assert_eq!(read(&file[found[0].clone()]).rating, Some(4));
        assert_eq!(read(&file[found[1].clone()]).rating, Some(-1));
    }

    #[test]
    fn a_packet_cut_anywhere_gives_what_came_before_and_never_panics() {
        let whole = read(AS_ELEMENTS.as_bytes());
        for end in (0..AS_ELEMENTS.len()).filter(|end| AS_ELEMENTS.is_char_boundary(*end)) {
            let cut = &AS_ELEMENTS.as_bytes()[..end];
            for packet in packets(cut) {
                assert!(read(&cut[packet]).keywords.len() <= whole.keywords.len());
            }
        }
        let deep = format!("<rdf:RDF>{}", "<a>".repeat(100_000));
        assert_eq!(read(deep.as_bytes()), Facts::default());
    }

    #[test]
    fn a_packet_that_breaks_off_inside_a_file_keeps_its_letters() {
        let start = AS_ELEMENTS.replace("Caf&#xE9;", "Café");
        let cut = &start.as_bytes()[..start.find("<dc:description").expect("it is there")];
        let file = [cut, b"\xFF\xD9\x00\xFE"].concat();
        assert_eq!(read(&file[packets(&file)[0].clone()]).keywords, ["Oma & Opa", "Café"]);
    }

    #[test]
    fn a_sidecar_in_another_encoding_is_read() {
        let utf16: Vec<u8> =
            [0xFEFF].into_iter().chain(AS_ELEMENTS.encode_utf16()).flat_map(u16::to_le_bytes).collect();
        assert_eq!(read(&utf16).keywords, ["Oma & Opa", "Café"]);
        let latin1: Vec<u8> =
            AS_ELEMENTS.replace("Opa", "Op\u{e4}").chars().filter_map(|c| u8::try_from(c).ok()).collect();
        assert_eq!(read(&latin1).keywords[0], "Oma & Opä");
    }

    #[test]
    fn nested_keywords_give_their_last_part_where_there_are_no_others() {
        let lightroom = AS_ELEMENTS
            .replace("http://purl.org/dc/elements/1.1/", "http://ns.adobe.com/lightroom/1.0/")
            .replace("dc:subject", "dc:hierarchicalSubject")
            .replace("Oma &amp; Opa", "People|Oma");
        assert_eq!(read(lightroom.as_bytes()).keywords, ["Oma", "Café"]);
    }

    #[test]
    fn more_keywords_than_anybody_has_take_no_more_time_each() {
        let keywords: Vec<String> = (0..200_000).map(|number| format!("<rdf:li>{number}</rdf:li>")).collect();
        let xmp = AS_ELEMENTS.replace("<rdf:li>Oma &amp; Opa</rdf:li>", &keywords.concat());
        // One by one they would take minutes.
        assert_eq!(read(xmp.as_bytes()).keywords.len(), 200_001);
    }

    #[test]
    fn more_namespaces_than_anybody_declares_are_not_looked_up_one_by_one() {
        let declared = (0..100_000).map(|number| format!(" xmlns:n{number}=\"u\"")).collect::<Vec<_>>().concat();
        let used = " n0:a=\"b\"".repeat(100_000);
        let xmp = AS_ELEMENTS.replace("<rdf:Description>", &format!("<rdf:Description{declared}{used}>"));
        // Each looked up among all would take minutes.
        assert_eq!(read(xmp.as_bytes()), Facts::default());
    }

    #[test]
    fn stars_outside_the_scale_are_dropped() {
        assert_eq!(parse_rating("3.0"), Some(3));
        for nonsense in ["99", "-2", "NaN", "", "five"] {
            assert_eq!(parse_rating(nonsense), None, "{nonsense}");
        }
    }
}
