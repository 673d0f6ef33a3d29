//! What a token says of its client.

use std::num::NonZeroU32;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use acequia_scheduler::ClientId;
use acequia_wire::QueueName;
use serde::Deserialize;
use serde::de::IgnoredAny;
use sha2::{Digest as _, Sha256};

use super::topics::TopicPattern;
use crate::metrics::RefusedToken;

/// The longest `sub`, in bytes.
const SUB_BYTES_MAX: usize = 1024;
/// How far the clock of whoever issued a token may be ahead of this one.
const CLOCK_AHEAD_MAX_S: f64 = 30.0;
/// A token is good for this long at most as far as anybody here counts: a century.
const LIFE_MAX_S: f64 = 100.0 * 365.0 * 86_400.0;

/// The claims that are looked at. Of them `aud` and `iss` are checked before.
#[derive(Debug, Deserialize)]
pub(super) struct Claims {
    sub: Option<Subject>,
    #[serde(default)]
    exp: f64,
    nbf: Option<f64>,
    acequia: Option<Restrictions>,
}

/// Who a token is of. By the specification that is a text; some issuers put the number of a row there.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Subject {
    Text(String),
    Positive(u64),
    Negative(i64),
    Other(IgnoredAny),
}

impl Subject {
    /// A number is the same client as its digits.
    fn into_text(self) -> Option<String> {
        match self {
            Self::Text(text) => Some(text),
            Self::Positive(number) => Some(number.to_string()),
            Self::Negative(number) => Some(number.to_string()),
            Self::Other(_) => None,
        }
    }
}

/// The claim `acequia`. What is not known may be a restriction, so a token with it is refused.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Restrictions {
    queues: Option<Vec<String>>,
    jobs: Option<u32>,
    ops_per_s: Option<NonZeroU32>,
    subscribe: Option<Vec<String>>,
    publish: Option<Vec<String>>,
}

/// What a client may do, and until when.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Grant {
    /// Whose turn its jobs take.
    pub(crate) client: ClientId,
    /// When its connections are closed.
    pub(crate) until: SystemTime,
    /// The only queues that it may submit to; `None` for all.
    pub(crate) queues: Option<Vec<QueueName>>,
    /// How many live jobs it may have, if not as many as all.
    pub(crate) jobs: Option<u32>,
    /// How many ops it may send in a second, if not as many as all.
    pub(crate) ops_per_s: Option<NonZeroU32>,
    /// The only topics that it may subscribe to; `None` for all.
    subscribe: Option<Vec<TopicPattern>>,
    /// The topics that it may publish on.
    publish: Vec<TopicPattern>,
}

impl Claims {
    pub(super) fn grant(self, now: SystemTime) -> Result<Grant, RefusedToken> {
        let sub = self.sub.and_then(Subject::into_text);
        let sub = sub.filter(|sub| (1..=SUB_BYTES_MAX).contains(&sub.len()));
        let sub = sub.ok_or(RefusedToken::Claims)?;
        let now_s = now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64();
        // JSON has no number that is none, so each of them compares.
        if self.exp <= now_s {
            return Err(RefusedToken::Expired);
        }
        if self.nbf.is_some_and(|nbf| nbf > now_s + CLOCK_AHEAD_MAX_S) {
            return Err(RefusedToken::NotYet);
        }
        let left = Duration::from_secs_f64((self.exp - now_s).min(LIFE_MAX_S));
        let Restrictions { queues, jobs, ops_per_s, subscribe, publish } =
            self.acequia.unwrap_or_default();
        let patterns =
            |topics: Vec<String>| topics.into_iter().map(TopicPattern::from).collect::<Vec<_>>();
        let queues = queues.map(|names| names.iter().map(|name| name.parse()).collect());
        let queues = queues.transpose().map_err(|_| RefusedToken::Claims)?;
        Ok(Grant {
            client: client_of(&sub),
            until: now + left,
            queues,
            jobs,
            ops_per_s,
            subscribe: subscribe.map(patterns),
            publish: publish.map(patterns).unwrap_or_default(),
        })
    }
}

/// The client that a subject is: the same in all sessions, and after a restart.
fn client_of(sub: &str) -> ClientId {
    let digest: [u8; 32] = Sha256::digest(sub).into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    ClientId(u64::from_be_bytes([a, b, c, d, e, f, g, h]))
}

impl Grant {
    /// Whether it may submit to this queue.
    pub(crate) fn allows(&self, queue: &QueueName) -> bool {
        self.queues.as_ref().is_none_or(|queues| queues.contains(queue))
    }

    /// Whether it may subscribe to this topic.
    pub(crate) fn may_subscribe(&self, topic: &str) -> bool {
        let topics = self.subscribe.as_ref();
        topics.is_none_or(|topics| topics.iter().any(|pattern| pattern.matches(topic)))
    }

    /// Whether it may publish on this topic: only what its token names, since whoever may say something
    /// to others' pages has to be trusted with it.
    pub(crate) fn may_publish(&self, topic: &str) -> bool {
        self.publish.iter().any(|pattern| pattern.matches(topic))
    }
}
