//! What a session costs that does nothing.

use std::net::{Ipv4Addr, SocketAddr};

use acequia_client::{Client, ServerUrl};
use acequia_wire::client::Encoding;
use anyhow::{Context as _, bail};
use serde_json::json;
use tokio::net::{TcpSocket, lookup_host};
use tokio::task::JoinSet;

use super::jobs::one_job;
use super::options::Options;
use super::process::{Memory, allow_files, memory};
use super::report::{self, mib};
use super::system::{SETTLE, System, Workers};

/// Files that a process opens beside its sessions.
const OTHER_FILES: u64 = 256;
/// Sessions from one loopback address; the system has some 28,000 ports for each.
const SESSIONS_PER_ADDRESS: u32 = 20_000;
/// Sessions that are opened at one time.
const OPENING_MAX: usize = 32;
pub(crate) async fn run(options: &Options, sessions: u32) -> anyhow::Result<()> {
    // Before the server is started, which gets the same limit.
    allow_files(u64::from(sessions) + OTHER_FILES)?;
    let system = System::acequia(options, Workers::of(options)).await?;
    let Some(pid) = system.server else {
        bail!("--idle needs --server-pid to measure the memory of a server that is not its own");
    };
    tokio::time::sleep(SETTLE).await;
    let before = memory(pid)?;
    let opened = open(options, &system.url, sessions).await?;
    tokio::time::sleep(SETTLE).await;
    let after = memory(pid)?;
    drop(opened);
    print(options.json, sessions, before, after)
}

async fn open(options: &Options, url: &ServerUrl, sessions: u32) -> anyhow::Result<Vec<Client>> {
    let server = lookup_host(url.authority()).await?.next();
    let server = server.with_context(|| format!("no address for {}", url.authority()))?;
    let mut opening = JoinSet::new();
    let mut opened = Vec::new();
    for nth in 0..sessions {
        if opening.len() >= OPENING_MAX
            && let Some(client) = opening.join_next().await
        {
            opened.push(client??);
        }
        let (url, queue, encoding) = (url.clone(), options.queue.clone(), options.encoding);
        opening.spawn(async move {
            let mut client = dial(server, &url, encoding, nth).await?;
            one_job(&mut client, &queue, encoding).await?;
            anyhow::Ok(client)
        });
    }
    while let Some(client) = opening.join_next().await {
        opened.push(client??);
    }
    Ok(opened)
}

async fn dial(
    server: SocketAddr,
    url: &ServerUrl,
    encoding: Encoding,
    nth: u32,
) -> anyhow::Result<Client> {
    let stream = if server.is_ipv4() && server.ip().is_loopback() {
        let socket = TcpSocket::new_v4()?;
        let host = u8::try_from(1 + nth / SESSIONS_PER_ADDRESS)?;
        socket.bind((Ipv4Addr::new(127, 0, 0, host), 0).into())?;
        socket.connect(server).await?
    } else {
        tokio::net::TcpStream::connect(server).await?
    };
    Ok(Client::handshake(stream, url, encoding).await?)
}

fn print(as_json: bool, sessions: u32, before: Memory, after: Memory) -> anyhow::Result<()> {
    let grown = after.rss_kib.saturating_sub(before.rss_kib);
    #[expect(clippy::cast_precision_loss, reason = "memory of a machine in KiB, far below 2^52")]
    let each_kib = grown as f64 / f64::from(sessions);
    if as_json {
        let report = json!({
            "sessions": sessions, "kib_per_session": each_kib, "before": before, "after": after,
        });
        return report::print(&serde_json::to_string_pretty(&report)?);
    }
    report::print(&format!(
        "{sessions} idle sessions after one job each: {each_kib:.1} KiB of server memory a session\n\
         before {}, after {} (peak {})",
        mib(before.rss_kib),
        mib(after.rss_kib),
        mib(after.peak_kib),
    ))
}
