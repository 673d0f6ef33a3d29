//! What is asked for.

use std::time::Duration;

use acequia_wire::client::{OnDisconnect, Op, Submit as Fields};
use acequia_wire::{ContentType, CorrelationId, JobId};
use bytes::Bytes;
use hyper::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use hyper::{Method, Request};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::asked_for::{OnceAskedFor, once_asked_for};
use crate::call::request;
use crate::submit::{BadSubmit, Submit};
use crate::url::ServerUrl;

const JSON: HeaderValue = HeaderValue::from_static("application/json");
const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");
const PREFER: HeaderName = HeaderName::from_static("prefer");
const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");

/// A call that can be made more than once.
pub(super) struct Call {
    method: Method,
    /// Below `/v1/`.
    pub(super) path: String,
    headers: HeaderMap,
    body: Bytes,
    /// How long the server was asked to wait.
    pub(super) wait: Duration,
}

impl Call {
    pub(super) fn new(method: Method, path: String) -> Self {
        let (headers, body) = (HeaderMap::new(), Bytes::new());
        Self { method, path, headers, body, wait: Duration::ZERO }
    }

    pub(super) fn get(path: String) -> Self {
        Self::new(Method::GET, path)
    }

    /// Submits a job, and waits for its outcome so long.
    pub(super) fn submit(job: &Submit, wait_s: Option<u64>) -> Result<Self, BadSubmit> {
        let fields = keyed(job, 0)?;
        let mut call = if fields.payload.content_type() == &ContentType::Json {
            Self::json("jobs", encoded(fields).into())
        } else {
            Self::raw(fields)?
        };
        if let Some(wait_s) = wait_s {
            call.wait = Duration::from_secs(wait_s);
            if let Ok(wait) = HeaderValue::from_str(&format!("wait={wait_s}")) {
                call.headers.insert(PREFER, wait);
            }
        }
        Ok(call)
    }

    /// Submits jobs with payloads in JSON.
    pub(super) fn submit_many(jobs: &[Submit]) -> Result<Self, BadSubmit> {
        let mut body = Vec::new();
        for (nth, job) in (0..).zip(jobs) {
            let fields = keyed(job, nth)?;
            if fields.payload.content_type() != &ContentType::Json {
                return Err(BadSubmit::NotOverHttp("one of several jobs"));
            }
            body.push(if nth == 0 { b'[' } else { b',' });
            body.extend(encoded(fields));
        }
        body.push(b']');
        Ok(Self::json("jobs", body.into()))
    }

    fn json(path: &str, body: Bytes) -> Self {
        let mut call = Self::new(Method::POST, path.to_owned());
        call.headers.insert(CONTENT_TYPE, JSON);
        call.body = body;
        call
    }

    /// With the payload for a body, whatever it is.
    fn raw(fields: Fields) -> Result<Self, BadSubmit> {
        let mut query = format!(
            "priority={}&delay_ms={}&attempts={}",
            fields.priority, fields.delay_ms, fields.attempts
        );
        let timeouts = [("timeout_ms", fields.timeout_ms), ("ttl_ms", fields.ttl_ms)];
        for (key, ms) in timeouts.into_iter().filter_map(|(key, ms)| Some((key, ms?))) {
            query += &format!("&{key}={ms}");
        }
        if let Some(batch) = &fields.batch {
            query += &format!("&batch={}", utf8_percent_encode(batch, NON_ALPHANUMERIC));
        }
        match fields.on_disconnect {
            OnDisconnect::Keep => {}
            OnDisconnect::Cancel => query += "&on_disconnect=cancel",
            OnDisconnect::CancelAfter { .. } => {
                return Err(BadSubmit::NotOverHttp(
                    "when it is cancelled after its client is gone",
                ));
            }
        }
        let mut call = Self::new(Method::POST, format!("queues/{}/jobs?{query}", fields.queue));
        let content_type = header("a type", fields.payload.content_type().as_str())?;
        call.headers.insert(CONTENT_TYPE, content_type);
        if let Some(key) = &fields.key {
            call.headers.insert(IDEMPOTENCY_KEY, header("a key that is not plain text", key)?);
        }
        if let Some(span) = &fields.traceparent {
            call.headers.insert(TRACEPARENT, header("its trace", &span.to_string())?);
        }
        call.body = fields.payload.into_bytes();
        Ok(call)
    }

    pub(super) fn request(&self, server: &ServerUrl) -> Request<OnceAskedFor> {
        let mut request = request(server, &self.method, &server.path_below(&self.path), None);
        request.headers_mut().extend(self.headers.clone());
        once_asked_for(request, self.body.clone())
    }
}

/// What the job says, with a key: it is submitted again if there is no answer, and has to run once.
fn keyed(job: &Submit, nth: i64) -> Result<Fields, BadSubmit> {
    let mut fields = job.checked(CorrelationId::Int(nth))?;
    fields.key.get_or_insert_with(|| format!("acequia-client-{}", JobId::now()).into());
    Ok(fields)
}

fn encoded(fields: Fields) -> Vec<u8> {
    Op::Submit(fields).encode(acequia_wire::client::Encoding::Json)
}

/// A header's value of plain text.
fn header(what: &'static str, text: &str) -> Result<HeaderValue, BadSubmit> {
    let is_plain = text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'"');
    HeaderValue::from_str(text).ok().filter(|_| is_plain).ok_or(BadSubmit::NotOverHttp(what))
}
