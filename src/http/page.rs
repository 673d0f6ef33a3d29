//! The pages and the client library, as files inside the binary.

use std::io::Write as _;
use std::sync::OnceLock;

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use sha2::{Digest as _, Sha256};

/// A file, and what is made of it when somebody first asks for it.
#[derive(Clone, Copy)]
pub(super) struct File {
    path: &'static str,
    bytes: &'static [u8],
    made: &'static OnceLock<Made>,
}

struct Made {
    /// Of the bytes, in whichever encoding.
    tag: HeaderValue,
    zipped: Bytes,
}

macro_rules! files {
    ($($path:literal => $file:literal,)*) => {
        /// By their paths in a URL.
        const FILES: &[(&str, &[u8])] = &[
            $(($path, include_bytes!(concat!(env!("CARGO_MANIFEST_DIR"), "/", $file))),)*
        ];
    };
}

files! {
    "demo" => "dashboard/index.html",
    "start" => "dashboard/start.html",
    "/dashboard" => "dashboard/ops/index.html",
    "/assets/addresses.js" => "dashboard/addresses.js",
    "/assets/app.js" => "dashboard/app.js",
    "/assets/base.css" => "dashboard/base.css",
    "/assets/copy.js" => "dashboard/copy.js",
    "/assets/gestures.js" => "dashboard/gestures.js",
    "/assets/job-box.js" => "dashboard/job-box.js",
    "/assets/kept.js" => "dashboard/kept.js",
    "/assets/kill.js" => "dashboard/kill.js",
    "/assets/logo.svg" => "dashboard/logo.svg",
    "/assets/losses.js" => "dashboard/losses.js",
    "/assets/mandelbrot.js" => "dashboard/mandelbrot.js",
    "/assets/palette.js" => "dashboard/palette.js",
    "/assets/picture.js" => "dashboard/picture.js",
    "/assets/pool.js" => "dashboard/pool.js",
    "/assets/programs.js" => "dashboard/programs.js",
    "/assets/readable.js" => "dashboard/readable.js",
    "/assets/rendering.js" => "dashboard/rendering.js",
    "/assets/start.css" => "dashboard/start.css",
    "/assets/start.js" => "dashboard/start.js",
    "/assets/status.js" => "dashboard/status.js",
    "/assets/style.css" => "dashboard/style.css",
    "/assets/theme.js" => "dashboard/theme.js",
    "/assets/times.js" => "dashboard/times.js",
    "/assets/trips.js" => "dashboard/trips.js",
    "/assets/view.js" => "dashboard/view.js",
    "/assets/wave.svg" => "dashboard/wave.svg",
    "/assets/words.js" => "dashboard/words.js",
    "/assets/ops/api.js" => "dashboard/ops/api.js",
    "/assets/ops/app.js" => "dashboard/ops/app.js",
    "/assets/ops/axes.js" => "dashboard/ops/axes.js",
    "/assets/ops/charts.js" => "dashboard/ops/charts.js",
    "/assets/ops/clock.js" => "dashboard/ops/clock.js",
    "/assets/ops/connection.js" => "dashboard/ops/connection.js",
    "/assets/ops/dialog.js" => "dashboard/ops/dialog.js",
    "/assets/ops/dom.js" => "dashboard/ops/dom.js",
    "/assets/ops/format.js" => "dashboard/ops/format.js",
    "/assets/ops/hints.js" => "dashboard/ops/hints.js",
    "/assets/ops/hold.js" => "dashboard/ops/hold.js",
    "/assets/ops/job-dialog.js" => "dashboard/ops/job-dialog.js",
    "/assets/ops/json.js" => "dashboard/ops/json.js",
    "/assets/ops/letters.js" => "dashboard/ops/letters.js",
    "/assets/ops/overview.js" => "dashboard/ops/overview.js",
    "/assets/ops/pools.js" => "dashboard/ops/pools.js",
    "/assets/ops/queue-dialog.js" => "dashboard/ops/queue-dialog.js",
    "/assets/ops/queues.js" => "dashboard/ops/queues.js",
    "/assets/ops/runs.js" => "dashboard/ops/runs.js",
    "/assets/ops/say.js" => "dashboard/ops/say.js",
    "/assets/ops/scaling.js" => "dashboard/ops/scaling.js",
    "/assets/ops/slots.js" => "dashboard/ops/slots.js",
    "/assets/ops/sse.js" => "dashboard/ops/sse.js",
    "/assets/ops/still.js" => "dashboard/ops/still.js",
    "/assets/ops/store.js" => "dashboard/ops/store.js",
    "/assets/ops/stream.js" => "dashboard/ops/stream.js",
    "/assets/ops/style.css" => "dashboard/ops/style.css",
    "/assets/ops/table.js" => "dashboard/ops/table.js",
    "/assets/ops/token.js" => "dashboard/ops/token.js",
    "/assets/ops/workers.js" => "dashboard/ops/workers.js",
    "/assets/vendor/msgpack.mjs" => "dashboard/vendor/msgpack.mjs",
    "/assets/vendor/uplot.css" => "dashboard/vendor/uplot.css",
    "/assets/vendor/uplot.mjs" => "dashboard/vendor/uplot.mjs",
    "/client/acks.js" => "clients/js/src/acks.js",
    "/client/again.js" => "clients/js/src/again.js",
    "/client/batches.js" => "clients/js/src/batches.js",
    "/client/beginning.js" => "clients/js/src/beginning.js",
    "/client/changes.js" => "clients/js/src/changes.js",
    "/client/chunks.js" => "clients/js/src/chunks.js",
    "/client/client.js" => "clients/js/src/client.js",
    "/client/clients.js" => "clients/js/src/clients.js",
    "/client/codes.js" => "clients/js/src/codes.js",
    "/client/connection.js" => "clients/js/src/connection.js",
    "/client/entry.js" => "clients/js/src/entry.js",
    "/client/errors.js" => "clients/js/src/errors.js",
    "/client/format.js" => "clients/js/src/format.js",
    "/client/hooks/job-view.js" => "clients/js/src/hooks/job-view.js",
    "/client/hooks/react.d.ts" => "clients/js/src/hooks/react.d.ts",
    "/client/hooks/react.js" => "clients/js/src/hooks/react.js",
    "/client/hooks/source.js" => "clients/js/src/hooks/source.js",
    "/client/hooks/topic-view.js" => "clients/js/src/hooks/topic-view.js",
    "/client/hooks/view.js" => "clients/js/src/hooks/view.js",
    "/client/hooks/views.d.ts" => "clients/js/src/hooks/views.d.ts",
    "/client/hooks/vue.d.ts" => "clients/js/src/hooks/vue.d.ts",
    "/client/hooks/vue.js" => "clients/js/src/hooks/vue.js",
    "/client/index.d.ts" => "clients/js/src/index.d.ts",
    "/client/index.js" => "clients/js/src/index.js",
    "/client/job.js" => "clients/js/src/job.js",
    "/client/later.js" => "clients/js/src/later.js",
    "/client/limits.js" => "clients/js/src/limits.js",
    "/client/live.js" => "clients/js/src/live.js",
    "/client/liveness.js" => "clients/js/src/liveness.js",
    "/client/op.js" => "clients/js/src/op.js",
    "/client/outbox.js" => "clients/js/src/outbox.js",
    "/client/pace.js" => "clients/js/src/pace.js",
    "/client/patience.js" => "clients/js/src/patience.js",
    "/client/pause.js" => "clients/js/src/pause.js",
    "/client/payload.js" => "clients/js/src/payload.js",
    "/client/promised.js" => "clients/js/src/promised.js",
    "/client/recovery.js" => "clients/js/src/recovery.js",
    "/client/renewal.js" => "clients/js/src/renewal.js",
    "/client/session.js" => "clients/js/src/session.js",
    "/client/shelf.js" => "clients/js/src/shelf.js",
    "/client/skim.js" => "clients/js/src/skim.js",
    "/client/store.js" => "clients/js/src/store.js",
    "/client/token.js" => "clients/js/src/token.js",
    "/client/wake.js" => "clients/js/src/wake.js",
    "/client/watched.js" => "clients/js/src/watched.js",
    "/client/watches.js" => "clients/js/src/watches.js",
    "/client/watching.js" => "clients/js/src/watching.js",
    "/client/why.js" => "clients/js/src/why.js",
}

