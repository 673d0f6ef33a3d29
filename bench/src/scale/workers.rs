//! A thousand workers of one slot beside one worker of a thousand slots.

use anyhow::Context as _;
use serde_json::json;

use super::part::Part;
use crate::aim::Aim;
use crate::compare::{Measurement, in_turn};
use crate::options::Options;
use crate::process::memory;
use crate::report;
use crate::role::Role;
use crate::system::{SETTLE, System, Workers};
use crate::throughput;

const FLAGS: [&str; 2] = ["--journal", "none"];

#[expect(clippy::cast_precision_loss, reason = "memory of a machine, far below 2^52")]
pub(super) async fn run(options: &Options) -> anyhow::Result<Part> {
    let count = options.sizes.many_workers;
    let one = Workers { role: Role::Worker, count: 1, slots: count, packed: true, together: false };
    let mut packed = System::own(options, &FLAGS, one).await?;
    let mut single = System::own(options, &FLAGS, Workers { packed: false, ..one }).await?;

    let mut many = System::without_workers(&FLAGS).await?;
    let server = many.server.context("the server's process is not known")?;
    tokio::time::sleep(SETTLE).await;
    let before = memory(server)?;
    many.add_workers(options, Workers { count, slots: 1, together: true, ..one })?;
    many.workers_are_there(count).await?;
    many.first_job(options).await?;
    tokio::time::sleep(SETTLE).await;
    let connected = memory(server)?;

    // Enough that all workers have something to do.
    let in_flight = options.in_flight.max(count.div_ceil(options.connections));
    let load = throughput::load(options, in_flight, throughput::ROUND_TIME);
    let jobs = load.jobs(&options.queue, &load.payload()?);
    let systems = [(&mut packed, jobs.clone()), (&mut single, jobs.clone()), (&mut many, jobs)];
    let [packed, single, many] = in_turn(&load, options.rounds, systems).await?;
    let after = memory(server)?;

    let each = |kib: u64| kib.saturating_sub(before.rss_kib) as f64 / f64::from(count);
    let rate = |one: &Measurement| many.jobs_per_s / one.jobs_per_s;
    let aims = vec![
        Aim::none("jobs a second beside one that takes many in a message", rate(&packed)),
        Aim::none("jobs a second beside one that takes one in a message", rate(&single)),
        Aim::none("KiB of server memory a connected worker", each(connected.rss_kib)),
        Aim::none("the same after the load", each(after.rss_kib)),
    ];
    let lines = vec![
        format!("{count} workers of one slot beside one of {count}; a slot is a message at a time"),
        report::describe(&load),
        report::header(),
        report::row("one, packed", &packed),
        report::row("one, single", &single),
        report::row("many", &many),
    ];
    let json = json!({
        "workers": count, "load": report::describe_json(&load), "one_packed": packed,
        "one_single": single, "many": many, "before": before, "connected": connected,
        "after": after, "kib_per_worker": each(connected.rss_kib),
    });
    Ok(Part { key: "workers", json, lines, aims })
}
