//! What is loaded: a server and its workers, or a server to compare with.

use std::time::{Duration, Instant};

use acequia_client::{Client, ServerUrl};
use anyhow::{Context as _, bail};
use tokio::time::timeout;

use super::jobs::one_job;
use super::metrics::Metrics;
use super::options::{Options, Running};
use super::process::{Child, cpu, value};
use super::role::{self, Role};

/// How long the first job may take, which waits for a worker to connect.
const FIRST_JOB_TIME_MAX: Duration = Duration::from_secs(10);
/// How long so many workers may take to connect.
const CONNECT_TIME_MAX: Duration = Duration::from_secs(60);
/// The pause between two looks at how many have.
const LOOK_AGAIN: Duration = Duration::from_millis(50);

/// How long a server may take to give back what it needed for the moment only.
pub(crate) const SETTLE: Duration = Duration::from_secs(2);

/// Workers of the bench's own.
#[derive(Clone, Copy)]
pub(crate) struct Workers {
    pub(crate) role: Role,
    pub(crate) count: u32,
    pub(crate) slots: u32,
    /// Whether they take many jobs in one message.
    pub(crate) packed: bool,
    /// Whether one process is all of them.
    pub(crate) together: bool,
}

impl Workers {
    /// As the options ask for.
    pub(crate) const fn of(options: &Options) -> Self {
        Self {
            role: Role::Worker,
            count: options.workers,
            slots: options.slots,
            packed: options.packed,
            together: false,
        }
    }
}

/// Something that is loaded, with the processes to be watched.
pub(crate) struct System {
    pub(crate) url: ServerUrl,
    pub(crate) server: Option<u32>,
    /// Killed when this is dropped, and before the server: they would complain if it went first.
    workers: Vec<Child>,
    /// `None` if it is not the bench's own.
    own: Option<OwnServer>,
}

/// A server of the bench's own, or one to compare with.
struct OwnServer {
    /// What it said when it was ready. The echo server has no ports for workers.
    ready: String,
    is_acequia: bool,
    /// Where it tells of itself, if not where it is loaded.
    told_at: Option<String>,
    /// Killed when this is dropped.
    processes: Vec<Child>,
}

/// What was used so far, where there is something to ask.
#[derive(Clone, Copy)]
pub(crate) struct Usage {
    at: Instant,
    server_cpu: Option<Duration>,
    worker_cpu: Option<Duration>,
    ended: Option<f64>,
    syncs: Option<f64>,
}

/// What was used between two moments.
pub(crate) struct Used {
    pub(crate) time: Duration,
    pub(crate) server_cpu: Option<Duration>,
    pub(crate) worker_cpu: Option<Duration>,
    /// Jobs that the server ended.
    pub(crate) ended: Option<f64>,
    /// Syncs of its journal.
    pub(crate) syncs: Option<f64>,
}

impl Usage {
    pub(crate) fn since(self, before: Self) -> Used {
        let cpu = |now: Option<Duration>, then: Option<Duration>| Some(now?.saturating_sub(then?));
        let count = |now: Option<f64>, then: Option<f64>| Some(now? - then?);
        Used {
            time: self.at - before.at,
            server_cpu: cpu(self.server_cpu, before.server_cpu),
            worker_cpu: cpu(self.worker_cpu, before.worker_cpu),
            ended: count(self.ended, before.ended),
            syncs: count(self.syncs, before.syncs),
        }
    }
}

impl System {
    /// The server that the arguments name, or one of the bench's own with such workers. It is
    /// there once a first job is done.
    pub(crate) async fn acequia(options: &Options, workers: Workers) -> anyhow::Result<Self> {
        let Some(Running { url, process }) = &options.server else {
            let flags = ["--journal", &options.journal];
            return Self::own(options, &flags, workers).await;
        };
        let (url, server) = (url.clone(), *process);
        let system = Self { url, server, workers: Vec::new(), own: None };
        system.first_job(options).await?;
        Ok(system)
    }

    /// A server of the bench's own with such workers, and started with these flags.
    pub(crate) async fn own(
        options: &Options,
        flags: &[&str],
        workers: Workers,
    ) -> anyhow::Result<Self> {
        let mut system = Self::without_workers(flags).await?;
        system.add_workers(options, workers)?;
        system.first_job(options).await?;
        Ok(system)
    }

    /// A server of the bench's own that nobody works for yet.
    pub(crate) async fn without_workers(flags: &[&str]) -> anyhow::Result<Self> {
        const ANY: &str = "tcp://127.0.0.1:0";
        // So that one connection can bring as much as many.
        const OPS_PER_S: &str = "1000000000";
        let command = ["serve", "--listen", "127.0.0.1:0", "--jobs", ANY, "--results", ANY];
        let command = [&command[..], &["--ops-per-s", OPS_PER_S]].concat();
        Self::start(&[&command[..], flags].concat(), true).await
    }

    /// An owner of the bench's own, started with these flags, with a door for clients and another one for such
    /// workers. It is the owner that is watched.
    pub(crate) async fn behind_doors(
        options: &Options,
        flags: &[&str],
        token: &str,
        workers: Workers,
    ) -> anyhow::Result<Self> {
        let link = ["--link-listen", "127.0.0.1:0", "--cluster-token-file", token];
        let mut system = Self::without_workers(&[flags, &link].concat()).await?;
        let own = system.own.as_mut().context("it is the bench's own")?;
        let owner = value(&own.ready, "link")?.to_owned();
        let (for_clients, clients) = start_door(&owner, token).await?;
        let (for_workers, workers_at) = start_door(&owner, token).await?;
        own.told_at = Some(system.url.authority().to_owned());
        own.ready = workers_at;
        own.processes.extend([for_clients, for_workers]);
        system.url = format!("ws://{}", value(&clients, "http")?).parse()?;
        system.add_workers(options, workers)?;
        system.first_job(options).await?;
        Ok(system)
    }

