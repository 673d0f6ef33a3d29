//! The handlers of the demo, over the wire.

use std::io::Cursor;

use acequia_wire::ContentType;
use acequia_wire::worker::FromWorker;
use acequia_worker::demo;
use bytes::Bytes;
use image::{DynamicImage, ImageFormat, Rgb, RgbImage};
use serde::Serialize;

use crate::server::{Running, Server, message};

/// The result of one job: its type (empty for the job's own) and its bytes; or its failure's code
/// and message.
async fn run(
    queue: &str,
    content_type: ContentType,
    payload: impl Into<Bytes>,
) -> Result<(String, Bytes), (String, String)> {
    let mut server = Server::bind().await;
    let running = Running::start(demo::queues(server.worker()));
    let answer = server.run_one(message(1, queue, content_type, payload)).await;
    running.end().await;
    match answer {
        FromWorker::Done { body, .. } => {
            let declared = body.declared().map_or("", ContentType::as_str).to_owned();
            Ok((declared, body.bytes().clone()))
        }
        FromWorker::Fail { code, message, retry, .. } => {
            assert!(!retry, "no further attempt would help");
            Err((code.unwrap(), message))
        }
        other => panic!("unexpected {other:?}"),
    }
}

fn msgpack<T: Serialize>(value: &T) -> Vec<u8> {
    rmp_serde::to_vec_named(value).unwrap()
}

#[tokio::test]
async fn echo_gives_back_what_it_got() {
    let payload = r#"{"b":1,"a":[null]}"#;
    let echoed = run("echo", ContentType::Json, payload).await.unwrap();
    assert_eq!(echoed, (String::new(), Bytes::from_static(payload.as_bytes())));
}

#[tokio::test]
async fn upper_changes_text_wherever_it_is() {
    let json = r#"{"b":["straße",1.5,-2,18446744073709551615,true,null],"a":{"x":"y"}}"#;
    let upper = run("upper", ContentType::Json, json).await.unwrap();
    let expected = r#"{"b":["STRASSE",1.5,-2,18446744073709551615,true,null],"a":{"x":"Y"}}"#;
    assert_eq!(upper, ("application/json".to_owned(), Bytes::from(expected)));
    let upper = run("upper", ContentType::Text, "é").await.unwrap();
    assert_eq!(upper, (String::new(), Bytes::from("É")));

    // {1: "a", "k": <bytes "a">}
    let packed = [0x82, 1, 0xa1, b'a', 0xa1, b'k', 0xc4, 1, b'a'];
    let upper = run("upper", ContentType::MsgPack, packed.to_vec()).await.unwrap();
    let expected = [0x82, 1, 0xa1, b'A', 0xa1, b'k', 0xc4, 1, b'a'];
    assert_eq!(upper, ("application/msgpack".to_owned(), Bytes::from(expected.to_vec())));
}

