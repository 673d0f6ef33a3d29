//! The client as a state machine, without IO, clock or chance: it is told what happens and at what time, and
//! says what is to be done.
//!
//! ```text
//! commands of handles ─┐                  ┌─▶ effects: dial, hang up, tell a handle
//! events of the server ┼─▶ Machine ───────┼─▶ messages for the server, whenever there is room for one
//! the clock ───────────┘                  └─▶ a deadline
//! ```
//!
//! The shell around it is [`crate::driver`]. A connection is in one of these phases:
//!
//! ```text
//! Dialling ──dialled──▶ Greeting ──welcome──▶ Open
//!   ▲  │                   │                   │
//!   │  └──── lost ─────────┴───────────────────┤
//!   └──────── after a pause ──── Waiting ◀─────┘    any ──closed, taken over, no token──▶ Closed
//! ```

mod acks;
mod again;
mod backoff;
mod batches;
mod end;
mod heard;
mod hearing;
mod jobs;
mod liveness;
mod out;
mod outbox;
mod pace;
mod recovery;
mod refusal;
mod session;
#[cfg(test)]
mod simulation;
#[cfg(test)]
mod tests;
mod time;
mod topics;
#[cfg(test)]
mod vectors;
mod watches;

use std::sync::Arc;
use std::time::Duration;

use acequia_wire::JobId;
use acequia_wire::client::{Encoding, HelloOp, Op};
use acequia_wire::code::{RejectCode, close};
use bytes::Bytes;

use crate::state::State;
use acks::Acks;
use again::Again;
use backoff::Backoff;
use batches::Batches;
use end::End;
use jobs::Jobs;
use liveness::{Liveness, Silence};
use out::Out;
use outbox::Next;
use refusal::Refusal;
use session::Session;
use topics::Topics;
use watches::Watches;

pub(crate) use heard::Heard;
pub(crate) use jobs::NewJob;
pub(crate) use out::Effect;
pub(crate) use time::Ms;

/// For a connection, and for the server's greeting after it.
const CONNECT_MS: Ms = 10_000;
/// A connection that ended sooner was none, as far as the pause before the next dial goes.
const STEADY_MS: Ms = 5_000;
/// What waits to be sent and to be accepted has so long once the client is to be closed.
const CLOSE_MS: Ms = 5_000;
/// After so many in a row that a server did not take, there is no use in asking for another token.
const TOKENS_MAX: u32 = 5;

/// What the client was told to do.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Policy {
    pub(crate) encoding: Encoding,
    /// Whether to ask for a session that can be resumed.
    pub(crate) resume: bool,
    /// Whether jobs of which the server may not know are sent again.
    pub(crate) resend: bool,
    /// Whether asking again may bring another token.
    pub(crate) renews_token: bool,
}

/// How a connection ended, or was not to be had.
#[derive(Clone, Debug)]
pub(crate) struct Down {
    /// The close code, if one was heard.
    pub(crate) code: Option<u16>,
    /// When the server wants to be asked again, where it refused the connection.
    pub(crate) retry_after: Option<Ms>,
    pub(crate) why: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Dialling {
        until: Ms,
    },
    /// `said`: the greeting is on its way.
    Greeting {
        until: Ms,
        said: bool,
    },
    Open {
        since: Ms,
    },
    Waiting {
        until: Ms,
    },
    Closed,
}

/// What the server said before it closed the connection.
#[derive(Debug)]
struct Bye {
    reason: String,
    reconnect_in: Ms,
    close: Option<u16>,
}

pub(crate) struct Machine {
    policy: Policy,
    phase: Phase,
    session: Session,
    backoff: Backoff,
    liveness: Liveness,
    acks: Acks,
    jobs: Jobs,
    watches: Watches,
    batches: Batches,
    topics: Topics,
    out: Out,
    bye: Option<Bye>,
    /// Tokens in a row that the server did not take.
    tokens_refused: u32,
    /// What the token allows, if it says so.
    token_ops_per_s: Option<usize>,
    /// Until when what waits may still leave, once the client is to be closed.
    closing: Option<Ms>,
}

impl Machine {
    /// One that wants to dial.
    pub(crate) fn new(policy: Policy, seed: u64, now: Ms) -> Self {
        let mut machine = Self {
            policy,
            phase: Phase::Closed,
            session: Session::new(policy.resume),
            backoff: Backoff::new(seed),
            liveness: Liveness::default(),
            acks: Acks::default(),
            jobs: Jobs::new(policy.resend),
            watches: Watches::default(),
            batches: Batches::default(),
            topics: Topics::default(),
            out: Out::new(policy.encoding),
            bye: None,
            tokens_refused: 0,
            token_ops_per_s: None,
            closing: None,
        };
        machine.dial(now);
        machine
    }

