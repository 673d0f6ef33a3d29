//! A thousand workers of one slot beside one worker of a thousand slots.

use anyhow::Context as _;
use serde_json::json;

use super::{Aim, Part};
use crate::bench::Args;
use crate::bench::compare::{Measurement, in_turn};
use crate::bench::process::memory;
use crate::bench::report;
use crate::bench::roles::Role;
use crate::bench::system::{SETTLE, System, Workers};
use crate::bench::throughput;

const FLAGS: [&str; 2] = ["--journal", "none"];

#[expect(clippy::cast_precision_loss, reason = "memory of a machine, far below 2^52")]
pub(super) async fn run(args: &Args) -> anyhow::Result<Part> {
    let count = args.sizes.many_workers;
    let one = Workers { role: Role::Worker, count: 1, slots: count, packed: true, together: false };
    let mut packed = System::own(args, &FLAGS, one).await?;
    let mut single = System::own(args, &FLAGS, Workers { packed: false, ..one }).await?;

    let mut many = System::without_workers(&FLAGS).await?;
    let server = many.server.context("the server's process is not known")?;
    tokio::time::sleep(SETTLE).await;
    let before = memory(server)?;
    many.add_workers(args, Workers { count, slots: 1, together: true, ..one })?;
    many.workers_are_there(count).await?;
    many.first_job(args).await?;
    tokio::time::sleep(SETTLE).await;
    let connected = memory(server)?;

    // Enough that all workers have something to do.
    let in_flight = args.in_flight.max(count.div_ceil(args.connections));
    let load = throughput::load(args, in_flight, throughput::ROUND_SECONDS)?;
    let jobs = load.jobs(&args.queue, &load.payload()?);
    let systems = [(&mut packed, jobs.clone()), (&mut single, jobs.clone()), (&mut many, jobs)];
    let [packed, single, many] = in_turn(&load, args.rounds, systems).await?;
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
