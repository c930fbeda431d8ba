//! The `.xmp` that Keepsake writes beside a photo of which somebody said something.
//!
//! Adobe XMP, part 1 (serialization) and part 2 (dc, xmp, photoshop); albums as digiKam and Photo Mechanic write
//! them (`mediapro:CatalogSets`), people as IPTC has it (`Iptc4xmpExt:PersonInImage`).

use crate::model::{CaptureTime, UtcOffset};

/// What people, or the programs they used, said about one photo.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct Words {
    /// A text below the picture.
    pub caption: Option<String>,
    /// Stars, -1 to 5.
    pub rating: Option<i8>,
    /// Keywords.
    pub keywords: Vec<String>,
    /// Who is on it.
    pub people: Vec<String>,
    /// The albums it is in.
    pub albums: Vec<String>,
    /// The time that a person set.
    pub taken_at: Option<CaptureTime>,
}

impl Words {
    /// Whether nobody said anything.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Writes the sidecar. Equal words give equal bytes.
pub fn write(words: &Words) -> String {
    let mut xmp = String::from(HEAD);
    if let Some(rating) = words.rating {
        element(&mut xmp, "xmp:Rating", &rating.to_string());
    }
    if let Some(time) = &words.taken_at {
        let offset = time.offset.map(|offset: UtcOffset| offset.to_string()).unwrap_or_default();
        element(&mut xmp, "photoshop:DateCreated", &format!("{}{offset}", time.local));
    }
    if let Some(caption) = &words.caption {
        xmp.push_str("   <dc:description><rdf:Alt><rdf:li xml:lang=\"x-default\">");
        xmp.push_str(&escaped(caption));
        xmp.push_str("</rdf:li></rdf:Alt></dc:description>\n");
    }
    bag(&mut xmp, "dc:subject", &words.keywords);
    bag(&mut xmp, "Iptc4xmpExt:PersonInImage", &words.people);
    bag(&mut xmp, "mediapro:CatalogSets", &words.albums);
    xmp.push_str(TAIL);
    xmp
}

const HEAD: &str = concat!(
    "<?xpacket begin=\"\u{feff}\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>\n",
    "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">\n",
    " <rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">\n",
    "  <rdf:Description rdf:about=\"\"\n",
    "    xmlns:dc=\"http://purl.org/dc/elements/1.1/\"\n",
    "    xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\"\n",
    "    xmlns:photoshop=\"http://ns.adobe.com/photoshop/1.0/\"\n",
    "    xmlns:mediapro=\"http://ns.iview-multimedia.com/mediapro/1.0/\"\n",
    "    xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\">\n",
);

const TAIL: &str = "  </rdf:Description>\n </rdf:RDF>\n</x:xmpmeta>\n<?xpacket end=\"w\"?>\n";

fn element(xmp: &mut String, name: &str, text: &str) {
    xmp.extend(["   <", name, ">", &escaped(text), "</", name, ">\n"]);
}

fn bag(xmp: &mut String, name: &str, items: &[String]) {
    if items.is_empty() {
        return;
    }
    xmp.extend(["   <", name, "><rdf:Bag>"]);
    for item in items {
        xmp.extend(["<rdf:li>", &escaped(item), "</rdf:li>"]);
    }
    xmp.extend(["</rdf:Bag></", name, ">\n"]);
}

/// Escapes what XML gives a meaning, and leaves out what XML 1.0 (section 2.2) cannot hold at all.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // As it is, a reader takes it for the end of a line (XML 1.0, section 2.11).
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(character),
            control if control.is_control() => {}
            '\u{fffe}' | '\u{ffff}' => {}
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_is_in_the_sidecar_and_no_more() {
        let words = Words {
            caption: Some("Oma & <Opa>".into()),
            rating: Some(4),
            keywords: vec!["beach".into(), "Lisbon".into()],
            ..Words::default()
        };
        let xmp = write(&words);
        assert!(xmp.contains("Oma &amp; &lt;Opa&gt;"));
        assert!(xmp.contains("<xmp:Rating>4</xmp:Rating>"));
        assert!(xmp.contains("<rdf:li>beach</rdf:li><rdf:li>Lisbon</rdf:li>"));
        assert!(!xmp.contains("mediapro:CatalogSets>"));
        assert!(!xmp.contains("PersonInImage>"));
    }

    #[test]
    fn control_characters_do_not_break_the_document() {
        let words = Words { caption: Some("a\u{0}b\u{1b}[2Jc".into()), ..Words::default() };
        assert!(write(&words).contains(">ab[2Jc<"));
    }

    #[test]
    fn a_carriage_return_is_written_so_that_a_reader_gets_it_back() {
        let words = Words { caption: Some("Oma\r\nOpa".into()), ..Words::default() };
        assert!(write(&words).contains(">Oma&#13;\nOpa<"));
        let read = crate::formats::xmp::read(write(&words).as_bytes());
        assert_eq!(read.caption.as_deref(), Some("Oma\nOpa"), "what is read is cleaned");
    }
}
