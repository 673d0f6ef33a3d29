//! What whoever makes a call may do.

use std::sync::Arc;

use acequia_scheduler::ClientId;
use acequia_wire::QueueName;
use acequia_wire::client::{Refusal, Request};
use acequia_wire::code::RejectCode;
use axum::extract::{FromRef, FromRequestParts};
use axum::http::header;
use axum::http::request::Parts;

use super::problem::Problem;
use crate::access::{CHALLENGE, Grant, Knock, Peer, bearer};
use crate::http::door::Door;
use crate::http::known_pages;
use crate::http::listener::Caller;
use crate::http::session::{limited, not_for_queue};
use crate::metrics::RefusedToken;
use crate::pipeline::{CALLERS, Whose};

/// What whoever makes a call may do.
#[derive(Debug)]
pub(super) struct Rights {
    /// What its token allows, if clients need one.
    grant: Option<Grant>,
    /// Where it comes from.
    peer: Peer,
}

impl<S: Sync> FromRequestParts<S> for Rights
where
    Arc<Door>: FromRef<S>,
{
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let door = Arc::<Door>::from_ref(state);
        // Each request has one.
        let caller = parts.extensions.get::<Caller>().ok_or_else(Problem::unavailable)?;
        known_pages::check(&door, caller, &parts.headers)
            .map_err(|foreign| Problem::foreign(&foreign))?;
        let peer = caller.peer();
        let Some(knock) = Knock::at(&door.access, peer) else {
            return Ok(Self { grant: None, peer });
        };
        let granted = match bearer(&parts.headers) {
            Some(token) => knock.check(token).ok(),
            None => {
                knock.refuse(RefusedToken::Missing);
                None
            }
        };
        let grant = granted.ok_or_else(|| {
            let message = "this server needs a valid token, as `Authorization: Bearer TOKEN`";
            let refusal = Refusal::new(RejectCode::Unauthorized, message);
            Problem::from(refusal).with(header::WWW_AUTHENTICATE, CHALLENGE)
        })?;
        Ok(Self { grant: Some(grant), peer })
    }
}

impl Rights {
    /// Whose its calls are.
    pub(super) fn whose(&self) -> Whose {
        self.grant.as_ref().map_or(Whose::Callers, |grant| Whose::Proven(grant.client))
    }

    pub(super) fn peer(&self) -> Peer {
        self.peer
    }

    pub(super) fn client(&self) -> ClientId {
        self.grant.as_ref().map_or(CALLERS, |grant| grant.client)
    }

    /// Ops that it may make in a second, if not as many as all.
    pub(super) fn ops_per_s(&self) -> usize {
        let own = self.grant.as_ref().and_then(|grant| grant.ops_per_s);
        own.and_then(|own| usize::try_from(own.get()).ok()).unwrap_or(usize::MAX)
    }

    /// Whether the jobs of a client are there for it: where nobody has to prove anything, whoever
    /// knows the id of a job has a right to it.
    pub(super) fn sees(&self, client: ClientId) -> bool {
        self.grant.as_ref().is_none_or(|grant| grant.client == client)
    }

    /// What it is limited to, for the pipeline.
    pub(super) fn limits(&self) -> Option<Request> {
        self.grant.as_ref().map(limited)
    }

    /// Whether it may submit to a queue.
    pub(super) fn check_queue(&self, queue: &QueueName) -> Result<(), Refusal> {
        match &self.grant {
            Some(grant) if !grant.allows(queue) => Err(not_for_queue(queue)),
            _ => Ok(()),
        }
    }

    /// Whether it may publish on a topic.
    pub(super) fn check_topic(&self, topic: &str) -> Result<(), Refusal> {
        match &self.grant {
            Some(grant) if !grant.may_publish(topic) => {
                let message = format!(
                    "the token of this client is not for publishing on {topic:?}; its claim \
                     `acequia.publish` has the topics that it is for"
                );
                Err(Refusal::new(RejectCode::Forbidden, message))
            }
            _ => Ok(()),
        }
    }
}