/// The file at `path`, if there is one.
pub(super) fn find(path: &str) -> Option<File> {
    static MADE: [OnceLock<Made>; FILES.len()] = [const { OnceLock::new() }; FILES.len()];
    let at = FILES.iter().position(|(known, _)| *known == path)?;
    let (path, bytes) = FILES[at];
    Some(File { path, bytes, made: &MADE[at] })
}

impl File {
    /// The answer to a request with these headers.
    pub(super) fn answer(self, asked: &HeaderMap) -> Response {
        let made = self.made.get_or_init(|| self.make());
        let fixed: [(HeaderName, HeaderValue); 3] = [
            (header::ETAG, made.tag.clone()),
            // The files change with the binary and have no version in their names.
            (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
            (header::VARY, HeaderValue::from_static("accept-encoding, origin")),
        ];
        if names(asked, &header::IF_NONE_MATCH, |tag| tag == made.tag.as_bytes() || tag == b"*") {
            return (StatusCode::NOT_MODIFIED, fixed).into_response();
        }
        let media_type = [(header::CONTENT_TYPE, self.media_type())];
        if names(asked, &header::ACCEPT_ENCODING, |coding| coding == b"gzip") {
            let zipped = [(header::CONTENT_ENCODING, "gzip")];
            (fixed, media_type, zipped, made.zipped.clone()).into_response()
        } else {
            (fixed, media_type, self.bytes).into_response()
        }
    }

    fn media_type(self) -> &'static str {
        match self.path.rsplit_once('.').map(|(_, ending)| ending) {
            None => "text/html; charset=utf-8",
            Some("css") => "text/css; charset=utf-8",
            Some("svg") => "image/svg+xml",
            Some("ts") => "text/plain; charset=utf-8",
            Some(_) => "text/javascript; charset=utf-8",
        }
    }

