//! A server and a worker in this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use acequia::client::Acequia;
use acequia::{Addresses, Config, Server};
use acequia_worker::{Failure, Job, Reply, Worker};
use tokio::task::JoinHandle;

/// Both end with it.
pub(crate) struct Within {
    pub(crate) addresses: Addresses,
    /// Jobs of `upper` that were begun.
    pub(crate) begun: Arc<AtomicUsize>,
    tasks: Vec<JoinHandle<()>>,
}

impl Within {
    pub(crate) async fn start() -> Self {
        Self::start_as(Config::default()).await
    }

    /// On free ports, with its jobs in memory.
    pub(crate) async fn start_as(config: Config) -> Self {
        let any: acequia::Endpoint = "tcp://127.0.0.1:0".parse().expect("as written");
        let config = Config {
            listen: "127.0.0.1:0".to_owned(),
            jobs: any.clone(),
            results: any,
            journal: None,
            ..config
        };
        let server = Server::bind(config).await.expect("free ports");
        let addresses = server.addresses().clone();
        let serve = async { server.run(std::future::pending()).await.expect("nothing breaks") };
        let worker = worker(&addresses.jobs.to_string(), &addresses.results.to_string());
        let begun = Arc::clone(&worker.begun);
        Self { addresses, begun, tasks: vec![tokio::spawn(serve), worker.start()] }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.addresses.http)
    }

    pub(crate) async fn client(&self) -> Acequia {
        Acequia::connect(self.url()).await.expect("a session")
    }
}

impl Drop for Within {
    fn drop(&mut self) {
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

/// A worker, and how many jobs of `upper` it has begun.
pub(crate) struct Counted {
    worker: Worker,
    begun: Arc<AtomicUsize>,
}

impl Counted {
    pub(crate) fn start(self) -> JoinHandle<()> {
        let run = async move { self.worker.run(std::future::pending()).await.expect("it runs") };
        tokio::spawn(run)
    }
}

/// One that serves `upper`, `echo`, `steps`, `broken`, `forever` and `tell`.
pub(crate) fn worker(jobs: &str, results: &str) -> Counted {
    let begun = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&begun);
    let worker = Worker::new(jobs, results)
        .name("within")
        .slots(32)
        .queue("upper", move |job: Job| {
            count.fetch_add(1, Ordering::Relaxed);
            async move { Reply::json(&job.json::<String>()?.to_uppercase()) }
        })
        .queue("echo", async |job: Job| Ok(Reply::same_type(job.payload().clone())))
        .queue("steps", async |job: Job| {
            let steps: u32 = job.json()?;
            for n in 1..=steps {
                job.progress(f64::from(n), f64::from(steps), "a step");
                job.chunk(Reply::json(&n)?).await?;
            }
            Reply::json(&steps)
        })
        .queue("broken", async |_: Job| Err(Failure::permanent("no_way", "it never works")))
        .queue("forever", async |job: Job| {
            job.cancelled().await;
            Err(Failure::cancelled())
        })
        .queue("tell", async |job: Job| {
            job.publish("news", Reply::same_type(job.payload().clone())).await?;
            Reply::json(&())
        });
    Counted { worker, begun }
}
