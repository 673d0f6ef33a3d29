//! What the scheduler and the journal call the same things.

use acequia_journal::{Admitted, Counts, DeadLetter as Buried, Entry, Kept, LiveJob, Outcome};
use acequia_scheduler::{Action, ClientId, DeadLetter, Recovered, Retained, Ticket, Time};
use acequia_wire::client::JobEvent;

/// What an action has the journal write, if anything.
pub(super) fn entry(action: Action) -> Option<Entry> {
    Some(match action {
        Action::Record { ticket, job, client, submitted, spec } => Entry::Admitted(Admitted {
            ticket: ticket.0,
            job,
            client: client.0,
            submitted_ms: submitted.as_millis(),
            spec,
        }),
        Action::Count { ticket, runs, failures, losses, not_before } => {
            let not_before_ms = not_before.map_or(0, Time::as_millis);
            let counts = Counts { runs, failures, losses, not_before_ms };
            Entry::Counted { ticket: ticket.0, counts }
        }
        Action::Settle { ticket, retain } => {
            let outcome = retain.and_then(|retained| kept(&retained)).map(Box::new);
            Entry::Settled { ticket: ticket.0, outcome }
        }
        Action::Bury { letter } => Entry::Buried(Box::new(buried(&letter))),
        Action::Exhume { ticket } => Entry::Exhumed { ticket: ticket.0 },
        Action::Tell { .. }
        | Action::Run { .. }
        | Action::CancelRun { .. }
        | Action::SayBye { .. }
        | Action::Measure(_) => return None,
    })
}

/// A live job that goes on.
pub(super) fn recovered(job: LiveJob) -> Recovered {
    let LiveJob { admitted: Admitted { ticket, job, client, submitted_ms, spec }, counts } = job;
    Recovered {
        job,
        client: ClientId(client),
        ticket: Ticket(ticket),
        spec,
        submitted: Time::from_millis(submitted_ms),
        runs: counts.runs,
        failures: counts.failures,
        losses: counts.losses,
        not_before: (counts.not_before_ms > 0).then(|| Time::from_millis(counts.not_before_ms)),
    }
}

pub(super) fn retained(kept: Kept) -> Retained {
    let Kept { job, client, id, key, ended_ms, outcome } = kept;
    let outcome = match outcome {
        Outcome::Done { result } => JobEvent::Done { result },
        Outcome::Failed { code, message, attempt } => JobEvent::Failed { code, message, attempt },
        Outcome::Cancelled => JobEvent::Cancelled,
    };
    Retained { job, client: ClientId(client), id, key, ended: Time::from_millis(ended_ms), outcome }
}

fn kept(retained: &Retained) -> Option<Kept> {
    let Retained { job, client, id, key, ended, outcome } = retained.clone();
    let outcome = match outcome {
        JobEvent::Done { result } => Outcome::Done { result },
        JobEvent::Failed { code, message, attempt } => Outcome::Failed { code, message, attempt },
        JobEvent::Cancelled => Outcome::Cancelled,
        // No outcome.
        _ => return None,
    };
    Some(Kept { job, client: client.0, id, key, ended_ms: ended.as_millis(), outcome })
}

pub(super) fn dead_letter(buried: Buried) -> DeadLetter {
    let Buried { job, failed_ms, code, message, runs, failures, losses } = buried;
    let Admitted { ticket, job, client, submitted_ms, spec } = job;
    DeadLetter {
        ticket: Ticket(ticket),
        job,
        client: ClientId(client),
        spec,
        submitted: Time::from_millis(submitted_ms),
        failed: Time::from_millis(failed_ms),
        code,
        message,
        runs,
        failures,
        losses,
    }
}

fn buried(letter: &DeadLetter) -> Buried {
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
        submitted_ms: submitted.as_millis(),
        spec,
    };
    Buried { job, failed_ms: failed.as_millis(), code, message, runs, failures, losses }
}