    fn make(self) -> Made {
        let digest = Sha256::digest(self.bytes);
        let tag = format!(
            "W/\"{:016x}\"",
            u64::from_be_bytes(digest[..8].try_into().unwrap_or_default())
        );
        let mut zip = GzEncoder::new(Vec::new(), Compression::best());
        // Into memory, which takes everything.
        let zipped = zip.write_all(self.bytes).and_then(|()| zip.finish()).unwrap_or_default();
        Made {
            tag: HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("W/\"0\"")),
            zipped: zipped.into(),
        }
    }
}

/// Whether one of the comma-separated items of a header is as wanted. An item of the quality 0 does not
/// count.
fn names(headers: &HeaderMap, name: &HeaderName, is_it: impl Fn(&[u8]) -> bool) -> bool {
    let lines = headers.get_all(name).iter().flat_map(|line| line.as_bytes().split(|b| *b == b','));
    lines.map(<[u8]>::trim_ascii).any(|item| {
        let (item, rest) =
            item.split_at(item.iter().position(|b| *b == b';').unwrap_or(item.len()));
        let quality =
            rest.iter().filter(|b| !b.is_ascii_whitespace()).copied().collect::<Vec<u8>>();
        let is_refused =
            quality.starts_with(b";q=0") && !quality.iter().any(|b| (b'1'..=b'9').contains(b));
        !is_refused && is_it(item.trim_ascii())
    })
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
            ("clients/js/src/hooks", "/client/hooks/"),
        ] {
            for entry in std::fs::read_dir(format!("{root}{folder}")).expect("a folder") {
                let name = entry.expect("an entry").file_name().into_string().expect("UTF-8");
                let served = [".js", ".mjs", ".css", ".svg", ".ts"];
                if served.iter().any(|ending| name.ends_with(ending)) {
                    assert!(find(&format!("{prefix}{name}")).is_some(), "{folder}/{name}");
                }
            }
        }
        assert!(find("/dashboard").is_some());
        assert!(find("/assets/none.js").is_none());
    }

    fn asked(name: HeaderName, value: &str) -> Response {
        let headers = [(name, value.parse().expect("a header"))].into_iter().collect();
        find("/assets/base.css").expect("a file").answer(&headers)
    }

    #[test]
    fn a_file_that_is_there_already_is_not_sent_again() {
        let tag = asked(header::HOST, "x").headers()[header::ETAG].clone();
        let tag = tag.to_str().expect("text");
        let list = format!("\"other\", {tag}");
        for known in [tag, "*", &list] {
            assert_eq!(asked(header::IF_NONE_MATCH, known).status(), StatusCode::NOT_MODIFIED);
        }
        assert_eq!(asked(header::IF_NONE_MATCH, "\"other\"").status(), StatusCode::OK);
    }

    #[test]
    fn a_file_is_zipped_for_whoever_can_unzip_it() {
        let coding = |accept| {
            let answer = asked(header::ACCEPT_ENCODING, accept);
            answer.headers().get(header::CONTENT_ENCODING).cloned()
        };
        for yes in ["gzip", "deflate, gzip", "gzip;q=0.5, br"] {
            assert_eq!(coding(yes).expect(yes), "gzip");
        }
        for no in ["", "br", "gzip;q=0", "gzip; q=0.0", "identity"] {
            assert_eq!(coding(no), None, "{no}");
        }
    }
}
