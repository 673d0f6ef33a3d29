//! What is left of a request's body once its answer is there.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderMap, header};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, Incoming, SizeHint};
use tokio::time::timeout;

use super::closing::Closes;

/// Whoever sends nothing more for so long is not read from any longer.
const PAUSE_MAX: Duration = Duration::from_secs(5);
/// How long whoever was answered early may go on sending.
const TIME_MAX: Duration = Duration::from_secs(30);

/// The body of a request, which is read to its end even if it is refused. Most clients send all of a
/// body before they look for an answer: what is left unread would reset their connection, and the
/// answer with it.
pub(super) fn read_to_end(body: Incoming, headers: &HeaderMap, closes: &Closes) -> Body {
    if body.is_end_stream() {
        return Body::empty();
    }
    // Whoever asks first whether to send it, and is told not to, does not.
    let is_coming = !headers.contains_key(header::EXPECT);
    Body::new(ReadToEnd { body: Some(body), is_coming, closes: closes.clone() })
}

struct ReadToEnd {
    /// Until it has ended.
    body: Option<Incoming>,
    is_coming: bool,
    closes: Closes,
}

impl HttpBody for ReadToEnd {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        self.is_coming = true;
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = ready!(Pin::new(body).poll_frame(cx));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(HttpBody::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), HttpBody::size_hint)
    }
}

impl Drop for ReadToEnd {
    fn drop(&mut self) {
        let Some(mut rest) = self.body.take().filter(|body| !body.is_end_stream()) else { return };
        if !self.is_coming {
            return;
        }
        let mut closes = self.closes.clone();
        tokio::spawn(async move {
            let read =
                async { while let Ok(Some(Ok(_))) = timeout(PAUSE_MAX, rest.frame()).await {} };
            tokio::select! {
                _ = timeout(TIME_MAX, read) => {}
                () = closes.told() => {}
            }
        });
    }
}
