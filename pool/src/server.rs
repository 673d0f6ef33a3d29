//! What the pool asks of its server, and tells it.

use acequia_client::{AdminClient, CallError};
use acequia_gate::Endpoint;
use acequia_wire::QueueName;
use bytes::Bytes;
use hyper::{Method, StatusCode};
use serde::{Deserialize, Serialize};

use super::kin::{Child, Kin, Worker};
use super::sizer::{Bounds, Lane};

/// Workers on a page.
const PAGE: usize = 1_000;

/// A server, as one pool sees it.
pub(crate) struct Server {
    client: AdminClient,
    pool: String,
    queues: Vec<QueueName>,
    kin: Kin,
}

/// Where workers are to connect.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub(crate) struct Ports {
    #[serde(deserialize_with = "endpoint")]
    pub(crate) jobs: Endpoint,
    #[serde(deserialize_with = "endpoint")]
    pub(crate) results: Endpoint,
}

#[derive(Deserialize)]
struct Status {
    state: String,
    #[serde(flatten)]
    ports: Ports,
}

fn endpoint<'de, D: serde::Deserializer<'de>>(from: D) -> Result<Endpoint, D::Error> {
    String::deserialize(from)?.parse().map_err(serde::de::Error::custom)
}

/// What there is to see.
pub(crate) struct Seen {
    /// Jobs that wait for a slot.
    pub(crate) waiting: u64,
    pub(crate) lanes: Vec<Lane>,
    pub(crate) ports: Ports,
    /// Whether the server is about to stop: then all workers drain.
    pub(crate) leaves: bool,
}

/// What the pool tells of itself.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) queues: Vec<String>,
    pub(crate) min: usize,
    pub(crate) max: usize,
    pub(crate) processes: usize,
    pub(crate) starting: usize,
    pub(crate) stopping: usize,
    pub(crate) failing: Option<String>,
    pub(crate) host: String,
    pub(crate) pid: u32,
}

#[derive(Deserialize)]
struct Scale {
    min: usize,
    max: usize,
}

#[derive(Deserialize)]
struct Queue {
    waiting: u64,
    paused: bool,
}

#[derive(Deserialize)]
struct Workers {
    workers: Vec<Worker>,
    next: Option<serde_json::Value>,
}

/// An answer that is of no interest.
#[derive(Deserialize)]
struct Whatever {}

impl Server {
    pub(crate) fn new(client: AdminClient, pool: String, queues: Vec<QueueName>) -> Self {
        Self { client, pool, queues, kin: Kin::default() }
    }

    /// Looks at the pool's queues, and at the lanes of these children. Workers first: a job that
    /// goes from its queue to a worker meanwhile is seen in neither place, rather than in both.
    pub(crate) async fn look(&mut self, children: Vec<Child>) -> Result<Seen, CallError> {
        let mut workers: Vec<Worker> = Vec::new();
        for queue in &self.queues {
            let mut after = String::new();
            loop {
                let path = format!("workers?queue={queue}&limit={PAGE}{after}");
                let page: Workers = self.client.get(&path).await?;
                workers.extend(page.workers);
                after = match page.next {
                    Some(serde_json::Value::String(next)) => format!("&after={next}"),
                    Some(next @ serde_json::Value::Number(_)) => format!("&after={next}"),
                    _ => break,
                };
            }
        }
        // One of several queues was on several pages.
        workers.sort_by_key(|worker| worker.worker);
        workers.dedup_by_key(|worker| worker.worker);
        let mut waiting = 0;
        for queue in &self.queues {
            waiting += waiting_in(&mut self.client, queue).await?;
        }
        // Last: if it does not leave now, no worker was seen to drain for that.
        let Status { state, ports } = self.client.get("server").await?;
        let lanes = self.lanes(workers, children).await;
        Ok(Seen { waiting, lanes, ports, leaves: state == "draining" })
    }

    async fn lanes(&mut self, workers: Vec<Worker>, children: Vec<Child>) -> Vec<Lane> {
        let mut kin = std::mem::take(&mut self.kin);
        let look = move || (kin.lanes(&workers, &children), kin);
        // A panic there was logged; what is known of lanes is found out anew.
        let (lanes, kin) = tokio::task::spawn_blocking(look).await.unwrap_or_default();
        self.kin = kin;
        lanes
    }

    /// Has a lane get no more jobs. That it is gone is as good.
    pub(crate) async fn drain(&mut self, worker: u64) -> Result<(), CallError> {
        let path = format!("workers/{worker}/drain");
        match self.client.call::<Whatever>(Method::POST, &path, Bytes::new()).await {
            Err(error) if error.status() != Some(StatusCode::NOT_FOUND) => Err(error),
            _ => Ok(()),
        }
    }

    /// Tells how the pool does, and hears how many processes it may have.
    pub(crate) async fn report(&mut self, report: &Report) -> Result<Bounds, CallError> {
        let body = serde_json::to_vec(report).unwrap_or_default();
        let path = format!("pools/{}", self.pool);
        let Scale { min, max } = self.client.call(Method::PUT, &path, body.into()).await?;
        Ok(Bounds { min: min.min(max), max })
    }
}

/// Jobs that could run if there were a slot.
async fn waiting_in(client: &mut AdminClient, queue: &QueueName) -> Result<u64, CallError> {
    match client.get::<Queue>(&format!("queues/{queue}")).await {
        Ok(Queue { paused: true, .. }) => Ok(0),
        Ok(Queue { waiting, .. }) => Ok(waiting),
        // Nobody has used it yet.
        Err(error) if error.status() == Some(StatusCode::NOT_FOUND) => Ok(0),
        Err(error) => Err(error),
    }
}
