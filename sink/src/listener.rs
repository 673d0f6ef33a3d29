//! Whoever hears the events of a session without a WebSocket, one by one.

use acequia_wire::client::Event;

use crate::outlet::{Outlet, Parcel};

/// What is heard.
#[derive(Debug)]
pub enum Heard {
    /// What happened.
    Event(Event),
    /// All that was on the way has been heard, and the mailbox wants to be told.
    Emptied,
}

/// The end of a session's way that hears.
#[derive(Debug)]
pub struct Listener {
    outlet: Outlet,
    at_hand: std::vec::IntoIter<Event>,
    /// Nothing follows what is at hand.
    is_over: bool,
}

impl Listener {
    /// Hears what comes out of `outlet`.
    pub fn new(outlet: Outlet) -> Self {
        Self { outlet, at_hand: Vec::new().into_iter(), is_over: false }
    }

    /// What comes next; `None` if nothing comes any more. Nothing is lost if the wait is given up.
    pub async fn next(&mut self) -> Option<Heard> {
        loop {
            if let Some(event) = self.at_hand.next() {
                self.outlet.written(&event);
                return Some(Heard::Event(event));
            }
            if self.is_over {
                return None;
            }
            let at_hand = self.outlet.try_recv();
            // Asked once nothing is on the way any more.
            if at_hand.is_none() && self.outlet.is_wanted_empty() {
                return Some(Heard::Emptied);
            }
            let parcel = match at_hand {
                Some(parcel) => Some(parcel),
                None => self.outlet.recv().await,
            };
            match parcel {
                Some(Parcel::Events(_, events)) => self.at_hand = events.into_iter(),
                Some(Parcel::Last(event, ..)) => {
                    self.is_over = true;
                    return Some(Heard::Event(*event));
                }
                Some(
                    Parcel::Ping
                    | Parcel::Superseded(..)
                    | Parcel::Overflow
                    | Parcel::WantEmpty
                    | Parcel::Backlog(_),
                ) => {}
                None | Some(Parcel::Close(..)) => self.is_over = true,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use acequia_wire::client::JobEvent;
    use acequia_wire::{CorrelationId, JobId};

    use super::*;
    use crate::outlet::outlet;

    fn event(id: i64) -> Event {
        let (id, job) = (CorrelationId::Int(id), JobId::from_bytes([0; 16]));
        Event::Job { id, job, what: JobEvent::Accepted, traceparent: None }
    }

    #[tokio::test]
    async fn events_are_heard_one_by_one_and_make_room() {
        let (inlet, outlet) = outlet();
        let mut listener = Listener::new(outlet);
        let events = vec![event(1), event(2)];
        events.iter().for_each(|event| inlet.count(event));
        inlet.send(None, events);
        assert!(!inlet.want_empty());
        for id in 1..=2 {
            let heard = listener.next().await;
            assert!(matches!(heard, Some(Heard::Event(heard)) if heard == event(id)));
        }
        assert!(matches!(listener.next().await, Some(Heard::Emptied)));
        assert_eq!(inlet.waiting().0, 0);
        inlet.close(1001, "over");
        assert!(listener.next().await.is_none());
    }
}
