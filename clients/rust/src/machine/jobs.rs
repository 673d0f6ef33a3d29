//! The live jobs by correlation id: what an event, a loss and a welcome do to them.

use std::collections::{BTreeMap, BTreeSet};

use acequia_wire::client::Op;
use acequia_wire::code::RejectCode;
use acequia_wire::{CorrelationId, JobId};
use bytes::Bytes;

use super::again::Again;
use super::end::End;
use super::out::Out;
use super::recovery::{Entry, Fate};
use super::refusal::Refusal;
use super::time::{AGAIN_MS, Ms};
use crate::job_error::{JobError, Loss};
use crate::job_event::JobEvent;

/// How the id of a `cancel` begins for a job that there never was. Its answer comes after all that was sent
/// again, so it marks the end of a replay. It is another one on each connection: the answer of the one before
/// is replayed too. The ids of jobs are numbers.
const REPLAY_END: &str = "replay-end-";

/// A job that is new.
#[derive(Debug)]
pub(crate) struct NewJob {
    pub(crate) id: i64,
    /// Its op, encoded.
    pub(crate) part: Bytes,
    /// It has a `key`.
    pub(crate) keyed: bool,
    /// A refusal that passes is not its end.
    pub(crate) patient: bool,
}

/// All live jobs, in the order of submission.
#[derive(Debug)]
pub(super) struct Jobs {
    entries: BTreeMap<i64, Entry>,
    /// Sent on a lost connection and maybe not known to the server; the replay may have word of them.
    unsure: BTreeSet<i64>,
    /// The replay goes on, and some wait for what it has to say.
    is_replaying: bool,
    /// Connections that there were.
    connections: u64,
    /// Whether jobs of which the server may not know are sent again.
    resend: bool,
}

impl Jobs {
    pub(super) fn new(resend: bool) -> Self {
        Self {
            entries: BTreeMap::new(),
            unsure: BTreeSet::new(),
            is_replaying: false,
            connections: 0,
            resend,
        }
    }

    pub(super) fn add(&mut self, job: NewJob, out: &mut Out) {
        let NewJob { id, part, keyed, patient } = job;
        let entry = Entry {
            part: Some(part),
            keyed,
            patient,
            sent: false,
            heard: false,
            accepted: false,
            cancelling: false,
            repeated: false,
        };
        self.entries.insert(id, entry);
        out.outbox.job(id);
    }

    pub(super) fn has(&self, id: i64) -> bool {
        self.entries.contains_key(&id)
    }

    /// Whether the server has accepted all that there is.
    pub(super) fn are_accepted(&self) -> bool {
        self.entries.values().all(|entry| entry.accepted)
    }

    /// What is sent of a job, if it is live.
    pub(super) fn part(&self, id: i64) -> Option<Bytes> {
        self.entries.get(&id).and_then(|entry| entry.part.clone())
    }

    pub(super) fn sent(&mut self, id: i64) {
        if let Some(entry) = self.entries.get_mut(&id) {
            entry.sent = true;
        }
    }

    /// `is_open`: there is a connection to say so on.
    pub(super) fn cancel(&mut self, id: i64, is_open: bool, out: &mut Out) {
        let Some(entry) = self.entries.get_mut(&id).filter(|entry| !entry.cancelling) else {
            return;
        };
        if !entry.sent {
            // The server need never know.
            return self.end(id, JobError::Cancelled, out);
        }
        entry.cancelling = true;
        if is_open {
            out.cancel(id);
        }
    }

    /// Something happened to a job; `event` is the last if it is an outcome.
    pub(super) fn hear(&mut self, id: i64, job: JobId, event: JobEvent, out: &mut Out) {
        // It may have ended here before the server knew.
        let Some(entry) = self.entries.get_mut(&id) else { return };
        entry.heard = true;
        if matches!(event, JobEvent::Accepted { .. }) {
            entry.accepted = true;
            if !entry.keyed {
                entry.part = None;
            }
        }
        if matches!(event, JobEvent::Ended(_)) {
            self.entries.remove(&id);
        }
        out.tell(id, job, event);
    }

