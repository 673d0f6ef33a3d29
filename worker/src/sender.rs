//! The one task that owns the PUSH: it takes what waits in the outbox, packs it, and sends it.

use std::sync::Arc;
use std::time::Duration;

use acequia_wire::worker::FromWorker;
use tokio::sync::{mpsc, oneshot};
use tokio::task::yield_now;
use tokio::time::{Interval, MissedTickBehavior, interval};

use crate::lane::Lane;
use crate::outbox::{OUTBOX_MAX, Outgoing, Pack, Unwritten, tie};
use crate::sockets::Push;

/// A lane that holds nothing says so as rarely as this many ticks, to keep the connection in the
/// memory of what lies between and to find out, in time, that the server's host is gone.
const IDLE_TICKS: u32 = 12;

/// The connection for results ended by itself.
pub(crate) struct Gone;

/// The sender's state.
pub(crate) struct Sender {
    push: Push,
    outbox: mpsc::Receiver<Outgoing>,
    waiting: Vec<Outgoing>,
    pack: Pack,
    unwritten: Unwritten,
    lane: Option<Arc<Lane>>,
    ticks: Interval,
    /// Ticks since something was sent.
    quiet: u32,
}

enum Event {
    Waiting,
    Tick,
    Gone,
    Flush,
}

impl Sender {
    /// A sender that beats after at most `beat` of silence.
    pub(crate) fn new(push: Push, outbox: mpsc::Receiver<Outgoing>, beat: Duration) -> Self {
        // Two ticks a beat: one whole tick of silence, seen at its end, is never longer than it.
        let mut ticks = interval((beat / 2).max(Duration::from_millis(1)));
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            push,
            outbox,
            waiting: Vec::with_capacity(OUTBOX_MAX),
            pack: Pack::default(),
            unwritten: Unwritten::new(),
            lane: None,
            ticks,
            quiet: 0,
        }
    }

    /// Sends until the connection is gone, or until told to `flush`: then it sends what still
    /// waits and closes the connection when all is written.
    pub(crate) async fn run(mut self, mut flush: oneshot::Receiver<()>) -> Result<(), Gone> {
        loop {
            match self.next_event(&mut flush).await {
                Event::Waiting => {
                    self.gather().await;
                    self.send_waiting().await?;
                }
                Event::Tick => self.tick().await?,
                Event::Gone => return Err(Gone),
                Event::Flush => break,
            }
        }
        // Closed, the outbox still hands out what a handler has a place in it for.
        self.outbox.close();
        while self.outbox.recv_many(&mut self.waiting, OUTBOX_MAX).await > 0 {
            self.send_waiting().await?;
        }
        self.push.flush_and_close().await;
        Ok(())
    }

    async fn next_event(&mut self, flush: &mut oneshot::Receiver<()>) -> Event {
        tokio::select! {
            biased;
            _ = self.outbox.recv_many(&mut self.waiting, OUTBOX_MAX) => Event::Waiting,
            _ = flush => Event::Flush,
            () = self.push.gone() => Event::Gone,
            _ = self.ticks.tick() => Event::Tick,
        }
    }

    /// Lets jobs end that are about to, so that their results leave in the same message.
    async fn gather(&mut self) {
        if self.lane.as_ref().is_some_and(|lane| lane.expects_more()) {
            yield_now().await;
            while self.waiting.len() < OUTBOX_MAX
                && let Ok(outgoing) = self.outbox.try_recv()
            {
                self.waiting.push(outgoing);
            }
        }
    }

    async fn send_waiting(&mut self) -> Result<(), Gone> {
        let mut waiting = std::mem::take(&mut self.waiting);
        for outgoing in waiting.drain(..) {
            let message = match outgoing {
                Outgoing::Message(message) => message,
                Outgoing::Open(lane, ready) => {
                    // The first beat puts the jobs of the lane on a lease, from the first of them.
                    let beat = FromWorker::Beat { lane: lane.id() };
                    self.lane = Some(lane);
                    self.pack.push(FromWorker::Ready(ready));
                    beat
                }
            };
            if self.pack.is_full_for(&message, self.max_body()) {
                self.send_pack().await?;
            }
            self.pack.push(message);
        }
        self.waiting = waiting;
        self.send_pack().await
    }

    fn max_body(&self) -> usize {
        self.lane.as_ref().map_or(0, |lane| lane.max_body())
    }

    async fn send_pack(&mut self) -> Result<(), Gone> {
        if self.pack.is_empty() {
            return Ok(());
        }
        let (mut frames, bytes) = self.pack.finish();
        let permit = tokio::select! {
            biased;
            permit = self.unwritten.admit(bytes) => permit,
            () = self.push.gone() => return Err(Gone),
        };
        tie(&mut frames, permit);
        self.quiet = 0;
        self.push.send(frames).await.map_err(|_| Gone)
    }

    async fn tick(&mut self) -> Result<(), Gone> {
        self.quiet = self.quiet.saturating_add(1);
        let Some(lane) = &self.lane else { return Ok(()) };
        if (self.quiet > 1 && !lane.is_idle()) || self.quiet > IDLE_TICKS {
            self.pack.push(FromWorker::Beat { lane: lane.id() });
            self.send_pack().await?;
        }
        Ok(())
    }
}
