//! What the page at `/` tells: where this server is, and how a first worker and a first job come in.

use serde::Serialize;

use crate::access::Access;
use crate::addresses::Addresses;
use crate::demo::Demo;

/// What is told to any page of the server.
#[derive(Debug, Serialize)]
pub(crate) struct Greeting {
    version: &'static str,
    http: String,
    jobs: String,
    results: String,
    /// How this program is called on a command line.
    command: String,
    /// What workers and clients have to show.
    needs: Vec<&'static str>,
    /// Whether the page may have a worker process killed.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    can_kill: bool,
}

impl Greeting {
    pub(crate) fn new(addresses: &Addresses, access: &Access, demo: Option<&Demo>) -> Self {
        // Where the program lies is nothing to strangers, and a demo is for whoever started it.
        let program = demo.and_then(|_| std::env::current_exe().ok());
        let needs =
            [("worker_token", access.has_worker_token), ("client_token", access.tokens.is_some())];
        Self {
            version: env!("CARGO_PKG_VERSION"),
            http: addresses.http.to_string(),
            jobs: addresses.jobs.to_string(),
            results: addresses.results.to_string(),
            command: program.map_or_else(|| "acequia".to_owned(), |it| it.display().to_string()),
            needs: needs.into_iter().filter(|(_, is)| *is).map(|(what, _)| what).collect(),
            can_kill: demo.is_some_and(|demo| demo.kills.is_some()),
        }
    }
}
