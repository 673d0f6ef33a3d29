//! What the server says, and whom it is about.

use std::time::Duration;

use acequia_wire::client::{Event, JobEvent as WireEvent, Op, Welcome};
use acequia_wire::code::{RejectCode, close};
use acequia_wire::worker::Progress;
use acequia_wire::{CorrelationId, JobId, TraceParent};

use super::again::Again;
use super::heard::Heard;
use super::out::Effect;
use super::refusal::Refusal;
use super::time::{AGAIN_MS, Ms};
use super::{Bye, Down, Machine, Phase};
use crate::job_error::JobError;
use crate::job_event::JobEvent;
use crate::state::State;

impl Machine {
    /// A message of the server: the event, its number, and how many bytes it took.
    pub(crate) fn hear(&mut self, heard: Heard, seq: Option<u64>, bytes: usize, now: Ms) {
        self.liveness.heard(now);
        match (heard, self.phase) {
            (Heard::Event(Event::Welcome(welcome)), Phase::Greeting { .. }) => {
                self.welcome(&welcome, now);
            }
            // The answer to a question whether anybody is there.
            (Heard::Event(Event::Welcome(_)), _) => {}
            (Heard::Event(Event::Bye { reason, reconnect_in_ms, close }), _) => {
                let reconnect_in = reconnect_in_ms.into();
                self.bye = Some(Bye { reason, reconnect_in, close: Some(close) });
            }
            (heard, Phase::Greeting { .. }) => {
                let refusal = match heard {
                    Heard::Event(event) => Refusal::of(event).ok(),
                    Heard::Refusal(refusal) => Some(refusal.into()),
                };
                // Of this connection no other greeting would be heard.
                if let Some(refusal) = refusal {
                    self.greeting_refused(&refusal, now);
                }
            }
            (heard, Phase::Open { .. }) if self.session.hear(seq) => {
                if let Some(seq) = seq {
                    self.acks.heard(seq, bytes, now);
                }
                match heard {
                    Heard::Event(event) => self.hear_event(event, now),
                    Heard::Refusal(refusal) => self.hear_refusal(refusal.into(), now),
                }
                self.close_if_settled(now);
            }
            _ => {}
        }
    }

    fn greeting_refused(&mut self, refusal: &Refusal, now: Ms) {
        let Refusal { code, message, after, .. } = refusal;
        let is_limited = refusal.is(RejectCode::RateLimited);
        let down = Down {
            code: refusal.is(RejectCode::Unauthorized).then_some(close::UNAUTHORIZED),
            retry_after: after.or(is_limited.then_some(AGAIN_MS)),
            why: format!("{code}: {message}"),
        };
        self.out.effects.push(Effect::HangUp(close::GOING_AWAY));
        self.lost(down, now);
    }

    fn welcome(&mut self, welcome: &Welcome, now: Ms) {
        let had_session = self.session.is_resumable();
        let resumed = self.session.welcome(welcome);
        self.phase = Phase::Open { since: now };
        self.tokens_refused = 0;
        self.acks.reset();
        let limits = &welcome.limits;
        let ops_per_s = self.token_ops_per_s.unwrap_or(usize::MAX).min(limits.ops_per_s);
        self.out.outbox.begin(ops_per_s, limits.message_bytes, now);
        self.topics.say(&mut self.out);
        self.jobs.welcome(resumed, had_session, &mut self.out);
        self.watches.welcome(resumed, &mut self.out);
        if !self.jobs.is_replaying() {
            self.batches.ask(&mut self.out);
        }
        self.out.effects.push(Effect::State(State::Open));
        self.close_if_settled(now);
    }

