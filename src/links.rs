//! The owner's end of links: doors come in, and what they carry goes to the pipeline.
//!
//! A door's connections of a link end by themselves, each with all that came through it.

mod calls;
mod lanes;
mod port;
mod sessions;
mod takeovers;
mod turns;

use std::sync::Arc;
use std::time::{Duration, Instant};

use acequia_journal::Tenure;
use acequia_link::{
    BEAT_EVERY, FromDoor, FromOwner, Hello, Link, LinkError, LinkReader, LinkWriter, Refused, Role,
    SILENT_AFTER, Welcome,
};
use acequia_restraint::Seldom;
use axum::Router;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, mpsc, watch};
use tokio::task::JoinSet;

pub(crate) use self::port::LinkPort;
pub(crate) use self::takeovers::Takeovers;
use crate::access::Secret;
use crate::http::Front;
use crate::metrics::LinkMetrics;
use crate::pipeline::Input;
use crate::relay::Io;

/// How often the log tells of doors that are turned away.
const REFUSED_LINE_EVERY: Duration = Duration::from_secs(10);
/// Connections that have not proven themselves yet.
const SHAKING_MAX: usize = 1_024;
/// What a link within a process is called.
const WITHIN: &str = "this server";
/// Bytes on their way to a door in the same process.
const WITHIN_BYTES: usize = 1 << 20;
/// Frames that are written at once.
const TAKEN: usize = 1_024;

/// What all links of an owner share.
pub(crate) struct Owner {
    pub(crate) inbox: mpsc::Sender<Input>,
    pub(crate) front: Arc<Front>,
    pub(crate) welcome: Welcome,
    /// What doors ask on behalf of those who call them.
    pub(crate) calls: Router,
    pub(crate) metrics: LinkMetrics,
    pub(crate) takeovers: Takeovers,
    /// Where another server may take over: whether this one's lease holds.
    pub(crate) tenure: Option<Tenure>,
}

/// Who the owner is.
#[derive(Clone)]
pub(crate) enum Known {
    /// This server.
    Here(Arc<Owner>),
    /// Another one; where its links are answered, if that is known.
    There(Option<String>),
}

impl Known {
    /// The owner, if it is this server.
    fn here(&self) -> Result<Arc<Owner>, Refused> {
        match self {
            // One whose pipeline has ended is the owner no more.
            Self::Here(owner) if owner.is_over() => Err(Refused::NotOwner { owner: None }),
            Self::Here(owner) => Ok(owner.clone()),
            Self::There(owner) => Err(Refused::NotOwner { owner: owner.clone() }),
        }
    }
}

/// Takes in doors for as long as somebody knows who the owner is. Then it waits until all have heard that it
/// is over.
pub(crate) async fn serve(port: LinkPort, token: Secret, known: watch::Receiver<Known>) {
    let mut links = JoinSet::new();
    let mut refused = Seldom::new(REFUSED_LINE_EVERY, 1);
    let mut crowded = Seldom::new(REFUSED_LINE_EVERY, 1);
    let shaking = Arc::new(Semaphore::new(SHAKING_MAX));
    loop {
        let (stream, peer) = tokio::select! {
            accepted = port.accept() => accepted,
            Some(ended) = links.join_next() => {
                if let Ok(Some(why)) = ended
                    && let Some(left_out) = refused.line((), Instant::now())
                {
                    tracing::warn!("a door is turned away: {why}{left_out}");
                }
                continue;
            }
            () = nobody_knows(known.clone()) => break,
        };
        let Ok(place) = shaking.clone().try_acquire_owned() else {
            if let Some(left_out) = crowded.line((), Instant::now()) {
                tracing::warn!(%peer, "a door is turned away: {SHAKING_MAX} others have not proven themselves yet{left_out}");
            }
            continue;
        };
        let (tls, token, known) = (port.tls(), token.clone(), known.clone());
        links.spawn(async move {
            let mut owner = None;
            let judge = |_: &Hello| {
                let here = known.borrow().here()?;
                let welcome = here.welcome.clone();
                owner = Some(here);
                Ok(welcome)
            };
            let answered = acequia_link::answer(stream, &tls, token.expose(), judge).await;
            drop(place);
            match (answered, owner) {
                (Ok((link, hello)), Some(owner)) => {
                    owner.take_in(link, hello).await;
                    None
                }
                (Ok(_), None) => None,
                (Err(error), _) => Some(format!("{peer}: {error}")),
            }
        });
    }
    // Each hears of the end by itself, and says it.
    while links.join_next().await.is_some() {}
}

