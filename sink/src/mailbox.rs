//! A mailbox: what waits to be written to one session, bounded.

use acequia_wire::client::{Event, JobEvent};
use acequia_wire::limits::{MAILBOX_BYTES_MAX, MAILBOX_EVENTS_MAX, RESULT_BYTES_MAX};

use crate::history::{History, LookUp, Weight};
use crate::outlet::{Inlet, PAUSE_BYTES};

/// A session that so much waits for, in spite of the pause, is closed. What can still come then
/// are the outcomes of its live jobs.
const CLOSE_BYTES: usize = 64 << 20;

/// The worker of a job whose chunks gather so far is not read from for a while.
const PRESSED_EVENTS: usize = MAILBOX_EVENTS_MAX;
const PRESSED_BYTES: usize = 4 << 20;
/// Chunks are given up that come nevertheless: more than a worker has on its way by then.
const CHUNKS_EVENTS_MAX: usize = 64 * MAILBOX_EVENTS_MAX;
const CHUNKS_BYTES_MAX: usize = 48 << 20;

const _: () = assert!(MAILBOX_BYTES_MAX < PAUSE_BYTES && PAUSE_BYTES < CLOSE_BYTES);
const _: () = assert!(RESULT_BYTES_MAX < CLOSE_BYTES);
const _: () = assert!(PRESSED_BYTES < PAUSE_BYTES && PAUSE_BYTES < CHUNKS_BYTES_MAX);
const _: () = assert!(CHUNKS_BYTES_MAX + RESULT_BYTES_MAX < CLOSE_BYTES);

/// What waits for one session, and the way to its connection, if it has one.
#[derive(Debug)]
pub(crate) struct Mailbox {
    inlet: Option<Inlet>,
    /// Events of this pass of the pipeline, of a session that ends with its connection.
    pending: Vec<Event>,
    /// Events given up since the last that was kept.
    missed: u64,
    /// Its client did not keep up, although the worker was held back: its chunks are given up
    /// until all that waits is written.
    is_slow: bool,
    /// Of a session that can be resumed. Most cannot, and do not pay for it.
    history: Option<Box<History>>,
}

/// What became of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Put {
    /// It is kept, or given up as the rules are.
    Done,
    /// It is kept, but no more chunks should come until what waits is written.
    Pressed,
    /// So much waits that the connection is closed. The session goes on if it can be resumed.
    ConnectionClosed,
    /// So much waits, and for nobody, that the session is over.
    Over,
}

impl Mailbox {
    /// That of a session which ends with its connection.
    pub(crate) fn plain(inlet: Inlet) -> Self {
        Self { inlet: Some(inlet), pending: Vec::new(), missed: 0, is_slow: false, history: None }
    }

    /// That of a session which another server has begun, and that nobody has resumed yet.
    pub(crate) fn restored(history: History) -> Self {
        let history = Some(Box::new(history));
        Self { inlet: None, pending: Vec::new(), missed: 0, is_slow: false, history }
    }

    /// From now on the events are numbered, and kept until they are acknowledged.
    pub(crate) fn number(&mut self) {
        self.history.get_or_insert_with(|| Box::new(History::new()));
    }

    pub(crate) fn history(&mut self) -> Option<&mut History> {
        self.history.as_deref_mut()
    }

    /// Whether it has a connection that leads over no link.
    pub(crate) fn is_near(&self) -> bool {
        self.inlet.as_ref().is_some_and(Inlet::is_near)
    }

    /// How much waits: for the connection, or for one to come.
    fn waiting(&self) -> Weight {
        let (events, bytes) = self.inlet.as_ref().map_or((0, 0), Inlet::waiting);
        let unsent = self.history.as_ref().map(|history| history.unsent()).unwrap_or_default();
        Weight { events: events + unsent.events, bytes: bytes + unsent.bytes }
    }

    /// Bytes that are kept here, if the client is not there and may come back.
    pub(crate) fn absent_bytes(&self) -> Option<usize> {
        self.history.as_ref().filter(|_| self.inlet.is_none()).map(|history| history.bytes())
    }