#[tokio::test]
async fn words_come_one_by_one_with_progress() {
    for (content_type, payload) in [
        (ContentType::Text, "turn by\nturn".as_bytes().to_vec()),
        (ContentType::Json, br#""turn by\nturn""#.to_vec()),
        (ContentType::MsgPack, msgpack(&"turn by\nturn")),
    ] {
        let mut server = Server::bind().await;
        let running = Running::start(demo::queues(server.worker()));
        let mut said = vec![server.run_one(message(1, "words", content_type, payload)).await];
        while !matches!(said.last(), Some(FromWorker::Done { .. })) {
            said.push(server.recv().await);
        }
        running.end().await;
        let chunks: Vec<_> = said
            .iter()
            .filter_map(|said| match said {
                FromWorker::Chunk { body, .. } => Some(body.bytes().clone()),
                _ => None,
            })
            .collect();
        assert_eq!(chunks, ["turn ", "by\n", "turn"]);
        let steps: Vec<_> = said
            .iter()
            .filter_map(|said| match said {
                FromWorker::Progress { progress, .. } => Some((progress.done, progress.total)),
                _ => None,
            })
            .collect();
        assert_eq!(steps, [1.0, 2.0, 3.0].map(|done| (Some(done), Some(3.0))));
        let Some(FromWorker::Done { body, .. }) = said.last() else { unreachable!("it ended") };
        assert_eq!(body.bytes().as_ref(), b"3");
    }
}

#[tokio::test]
async fn words_are_text_and_not_too_many() {
    let many = "word ".repeat(1001);
    for (content_type, payload) in [
        (ContentType::Octets, vec![0xff]),
        (ContentType::Json, b"1".to_vec()),
        (ContentType::Text, many.into_bytes()),
    ] {
        assert_eq!(run("words", content_type, payload).await.unwrap_err().0, "bad_input");
    }
}

#[tokio::test]
async fn upper_refuses_what_is_no_text() {
    for (content_type, payload) in [
        (ContentType::Octets, vec![0xff]),
        (ContentType::Json, b"{".to_vec()),
        (ContentType::MsgPack, vec![0xd4, 5, 6]),
        (ContentType::MsgPack, vec![0xdd, 0xff, 0xff, 0xff, 0xff]),
        (ContentType::MsgPack, vec![0x91; 100_000]),
    ] {
        assert_eq!(run("upper", content_type, payload).await.unwrap_err().0, "bad_input");
    }
}

#[derive(Serialize, Clone)]
struct Tile {
    x0: f64,
    y0: f64,
    step: f64,
    width: i64,
    height: i64,
    max_iter: i64,
}

const TILE: Tile = Tile { x0: -2.0, y0: -1.0, step: 0.25, width: 12, height: 9, max_iter: 1000 };

#[tokio::test]
async fn mandelbrot_is_the_same_everywhere() {
    let (content_type, from_msgpack) =
        run("mandelbrot", ContentType::MsgPack, msgpack(&TILE)).await.unwrap();
    assert_eq!(content_type, "application/octet-stream");
    let json = serde_json::to_vec(&TILE).unwrap();
    let (_, from_json) = run("mandelbrot", ContentType::Json, json).await.unwrap();
    assert_eq!(from_msgpack, from_json);
    let counts: Vec<u16> =
        from_json.chunks(2).map(|pair| u16::from_le_bytes([pair[0], pair[1]])).collect();
    assert_eq!(counts, COUNTS);
}

/// Computed with Python.
const COUNTS: [u16; 108] = [
    1, 1, 2, 3, 3, 3, 4, 6, 1000, 4, 2, 2, 1, 2, 3, 3, 3, 4, 6, 22, 34, 5, 3, 2, 1, 3, 3, 4, 5, 6,
    1000, 1000, 1000, 1000, 5, 3, 1, 4, 5, 9, 1000, 13, 1000, 1000, 1000, 1000, 5, 3, 1000, 1000,
    1000, 1000, 1000, 1000, 1000, 1000, 1000, 1000, 5, 3, 1, 4, 5, 9, 1000, 13, 1000, 1000, 1000,
    1000, 5, 3, 1, 3, 3, 4, 5, 6, 1000, 1000, 1000, 1000, 5, 3, 1, 2, 3, 3, 3, 4, 6, 22, 34, 5, 3,
    2, 1, 1, 2, 3, 3, 3, 4, 6, 1000, 4, 2, 2,
];

#[tokio::test]
async fn a_tile_has_its_limits() {
    let cases = [
        (Tile { width: 0, ..TILE }, "0 × 9"),
        (Tile { height: 1025, ..TILE }, "12 × 1025"),
        (Tile { max_iter: 0, ..TILE }, "max_iter"),
        (Tile { max_iter: 10_001, ..TILE }, "max_iter"),
        (Tile { width: -1, ..TILE }, "u32"),
        (Tile { x0: f64::NAN, ..TILE }, "finite"),
    ];
    for (tile, text) in cases {
        let (code, message) =
            run("mandelbrot", ContentType::MsgPack, msgpack(&tile)).await.unwrap_err();
        assert_eq!(code, "bad_input");
        assert!(message.contains(text), "{message}");
    }
    let (_, message) = run("mandelbrot", ContentType::Json, r#"{"x0":1}"#).await.unwrap_err();
    assert!(message.contains("y0"), "{message}");
}

fn encoded(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

#[tokio::test]
async fn a_thumbnail_is_a_jpeg_that_fits() {
    let wide = DynamicImage::from(RgbImage::from_pixel(1000, 500, Rgb([200, 30, 30])));
    let small = DynamicImage::from(RgbImage::from_pixel(40, 30, Rgb([200, 30, 30])));
    for (picture, format, size) in [
        (&wide, ImageFormat::Png, (256, 128)),
        (&wide, ImageFormat::Jpeg, (256, 128)),
        (&wide, ImageFormat::Gif, (256, 128)),
        (&wide, ImageFormat::WebP, (256, 128)),
        (&wide, ImageFormat::Bmp, (256, 128)),
        (&wide.rotate90(), ImageFormat::Png, (128, 256)),
        (&small, ImageFormat::Png, (40, 30)),
    ] {
        let payload = encoded(picture, format);
        let (content_type, jpeg) = run("thumbnail", ContentType::Octets, payload).await.unwrap();
        assert_eq!(content_type, "image/jpeg");
        let jpeg = image::load_from_memory_with_format(&jpeg, ImageFormat::Jpeg).unwrap().to_rgb8();
        assert_eq!(jpeg.dimensions(), size, "{format:?}");
        let [r, g, b] = jpeg.get_pixel(10, 10).0;
        assert!(r.abs_diff(200) < 8 && g.abs_diff(30) < 8 && b.abs_diff(30) < 8, "{r} {g} {b}");
    }
}

#[tokio::test]
async fn what_is_no_picture_or_too_large_a_one_is_refused() {
    let (code, message) = run("thumbnail", ContentType::Octets, "no picture").await.unwrap_err();
    assert_eq!(code, "bad_image");
    assert!(message.contains("PNG"), "{message}");

    let cut = encoded(&DynamicImage::new_rgb8(100, 100), ImageFormat::Png);
    let cut = cut[..cut.len() / 2].to_vec();
    assert_eq!(run("thumbnail", ContentType::Octets, cut).await.unwrap_err().0, "bad_image");

    // 16,000 by 16,000 pixels of nothing pack well.
    for (width, height) in [(16_000, 16_000), (20_000, 10)] {
        let (code, message) =
            run("thumbnail", ContentType::Octets, png_header(width, height)).await.unwrap_err();
        assert_eq!(code, "bad_image");
        assert!(message.contains("too large") && message.contains("256 MiB"), "{message}");
    }
}

/// A PNG that announces a size and has next to nothing in it.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut png = encoded(&DynamicImage::new_rgb8(1, 1), ImageFormat::Png);
    png[16..20].copy_from_slice(&width.to_be_bytes());
    png[20..24].copy_from_slice(&height.to_be_bytes());
    let crc = crc32(&png[12..29]);
    png[29..33].copy_from_slice(&crc.to_be_bytes());
    png
}

/// The check sum of a PNG chunk.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 }
        })
    })
}
