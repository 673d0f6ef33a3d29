//! The Rust client of jobs, against a server and a worker in this process, and against a server that is a
//! process and is killed.

#[path = "client/sessions.rs"]
mod sessions;
