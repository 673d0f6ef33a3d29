//! A worker that serves the queue `default` and answers in upper case.

use acequia_worker::{Job, Reply, Worker};

#[tokio::main]
async fn main() -> Result<(), acequia_worker::WorkerError> {
    Worker::new("tcp://127.0.0.1:5557", "tcp://127.0.0.1:5558")
        .slots(4)
        .queue("default", async |job: Job| {
            let text: String = job.json()?;
            Reply::json(&text.to_uppercase())
        })
        .run(async { drop(tokio::signal::ctrl_c().await) })
        .await
}
