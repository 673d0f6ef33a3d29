//! Jobs over HTTP: for programs that submit now and then, and need no session.

mod answers;
mod error;
mod links;
mod request;

use std::time::Duration;

use acequia_wire::code::RejectCode;
use acequia_wire::{ContentType, JobId, Payload};
use bytes::Bytes;
use hyper::header::CONTENT_TYPE;
use hyper::http::response::Parts;
use hyper::{Method, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::{Instant, sleep, timeout};

use crate::call::{CallError, Fault, broken, late, refused};
use crate::connect::retry_after;
use crate::data::Data;
use crate::job_error::{JobError, Loss};
use crate::publish::{Message, PublishError, publish};
use crate::start::StartError;
use crate::submit::Submit;
use crate::token::Tokens;
use crate::url::ServerUrl;
use links::Links;
use request::Call;

pub use answers::{JobState, Status, Submitted};
pub use error::{HttpError, Problem};

/// How long a call goes on trying where that may help, unless told otherwise.
pub const PATIENCE: Duration = Duration::from_secs(30);
/// How long one try may take, beyond what the server is asked to wait.
const CALL_TIME_MAX: Duration = Duration::from_secs(60);
/// A server is asked to wait so long at a time: proxies cut calls that are silent for long.
const WAIT_S: u64 = 20;
/// As long as a server waits at all. For a job that is cancelled when its call is over.
const WAIT_S_MAX: u64 = 300;
/// Between two tries: at least, and at most unless the server says otherwise.
const PAUSE_MIN: Duration = Duration::from_millis(250);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// A client of the calls over HTTP. Cheap to clone; clones share the connections that are kept open.
///
/// ```no_run
/// use acequia_client::{HttpClient, ServerUrl, Submit};
///
/// # async fn run() -> Result<(), Box<dyn std::error::Error>> {
/// let client = HttpClient::new(ServerUrl::from_env()?)?;
/// let shouted: String = client.run(&Submit::to("upper").json(&"hello")).await?.read()?;
/// # Ok(())
/// # }
/// ```
///
/// A submit that gets no answer, or one that passes, is made again, under the key of the job or else one of the
/// client's own: the job runs once.
#[derive(Clone)]
pub struct HttpClient {
    server: ServerUrl,
    tokens: Tokens,
    patience: Duration,
    links: Links,
}

impl HttpClient {
    /// A client that has not dialled yet.
    ///
    /// # Errors
    /// If there is no such URL.
    pub fn new<U>(server: U) -> Result<Self, StartError>
    where
        U: TryInto<ServerUrl, Error: Into<StartError>>,
    {
        Ok(Self::with_tokens(server.try_into().map_err(Into::into)?, Tokens::OfUrl))
    }

    pub(crate) fn with_tokens(server: ServerUrl, tokens: Tokens) -> Self {
        Self { server, tokens, patience: PATIENCE, links: Links::default() }
    }

    /// The same, with a JSON Web Token, where the server asks its clients for one.
    #[must_use]
    pub fn token(mut self, token: &str) -> Self {
        self.server = self.server.with_token(token);
        self
    }

    /// The same, which asks for a token before each call.
    #[must_use]
    pub fn token_from<F, T>(mut self, ask: F) -> Self
    where
        F: Fn() -> T + Send + Sync + 'static,
        T: Future<Output = Result<String, Fault>> + Send + 'static,
    {
        self.tokens = Tokens::asked(ask);
        self
    }

    /// The same, which goes on trying for so long where that may help: [`PATIENCE`] unless set.
    #[must_use]
    pub fn patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Submits a job, and returns once the server has it.
    ///
    /// # Errors
    /// If the server does not take it, or does not answer for longer than the client's patience.
    pub async fn submit(&self, job: &Submit) -> Result<Submitted, HttpError> {
        let call = Call::submit(job, None)?;
        let (head, body) = self.patiently(&call).await?;
        match head.status {
            StatusCode::ACCEPTED => self.read(&call, &body),
            _ => Err(self.refused(&head, &body)),
        }
    }

    /// Submits jobs with payloads in JSON, in one call. Of each the answer stands in its place: what became of
    /// it, or why it was not taken.
    ///
    /// # Errors
    /// If none is taken, or the server does not answer for longer than the client's patience.
    pub async fn submit_many(
        &self,
        jobs: &[Submit],
    ) -> Result<Vec<Result<Submitted, Problem>>, HttpError> {
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let call = Call::submit_many(jobs)?;
        let (head, body) = self.patiently(&call).await?;
        if head.status != StatusCode::ACCEPTED {
            return Err(self.refused(&head, &body));
        }
        let answers: Vec<answers::OneOfMany> = self.read(&call, &body)?;
        Ok(answers.into_iter().map(Into::into).collect())
    }

    /// Submits a job and waits for its result, for as long as it takes; put a `timeout` around it to wait no
    /// longer. To give the future up is not to cancel the job.
    ///
    /// # Errors
    /// With [`HttpError::Job`] if the job ends without a result; else as [`submit`](Self::submit).
    pub async fn run(&self, job: &Submit) -> Result<Data, HttpError> {
        let wait_s = if job.is_cancelled_at_once() { WAIT_S_MAX } else { WAIT_S };
        let call = Call::submit(job, Some(wait_s))?;
        let (head, body) = self.patiently(&call).await?;
        match head.status {
            StatusCode::OK => self.data(&head, body),
            StatusCode::ACCEPTED => {
                let Submitted { job, .. } = self.read(&call, &body)?;
                self.outcome(job).await
            }
            _ => Err(self.refused(&head, &body)),
        }
    }

    /// Submits a job with this payload, which a worker gets as JSON, and waits for its result; see
    /// [`run`](Self::run).
    ///
    /// # Errors
    /// As `run`.
    pub async fn call<T: Serialize + ?Sized>(
        &self,
        queue: &str,
        payload: &T,
    ) -> Result<Data, HttpError> {
        self.run(&Submit::to(queue).json(payload)).await
    }

    /// Waits for the outcome of a job, for as long as it takes.
    ///
    /// # Errors
    /// With [`HttpError::Job`] if the job ends without a result; else as [`status`](Self::status).
    pub async fn outcome(&self, job: JobId) -> Result<Data, HttpError> {
        let status = loop {
            let status = self.ask(job, WAIT_S).await?;
            if status.state.is_outcome() {
                break status;
            }
        };
        match status.state {
            JobState::Done => self.result(job).await.map_err(|error| match error {
                HttpError::Problem(problem) if problem.code == RejectCode::NotFound.as_str() => {
                    let message = "the job is done, and the server keeps its result no longer";
                    HttpError::Job(JobError::lost(Loss::Outcome, message))
                }
                other => other,
            }),
            JobState::Cancelled => Err(JobError::Cancelled.into()),
            _ => Err(status.failure().into()),
        }
    }

    /// Waits until a job has ended, or for so long, and returns where it is.
    ///
    /// # Errors
    /// As [`status`](Self::status).
    pub async fn wait(&self, job: JobId, within: Duration) -> Result<Status, HttpError> {
        let until = Instant::now() + within;
        loop {
            let left = until.saturating_duration_since(Instant::now()).as_secs_f64().ceil();
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "it is small"
            )]
            let status = self.ask(job, (left as u64).min(WAIT_S)).await?;
            if status.state.is_outcome() || Instant::now() >= until {
                return Ok(status);
            }
        }
    }

    /// Where a job is, or how it ended.
    ///
    /// # Errors
    /// With code `not_found` if there is no such job, it is another client's, or its outcome is not kept any
    /// more; if the server does not answer for longer than the client's patience.
    pub async fn status(&self, job: JobId) -> Result<Status, HttpError> {
        self.ask(job, 0).await
    }

    /// The result of a job that is done.
    ///
    /// # Errors
    /// If there is none: the code says why, such as `not_ended`, or that with which the job failed.
    pub async fn result(&self, job: JobId) -> Result<Data, HttpError> {
        let call = Call::get(format!("jobs/{job}/result"));
        let (head, body) = self.patiently(&call).await?;
        match head.status {
            StatusCode::OK => self.data(&head, body),
            _ => Err(self.refused(&head, &body)),
        }
    }

    /// Cancels a job, for all who are told of it. If the connection breaks, it may be cancelled or not.
    ///
    /// # Errors
    /// With code `has_ended` if it was over already, with `not_found` if there is none; if there is no answer.
    pub async fn cancel(&self, job: JobId) -> Result<(), HttpError> {
        let call = Call::new(Method::DELETE, format!("jobs/{job}"));
        let server = self.tokens.at(&self.server).await.map_err(HttpError::Token)?;
        // A connection that was kept open may be closed by now, and then there is no knowing.
        let once = Links::default();
        let (head, body) = self.once(&server, &once, &call).await?;
        if head.status.is_success() { Ok(()) } else { Err(self.refused(&head, &body)) }
    }

    /// Publishes a message; returns how many sessions are told. If the connection breaks, it may have been
    /// published or not.
    ///
    /// # Errors
    /// If there is no such topic, no answer, or the server refuses.
    pub async fn publish(&self, message: &Message) -> Result<usize, HttpError> {
        let server = self.tokens.at(&self.server).await.map_err(HttpError::Token)?;
        publish(&server, message).await.map_err(|error| match error {
            PublishError::Call(error) => error.into(),
            other => HttpError::Publish(other),
        })
    }

    async fn ask(&self, job: JobId, wait_s: u64) -> Result<Status, HttpError> {
        let mut call = Call::get(format!("jobs/{job}?wait={wait_s}"));
        call.wait = Duration::from_secs(wait_s);
        let (head, body) = self.patiently(&call).await?;
        match head.status {
            StatusCode::OK => self.read(&call, &body),
            _ => Err(self.refused(&head, &body)),
        }
    }

    /// Makes a call that does no harm twice until there is an answer that does not pass.
    async fn patiently(&self, call: &Call) -> Result<(Parts, Bytes), HttpError> {
        let until = Instant::now() + self.patience;
        let mut pause = PAUSE_MIN;
        loop {
            let server = self.tokens.at(&self.server).await.map_err(HttpError::Token)?;
            let answered = self.once(&server, &self.links, call).await;
            let asked = match &answered {
                Ok((head, body)) => match passing(head, body) {
                    Some(asked) => asked,
                    None => return answered.map_err(Into::into),
                },
                Err(error) if error.may_pass() => None,
                Err(_) => return answered.map_err(Into::into),
            };
            // Half of it is random, so that all who were refused at one time do not return as one.
            let own = pause.mul_f64(0.5 + fastrand::f64() / 2.0);
            let wait = asked.map_or(own, |asked| asked.max(own));
            if Instant::now() + wait > until {
                return answered.map_err(Into::into);
            }
            sleep(wait).await;
            pause = (pause * 2).min(PAUSE_MAX);
        }
    }

    async fn once(
        &self,
        server: &ServerUrl,
        links: &Links,
        call: &Call,
    ) -> Result<(Parts, Bytes), CallError> {
        let within = CALL_TIME_MAX + call.wait;
        let answered = timeout(within, links.call(server, call)).await;
        answered.unwrap_or_else(|_| Err(late(server, within)))
    }

    fn read<T: DeserializeOwned>(&self, call: &Call, body: &Bytes) -> Result<T, HttpError> {
        let read = serde_json::from_slice(body).map_err(|source| CallError::Answer {
            authority: self.server.authority().to_owned(),
            path: self.server.path_below(&call.path),
            source,
        });
        Ok(read?)
    }

    /// The body as what it says that it is.
    fn data(&self, head: &Parts, body: Bytes) -> Result<Data, HttpError> {
        let said = head.headers.get(CONTENT_TYPE).and_then(|said| said.to_str().ok());
        let content_type = said.and_then(ContentType::parse).unwrap_or(ContentType::Octets);
        let data = Payload::new(content_type, body);
        Ok(data.map_err(|bad| broken(&self.server, Fault::from(bad.to_string())))?.into())
    }

    /// What a server says that does not do it.
    fn refused(&self, head: &Parts, body: &Bytes) -> HttpError {
        let problem: Result<Problem, _> = serde_json::from_slice(body);
        match problem {
            Ok(problem) if head.status == StatusCode::UNPROCESSABLE_ENTITY => {
                HttpError::Job(problem.into_failure())
            }
            Ok(problem) if head.status == StatusCode::CONFLICT && problem.code == "cancelled" => {
                HttpError::Job(JobError::Cancelled)
            }
            Ok(problem) => HttpError::Problem(problem),
            Err(_) => HttpError::Call(refused(&self.server, head.status, body)),
        }
    }
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpClient").field("server", &self.server).finish_non_exhaustive()
    }
}

/// Whether an answer says that another try may help; and when, if it does.
fn passing(head: &Parts, body: &Bytes) -> Option<Option<Duration>> {
    if !matches!(head.status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE) {
        return None;
    }
    let problem: Option<Problem> = serde_json::from_slice(body).ok();
    Some(problem.and_then(|problem| problem.retry_after()).or_else(|| retry_after(&head.headers)))
}