    /// What is to be done, since it was asked the last time.
    pub(crate) fn effects(&mut self) -> Vec<Effect> {
        std::mem::take(&mut self.out.effects)
    }

    /// Whether there will be no other connection, and nothing more happens.
    pub(crate) fn is_closed(&self) -> bool {
        self.phase == Phase::Closed
    }

    /// Whether anything may still come of a job, submitted or watched.
    pub(crate) fn is_live(&self, id: i64) -> bool {
        self.jobs.has(id) || self.watches.has(id)
    }

    /// Jobs that are new, to be sent together as far as they fit into a message.
    pub(crate) fn submit(&mut self, jobs: impl IntoIterator<Item = NewJob>) {
        for job in jobs {
            self.jobs.add(job, &mut self.out);
        }
    }

    pub(crate) fn cancel(&mut self, id: i64) {
        let is_open = self.is_open();
        if self.watches.has(id) {
            self.watches.cancel(id, is_open, &mut self.out);
        } else {
            self.jobs.cancel(id, is_open, &mut self.out);
        }
    }

    pub(crate) fn watch(&mut self, id: i64, job: JobId) {
        let is_open = self.is_open();
        self.watches.add(id, job, is_open, &mut self.out);
    }

    /// Nobody wants to hear of what is watched any more.
    pub(crate) fn forget(&mut self, id: i64) {
        self.watches.forget(id);
    }

    /// Somebody waits for the end of a batch; `id` is unlike those of jobs.
    pub(crate) fn await_batch(&mut self, id: i64, name: Box<str>) {
        // The jobs of a batch may be those that must be submitted again.
        let is_open = self.is_open() && !self.jobs.is_replaying();
        self.batches.add(id, name, is_open, &mut self.out);
    }

    pub(crate) fn subscribe(&mut self, topic: Arc<str>) {
        let is_open = self.is_open();
        self.topics.add(topic, is_open, &mut self.out);
    }

    pub(crate) fn unsubscribe(&mut self, topic: &str) {
        let is_open = self.is_open();
        self.topics.remove(topic, is_open, &mut self.out);
    }

    /// For good, once what was submitted is accepted, or after some seconds.
    pub(crate) fn close(&mut self, now: Ms) {
        self.closing.get_or_insert(now + CLOSE_MS);
        self.close_if_settled(now);
    }

    /// What the token for the next connection allows.
    pub(crate) fn note_token(&mut self, ops_per_s: Option<usize>) {
        self.token_ops_per_s = ops_per_s;
    }

    /// The connection that was asked for is there.
    pub(crate) fn dialled(&mut self, now: Ms) {
        if matches!(self.phase, Phase::Dialling { .. }) {
            self.phase = Phase::Greeting { until: now + CONNECT_MS, said: false };
        }
    }

    /// The connection ended, or was not to be had.
    pub(crate) fn lost(&mut self, down: Down, now: Ms) {
        if matches!(self.phase, Phase::Waiting { .. } | Phase::Closed) {
            return;
        }
        if let Phase::Open { since } = self.phase
            && now >= since + STEADY_MS
        {
            self.backoff.reset();
        }
        let bye = self.bye.take();
        // A close frame may be lost behind a `bye`.
        let code = bye.as_ref().and_then(|bye| bye.close).or(down.code);
        let why = bye.as_ref().map_or(down.why, |bye| bye.reason.clone());
        self.out.outbox.clear();
        self.out.again.clear();
        self.acks.reset();
        self.watches.disconnect();
        if code == Some(close::UNAUTHORIZED) {
            self.tokens_refused += 1;
        }
        match code {
            Some(close::TAKEN_OVER) => return self.end(End::TakenOver, &why),
            Some(close::UNAUTHORIZED)
                if !self.policy.renews_token || self.tokens_refused >= TOKENS_MAX =>
            {
                return self.end(End::Unauthorized, &why);
            }
            _ => {}
        }
        self.jobs.disconnect(self.session.is_resumable(), &mut self.out);
        let asked = bye.map(|bye| bye.reconnect_in).or(down.retry_after);
        let pause = self.backoff.next(asked);
        self.phase = Phase::Waiting { until: now + pause };
        let retry_in = Duration::from_millis(pause);
        self.out.effects.push(Effect::State(State::Waiting { retry_in, why: why.into() }));
        self.close_if_settled(now);
    }

