//! Who is refused, by reason.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;

use acequia_scheduler::Dropped;
use metrics::Counter;

/// A closed list of reasons to refuse somebody, with a metric of its own.
pub(crate) trait Reason: Copy + Eq + Hash + 'static {
    /// The metric that counts them.
    const METRIC: &'static str;
    /// All of them.
    const ALL: &'static [Self];

    /// The value of the label `reason`.
    fn as_str(self) -> &'static str;
}

/// Counts refusals, from any task.
#[derive(Clone)]
pub(crate) struct Refused<R>(pub(super) HashMap<R, Counter>);

impl<R: Reason> Refused<R> {
    pub(crate) fn count(&self, reason: R) {
        if let Some(counter) = self.0.get(&reason) {
            counter.increment(1);
        }
    }

    /// Counts for nobody.
    #[cfg(test)]
    pub(crate) fn unseen() -> Self {
        Self(HashMap::new())
    }
}

impl<R> fmt::Debug for Refused<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Refused")
    }
}

/// Counts refused requests.
pub(crate) type RefusedRequests = Refused<RefusedRequest>;
/// Counts workers that were turned away.
pub(crate) type RefusedWorkers = Refused<RefusedWorker>;

/// Counts tokens that were refused.
pub(crate) type RefusedTokens = Refused<RefusedToken>;

/// Why a client was refused for its token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RefusedToken {
    /// None came, or not in time.
    Missing,
    /// Too many clients have not shown theirs.
    Crowd,
    /// It is no JSON Web Token, or asks for what is not understood.
    Malformed,
    /// It is signed in a way that none of the keys is for.
    Algorithm,
    /// No key has the name that it gives.
    Key,
    /// Nobody who is trusted signed it.
    Signature,
    /// Its time is over.
    Expired,
    /// Its time has not come.
    NotYet,
    /// It is for somebody else.
    Audience,
    /// Somebody else issued it.
    Issuer,
    /// A claim is missing or not as it should be.
    Claims,
    /// It is of another client than the connection.
    Subject,
}

impl Reason for RefusedToken {
    const METRIC: &'static str = "acequia_tokens_refused_total";
    const ALL: &'static [Self] = &[
        Self::Missing,
        Self::Crowd,
        Self::Malformed,
        Self::Algorithm,
        Self::Key,
        Self::Signature,
        Self::Expired,
        Self::NotYet,
        Self::Audience,
        Self::Issuer,
        Self::Claims,
        Self::Subject,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Crowd => "crowd",
            Self::Malformed => "malformed",
            Self::Algorithm => "algorithm",
            Self::Key => "key",
            Self::Signature => "signature",
            Self::Expired => "expired",
            Self::NotYet => "not_yet",
            Self::Audience => "audience",
            Self::Issuer => "issuer",
            Self::Claims => "claims",
            Self::Subject => "subject",
        }
    }
}

impl fmt::Display for RefusedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Why a request was refused at the front door.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RefusedRequest {
    /// As many connections are open from its address as may be.
    Address,
    /// A foreign page had a browser ask.
    Origin,
    /// As many sessions are open as may be.
    Sessions,
    /// An admin call that did not name the admin token.
    AdminToken,
    /// A client offered subprotocols, and none that is known; a browser then goes by itself.
    Subprotocol,
    /// A connection without a TLS handshake, or without room for one.
    Tls,
    /// A proxy's connection that does not begin with a header of the PROXY protocol.
    ProxyHeader,
}

impl Reason for RefusedRequest {
    const METRIC: &'static str = "acequia_http_refused_total";
    const ALL: &'static [Self] = &[
        Self::Address,
        Self::Origin,
        Self::Sessions,
        Self::AdminToken,
        Self::Subprotocol,
        Self::Tls,
        Self::ProxyHeader,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Address => "address",
            Self::Origin => "origin",
            Self::Sessions => "sessions",
            Self::AdminToken => "admin_token",
            Self::Subprotocol => "subprotocol",
            Self::Tls => "tls",
            Self::ProxyHeader => "proxy_header",
        }
    }
}

/// Why a worker was turned away at its `ready`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum RefusedWorker {
    /// There is no `auth` in it.
    NoAuth,
    /// Its `auth` was made of another token, or for another lane.
    WrongAuth,
}

impl fmt::Display for RefusedWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Reason for RefusedWorker {
    const METRIC: &'static str = "acequia_workers_refused_total";
    const ALL: &'static [Self] = &[Self::NoAuth, Self::WrongAuth];

    fn as_str(self) -> &'static str {
        match self {
            Self::NoAuth => "no_auth",
            Self::WrongAuth => "wrong_auth",
        }
    }
}

/// Counts messages of workers that were dropped.
pub(crate) type DroppedMessages = Refused<DroppedMessage>;

/// Why a worker's message was dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum DroppedMessage {
    /// About a job.
    Job(Dropped),
    /// Before its lane was ready.
    NotReady,
    /// A `ready` for a lane that is not, or no longer, there.
    UnknownLane,
    /// A second `ready` for a lane.
    ReadyTwice,
    /// A `ready` on a results connection that two workers share.
    SharedResults,
    /// About another lane than its own.
    OtherLane,
    /// A `publish` whose body is not what its type says.
    BadPublish,
}

impl Reason for DroppedMessage {
    const METRIC: &'static str = "acequia_worker_messages_dropped_total";
    const ALL: &'static [Self] = &[
        Self::Job(Dropped::NotHeld),
        Self::Job(Dropped::Late),
        Self::NotReady,
        Self::UnknownLane,
        Self::ReadyTwice,
        Self::SharedResults,
        Self::OtherLane,
        Self::BadPublish,
    ];

    fn as_str(self) -> &'static str {
        match self {
            Self::Job(dropped) => dropped.as_str(),
            Self::NotReady => "not_ready",
            Self::UnknownLane => "unknown_lane",
            Self::ReadyTwice => "ready_twice",
            Self::SharedResults => "shared_results",
            Self::OtherLane => "other_lane",
            Self::BadPublish => "bad_publish",
        }
    }
}

/// Counts spans that were dropped.
#[cfg(feature = "otlp")]
pub(crate) type DroppedSpans = Refused<DroppedSpan>;

/// Why a span does not reach the collector.
#[cfg(feature = "otlp")]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum DroppedSpan {
    /// Too many wait to be sent.
    Full,
    /// The collector did not take it.
    Failed,
}

#[cfg(feature = "otlp")]
impl Reason for DroppedSpan {
    const METRIC: &'static str = "acequia_spans_dropped_total";
    const ALL: &'static [Self] = &[Self::Full, Self::Failed];

    fn as_str(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Failed => "failed",
        }
    }
}
