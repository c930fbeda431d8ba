//! What a file says about itself.

use serde::{Deserialize, Serialize};

use super::TimeCandidate;

/// What was read out of one object. A field that is `None` was not found, or was nonsense.
#[derive(Clone, PartialEq, Default, Debug, Serialize, Deserialize)]
#[serde(default)]
pub struct Facts {
    /// Pixels across, as stored (before `orientation` is applied).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub width: Option<u32>,
    /// Pixels down, as stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub height: Option<u32>,
    /// EXIF orientation, 1 to 8 (Exif 2.32, 4.6.4 A).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub orientation: Option<u8>,
    /// Maker and model in one, the maker not said twice: “Canon EOS 350D”.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub camera: Option<String>,
    /// The lens, as the camera names it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lens: Option<String>,
    /// Where it was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub position: Option<Position>,
    /// Stars, 0 to 5, or -1 for “rejected” (XMP specification, part 2).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rating: Option<i8>,
    /// What somebody wrote about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub caption: Option<String>,
    /// Keywords as written, in their order, none twice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub keywords: Vec<String>,
    /// How long a video runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duration_ms: Option<u64>,
    /// Apple's name for the two halves of a Live Photo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub live_id: Option<String>,
    /// The short film inside a motion photo.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub motion: Option<Motion>,
    /// Every statement about when it was taken that the file holds, unjudged.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub times: Vec<TimeCandidate>,
}

/// Where the film of a motion photo lies in its file.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Motion {
    /// The offset of its first byte.
    pub offset: u64,
    /// How many bytes.
    pub length: u64,
}

/// A place on the earth in degrees (WGS 84), inside -90..=90 and -180..=180, and never the 0,0 that broken receivers write.
#[derive(Clone, Copy, PartialEq, Debug, Serialize, Deserialize)]
#[serde(try_from = "Degrees")]
pub struct Position {
    latitude: f64,
    longitude: f64,
}

/// What stands where a position should be.
#[derive(Deserialize)]
struct Degrees {
    latitude: f64,
    longitude: f64,
}

impl TryFrom<Degrees> for Position {
    type Error = &'static str;

    fn try_from(Degrees { latitude, longitude }: Degrees) -> Result<Self, Self::Error> {
        Self::new(latitude, longitude).ok_or("no place on the earth has this latitude and longitude")
    }
}

impl Position {
    /// Takes a pair of degrees; `None` when it is no place that a photo can have been taken at.
    pub fn new(latitude: f64, longitude: f64) -> Option<Self> {
        let on_earth = (-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude);
        let unset = latitude == 0.0 && longitude == 0.0;
        (on_earth && !unset).then_some(Self { latitude, longitude })
    }

    /// Degrees north of the equator.
    pub fn latitude(self) -> f64 {
        self.latitude
    }

    /// Degrees east of Greenwich.
    pub fn longitude(self) -> f64 {
        self.longitude
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonsense_is_no_position() {
        assert!(Position::new(38.7, -9.1).is_some());
        for (latitude, longitude) in [(0.0, 0.0), (91.0, 0.0), (0.0, 181.0), (f64::NAN, 0.0), (1.0, f64::INFINITY)] {
            assert!(Position::new(latitude, longitude).is_none(), "{latitude} {longitude}");
        }
    }

    #[test]
    fn nonsense_that_was_written_down_is_no_position_either() {
        let read = |text| serde_json::from_str::<Position>(text).ok();
        assert_eq!(read(r#"{"latitude":38.7,"longitude":-9.1}"#), Position::new(38.7, -9.1));
        assert_eq!(read(r#"{"latitude":38.7,"longitude":999}"#), None);
        assert_eq!(read(r#"{"latitude":0,"longitude":0}"#), None);
    }
}
