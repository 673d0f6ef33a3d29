//! The bytes of one connection, both ways, and the judgement on those from the worker.
//!
//! One task drives it. All that is read is written in the same poll whenever the other side takes
//! it, so a buffer is needed only while bytes are in hand: one per thread serves all connections,
//! and an idle connection has none.

use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::net::UnixStream;
use tokio::time::{Instant, Sleep};

use crate::config::PING_TTL;
use crate::frames::{
    CARRY_BYTES_MAX, FrameReader, Limits, PING_CONTEXT_BYTES_MAX, SocketType, Stop,
};
use crate::handle::ConnectionHandle;
use crate::listener::Outer;
use crate::reason::CloseReason;
use crate::spoken::Spoken;
use crate::stats::Counters;

/// How much of our greeting goes out before the worker's has come: signature and version. The rest
/// waits for its greeting, and our READY for its READY: ZeroMQ that does not like what it hears
/// would leave before it has said what it is itself.
const GREETING_FIRST_BYTES: usize = 12;
/// How long we wait so, from the connection on. A worker may wait for us just as well, and then it
/// goes by the book.
const KEPT_BACK_MAX: Duration = Duration::from_millis(250);

/// The most that is read at once.
const READ_BYTES_MAX: usize = 64 * 1024;

const _: () = assert!(CARRY_BYTES_MAX <= READ_BYTES_MAX / 2);

thread_local! {
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ_BYTES_MAX].into_boxed_slice());
}

/// One direction.
struct Flow {
    reader: FrameReader,
    /// Read, and not to be judged before more has come: put before the next read.
    carry: Vec<u8>,
    /// Judged, and not yet taken by the other side. Nothing is read while it holds anything.
    pending: Vec<u8>,
    /// How much of `pending` the other side has taken.
    taken: usize,
}

/// Both directions of one connection.
pub(crate) struct Relay {
    handle: ConnectionHandle,
    counters: Arc<Counters>,
    /// The limits after promotion; `None` once they apply.
    limits_when_ready: Option<Limits>,
    outer: Outer,
    inner: UnixStream,
    up: Flow,
    down: Flow,
    /// The PONG that is due to the worker: only the last one, so that a worker that pings and
    /// does not read costs nothing.
    pong: Option<Vec<u8>>,
    /// When the worker gets the next PING; `None` until it is known to understand one.
    next_ping: Option<Pin<Box<Sleep>>>,
    /// Whether something has passed down since the last PING, so that the next one is soon.
    is_ping_soon: bool,
    ping_is_due: bool,
    /// The rest of our greeting, and then our READY, until the worker's has come.
    kept_back: Vec<u8>,
    has_greeted: bool,
    /// Until when; `None` once it is over.
    keeping_back: Option<Pin<Box<Sleep>>>,
    /// What the worker spoke that did not get through the handshake.
    spoken: Option<Spoken>,
    /// How the worker's direction ended; what was judged good still goes on.
    ending: Option<CloseReason>,
}

/// How [`Relay::poll`] ended.
#[derive(Clone, Copy, Debug)]
pub(crate) enum End {
    /// The worker's side is over; what it sent before is still to be delivered.
    Worker(CloseReason),
    /// Our side is over.
    Server(CloseReason),
}

impl Relay {
    pub(crate) fn new(
        handle: ConnectionHandle,
        outer: Outer,
        inner: UnixStream,
        worker: SocketType,
        server: SocketType,
    ) -> Self {
        let registry = &handle.registry;
        let not_ready = registry.config.not_ready_limits;
        Self {
            counters: Arc::clone(&registry.counters),
            limits_when_ready: Some(registry.config.limits),
            outer,
            inner,
            up: Flow::new(FrameReader::new(worker, not_ready)),
            down: Flow::new(FrameReader::new(server, Limits::NONE)),
            pong: None,
            next_ping: None,
            is_ping_soon: false,
            ping_is_due: false,
            kept_back: Vec::new(),
            has_greeted: false,
            keeping_back: Some(Box::pin(tokio::time::sleep(KEPT_BACK_MAX))),
            spoken: None,
            ending: None,
            handle,
        }
    }