    /// Whether an event is given up that would have to wait behind so much.
    fn gives_up(&self, event: &Event, is_chunk: bool, waiting: Weight) -> bool {
        let Weight { events, bytes } = waiting;
        if is_chunk && self.inlet.is_some() {
            return self.is_slow || events >= CHUNKS_EVENTS_MAX || bytes >= CHUNKS_BYTES_MAX;
        }
        event.may_be_dropped() && (events >= MAILBOX_EVENTS_MAX || bytes >= MAILBOX_BYTES_MAX)
    }

    /// Puts an event in, or gives it up.
    pub(crate) fn put(&mut self, event: Event) -> Put {
        let waiting = self.waiting();
        let is_chunk = matches!(event, Event::Job { what: JobEvent::Chunk { .. }, .. });
        if self.gives_up(&event, is_chunk, waiting) {
            self.missed += 1;
            return Put::Done;
        }
        if waiting.bytes >= CLOSE_BYTES {
            return match (self.inlet.take(), &self.history) {
                (Some(inlet), Some(_)) => {
                    inlet.overflow();
                    self.keep(event);
                    Put::ConnectionClosed
                }
                (Some(inlet), None) => {
                    inlet.overflow();
                    Put::Over
                }
                (None, _) => Put::Over,
            };
        }
        if self.missed > 0 {
            let missed = std::mem::take(&mut self.missed);
            self.keep(Event::Gap { missed, outcome_of: None });
        }
        self.keep(event);
        let is_pressed =
            is_chunk && (waiting.events >= PRESSED_EVENTS || waiting.bytes >= PRESSED_BYTES);
        match &self.inlet {
            Some(inlet) if is_pressed => {
                // This event at least is not written yet, so it will be told.
                inlet.want_empty();
                Put::Pressed
            }
            _ => Put::Done,
        }
    }

    fn keep(&mut self, event: Event) {
        match (&mut self.history, &self.inlet) {
            (Some(history), inlet) => {
                history.push(event);
                history.make_room(inlet.is_some());
            }
            (None, Some(inlet)) => {
                inlet.count(&event);
                self.pending.push(event);
            }
            (None, None) => {}
        }
    }

    /// Sends what is to be sent and there is room for, if so many groups are on the disk.
    pub(crate) fn flush(&mut self, durable: u64, look_up: LookUp<'_>) {
        let Some(inlet) = &self.inlet else { return };
        if !self.pending.is_empty() {
            inlet.send(None, std::mem::take(&mut self.pending));
        }
        let Some(history) = &mut self.history else { return };
        loop {
            while let Some((first_seq, events)) = history.next_run(durable, inlet.room(), look_up) {
                events.iter().for_each(|event| inlet.count(event));
                inlet.send(Some(first_seq), events);
            }
            // All may have been written meanwhile, and then nobody tells any more.
            if !history.has_more(durable) || !inlet.want_empty() {
                break;
            }
        }
        inlet.set_backlog(history.unsent().bytes);
    }

    /// All that was sent to the connection is written.
    pub(crate) fn emptied(&mut self) {
        self.is_slow = false;
    }

    /// The client does not keep up.
    pub(crate) fn slow(&mut self) {
        self.is_slow = true;
    }

    /// Sends an event that is about the connection, after all that was sent before it.
    pub(crate) fn put_aside(&mut self, event: Event, durable: u64, look_up: LookUp<'_>) {
        self.flush(durable, look_up);
        if let Some(inlet) = &self.inlet {
            send_aside(inlet, event);
        }
    }

    /// Has the client asked whether it is still there.
    pub(crate) fn ping(&self) {
        if let Some(inlet) = &self.inlet {
            inlet.ping();
        }
    }

    /// The connection is over. Returns its way, if it had one.
    pub(crate) fn detach(&mut self) -> Option<Inlet> {
        let inlet = self.inlet.take();
        self.is_slow = false;
        if let Some(history) = &mut self.history {
            history.make_room(false);
        }
        inlet
    }

    /// A client comes back on a new connection, and has seen all up to `last`. It gets `welcome`,
    /// and then, as fast as it reads, all that it missed.
    pub(crate) fn attach(&mut self, inlet: Inlet, last: u64, welcome: Event) {
        let Some(history) = &mut self.history else { return };
        let lost = history.resume(last) + std::mem::take(&mut self.missed);
        send_aside(&inlet, welcome);
        if lost > 0 {
            send_aside(&inlet, Event::Gap { missed: lost, outcome_of: None });
        }
        self.inlet = Some(inlet);
    }
}

