//! The last ten minutes, as bars.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::style::Style;
use ratatui::text::Line;
use ratatui::widgets::{Block, Sparkline};

use super::theme::Theme;
use crate::app::App;
use crate::history::Series;
use crate::text::{count, rate};
use crate::told::Point;

/// From here on there is room for a third chart.
const THREE_FROM: u16 = 110;
/// Bars are of whole numbers; rates below one a second are to be seen, too.
const PARTS: f64 = 1000.0;

struct Chart {
    title: &'static str,
    pick: fn(&Point) -> f64,
    /// Whether it is counted in an interval, and so told by the second.
    is_rate: bool,
    style: Style,
}

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme) {
    if area.height == 0 {
        return;
    }
    let done =
        Chart { title: "done/s", pick: |point| point.done, is_rate: true, style: theme.good };
    let failed =
        Chart { title: "failed/s", pick: |point| point.failed, is_rate: true, style: theme.bad };
    let waiting =
        Chart { title: "waiting", pick: |point| point.waiting, is_rate: false, style: theme.held };
    let charts =
        if area.width < THREE_FROM { vec![done, waiting] } else { vec![done, waiting, failed] };
    let areas = Layout::horizontal(charts.iter().map(|_| Constraint::Fill(1))).split(area);
    for (chart, area) in charts.iter().zip(areas.iter()) {
        draw_one(frame, *area, chart, app, theme);
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "the height of a bar")]
fn draw_one(frame: &mut Frame<'_>, area: Rect, chart: &Chart, app: &App, theme: &Theme) {
    let series = &app.series;
    let shown = |n: f64| {
        if chart.is_rate { rate(series.per_second(n)) } else { count(n as u64) }
    };
    let now = series.newest(chart.pick).map_or_else(|| "-".to_owned(), shown);
    let largest = series.largest(chart.pick);
    let block = Block::bordered()
        .border_style(theme.quiet)
        .title_top(Line::raw(format!(" {} ", chart.title)).style(theme.title))
        .title_top(Line::raw(format!(" {now} now, {} at most ", shown(largest))).right_aligned())
        .title_bottom(Line::raw(format!(" {} min ago ", Series::minutes())).style(theme.quiet))
        .title_bottom(Line::raw(" now ").style(theme.quiet).right_aligned());
    let width = block.inner(area).width;
    let bars = series.columns(width.into(), chart.pick);
    // What is there at all is seen, however small it is beside the largest.
    let inside = u64::from(block.inner(area).height) * 8;
    let max = ((largest * PARTS) as u64).max(1);
    let bars = bars.into_iter().map(|bar| {
        let bar = bar?;
        let height = (bar * PARTS) as u64;
        Some(if bar > 0.0 { height.max(max.div_ceil(inside.max(1))) } else { 0 })
    });
    let bars: Vec<Option<u64>> = bars.collect();
    let sparkline = Sparkline::default()
        .block(block)
        .data(bars)
        .max(max)
        .style(chart.style)
        .absent_value_symbol(" ");
    frame.render_widget(sparkline, area);
}