    /// Relays until one side is over. Polled again after that, it says so again.
    pub(crate) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<End> {
        // Before the look at the reason, or a close in between would be missed.
        self.handle.state.relay.register(cx.waker());
        if let Some(reason) = self.handle.close_reason() {
            return Poll::Ready(End::Server(reason));
        }
        SCRATCH.with_borrow_mut(|scratch| {
            if let Poll::Ready(end) = self.poll_up(cx, scratch) {
                return Poll::Ready(end);
            }
            // Both after `poll_up`, which may have heard the greeting and made a PONG.
            self.poll_ping(cx);
            self.poll_keeping_back(cx);
            self.poll_down(cx, scratch)
        })
    }

    /// Whether the worker's greeting and READY have passed.
    pub(crate) fn is_worker_handshaken(&self) -> bool {
        self.up.reader.is_handshaken()
    }

    /// What the worker said so far, which did not get it through the handshake.
    pub(crate) fn spoken(&self) -> Spoken {
        self.spoken.unwrap_or_else(|| self.recognise(&self.up.carry))
    }

    /// Holds the worker's side open for so long, and then closes it.
    pub(crate) async fn hold(self, held: Duration) {
        let Self { outer, inner, .. } = self;
        drop(inner);
        tokio::time::sleep(held).await;
        drop(outer);
    }

    fn recognise(&self, unjudged: &[u8]) -> Spoken {
        if self.up.reader.is_greeted() {
            Spoken::of_command(unjudged)
        } else {
            Spoken::of_greeting(unjudged)
        }
    }

    /// Delivers what the socket takes of what came before the end of the worker's side. The socket
    /// itself tells if it fails.
    pub(crate) fn deliver_more(&mut self, cx: &mut Context<'_>) {
        let _ = self.up.poll_flush(cx, &mut self.inner);
    }

    /// Closes the worker's side and delivers what came before its end.
    pub(crate) async fn deliver_rest(self) {
        let Self { outer, mut inner, up, .. } = self;
        drop(outer);
        let rest = up.pending.get(up.taken..).unwrap_or_default();
        let delivered = async {
            inner.write_all(rest).await?;
            inner.shutdown().await
        };
        if let Err(error) = delivered.await {
            // The owner has dropped the connection: nobody waits for the rest.
            tracing::debug!(%error, "the rest of a connection was not delivered");
        }
    }

