//! What the front door refuses, by reason.

use metrics::Counter;

use super::{Maker, Metrics};

/// Why a request was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefusedRequest {
    /// A foreign page had a browser ask.
    Origin,
    /// As many sessions are open as may be.
    Sessions,
    /// An admin call of somebody who may not make one.
    Admin,
}

impl RefusedRequest {
    const ALL: [Self; 3] = [Self::Origin, Self::Sessions, Self::Admin];

    const fn as_str(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Sessions => "sessions",
            Self::Admin => "admin",
        }
    }
}

/// Counts them, from any task.
#[derive(Clone)]
pub(crate) struct RefusedRequests([Counter; RefusedRequest::ALL.len()]);

impl RefusedRequests {
    pub(crate) fn count(&self, reason: RefusedRequest) {
        self.0[reason as usize].increment(1);
    }
}

impl std::fmt::Debug for RefusedRequests {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RefusedRequests")
    }
}

impl Metrics {
    /// The counters of refused requests.
    pub(crate) fn refused_requests(&self) -> RefusedRequests {
        let make = Maker(&self.recorder);
        RefusedRequests(RefusedRequest::ALL.map(|reason| {
            make.counter("acequia_http_refused_total", &[("reason", reason.as_str())])
        }))
    }
}
