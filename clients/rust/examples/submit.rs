//! Submits a job to the demo's queue `words`, and shows what becomes of it.
//!
//! With `acequia demo` running: `cargo run -p acequia-client --example submit -- 'a few words'`.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "it shows what it does")]

use acequia_client::{Acequia, JobEvent, ServerUrl};
use futures_util::StreamExt as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let text = std::env::args().nth(1).unwrap_or_else(|| "hello, world".to_owned());
    let client = Acequia::connect(ServerUrl::from_env()?).await?;
    let job = client.submit("words", &text)?;
    let mut events = job.events();
    while let Some(event) = events.next().await {
        match event {
            JobEvent::Progress { done: Some(done), total: Some(total), .. } => {
                eprintln!("{done} of {total}");
            }
            JobEvent::Chunk { data, .. } => eprintln!("{}", data.read::<String>()?),
            JobEvent::Ended(outcome) => println!("{} words", outcome?.read::<u32>()?),
            other => eprintln!("{other:?}"),
        }
    }
    client.close().await;
    Ok(())
}
