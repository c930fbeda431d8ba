//! How Apple's phones name what belongs to an edited photo: `IMG_E1234.JPG` is the edit of `IMG_1234.HEIC`, and
//! `IMG_O1234.AAE` the list of what was done to it before.

/// The name, without its ending, of the photo that this one is an edit of; or that a list of edits is about.
pub fn original_of(stem: &str) -> Option<String> {
    let number = number_behind(stem, &["IMG_E", "IMG_O"])?;
    Some(format!("{}{number}", stem.get(..4)?))
}

/// The name, without its ending, that an edit of this photo has.
pub fn edit_of(stem: &str) -> Option<String> {
    let number = number_behind(stem, &["IMG_"])?;
    Some(format!("{}E{number}", stem.get(..4)?))
}

/// What follows one of these beginnings, in any case, where it is a camera's number.
fn number_behind<'a>(stem: &'a str, beginnings: &[&str]) -> Option<&'a str> {
    beginnings.iter().find_map(|beginning| {
        let (start, number) = stem.split_at_checked(beginning.len())?;
        let is_number = number.len() >= 4 && number.bytes().all(|byte| byte.is_ascii_digit());
        (start.eq_ignore_ascii_case(beginning) && is_number).then_some(number)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_edit_and_its_original_name_each_other() {
        assert_eq!(original_of("IMG_E1234").as_deref(), Some("IMG_1234"));
        assert_eq!(original_of("img_o1234").as_deref(), Some("img_1234"));
        assert_eq!(edit_of("IMG_1234").as_deref(), Some("IMG_E1234"));
        for other in ["IMG_1234", "IMG_E", "IMG_E12", "IMG_E1234b", "DSC_E1234", "é", "IMG_Eé1234"] {
            assert_eq!(original_of(other), None, "{other}");
        }
        assert_eq!(edit_of("IMG_E1234"), None);
    }
}