/// Waits until there is nobody who would say who the owner is.
async fn nobody_knows(mut known: watch::Receiver<Known>) {
    while known.changed().await.is_ok() {}
}

impl Owner {
    /// Whether it takes in nobody any more.
    fn is_over(&self) -> bool {
        // One that has stood still for longer than its lease does not know.
        self.inbox.is_closed() || self.tenure.as_ref().is_some_and(Tenure::is_in_question)
    }

    /// A connection of a link with a door in this very process, unless it is over.
    pub(crate) fn within(self: &Arc<Self>, hello: Hello) -> Option<(Link<Box<dyn Io>>, Welcome)> {
        if self.is_over() {
            return None;
        }
        let (ours, theirs) = tokio::io::duplex(WITHIN_BYTES);
        let owner = self.clone();
        tokio::spawn(async move {
            owner.take_in(Link::new(ours, hello.name.clone()), hello).await;
        });
        let theirs: Box<dyn Io> = Box::new(theirs);
        Some((Link::new(theirs, WITHIN.to_owned()), self.welcome.clone()))
    }

    /// Serves one connection of a link until it ends.
    pub(crate) async fn take_in<S>(self: &Arc<Self>, link: Link<S>, hello: Hello)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (Hello { role, .. }, name) = (&hello, link.peer().to_owned());
        let Some(place) = self.takeovers.begin(&hello) else { return };
        let _counted = self.metrics.link(*role);
        if *role == Role::Sessions {
            tracing::info!(door = %name, "a door has linked");
        }
        let served = async {
            match role {
                Role::Sessions => sessions::serve(link, self, place.turn().await).await,
                Role::Lanes => lanes::serve(link, self).await,
                Role::Calls => calls::serve(link.into_io(), self.calls.clone()).await,
            }
        };
        let ended = tokio::select! {
            ended = served => ended,
            () = place.superseded() => Ok(()),
        };
        match ended {
            Ok(()) | Err(Broken::Closed) if *role == Role::Sessions => {
                tracing::info!(door = %name, "the link with a door has ended");
            }
            Ok(()) | Err(Broken::Closed) => {}
            Err(error) => tracing::warn!(door = %name, ?role, %error, "a link has broken"),
        }
    }
}

/// Why a connection of a link is over.
#[derive(Debug, thiserror::Error)]
enum Broken {
    #[error(transparent)]
    Link(#[from] LinkError),
    #[error("the door has said nothing for some seconds")]
    Silent,
    #[error("the door has closed it")]
    Closed,
    #[error("{0}")]
    Calls(#[from] hyper::Error),
}

/// Reads frames, as many as are at hand.
async fn read<S: AsyncRead + Unpin>(
    reader: &mut LinkReader<S>,
    frames: &mut Vec<FromDoor>,
) -> Result<(), Broken> {
    let read = tokio::time::timeout(SILENT_AFTER, reader.read(frames)).await;
    match read.map_err(|_| Broken::Silent)?? {
        0 => Err(Broken::Closed),
        _ => Ok(()),
    }
}

/// Writes what is to be told a door, and that the owner lives; and goodbye once the pipeline is gone.
async fn write<S: AsyncWrite + Unpin>(
    mut writer: LinkWriter<S>,
    mut frames: mpsc::UnboundedReceiver<FromOwner>,
    inbox: &mpsc::Sender<Input>,
) -> Result<(), Broken> {
    let mut taken = Vec::with_capacity(TAKEN);
    let mut beat = tokio::time::interval(BEAT_EVERY);
    loop {
        let is_over = tokio::select! {
            _ = frames.recv_many(&mut taken, TAKEN) => false,
            _ = beat.tick() => {
                taken.push(FromOwner::Beat);
                false
            }
            () = inbox.closed() => {
                // What it said last is at hand.
                while let Ok(frame) = frames.try_recv() {
                    taken.push(frame);
                }
                taken.push(FromOwner::Leave { reason: "the owner stops".to_owned() });
                true
            }
        };
        writer.write(taken.drain(..)).await?;
        writer.flush().await?;
        if is_over {
            return Ok(writer.finish().await?);
        }
    }
}
