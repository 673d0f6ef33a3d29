//! Why there will be no other connection.

use acequia_wire::code::RejectCode;

use super::refusal::Refusal;
use crate::job_error::{JobError, Loss};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// By this client.
    Closed,
    /// Another connection goes on with the session.
    TakenOver,
    /// There is no valid token.
    Unauthorized,
}

impl End {
    /// What becomes of a job that was `sent`, or was not.
    pub(super) fn of_job(self, sent: bool) -> JobError {
        match self {
            Self::Closed => JobError::Closed,
            Self::TakenOver => {
                let message = "another connection goes on with this session and its jobs";
                JobError::lost(Loss::TakenOver, message)
            }
            Self::Unauthorized if sent => {
                let message =
                    "the server does not take the token any more; the job may or may not run";
                JobError::lost(Loss::Unauthorized, message)
            }
            // What was never sent was never run.
            Self::Unauthorized => {
                let message = "the server does not take the token";
                Refusal::new(RejectCode::Unauthorized, message).into_error()
            }
        }
    }
}
