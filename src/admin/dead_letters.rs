//! Dead letters: jobs that failed, and are kept until an operator decides. Times are milliseconds
//! since 1970.

use std::ops::Bound;
use std::sync::Arc;

use acequia_scheduler::{DeadLetter, Event, NotRedriven, Ticket};
use acequia_wire::client::JobEvent;
use acequia_wire::code::RejectCode;
use acequia_wire::{CorrelationId, JobId, QueueName};
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::json;
use serde_json::value::RawValue;

use super::jobs::{event_fields, job_id};
use super::{
    Answer, Desk, Door, Given, Refused, as_json, at_desk, given, limit, queue_name, unavailable,
};

/// Some dead letters, the oldest or the newest first.
struct Page {
    letters: Vec<Arc<DeadLetter>>,
    /// Where the next page begins, if there is one.
    next: Option<Ticket>,
}

/// What came of redriving many.
#[derive(Default, Serialize)]
struct Redriven {
    redriven: usize,
    /// Those whose key is that of another live job.
    left: usize,
}

impl Desk<'_> {
    fn dead_letters(&self, list: &Selection) -> Page {
        let Selection { queue, order, after, limit } = list;
        let queue = queue.as_ref().map(QueueName::as_str);
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let (letters, next) = match order {
            Order::Oldest => {
                let rest = self.scheduler.dead_letters(queue, (start, Bound::Unbounded));
                first(rest, *limit)
            }
            Order::Newest => {
                let rest = self.scheduler.dead_letters(queue, (Bound::Unbounded, start));
                first(rest.rev(), *limit)
            }
        };
        Page { letters, next }
    }

    /// The newest of all, the newest first.
    pub(super) fn newest_dead_letters(&self, limit: usize) -> Vec<Arc<DeadLetter>> {
        self.scheduler.dead_letters(None, ..).rev().take(limit).cloned().collect()
    }

    /// The jobs of all dead letters, or of those of a queue, that are there now.
    fn dead_jobs(&self, queue: Option<&QueueName>) -> Vec<JobId> {
        let queue = queue.map(QueueName::as_str);
        self.scheduler.dead_letters(queue, ..).map(|letter| letter.job).collect()
    }

    /// Returns the job that runs in its place.
    fn redrive(&mut self, job: JobId) -> Result<JobId, NotRedriven> {
        self.scheduler.check_redrive(job)?;
        let as_job = JobId::now();
        self.handle(Event::Redrive { job, as_job });
        Ok(as_job)
    }

    fn redrive_all(&mut self, queue: Option<&QueueName>) -> Result<Redriven, NotRedriven> {
        let mut all = Redriven::default();
        for job in self.dead_jobs(queue) {
            match self.redrive(job) {
                Ok(_) => all.redriven += 1,
                Err(NotRedriven::KeyIsLive { .. } | NotRedriven::NotFound) => all.left += 1,
                Err(why) => return Err(why),
            }
        }
        Ok(all)
    }

    /// Returns whether there was one.
    fn drop_dead_letter(&mut self, job: JobId) -> bool {
        let is_there = self.scheduler.dead_letter(job).is_some();
        self.handle(Event::DropDeadLetter { job });
        is_there
    }

    /// Returns how many there were.
    fn drop_dead_letters(&mut self, queue: Option<&QueueName>) -> usize {
        let jobs = self.dead_jobs(queue);
        let dropped = jobs.len();
        jobs.into_iter().for_each(|job| self.handle(Event::DropDeadLetter { job }));
        dropped
    }
}

fn first<'a>(
    mut rest: impl Iterator<Item = &'a Arc<DeadLetter>>,
    limit: usize,
) -> (Vec<Arc<DeadLetter>>, Option<Ticket>) {
    let letters: Vec<Arc<DeadLetter>> = rest.by_ref().take(limit).cloned().collect();
    let next = rest.next().and(letters.last()).map(|last| last.ticket);
    (letters, next)
}

/// Which dead letters are meant, and how many of them are shown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct List {
    queue: Option<String>,
    #[serde(default)]
    order: Order,
    after: Option<u64>,
    limit: Option<usize>,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Order {
    #[default]
    Oldest,
    Newest,
}

/// The same, checked.
struct Selection {
    queue: Option<QueueName>,
    order: Order,
    after: Option<Ticket>,
    limit: usize,
}

/// Which dead letters are meant.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct All {
    queue: Option<String>,
}

#[derive(Serialize)]
struct Letters<'a> {
    dead_letters: Vec<Letter<'a>>,
    next: Option<u64>,
}

/// A page of dead letters.
fn told(page: &Page) -> Response {
    let dead_letters = page.letters.iter().map(|letter| of_letter(letter)).collect();
    as_json(&Letters { dead_letters, next: page.next.map(|ticket| ticket.0) })
}

