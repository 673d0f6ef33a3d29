//! The codes that go on the wire: each one a receiver can act on.

use std::borrow::Cow;
use std::fmt;

macro_rules! codes {
    ($(#[$meta:meta])* $name:ident { $($(#[$doc:meta])* $variant:ident => $text:literal,)* }) => {
        $(#[$meta])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum $name { $($(#[$doc])* $variant,)* }

        impl $name {
            /// All codes, in the order of the protocol document.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)*];

            /// The code as it stands on the wire.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}

codes! {
    /// Why an op was refused: the `code` of `rejected` and `error`.
    RejectCode {
        /// The op is malformed; the message names the field.
        BadRequest => "bad_request",
        /// A payload, message or array is over its limit.
        TooLarge => "too_large",
        /// The queues hold as much as the operator allows; worth another try.
        QueueFull => "queue_full",
        /// The client has as many live jobs as it may; worth another try once some have ended.
        TooManyJobs => "too_many_jobs",
        /// Ops come faster than allowed.
        RateLimited => "rate_limited",
        /// No valid token.
        Unauthorized => "unauthorized",
        /// The token does not allow this.
        Forbidden => "forbidden",
        /// The server is about to stop; another one, or this one restarted, will take the job.
        Draining => "draining",
        /// There is no such job, or it is another client's; or it ended too long ago.
        NotFound => "not_found",
        /// The correlation id belongs to a live job of this session.
        DuplicateId => "duplicate_id",
        /// The server cannot write jobs to its disk; worth another try.
        Storage => "storage",
    }
}

codes! {
    /// Why the server itself failed a job: the `code` of `failed` and `retrying`.
    ServerFailCode {
        /// The worker failed the job and named no code of its own.
        WorkerError => "worker_error",
        /// A run took longer than the job's `timeout_ms`.
        Timeout => "timeout",
        /// The workers that ran the job were lost too often.
        WorkerLost => "worker_lost",
        /// The job had not started within its `ttl_ms`.
        Expired => "expired",
        /// The worker's result is not what its type says, or over the limit.
        BadResult => "bad_result",
        /// The worker sent something about the job that cannot be understood.
        BadMessage => "bad_message",
    }
}

/// The `code` of `failed` and `retrying`: one of the server's, or the worker's own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FailCode(Cow<'static, str>);

impl FailCode {
    /// A code that a worker chose.
    pub fn of_worker(code: String) -> Self {
        Self(Cow::Owned(code))
    }

    /// The code as it stands on the wire.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<ServerFailCode> for FailCode {
    fn from(code: ServerFailCode) -> Self {
        Self(Cow::Borrowed(code.as_str()))
    }
}

/// The WebSocket close codes that this protocol uses beside the standard ones.
pub mod close {
    /// The server stops; come back after the time that `bye` gave.
    pub const GOING_AWAY: u16 = 1001;
    /// The peer broke the WebSocket protocol.
    pub const PROTOCOL_ERROR: u16 = 1002;
    /// A binary message on a JSON session, or a text message on a MessagePack session.
    pub const UNSUPPORTED_DATA: u16 = 1003;
    /// A text message that is not UTF-8.
    pub const INVALID_PAYLOAD: u16 = 1007;
    /// A message over the limit.
    pub const MESSAGE_TOO_BIG: u16 = 1009;
    /// The server has as many sessions as it may; try again later.
    pub const TRY_AGAIN_LATER: u16 = 1013;
    /// Sent by a client: its session is over, and nobody will resume it.
    pub const FINISHED: u16 = 4000;
    /// The client has no valid token, or the time of its token is over.
    pub const UNAUTHORIZED: u16 = 4401;
    /// Another connection has resumed the session; this one is not to come back.
    pub const TAKEN_OVER: u16 = 4001;
    /// Nothing came from the client for too long, not even the answer to a ping.
    pub const SILENT: u16 = 4002;
    /// The client reads its events too slowly and too much waits for it.
    pub const SLOW_READER: u16 = 4008;
}