    /// It was not taken.
    pub(super) fn refused(&mut self, id: i64, refusal: Refusal, now: Ms, out: &mut Out) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        if !refusal.is(RejectCode::DuplicateId) {
            // What the replay has to say of it was said.
            self.unsure.remove(&id);
        }
        let is_limited = refusal.is(RejectCode::RateLimited);
        if is_limited {
            out.outbox.refused(now);
        }
        if refusal.is(RejectCode::Draining) {
            // It is for the server that comes next; the end of this connection is near.
            entry.sent = entry.repeated;
        } else if refusal.is(RejectCode::DuplicateId) {
            // It is live: ids are used once.
            entry.sent = true;
            entry.heard = true;
        } else if is_limited || (refusal.passes() && (entry.repeated || entry.patient)) {
            entry.sent = entry.repeated;
            out.again.at(now + refusal.after.unwrap_or(AGAIN_MS), Again::Submit(id));
        } else if entry.repeated {
            let Refusal { code, message, .. } = refusal;
            let message = format!(
                "sent again after a lost connection, it was refused ({code}: {message}); the first one may have run, or run now"
            );
            self.end(id, JobError::lost(Loss::Connection, &message), out);
        } else {
            self.end(id, refusal.into_error(), out);
        }
    }

    /// It has ended, and the server does not know any more how.
    pub(super) fn missed(&mut self, id: i64, out: &mut Out) {
        self.end(id, outcome_lost(), out);
    }

    /// Whether an `error` is the answer to one of our cancels, or came too late.
    pub(super) fn expects(&mut self, refusal: &Refusal, now: Ms, out: &mut Out) -> bool {
        let is_limited = refusal.is(RejectCode::RateLimited);
        let id = match &refusal.id {
            Some(CorrelationId::Int(id)) => *id,
            Some(CorrelationId::Text(text)) if text.starts_with(REPLAY_END) => {
                if **text != *self.replay_end() {
                    // Of a connection that is gone.
                } else if is_limited {
                    // One that was one too many in its second may have overtaken the replay.
                    out.again.at(now + AGAIN_MS, Again::ReplayEnd);
                } else {
                    self.replay_ended(out);
                }
                return true;
            }
            _ => return false,
        };
        let is_cancelling = self.entries.get(&id).is_some_and(|entry| entry.cancelling);
        if is_cancelling && is_limited {
            out.again.at(now + AGAIN_MS, Again::Cancel(id));
        } else if is_cancelling && refusal.is(RejectCode::BadRequest) {
            // Any other cancel was for a job that has ended, or that the server never had.
            self.end(id, JobError::Cancelled, out);
        }
        is_cancelling || refusal.is(RejectCode::BadRequest) || is_limited
    }

    /// Says again, on a new connection, what must be.
    pub(super) fn welcome(&mut self, resumed: bool, had_session: bool, out: &mut Out) {
        self.connections += 1;
        for id in self.ids() {
            if let Some(entry) = self.entries.get(&id) {
                self.meet(id, entry.fate(resumed, self.resend), had_session, out);
            }
        }
        self.is_replaying = !self.unsure.is_empty();
        if self.is_replaying {
            self.ask_for_replay_end(out);
        }
    }

    /// Whether some wait for the replay to tell of them.
    pub(super) fn is_replaying(&self) -> bool {
        self.is_replaying
    }

    /// What the server did not take before is said again.
    pub(super) fn again(&mut self, what: &Again, out: &mut Out) {
        match what {
            Again::Submit(id) if self.has(*id) => out.outbox.job(*id),
            Again::Cancel(id) if self.has(*id) => out.cancel(*id),
            Again::ReplayEnd if self.is_replaying() => self.ask_for_replay_end(out),
            _ => {}
        }
    }

    /// The connection ended; `resumable`: there is a session to go on with.
    pub(super) fn disconnect(&mut self, resumable: bool, out: &mut Out) {
        self.unsure.clear();
        self.is_replaying = false;
        if resumable {
            // The next welcome decides.
            return;
        }
        for id in self.ids() {
            if let Some(entry) = self.entries.get(&id)
                && entry.fate(false, self.resend) == Fate::Lost
            {
                let loss = entry.loss(false);
                self.end(id, loss, out);
            }
        }
    }

    /// There will be no other connection.
    pub(super) fn end_all(&mut self, end: End, out: &mut Out) {
        for (id, entry) in std::mem::take(&mut self.entries) {
            out.end(id, end.of_job(entry.sent));
        }
    }

    fn ids(&self) -> Vec<i64> {
        self.entries.keys().copied().collect()
    }

    fn replay_end(&self) -> String {
        format!("{REPLAY_END}{}", self.connections)
    }

    fn ask_for_replay_end(&self, out: &mut Out) {
        out.outbox.op(&Op::Cancel { id: CorrelationId::Text(self.replay_end().into()) });
    }

    fn replay_ended(&mut self, out: &mut Out) {
        self.is_replaying = false;
        for id in std::mem::take(&mut self.unsure) {
            if let Some(entry) = self.entries.get(&id)
                && !entry.is_safe()
            {
                self.meet(id, entry.after_replay(self.resend), true, out);
            }
        }
    }

    fn meet(&mut self, id: i64, fate: Fate, had_session: bool, out: &mut Out) {
        let Some(entry) = self.entries.get_mut(&id) else { return };
        match fate {
            Fate::Wait => {}
            Fate::Send => {
                entry.repeated |= entry.sent;
                entry.sent = entry.repeated;
                entry.heard = false;
                entry.accepted = false;
                out.outbox.job(id);
            }
            Fate::Cancel => out.cancel(id),
            Fate::Unsure => _ = self.unsure.insert(id),
            Fate::Lost => {
                let loss = entry.loss(had_session);
                self.end(id, loss, out);
            }
        }
    }

    /// Ends a job without the server's word.
    fn end(&mut self, id: i64, error: JobError, out: &mut Out) {
        if self.entries.remove(&id).is_some() {
            out.end(id, error);
        }
    }
}

/// What is left of an outcome that the server could not keep.
pub(super) fn outcome_lost() -> JobError {
    JobError::lost(Loss::Outcome, "the job has ended, and the server does not know any more how")
}
