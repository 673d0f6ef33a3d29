//! Jobs come in: any body as one of them, or JSON that describes one or many.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use acequia_wire::client::{Event, JobEvent, Refusal, Request, Submit, SubmitFields, Submits};
use acequia_wire::code::RejectCode;
use acequia_wire::limits::{CORRELATION_ID_BYTES_MAX, KEY_BYTES_MAX, OPS_PER_MESSAGE_MAX};
use acequia_wire::{ContentType, CorrelationId, JobId, Payload, TraceParent};
use axum::body::{Body, HttpBody as _, to_bytes};
use axum::extract::{Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use tokio::time::{Instant, timeout, timeout_at};
use utoipa::openapi::schema::ArrayBuilder;
use utoipa::openapi::{ObjectBuilder, OneOfBuilder};
use utoipa::{IntoParams, PartialSchema as _, ToSchema};

use super::answer::{self, PREFERENCE_APPLIED, with_location};
use super::call::Call;
use super::problem::{Details, PROBLEM, Problem};
use super::rights::Rights;
use super::wait::Wait;
use crate::http::door::Door;
use crate::http::listener::HEAD_BYTES_MAX;
use crate::http::query::{self, Given};
use crate::schema;

/// A body has to be there by then.
const BODY_TIME_MAX: Duration = Duration::from_secs(60);
/// A job has to be taken or refused by then. It is as soon as the disk has it.
const TAKEN_TIME_MAX: Duration = Duration::from_secs(30);

/// The fields of a submit that a query may have.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Fields {
    /// The caller's name for the job, which it is told beside the server's.
    #[param(max_length = 128)]
    id: Option<String>,
    /// From 0 to 9; higher goes first.
    #[param(inline, value_type = Option<schema::Priority>)]
    priority: Option<String>,
    /// Not before so many milliseconds have passed.
    #[param(inline, value_type = Option<schema::DelayMs>)]
    delay_ms: Option<String>,
    /// After how many milliseconds a run is given up.
    #[param(inline, value_type = Option<schema::DurationMs>)]
    timeout_ms: Option<String>,
    /// If no run has begun within so many milliseconds, the job fails.
    #[param(inline, value_type = Option<schema::DurationMs>)]
    ttl_ms: Option<String>,
    /// How many runs may fail before the job does.
    #[param(inline, value_type = Option<schema::Attempts>)]
    attempts: Option<String>,
    /// What becomes of the job when the call is over: `keep` or `cancel`.
    #[param(inline, value_type = Option<schema::KeepOrCancel>)]
    on_disconnect: Option<String>,
    /// The batch that it belongs to.
    #[param(min_length = 1, max_length = 128)]
    batch: Option<String>,
}

schema::described! {
    /// What a body in JSON is to be: one submit or many.
    OneOrMany = OneOfBuilder::new()
        .item(described())
        .item(ArrayBuilder::new().items(described()).max_items(Some(OPS_PER_MESSAGE_MAX)));
    Answer of Told = OneOfBuilder::new()
        .item(Taken::schema())
        .item(schema::list_of::<Told>(OPS_PER_MESSAGE_MAX));
}

/// A submit as JSON describes it.
fn described() -> ObjectBuilder {
    let id = schema::text().max_length(Some(CORRELATION_ID_BYTES_MAX));
    let id = OneOfBuilder::new().item(schema::up_to(i64::MAX as u64)).item(id);
    ObjectBuilder::new()
        .property("op", schema::text().enum_values(Some(["submit"])))
        .property("id", id)
        .property("payload", schema::Anything::schema())
        .required("payload")
        .property("queue", schema::QueueName::schema())
        .property("priority", schema::Priority::schema())
        .property("delay_ms", schema::DelayMs::schema())
        .property("timeout_ms", schema::DurationMs::schema())
        .property("ttl_ms", schema::DurationMs::schema())
        .property("attempts", schema::Attempts::schema())
        .property("key", schema::Name::schema())
        .property("on_disconnect", schema::OnDisconnect::schema())
        .property("batch", schema::Name::schema())
        .property("traceparent", schema::TraceParent::schema())
}

/// What is told of a job that was taken, or why it was not.
#[derive(Serialize, ToSchema)]
#[schema(as = ToldJob)]
#[serde(untagged)]
enum Told {
    Taken(Taken),
    #[schema(value_type = Details)]
    Refused(Problem),
}

