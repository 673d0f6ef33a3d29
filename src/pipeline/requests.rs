//! What sessions ask for, and what they are told.

use acequia_scheduler::{Event, SessionId, Sight, Time};
use acequia_sink::Put;
use acequia_ventilator::ConnectionId;
use acequia_wire::client::{Event as ClientEvent, Refusal, Request};
use tokio::time::Instant;

use super::Pipeline;
use super::input::CALLERS;
use super::rates::too_fast;

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
        self.limit(connection, &requests);
        let is_op = |request: &Request| !matches!(request, Request::Limited { .. });
        let ops = requests.iter().filter(|request| is_op(request)).count();
        let Some(client) = self.scheduler.client_of(session) else { return };
        let ops_per_s = self.sessions.ops_per_s(connection).min(self.limits.ops_per_s);
        let mut allowed = self.rates.take(client, ops, ops_per_s, instant);
        for request in requests {
            if is_op(&request) {
                if allowed == 0 {
                    self.tell(session, about(request, too_fast(ops_per_s)).into());
                    continue;
                }
                allowed -= 1;
            }
            if let Request::Hello(hello) = request {
                // What came before it in this message is told first.
                self.act(instant);
                self.greet(now, instant, connection, hello);
                let Some(of) = self.sessions.of(connection) else { return };
                session = of;
            } else {
                self.take_request(now, connection, session, request);
            }
        }
        // What its token allows is not of the client's own saying.
        if ops > 0 {
            self.sessions.speaks(connection);
        }
    }

    /// What a client asked of another owner, which may have heeded it. It counts only in the session that it
    /// was said in, and what this one has been told the end of is not begun once more.
    pub(super) fn take_again(
        &mut self,
        now: Time,
        connection: ConnectionId,
        since: u64,
        requests: Vec<Request>,
    ) {
        let Some(session) = self.sessions.of(connection) else { return };
        if !self.sessions.is_resumed_by(connection) {
            return;
        }
        for request in requests {
            if let Request::Submit { spec, .. } = &request
                && self.mailboxes.has_answer_to(session, &spec.id, since)
            {
                continue;
            }
            self.take_request(now, connection, session, request);
        }
    }

    /// What a token allows of ops counts for those that come with it, too.
    fn limit(&mut self, connection: ConnectionId, requests: &[Request]) {
        for request in requests {
            if let Request::Limited { ops_per_s, .. } = request {
                self.sessions.limit(connection, *ops_per_s);
            }
        }
    }

    fn take_request(
        &mut self,
        now: Time,
        connection: ConnectionId,
        session: SessionId,
        request: Request,
    ) {
        match request {
            Request::Submit { job, spec } => {
                self.handle(now, Event::Submit { session, job, spec });
            }
            Request::Cancel { id } => self.handle(now, Event::Cancel { session, id }),
            Request::Watch { id, what } => {
                // Whoever has proven who it is sees its own only. Else the id, which cannot be guessed,
                // is the right to it.
                let sight = match self.sessions.proven(connection) {
                    Some(_) => Sight::Own,
                    None => Sight::All { batches_of: CALLERS },
                };
                self.handle(now, Event::Watch { session, id, what, sight });
            }
            Request::Refused(refusal) => self.tell(session, refusal.into()),
            // Answered by whoever knows the connection.
            Request::Hello(_) => {}
            Request::Ack { seq } => self.mailboxes.ack(session, seq),
            Request::Limited { jobs, .. } => {
                self.handle(now, Event::SessionLimited { session, jobs });
            }
            Request::Subscribe { topic } => {
                self.subscribe(session, &topic);
            }
            Request::Unsubscribe { topic } => self.topics.unsubscribe(session, &topic),
        }
    }

    /// Puts an event into a session's mailbox. Refusals are counted here, whoever refuses.
    pub(super) fn tell(&mut self, session: SessionId, event: ClientEvent) {
        if let ClientEvent::Rejected { code, .. } | ClientEvent::Error { code, .. } = &event {
            self.metrics.rejected(*code);
        }
        match self.mailboxes.put(session, event) {
            Put::Done | Put::ConnectionClosed => {}
            Put::Pressed => self.pressed.push(session),
            Put::Over => self.hopeless.push(session),
        }
    }
}

/// A refusal, said of the request that it is of.
fn about(request: Request, refusal: Refusal) -> Refusal {
    match request {
        Request::Submit { spec, .. } => refusal.of_submit(spec.id.clone()),
        Request::Cancel { id } | Request::Watch { id, .. } => Refusal { id: Some(id), ..refusal },
        Request::Refused(Refusal { id, submit, .. }) => Refusal { id, submit, ..refusal },
        Request::Hello(_)
        | Request::Limited { .. }
        | Request::Ack { .. }
        | Request::Subscribe { .. }
        | Request::Unsubscribe { .. } => refusal,
    }
}
