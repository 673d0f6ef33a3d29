//! A server that is a process, and can be killed and started again where it was.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

pub(crate) struct Process {
    arguments: Vec<String>,
    pub(crate) http: String,
    pub(crate) jobs: String,
    pub(crate) results: String,
    child: Child,
}

impl Process {
    /// With its journal in that folder, or none.
    pub(crate) fn start(journal: Option<&Path>) -> Self {
        let ports = quiet_ports();
        let at = |nth: usize| format!("127.0.0.1:{}", ports[nth]);
        let (http, jobs, results) = (at(0), format!("tcp://{}", at(1)), format!("tcp://{}", at(2)));
        let journal = journal.map(|folder| folder.join("acequia.redb").display().to_string());
        let journal = journal.unwrap_or_else(|| "none".to_owned());
        let arguments = ["serve", "--listen", &http, "--jobs", &jobs, "--results", &results];
        let mut arguments: Vec<_> = arguments.map(str::to_owned).into();
        arguments.extend(["--journal".to_owned(), journal]);
        let child = launch(&arguments);
        Self { arguments, http, jobs, results, child }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.http)
    }

    /// With -9.
    pub(crate) fn kill(&mut self) {
        self.child.kill().expect("it is ours");
        self.child.wait().expect("it is ours");
    }

    pub(crate) fn start_again(&mut self) {
        self.child = launch(&self.arguments);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Starts it, and returns once it is ready.
fn launch(arguments: &[String]) -> Child {
    let folder = std::env::temp_dir();
    let mut child = Command::new(env!("CARGO_BIN_EXE_acequia"))
        .args(arguments)
        .current_dir(folder)
        .env("ACEQUIA_LOG", "error")
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let said = child.stdout.take().expect("it is piped");
    let ready = BufReader::new(said)
        .lines()
        .map_while(Result::ok)
        .any(|line| line.starts_with("acequia ready"));
    assert!(ready, "it has ended without being ready");
    child
}

/// Free ports below those that the system hands out: while the server is away, who dials one of those may be
/// given that very port as its own, and connect to itself.
fn quiet_ports() -> [u16; 3] {
    let range = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").expect("Linux");
    let low: u16 = range.split_whitespace().next().expect("a number").parse().expect("a number");
    let mut random = [0; 2];
    let mut taken = Vec::new();
    while taken.len() < 3 {
        getrandom::fill(&mut random).expect("the system has some");
        let port = 1024 + u16::from_ne_bytes(random) % (low - 1024);
        // Held until all are found, so that each is another.
        taken.extend(TcpListener::bind(("127.0.0.1", port)));
    }
    std::array::from_fn(|nth| taken[nth].local_addr().expect("it is bound").port())
}
