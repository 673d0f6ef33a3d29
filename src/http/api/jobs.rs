//! A job by its id: where it is, what came of it, and the wish that it end.

use std::sync::Arc;

use acequia_scheduler::{ClientId, Found, LiveJob, LiveState, Retained};
use acequia_wire::client::{Event, JobEvent, Refusal, Request, Watched};
use acequia_wire::code::RejectCode;
use acequia_wire::{CorrelationId, JobId};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use tokio::time::timeout_at;
use utoipa::{IntoParams, ToSchema};

use super::answer::{self, NOT_THERE, at_desk};
use super::call::Call;
use super::problem::{Details, PROBLEM, Problem};
use super::rights::Rights;
use super::wait::{WAIT_S_MAX, Wait};
use crate::http::door::Door;
use crate::http::query::{self, Given};
use crate::pipeline::desk::jobs::Cancelled;
use crate::schema;

schema::described! {
    Seconds = schema::up_to(WAIT_S_MAX);
}

/// How long to wait.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Waiting {
    /// So many seconds for the job to end, if it has not.
    #[param(inline, value_type = Option<Seconds>)]
    wait: Option<u64>,
}

/// A job, as whoever submitted it is told of it. Times are milliseconds since 1970.
#[derive(Serialize, ToSchema)]
struct Job {
    /// The job.
    #[schema(value_type = schema::JobId)]
    job: String,
    /// The caller's name for it.
    #[schema(value_type = schema::CorrelationId)]
    id: CorrelationId,
    /// Where it is, or how it ended.
    #[schema(inline)]
    state: answer::State,
    /// Its queue; unknown of a job that a server of an earlier version ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    queue: Option<String>,
    /// When it was submitted (milliseconds since 1970).
    submitted_ms: u64,
    /// Until when it is delayed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    until_ms: Option<u64>,
    /// Since when it waits or runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    since_ms: Option<u64>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    ended_ms: Option<u64>,
    /// Runs begun.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    attempt: Option<u32>,
    /// Who runs it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    worker: Option<String>,
    /// Why it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    code: Option<String>,
    /// Why, for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    message: Option<String>,
    /// The type of its result.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    result_type: Option<String>,
}

/// A job that was cancelled.
#[derive(Serialize, ToSchema)]
struct CancelledJob {
    /// The job.
    #[schema(value_type = schema::JobId)]
    job: String,
    /// What it is now.
    #[schema(inline)]
    state: answer::State,
}

/// Where a job is, or how it ended
#[utoipa::path(
    get,
    path = "/jobs/{job}",
    operation_id = "job",
    params(("job" = inline(schema::JobId), Path, description = "A job"), Waiting),
    responses(
        (status = OK, description = "The job", body = inline(Job)),
        (status = NOT_FOUND, description = NOT_THERE, content_type = PROBLEM, body = Details),
    ),
)]
pub(super) async fn read(
    State(door): State<Arc<Door>>,
    rights: Rights,
    Path(job): Path<String>,
    query: Given<Waiting>,
) -> Result<Response, Problem> {
    let (job, wait) = (job_id(&job)?, waiting(query)?);
    let mut found = find(&door, &rights, job).await?;
    if let (Found::Live(_), Some(wait)) = (&found, wait) {
        outcome(&door, &rights, job, wait).await?;
        // Whether it has ended or not: much may have become of it.
        found = find(&door, &rights, job).await?;
    }
    Ok(axum::Json(told(&found)).into_response())
}

/// The result of a job, byte for byte
#[utoipa::path(
    get,
    path = "/jobs/{job}/result",
    operation_id = "result",
    params(("job" = inline(schema::JobId), Path, description = "A job"), Waiting),
    responses(
        (status = OK, description = "The result, with its own type", content_type = "*/*", body = inline(schema::Anything)),
        (status = NOT_FOUND, description = "There is no such job, or it has no result; `code` says which, and why", content_type = PROBLEM, body = Details),
    ),
)]
pub(super) async fn result(
    State(door): State<Arc<Door>>,
    rights: Rights,
    Path(job): Path<String>,
    query: Given<Waiting>,
) -> Result<Response, Problem> {
    let (job, wait) = (job_id(&job)?, waiting(query)?);
    let outcome = match (find(&door, &rights, job).await?, wait) {
        (Found::Ended(retained), _) => Some(retained.outcome.clone()),
        (Found::Live(_), Some(wait)) => outcome(&door, &rights, job, wait).await?,
        (Found::Live(_), None) => None,
    };
    let none = |code: &str, message: String| {
        Err(Problem::new(StatusCode::NOT_FOUND, code, message).of(job))
    };
    match outcome {
        Some(JobEvent::Done { result }) => Ok(answer::of_payload(&result)),
        Some(JobEvent::Failed { code, message, attempt }) => {
            let message = format!("the job failed in run {attempt}, and has no result: {message}");
            none(code.as_str(), message)
        }
        Some(_) => none("cancelled", "the job was cancelled, and has no result".to_owned()),
        None => none("not_ended", "the job has not ended; wait for it with ?wait=20".to_owned()),
    }
}

