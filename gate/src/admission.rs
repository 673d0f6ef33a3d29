//! The one task of a connection: makes its socket, sees it through the handshake, hands it out,
//! relays its bytes until the end.
//!
//! ```text
//! accept(2) ─▶ private socket ─▶ greeting, READY ─▶ handed out ─▶ relay ─▶ rest delivered
//!                    │                  │                             │
//!                    ▼                  ▼                             ▼
//!             out_of_resources   refused, taken down          ended by either side
//! ```

use std::future::poll_fn;
use std::sync::atomic::Ordering::Relaxed;
use std::task::{Context, Poll};

use tokio::sync::mpsc;
use zeromq::SocketEvent;

use crate::handle::ConnectionHandle;
use crate::lease::Lease;
use crate::listener::Outer;
use crate::private::{Monitor, PrivateSocket};
use crate::reason::CloseReason;
use crate::relay::{End, Relay};
use crate::role::Role;
use crate::spoken::Spoken;

/// Runs one connection from accept(2) to its end.
///
/// The gate is known to be gone when nobody receives from `accepted` any more.
pub(crate) async fn run<R: Role>(
    outer: Outer,
    lease: Lease,
    accepted: mpsc::Sender<R::Connection>,
) {
    let handle = lease.handle.clone();
    let (mut private, inner) = match PrivateSocket::<R::Socket>::open().await {
        Ok(opened) => opened,
        Err(error) => {
            handle.registry.shortage.no_socket(&error, R::PORT);
            handle.close(CloseReason::OutOfResources);
            return;
        }
    };
    handle.registry.shortage.over();
    let mut relay = Relay::new(handle.clone(), outer, inner, R::WORKER, R::SERVER);
    let shaken = tokio::select! {
        shaken = shake_hands(&mut relay, &mut private.monitor) => shaken,
        () = tokio::time::sleep(handle.registry.config.handshake_time_max) => {
            Err(CloseReason::HandshakeTimeout)
        }
        () = accepted.closed() => Err(CloseReason::ClosedByServer),
    };
    if let Err(reason) = shaken {
        turn_away::<R>(&handle, &relay, reason);
        drop(relay);
        private.discard().await;
        return;
    }
    let (socket, monitor) = private.seal().await;
    handle.registry.counters.handshaken.fetch_add(1, Relaxed);
    // The channel has room for as many as there are places. If the gate is gone, the connection
    // comes back in the error and is closed by its drop.
    if accepted.try_send(R::connection(lease.clone(), socket, monitor)).is_err() {
        return;
    }
    drop(accepted);
    match poll_fn(|cx| relay.poll(cx)).await {
        End::Server(reason) => {
            handle.close(reason);
            hold(&handle, relay).await;
        }
        End::Worker(reason) => {
            // First the news, then the rest: it may take long if the owner does not receive.
            if reason.is_refusal() {
                handle.registry.refuse(&handle.state, reason);
            } else {
                handle.close(reason);
            }
            relay.deliver_rest().await;
        }
    }
}

/// Ends a connection that did not get through the handshake, and says so where that is news.
fn turn_away<R: Role>(handle: &ConnectionHandle, relay: &Relay, reason: CloseReason) {
    let spoken = relay.spoken();
    let reason = match (reason, spoken) {
        // Somebody looked whether the port is open.
        (CloseReason::PeerClosed | CloseReason::HostDead, Spoken::Nothing) => {
            return handle.close(reason);
        }
        (CloseReason::PeerClosed, _) => CloseReason::LeftInHandshake,
        (reason, _) => reason,
    };
    match reason {
        CloseReason::BadGreeting
        | CloseReason::BadHandshake
        | CloseReason::IncompatiblePeer
        | CloseReason::HandshakeTimeout
        | CloseReason::LeftInHandshake => {
            let (registry, why) = (&handle.registry, spoken.on(R::WORKER));
            registry.refuse_for(&handle.state, reason, spoken, why);
        }
        reason if reason.is_refusal() => handle.registry.refuse(&handle.state, reason),
        reason => handle.close(reason),
    }
}

/// Keeps a worker that did something wrong from being back at once.
async fn hold(handle: &ConnectionHandle, relay: Relay) {
    let held = handle.state.held();
    if !held.is_zero()
        && let Some(_place) = handle.registry.hold()
    {
        relay.hold(held).await;
    }
}

/// Relays until the socket says that it accepted its peer.
async fn shake_hands(relay: &mut Relay, monitor: &mut Monitor) -> Result<(), CloseReason> {
    let mut worker_gone = false;
    poll_fn(|cx| {
        if worker_gone {
            relay.deliver_more(cx);
        } else {
            match relay.poll(cx) {
                // It said all that the socket needs, perhaps messages too, and went. They are
                // delivered like any others.
                Poll::Ready(End::Worker(_)) if relay.is_worker_handshaken() => {
                    worker_gone = true;
                    relay.deliver_more(cx);
                }
                Poll::Ready(End::Worker(reason) | End::Server(reason)) => {
                    return Poll::Ready(Err(reason));
                }
                Poll::Pending => {}
            }
        }
        while let Poll::Ready(event) = poll_event(monitor, cx) {
            match event {
                Some(SocketEvent::Accepted(..)) => return Poll::Ready(Ok(())),
                Some(SocketEvent::AcceptFailed(error)) => {
                    tracing::debug!(%error, "a socket refused its peer");
                    return Poll::Ready(Err(reason_of(&error)));
                }
                Some(_) => {}
                None => return Poll::Ready(Err(CloseReason::OutOfResources)),
            }
        }
        Poll::Pending
    })
    .await
}

fn poll_event(monitor: &mut Monitor, cx: &mut Context<'_>) -> Poll<Option<SocketEvent>> {
    monitor.as_mut().poll_next(cx)
}

/// The gate itself has judged greeting and READY, so what fails the socket is most often ours.
fn reason_of(error: &zeromq::ZmqError) -> CloseReason {
    match error {
        zeromq::ZmqError::Network(_) => CloseReason::OutOfResources,
        _ => CloseReason::BadHandshake,
    }
}
