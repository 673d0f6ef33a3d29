//! More jobs than a client may have at a time: each is submitted once there is room for it, and none is lost
//! if the server is restarted meanwhile.
//!
//! With `acequia demo` running: `cargo run -p acequia-client --example many -- 100000`.

#![expect(clippy::print_stdout, reason = "it shows what it does")]

use acequia_client::{Acequia, ServerUrl, Submit};
use futures_util::StreamExt as _;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let count = std::env::args().nth(1).map_or(Ok(100_000), |count| count.parse::<usize>())?;
    let client = Acequia::builder(ServerUrl::from_env()?).jobs_max(1_000).connect().await?;
    let results = futures_util::stream::iter(0..count)
        .then(async |n| {
            client.submit_when_free(&Submit::to("upper").json(&format!("job {n}"))).await
        })
        .map(async |job| Ok::<_, Box<dyn std::error::Error>>(job?.await?))
        .buffer_unordered(1_000);
    let done = results.filter(|result| std::future::ready(result.is_ok())).count().await;
    println!("{done} of {count} are done");
    client.close().await;
    Ok(())
}