/// Sends an event that has no number, since it is about the connection.
fn send_aside(inlet: &Inlet, event: Event) {
    inlet.count(&event);
    inlet.send(None, vec![event]);
}

#[cfg(test)]
mod tests {
    use acequia_wire::client::{Batch, JobEvent};
    use acequia_wire::{ContentType, CorrelationId, JobId, Payload};

    use super::*;
    use crate::history::{KeptElsewhere, Left};
    use crate::outlet::{Outlet, Parcel, outlet};

    fn event(id: i64, what: JobEvent) -> Event {
        Event::Job { id: CorrelationId::Int(id), job: job(id), what, traceparent: None }
    }

    fn cancelled(of: &KeptElsewhere) -> Event {
        let (id, what) = (of.id.clone(), JobEvent::Cancelled);
        Event::Job { id, job: of.job, what, traceparent: None }
    }

    fn job(id: i64) -> JobId {
        JobId::from_bytes(i128::from(id).to_be_bytes())
    }

    fn progress() -> Event {
        event(1, JobEvent::Progress(Box::default()))
    }

    fn result(bytes: usize) -> Event {
        let result = Payload::new(ContentType::Octets, vec![0; bytes].into()).expect("octets");
        event(1, JobEvent::Done { result })
    }

    /// All that was sent: the number, and the event.
    fn sent(outlet: &mut Outlet) -> Vec<(Option<u64>, Event)> {
        let mut all = Vec::new();
        while let Some(parcel) = outlet.try_recv() {
            let Parcel::Events(first, events) = parcel else { panic!("it was closed") };
            for (seq, event) in (0..).zip(events) {
                outlet.written(&event);
                all.push((first.map(|first| first + seq), event));
            }
        }
        all
    }

    /// Reads until nothing more comes, as a client does.
    fn read_all(
        mailbox: &mut Mailbox,
        outlet: &mut Outlet,
        look_up: LookUp<'_>,
    ) -> Vec<(Option<u64>, Event)> {
        let mut all = Vec::new();
        loop {
            mailbox.flush(0, look_up);
            let more = sent(outlet);
            if more.is_empty() {
                return all;
            }
            all.extend(more);
        }
    }

    fn numbers(sent: &[(Option<u64>, Event)]) -> Vec<Option<u64>> {
        sent.iter().map(|(seq, _)| *seq).collect()
    }

    /// A session that can be resumed, and its connection.
    fn numbered() -> (Mailbox, Outlet) {
        let (inlet, outlet) = outlet();
        let mut mailbox = Mailbox::plain(inlet);
        mailbox.number();
        (mailbox, outlet)
    }

    fn hold(mailbox: &mut Mailbox, id: i64, group: Option<u64>) -> Option<u64> {
        mailbox.history().expect("numbered").hold(job(id), true, group)
    }

    const NOTHING: LookUp<'_> = &|_| None;
    const WELCOME: Event = Event::Gap { missed: 0, outcome_of: None };

    /// Comes back after `last`; nothing can be looked up.
    fn come_back(mailbox: &mut Mailbox, last: u64) -> Vec<(Option<u64>, Event)> {
        let (inlet, mut outlet) = outlet();
        mailbox.attach(inlet, last, WELCOME);
        let mut all = read_all(mailbox, &mut outlet, NOTHING);
        assert_eq!(all.remove(0), (None, WELCOME), "welcome comes first");
        all
    }

    #[test]
    fn a_full_mailbox_gives_up_progress_and_says_so() {
        let (inlet, _outlet) = outlet();
        let mut mailbox = Mailbox::plain(inlet);
        for _ in 0..MAILBOX_EVENTS_MAX + 5 {
            assert_eq!(mailbox.put(progress()), Put::Done);
        }
        assert_eq!(mailbox.pending.len(), MAILBOX_EVENTS_MAX);
        mailbox.put(event(1, JobEvent::Cancelled));
        let after = [Event::Gap { missed: 5, outcome_of: None }, event(1, JobEvent::Cancelled)];
        assert_eq!(mailbox.pending[MAILBOX_EVENTS_MAX..], after);
    }

