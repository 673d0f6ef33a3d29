//! A small picture of a picture.

use std::io::Cursor;

use image::codecs::jpeg::JpegEncoder;
use image::{
    DynamicImage, ExtendedColorType, ImageDecoder, ImageError, ImageReader, Limits, Rgb, RgbImage,
};

use crate::failure::Failure;
use crate::job::Job;
use crate::reply::Reply;

/// Widest and highest thumbnail, in pixels.
const SIDE_MAX: u32 = 256;
/// Widest and highest picture that is read, in pixels.
const INPUT_SIDE_MAX: u32 = 16_384;
/// Memory that reading a picture may take, in bytes.
const DECODE_BYTES_MAX: u64 = 256 << 20;
/// Of the JPEG, in percent.
const QUALITY: u8 = 85;

/// A JPEG of the payload, a PNG, JPEG, GIF (its first frame), WebP or BMP. It fits 256 × 256 with
/// the picture's proportions; a smaller picture keeps its size. What is transparent becomes
/// white, and what a camera noted about which way is up is done.
///
/// # Errors
/// With code `bad_image` if the payload is no such picture, or is one that would take more than
/// 256 MiB to read or is over 16,384 pixels wide or high; `cancelled` if the job was.
pub fn thumbnail(job: &Job) -> Result<Reply, Failure> {
    let picture = read(job.payload()).map_err(bad_image)?;
    if job.is_cancelled() {
        return Err(Failure::cancelled());
    }
    let small = if picture.width() > SIDE_MAX || picture.height() > SIDE_MAX {
        picture.thumbnail(SIDE_MAX, SIDE_MAX)
    } else {
        picture
    };
    let jpeg = write(&on_white(&small)).map_err(bad_image)?;
    Ok(Reply::typed("image/jpeg", jpeg))
}

fn read(bytes: &[u8]) -> Result<DynamicImage, ImageError> {
    let mut limits = Limits::no_limits();
    limits.max_image_width = Some(INPUT_SIDE_MAX);
    limits.max_image_height = Some(INPUT_SIDE_MAX);
    limits.max_alloc = Some(DECODE_BYTES_MAX);
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    // Asked before a byte of the picture is unpacked: a few kilobytes can announce gigabytes.
    limits.reserve(decoder.total_bytes())?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(picture)
}

fn on_white(picture: &DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.to_rgb8();
    }
    let picture = picture.to_rgba8();
    RgbImage::from_fn(picture.width(), picture.height(), |x, y| {
        let [r, g, b, alpha] = picture.get_pixel(x, y).0;
        let blend = |channel: u8| {
            let (channel, alpha) = (u16::from(channel), u16::from(alpha));
            // At most 255, since the two weights add up to it.
            u8::try_from((channel * alpha + 255 * (255 - alpha) + 127) / 255).unwrap_or(u8::MAX)
        };
        Rgb([blend(r), blend(g), blend(b)])
    })
}

fn write(picture: &RgbImage) -> Result<Vec<u8>, ImageError> {
    let mut jpeg = Vec::new();
    let (width, height) = picture.dimensions();
    JpegEncoder::new_with_quality(&mut jpeg, QUALITY).encode(
        picture.as_raw(),
        width,
        height,
        ExtendedColorType::Rgb8,
    )?;
    Ok(jpeg)
}

fn bad_image(error: ImageError) -> Failure {
    let message = match error {
        ImageError::Limits(error) => format!(
            "the picture is too large to be read: {error}; the limits are {INPUT_SIDE_MAX} pixels \
             a side and {} MiB of memory",
            DECODE_BYTES_MAX >> 20
        ),
        error => format!("not a picture that can be read (PNG, JPEG, GIF, WebP or BMP): {error}"),
    };
    Failure::permanent("bad_image", message)
}

#[cfg(test)]
mod tests {
    use image::{Rgba, RgbaImage};

    use super::*;

    #[test]
    fn what_is_transparent_becomes_white() {
        let mut picture = RgbaImage::from_pixel(2, 1, Rgba([10, 20, 30, 0]));
        picture.put_pixel(1, 0, Rgba([10, 20, 30, 255]));
        let flat = on_white(&picture.into());
        assert_eq!(flat.as_raw(), &[255, 255, 255, 10, 20, 30]);
    }
}
