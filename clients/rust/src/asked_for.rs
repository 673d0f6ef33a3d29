//! Bodies that are not sent before the server has asked for them. One that refuses them says so first;
//! whoever sends all the same finds the connection closed, and not why.

use std::pin::Pin;
use std::sync::{Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use hyper::Request;
use hyper::StatusCode;
use hyper::body::{Body, Frame, SizeHint};
use hyper::header::{EXPECT, HeaderValue};
use tokio::sync::oneshot;
use tokio::time::timeout;

use crate::call::Fault;

/// So much is sent without being asked for: it fits into what systems keep of a connection.
const UNASKED_BYTES_MAX: usize = 16 << 10;
/// Some that stand between do not pass the question on, or the answer.
const ASKED_TIME_MAX: Duration = Duration::from_secs(1);
const CONTINUE: HeaderValue = HeaderValue::from_static("100-continue");

/// Bytes that are sent once the server has asked for them, or has not said anything for a second.
pub(crate) struct OnceAskedFor {
    bytes: Bytes,
    asked: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
}

/// The same request with a body that is sent once it is asked for, unless it is small.
pub(crate) fn once_asked_for(request: Request<()>, bytes: Bytes) -> Request<OnceAskedFor> {
    if bytes.len() <= UNASKED_BYTES_MAX {
        return request.map(|()| OnceAskedFor { bytes, asked: None });
    }
    let (ask, asked) = oneshot::channel();
    let ask = Mutex::new(Some(ask));
    let asked = async { _ = timeout(ASKED_TIME_MAX, asked).await };
    let mut request = request.map(|()| OnceAskedFor { bytes, asked: Some(Box::pin(asked)) });
    request.headers_mut().insert(EXPECT, CONTINUE);
    hyper::ext::on_informational(&mut request, move |said| {
        if said.status() == StatusCode::CONTINUE
            && let Some(ask) = ask.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            // Who does not wait any more has sent it.
            _ = ask.send(());
        }
    });
    request
}

impl Body for OnceAskedFor {
    type Data = Bytes;
    type Error = Fault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Fault>>> {
        if let Some(asked) = &mut self.asked {
            ready!(asked.as_mut().poll(cx));
            self.asked = None;
        }
        let bytes = std::mem::take(&mut self.bytes);
        Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
    }

    fn is_end_stream(&self) -> bool {
        self.bytes.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.bytes.len() as u64)
    }
}