/// Cancels a job
#[utoipa::path(
    delete,
    path = "/jobs/{job}",
    operation_id = "cancel",
    params(("job" = inline(schema::JobId), Path, description = "A job")),
    responses(
        (status = OK, description = "It is cancelled, whatever its worker is doing", body = inline(CancelledJob)),
        (status = NOT_FOUND, description = NOT_THERE, content_type = PROBLEM, body = Details),
        (status = CONFLICT, description = "It has ended", content_type = PROBLEM, body = Details),
    ),
)]
pub(super) async fn cancel(
    State(door): State<Arc<Door>>,
    rights: Rights,
    Path(job): Path<String>,
) -> Result<Response, Problem> {
    let job = job_id(&job)?;
    find(&door, &rights, job).await?;
    match at_desk(&door, move |desk| desk.cancel(job)).await? {
        Cancelled::Yes => {
            let told = CancelledJob { job: job.to_string(), state: answer::State::Cancelled };
            Ok(axum::Json(told).into_response())
        }
        Cancelled::HasEnded => {
            let message = "the job has ended; there is nothing to cancel";
            Err(Problem::new(StatusCode::CONFLICT, "has_ended", message).of(job))
        }
        Cancelled::NotFound => Err(not_found(job)),
    }
}

pub(super) fn job_id(text: &str) -> Result<JobId, Problem> {
    text.parse().map_err(|bad| Problem::bad_request(format!("{text:?}: {bad}")))
}

fn waiting(query: Given<Waiting>) -> Result<Option<Wait>, Problem> {
    let Waiting { wait } = query::read(query).map_err(Problem::bad_request)?;
    if let Some(seconds) = wait.filter(|seconds| *seconds > WAIT_S_MAX) {
        let message = format!("wait {seconds}: it is 0 to {WAIT_S_MAX} seconds");
        return Err(Problem::bad_request(message));
    }
    Ok(wait.map(Wait::of))
}

/// A job that the caller may see. To ask counts as an op.
async fn find(door: &Arc<Door>, rights: &Rights, job: JobId) -> Result<Found, Problem> {
    let (client, ops_per_s) = (rights.client(), rights.ops_per_s());
    let asked = at_desk(door, move |desk| {
        desk.count_op(client, ops_per_s)?;
        Ok(desk.scheduler.find(desk.now, job))
    });
    let found = asked.await?.map_err(|refusal: Refusal| Problem::from(refusal))?;
    let whose = |found: &Found| -> ClientId {
        match found {
            Found::Live(live) => live.client,
            Found::Ended(retained) => retained.client,
        }
    };
    found.filter(|found| rights.sees(whose(found))).ok_or_else(|| not_found(job))
}

/// Waits until a job ends. `None` if it does not in time.
async fn outcome(
    door: &Arc<Door>,
    rights: &Rights,
    job: JobId,
    wait: Wait,
) -> Result<Option<JobEvent>, Problem> {
    let mut call = watch(door, rights, job).await?;
    while let Ok(Some(event)) = timeout_at(wait.until, call.next()).await {
        match event {
            Event::Job { what, .. } if answer::State::of_outcome(&what).is_some() => {
                return Ok(Some(what));
            }
            Event::Error { code, message, .. } => {
                return Err(Problem::from(Refusal::new(code, message)).of(job));
            }
            _ => {}
        }
    }
    Ok(None)
}

/// Has a caller told of a job.
pub(super) async fn watch(door: &Arc<Door>, rights: &Rights, job: JobId) -> Result<Call, Problem> {
    let (id, what) = (CorrelationId::Int(0), Watched::Job(job));
    Call::open(door, rights, vec![Request::Watch { id, what }]).await
}

fn not_found(job: JobId) -> Problem {
    let message = "no job of this id is live, and no outcome of it is kept: it never was, ended before \
                   it was accepted or long ago, or is another client's";
    Problem::from(Refusal::new(RejectCode::NotFound, message)).of(job)
}

fn told(found: &Found) -> Job {
    match found {
        Found::Live(live) => of_live(live),
        Found::Ended(retained) => of_ended(retained),
    }
}

fn of_live(live: &LiveJob) -> Job {
    let (state, until, since, worker) = match &live.state {
        LiveState::Delayed { until } => (answer::State::Delayed, Some(*until), None, None),
        LiveState::Waiting { since } => (answer::State::Waiting, None, Some(*since), None),
        LiveState::Running { worker, since } => {
            (answer::State::Running, None, Some(*since), Some(worker.to_string()))
        }
    };
    Job {
        job: live.job.to_string(),
        id: live.id.clone(),
        state,
        queue: Some(live.queue.to_string()),
        submitted_ms: live.submitted.as_millis(),
        until_ms: until.map(|time| time.as_millis()),
        since_ms: since.map(|time| time.as_millis()),
        ended_ms: None,
        attempt: Some(live.runs),
        worker,
        code: None,
        message: None,
        result_type: None,
    }
}

fn of_ended(retained: &Retained) -> Job {
    let past = retained.past.as_ref();
    let submitted_ms = past.map(|past| past.submitted.as_millis());
    let job = Job {
        job: retained.job.to_string(),
        id: retained.id.clone(),
        state: answer::State::of_outcome(&retained.outcome).unwrap_or(answer::State::Cancelled),
        queue: past.map(|past| past.queue.to_string()),
        submitted_ms: submitted_ms.unwrap_or_else(|| retained.job.submitted_ms()),
        until_ms: None,
        since_ms: None,
        ended_ms: Some(retained.ended.as_millis()),
        attempt: past.map(|past| past.runs),
        worker: None,
        code: None,
        message: None,
        result_type: None,
    };
    match &retained.outcome {
        JobEvent::Done { result } => {
            Job { result_type: Some(result.content_type().to_string()), ..job }
        }
        JobEvent::Failed { code, message, attempt } => Job {
            code: Some(code.as_str().to_owned()),
            message: Some(message.to_string()),
            attempt: Some(*attempt),
            ..job
        },
        _ => job,
    }
}
