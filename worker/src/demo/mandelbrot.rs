//! A tile of the Mandelbrot set.

use acequia_wire::ContentType;
use serde::Deserialize;

use super::bad_input::bad_input;
use crate::failure::Failure;
use crate::job::Job;
use crate::reply::Reply;

/// Widest and highest tile, in pixels.
const SIDE_MAX: u32 = 1024;
/// Most steps that a point is followed.
const STEPS_MAX: u16 = 10_000;

/// Which points of the plane a tile is of: pixel (`col`, `row`) is the point
/// (`x0 + col * step`) + (`y0 + row * step`) i.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
pub struct Tile {
    /// The real part of the top left corner.
    pub x0: f64,
    /// The imaginary part of the top left corner.
    pub y0: f64,
    /// From a pixel to the next, in both directions.
    pub step: f64,
    /// In pixels, 1 to 1024.
    pub width: u32,
    /// In pixels, 1 to 1024.
    pub height: u32,
    /// After how many steps a point counts as one of the set, 1 to 10,000.
    pub max_iter: u16,
}

/// For each pixel of a [`Tile`] (JSON, or else MessagePack), row by row, after how many steps its
/// point leaves the circle of radius 2, as a little-endian `u16`; `max_iter` if it does not.
///
/// The result can be computed anywhere to the last bit: all is done in doubles, none of it fused,
/// as `while n < max_iter && zr*zr + zi*zi <= 4 { (zr, zi) = ((zr*zr - zi*zi) + x,
/// (2*zr*zi) + y); n += 1 }`.
///
/// # Errors
/// With code `bad_input` if the payload is no tile within its limits, `cancelled` if the job was.
pub fn mandelbrot(job: &Job) -> Result<Reply, Failure> {
    let tile: Tile = match job.content_type() {
        ContentType::Json => job.json()?,
        _ => job.msgpack()?,
    };
    check(&tile)?;
    let mut counts = Vec::with_capacity(tile.width as usize * tile.height as usize * 2);
    for row in 0..tile.height {
        if job.is_cancelled() {
            return Err(Failure::cancelled());
        }
        let y = tile.y0 + f64::from(row) * tile.step;
        for col in 0..tile.width {
            let x = tile.x0 + f64::from(col) * tile.step;
            counts.extend_from_slice(&steps(x, y, tile.max_iter).to_le_bytes());
        }
    }
    Ok(Reply::bytes(counts))
}

fn check(tile: &Tile) -> Result<(), Failure> {
    if ![tile.x0, tile.y0, tile.step].iter().all(|n| n.is_finite()) {
        return Err(bad_input("`x0`, `y0` and `step` must be finite"));
    }
    let side = 1..=SIDE_MAX;
    if !side.contains(&tile.width) || !side.contains(&tile.height) {
        let (width, height) = (tile.width, tile.height);
        return Err(bad_input(format_args!(
            "a tile is 1 to {SIDE_MAX} pixels wide and high, this one is {width} × {height}"
        )));
    }
    if !(1..=STEPS_MAX).contains(&tile.max_iter) {
        let max_iter = tile.max_iter;
        return Err(bad_input(format_args!(
            "`max_iter` must be 1 to {STEPS_MAX}, it is {max_iter}"
        )));
    }
    Ok(())
}

/// How often z ← z² + c can be done, from 0, before z has left the circle of radius 2.
fn steps(x: f64, y: f64, max_iter: u16) -> u16 {
    let (mut zr, mut zi, mut n) = (0.0_f64, 0.0_f64, 0);
    while n < max_iter && zr * zr + zi * zi <= 4.0 {
        // No fused operation, which would round once where other languages round twice.
        (zr, zi) = ((zr * zr - zi * zi) + x, (2.0 * zr * zi) + y);
        n += 1;
    }
    n
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn points_stay_as_long_as_they_should() {
        assert_eq!(steps(0.0, 0.0, 500), 500);
        assert_eq!(steps(-1.0, 0.0, 500), 500);
        assert_eq!(steps(2.0, 2.0, 500), 1);
        assert_eq!(steps(1.0, 0.0, 500), 3);
        assert_eq!(steps(-0.75, 0.1, 10_000), 33);
    }
}
