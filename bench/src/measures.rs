//! What it costs to count and measure jobs, and to be watched: a server that does so, with a dashboard
//! open and scraped every second, beside one that does not.

use std::time::Duration;

use acequia_client::{Live, ServerUrl};
use serde_json::json;
use tokio::task::JoinSet;
use tokio::time::interval;

use super::aim::{self, Aim};
use super::compare::{Comparison, in_turn};
use super::metrics::Metrics;
use super::options::Options;
use super::report;
use super::role::Role;
use super::system::{System, Workers};
use super::throughput;

/// The server's CPU for a job beside that of a server which does not measure.
const AIM: f64 = 1.05;
/// Prometheus asks every fifteen seconds or so.
const SCRAPE_INTERVAL: Duration = Duration::from_secs(1);

pub(crate) async fn run(options: &Options) -> anyhow::Result<()> {
    let load = throughput::load(options, options.in_flight, throughput::ROUND_TIME);
    let slots = load.connections * load.in_flight;
    let packed = options.packed;
    let workers = Workers { role: Role::Worker, count: 1, slots, packed, together: false };
    let mut off = System::own(options, &["--journal", "none", "--no-measures"], workers).await?;
    let mut on = System::own(options, &["--journal", "none"], workers).await?;
    let watched = on.url.authority().to_owned();
    let mut watchers = JoinSet::new();
    watchers.spawn(watch(on.url.clone().with_token_nearby()));
    watchers.spawn(scrape(watched));
    let jobs = load.jobs(&options.queue, &load.payload()?);
    let systems = [(&mut off, jobs.clone()), (&mut on, jobs)];
    let measured = in_turn(&load, options.rounds, systems).await?;
    if let Some(Ok(Err(error))) = watchers.try_join_next() {
        return Err(error.context("nobody watched"));
    }
    let case = format!("{slots} jobs in flight");
    let comparison = Comparison { case, names: ["off", "on"], measured };
    print(options, &comparison)
}

/// Reads what a dashboard would, for ever.
async fn watch(server: ServerUrl) -> anyhow::Result<()> {
    let mut live = Live::open(&server).await?;
    while live.next().await?.is_some() {}
    anyhow::bail!("the stream of the dashboard has ended")
}

async fn scrape(authority: String) -> anyhow::Result<()> {
    let mut ticks = interval(SCRAPE_INTERVAL);
    loop {
        ticks.tick().await;
        Metrics::scrape(&authority).await?;
    }
}

fn print(options: &Options, comparison: &Comparison) -> anyhow::Result<()> {
    let cpu = comparison.server_cpu_ratio().unwrap_or(f64::NAN);
    let aims = [
        Aim::at_most("server CPU for a job, measured and watched beside not", cpu, AIM),
        Aim::none("jobs a second", comparison.rate_ratio()),
    ];
    if options.json {
        let report = json!({ "rounds": options.rounds, "case": comparison.json(), "aims": aims });
        return report::print(&serde_json::to_string_pretty(&report)?);
    }
    let mut lines = vec![
        format!(
            "A server that measures, with a dashboard and scraped every second, beside one that does \
             not; medians of {} rounds in turn",
            options.rounds
        ),
        String::new(),
        report::header(),
    ];
    lines.extend(report::comparison(comparison));
    lines.push(String::new());
    lines.extend(aim::lines(&aims));
    report::print(&lines.join("\n"))
}