    /// The echo server.
    pub(crate) async fn echo() -> anyhow::Result<Self> {
        Self::start(&["bench", "--role", Role::Echo.as_str()], false).await
    }

    /// An echo server as one writes it without a thought of speed, on all processors.
    pub(crate) async fn plain_echo() -> anyhow::Result<Self> {
        let threads = std::thread::available_parallelism()?.to_string();
        let role = Role::PlainEcho.as_str();
        Self::start(&["bench", "--role", role, "--threads", &threads], false).await
    }

    /// The naive gateway with such workers.
    pub(crate) async fn naive(options: &Options, workers: Workers) -> anyhow::Result<Self> {
        let mut system = Self::start(&["bench", "--role", Role::Naive.as_str()], false).await?;
        system.add_workers(options, workers)?;
        system.first_job(options).await?;
        Ok(system)
    }

    async fn start(command: &[&str], is_acequia: bool) -> anyhow::Result<Self> {
        let mut process = Child::start(command)?;
        let ready = process.ready().await?;
        let url = format!("ws://{}", value(&ready, "http")?).parse()?;
        let server = Some(process.pid()?);
        let processes = vec![process];
        let own = Some(OwnServer { ready, is_acequia, told_at: None, processes });
        Ok(Self { url, server, workers: Vec::new(), own })
    }

    /// Starts workers for a server of the bench's own.
    pub(crate) fn add_workers(
        &mut self,
        options: &Options,
        workers: Workers,
    ) -> anyhow::Result<()> {
        let ready = &self.own.as_ref().context("workers are for servers of the bench's own")?.ready;
        let slots = workers.slots.to_string();
        let (processes, each) =
            if workers.together { (1, workers.count) } else { (workers.count, 1) };
        let each = each.to_string();
        let mut command = vec![
            "bench",
            "--role",
            workers.role.as_str(),
            "--jobs",
            value(ready, "jobs")?,
            "--results",
            value(ready, "results")?,
            "--queue",
            options.queue.as_str(),
            "--slots",
            &slots,
            "--workers",
            &each,
        ];
        if !workers.packed {
            command.push("--no-pack");
        }
        for _ in 0..processes {
            self.workers.push(Child::start(&command)?);
        }
        Ok(())
    }

    /// Waits until so many workers are ready.
    pub(crate) async fn workers_are_there(&self, count: u32) -> anyhow::Result<()> {
        let all = async {
            while self.metrics().await?.sum("acequia_workers") < f64::from(count) {
                tokio::time::sleep(LOOK_AGAIN).await;
            }
            anyhow::Ok(())
        };
        timeout(CONNECT_TIME_MAX, all)
            .await
            .with_context(|| format!("{count} workers did not connect in {CONNECT_TIME_MAX:?}"))?
    }

    /// Waits until a job is done.
    pub(crate) async fn first_job(&self, options: &Options) -> anyhow::Result<()> {
        let mut client = Client::connect(&self.url, options.encoding).await?;
        match timeout(FIRST_JOB_TIME_MAX, one_job(&mut client, &options.queue, options.encoding))
            .await
        {
            Ok(done) => done.context("the first job was not done")?,
            Err(_) => bail!(
                "the first job was not done within {FIRST_JOB_TIME_MAX:?}; is there a worker for \
                 the queue {}?",
                options.queue
            ),
        }
        client.close().await;
        Ok(())
    }

    /// Has the workers that can be told so keep their jobs until they are released.
    pub(crate) async fn hold(&mut self) -> anyhow::Result<()> {
        self.tell_workers(role::HOLD).await
    }

    /// Has them go on.
    pub(crate) async fn release(&mut self) -> anyhow::Result<()> {
        self.tell_workers(role::RELEASE).await
    }

    async fn tell_workers(&mut self, word: u8) -> anyhow::Result<()> {
        for worker in &mut self.workers {
            worker.tell(word).await?;
        }
        Ok(())
    }

    /// What the server says of itself.
    pub(crate) async fn metrics(&self) -> anyhow::Result<Metrics> {
        let told_at = self.own.as_ref().and_then(|own| own.told_at.as_deref());
        Metrics::scrape(told_at.unwrap_or_else(|| self.url.authority())).await
    }

    /// What was used so far. Of a server that is not the bench's own the metrics are not asked
    /// for: they may be closed to it.
    pub(crate) async fn usage(&self) -> anyhow::Result<Usage> {
        let metrics = match &self.own {
            Some(own) if own.is_acequia => Some(self.metrics().await?),
            _ => None,
        };
        let sum = |name| metrics.as_ref().map(|metrics| metrics.sum(name));
        let workers: Vec<Duration> =
            self.workers.iter().map(|worker| cpu(worker.pid()?)).collect::<anyhow::Result<_>>()?;
        Ok(Usage {
            ended: sum("acequia_jobs_ended_total"),
            syncs: sum("acequia_journal_syncs_total"),
            server_cpu: self.server.map(cpu).transpose()?,
            worker_cpu: (!workers.is_empty()).then(|| workers.iter().sum()),
            at: Instant::now(),
        })
    }
}

/// A door of the bench's own, and what it said when it was ready.
async fn start_door(owner: &str, token: &str) -> anyhow::Result<(Child, String)> {
    const ANY: &str = "tcp://127.0.0.1:0";
    let command =
        ["door", "--link", owner, "--cluster-token-file", token, "--listen", "127.0.0.1:0"];
    let mut process = Child::start(&[&command[..], &["--jobs", ANY, "--results", ANY]].concat())?;
    let ready = process.ready().await?;
    Ok((process, ready))
}
