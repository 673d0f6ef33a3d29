//! What the server says that it does not do, whether this version knows the code or not.

use std::sync::Arc;
use std::time::Duration;

use acequia_wire::CorrelationId;
use acequia_wire::client::{Event, UnknownRefusal};
use acequia_wire::code::RejectCode;

use super::time::Ms;
use crate::job_error::JobError;

/// A `rejected` or an `error`.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(super) id: Option<CorrelationId>,
    pub(super) known: Option<RejectCode>,
    pub(super) code: Arc<str>,
    pub(super) message: Arc<str>,
    pub(super) after: Option<Ms>,
}

impl Refusal {
    pub(super) fn new(code: RejectCode, message: &str) -> Self {
        Self {
            id: None,
            known: Some(code),
            code: code.as_str().into(),
            message: message.into(),
            after: None,
        }
    }

    /// The refusal that an event is, if it is one.
    pub(super) fn of(event: Event) -> Result<Self, Event> {
        let (id, code, message, after) = match event {
            Event::Rejected { id, code, message, retry_after_ms } => {
                (Some(id), code, message, retry_after_ms)
            }
            Event::Error { id, code, message } => (id, code, message, None),
            other => return Err(other),
        };
        Ok(Self { id, after: after.map(Ms::from), ..Self::new(code, &message) })
    }

    /// Whether it passes, and says nothing of a job that the server may have.
    pub(super) fn passes(&self) -> bool {
        use RejectCode::{QueueFull, RateLimited, Storage, TooManyJobs};
        matches!(self.known, Some(RateLimited | QueueFull | TooManyJobs | Storage))
    }

    pub(super) fn is(&self, code: RejectCode) -> bool {
        self.known == Some(code)
    }

    pub(super) fn into_error(self) -> JobError {
        let Self { code, message, after, .. } = self;
        JobError::Rejected { code, message, retry_after: after.map(Duration::from_millis) }
    }
}

impl From<UnknownRefusal> for Refusal {
    fn from(refusal: UnknownRefusal) -> Self {
        let UnknownRefusal { id, code, message, retry_after_ms, .. } = refusal;
        let after = retry_after_ms.map(Ms::from);
        Self { id, known: None, code: code.into(), message: message.into(), after }
    }
}