/// A job that was taken.
#[derive(Serialize, ToSchema)]
#[schema(as = TakenJob)]
struct Taken {
    /// The caller's name for the job, if it gave one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = schema::CorrelationId)]
    id: Option<CorrelationId>,
    /// The job.
    #[schema(value_type = schema::JobId)]
    job: String,
    /// Where it is, as far as this is known by now.
    #[schema(inline)]
    state: answer::State,
}

/// Submits a job: the body is its payload
///
/// It waits for the outcome with `Prefer: wait=SECONDS`. The same `Idempotency-Key` again is the same job.
#[utoipa::path(
    post,
    path = "/queues/{queue}/jobs",
    operation_id = "submit",
    params(("queue" = inline(schema::QueueName), Path, description = "Its queue"), Fields),
    request_body(content = inline(schema::Anything), content_type = "*/*", description = "Anything; its type is that of the payload"),
    responses(
        (status = OK, description = "The result, with its own type", content_type = "*/*", body = inline(schema::Anything)),
        (status = ACCEPTED, description = "The job is taken; Location is where to ask about it", body = inline(Taken)),
        (status = CONFLICT, description = "It was cancelled before the wait was over", content_type = PROBLEM, body = Details),
        (status = PAYLOAD_TOO_LARGE, description = "The body is too large", content_type = PROBLEM, body = Details),
        (status = UNPROCESSABLE_ENTITY, description = "It failed before the wait was over", content_type = PROBLEM, body = Details),
    ),
)]
pub(super) async fn to_queue(
    State(door): State<Arc<Door>>,
    rights: Rights,
    Path(queue): Path<String>,
    query: Given<Fields>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let fields = query::read(query).map_err(Problem::bad_request)?;
    let wait = Wait::preferred(&headers);
    let content_type = content_type(&headers)?;
    let limits = &door.front.limits;
    let body = read(body, limits.payload_bytes).await?;
    let payload = Payload::new(content_type, body)
        .map_err(|bad| Problem::bad_request(format!("the body is {bad}")))?;
    let submit = fields.into_submit(queue, payload, &headers, limits)?;
    // They keep the buffer alive that they were read into, and a caller may wait for long.
    drop(headers);
    one(&door, &rights, submit, wait).await
}

/// Submits jobs as JSON describes them: one, or an array of them
#[utoipa::path(
    post,
    path = "/jobs",
    operation_id = "submit_json",
    request_body(content = inline(OneOrMany), content_type = "application/json", description = "The fields of `submit` (docs/client-protocol.md), of which `op` and `id` may be left out; or an array of such objects"),
    responses(
        (status = OK, description = "The result of one, with its own type", content_type = "*/*", body = inline(schema::Anything)),
        (status = ACCEPTED, description = "The job is taken; or of many each taken or refused, in their order", body = inline(Answer)),
        (status = CONFLICT, description = "It was cancelled before the wait was over, or its `id` is there twice", content_type = PROBLEM, body = Details),
        (status = PAYLOAD_TOO_LARGE, description = "The body, or a payload, is too large", content_type = PROBLEM, body = Details),
        (status = UNSUPPORTED_MEDIA_TYPE, description = "The body is not application/json", content_type = PROBLEM, body = Details),
        (status = UNPROCESSABLE_ENTITY, description = "It failed before the wait was over", content_type = PROBLEM, body = Details),
    ),
)]
pub(super) async fn in_json(
    State(door): State<Arc<Door>>,
    rights: Rights,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    if content_type(&headers)? != ContentType::Json {
        let message = "jobs are described in application/json here; a body of any other type is a \
                       payload, for POST /v1/queues/QUEUE/jobs";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "bad_request", message));
    }
    let wait = Wait::preferred(&headers);
    let limits = &door.front.limits;
    let body = read(body, limits.message_bytes).await?;
    match Submits::decode(body, limits).map_err(Problem::from)? {
        Submits::One(submit) => {
            let mut submit = (*submit).map_err(Problem::from)?;
            if let Some(key) = idempotency_key(&headers)? {
                if submit.key.as_deref().is_some_and(|own| own != key) {
                    let message = "`key` and the header Idempotency-Key are two different keys";
                    return Err(Problem::bad_request(message));
                }
                submit.key = Some(key.into());
            }
            submit.traceparent = submit.traceparent.or(traceparent(&headers)?);
            drop(headers);
            one(&door, &rights, submit, wait).await
        }
        Submits::Many(submits) => {
            if idempotency_key(&headers)?.is_some() {
                let message = "one Idempotency-Key is not for several jobs; give each its `key`";
                return Err(Problem::bad_request(message));
            }
            drop(headers);
            many(&door, &rights, submits, wait).await
        }
    }
}

