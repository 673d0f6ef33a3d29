//! Why there is no result, and the exit code that says so.

use acequia::client::ClientError;
use acequia_wire::JobId;
use acequia_wire::code::RejectCode;

use crate::failure::{FAILED, Failure, LOST, REJECTED};
use crate::stop::Signal;

/// Ctrl-C, or somebody else did not want the job any more.
pub(crate) const INTERRUPTED: u8 = 130;

/// Where a job is that goes on without this command.
pub(crate) struct Left<'a> {
    /// `http://HOST:PORT`.
    pub(crate) server: &'a str,
    /// The server's name for the job, once it has taken it.
    pub(crate) job: Option<JobId>,
}

impl Left<'_> {
    /// What becomes of the job, and how it is seen and cancelled.
    fn told(&self) -> String {
        let Some(job) = self.job else {
            return "the server has not said that it took the job, and may have; to submit it again may \
                    run it twice, and nothing is there to cancel by its id"
                .to_owned();
        };
        let url = format!("{}/v1/admin/jobs/{job}", self.server);
        format!(
            "job {job} goes on at the server, and `acequia watch {job}` shows it. With the admin token (-H \
             \"Authorization: Bearer $TOKEN\"), this cancels it: curl -X POST {url}/cancel"
        )
    }
}

pub(crate) fn lost(error: &ClientError) -> Failure {
    Failure(LOST, error.to_string())
}

/// The connection went while the job was on its way.
pub(crate) fn lost_with(error: &ClientError, left: &Left<'_>) -> Failure {
    Failure(LOST, format!("{error}; {}", left.told()))
}

pub(crate) fn gone(reason: &str) -> Failure {
    Failure(LOST, format!("the server said goodbye: {reason}; submit again once it is back"))
}

pub(crate) fn gone_with(reason: &str, left: &Left<'_>) -> Failure {
    Failure(LOST, format!("the server said goodbye: {reason}; {}", left.told()))
}

pub(crate) fn rejected(code: RejectCode, message: &str, retry_after_ms: Option<u32>) -> Failure {
    let again = retry_after_ms.map(|ms| format!("; try again in {ms} ms")).unwrap_or_default();
    Failure(REJECTED, format!("rejected: {code}: {message}{again}"))
}

pub(crate) fn too_large(size: usize, limit: usize) -> Failure {
    let message = format!(
        "the payload has {size} bytes and the server takes at most {limit}; send a smaller one, or \
         where it is to be found"
    );
    Failure(REJECTED, message)
}

pub(crate) fn unwritable(error: &std::io::Error) -> Failure {
    Failure(FAILED, format!("cannot write the result: {error}"))
}

pub(crate) fn incomplete() -> Failure {
    let message = "the job is done, but partial results of it or news were lost on the way, since they \
                   were read too slowly; what was written is not all of them";
    Failure(FAILED, message.to_owned())
}

pub(crate) fn outcome_lost() -> Failure {
    let message = "the job has ended, but the server could not keep how until it was read; what was \
                   written is not its result";
    Failure(FAILED, message.to_owned())
}

/// A signal came before there was anything to leave behind.
pub(crate) fn stopped(signal: Signal, before: &str) -> Failure {
    Failure(signal.code(), format!("stopped before {before}"))
}

/// A signal came, and the job was not to be cancelled by it.
pub(crate) fn left(signal: Signal, left: &Left<'_>) -> Failure {
    Failure(signal.code(), format!("stopped: {}", left.told()))
}
