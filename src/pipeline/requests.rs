//! What sessions ask for, and what they are told.

use acequia_scheduler::{Event, SessionId, Time};
use acequia_ventilator::{ConnectionId, Request};
use acequia_wire::client::{Event as ClientEvent, Refusal};
use acequia_wire::code::RejectCode;
use acequia_wire::limits::TOPICS_PER_SESSION_MAX;
use tokio::time::Instant;

use super::Pipeline;

impl Pipeline {
    pub(super) fn take_requests(
        &mut self,
        now: Time,
        instant: Instant,
        connection: ConnectionId,
        requests: Vec<Request>,
    ) {
        // A connection whose session another has taken over speaks for nobody.
        let Some(mut session) = self.sessions.of(connection) else { return };
        // What its token allows is not of the client's own saying.
        let speaks = requests.iter().any(|one| !matches!(one, Request::Limited { .. }));
        for request in requests {
            if let Request::Hello(hello) = request {
                // What came before it in this message is told first.
                self.act(instant);
                self.greet(now, instant, connection, hello);
                let Some(of) = self.sessions.of(connection) else { return };
                session = of;
            } else {
                self.take_request(now, session, request);
            }
        }
        if speaks {
            self.sessions.speaks(connection);
        }
    }

    fn take_request(&mut self, now: Time, session: SessionId, request: Request) {
        match request {
            Request::Submit { job, spec } => {
                self.handle(now, Event::Submit { session, job, spec });
            }
            Request::Cancel { id } => self.handle(now, Event::Cancel { session, id }),
            Request::Refused(refusal) => self.tell(session, refusal.into()),
            // Answered by whoever knows the connection.
            Request::Hello(_) => {}
            Request::Ack { seq } => self.mailboxes.ack(session, seq),
            Request::Limited { jobs } => {
                self.handle(now, Event::SessionLimited { session, jobs });
            }
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
        if !self.mailboxes.put(session, event) {
            self.hopeless.push(session);
        }
    }
}
