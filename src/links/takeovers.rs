//! Of a door that links anew its old link is over at once, whether its end was noticed or not.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use acequia_link::{Hello, Role};
use tokio::sync::{Mutex as AsyncMutex, OwnedMutexGuard, watch};

/// Doors that are remembered. Beyond it those are forgotten that have no link.
const DOORS_MAX: usize = 1_024;

/// The newest link of each door.
#[derive(Debug, Default)]
pub(crate) struct Takeovers(Mutex<HashMap<[u8; 16], Door>>);

#[derive(Debug, Default)]
struct Door {
    newest: watch::Sender<u64>,
    turns: Arc<AsyncMutex<()>>,
}

/// While it is held, no later link of the door speaks of its sessions: the end of those of this one comes first.
pub(super) type Turn = OwnedMutexGuard<()>;

/// A connection of a link.
#[derive(Debug)]
pub(super) struct Place {
    link: u64,
    newest: watch::Receiver<u64>,
    turns: Arc<AsyncMutex<()>>,
}

impl Takeovers {
    /// A connection begins. `None` if its door has linked anew since.
    pub(super) fn begin(&self, hello: &Hello) -> Option<Place> {
        let mut doors = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if doors.len() >= DOORS_MAX {
            doors.retain(|_, door| door.newest.receiver_count() > 0);
        }
        let door = doors.entry(hello.door).or_default();
        let is_newer = |known: &mut u64| {
            let is_newer = *known < hello.link;
            *known = (*known).max(hello.link);
            is_newer
        };
        door.newest.send_if_modified(is_newer);
        let (newest, turns) = (door.newest.subscribe(), door.turns.clone());
        let place = Place { link: hello.link, newest, turns };
        let is_current = *place.newest.borrow() == hello.link || hello.role == Role::Calls;
        is_current.then_some(place)
    }
}

impl Place {
    /// Waits until nothing more comes of the door's link before.
    pub(super) async fn turn(&self) -> Turn {
        self.turns.clone().lock_owned().await
    }

    /// Waits until the door has linked anew.
    pub(super) async fn superseded(&self) {
        let link = self.link;
        if self.newest.clone().wait_for(|newest| *newest > link).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hello(door: u8, link: u64) -> Hello {
        Hello { role: Role::Sessions, door: [door; 16], link, name: String::new() }
    }

    #[tokio::test]
    async fn a_link_is_over_when_its_door_links_anew() {
        let takeovers = Takeovers::default();
        let first = takeovers.begin(&hello(1, 5)).expect("it is the newest");
        let other = takeovers.begin(&hello(2, 6)).expect("it is another door's");
        let second = takeovers.begin(&hello(1, 6)).expect("it is the newest");
        first.superseded().await;
        assert!(takeovers.begin(&hello(1, 5)).is_none(), "it was on its way for long");
        for current in [other, second] {
            let waited = futures_util::FutureExt::now_or_never(current.superseded());
            assert!(waited.is_none());
        }
    }
}
