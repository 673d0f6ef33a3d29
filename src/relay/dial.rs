//! Looks for the owner, and keeps a link to it for as long as it can.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use acequia_link::{
    BEAT_EVERY, Fault, FromDoor, FromOwner, HANDSHAKE_TIME_MAX, Hello, LinkError, LinkReader,
    LinkWriter, Refused, Role, SILENT_AFTER,
};
use acequia_restraint::Seldom;
use tokio::io::{ReadHalf, WriteHalf};
use tokio::sync::{Semaphore, mpsc, watch};

use super::target::{Io, LinkKeys, Target};
use super::way::{Outgoing, Way};
use crate::pipeline::Input;

/// How long to wait before the next try, at first, and at most.
const AGAIN_MIN: Duration = Duration::from_millis(20);
const AGAIN_MAX: Duration = Duration::from_millis(500);
/// How often the log tells that nobody is there.
const LINE_EVERY: Duration = Duration::from_secs(30);
/// How long an owner may take to answer that another server has named, and that may be one no more.
const HINT_TIME_MAX: Duration = Duration::from_millis(500);
/// Connections for calls that are opened at one time: more would only make all of them slower.
const OPENING_MAX: usize = 32;
/// Frames that are written at once.
const TAKEN: usize = 1_024;
/// What is said of an owner that says nothing.
const SILENT: &str = "the owner has said nothing for some seconds";

/// What the relay hears from its link.
#[derive(Debug)]
pub(crate) enum FromLink {
    /// There is one, to the owner of this epoch.
    Up { epoch: u64, sessions: Way, lanes: Way, here: Option<mpsc::Sender<Input>> },
    /// What the owner says of clients.
    Sessions(Vec<FromOwner>),
    /// What it says of workers.
    Lanes(Vec<FromOwner>),
    /// It is over.
    Down { why: String },
}

/// The owner that there is a link to.
#[derive(Clone)]
struct Linked {
    epoch: u64,
    target: Target,
}

/// Who this door is, to owners.
struct Who {
    door: [u8; 16],
    name: String,
    links: AtomicU64,
    keys: LinkKeys,
    /// Places for connections for calls that are being opened.
    opening: Semaphore,
}

impl Who {
    fn hello(&self, role: Role, link: u64) -> Hello {
        Hello { role, door: self.door, link, name: self.name.clone() }
    }
}

/// Opens connections to the owner for calls.
#[derive(Clone)]
pub(crate) struct Callers {
    who: Arc<Who>,
    linked: watch::Receiver<Option<Linked>>,
}

impl Callers {
    /// Which owner there is a link to, once there is one.
    pub(crate) async fn epoch(&self) -> Option<u64> {
        let mut linked = self.linked.clone();
        let linked = linked.wait_for(Option::is_some).await.ok()?;
        linked.as_ref().map(|linked| linked.epoch)
    }

    /// A connection to that owner.
    pub(crate) async fn open(&self) -> std::io::Result<Box<dyn Io>> {
        // It is never closed.
        let _place = self.who.opening.acquire().await;
        let linked = self.linked.borrow().clone();
        let target = linked.ok_or(std::io::ErrorKind::NotConnected)?.target;
        let link = self.who.links.load(Ordering::Relaxed);
        let opened = target.open(self.who.hello(Role::Calls, link), &self.who.keys).await;
        let (link, _) = opened.map_err(std::io::Error::other)?;
        Ok(link.into_io())
    }
}

/// Looks for the owner.
pub(crate) struct Dialler {
    who: Arc<Who>,
    targets: watch::Receiver<Vec<Target>>,
    linked: watch::Sender<Option<Linked>>,
    relay: mpsc::Sender<FromLink>,
    lines: Seldom<()>,
}

impl Dialler {
    /// One for a door that is called `name`. What it finds is told `relay`.
    ///
    /// # Errors
    /// If the system has no randomness.
    pub(crate) fn new(
        name: String,
        keys: LinkKeys,
        targets: watch::Receiver<Vec<Target>>,
        relay: mpsc::Sender<FromLink>,
    ) -> std::io::Result<Self> {
        let mut door = [0; 16];
        getrandom::fill(&mut door).map_err(std::io::Error::other)?;
        let (links, opening) = (AtomicU64::new(0), Semaphore::new(OPENING_MAX));
        let who = Arc::new(Who { door, name, links, keys, opening });
        let (linked, lines) = (watch::Sender::new(None), Seldom::new(LINE_EVERY, 1));
        Ok(Self { who, targets, linked, relay, lines })
    }

    /// What calls go through.
    pub(crate) fn callers(&self) -> Callers {
        Callers { who: self.who.clone(), linked: self.linked.subscribe() }
    }

    /// Runs until the relay is gone.
    pub(crate) async fn run(mut self) {
        let mut pause = AGAIN_MIN;
        let mut nth = 0;
        while !self.relay.is_closed() {
            let targets = self.targets.borrow_and_update().clone();
            let Some(target) = targets.get(nth % targets.len().max(1)).cloned() else {
                if self.targets.changed().await.is_err() {
                    return;
                }
                continue;
            };
            let mut linked = self.link(&target, HANDSHAKE_TIME_MAX).await;
            if let Err(error) = &linked
                && let Fault::RefusedUs(Refused::NotOwner { owner: Some(owner) }) = &error.fault
            {
                // It knows better, and not for sure.
                linked = self.link(&Target::There(owner.clone()), HINT_TIME_MAX).await;
            }
            match linked {
                Ok(()) => pause = AGAIN_MIN,
                Err(error) => {
                    if let Some(left_out) = self.lines.line((), std::time::Instant::now()) {
                        tracing::warn!("no link to {target}: {error}{left_out}");
                    }
                    nth += 1;
                    tokio::select! {
                        () = tokio::time::sleep(pause) => pause = (2 * pause).min(AGAIN_MAX),
                        () = changed(&mut self.targets) => {}
                        () = self.relay.closed() => {}
                    }
                }
            }
        }
    }