impl Fields {
    fn into_submit(
        self,
        queue: String,
        payload: Payload,
        headers: &HeaderMap,
        limits: &acequia_wire::Limits,
    ) -> Result<Submit, Problem> {
        let Self { id, priority, delay_ms, timeout_ms, ttl_ms, attempts, on_disconnect, batch } =
            self;
        let mut fields = SubmitFields::default();
        let key = idempotency_key(headers)?.map(str::to_owned);
        for (name, value) in [
            ("queue", Some(queue)),
            ("key", key),
            ("id", id),
            ("priority", priority),
            ("delay_ms", delay_ms),
            ("timeout_ms", timeout_ms),
            ("ttl_ms", ttl_ms),
            ("attempts", attempts),
            ("on_disconnect", on_disconnect),
            ("batch", batch),
        ] {
            if let Some(value) = value {
                fields.set(name, value);
            }
        }
        let mut submit = fields.submit(UNNAMED, payload, limits).map_err(Problem::from)?;
        submit.traceparent = traceparent(headers)?;
        Ok(submit)
    }
}

/// What a job is called that has no name of its caller's.
const UNNAMED: CorrelationId = CorrelationId::Int(0);

/// Submits one job, and waits as long as its caller wants.
async fn one(
    door: &Arc<Door>,
    rights: &Rights,
    submit: Submit,
    wait: Option<Wait>,
) -> Result<Response, Problem> {
    rights.check_queue(&submit.queue).map_err(Problem::from)?;
    let is_delayed = submit.delay_ms > 0;
    let id = (submit.id != UNNAMED).then(|| submit.id.clone());
    let mut call = Call::open(door, rights, vec![request(submit)]).await?;
    let taken_until = Instant::now() + TAKEN_TIME_MAX;
    let mut taken = None;
    let mut state = if is_delayed { answer::State::Delayed } else { answer::State::Waiting };
    loop {
        let until = match (taken, wait) {
            (None, _) => taken_until,
            (Some(job), None) => return Ok(accepted(id, job, state, wait)),
            (Some(_), Some(wait)) => wait.until,
        };
        let heard = match timeout_at(until, call.next()).await {
            Ok(Some(event)) => event,
            // The wait, or the server's time, is over; the job is not.
            Ok(None) | Err(_) => {
                let job = taken.ok_or_else(not_taken)?;
                return Ok(accepted(id, job, state, wait));
            }
        };
        match heard {
            Event::Rejected { code, message, retry_after_ms, .. } => {
                return Err(Refusal { retry_after_ms, ..Refusal::new(code, message) }.into());
            }
            Event::Job { job, what, .. } => match what {
                JobEvent::Accepted => taken = Some(job),
                JobEvent::Started { .. } => state = answer::State::Running,
                JobEvent::Retrying(_) => state = answer::State::Waiting,
                what => {
                    let Some(ended) = answer::State::of_outcome(&what) else { continue };
                    let waits = wait.is_some_and(|wait| Instant::now() <= wait.until);
                    return Ok(match waits {
                        true => applied(wait, answer::of_outcome(job, what)),
                        false => accepted(id, job, ended, wait),
                    });
                }
            },
            _ => {}
        }
    }
}