    #[test]
    fn outcomes_are_kept_until_it_is_beyond_repair() {
        let (inlet, mut outlet) = outlet();
        let mut mailbox = Mailbox::plain(inlet);
        for _ in 0..CLOSE_BYTES >> 20 {
            assert_eq!(mailbox.put(result(1 << 20)), Put::Done);
        }
        mailbox.flush(0, NOTHING);
        sent(&mut outlet);
        assert_eq!(mailbox.put(result(1 << 20)), Put::Done, "what was written makes room");
        while mailbox.put(result(1 << 20)) == Put::Done {}
        assert!(outlet.has_overflowed());
    }

    #[test]
    fn whoever_comes_back_gets_what_it_has_not_seen_and_then_the_rest() {
        let (mut mailbox, mut outlet) = numbered();
        (1..=4).for_each(|id| _ = mailbox.put(event(id, JobEvent::Accepted)));
        mailbox.flush(0, NOTHING);
        assert_eq!(numbers(&sent(&mut outlet)), [1, 2, 3, 4].map(Some));
        mailbox.history().expect("numbered").ack(1);
        mailbox.detach();
        mailbox.put(event(1, JobEvent::Cancelled));
        let replay = come_back(&mut mailbox, 2);
        assert_eq!(numbers(&replay), [3, 4, 5].map(Some));
        assert_eq!(replay[2].1, event(1, JobEvent::Cancelled));
        // Another connection takes over at once.
        assert_eq!(numbers(&come_back(&mut mailbox, 5)), []);
        mailbox.put(progress());
        assert_eq!(numbers(&come_back(&mut mailbox, 5)), [Some(6)]);
    }

    #[test]
    fn what_waits_for_the_disk_holds_up_all_behind_it() {
        let (mut mailbox, mut outlet) = numbered();
        mailbox.put(event(1, JobEvent::Accepted));
        mailbox.put(event(1, JobEvent::Cancelled));
        assert_eq!(hold(&mut mailbox, 1, Some(7)), Some(2));
        mailbox.put(event(2, JobEvent::Accepted));
        mailbox.flush(6, NOTHING);
        assert_eq!(numbers(&sent(&mut outlet)), [Some(1)]);
        mailbox.flush(7, NOTHING);
        assert_eq!(numbers(&sent(&mut outlet)), [2, 3].map(Some));
    }

    #[test]
    fn an_outcome_that_is_kept_elsewhere_makes_room_and_is_looked_up_in_its_place() {
        let (mut mailbox, _outlet) = numbered();
        mailbox.detach();
        let most = i64::try_from(MAILBOX_EVENTS_MAX).expect("small");
        for id in 0..most + 10 {
            mailbox.put(event(id, JobEvent::Cancelled));
            if id != 3 {
                hold(&mut mailbox, id, None);
            }
        }
        assert_eq!(mailbox.waiting().events, MAILBOX_EVENTS_MAX);
        let (inlet, mut outlet) = outlet();
        let known = |of: &KeptElsewhere| match of.id {
            CorrelationId::Int(5) => None,
            _ => Some(cancelled(of)),
        };
        mailbox.attach(inlet, 2, WELCOME);
        let all = read_all(&mut mailbox, &mut outlet, &known);
        let ids = all[1..].iter().map(|(seq, event)| {
            let id = match event {
                Event::Job { id, .. } => id,
                Event::Gap { missed: 1, outcome_of: Some((id @ CorrelationId::Int(5), _)) } => id,
                _ => panic!("{event:?}"),
            };
            let CorrelationId::Int(id) = id else { panic!("{event:?}") };
            assert_eq!(*seq, u64::try_from(id + 1).ok(), "each has its number");
            *id
        });
        assert_eq!(ids.collect::<Vec<_>>(), (2..most + 10).collect::<Vec<_>>());
    }

    #[test]
    fn what_was_told_and_never_acknowledged_is_forgotten_and_counted() {
        let (mut mailbox, mut outlet) = numbered();
        for _ in 0..MAILBOX_EVENTS_MAX + 10 {
            mailbox.put(progress());
            mailbox.flush(0, NOTHING);
            sent(&mut outlet);
        }
        mailbox.detach();
        let all = come_back(&mut mailbox, 4);
        assert_eq!(all[0], (None, Event::Gap { missed: 6, outcome_of: None }));
        assert_eq!(all.len(), 1 + MAILBOX_EVENTS_MAX);
    }

