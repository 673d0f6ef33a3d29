//! One picture, as plain text for scripts.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr as _;

use super::app::App;
use super::list::{Entry, List, Width};
use super::text::{duration, pad};
use super::view::numbers;

/// All that is known, nothing of it cut off.
pub(crate) fn picture(app: &App) -> String {
    let mut text = String::new();
    if let Some(server) = &app.server {
        let up = duration(server.uptime_ms as f64);
        let why = server.why.as_ref().map(|why| format!(": {why}")).unwrap_or_default();
        let (version, state) = (&server.version, &server.state);
        // Writing to a string does not fail.
        _ = writeln!(text, "acequia {version} at {}: {state}, up {up}{why}", app.authority);
        _ = writeln!(text, "{}", numbers(server));
    }
    table(&mut text, "queues", &app.queues, app.now_ms);
    table(&mut text, "workers", &app.workers, app.now_ms);
    if app.more_workers {
        text.push_str("and more workers\n");
    }
    table(&mut text, "pools", &app.pools, app.now_ms);
    table(&mut text, "failures", &app.failures, app.now_ms);
    text
}

fn table<T: Entry>(text: &mut String, title: &str, list: &List<T>, now: u64) {
    _ = writeln!(text, "\n{title}: {}", list.rows().len());
    if list.rows().is_empty() {
        return;
    }
    let titles = T::COLUMNS.iter().map(|column| column.title.to_owned()).collect();
    let cells = |row: &T| T::COLUMNS.iter().map(|column| (column.cell)(row, now)).collect();
    let lines: Vec<Vec<String>> =
        std::iter::once(titles).chain(list.rows().iter().map(cells)).collect();
    let widest = |place: usize| lines.iter().map(|line| line[place].width()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..T::COLUMNS.len()).map(widest).collect();
    for line in &lines {
        let cells = line.iter().zip(&widths).zip(T::COLUMNS).map(|((cell, width), column)| {
            pad(cell, *width, matches!(column.width, Width::Right(_)))
        });
        let cells: Vec<String> = cells.collect();
        _ = writeln!(text, "{}", cells.join("  ").trim_end());
    }
}
