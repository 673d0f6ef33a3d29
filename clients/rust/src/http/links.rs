//! Connections that are kept open between calls.

use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use hyper::client::conn::http1::SendRequest;
use hyper::http::response::Parts;

use super::request::Call;
use crate::asked_for::OnceAskedFor;
use crate::call::{CallError, broken, dial, whole_answer};
use crate::url::ServerUrl;

/// More are not kept. More calls at a time have connections of their own.
const IDLE_MAX: usize = 16;

type Link = SendRequest<OnceAskedFor>;

/// Those that nobody uses now.
#[derive(Clone, Default)]
pub(super) struct Links(Arc<Mutex<Vec<Link>>>);

impl Links {
    pub(super) async fn call(
        &self,
        server: &ServerUrl,
        call: &Call,
    ) -> Result<(Parts, Bytes), CallError> {
        while let Some(mut link) = self.take() {
            // A server closes what was idle for long, and may have been started anew.
            if link.ready().await.is_ok()
                && let Ok(answered) = whole_answer(&mut link, call.request(server)).await
            {
                self.keep(link);
                return Ok(answered);
            }
        }
        let mut link = dial(server).await?;
        let answered = whole_answer(&mut link, call.request(server)).await;
        let answered = answered.map_err(|source| broken(server, source))?;
        self.keep(link);
        Ok(answered)
    }

    fn take(&self) -> Option<Link> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).pop()
    }

    fn keep(&self, link: Link) {
        let mut idle = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !link.is_closed() && idle.len() < IDLE_MAX {
            idle.push(link);
        }
    }
}
