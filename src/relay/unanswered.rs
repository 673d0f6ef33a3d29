//! What a client has asked in a session that can be resumed, and has not been answered: the next owner may
//! not know of it, whatever the one before has written down, and the door says it again as the client would.

use std::collections::BTreeMap;

use acequia_wire::CorrelationId;
use acequia_wire::client::{Event, JobEvent, Request};
use rustc_hash::FxHashMap;

/// Submits until they are accepted, or their jobs are over; those with a key until these are, since who joined
/// a job by its key is written down nowhere. Cancels until their jobs are over.
#[derive(Debug, Default)]
pub(super) struct Unanswered {
    /// In the order in which they were asked; with the number of the last event that the client had then.
    asked: BTreeMap<u64, (u64, Request)>,
    submits: FxHashMap<CorrelationId, u64>,
    cancels: FxHashMap<CorrelationId, u64>,
    next: u64,
}

impl Unanswered {
    pub(super) fn len(&self) -> usize {
        self.asked.len()
    }

    /// The client asks, after it had been sent the event of that number.
    pub(super) fn asks(&mut self, since: u64, request: &Request) {
        let before = match request {
            Request::Submit { spec, .. } => self.submits.insert(spec.id.clone(), self.next),
            Request::Cancel { id } => self.cancels.insert(id.clone(), self.next),
            _ => return,
        };
        before.map(|before| self.asked.remove(&before));
        self.asked.insert(self.next, (since, request.clone()));
        self.next += 1;
    }

    /// The client is told this.
    pub(super) fn hears(&mut self, event: &Event) {
        match event {
            _ if self.asked.is_empty() => {}
            Event::Job { id, what: JobEvent::Accepted, .. } => self.accepted(id),
            Event::Job { id, what, .. } if what.is_outcome() => self.over(id),
            Event::Gap { outcome_of: Some((id, _)), .. } => self.over(id),
            Event::Rejected { id, .. } => {
                let nth = self.submits.remove(id);
                nth.map(|nth| self.asked.remove(&nth));
            }
            Event::Error { id: Some(id), .. } => {
                let nth = self.cancels.remove(id);
                nth.map(|nth| self.asked.remove(&nth));
            }
            _ => {}
        }
    }

    fn accepted(&mut self, id: &CorrelationId) {
        let Some(nth) = self.submits.get(id) else { return };
        let is_keyed = |(_, request): &(u64, Request)| match request {
            Request::Submit { spec, .. } => spec.key.is_some(),
            _ => false,
        };
        if !self.asked.get(nth).is_some_and(is_keyed) {
            self.asked.remove(nth);
            self.submits.remove(id);
        }
    }

    fn over(&mut self, id: &CorrelationId) {
        for nth in [self.submits.remove(id), self.cancels.remove(id)].into_iter().flatten() {
            self.asked.remove(&nth);
        }
    }

    /// All of it, in its order: what was asked behind the same event together.
    pub(super) fn again(&self) -> Vec<(u64, Vec<Request>)> {
        let mut again: Vec<(u64, Vec<Request>)> = Vec::new();
        for (since, request) in self.asked.values() {
            match again.last_mut() {
                Some((of, requests)) if of == since => requests.push(request.clone()),
                _ => again.push((*since, vec![request.clone()])),
            }
        }
        again
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use acequia_wire::client::SubmitFields;
    use acequia_wire::{ContentType, JobId, Limits, Payload};

    use super::*;

    fn id(id: i64) -> CorrelationId {
        CorrelationId::Int(id)
    }

    fn submit(of: i64, key: Option<&str>) -> Request {
        let payload = Payload::new(ContentType::Octets, "x".into()).expect("octets");
        let mut fields = SubmitFields::default();
        if let Some(key) = key {
            fields.set("key", key.to_owned());
        }
        let spec = fields.submit(id(of), payload, &Limits::default()).expect("a job");
        Request::Submit { job: JobId::from_bytes([0; 16]), spec: Arc::new(spec) }
    }

    fn told(of: i64, what: JobEvent) -> Event {
        Event::Job { id: id(of), job: JobId::from_bytes([0; 16]), what, traceparent: None }
    }

    fn started() -> JobEvent {
        JobEvent::Started { attempt: 1, worker: "w".into() }
    }

    #[test]
    fn a_submit_is_said_again_until_it_is_accepted() {
        let mut unanswered = Unanswered::default();
        unanswered.asks(0, &submit(1, None));
        unanswered.asks(0, &submit(2, None));
        unanswered.asks(4, &submit(3, None));
        unanswered.hears(&told(1, started()));
        assert_eq!(
            unanswered.again(),
            [(0, vec![submit(1, None), submit(2, None)]), (4, vec![submit(3, None)])]
        );
        unanswered.hears(&told(1, JobEvent::Accepted));
        unanswered.hears(&told(3, JobEvent::Cancelled));
        assert_eq!(unanswered.again(), [(0, vec![submit(2, None)])]);
        unanswered.hears(&acequia_wire::client::Refusal::bad_request("no").of_submit(id(2)).into());
        assert_eq!(unanswered.len(), 0);
    }

    #[test]
    fn a_submit_by_a_key_is_said_again_until_its_job_is_over_and_so_is_a_cancel() {
        let mut unanswered = Unanswered::default();
        unanswered.asks(0, &submit(1, Some("k")));
        unanswered.hears(&told(1, JobEvent::Accepted));
        unanswered.asks(1, &Request::Cancel { id: id(1) });
        assert_eq!(unanswered.len(), 2);
        unanswered.hears(&told(1, JobEvent::Cancelled));
        assert!(unanswered.asked.is_empty() && unanswered.submits.is_empty());
        assert!(unanswered.cancels.is_empty());
    }
}
