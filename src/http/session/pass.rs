//! What a client may do on its connection, and until when: each batch of its requests is held
//! against its token before the pipeline sees it.

use std::future::pending;
use std::num::NonZeroU32;
use std::time::{Duration, SystemTime};

use acequia_scheduler::ClientId;
use acequia_ventilator::{ReadEnd, Reader};
use acequia_wire::QueueName;
use acequia_wire::client::{Refusal, Request};
use acequia_wire::code::{RejectCode, close};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

use crate::access::{Entry, Grant, Knock};
use crate::metrics::RefusedToken;
use crate::pipeline::Input;

/// The clock is looked at this often, so that a connection ends in time although it was set.
const CLOCK_LOOK: Duration = Duration::from_secs(60);

/// Whatever is wrong with a token, its client is told this.
const UNAUTHORIZED: ReadEnd =
    ReadEnd::Violation(close::UNAUTHORIZED, "unauthorized: this server needs a valid token");
const EXPIRED: ReadEnd = ReadEnd::Violation(
    close::UNAUTHORIZED,
    "unauthorized: the token has run out; come back with a new one",
);

/// The token that a connection is open with, if clients need one.
#[derive(Debug)]
pub(crate) struct Pass(Option<(Knock, Grant)>);

/// What a client says first.
pub(crate) struct First {
    pub(crate) requests: Vec<Request>,
    /// Whether more may come.
    pub(crate) end: Result<(), ReadEnd>,
}

impl Pass {
    /// Lets a client in, if need be once it has said its token, which may take so long.
    pub(crate) async fn enter(
        entry: Entry,
        handshake: Duration,
        reader: &mut Reader,
        inbox: &mpsc::Sender<Input>,
    ) -> Result<(Self, First), ReadEnd> {
        let (tokens, grant, mut first) = match entry {
            Entry::Open => return Ok((Self(None), First { requests: Vec::new(), end: Ok(()) })),
            Entry::Refused => return Err(UNAUTHORIZED),
            Entry::Granted(tokens, grant) => {
                let first = First { requests: vec![limited(&grant)], end: Ok(()) };
                (tokens, grant, first)
            }
            Entry::Unproven(tokens, _place) => {
                let Ok(mut first) = timeout(handshake, first(reader, inbox)).await else {
                    tokens.refuse(RefusedToken::Missing);
                    return Err(UNAUTHORIZED);
                };
                let grant = match first.requests.first_mut() {
                    // Gone before it said anything.
                    None => return Err(first.end.err().unwrap_or(ReadEnd::Lost)),
                    Some(request) => match token_of(request) {
                        Some(token) => tokens.check(&token).map_err(|_| UNAUTHORIZED)?,
                        None => {
                            tokens.refuse(RefusedToken::Missing);
                            return Err(UNAUTHORIZED);
                        }
                    },
                };
                (tokens, grant, first)
            }
        };
        let mut pass = Self(Some((tokens, grant)));
        pass.judge(&mut first.requests);
        Ok((pass, first))
    }

    /// The client that the token is of. Without one each session is a client of its own.
    pub(crate) fn client(&self) -> Option<ClientId> {
        self.0.as_ref().map(|(_, grant)| grant.client)
    }

    /// Holds requests against the token: one that it does not allow becomes its refusal.
    pub(crate) fn judge(&mut self, requests: &mut Vec<Request>) {
        let Some((tokens, grant)) = &mut self.0 else { return };
        // What is renewed goes behind its request, since that may have the connection speak for
        // another session.
        let mut renewed = Vec::new();
        for (at, request) in requests.iter_mut().enumerate() {
            match request {
                Request::Submit { spec, .. } if !grant.allows(&spec.queue) => {
                    let refusal = not_for_queue(&spec.queue);
                    *request = Request::Refused(refusal.of_submit(spec.id.clone()));
                }
                Request::Subscribe { topic } if !grant.may_subscribe(topic) => {
                    let message = format!(
                        "the token of this client is not for the topic {topic:?}; its claim \
                         `acequia.subscribe` has those that it is for"
                    );
                    *request = Request::Refused(Refusal::new(RejectCode::Forbidden, message));
                }
                Request::Hello(_) => {
                    match token_of(request).map(|token| renew(tokens, grant, &token)) {
                        Some(Err(refusal)) => *request = Request::Refused(refusal),
                        Some(Ok(())) | None => renewed.push((at, limited(grant))),
                    }
                }
                _ => {}
            }
        }
        insert_behind(requests, renewed);
    }

    /// When the connection is to be closed.
    pub(crate) fn until(&self) -> Option<SystemTime> {
        self.0.as_ref().map(|(_, grant)| grant.until)
    }
}

/// Waits until the time of a token is over.
pub(crate) async fn expired(until: Option<SystemTime>) -> ReadEnd {
    let Some(until) = until else { return pending().await };
    while let Ok(left) = until.duration_since(SystemTime::now())
        && !left.is_zero()
    {
        sleep(left.min(CLOCK_LOOK)).await;
    }
    EXPIRED
}

/// The first requests of a client; none if it goes without any.
async fn first(reader: &mut Reader, inbox: &mpsc::Sender<Input>) -> First {
    loop {
        let (requests, end) = reader.read(inbox).await;
        if !requests.is_empty() || end.is_err() {
            return First { requests, end };
        }
    }
}

/// Puts each of `more` behind the request at its place, in one go.
fn insert_behind(requests: &mut Vec<Request>, more: Vec<(usize, Request)>) {
    if more.is_empty() {
        return;
    }
    let mut more = more.into_iter().peekable();
    let mut all = Vec::with_capacity(requests.len() + more.len());
    for (at, request) in std::mem::take(requests).into_iter().enumerate() {
        all.push(request);
        all.extend(more.next_if(|(behind, _)| *behind == at).map(|(_, request)| request));
    }
    *requests = all;
}

/// Why a submit is refused to a queue that the client's token is not for.
pub(in crate::http) fn not_for_queue(queue: &QueueName) -> Refusal {
    let message = format!(
        "the token of this client is not for the queue {:?}; its claim `acequia.queues` has those that \
         it is for",
        queue.as_str()
    );
    Refusal::new(RejectCode::Forbidden, message)
}

/// Takes the token out of a greeting.
fn token_of(request: &mut Request) -> Option<String> {
    let Request::Hello(hello) = request else { return None };
    hello.token.take()
}

/// What a token allows, as the pipeline is told.
pub(in crate::http) fn limited(grant: &Grant) -> Request {
    Request::Limited {
        jobs: grant.jobs.unwrap_or(u32::MAX),
        ops_per_s: grant.ops_per_s.map_or(u32::MAX, NonZeroU32::get),
    }
}

fn renew(tokens: &Knock, grant: &mut Grant, token: &str) -> Result<(), Refusal> {
    let renewed = tokens.check(token).ok();
    let renewed = renewed.filter(|new| {
        let is_same = new.client == grant.client;
        if !is_same {
            tokens.refuse(RefusedToken::Subject);
        }
        is_same
    });
    *grant = renewed.ok_or_else(|| {
        let message = "hello: the token is not valid here; the connection stays open until its own \
                       runs out";
        Refusal::new(RejectCode::Unauthorized, message)
    })?;
    Ok(())
}