    #[test]
    fn after_a_restart_numbers_go_on_where_none_was_used() {
        let id = |id| (CorrelationId::Int(id), job(id));
        let left = |seq, name| {
            let (name, job) = id(name);
            (seq, name, job)
        };
        let known = |of: &KeptElsewhere| Some(cancelled(of));
        // A client that has seen a number of ours before it was given: the clock was set back.
        for last in [5, 1_020] {
            let left = vec![left(Some(7), 1), left(None, 2), left(Some(5), 3)];
            let left = Left { outcomes: left, ends: vec![(6, end("b"))] };
            let mut mailbox = Mailbox::restored(History::restored(left, 1_000));
            mailbox.put(event(4, JobEvent::Accepted));
            mailbox.put(event(5, JobEvent::Cancelled));
            assert_eq!(hold(&mut mailbox, 5, None), Some(1_002));
            let (inlet, mut outlet) = outlet();
            mailbox.attach(inlet, last, WELCOME);
            let numbers = numbers(&read_all(&mut mailbox, &mut outlet, &known)[1..]);
            let expected =
                if last == 5 { vec![6, 7, 1_000, 1_001, 1_002] } else { vec![1_021, 1_022, 1_023] };
            assert_eq!(numbers, expected.into_iter().map(Some).collect::<Vec<_>>());
            mailbox.put(event(6, JobEvent::Cancelled));
            let next = numbers.last().copied().flatten().map(|seq| seq + 1);
            assert_eq!(hold(&mut mailbox, 6, None), next);
        }
    }

    fn end(name: &str) -> Batch {
        let (name, elapsed_ms) = (name.into(), 5);
        Batch { name, jobs: 1, done: 1, failed: 0, cancelled: 0, elapsed_ms }
    }

    #[test]
    fn the_end_of_a_batch_that_was_told_before_a_restart_comes_again_until_it_is_seen() {
        let ends = [7, 9].map(|seq| (seq, end(&format!("{seq}")))).to_vec();
        let outcomes = vec![(Some(8), CorrelationId::Int(1), job(1))];
        let mut history = History::restored(Left { outcomes, ends }, 1_000);
        assert_eq!(history.end_gone(), None);
        let mut mailbox = Mailbox::restored({
            history.push(event(2, JobEvent::Accepted));
            history
        });
        let seqs = |all: &[(Option<u64>, Event)]| numbers(all);
        let come_back = |mailbox: &mut Mailbox, last| {
            let (inlet, mut outlet) = outlet();
            mailbox.attach(inlet, last, WELCOME);
            read_all(mailbox, &mut outlet, NOTHING).split_off(1)
        };
        let all = come_back(&mut mailbox, 5);
        assert_eq!(seqs(&all), [7, 8, 9, 1_000].map(Some), "and nothing is missing");
        assert_eq!(all[0].1, Event::Batch(Box::new(end("7"))));
        let gap = Event::Gap { missed: 1, outcome_of: Some((CorrelationId::Int(1), job(1))) };
        assert_eq!(all[1].1, gap, "that outcome is kept nowhere any more");
        assert_eq!(mailbox.history().expect("numbered").end_gone(), None);
        mailbox.detach();
        assert_eq!(seqs(&come_back(&mut mailbox, 7)), [8, 9, 1_000].map(Some));
        assert_eq!(mailbox.history().expect("numbered").end_gone(), Some(7));
        mailbox.history().expect("numbered").ack(1_000);
        assert_eq!(mailbox.history().expect("numbered").end_gone(), Some(9));
        assert_eq!(mailbox.history().expect("numbered").end_gone(), None, "it is said once");
    }

    #[test]
    fn the_end_of_a_batch_waits_for_the_disk_and_is_known_by_its_number() {
        let (mut mailbox, mut outlet) = numbered();
        mailbox.put(event(1, JobEvent::Cancelled));
        mailbox.put(Event::Batch(Box::new(end("b"))));
        let history = mailbox.history().expect("numbered");
        assert_eq!(history.hold_end("another", Some(7)), None);
        assert_eq!(history.hold_end("b", Some(7)), Some(2));
        mailbox.flush(6, NOTHING);
        assert_eq!(numbers(&sent(&mut outlet)), [Some(1)]);
        mailbox.flush(7, NOTHING);
        assert_eq!(numbers(&sent(&mut outlet)), [Some(2)]);
        // It is given up with what was told and never acknowledged.
        for _ in 0..MAILBOX_EVENTS_MAX {
            mailbox.put(progress());
            mailbox.flush(7, NOTHING);
            sent(&mut outlet);
        }
        assert_eq!(mailbox.history().expect("numbered").end_gone(), Some(2));
    }

