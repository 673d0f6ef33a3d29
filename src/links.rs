//! The owner's end of links: doors come in, and what they carry goes to the pipeline.
//!
//! A door's connections of a link end by themselves, each with all that came through it.

mod calls;
mod lanes;
mod port;
mod sessions;
mod takeovers;

use std::sync::Arc;
use std::time::{Duration, Instant};

use acequia_link::{
    BEAT_EVERY, FromDoor, FromOwner, Hello, Link, LinkError, LinkReader, LinkWriter, Role,
    SILENT_AFTER, Welcome,
};
use acequia_restraint::Seldom;
use axum::Router;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

pub(crate) use self::port::LinkPort;
pub(crate) use self::takeovers::Takeovers;
use crate::access::Secret;
use crate::http::Front;
use crate::metrics::LinkMetrics;
use crate::pipeline::Input;

/// How often the log tells of doors that are turned away.
const REFUSED_LINE_EVERY: Duration = Duration::from_secs(10);
/// Inputs of one connection that may wait for the pipeline.
const TURNS: usize = 16;
/// Frames that are written at once.
const TAKEN: usize = 1_024;

/// What all links of an owner share.
pub(crate) struct Owner {
    pub(crate) inbox: mpsc::Sender<Input>,
    pub(crate) front: Arc<Front>,
    pub(crate) token: Secret,
    pub(crate) welcome: Welcome,
    /// What doors ask on behalf of those who call them.
    pub(crate) calls: Router,
    pub(crate) metrics: LinkMetrics,
    pub(crate) takeovers: Takeovers,
}

/// Takes in doors until the pipeline is gone, and says goodbye to them.
pub(crate) async fn serve(port: LinkPort, owner: Arc<Owner>) {
    let mut links = JoinSet::new();
    let mut refused = Seldom::new(REFUSED_LINE_EVERY, 1);
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
            () = owner.inbox.closed() => break,
        };
        let (tls, owner) = (port.tls(), owner.clone());
        links.spawn(async move {
            let judge = |_: &Hello| Ok(owner.welcome.clone());
            match acequia_link::answer(stream, &tls, owner.token.expose(), judge).await {
                Ok((link, hello)) => {
                    owner.take_in(link, hello).await;
                    None
                }
                Err(error) => Some(format!("{peer}: {error}")),
            }
        });
    }
    // Each hears of the end by itself, and says it.
    while links.join_next().await.is_some() {}
}

impl Owner {
    /// Serves one connection of a link until it ends.
    pub(crate) async fn take_in<S>(self: &Arc<Self>, link: Link<S>, hello: Hello)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Hello { role, name, .. } = &hello;
        let Some(place) = self.takeovers.begin(&hello) else { return };
        let _counted = self.metrics.link(*role);
        if *role == Role::Sessions {
            tracing::info!(door = name, "a door has linked");
        }
        let served = async {
            match role {
                Role::Sessions => sessions::serve(link, self).await,
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
                tracing::info!(door = name, "the link with a door has ended");
            }
            Ok(()) | Err(Broken::Closed) => {}
            Err(error) => tracing::warn!(door = name, ?role, %error, "a link has broken"),
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

/// A bound for what waits for the pipeline.
fn turns() -> Arc<Semaphore> {
    Arc::new(Semaphore::new(TURNS))
}
