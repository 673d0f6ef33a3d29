//! What is remembered and told of those that were turned away.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use acequia_restraint::{LeftOut, Seldom};
use tokio::sync::Notify;

use crate::peer::Peer;
use crate::spoken::Spoken;

/// One line of a kind from one host in so much time.
const LINE_EVERY: Duration = Duration::from_secs(60);
/// Lines in that time in all.
const LINES_MAX: usize = 30;
/// So many times a host may speak wrongly before its connections are closed late.
const FREE: u32 = 3;
/// How long the next one is held, and each after it twice as long.
const HOLD_MIN: Duration = Duration::from_millis(200);
/// The longest that one is held.
const HOLD_MAX: Duration = Duration::from_secs(5);
/// A host that did nothing wrong for so long has a clean slate.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(30);
/// How many hosts are remembered. Beyond that nobody new is held.
const HOSTS_MAX: usize = 1_024;

/// Where somebody comes from, however often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Host {
    /// An address; of IPv6 the network, since a host has as many addresses there as it likes.
    Network(IpAddr),
    Process(Option<i32>),
}

impl Host {
    fn of(peer: Peer) -> Self {
        match peer {
            Peer::Tcp(address) => Self::Network(match address.ip().to_canonical() {
                IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !0 << 64).into(),
                address @ IpAddr::V4(_) => address,
            }),
            Peer::Ipc { pid } => Self::Process(pid),
        }
    }
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Network(address) => write!(f, "{address}"),
            Self::Process(pid) => Peer::Ipc { pid: *pid }.fmt(f),
        }
    }
}

/// What lines are alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Kind {
    reason: &'static str,
    spoken: Option<Spoken>,
    host: Host,
}

#[derive(Debug, Clone, Copy)]
struct Wrongs {
    count: u32,
    last: Instant,
}

/// The refusals of one gate. Its lock is taken when somebody is turned away, never else.
#[derive(Debug)]
pub(crate) struct Refusals {
    port: &'static str,
    lines: Mutex<Seldom<Kind>>,
    hosts: Mutex<HashMap<Host, Wrongs>>,
    /// Something was left out.
    left_out: Notify,
}

impl Refusals {
    pub(crate) fn new(port: &'static str) -> Self {
        let lines = Mutex::new(Seldom::new(LINE_EVERY, LINES_MAX));
        Self { port, lines, hosts: Mutex::default(), left_out: Notify::new() }
    }

    /// Says in the log whose connection has something wrong and what, unless that was said just now.
    pub(crate) fn tell(
        &self,
        peer: Peer,
        reason: &'static str,
        spoken: Option<Spoken>,
        why: fmt::Arguments<'_>,
        now: Instant,
    ) {
        let kind = Kind { reason, spoken, host: Host::of(peer) };
        let line = locked(&self.lines).line(kind, now);
        match line {
            Some(left_out) => tracing::warn!(port = self.port, %peer, reason, "{why}{left_out}"),
            None => self.left_out.notify_one(),
        }
    }

    /// Waits until it is time to say what was left out, and says it. Cancel-safe.
    pub(crate) async fn told(&self) {
        loop {
            let due = locked(&self.lines).due();
            match due {
                None => self.left_out.notified().await,
                Some(due) => {
                    tokio::time::sleep_until(due.into()).await;
                    return self.tell_overdue(tokio::time::Instant::now().into_std());
                }
            }
        }
    }

    /// Says what was left out and is due.
    fn tell_overdue(&self, now: Instant) {
        let overdue = locked(&self.lines).overdue(now);
        for (kind, LeftOut { alike, others, within }) in overdue {
            let (count, seconds) = (alike + others, within.as_secs());
            match kind {
                Some(Kind { reason, host, .. }) => tracing::warn!(
                    port = self.port, %host, reason,
                    "{count} more like this in the last {seconds} s"
                ),
                None => tracing::warn!(
                    port = self.port,
                    "{count} more connections had something wrong in the last {seconds} s, of more \
                     hosts or for more reasons than are told apart"
                ),
            }
        }
    }

    /// Somebody got through the handshake and then spoke wrongly. Returns how long the connection
    /// is to be held before it is closed: stock ZeroMQ would be back at once, and speak the same.
    /// Whoever does well on the same host is not held up by it.
    pub(crate) fn spoke_wrongly(&self, peer: Peer, now: Instant) -> Duration {
        let mut hosts = locked(&self.hosts);
        let host = Host::of(peer);
        let is_old =
            |wrongs: &Wrongs| now.saturating_duration_since(wrongs.last) >= FORGOTTEN_AFTER;
        if hosts.len() >= HOSTS_MAX && !hosts.contains_key(&host) {
            hosts.retain(|_, wrongs| !is_old(wrongs));
            if hosts.len() >= HOSTS_MAX {
                return Duration::ZERO;
            }
        }
        let wrongs = hosts.entry(host).or_insert(Wrongs { count: 0, last: now });
        let count = if is_old(wrongs) { 1 } else { wrongs.count.saturating_add(1) };
        *wrongs = Wrongs { count, last: now };
        match count.checked_sub(FREE + 1) {
            None => Duration::ZERO,
            Some(doublings) => HOLD_MIN.saturating_mul(1 << doublings.min(10)).min(HOLD_MAX),
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Both are whole after every call, so a panic elsewhere says nothing against them.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(address: &str) -> Peer {
        Peer::Tcp(address.parse().unwrap())
    }

    #[test]
    fn a_host_that_goes_on_speaking_wrongly_is_held_longer_each_time() {
        let (now, refusals) = (Instant::now(), Refusals::new("jobs"));
        let mut held = Vec::new();
        for port in 1..20 {
            let from = peer(&format!("10.0.0.1:{port}"));
            held.push(refusals.spoke_wrongly(from, now).as_millis());
        }
        assert_eq!(held[..6], [0, 0, 0, 200, 400, 800]);
        assert_eq!(held.last(), Some(&5_000));
        assert_eq!(refusals.spoke_wrongly(peer("10.0.0.2:1"), now), Duration::ZERO);
        let later = now + FORGOTTEN_AFTER;
        assert_eq!(refusals.spoke_wrongly(peer("10.0.0.1:1"), later), Duration::ZERO);
    }

    #[test]
    fn hosts_without_end_take_little_memory_and_hold_nobody() {
        let (now, refusals) = (Instant::now(), Refusals::new("jobs"));
        for n in 0..2 * HOSTS_MAX {
            refusals.spoke_wrongly(peer(&format!("10.0.{}.{}:1", n / 256, n % 256)), now);
        }
        assert_eq!(locked(&refusals.hosts).len(), HOSTS_MAX);
        assert_eq!(refusals.spoke_wrongly(peer("10.9.9.9:1"), now), Duration::ZERO);
        let later = now + FORGOTTEN_AFTER;
        refusals.spoke_wrongly(peer("10.9.9.9:1"), later);
        assert_eq!(locked(&refusals.hosts).len(), 1, "who did nothing wrong since is forgotten");
    }
}