/// One dead letter, whole.
fn letter_with_payload(letter: &DeadLetter) -> Response {
    // As a result of that type would be told.
    let as_result = JobEvent::Done { result: letter.spec.payload.clone() };
    let payload = event_fields(&letter.spec.id, letter.job, as_result, None).remove("result");
    as_json(&Letter { payload, ..of_letter(letter) })
}

#[derive(Serialize)]
pub(super) struct Letter<'a> {
    job: String,
    id: &'a CorrelationId,
    queue: &'a str,
    priority: u8,
    key: Option<&'a str>,
    batch: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    code: &'a str,
    message: &'a str,
    attempt: u32,
    failures: u32,
    losses: u32,
    submitted_ms: u64,
    failed_ms: u64,
    #[serde(rename = "type")]
    content_type: &'a str,
    payload_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    payload: Option<Box<RawValue>>,
}

pub(super) fn of_letter(letter: &DeadLetter) -> Letter<'_> {
    let DeadLetter { job, spec, submitted, failed, code, message, runs, failures, losses, .. } =
        letter;
    Letter {
        job: job.to_string(),
        id: &spec.id,
        queue: spec.queue.as_str(),
        priority: spec.priority,
        key: spec.key.as_deref(),
        batch: spec.batch.as_deref(),
        traceparent: spec.traceparent.as_ref().map(ToString::to_string),
        code: code.as_str(),
        message,
        attempt: *runs,
        failures: *failures,
        losses: *losses,
        submitted_ms: submitted.as_millis(),
        failed_ms: failed.as_millis(),
        content_type: spec.payload.content_type().as_str(),
        payload_bytes: spec.payload.bytes().len(),
        payload: None,
    }
}

pub(super) async fn list(State(door): State<Arc<Door>>, query: Given<List>) -> Answer {
    let List { queue, order, after, limit: asked } = given(query)?;
    let queue = queue.as_deref().map(queue_name).transpose()?;
    let selection = Selection { queue, order, after: after.map(Ticket), limit: limit(asked)? };
    let page = at_desk(&door, move |desk| desk.dead_letters(&selection)).await?;
    Ok(told(&page))
}

fn no_letter(job: JobId) -> Refused {
    Refused::not_found(format!(
        "no dead letter of the job {job}: it did not fail, was redriven or dropped, or had to leave \
         for newer ones"
    ))
}

pub(super) async fn read(State(door): State<Arc<Door>>, Path(job): Path<String>) -> Answer {
    let job = job_id(&job)?;
    let letter = at_desk(&door, move |desk| desk.scheduler.dead_letter(job).cloned()).await?;
    let letter = letter.ok_or_else(|| no_letter(job))?;
    Ok(letter_with_payload(&letter))
}

fn not_redriven(job: Option<JobId>, why: NotRedriven) -> Refused {
    let message = why.to_string();
    match (why, job) {
        (NotRedriven::NotFound, Some(job)) => no_letter(job),
        (NotRedriven::NotFound, None) => Refused::not_found(message),
        (NotRedriven::Draining, _) => unavailable(RejectCode::Draining, message),
        (NotRedriven::Storage, _) => unavailable(RejectCode::Storage, message),
        (NotRedriven::KeyIsLive { .. }, _) => {
            Refused::new(StatusCode::CONFLICT, RejectCode::DuplicateId.as_str(), message)
        }
    }
}

pub(super) async fn redrive_one(State(door): State<Arc<Door>>, Path(job): Path<String>) -> Answer {
    let job = job_id(&job)?;
    let new = at_desk(&door, move |desk| desk.redrive(job)).await?;
    let new = new.map_err(|why| not_redriven(Some(job), why))?;
    Ok(as_json(&json!({ "redriven": 1, "job": new.to_string() })))
}

pub(super) async fn redrive_all(State(door): State<Arc<Door>>, query: Given<All>) -> Answer {
    let queue = given(query)?.queue.as_deref().map(queue_name).transpose()?;
    let all = at_desk(&door, move |desk| desk.redrive_all(queue.as_ref())).await?;
    Ok(as_json(&all.map_err(|why| not_redriven(None, why))?))
}

pub(super) async fn drop_one(State(door): State<Arc<Door>>, Path(job): Path<String>) -> Answer {
    let job = job_id(&job)?;
    if at_desk(&door, move |desk| desk.drop_dead_letter(job)).await? {
        Ok(as_json(&json!({ "dropped": 1 })))
    } else {
        Err(no_letter(job))
    }
}

pub(super) async fn drop_all(State(door): State<Arc<Door>>, query: Given<All>) -> Answer {
    let queue = given(query)?.queue.as_deref().map(queue_name).transpose()?;
    let dropped = at_desk(&door, move |desk| desk.drop_dead_letters(queue.as_ref())).await?;
    Ok(as_json(&json!({ "dropped": dropped })))
}
