//! The worker that a suite common to the SDKs of all languages starts: it shows what this SDK does with
//! whatever a job can ask for. Its settings are those of `acequia worker`, from the environment;
//! `ACEQUIA_JOBS` and `ACEQUIA_RESULTS` may be lists with commas, paired by position.

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use acequia_worker::{Failure, Job, Reply, Worker, WorkerError};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinSet;

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_max_level(tracing::Level::WARN)
        .init();
    let (mut term, mut int) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (stop, _) = watch::channel(false);
    let mut workers = JoinSet::new();
    for worker in workers_of_environment()? {
        let mut told = stop.subscribe();
        let told = async move { drop(told.wait_for(|told| *told).await) };
        workers.spawn(worker.run(told));
    }
    tokio::select! {
        () = either(&mut term, &mut int) => {}
        Some(ended) = workers.join_next() => ended??,
    }
    stop.send_replace(true);
    let ended: Result<(), WorkerError> = tokio::select! {
        // Whoever says it twice does not want to wait.
        () = either(&mut term, &mut int) => std::process::exit(1),
        ended = workers.join_all() => ended.into_iter().collect(),
    };
    ended?;
    // A handler that hangs would keep the runtime from its end.
    std::process::exit(0)
}

async fn either(one: &mut Signal, other: &mut Signal) {
    tokio::select! {
        _ = one.recv() => {}
        _ = other.recv() => {}
    }
}

/// One for each server: each has a pair of connections, and slots, of its own.
fn workers_of_environment() -> Result<Vec<Worker>, Box<dyn std::error::Error>> {
    let said = |name: &str, default: &str| env::var(name).unwrap_or_else(|_| default.to_owned());
    let jobs = said("ACEQUIA_JOBS", "tcp://127.0.0.1:5557");
    let results = said("ACEQUIA_RESULTS", "tcp://127.0.0.1:5558");
    let (jobs, results): (Vec<_>, Vec<_>) =
        (jobs.split(',').collect(), results.split(',').collect());
    if jobs.len() != results.len() {
        let (jobs, results) = (jobs.len(), results.len());
        let why = format!(
            "ACEQUIA_JOBS names {jobs} servers and ACEQUIA_RESULTS {results}; they are paired by position"
        );
        return Err(why.into());
    }
    let slots: u32 = said("ACEQUIA_SLOTS", "1").parse()?;
    let name = env::var("ACEQUIA_NAME").ok();
    let token_file = env::var_os("ACEQUIA_WORKER_TOKEN_FILE");
    let pairs = jobs.into_iter().zip(results);
    Ok(pairs
        .map(|(jobs, results)| {
            let mut worker = Worker::new(jobs.trim(), results.trim()).slots(slots);
            if let Some(name) = &name {
                worker = worker.name(name);
            }
            if let Some(file) = &token_file {
                worker = worker.token_file(file);
            }
            queues(worker)
        })
        .collect())
}

fn queues(worker: Worker) -> Worker {
    worker
        .queue("echo", async |job: Job| Ok(Reply::same_type(job.payload().clone())))
        .queue("upper", async |job: Job| Reply::json(&job.json::<String>()?.to_uppercase()))
        .queue("sleep", sleep)
        .blocking_queue("hang", |_| {
            std::thread::sleep(Duration::from_hours(1));
            Ok(Reply::text("awake"))
        })
        .queue("throw", async |job: Job| Err(thrown(&job.json::<String>()?)?))
        .queue("progress", async |job: Job| {
            let n: u32 = job.json()?;
            for i in 1..=n {
                job.progress(f64::from(i), f64::from(n), format!("step {i}"));
            }
            Reply::json(&n)
        })
        .queue("chunks", async |job: Job| {
            let n: u32 = job.json()?;
            for i in 1..=n {
                job.chunk(Reply::json(&i)?).await?;
            }
            Reply::json(&n)
        })
        .queue("publish", async |job: Job| {
            let Publication { topic, data } = job.json()?;
            job.publish(topic, Reply::json(&data)?).await?;
            Reply::json(&())
        })
        .queue("meta", async |job: Job| {
            Reply::json(&json!({
                "id": job.id().to_string(),
                "queue": job.queue().as_str(),
                "attempt": job.attempt(),
                "type": job.content_type().as_str(),
                "timeout_ms": job.timeout().map(|timeout| timeout.as_millis()),
                "traceparent": job.traceparent(),
            }))
        })
        .queue("bytes", async |job: Job| Ok(Reply::bytes(vec![b'x'; job.json()?])))
}

async fn sleep(job: Job) -> Result<Reply, Failure> {
    let ms: u64 = job.json()?;
    tokio::select! {
        () = tokio::time::sleep(Duration::from_millis(ms)) => Reply::json(&ms),
        () = job.cancelled() => {
            job.publish("cancelled", Reply::json(&job.id().to_string())?).await?;
            Err(Failure::cancelled())
        }
    }
}

/// What goes wrong in a handler.
fn thrown(what: &str) -> Result<Failure, Failure> {
    Ok(match what {
        "error" => std::io::Error::other("boom").into(),
        // As near as text of Rust comes to it: what is not UTF-8 was mended before.
        "bytes" => Failure::message(String::from_utf8_lossy(b"caf\xe9")),
        "long" => Failure::message("x".repeat(10_000)),
        "other" => panic!("boom"),
        "fail" => Failure::permanent("no_image", "not a picture"),
        other => {
            return Err(Failure::permanent("bad_input", format!("nothing is thrown as {other:?}")));
        }
    })
}

#[derive(Deserialize)]
struct Publication {
    topic: String,
    data: Value,
}