    /// The time is what it is.
    pub(crate) fn tick(&mut self, now: Ms) {
        match self.phase {
            Phase::Dialling { until } if now >= until => {
                self.give_up(format!("no answer came in {CONNECT_MS} ms"), now);
            }
            Phase::Greeting { until, .. } if now >= until => {
                self.give_up(format!("no welcome came in {CONNECT_MS} ms"), now);
            }
            Phase::Waiting { until } if now >= until => self.dial(now),
            Phase::Open { .. } => {
                while let Some(again) = self.out.again.take(now) {
                    self.say_again(&again);
                }
                match self.liveness.look(now) {
                    Some(Silence::Ask) => self.out.outbox.op(&Op::Hello(HelloOp::default())),
                    Some(Silence::Dead) => {
                        self.give_up("the server says nothing any more".to_owned(), now);
                    }
                    None => {}
                }
            }
            _ => {}
        }
        self.close_if_settled(now);
    }

    /// When it wants to be told the time, or to be asked for a message. The latter is of no use while one is
    /// being written.
    pub(crate) fn deadline(&self, is_writing: bool) -> Option<Ms> {
        let of_phase = match self.phase {
            Phase::Dialling { until }
            | Phase::Greeting { until, .. }
            | Phase::Waiting { until } => Some(until),
            Phase::Open { .. } => {
                let to_send = [self.acks.due(), self.out.outbox.due()].into_iter().flatten();
                let to_send = to_send.filter(|_| !is_writing);
                to_send.chain(self.out.again.due()).chain([self.liveness.due()]).min()
            }
            Phase::Closed => None,
        };
        of_phase.into_iter().chain(self.closing.filter(|_| !self.is_closed())).min()
    }

    /// The next message for the server, if there is one. To be asked for only when there is room for it.
    pub(crate) fn transmit(&mut self, now: Ms) -> Option<Bytes> {
        match &mut self.phase {
            Phase::Greeting { said, .. } if !*said => {
                *said = true;
                let hello = HelloOp { token: None, resume: self.session.resume() };
                Some(Op::Hello(hello).encode(self.policy.encoding).into())
            }
            Phase::Open { .. } => {
                let is_due = self.acks.due().is_some_and(|due| due <= now);
                if (is_due || !self.out.outbox.is_empty())
                    && let Some(seq) = self.acks.take()
                {
                    self.out.outbox.op(&Op::Ack { seq });
                }
                self.next_message(now)
            }
            _ => None,
        }
    }

    fn next_message(&mut self, now: Ms) -> Option<Bytes> {
        loop {
            match self.out.outbox.next(now, |id| self.jobs.part(id)) {
                Next::Nothing => return None,
                Next::Message(message, jobs) => {
                    jobs.into_iter().for_each(|id| self.jobs.sent(id));
                    self.liveness.sent(now);
                    return Some(message);
                }
                Next::TooLarge { id, bytes, most } => {
                    let message =
                        format!("the job has {bytes} bytes; a message holds at most {most}");
                    let refusal = Refusal::new(RejectCode::TooLarge, &message);
                    self.jobs.refused(id, refusal, now, &mut self.out);
                }
            }
        }
    }

    fn is_open(&self) -> bool {
        matches!(self.phase, Phase::Open { .. })
    }

    fn dial(&mut self, now: Ms) {
        self.phase = Phase::Dialling { until: now + CONNECT_MS };
        self.out.effects.extend([Effect::State(State::Connecting), Effect::Dial]);
    }

    /// Ends a connection that is of no use.
    fn give_up(&mut self, why: String, now: Ms) {
        self.out.effects.push(Effect::HangUp(close::SILENT));
        self.lost(Down { code: None, retry_after: None, why }, now);
    }

    fn say_again(&mut self, again: &Again) {
        match again {
            Again::Watch(id) => self.watches.again(*id, &mut self.out),
            Again::Batch(id) => self.batches.again(*id, &mut self.out),
            Again::Nameless => {
                self.topics.say(&mut self.out);
                if self.session.is_resumable() && self.session.last() > 0 {
                    self.out.outbox.op(&Op::Ack { seq: self.session.last() });
                }
            }
            jobs => self.jobs.again(jobs, &mut self.out),
        }
    }

    fn close_if_settled(&mut self, now: Ms) {
        let Some(until) = self.closing else { return };
        if self.is_closed() || (now < until && !self.jobs.are_accepted()) {
            return;
        }
        if !matches!(self.phase, Phase::Waiting { .. }) {
            self.out.effects.push(Effect::HangUp(close::FINISHED));
        }
        self.end(End::Closed, "closed by this client");
    }

    /// There will be no other connection.
    fn end(&mut self, end: End, why: &str) {
        self.phase = Phase::Closed;
        self.jobs.end_all(end, &mut self.out);
        self.watches.end_all(end, &mut self.out);
        self.batches.end_all(end, &mut self.out);
        let why = match end {
            End::Closed => why.to_owned(),
            End::TakenOver => format!("another connection goes on with this session: {why}"),
            End::Unauthorized => format!("the server does not take the token: {why}"),
        };
        self.out.effects.push(Effect::State(State::Closed { why: why.into() }));
    }
}
