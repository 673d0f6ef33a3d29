//! Jobs: each by its id, and the live ones by where they are.

mod told;

use std::sync::Arc;

use acequia_scheduler::{ClientId, JobCursor, JobFilter, JobState, Ticket, Time};
use acequia_wire::JobId;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(super) use self::told::as_result;
use self::told::{Job, Live, Place, of_live, told};
use super::answer::{
    ANSWERED, Answer, Given, NOT_NOW, NOT_THERE, PAGE_MAX, PageLimit, Refused, as_json, at_desk,
    given, limit, queue_name,
};
use crate::http::door::Door;
use crate::pipeline::desk::jobs::Cancelled;
use crate::schema;

schema::described! {
    /// What `cursor_text` makes.
    Cursor = schema::text().pattern(Some(format!(
        "^[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}\\.[0-9]{{1,15}}\\.[0-9]{{1,15}}\\.{}$",
        schema::queue_name_pattern()
    )));
    LiveJobs of Live<'_> = schema::list_of::<Live<'_>>(PAGE_MAX);
}

/// A page of live jobs.
#[derive(Serialize, ToSchema)]
struct Page<'a> {
    #[schema(value_type = LiveJobs)]
    jobs: Vec<Live<'a>>,
    /// What to give as `after` for the next page; null if this is the last.
    #[schema(required = true)]
    next: Option<String>,
}

/// A job that was live.
#[derive(Serialize, ToSchema)]
struct CancelledJob {
    /// The job.
    #[schema(value_type = schema::JobId)]
    job: String,
    /// What it is now.
    #[schema(inline)]
    state: CancelledState,
}

/// What a job is that was cancelled.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum CancelledState {
    Cancelled,
}

/// Which jobs are meant.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct List {
    /// Where they are.
    #[param(inline)]
    state: Place,
    /// Of this queue only.
    #[param(inline, value_type = Option<schema::QueueName>)]
    queue: Option<String>,
    /// Of this client only.
    #[param(pattern = "^[0-9a-f]{1,16}$")]
    client: Option<String>,
    /// The `next` of the page before.
    #[param(inline, value_type = Option<Cursor>)]
    after: Option<String>,
    /// Entries on the page.
    #[param(inline, value_type = Option<PageLimit>)]
    limit: Option<usize>,
}

/// Live jobs by where they are
#[utoipa::path(
    get,
    path = "/jobs",
    operation_id = "jobs",
    params(List),
    responses(
        (status = OK, description = ANSWERED, body = inline(Page)),
        (status = CONFLICT, description = NOT_NOW, body = Refused),
    ),
)]
pub(super) async fn list(State(door): State<Arc<Door>>, query: Given<List>) -> Answer {
    let List { state, queue, client, after, limit: asked } = given(query)?;
    let state = match state {
        Place::Delayed => JobState::Delayed,
        Place::Waiting => JobState::Waiting,
        Place::Running => JobState::Running,
    };
    let queue = queue.as_deref().map(queue_name).transpose()?;
    let client = client.as_deref().map(client_id).transpose()?;
    let after = after.as_deref().map(cursor).transpose()?;
    let (filter, limit) = (JobFilter { state, queue, client }, limit(asked)?);
    let page = at_desk(&door, move |desk| desk.scheduler.jobs(&filter, after.as_ref(), limit));
    let page = page
        .await?
        .map_err(|lost| Refused::new(StatusCode::CONFLICT, "page_lost", lost.to_string()))?;
    let jobs = page.jobs.iter().map(of_live).collect();
    Ok(as_json(&Page { jobs, next: page.end.as_ref().map(cursor_text) }))
}

/// A job, live or ended
#[utoipa::path(
    get,
    path = "/jobs/{job}",
    operation_id = "job",
    params(("job" = inline(schema::JobId), Path, description = "A job")),
    responses(
        (status = OK, description = ANSWERED, body = inline(Job)),
        (status = NOT_FOUND, description = NOT_THERE, body = Refused),
    ),
)]
pub(super) async fn read(State(door): State<Arc<Door>>, Path(job): Path<String>) -> Answer {
    let job = job_id(&job)?;
    let found = at_desk(&door, move |desk| desk.scheduler.find(desk.now, job)).await?;
    Ok(as_json(&told(&found.ok_or_else(|| not_found(job))?)))
}

/// Cancels a live job
#[utoipa::path(
    post,
    path = "/jobs/{job}/cancel",
    operation_id = "cancel_job",
    params(("job" = inline(schema::JobId), Path, description = "A job")),
    responses(
        (status = OK, description = ANSWERED, body = inline(CancelledJob)),
        (status = NOT_FOUND, description = NOT_THERE, body = Refused),
        (status = CONFLICT, description = NOT_NOW, body = Refused),
    ),
)]
pub(super) async fn cancel(State(door): State<Arc<Door>>, Path(job): Path<String>) -> Answer {
    let job = job_id(&job)?;
    match at_desk(&door, move |desk| desk.cancel(job)).await? {
        Cancelled::Yes => {
            let state = CancelledState::Cancelled;
            Ok(as_json(&CancelledJob { job: job.to_string(), state }))
        }
        Cancelled::HasEnded => {
            let message = format!("the job {job} has ended; there is nothing to cancel");
            Err(Refused::new(StatusCode::CONFLICT, "has_ended", message))
        }
        Cancelled::NotFound => Err(not_found(job)),
    }
}

pub(super) fn job_id(text: &str) -> Result<JobId, Refused> {
    text.parse().map_err(|error| Refused::bad_request(format!("{text:?}: {error}")))
}

fn not_found(job: JobId) -> Refused {
    Refused::not_found(format!(
        "no job {job} is live, and no outcome of it is kept: it never was, ended before it was \
         accepted, or ended long ago"
    ))
}

fn client_id(text: &str) -> Result<ClientId, Refused> {
    let bad = |_| {
        let what = "it is 1 to 16 hexadecimal digits, as `client` of a job";
        Refused::bad_request(format!("client {text:?}: {what}"))
    };
    u64::from_str_radix(text, 16).map(ClientId).map_err(bad)
}

/// Where a page ends, as a text that only this server need understand.
fn cursor_text(end: &JobCursor) -> String {
    let JobCursor { job, queue, at, ticket } = end;
    format!("{job}.{}.{}.{queue}", at.as_micros(), ticket.0)
}

fn cursor(text: &str) -> Result<JobCursor, Refused> {
    let bad = || Refused::bad_request(format!("after {text:?}: it must be the `next` of a page"));
    read_cursor(text).ok_or_else(bad)
}

fn read_cursor(text: &str) -> Option<JobCursor> {
    let mut parts = text.splitn(4, '.');
    Some(JobCursor {
        job: parts.next()?.parse().ok()?,
        at: Time::from_micros(parts.next()?.parse().ok()?),
        ticket: Ticket(parts.next()?.parse().ok()?),
        queue: parts.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn where_a_page_ends_is_understood_again() {
        let end = JobCursor {
            job: JobId::from_bytes([7; 16]),
            queue: "a.b-c".parse().expect("a name"),
            at: Time::from_micros(17),
            ticket: Ticket(3),
        };
        assert_eq!(cursor(&cursor_text(&end)).ok(), Some(end));
        for bad in ["", "17", "x.1.2.q", "00000000-0000-0000-0000-000000000000.1.2."] {
            assert!(cursor(bad).is_err(), "{bad:?}");
        }
    }
}