/// Submits many jobs. Each is answered by itself.
async fn many(
    door: &Arc<Door>,
    rights: &Rights,
    submits: Vec<Result<Submit, Refusal>>,
    wait: Option<Wait>,
) -> Result<Response, Problem> {
    if submits.is_empty() {
        return Ok((StatusCode::ACCEPTED, axum::Json([(); 0])).into_response());
    }
    let mut told: Vec<Option<Told>> = Vec::with_capacity(submits.len());
    let mut requests = Vec::with_capacity(submits.len());
    // Where in the answer each is told of, by what it is called in this call.
    let mut places: HashMap<CorrelationId, usize> = HashMap::with_capacity(submits.len());
    for (nth, submit) in submits.into_iter().enumerate() {
        let checked = submit.and_then(|submit| match rights.check_queue(&submit.queue) {
            Ok(()) if places.contains_key(&submit.id) => {
                let message = format!("{} is the id of another job of this call", submit.id);
                Err(Refusal::new(RejectCode::DuplicateId, message).of_submit(submit.id))
            }
            Ok(()) => Ok(submit),
            Err(refusal) => Err(refusal.of_submit(submit.id)),
        });
        told.push(match checked {
            Ok(submit) => {
                places.insert(submit.id.clone(), nth);
                requests.push(request(submit));
                None
            }
            Err(refusal) => {
                let id = refusal.id.clone().filter(|id| *id != place(nth));
                Some(Told::Refused(Problem::from(refusal).named(id)))
            }
        });
    }
    let mut states: Vec<Option<(JobId, answer::State)>> = vec![None; told.len()];
    let mut open = requests.len();
    let mut untaken = open;
    let mut call = Call::open(door, rights, requests).await?;
    let taken_until = Instant::now() + TAKEN_TIME_MAX;
    while untaken > 0 || (open > 0 && wait.is_some()) {
        let until = match wait {
            Some(wait) if untaken == 0 => wait.until,
            _ => taken_until,
        };
        let heard = timeout_at(until, call.next()).await;
        let Ok(Some(heard)) = heard else { break };
        match heard {
            Event::Rejected { id, code, message, retry_after_ms } => {
                let Some(nth) = places.get(&id).copied() else { continue };
                let refusal = Refusal { retry_after_ms, ..Refusal::new(code, message) };
                let id = Some(id).filter(|id| *id != place(nth));
                told[nth] = Some(Told::Refused(Problem::from(refusal).named(id)));
                (untaken, open) = (untaken - 1, open - 1);
            }
            Event::Job { id, job, what, .. } => {
                let Some(nth) = places.get(&id).copied() else { continue };
                let ended = answer::State::of_outcome(&what);
                let state = match what {
                    JobEvent::Accepted => answer::State::Waiting,
                    JobEvent::Started { .. } if states[nth].is_some() => answer::State::Running,
                    _ => match ended {
                        Some(ended) => ended,
                        None => continue,
                    },
                };
                untaken -= usize::from(states[nth].is_none());
                open -= usize::from(ended.is_some());
                states[nth] = Some((job, state));
            }
            _ => {}
        }
    }
    let ids: HashMap<usize, CorrelationId> =
        places.into_iter().map(|(id, nth)| (nth, id)).collect();
    let told = told.into_iter().enumerate().map(|(nth, told)| {
        told.unwrap_or_else(|| {
            let id = ids.get(&nth).cloned().filter(|id| *id != place(nth));
            match states[nth] {
                Some((job, state)) => Told::Taken(Taken { id, job: job.to_string(), state }),
                None => Told::Refused(not_taken().named(id)),
            }
        })
    });
    let told: Vec<Told> = told.collect();
    Ok(applied(wait, (StatusCode::ACCEPTED, axum::Json(told)).into_response()))
}

/// What a job is called of which only its place is known.
fn place(nth: usize) -> CorrelationId {
    CorrelationId::Int(i64::try_from(nth).unwrap_or(i64::MAX))
}

const _: () = assert!(OPS_PER_MESSAGE_MAX < i64::MAX as usize);

fn request(submit: Submit) -> Request {
    // What came in one piece is a slice of the buffer that the connection was read into.
    let payload = submit.payload.owned_if_small(HEAD_BYTES_MAX);
    Request::Submit { job: JobId::now(), spec: Arc::new(Submit { payload, ..submit }) }
}

/// The answer for a job that is taken and has, as far as its caller wants to know, not ended.
fn accepted(
    id: Option<CorrelationId>,
    job: JobId,
    state: answer::State,
    wait: Option<Wait>,
) -> Response {
    let taken = Taken { id, job: job.to_string(), state };
    applied(wait, with_location(job, (StatusCode::ACCEPTED, axum::Json(taken))))
}

