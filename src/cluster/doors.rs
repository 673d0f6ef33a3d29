//! A server of a cluster that is a door all the time: to the owner, or to itself while it is the owner.

use std::sync::Arc;
use std::time::Duration;

use acequia_journal::{Candidate, Role};
use acequia_link::LinkTrust;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinHandle;

use crate::addresses::Addresses;
use crate::config::{Config, Links, Shared, StartError};
use crate::door::Door;
use crate::links::{self, Known, LinkPort};
use crate::metrics::{ClusterState, DoorMetrics};
use crate::parts::Broken;
use crate::pipeline::durability::Over;
use crate::pipeline::readiness::Readiness;
use crate::ports::Ports;
use crate::relay::{LinkKeys, Target, Within};
use crate::server::{Seat, Server};

/// How long a door of a server that stops may take.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(60);

/// What goes on whoever is the owner.
pub(super) struct Doors {
    door: JoinHandle<Result<(), Broken>>,
    stop: oneshot::Sender<()>,
    /// The port where doors of other servers come in.
    port: JoinHandle<()>,
    whereabouts: Whereabouts,
    readiness: watch::Receiver<Readiness>,
}

/// Where the owner is: for doors that come here, and for the one that is here.
#[derive(Clone)]
pub(super) struct Whereabouts {
    knows: watch::Sender<Known>,
    targets: watch::Sender<Vec<Target>>,
    metrics: DoorMetrics,
}

impl Whereabouts {
    /// Nobody is the owner for the moment.
    pub(super) fn nobody(&self) {
        self.knows.send_replace(Known::There(None));
    }

    /// Links to whoever is the owner, for as long as that is looked after.
    /// `state` is what this server was before.
    pub(super) async fn follow(self, mut role: watch::Receiver<Role>, state: ClusterState) {
        loop {
            let (link, epoch, is_lost) = match &*role.borrow_and_update() {
                Role::Standby { owner, epoch } => (owner.as_deref().map(link_of), *epoch, false),
                Role::Owner(term) => (None, term.epoch, false),
                Role::Halted { .. } => (None, state.epoch, true),
            };
            self.metrics.set_cluster(ClusterState { epoch, is_lost, ..state });
            // While nobody is known to be the owner the last one may yet be.
            if let Some(link) = link {
                self.knows.send_replace(Known::There(link.clone()));
                self.targets.send_replace(link.map(Target::There).into_iter().collect());
            }
            if role.changed().await.is_err() {
                return;
            }
        }
    }
}

impl Doors {
    /// Takes all ports, and serves them from now on.
    pub(super) async fn open(
        config: &Config,
        links: &Links,
    ) -> Result<(Self, Addresses), StartError> {
        let Links { listen, token, .. } = links;
        let port = LinkPort::bind(listen, config.tls.as_ref()).await?;
        let ports = Ports::bind(config).await?;
        let (targets, followed) = watch::channel(Vec::new());
        let keys = LinkKeys { token: token.clone(), trust: LinkTrust::anybody() };
        let door = Door::follow(config.clone(), keys, followed, Some(ports)).await?;
        let addresses = Addresses { link: Some(port.address()), ..door.addresses().clone() };
        let (metrics, readiness) = (door.metrics(), door.readiness());
        let (knows, known) = watch::channel(Known::There(None));
        let port = tokio::spawn(links::serve(port, token.clone(), known));
        let (stop, stopped) = oneshot::channel();
        let door = tokio::spawn(door.run(async move { _ = stopped.await }));
        let whereabouts = Whereabouts { knows, targets, metrics };
        let doors = Self { door, stop, port, whereabouts, readiness };
        Ok((doors, addresses))
    }