    /// Links, and keeps the link for as long as it lives.
    async fn link(&mut self, target: &Target, patience: Duration) -> Result<(), LinkError> {
        let who = self.who.clone();
        let nth = who.links.fetch_add(1, Ordering::Relaxed) + 1;
        let opened = async {
            let (sessions, welcome) =
                target.open(who.hello(Role::Sessions, nth), &who.keys).await?;
            let (lanes, again) = target.open(who.hello(Role::Lanes, nth), &who.keys).await?;
            if again.epoch != welcome.epoch {
                // Another one has begun there meanwhile.
                let fault = Fault::RefusedUs(Refused::NotOwner { owner: None });
                return Err(LinkError { peer: target.to_string(), fault });
            }
            Ok((sessions, lanes, welcome))
        };
        let (sessions, lanes, welcome) = tokio::select! {
            opened = tokio::time::timeout(patience, opened) => opened.unwrap_or_else(|_| {
                Err(LinkError { peer: target.to_string(), fault: Fault::Slow })
            })?,
            // One that stands still would take connections, and wake too late.
            () = self.moved(target) => return Ok(()),
        };
        let epoch = welcome.epoch;
        let ((from_sessions, to_sessions), (from_lanes, to_lanes)) =
            (sessions.split(), lanes.split());
        let ((session_way, session_frames), (lane_way, lane_frames)) = (Way::new(), Way::new());
        let here = target.inbox();
        let up = FromLink::Up { epoch, sessions: session_way, lanes: lane_way, here };
        if self.relay.send(up).await.is_err() {
            return Ok(());
        }
        self.linked.send_replace(Some(Linked { epoch, target: target.clone() }));
        let why = tokio::select! {
            why = read(from_sessions, &self.relay, FromLink::Sessions) => why,
            why = read(from_lanes, &self.relay, FromLink::Lanes) => why,
            why = async {
                // Both are to be written to their ends, if the relay has nothing more to say.
                tokio::try_join!(write(to_sessions, session_frames), write(to_lanes, lane_frames))
            } => match why {
                Ok(_) => "this door stops".to_owned(),
                Err(error) => error.to_string(),
            },
            () = self.moved(target) => "another server is the owner".to_owned(),
        };
        self.linked.send_replace(None);
        _ = self.relay.send(FromLink::Down { why }).await;
        Ok(())
    }

    /// Waits until another list says that the owner is somewhere else.
    async fn moved(&self, target: &Target) {
        let mut targets = self.targets.clone();
        loop {
            changed(&mut targets).await;
            let all = targets.borrow_and_update();
            if !all.is_empty() && !all.iter().any(|one| one.is(target)) {
                return;
            }
        }
    }
}

/// Waits until there is another list; a list that is what it is never changes.
async fn changed(targets: &mut watch::Receiver<Vec<Target>>) {
    if targets.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Hands what the owner says to the relay. Returns why it says nothing more.
async fn read(
    mut reader: LinkReader<ReadHalf<Box<dyn Io>>>,
    relay: &mpsc::Sender<FromLink>,
    wrap: fn(Vec<FromOwner>) -> FromLink,
) -> String {
    loop {
        let mut frames = Vec::new();
        match tokio::time::timeout(SILENT_AFTER, reader.read(&mut frames)).await {
            Err(_) => return SILENT.to_owned(),
            Ok(Err(error)) => return error.to_string(),
            Ok(Ok(0)) => return "the owner has closed it".to_owned(),
            Ok(Ok(_)) => {}
        }
        let leaves = frames.iter().find_map(|frame| match frame {
            FromOwner::Leave { reason } => Some(reason.clone()),
            _ => None,
        });
        frames.retain(|frame| !matches!(frame, FromOwner::Beat | FromOwner::Leave { .. }));
        if !frames.is_empty() && relay.send(wrap(frames)).await.is_err() {
            return "this door stops".to_owned();
        }
        if let Some(reason) = leaves {
            return reason;
        }
    }
}

/// Writes what the relay says, and that this door lives. Ends when the relay says nothing more.
async fn write(
    mut writer: LinkWriter<WriteHalf<Box<dyn Io>>>,
    mut frames: mpsc::UnboundedReceiver<Outgoing>,
) -> Result<(), LinkError> {
    let (mut taken, mut turns) = (Vec::with_capacity(TAKEN), Vec::with_capacity(TAKEN));
    let mut beat = tokio::time::interval(BEAT_EVERY);
    loop {
        let count = tokio::select! {
            count = frames.recv_many(&mut taken, TAKEN) => count,
            _ = beat.tick() => {
                taken.push((FromDoor::Beat, None));
                1
            }
        };
        if count == 0 {
            return writer.finish().await;
        }
        let said = taken.drain(..).map(|(frame, turn)| {
            turns.extend(turn);
            frame
        });
        writer.write(said).await?;
        writer.flush().await?;
        // More may come.
        turns.clear();
    }
}