/// An answer that says that the wish to wait was heard.
fn applied(wait: Option<Wait>, answer: Response) -> Response {
    let Some(wait) = wait else { return answer };
    ([(PREFERENCE_APPLIED, format!("wait={}", wait.seconds))], answer).into_response()
}

/// It may have been taken or not.
fn not_taken() -> Problem {
    let message = "the server stops, or its disk is slow: the job may have been taken or not. With an \
                   Idempotency-Key it can be submitted again";
    let refusal = Refusal::new(RejectCode::Storage, message);
    Refusal { retry_after_ms: Some(1_000), ..refusal }.into()
}

/// The body of a call.
pub(super) async fn read(body: Body, bytes_max: usize) -> Result<Bytes, Problem> {
    let too_large = || {
        let message = format!("the body has more than {bytes_max} bytes, the limit");
        Problem::from(Refusal::new(RejectCode::TooLarge, message))
    };
    let broken = || Problem::bad_request("the body breaks off");
    // Whoever asks first whether to send it (`Expect: 100-continue`) is told before it is on its way.
    if body.size_hint().lower() > bytes_max as u64 {
        return Err(too_large());
    }
    match timeout(BODY_TIME_MAX, to_bytes(body, bytes_max)).await {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => {
            let is_too_large = std::error::Error::source(&error)
                .is_some_and(|source| source.is::<http_body_util::LengthLimitError>());
            Err(if is_too_large { too_large() } else { broken() })
        }
        Err(_) => {
            let seconds = BODY_TIME_MAX.as_secs();
            let message = format!("the body did not come within {seconds} s");
            Err(Problem::new(StatusCode::REQUEST_TIMEOUT, "bad_request", message))
        }
    }
}

/// The type of a body. What has none is bytes; of the types that are known here, parameters such as a
/// charset do not count.
pub(super) fn content_type(headers: &HeaderMap) -> Result<ContentType, Problem> {
    let Some(value) = headers.get(header::CONTENT_TYPE) else { return Ok(ContentType::Octets) };
    let bad = |why: &str| Problem::bad_request(format!("the header Content-Type {why}"));
    let value = value.to_str().map_err(|_| bad("is no text"))?.trim();
    let essence = value.split(';').next().unwrap_or(value).trim().to_ascii_lowercase();
    match ContentType::parse(&essence) {
        Some(ContentType::Other(_)) | None => {
            ContentType::parse(value).ok_or_else(|| bad("is longer than 128 bytes"))
        }
        Some(known) => Ok(known),
    }
}

/// The key that a job is submitted with, however it is quoted.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let bad = || {
        let message = format!("the header Idempotency-Key is a text of 1 to {KEY_BYTES_MAX} bytes");
        Problem::bad_request(message)
    };
    let value = value.to_str().map_err(|_| bad())?.trim();
    let quoted = value.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    let key = quoted.unwrap_or(value);
    (1..=KEY_BYTES_MAX).contains(&key.len()).then_some(Some(key)).ok_or_else(bad)
}

fn traceparent(headers: &HeaderMap) -> Result<Option<Box<TraceParent>>, Problem> {
    let Some(value) = headers.get("traceparent") else { return Ok(None) };
    let bad = |bad: &dyn std::fmt::Display| {
        Problem::bad_request(format!("the header traceparent: {bad}"))
    };
    let value = value.to_str().map_err(|_| bad(&"it is no text"))?;
    let parsed = value.parse::<TraceParent>().map_err(|error| bad(&error))?;
    Ok(Some(Box::new(parsed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_does_not_keep_the_buffer_of_its_connection() {
        let buffer = Bytes::from(vec![b'1'; 2 * HEAD_BYTES_MAX]);
        let spec = |len| {
            let payload = Payload::new(ContentType::Json, buffer.slice(..len)).expect("a number");
            let fields = SubmitFields::default();
            let submit = fields.submit(UNNAMED, payload, &acequia_wire::Limits::default());
            match request(submit.expect("a job")) {
                Request::Submit { spec, .. } => spec,
                other => panic!("{other:?}"),
            }
        };
        for len in [1, HEAD_BYTES_MAX / 2 - 1] {
            assert!(spec(len).payload.bytes().is_unique(), "{len} bytes");
        }
    }
}
