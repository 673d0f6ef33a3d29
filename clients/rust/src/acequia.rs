//! The client as its user sees it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use acequia_wire::client::{Batch, Encoding, Op};
use acequia_wire::limits::{KEY_BYTES_MAX, TOPIC_BYTES_MAX};
use acequia_wire::{ContentType, JobId, Payload};
use bytes::Bytes;
use serde::Serialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, TryAcquireError, mpsc, oneshot, watch};

use crate::command::{Command, Handle, Reader};
use crate::http::{HttpClient, HttpError};
use crate::job::Job;
use crate::job_error::JobError;
use crate::known::Known;
use crate::machine::NewJob;
use crate::mailbox::{Budget, Mailbox};
use crate::publish::Message;
use crate::state::State;
use crate::submit::{BadSubmit, Submit};
use crate::submit_error::SubmitError;
use crate::subscription::Subscription;

/// A client: one session that outlives its connection, and all jobs that were submitted on it.
///
/// It is a handle that is cheap to clone. One task owns the connection; it ends once it is
/// [closed](Self::close), or when all handles, jobs and subscriptions are dropped, and what was submitted is
/// accepted by then.
#[derive(Clone, Debug)]
pub struct Acequia {
    encoding: Encoding,
    http: HttpClient,
    commands: mpsc::UnboundedSender<Command>,
    state: watch::Receiver<State>,
    ids: Arc<AtomicI64>,
    /// For live jobs.
    places: Arc<Semaphore>,
    jobs_max: usize,
    /// For bytes of jobs that may have to be sent again.
    room: Arc<Semaphore>,
    room_max: usize,
    budget: Budget,
}

/// What a client may hold.
pub(crate) struct Bounds {
    pub(crate) jobs: usize,
    pub(crate) unsent_bytes: usize,
}

impl Acequia {
    pub(crate) fn new(
        encoding: Encoding,
        http: HttpClient,
        commands: mpsc::UnboundedSender<Command>,
        state: watch::Receiver<State>,
        bounds: Bounds,
    ) -> Self {
        Self {
            encoding,
            http,
            commands,
            state,
            ids: Arc::new(AtomicI64::new(1)),
            places: Arc::new(Semaphore::new(bounds.jobs)),
            jobs_max: bounds.jobs,
            room: Arc::new(Semaphore::new(bounds.unsent_bytes)),
            room_max: bounds.unsent_bytes,
            budget: Budget::default(),
        }
    }

    /// Submits a job with this payload, which a worker gets as JSON. It is sent at once, or as soon as there is
    /// a connection; all that waits to be sent at one time leaves in one message.
    ///
    /// # Errors
    /// If no server would take it, or the client has no room for it; what the server says of it is the outcome
    /// of the job.
    pub fn submit<T: Serialize + ?Sized>(
        &self,
        queue: &str,
        payload: &T,
    ) -> Result<Job, SubmitError> {
        self.submit_with(&Submit::to(queue).json(payload))
    }

