//! What sessions ask for, and what they are told.

use acequia_scheduler::{Event, SessionId, Time};
use acequia_ventilator::Request;
use acequia_wire::client::{Event as ClientEvent, Refusal, Welcome};
use acequia_wire::code::RejectCode;
use acequia_wire::limits::TOPICS_PER_SESSION_MAX;

use super::Pipeline;

impl Pipeline {
    pub(super) fn take_request(&mut self, now: Time, session: SessionId, request: Request) {
        match request {
            Request::Submit { job, spec } => {
                self.handle(now, Event::Submit { session, job, spec });
            }
            Request::Cancel { id } => self.handle(now, Event::Cancel { session, id }),
            Request::Refused(refusal) => self.tell(session, refusal.into()),
            Request::Hello(_) => {
                let welcome = Welcome { session: None, resumed: false, limits: self.limits };
                self.tell(session, ClientEvent::Welcome(Box::new(welcome)));
            }
            Request::Limited { jobs } => {
                self.handle(now, Event::SessionLimited { session, jobs });
            }
            // Only a session that can be resumed keeps events that an `ack` could release.
            Request::Ack { .. } => {}
            Request::Subscribe { topic } => {
                if !self.topics.subscribe(session, &topic) {
                    let message = format!(
                        "this session has {TOPICS_PER_SESSION_MAX} topics, the limit; unsubscribe from one first"
                    );
                    self.tell(session, Refusal::new(RejectCode::TooLarge, message).into());
                }
            }
            Request::Unsubscribe { topic } => self.topics.unsubscribe(session, &topic),
        }
    }

    /// Puts an event into a session's mailbox. Refusals are counted here, whoever refuses.
    pub(super) fn tell(&mut self, session: SessionId, event: ClientEvent) {
        if let ClientEvent::Rejected { code, .. } | ClientEvent::Error { code, .. } = &event {
            self.metrics.rejected(*code);
        }
        self.mailboxes.put(session, event);
    }
}
