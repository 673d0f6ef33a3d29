//! The page and the client library, as files inside the binary.

use axum::http::header;
use axum::response::{IntoResponse, Response};

macro_rules! files {
    ($($path:literal => $file:literal,)*) => {
        /// The path in a URL, and the bytes.
        const FILES: &[(&str, &[u8])] = &[
            $(($path, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $file))),)*
        ];
    };
}

files! {
    "/" => "dashboard/index.html",
    "/assets/app.js" => "dashboard/app.js",
    "/assets/base.css" => "dashboard/base.css",
    "/assets/copy.js" => "dashboard/copy.js",
    "/assets/gestures.js" => "dashboard/gestures.js",
    "/assets/job-box.js" => "dashboard/job-box.js",
    "/assets/logo.svg" => "dashboard/logo.svg",
    "/assets/mandelbrot.js" => "dashboard/mandelbrot.js",
    "/assets/ops/api.js" => "dashboard/ops/api.js",
    "/assets/ops/app.js" => "dashboard/ops/app.js",
    "/assets/ops/charts.js" => "dashboard/ops/charts.js",
    "/assets/ops/connection.js" => "dashboard/ops/connection.js",
    "/assets/ops/dialog.js" => "dashboard/ops/dialog.js",
    "/assets/ops/dom.js" => "dashboard/ops/dom.js",
    "/assets/ops/format.js" => "dashboard/ops/format.js",
    "/assets/ops/hints.js" => "dashboard/ops/hints.js",
    "/assets/ops/job-dialog.js" => "dashboard/ops/job-dialog.js",
    "/assets/ops/letters.js" => "dashboard/ops/letters.js",
    "/assets/ops/overview.js" => "dashboard/ops/overview.js",
    "/assets/ops/pools.js" => "dashboard/ops/pools.js",
    "/assets/ops/queue-dialog.js" => "dashboard/ops/queue-dialog.js",
    "/assets/ops/queues.js" => "dashboard/ops/queues.js",
    "/assets/ops/say.js" => "dashboard/ops/say.js",
    "/assets/ops/scaling.js" => "dashboard/ops/scaling.js",
    "/assets/ops/slots.js" => "dashboard/ops/slots.js",
    "/assets/ops/sse.js" => "dashboard/ops/sse.js",
    "/assets/ops/store.js" => "dashboard/ops/store.js",
    "/assets/ops/stream.js" => "dashboard/ops/stream.js",
    "/assets/ops/style.css" => "dashboard/ops/style.css",
    "/assets/ops/table.js" => "dashboard/ops/table.js",
    "/assets/ops/token.js" => "dashboard/ops/token.js",
    "/assets/ops/workers.js" => "dashboard/ops/workers.js",
    "/assets/palette.js" => "dashboard/palette.js",
    "/assets/picture.js" => "dashboard/picture.js",
    "/assets/pool.js" => "dashboard/pool.js",
    "/assets/readable.js" => "dashboard/readable.js",
    "/assets/rendering.js" => "dashboard/rendering.js",
    "/assets/status.js" => "dashboard/status.js",
    "/assets/style.css" => "dashboard/style.css",
    "/assets/theme.js" => "dashboard/theme.js",
    "/assets/vendor/msgpack.mjs" => "dashboard/vendor/msgpack.mjs",
    "/assets/vendor/uplot.css" => "dashboard/vendor/uplot.css",
    "/assets/vendor/uplot.mjs" => "dashboard/vendor/uplot.mjs",
    "/assets/view.js" => "dashboard/view.js",
    "/assets/wave.svg" => "dashboard/wave.svg",
    "/client/acks.js" => "clients/js/src/acks.js",
    "/client/chunks.js" => "clients/js/src/chunks.js",
    "/client/client.js" => "clients/js/src/client.js",
    "/client/connection.js" => "clients/js/src/connection.js",
    "/client/entry.js" => "clients/js/src/entry.js",
    "/client/errors.js" => "clients/js/src/errors.js",
    "/client/format.js" => "clients/js/src/format.js",
    "/client/index.d.ts" => "clients/js/src/index.d.ts",
    "/client/index.js" => "clients/js/src/index.js",
    "/client/job.js" => "clients/js/src/job.js",
    "/client/live.js" => "clients/js/src/live.js",
    "/client/op.js" => "clients/js/src/op.js",
    "/client/outbox.js" => "clients/js/src/outbox.js",
    "/client/pause.js" => "clients/js/src/pause.js",
    "/client/recovery.js" => "clients/js/src/recovery.js",
    "/client/session.js" => "clients/js/src/session.js",
    "/client/shelf.js" => "clients/js/src/shelf.js",
    "/client/store.js" => "clients/js/src/store.js",
    "/dashboard" => "dashboard/ops/index.html",
}

/// The file at `path`, if there is one.
pub(crate) fn file(path: &str) -> Option<Response> {
    let (_, bytes) = FILES.iter().find(|(known, _)| *known == path)?;
    let media_type = match path.rsplit_once('.').map(|(_, ending)| ending) {
        None => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("ts") => "text/plain; charset=utf-8",
        Some(_) => "text/javascript; charset=utf-8",
    };
    let headers = [
        (header::CONTENT_TYPE, media_type),
        // The files change with the binary and have no version in their names.
        (header::CACHE_CONTROL, "no-cache"),
    ];
    Some((headers, *bytes).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file that the page wants and the binary lacks shows only in a browser.
    #[test]
    fn no_file_is_forgotten() {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/");
        for (folder, prefix) in [
            ("dashboard", "/assets/"),
            ("dashboard/ops", "/assets/ops/"),
            ("dashboard/vendor", "/assets/vendor/"),
            ("clients/js/src", "/client/"),
        ] {
            for entry in std::fs::read_dir(format!("{root}{folder}")).expect("a folder") {
                let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
                let served = [".js", ".mjs", ".css", ".svg", ".ts"];
                if served.iter().any(|ending| name.ends_with(ending)) {
                    assert!(file(&format!("{prefix}{name}")).is_some(), "{folder}/{name}");
                }
            }
        }
        assert!(file("/").is_some());
        assert!(file("/dashboard").is_some());
        assert!(file("/assets/none.js").is_none());
    }
}