    /// Submits a job.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn submit_with(&self, job: &Submit) -> Result<Job, SubmitError> {
        let (job, new) = self.new_job(job)?;
        self.say(Command::Submit(vec![new]))?;
        Ok(job)
    }

    /// Submits several jobs, in as few messages as they fit in: a batch is to be submitted so. Either all are, or
    /// none.
    ///
    /// # Errors
    /// As [`submit`](Self::submit).
    pub fn submit_many<'a>(
        &self,
        jobs: impl IntoIterator<Item = &'a Submit>,
    ) -> Result<Vec<Job>, SubmitError> {
        let made: Result<Vec<_>, _> = jobs.into_iter().map(|job| self.new_job(job)).collect();
        let (jobs, new): (Vec<_>, Vec<_>) = made?.into_iter().unzip();
        self.say(Command::Submit(new))?;
        Ok(jobs)
    }

    /// Submits a job as soon as the client has room for it: for whoever has more jobs than a client may have at a
    /// time.
    ///
    /// # Errors
    /// If no server would take it, or it is larger than all the room that there is.
    pub async fn submit_when_free(&self, job: &Submit) -> Result<Job, SubmitError> {
        let (id, part) = self.encoded(job)?;
        let bytes = self.bytes_of(&part)?;
        let place = Arc::clone(&self.places).acquire_owned().await;
        let room = Arc::clone(&self.room).acquire_many_owned(bytes).await;
        let (Ok(place), Ok(room)) = (place, room) else { return Err(SubmitError::Closed) };
        let (handle, new) = self.with_handle(id, job, part, place, room);
        self.say(Command::Submit(vec![new]))?;
        Ok(handle)
    }

    /// Watches a job that others submitted: what is past of it that matters, then what comes. If it is not to be
    /// watched, it ends with [`JobError::Rejected`]. To watch is not to want: when this client goes, that changes
    /// nothing for the job. But to [cancel](Job::cancel) it cancels it for all.
    ///
    /// # Errors
    /// If the client has no room for it.
    pub fn watch(&self, job: JobId) -> Result<Job, SubmitError> {
        let place = self.place()?;
        let id = self.next_id();
        let (mut watched, handle) = self.handle(id, place);
        watched.is_watched = true;
        self.say(Command::Watch(id, job, handle))?;
        Ok(watched)
    }

    /// Waits for the end of a batch of this client: the last live job of it has ended. Ask before it may have
    /// ended, or it is not found.
    ///
    /// # Errors
    /// If the batch is not there, or nothing can be heard of it any more.
    pub async fn batch(&self, name: &str) -> Result<Batch, JobError> {
        let (waiter, ended) = oneshot::channel();
        let closed = |_: SubmitError| JobError::Closed;
        bounded("batch", name, KEY_BYTES_MAX).map_err(|bad| JobError::Rejected {
            code: "bad_request".into(),
            message: bad.to_string().into(),
            retry_after: None,
        })?;
        self.say(Command::AwaitBatch(self.next_id(), name.into(), waiter)).map_err(closed)?;
        ended.await.unwrap_or(Err(JobError::Closed))
    }

    /// Subscribes to a topic: at most 64 of them. The message that a server has kept of it comes first, if the
    /// client has no other subscription to the same.
    ///
    /// # Errors
    /// If there is no such topic, or the client is closed.
    pub fn subscribe(&self, topic: &str) -> Result<Subscription, SubmitError> {
        bounded("topic", topic, TOPIC_BYTES_MAX)?;
        let topic: Arc<str> = topic.into();
        let mailbox = Arc::new(Mailbox::new(&self.budget));
        let reader = Reader(Arc::downgrade(&mailbox));
        self.say(Command::Subscribe(Arc::clone(&topic), reader))?;
        Ok(Subscription { topic, mailbox, commands: self.commands.clone() })
    }

    /// Publishes a message on a topic, by a call over HTTP; returns how many sessions are told.
    ///
    /// # Errors
    /// If there is no such topic, no answer, or the server refuses; if the message cannot be written as JSON.
    pub async fn publish<T: Serialize + ?Sized>(
        &self,
        topic: &str,
        data: &T,
    ) -> Result<usize, HttpError> {
        let data = serde_json::to_vec(data).map_err(|error| error.to_string());
        let data = data.and_then(|data| {
            Payload::new(ContentType::Json, data.into()).map_err(|bad| bad.to_string())
        });
        let data = data.map_err(BadSubmit::Payload)?;
        self.http.publish(&Message { topic: topic.to_owned(), data, retain: false }).await
    }

    /// Jobs over HTTP, and messages of any type, by the same server and with the same tokens.
    pub fn http(&self) -> &HttpClient {
        &self.http
    }

    /// How the client stands with its server, now and whenever that changes.
    pub fn state(&self) -> watch::Receiver<State> {
        self.state.clone()
    }

    /// Ends the client and its session, for good, and waits for that: what was submitted is sent before, and
    /// accepted, if that takes no longer than five seconds. Jobs that are live end with [`JobError::Closed`]; what
    /// the server does with them is what was said of their client's end.
    pub async fn close(&self) {
        // Whoever has closed it before has said so.
        _ = self.commands.send(Command::Close);
        let mut state = self.state.clone();
        // An error says that the task has ended.
        _ = state.wait_for(|state| matches!(state, State::Closed { .. })).await;
        self.commands.closed().await;
    }

    fn say(&self, command: Command) -> Result<(), SubmitError> {
        self.commands.send(command).map_err(|_| SubmitError::Closed)
    }

    fn next_id(&self) -> i64 {
        self.ids.fetch_add(1, Ordering::Relaxed)
    }

    fn new_job(&self, job: &Submit) -> Result<(Job, (NewJob, Handle)), SubmitError> {
        let (id, part) = self.encoded(job)?;
        let bytes = self.bytes_of(&part)?;
        let place = self.place()?;
        let room = Arc::clone(&self.room).try_acquire_many_owned(bytes);
        let room = room.map_err(|_| self.no_room(part.len()))?;
        Ok(self.with_handle(id, job, part, place, room))
    }

    fn encoded(&self, job: &Submit) -> Result<(i64, Vec<u8>), SubmitError> {
        let id = self.next_id();
        Ok((id, Op::Submit(job.op(id, self.encoding)?).encode(self.encoding)))
    }

    fn bytes_of(&self, part: &[u8]) -> Result<u32, SubmitError> {
        let bytes = u32::try_from(part.len()).ok().filter(|_| part.len() <= self.room_max);
        bytes.ok_or_else(|| self.no_room(part.len()))
    }

    fn no_room(&self, bytes: usize) -> SubmitError {
        SubmitError::NoRoom { bytes, most: self.room_max }
    }

    fn place(&self) -> Result<OwnedSemaphorePermit, SubmitError> {
        Arc::clone(&self.places).try_acquire_owned().map_err(|why| match why {
            TryAcquireError::Closed => SubmitError::Closed,
            TryAcquireError::NoPermits => SubmitError::TooManyJobs { most: self.jobs_max },
        })
    }

    fn with_handle(
        &self,
        id: i64,
        job: &Submit,
        part: Vec<u8>,
        place: OwnedSemaphorePermit,
        room: OwnedSemaphorePermit,
    ) -> (Job, (NewJob, Handle)) {
        // The room is free again with the last copy of the bytes.
        let part = Bytes::from_owner(Part { bytes: part, _room: room });
        let (keyed, patient) = (job.is_keyed(), job.is_patient());
        let (job, handle) = self.handle(id, place);
        (job, (NewJob { id, part, keyed, patient }, handle))
    }

    fn handle(&self, id: i64, place: OwnedSemaphorePermit) -> (Job, Handle) {
        let (tell, known) = watch::channel(Known::default());
        let mailbox = Arc::new(Mailbox::new(&self.budget));
        let handle = Handle { known: tell, mailbox: Arc::downgrade(&mailbox), _place: place };
        let commands = self.commands.clone();
        (Job { id, is_watched: false, known, mailbox, commands }, handle)
    }
}

/// The op of a job, and its part of the room.
struct Part {
    bytes: Vec<u8>,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Part {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

fn bounded(what: &'static str, text: &str, most: usize) -> Result<(), SubmitError> {
    let bytes = text.len();
    if (1..=most).contains(&bytes) { Ok(()) } else { Err(SubmitError::Name { what, bytes, most }) }
}