    fn poll_up(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<End> {
        loop {
            if let Some(reason) = self.ending {
                return Poll::Ready(End::Worker(reason));
            }
            if ready!(self.up.poll_flush(cx, &mut self.inner)).is_err() {
                return Poll::Ready(End::Server(CloseReason::ClosedByServer));
            }
            let filled = match ready!(self.up.poll_fill(cx, &mut self.outer, scratch)) {
                Ok(Some((filled, read))) => {
                    self.counters.bytes_in.fetch_add(read as u64, Relaxed);
                    filled
                }
                Ok(None) => return Poll::Ready(End::Worker(CloseReason::PeerClosed)),
                Err(error) => return Poll::Ready(End::Worker(reason_of(&error))),
            };
            if self.handle.state.is_promoted()
                && let Some(limits) = self.limits_when_ready.take()
            {
                self.up.reader.set_limits(limits);
            }
            if self.judge(cx, &scratch[..filled]).is_err() {
                return Poll::Ready(End::Server(CloseReason::ClosedByServer));
            }
        }
    }

    /// Walks what the worker sent, passes on what is good and sets `ending` at what is not.
    fn judge(&mut self, cx: &mut Context<'_>, input: &[u8]) -> io::Result<()> {
        let mut at = 0;
        loop {
            let walk = self.up.reader.walk(&input[at..]);
            self.up.forward(cx, &mut self.inner, &input[at..at + walk.relay])?;
            at += walk.relay + walk.consume;
            match walk.stop {
                Stop::NeedMore => {
                    self.up.carry.extend_from_slice(&input[at..]);
                    return Ok(());
                }
                Stop::Handshaken | Stop::Command => {}
                Stop::Ping(context) => self.pong = Some(pong(context)),
                Stop::Violation(violation) => {
                    if !self.up.reader.is_handshaken() {
                        self.spoken = Some(self.recognise(&input[at..]));
                    }
                    self.ending = Some(violation.into());
                    return Ok(());
                }
            }
        }
    }

    /// Sees to it that a worker that understands a PING gets one now and then.
    fn poll_ping(&mut self, cx: &mut Context<'_>) {
        if !self.up.reader.is_handshaken() || !self.up.reader.has_heartbeats() {
            return;
        }
        let every = self.handle.registry.config.ping_every;
        // The first at once: the host may be gone before the next.
        let now = Duration::ZERO;
        let timer = self.next_ping.get_or_insert_with(|| Box::pin(tokio::time::sleep(now)));
        while timer.as_mut().poll(cx).is_ready() {
            self.ping_is_due = true;
            self.is_ping_soon = false;
            timer.as_mut().reset(Instant::now() + every);
        }
    }

    /// Sees to it that something is said after what passes down now: with it the worker's library
    /// forgets how long it may hear nothing. Touches the timer once between two PINGs.
    fn ping_soon(&mut self, cx: &mut Context<'_>) {
        if self.is_ping_soon {
            return;
        }
        let Some(timer) = &mut self.next_ping else { return };
        self.is_ping_soon = true;
        let soon = Instant::now() + self.handle.registry.config.ping_after;
        if soon < timer.deadline() {
            timer.as_mut().reset(soon);
            self.poll_ping(cx);
        }
    }

    fn poll_keeping_back(&mut self, cx: &mut Context<'_>) {
        let is_over = |until: &mut Pin<Box<Sleep>>| until.as_mut().poll(cx).is_ready();
        if self.up.reader.is_handshaken() || self.keeping_back.as_mut().is_some_and(is_over) {
            self.keeping_back = None;
        }
    }

    /// The commands of the gate's own that are due to the worker.
    fn take_commands(&mut self) -> Option<Vec<u8>> {
        let ping = std::mem::take(&mut self.ping_is_due).then(ping);
        match (self.pong.take(), ping) {
            (Some(pong), Some(ping)) => Some([pong, ping].concat()),
            (pong, ping) => pong.or(ping),
        }
    }

    fn poll_down(&mut self, cx: &mut Context<'_>, scratch: &mut [u8]) -> Poll<End> {
        loop {
            let before = self.down.unsent();
            let flushed = self.down.poll_flush(cx, &mut self.outer);
            self.count_out(before - self.down.unsent());
            if let Err(error) = ready!(flushed) {
                return Poll::Ready(End::Worker(reason_of(&error)));
            }
            let may_go =
                self.keeping_back.is_none() || (self.up.reader.is_greeted() && !self.has_greeted);
            if may_go && !self.kept_back.is_empty() {
                self.has_greeted = true;
                self.down.pending = std::mem::take(&mut self.kept_back);
                continue;
            }
            if self.down.reader.is_between_messages()
                && let Some(commands) = self.take_commands()
            {
                self.down.pending = commands;
                continue;
            }
            let filled = match ready!(self.down.poll_fill(cx, &mut self.inner, scratch)) {
                Ok(Some((filled, _))) => filled,
                // The socket is gone: dropped, or finished and all it held has passed.
                Ok(None) | Err(_) => return Poll::Ready(End::Server(CloseReason::ClosedByServer)),
            };
            if let Err(error) = self.pass_down(cx, &scratch[..filled]) {
                return Poll::Ready(End::Worker(reason_of(&error)));
            }
        }
    }

    /// Passes on what our socket sent. It is walked only to know where a PONG may go in between.
    fn pass_down(&mut self, cx: &mut Context<'_>, input: &[u8]) -> io::Result<()> {
        self.ping_soon(cx);
        let mut at = 0;
        loop {
            let walk = self.down.reader.walk(&input[at..]);
            let mut bytes = &input[at..at + walk.relay];
            if self.keeping_back.is_some() {
                // Our socket waits for the worker's greeting before it says more than its own.
                let first = if self.up.reader.is_greeted() { 0 } else { GREETING_FIRST_BYTES };
                let (first, rest) = bytes.split_at(bytes.len().min(first));
                self.kept_back.extend_from_slice(rest);
                bytes = first;
            }
            let before = self.down.unsent();
            let commands = walk.boundary.and_then(|at| Some((at, self.take_commands()?)));
            match commands {
                Some((boundary, mut commands)) => {
                    self.down.pending.extend_from_slice(&bytes[..boundary]);
                    self.down.pending.append(&mut commands);
                    self.down.pending.extend_from_slice(&bytes[boundary..]);
                }
                None => {
                    self.down.forward(cx, &mut self.outer, bytes)?;
                    self.count_out(before + bytes.len() - self.down.unsent());
                }
            }
            at += walk.relay + walk.consume;
            match walk.stop {
                Stop::NeedMore => {
                    self.down.carry.extend_from_slice(&input[at..]);
                    return Ok(());
                }
                Stop::Handshaken | Stop::Command | Stop::Ping(_) => {}
                // Our own socket speaks ZMTP; should it ever not, its connection is of no use.
                Stop::Violation(_) => return Err(io::ErrorKind::InvalidData.into()),
            }
        }
    }

    fn count_out(&self, bytes: usize) {
        if bytes > 0 {
            self.counters.bytes_out.fetch_add(bytes as u64, Relaxed);
        }
    }
}

impl Flow {
    const fn new(reader: FrameReader) -> Self {
        Self { reader, carry: Vec::new(), pending: Vec::new(), taken: 0 }
    }

