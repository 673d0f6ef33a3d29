//! What the scheduler and the journal call the same things.

use std::sync::Arc;

use acequia_journal::{
    Admitted, BatchEnd, Counts, DeadLetter as Buried, Entry, Kept, LiveJob, Outcome,
    Past as PastOf, Tally as Tallied,
};
use acequia_scheduler::{
    Action, ClientId, DeadLetter, Past, Recovered, Retained, SessionId, Tally, Ticket,
};

use super::timescale::Shift;
use acequia_wire::client::{Batch, JobEvent};

/// The session of a job, if it can be resumed, and the number of the event that tells its outcome,
/// once it has one.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    pub(crate) session: Option<SessionId>,
    pub(crate) seq: Option<u64>,
}

fn number(session: Option<SessionId>) -> u64 {
    session.map_or(0, |session| session.0)
}

fn session(number: u64) -> Option<SessionId> {
    (number > 0).then_some(SessionId(number))
}

/// What an action has the journal write, if anything.
pub(super) fn entry(action: Action, told: Told, shift: Shift) -> Option<Entry> {
    Some(match action {
        Action::Record { ticket, job, client, submitted, spec, .. } => Entry::Admitted(Admitted {
            ticket: ticket.0,
            job,
            client: client.0,
            session: number(told.session),
            submitted_ms: shift.kept(submitted),
            spec,
        }),
        Action::Count { ticket, runs, failures, losses, not_before } => {
            let not_before_ms = not_before.map_or(0, |time| shift.kept(time));
            let counts = Counts { runs, failures, losses, not_before_ms };
            Entry::Counted { ticket: ticket.0, counts }
        }
        Action::Settle { ticket, retain, .. } => {
            let outcome = retain.and_then(|retained| kept(&retained, told, shift)).map(Box::new);
            Entry::Settled { ticket: ticket.0, outcome }
        }
        Action::GiveUp { retained } => {
            let Retained { ticket, job, .. } = *retained;
            Entry::GivenUp { ticket: ticket.0, job, is_missed: told.session.is_some() }
        }
        Action::Tally(tally) => Entry::Tallied(Box::new(tallied(tally, shift))),
        Action::BatchOver { tally: Tally { client, name, .. }, is_recorded: true, .. } => {
            Entry::BatchOver { client: client.0, name }
        }
        Action::Bury { letter } => Entry::Buried(Box::new(buried(&letter, shift))),
        Action::Exhume { ticket } => Entry::Exhumed { ticket: ticket.0 },
        Action::BatchOver { is_recorded: false, .. }
        | Action::Tell { .. }
        | Action::Run { .. }
        | Action::CancelRun { .. }
        | Action::Remind { .. }
        | Action::EndLane { .. }
        | Action::SayBye { .. }
        | Action::Measure(_) => return None,
        #[cfg(feature = "otlp")]
        Action::Span(_) => return None,
    })
}

/// A live job that goes on.
pub(super) fn recovered(job: LiveJob, shift: Shift) -> Recovered {
    let LiveJob { admitted, counts } = job;
    let Admitted { ticket, job, client, session: name, submitted_ms, spec } = admitted;
    Recovered {
        job,
        client: ClientId(client),
        session: session(name),
        ticket: Ticket(ticket),
        spec,
        submitted: shift.recovered(submitted_ms),
        runs: counts.runs,
        failures: counts.failures,
        losses: counts.losses,
        not_before: (counts.not_before_ms > 0).then(|| shift.recovered(counts.not_before_ms)),
    }
}

/// An outcome that is kept, unless it was given up.
pub(super) fn retained(kept: Kept, shift: Shift) -> Option<Retained> {
    let Kept {
        ticket,
        job,
        client,
        session: name,
        id,
        key,
        ended_ms,
        outcome,
        traceparent,
        past,
        ..
    } = kept;
    let outcome = match outcome {
        Outcome::Done { result } => JobEvent::Done { result },
        Outcome::Failed { code, message, attempt } => JobEvent::Failed { code, message, attempt },
        Outcome::Cancelled => JobEvent::Cancelled,
        Outcome::GivenUp => return None,
    };
    let (ticket, client, session) = (Ticket(ticket), ClientId(client), session(name));
    let ended = shift.recovered(ended_ms);
    let past = past.map(|of| Past {
        queue: of.queue,
        submitted: shift.recovered(of.submitted_ms),
        runs: of.runs,
    });
    Some(Retained { ticket, job, client, session, id, key, ended, outcome, traceparent, past })
}

