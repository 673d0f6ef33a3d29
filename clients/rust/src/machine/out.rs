//! What the parts of the machine write to: ops for the server, things to say again, effects for the shell.

use std::sync::Arc;

use acequia_wire::client::{Batch, Encoding, Op};
use acequia_wire::{CorrelationId, JobId, Payload};

use super::again::Agenda;
use super::outbox::Outbox;
use crate::job_error::JobError;
use crate::job_event::JobEvent;
use crate::state::State;

/// What the shell is to do.
#[derive(Debug)]
pub(crate) enum Effect {
    /// Open a connection, and say what came of it.
    Dial,
    /// End the connection, or the dial, with this close code. Nothing more of it is heard.
    HangUp(u16),
    /// Tell a job's handle; with the server's name for the job, if it was heard.
    Job(i64, Option<JobId>, JobEvent),
    /// Tell who subscribed.
    Topic(Arc<str>, Payload),
    /// The topic is told no more.
    TopicRefused { topic: Arc<str>, code: Arc<str>, message: Arc<str> },
    /// The end of a batch, or why it is not heard of.
    Batch(Box<str>, Result<Batch, JobError>),
    /// Events of this session were given up by the server.
    Missed(u64),
    /// The client's state is another.
    State(State),
    /// Worth a line in the log.
    Warn(String),
}

pub(super) struct Out {
    pub(super) outbox: Outbox,
    pub(super) again: Agenda,
    pub(super) effects: Vec<Effect>,
}

impl Out {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self { outbox: Outbox::new(encoding), again: Agenda::default(), effects: Vec::new() }
    }

    pub(super) fn tell(&mut self, id: i64, job: JobId, event: JobEvent) {
        self.effects.push(Effect::Job(id, Some(job), event));
    }

    /// Ends a job without the server's word.
    pub(super) fn end(&mut self, id: i64, error: JobError) {
        self.effects.push(Effect::Job(id, None, JobEvent::Ended(Err(error))));
    }

    pub(super) fn cancel(&mut self, id: i64) {
        self.outbox.op(&Op::Cancel { id: CorrelationId::Int(id) });
    }
}
