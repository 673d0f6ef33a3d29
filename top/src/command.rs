//! What an operator can have a server do from here: the question before it, the call, and what
//! comes of it.

use acequia_client::{AdminClient, CallError};
use acequia_plain::Plain;
use bytes::Bytes;
use hyper::Method;
use serde::Deserialize;
use serde_json::json;

use super::told::{Pool, Queue, Worker};

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Command {
    Pause { queue: Plain },
    Resume { queue: Plain },
    Drain { worker: u64, name: Plain },
    Redrive { job: Plain },
    Scale { pool: Plain, min: u32, max: u32 },
}

/// What has come of it.
#[derive(Debug)]
pub(crate) enum Answer {
    Queue(Queue),
    Worker(Worker),
    Redriven { job: Plain, as_job: Plain },
    Pool(Pool),
}

#[derive(Deserialize)]
struct Redriven {
    job: Plain,
}

impl Command {
    /// What is asked before it is done; nothing of what is easily taken back.
    pub(crate) fn question(&self) -> Option<String> {
        match self {
            Self::Pause { queue } => Some(format!("Pause {queue}? None of its jobs will begin.")),
            Self::Resume { queue } => Some(format!("Resume {queue}? Its jobs will begin.")),
            Self::Drain { name, worker } => Some(format!(
                "Drain {name} (no. {worker})? It gets no more jobs, until its process is started again."
            )),
            Self::Redrive { job } => Some(format!("Run {job} again?")),
            Self::Scale { .. } => None,
        }
    }

    pub(crate) async fn carry_out(self, client: &mut AdminClient) -> Result<Answer, CallError> {
        let post = |path: String, body: Bytes| (Method::POST, path, body);
        let (method, path, body) = match &self {
            Self::Pause { queue } => post(format!("queues/{queue}/pause"), Bytes::new()),
            Self::Resume { queue } => post(format!("queues/{queue}/resume"), Bytes::new()),
            Self::Drain { worker, .. } => post(format!("workers/{worker}/drain"), Bytes::new()),
            Self::Redrive { job } => post(format!("dead-letters/{job}/redrive"), Bytes::new()),
            Self::Scale { pool, min, max } => {
                let body = json!({"min": min, "max": max}).to_string();
                post(format!("pools/{pool}/scale"), body.into())
            }
        };
        Ok(match self {
            Self::Pause { .. } | Self::Resume { .. } => {
                Answer::Queue(client.call(method, &path, body).await?)
            }
            Self::Drain { .. } => Answer::Worker(client.call(method, &path, body).await?),
            Self::Redrive { job } => {
                let Redriven { job: as_job } = client.call(method, &path, body).await?;
                Answer::Redriven { job, as_job }
            }
            Self::Scale { .. } => Answer::Pool(client.call(method, &path, body).await?),
        })
    }
}

impl Answer {
    /// What has come of it, in words.
    pub(crate) fn words(&self) -> String {
        match self {
            Self::Queue(Queue { queue, paused: true, .. }) => format!("{queue} is paused"),
            Self::Queue(Queue { queue, .. }) => format!("{queue} is not paused"),
            Self::Worker(Worker { name, state, .. }) => format!("{name} is {state}"),
            Self::Redriven { as_job, .. } => format!("it runs again as {as_job}"),
            Self::Pool(Pool { pool, min, max, .. }) => {
                format!("{pool} now keeps {min} to {max} processes")
            }
        }
    }
}
