//! Pictures that the `image` library decoded.

use std::io;

use image::DynamicImage;

use super::{NotShown, Picture, colour, worth_keeping};

/// Makes a picture of decoded pixels; what is transparent is shown on white.
pub(crate) fn picture(image: DynamicImage, profile: Option<Vec<u8>>) -> Result<Picture, NotShown> {
    let (width, height) = (image.width(), image.height());
    let is_grey = !image.color().has_color();
    let made = if image.color().has_alpha() {
        let pixels = image.into_rgba8().into_raw();
        let mut rows = pixels.chunks_exact(width as usize * 4);
        colour::from_rows(width, height, |row| {
            let pixels = rows.next().ok_or(io::ErrorKind::UnexpectedEof)?;
            let colours = pixels.as_chunks::<4>().0.iter().map(|pixel| colour::on_white(*pixel));
            row.as_chunks_mut::<3>().0.iter_mut().zip(colours).for_each(|(home, colour)| *home = colour);
            Ok(())
        })
    } else {
        let pixels = image.into_rgb8().into_raw();
        let mut rows = pixels.chunks_exact(width as usize * 3);
        colour::from_rows(width, height, |row| {
            row.copy_from_slice(
                rows.next().filter(|from| from.len() == row.len()).ok_or(io::ErrorKind::UnexpectedEof)?,
            );
            Ok(())
        })
    };
    let mut picture = made.map_err(|_| NotShown::new("could not be decoded"))?;
    if is_grey {
        picture.chroma = None;
    }
    picture.profile = profile.and_then(|profile| worth_keeping(profile, is_grey));
    Ok(picture)
}
