//! The watched jobs by correlation id: what an event, a refusal, a loss and a welcome do to them.
//!
//! A job that is watched is the server's, and so is its outcome: after any loss it is asked for again, which
//! does no harm where it was not needed.

use std::collections::BTreeMap;
use std::sync::Arc;

use acequia_wire::client::{Op, Watched as Target};
use acequia_wire::code::RejectCode;
use acequia_wire::{CorrelationId, JobId};

use super::again::Again;
use super::end::End;
use super::jobs::outcome_lost;
use super::out::Out;
use super::refusal::Refusal;
use super::time::{AGAIN_MS, Ms};
use crate::job_event::JobEvent;

/// One job that others submitted.
#[derive(Debug)]
struct Watched {
    job: JobId,
    sent: bool,
    heard: bool,
    cancelling: bool,
    /// Nobody here wants it any more. There is no op for watching no more.
    idle: bool,
    /// What was told, for it may be told again.
    accepted: bool,
    started: Option<(u32, Arc<str>)>,
    /// What comes first may be of the past.
    may_repeat: bool,
    /// It will be said again on this connection.
    held: bool,
}

#[derive(Debug, Default)]
pub(super) struct Watches {
    by_id: BTreeMap<i64, Watched>,
}

impl Watches {
    pub(super) fn add(&mut self, id: i64, job: JobId, is_open: bool, out: &mut Out) {
        let watched = Watched {
            job,
            sent: false,
            heard: false,
            cancelling: false,
            idle: false,
            accepted: false,
            started: None,
            may_repeat: false,
            held: false,
        };
        self.by_id.insert(id, watched);
        if is_open {
            self.say(id, false, out);
        }
    }

    pub(super) fn has(&self, id: i64) -> bool {
        self.by_id.contains_key(&id)
    }

    /// Nobody here wants it any more.
    pub(super) fn forget(&mut self, id: i64) {
        if let Some(watched) = self.by_id.get_mut(&id) {
            watched.idle = true;
            if !watched.sent && !watched.cancelling {
                self.by_id.remove(&id);
            }
        }
    }

    /// For all who are told of the job.
    pub(super) fn cancel(&mut self, id: i64, is_open: bool, out: &mut Out) {
        if let Some(watched) = self.by_id.get_mut(&id).filter(|watched| !watched.cancelling) {
            watched.cancelling = true;
            if is_open {
                out.cancel(id);
            }
        }
    }

    pub(super) fn hear(&mut self, id: i64, job: JobId, event: JobEvent, out: &mut Out) {
        let Some(watched) = self.by_id.get_mut(&id) else { return };
        watched.heard = true;
        let is_repeated = watched.is_repeated(&event);
        match &event {
            JobEvent::Accepted { .. } => watched.accepted = true,
            JobEvent::Started { attempt, worker } => {
                watched.started = Some((*attempt, Arc::clone(worker)));
            }
            JobEvent::Retrying { .. } => watched.started = None,
            JobEvent::Ended(_) => _ = self.by_id.remove(&id),
            _ => {}
        }
        if !is_repeated {
            out.tell(id, job, event);
        }
    }

    pub(super) fn missed(&mut self, id: i64, out: &mut Out) {
        if self.by_id.remove(&id).is_some() {
            out.end(id, outcome_lost());
        }
    }

    /// The answer to a `watch`, or to a `cancel`.
    pub(super) fn refused(&mut self, id: i64, refusal: Refusal, now: Ms, out: &mut Out) {
        let Some(watched) = self.by_id.get_mut(&id) else { return };
        // What was watched before will have room again; and a cancel is for naught where the watch did not
        // get through.
        let passes = refusal.is(RejectCode::RateLimited)
            || (refusal.is(RejectCode::TooManyJobs) && watched.heard)
            || (refusal.is(RejectCode::BadRequest) && watched.cancelling);
        if !passes {
            self.by_id.remove(&id);
            out.end(id, refusal.into_error());
        } else if !watched.held {
            watched.held = true;
            out.again.at(now + refusal.after.unwrap_or(AGAIN_MS), Again::Watch(id));
        }
    }

    pub(super) fn again(&mut self, id: i64, out: &mut Out) {
        if let Some(watched) = self.by_id.get_mut(&id) {
            watched.held = false;
            if watched.is_wanted() {
                self.say(id, true, out);
            }
        }
    }

    /// Says, on a new connection, what must be.
    pub(super) fn welcome(&mut self, resumed: bool, out: &mut Out) {
        self.by_id.retain(|_, watched| resumed || watched.is_wanted());
        let ids: Vec<_> = self.by_id.keys().copied().collect();
        for id in ids {
            if self.by_id.get(&id).is_some_and(Watched::is_wanted) {
                self.say(id, true, out);
            }
        }
    }

    pub(super) fn disconnect(&mut self) {
        self.by_id.values_mut().for_each(|watched| watched.held = false);
    }

    pub(super) fn end_all(&mut self, end: End, out: &mut Out) {
        for (id, watched) in std::mem::take(&mut self.by_id) {
            out.end(id, end.of_job(watched.sent));
        }
    }

    fn say(&mut self, id: i64, may_repeat: bool, out: &mut Out) {
        let Some(watched) = self.by_id.get_mut(&id) else { return };
        watched.may_repeat = may_repeat && watched.sent;
        watched.sent = true;
        let what = Target::Job(watched.job);
        out.outbox.op(&Op::Watch { id: CorrelationId::Int(id), what });
        if watched.cancelling {
            out.cancel(id);
        }
    }
}

impl Watched {
    /// Whether the server need be told of it.
    fn is_wanted(&self) -> bool {
        !self.idle || self.cancelling
    }

    /// Whether an event is the answer to a `watch` that was said again, and told already.
    fn is_repeated(&mut self, event: &JobEvent) -> bool {
        match event {
            JobEvent::Accepted { .. } => self.accepted,
            JobEvent::Started { attempt, worker } => {
                let told =
                    self.started.as_ref().is_some_and(|(n, who)| n == attempt && who == worker);
                std::mem::take(&mut self.may_repeat) && told
            }
            _ => {
                // Only what comes first is of the past.
                self.may_repeat = false;
                false
            }
        }
    }
}
