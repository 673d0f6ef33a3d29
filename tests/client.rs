//! The Rust client: its jobs, over a WebSocket and over HTTP, against the real server. In most tests that is in
//! this process; in others it is a process, which is killed.

#[path = "client/crashes.rs"]
mod crashes;
#[path = "client/http.rs"]
mod http;
#[path = "client/jobs.rs"]
mod jobs;
#[path = "client/process.rs"]
mod process;
#[path = "client/proxy.rs"]
mod proxy;
#[path = "client/tokens.rs"]
mod tokens;
#[path = "client/topics.rs"]
mod topics;
#[path = "client/within.rs"]
mod within;