    fn chunk(bytes: usize) -> Event {
        let data = Payload::new(ContentType::Octets, vec![0; bytes].into()).expect("octets");
        event(1, JobEvent::Chunk { n: 0, data })
    }

    #[test]
    fn what_is_missed_goes_on_the_way_page_by_page() {
        let (mut mailbox, _outlet) = numbered();
        mailbox.detach();
        for id in 0..3_000 {
            mailbox.put(event(id, JobEvent::Cancelled));
            hold(&mut mailbox, id, None);
        }
        let (inlet, mut outlet) = outlet();
        mailbox.attach(inlet, 0, WELCOME);
        mailbox.flush(0, &|of| Some(cancelled(of)));
        mailbox.flush(0, &|of| Some(cancelled(of)));
        let page = sent(&mut outlet).len();
        assert!(page > 100 && page < 1_100, "{page} events wait for a client that does not read");
        assert!(outlet.is_wanted_empty(), "and it is told when they are written");
        let rest = read_all(&mut mailbox, &mut outlet, &|of| Some(cancelled(of)));
        assert_eq!(page + rest.len(), 1 + 3_000);
        assert_eq!(rest.last().map(|(seq, _)| *seq), Some(Some(3_000)));
    }

    #[test]
    fn a_burst_of_chunks_waits_and_holds_the_worker_back() {
        for is_numbered in [false, true] {
            let (inlet, mut outlet) = outlet();
            let mut mailbox = Mailbox::plain(inlet);
            if is_numbered {
                mailbox.number();
            }
            let puts: Vec<Put> = (0..40).map(|_| mailbox.put(chunk(512 << 10))).collect();
            assert_eq!(puts[0], Put::Done);
            assert_eq!(puts[39], Put::Pressed);
            assert_eq!(read_all(&mut mailbox, &mut outlet, NOTHING).len(), 40);
            assert!(outlet.is_wanted_empty());
            mailbox.emptied();
            assert_eq!(mailbox.put(chunk(1)), Put::Done);
        }
    }

    #[test]
    fn chunks_of_a_client_that_does_not_keep_up_are_given_up_until_it_has() {
        let (inlet, mut outlet) = outlet();
        let mut mailbox = Mailbox::plain(inlet);
        while mailbox.put(chunk(1 << 20)) == Put::Done {}
        mailbox.slow();
        assert_eq!(mailbox.put(chunk(1)), Put::Done);
        let before = read_all(&mut mailbox, &mut outlet, NOTHING).len();
        mailbox.emptied();
        mailbox.put(chunk(1));
        let after = read_all(&mut mailbox, &mut outlet, NOTHING);
        let gap = Event::Gap { missed: 1, outcome_of: None };
        assert_eq!((before, after.len(), &after[0].1), (5, 2, &gap));
    }

    #[test]
    fn a_connection_that_was_taken_over_is_not_written_to() {
        let (mut mailbox, mut old) = numbered();
        (1..=9).for_each(|id| _ = mailbox.put(event(id, JobEvent::Accepted)));
        mailbox.flush(0, NOTHING);
        mailbox.detach().expect("a connection").supersede(WELCOME, 4009, "taken over");
        assert_eq!(old.superseded(), Some(&(4009, "taken over".into())));
        let parcels: Vec<Parcel> = std::iter::from_fn(|| old.try_recv()).collect();
        assert!(matches!(parcels.last(), Some(Parcel::Last(..))));
        assert_eq!(come_back(&mut mailbox, 0).len(), 9);
    }

    #[test]
    fn the_end_of_a_batch_outlasts_a_thousand_outcomes() {
        let (mut mailbox, _outlet) = numbered();
        mailbox.detach();
        let batch = || Event::Batch(Box::new(end("b")));
        mailbox.put(batch());
        for id in 0..3_000 {
            mailbox.put(event(id, JobEvent::Cancelled));
            hold(&mut mailbox, id, None);
        }
        let all = come_back(&mut mailbox, 0);
        assert_eq!(all[0], (Some(1), batch()));
    }
}
