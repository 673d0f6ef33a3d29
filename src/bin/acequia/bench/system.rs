//! What is loaded: a server and its workers, or the echo server.

use std::time::Duration;

use acequia::client::{Client, ServerUrl};
use acequia_wire::client::{Encoding, Event, OnDisconnect, Op, Submit};
use acequia_wire::limits::PRIORITY_DEFAULT;
use acequia_wire::{ContentType, CorrelationId, Payload, QueueName};
use anyhow::{Context as _, bail};
use bytes::Bytes;
use tokio::time::timeout;

use super::Args;
use super::process::{Child, cpu, value};
use super::roles::Role;

/// How long the first job may take, which waits for a worker to connect.
const FIRST_JOB_TIME_MAX: Duration = Duration::from_secs(10);

/// Workers of the bench's own.
#[derive(Clone, Copy)]
pub(super) struct Workers {
    pub(super) role: Role,
    pub(super) count: u32,
    pub(super) slots: u32,
    /// Whether they take many jobs in one message.
    pub(super) packed: bool,
}

/// Something that is loaded, with the processes to be watched.
pub(super) struct System {
    pub(super) url: ServerUrl,
    pub(super) server: Option<u32>,
    workers: Vec<u32>,
    /// Killed when this is dropped.
    _children: Vec<Child>,
}

/// CPU time that was used so far, where there is a process to ask.
#[derive(Clone, Copy)]
pub(super) struct CpuTimes {
    pub(super) server: Option<Duration>,
    pub(super) workers: Option<Duration>,
}

impl CpuTimes {
    /// What was used since `before`.
    pub(super) fn since(self, before: Self) -> Self {
        let difference =
            |now: Option<Duration>, then: Option<Duration>| Some(now?.saturating_sub(then?));
        Self {
            server: difference(self.server, before.server),
            workers: difference(self.workers, before.workers),
        }
    }
}

impl System {
    /// The server that the arguments name, or one of the bench's own with such workers. It is
    /// there once a first job is done.
    pub(super) async fn acequia(args: &Args, workers: Workers) -> anyhow::Result<Self> {
        let system = match &args.server {
            Some(url) => Self {
                url: url.clone(),
                server: args.server_pid,
                workers: Vec::new(),
                _children: Vec::new(),
            },
            None => Self::own(args, workers).await?,
        };
        let mut client = Client::connect(&system.url, args.encoding()).await?;
        let first = one_job(&mut client, &args.queue, args.encoding());
        match timeout(FIRST_JOB_TIME_MAX, first).await {
            Ok(done) => done.context("the first job was not done")?,
            Err(_) => bail!(
                "the first job was not done within {FIRST_JOB_TIME_MAX:?}; is there a worker for \
                 the queue {}?",
                args.queue
            ),
        }
        client.close().await;
        Ok(system)
    }

    async fn own(args: &Args, workers: Workers) -> anyhow::Result<Self> {
        const ANY: &str = "tcp://127.0.0.1:0";
        let mut server = Child::start(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--jobs",
            ANY,
            "--results",
            ANY,
            "--journal",
            &args.journal,
        ])?;
        let ready = server.ready().await?;
        let (jobs, results) = (value(&ready, "jobs")?, value(&ready, "results")?);
        let slots = workers.slots.to_string();
        let mut command = vec![
            "bench",
            "--role",
            workers.role.as_str(),
            "--jobs",
            jobs,
            "--results",
            results,
            "--queue",
            args.queue.as_str(),
            "--slots",
            &slots,
        ];
        if !workers.packed {
            command.push("--no-pack");
        }
        let url = format!("ws://{}", value(&ready, "http")?).parse()?;
        let mut children = Vec::new();
        for _ in 0..workers.count {
            children.push(Child::start(&command)?);
        }
        let workers = children.iter().map(Child::pid).collect::<anyhow::Result<_>>()?;
        let pid = server.pid()?;
        // Dropped in this order: a worker whose server goes first would complain.
        children.push(server);
        Ok(Self { url, server: Some(pid), workers, _children: children })
    }

    /// The echo server.
    pub(super) async fn echo() -> anyhow::Result<Self> {
        let mut child = Child::start(&["bench", "--role", Role::Echo.as_str()])?;
        let ready = child.ready().await?;
        let url = format!("ws://{}", value(&ready, "http")?).parse()?;
        let server = Some(child.pid()?);
        Ok(Self { url, server, workers: Vec::new(), _children: vec![child] })
    }

    pub(super) fn cpu(&self) -> anyhow::Result<CpuTimes> {
        let workers: Vec<Duration> =
            self.workers.iter().map(|pid| cpu(*pid)).collect::<anyhow::Result<_>>()?;
        Ok(CpuTimes {
            server: self.server.map(cpu).transpose()?,
            workers: (!workers.is_empty()).then(|| workers.iter().sum()),
        })
    }
}

/// A job with this payload and nothing special.
pub(super) fn submit(id: i64, queue: &QueueName, payload: Payload) -> Op {
    Op::Submit(Submit {
        id: CorrelationId::Int(id),
        payload,
        queue: queue.clone(),
        priority: PRIORITY_DEFAULT,
        delay_ms: 0,
        timeout_ms: None,
        ttl_ms: None,
        attempts: 1,
        key: None,
        on_disconnect: OnDisconnect::Keep,
        batch: None,
    })
}

/// A payload that is the number `n`, for either encoding.
pub(super) fn number(n: u64, encoding: Encoding) -> anyhow::Result<Payload> {
    let content_type = match encoding {
        Encoding::Json => ContentType::Json,
        Encoding::MsgPack => ContentType::Octets,
    };
    Ok(Payload::new(content_type, Bytes::from(n.to_string()))?)
}

/// Submits one small job and waits until it is done.
pub(super) async fn one_job(
    client: &mut Client,
    queue: &QueueName,
    encoding: Encoding,
) -> anyhow::Result<()> {
    client.send(&submit(0, queue, number(0, encoding)?)).await?;
    loop {
        if let Some((_, is_done)) = outcome(&client.recv().await?)? {
            return if is_done { Ok(()) } else { bail!("it failed or was rejected") };
        }
    }
}

/// The number of the job that the event ends, and whether it is done.
pub(super) fn outcome(event: &Event) -> anyhow::Result<Option<(usize, bool)>> {
    let (id, is_done) = match event {
        Event::Job { id, what, .. } if what.is_outcome() => (id, what.name() == "done"),
        Event::Rejected { id, .. } => (id, false),
        Event::Error { code, message, .. } => bail!("{code}: {message}"),
        Event::Bye { reason, .. } => bail!("the server says goodbye: {reason}"),
        _ => return Ok(None),
    };
    let number = match id {
        CorrelationId::Int(id) => usize::try_from(*id).ok(),
        CorrelationId::Text(_) => None,
    };
    let number =
        number.with_context(|| format!("an event of the job {id}, which is none of ours"))?;
    Ok(Some((number, is_done)))
}