    /// Whether jobs are taken, now and later.
    pub(super) fn takes_jobs(&self) -> watch::Receiver<bool> {
        let mut readiness = self.readiness.clone();
        let (tell, told) = watch::channel(false);
        tokio::spawn(async move {
            loop {
                let is_ready = *readiness.borrow_and_update() == Readiness::Ready;
                tell.send_if_modified(|of| std::mem::replace(of, is_ready) != is_ready);
                tokio::select! {
                    changed = readiness.changed() => if changed.is_err() {
                        return;
                    },
                    () = tell.closed() => return,
                }
            }
        });
        told
    }

    /// What a server has beside this.
    pub(super) fn seat(&self, addresses: Addresses) -> Seat {
        Seat::beside_door(addresses, self.whereabouts.metrics.recorder())
    }

    pub(super) fn whereabouts(&self) -> Whereabouts {
        self.whereabouts.clone()
    }

    /// Waits until the door has ended by itself, which it should not.
    pub(super) async fn broken(&mut self) -> String {
        match (&mut self.door).await {
            Ok(Ok(())) => "the door has ended by itself".to_owned(),
            Ok(Err(broken)) => broken.to_string(),
            Err(panic) => panic.to_string(),
        }
    }

    /// Has a server work, to which this door and others link.
    pub(super) async fn beside(
        &mut self,
        server: Server,
        shutdown: impl Future<Output = ()>,
    ) -> Result<Option<Over>, Broken> {
        if let Some(owner) = server.owner() {
            self.whereabouts.knows.send_replace(Known::Here(owner.clone()));
            let inbox = owner.inbox.clone();
            let within = Within { take_in: Arc::new(move |hello| owner.within(hello)), inbox };
            self.whereabouts.targets.send_replace(vec![Target::Here(within)]);
        }
        let ended = tokio::select! {
            ended = server.run_until_over(shutdown) => ended,
            why = self.broken() => Err(Broken::new("the door", why)),
        };
        self.whereabouts.nobody();
        self.whereabouts.targets.send_replace(Vec::new());
        ended
    }

    /// Another server is the owner by now, or will be. What workers have may end there, then all is closed.
    pub(super) async fn close(self, shared: Shared, state: ClusterState) {
        let Shared { database, name, .. } = shared;
        let watched = tokio::task::spawn_blocking(move || Candidate::watch(database, &name)).await;
        // Where it cannot be known who is the owner, nothing is waited for in vain.
        let watch = watched.ok().and_then(Result::ok);
        let Self { door, stop, port, whereabouts, .. } = self;
        _ = stop.send(());
        let closed = tokio::time::timeout(CLOSE_TIME_MAX, door);
        match watch {
            Some(watch) => {
                let followed = tokio::spawn(whereabouts.follow(watch.role(), state));
                _ = closed.await;
                followed.abort();
                _ = tokio::task::spawn_blocking(move || watch.release()).await;
            }
            None => _ = closed.await,
        }
        port.abort();
    }
}

/// What other servers know this one by: where clients reach it, and behind `#` where doors do.
pub(super) fn owner_address(
    config: &Config,
    advertised: Option<String>,
    addresses: &Addresses,
) -> String {
    let scheme = if config.tls.is_some() { "https" } else { "http" };
    let url = advertised.unwrap_or_else(|| format!("{scheme}://{}", addresses.http));
    let given = config.links.as_ref().and_then(|links| links.address.clone());
    let port = addresses.link.map_or(0, |link| link.port());
    let link = given.unwrap_or_else(|| format!("{}:{port}", host_of(&url)));
    format!("{url}/#{link}")
}

/// Where clients reach the owner of this address.
pub(super) fn url_of(owner: &str) -> &str {
    owner.split_once("/#").map_or(owner, |(url, _)| url)
}

/// Where doors reach the owner of this address.
fn link_of(owner: &str) -> Option<String> {
    owner.split_once('#').map(|(_, link)| link.to_owned())
}

/// The host of a URL that has a port.
fn host_of(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap_or(("", url));
    rest.rsplit_once(':').map_or(rest, |(host, _)| host)
}