    fn unsent(&self) -> usize {
        self.pending.len() - self.taken
    }

    /// Reads behind what was carried over. Returns the length of both, and of what was read;
    /// `None` at the end of the stream.
    fn poll_fill(
        &mut self,
        cx: &mut Context<'_>,
        from: &mut (impl AsyncRead + Unpin),
        scratch: &mut [u8],
    ) -> Poll<io::Result<Option<(usize, usize)>>> {
        let carried = self.carry.len();
        let mut buffer = ReadBuf::new(&mut scratch[carried..]);
        ready!(Pin::new(from).poll_read(cx, &mut buffer))?;
        let read = buffer.filled().len();
        if read == 0 {
            return Poll::Ready(Ok(None));
        }
        scratch[..carried].copy_from_slice(&self.carry);
        self.carry.clear();
        Poll::Ready(Ok(Some((carried + read, read))))
    }

    /// Writes `bytes`, or keeps what the other side does not take at once.
    fn forward(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut (impl AsyncWrite + Unpin),
        mut bytes: &[u8],
    ) -> io::Result<()> {
        while self.pending.is_empty() && !bytes.is_empty() {
            match Pin::new(&mut *to).poll_write(cx, bytes) {
                Poll::Ready(Ok(0)) => return Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(taken)) => bytes = &bytes[taken..],
                Poll::Ready(Err(error)) => return Err(error),
                Poll::Pending => break,
            }
        }
        self.pending.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes what is pending, and frees it when it is out.
    fn poll_flush(
        &mut self,
        cx: &mut Context<'_>,
        to: &mut (impl AsyncWrite + Unpin),
    ) -> Poll<io::Result<()>> {
        while self.taken < self.pending.len() {
            match ready!(Pin::new(&mut *to).poll_write(cx, &self.pending[self.taken..]))? {
                0 => return Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
                taken => self.taken += taken,
            }
        }
        if !self.pending.is_empty() {
            self.pending = Vec::new();
            self.taken = 0;
        }
        Poll::Ready(Ok(()))
    }
}

fn pong(context: &[u8]) -> Vec<u8> {
    const NAME: &[u8] = b"\x04PONG";
    const _: () = assert!(NAME.len() + PING_CONTEXT_BYTES_MAX <= u8::MAX as usize);
    let mut frame = vec![0x04, (NAME.len() + context.len()) as u8];
    frame.extend_from_slice(NAME);
    frame.extend_from_slice(context);
    frame
}

/// A PING that says how long the worker may hear nothing, and asks for no context back.
fn ping() -> Vec<u8> {
    let tenths = (PING_TTL.as_millis() / 100) as u16;
    [b"\x04\x07\x04PING", &tenths.to_be_bytes()[..]].concat()
}

fn reason_of(error: &io::Error) -> CloseReason {
    match error.kind() {
        io::ErrorKind::TimedOut
        | io::ErrorKind::HostUnreachable
        | io::ErrorKind::NetworkUnreachable => CloseReason::HostDead,
        _ => CloseReason::PeerClosed,
    }
}
