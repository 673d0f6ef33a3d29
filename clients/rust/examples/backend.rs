//! A call over HTTP, as a backend makes it: it goes on over lost connections and restarts of the server, and the
//! job runs once.
//!
//! With `acequia demo` running: `cargo run -p acequia-client --example backend`.

#![expect(clippy::print_stdout, reason = "it shows what it does")]

use std::time::Duration;

use acequia_client::{HttpClient, ServerUrl, Submit};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let client = HttpClient::new(ServerUrl::from_env()?)?.patience(Duration::from_secs(60));
    let job = Submit::to("upper").json("hello").key("greeting-1").timeout(Duration::from_secs(10));
    println!("{}", client.run(&job).await?.read::<String>()?);
    Ok(())
}