fn kept(retained: &Retained, told: Told, shift: Shift) -> Option<Kept> {
    let Retained { ticket, job, client, id, key, ended, outcome, traceparent, past, .. } =
        retained.clone();
    let outcome = match outcome {
        JobEvent::Done { result } => Outcome::Done { result },
        JobEvent::Failed { code, message, attempt } => Outcome::Failed { code, message, attempt },
        JobEvent::Cancelled => Outcome::Cancelled,
        // No outcome.
        _ => return None,
    };
    let (session, seq) = (number(told.session), told.seq.unwrap_or(0));
    let ended_ms = shift.kept(ended);
    let (ticket, client) = (ticket.0, client.0);
    let past = past.map(|of| PastOf {
        queue: of.queue,
        submitted_ms: shift.kept(of.submitted),
        runs: of.runs,
    });
    Some(Kept { ticket, job, client, session, seq, id, key, ended_ms, outcome, traceparent, past })
}

/// The end of a batch that was told to a session.
pub(super) fn batch_end(batch: &Batch, session: SessionId, seq: u64) -> BatchEnd {
    let Batch { ref name, jobs: _, done, failed, cancelled, elapsed_ms } = *batch;
    let (session, name) = (session.0, Arc::from(&**name));
    BatchEnd { session, seq, name, done, failed, cancelled, elapsed_ms }
}

/// What that session is told, if it has to be told again.
pub(super) fn batch(end: BatchEnd) -> Batch {
    let BatchEnd { name, done, failed, cancelled, elapsed_ms, .. } = end;
    let jobs = done.saturating_add(failed).saturating_add(cancelled);
    Batch { name: (&*name).into(), jobs, done, failed, cancelled, elapsed_ms }
}

fn tallied(tally: Tally, shift: Shift) -> Tallied {
    let Tally { client, name, began, ended: [done, failed, cancelled], sessions } = tally;
    let sessions = sessions.iter().map(|session| session.0).collect();
    let (client, began_ms) = (client.0, shift.kept(began));
    Tallied { client, name, began_ms, done, failed, cancelled, sessions }
}

/// A batch that goes on.
pub(super) fn tally(kept: Tallied, shift: Shift) -> Tally {
    let Tallied { client, name, began_ms, done, failed, cancelled, sessions } = kept;
    Tally {
        client: ClientId(client),
        name,
        began: shift.recovered(began_ms),
        ended: [done, failed, cancelled],
        sessions: Arc::new(sessions.into_iter().map(SessionId).collect()),
    }
}

pub(super) fn dead_letter(buried: Buried, shift: Shift) -> DeadLetter {
    let Buried { job, failed_ms, code, message, runs, failures, losses } = buried;
    let Admitted { ticket, job, client, session: _, submitted_ms, spec } = job;
    DeadLetter {
        ticket: Ticket(ticket),
        job,
        client: ClientId(client),
        spec,
        submitted: shift.recovered(submitted_ms),
        failed: shift.recovered(failed_ms),
        code,
        message,
        runs,
        failures,
        losses,
    }
}

fn buried(letter: &DeadLetter, shift: Shift) -> Buried {
    let DeadLetter {
        ticket,
        job,
        client,
        spec,
        submitted,
        failed,
        code,
        message,
        runs,
        failures,
        losses,
    } = letter.clone();
    let job = Admitted {
        ticket: ticket.0,
        job,
        client: client.0,
        session: 0,
        submitted_ms: shift.kept(submitted),
        spec,
    };
    Buried { job, failed_ms: shift.kept(failed), code, message, runs, failures, losses }
}