    fn hear_event(&mut self, event: Event, now: Ms) {
        match event {
            Event::Job { id: CorrelationId::Int(id), job, what, traceparent } => {
                let event = told(job, what, traceparent.map(|span| *span));
                if self.watches.has(id) {
                    self.watches.hear(id, job, event, &mut self.out);
                } else {
                    self.jobs.hear(id, job, event, &mut self.out);
                }
            }
            Event::Rejected { id: CorrelationId::Int(id), .. } => {
                if let Ok(refusal) = Refusal::of(event) {
                    self.jobs.refused(id, refusal, now, &mut self.out);
                }
            }
            Event::Error { .. } => {
                if let Ok(refusal) = Refusal::of(event) {
                    self.hear_refusal(refusal, now);
                }
            }
            Event::Message { topic, data } => {
                if self.topics.has(&topic) {
                    self.out.effects.push(Effect::Topic(topic, data));
                } else {
                    // The op that said so may have been refused.
                    let topic = topic.as_ref().into();
                    self.out.outbox.op(&Op::Unsubscribe { topic });
                }
            }
            Event::Batch(batch) => self.batches.ended(*batch, &mut self.out),
            Event::Gap { outcome_of: Some((CorrelationId::Int(id), _)), .. } => {
                self.watches.missed(id, &mut self.out);
                self.jobs.missed(id, &mut self.out);
            }
            Event::Gap { missed, .. } => self.out.effects.push(Effect::Missed(missed)),
            // Ids that are texts are none of ours; welcome and bye were looked at.
            Event::Job { .. } | Event::Rejected { .. } | Event::Welcome(_) | Event::Bye { .. } => {}
        }
    }

    /// An `error`, or a refusal that this version does not know.
    fn hear_refusal(&mut self, refusal: Refusal, now: Ms) {
        if refusal.id.is_none() && refusal.is(RejectCode::RateLimited) {
            self.out.outbox.refused(now);
            return self.out.again.at(now + AGAIN_MS, Again::Nameless);
        }
        let was_replaying = self.jobs.is_replaying();
        match refusal.id {
            Some(CorrelationId::Int(id)) if self.watches.has(id) => {
                self.watches.refused(id, refusal, now, &mut self.out);
            }
            Some(CorrelationId::Int(id)) if self.batches.has(id) => {
                self.batches.refused(id, refusal, now, &mut self.out);
            }
            Some(CorrelationId::Int(id)) if refusal.known.is_none() && self.jobs.has(id) => {
                self.jobs.refused(id, refusal, now, &mut self.out);
            }
            _ => {
                let is_known = self.jobs.expects(&refusal, now, &mut self.out)
                    || self.topics.refused(&refusal, &mut self.out);
                if !is_known {
                    let Refusal { code, message, .. } = refusal;
                    let said = format!("the server refused something: {message} ({code})");
                    self.out.effects.push(Effect::Warn(said));
                }
            }
        }
        if was_replaying && !self.jobs.is_replaying() {
            self.batches.ask(&mut self.out);
        }
    }
}

/// An event of the wire as its handle is told of it.
fn told(job: JobId, what: WireEvent, traceparent: Option<TraceParent>) -> JobEvent {
    match what {
        WireEvent::Accepted => JobEvent::Accepted { job, traceparent },
        WireEvent::Started { attempt, worker } => JobEvent::Started { attempt, worker },
        WireEvent::Progress(progress) => {
            let Progress { done, total, note } = *progress;
            JobEvent::Progress { done, total, note }
        }
        WireEvent::Chunk { n, data } => JobEvent::Chunk { n, data: data.into() },
        WireEvent::Retrying(retry) => JobEvent::Retrying {
            attempt: retry.attempt,
            code: retry.code.as_str().into(),
            message: retry.message.into(),
            after: Duration::from_millis(retry.in_ms.into()),
        },
        WireEvent::Done { result } => JobEvent::Ended(Ok(result.into())),
        WireEvent::Failed { code, message, attempt } => JobEvent::Ended(Err(JobError::Failed {
            code: code.as_str().into(),
            message: message.into(),
            attempt,
        })),
        WireEvent::Cancelled => JobEvent::Ended(Err(JobError::Cancelled)),
    }
}
