//! How it looks, in a terminal of any size.

mod charts;
mod header;
mod help;
mod table;
mod theme;

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Paragraph, Wrap};

pub(crate) use self::header::numbers;
pub(crate) use self::theme::Theme;

use super::app::{App, Notice, Panel};
use super::text::fit;

/// From here on everything has its place.
const WANTED: (u16, u16) = (80, 24);
/// Below, nothing can be read.
const LEAST: (u16, u16) = (40, 8);
/// From here on all panels are shown at a time.
const ROOMY: (u16, u16) = (110, 40);

const CHARTS_HEIGHT: u16 = 5;
const ROOMY_CHARTS_HEIGHT: u16 = 8;

pub(crate) fn draw(frame: &mut Frame<'_>, app: &mut App, theme: &Theme) {
    let area = frame.area();
    let has = |(width, height): (u16, u16)| area.width >= width && area.height >= height;
    if !has(LEAST) {
        let (width, height) = WANTED;
        let text = format!(
            "acequia top needs {width}x{height}; this terminal has {}x{}",
            area.width, area.height
        );
        frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), area);
        return;
    }
    let banner = header::banner(app);
    let charts = match (has(ROOMY), has(WANTED)) {
        (true, _) => ROOMY_CHARTS_HEIGHT,
        (_, true) => CHARTS_HEIGHT,
        _ => 0,
    };
    let parts = Layout::vertical([
        Constraint::Length(u16::from(banner.is_some())),
        Constraint::Length(2),
        Constraint::Length(charts),
        Constraint::Fill(1),
        Constraint::Length(1),
    ]);
    let [top, head, middle, panels, foot] = parts.areas(area);
    header::draw(frame, head, app, theme);
    charts::draw(frame, middle, app, theme);
    if has(ROOMY) {
        all_panels(frame, panels, app, theme);
    } else {
        one_panel(frame, panels, app, theme);
    }
    if app.lost.is_some() {
        // What is shown is how it was.
        for part in [head, middle, panels] {
            frame.buffer_mut().set_style(part, theme.faded);
        }
    }
    if let Some(banner) = banner {
        let banner = fit(&banner, top.width.into());
        frame.render_widget(Line::raw(banner).style(theme.alarm), top);
        frame.buffer_mut().set_style(top, theme.alarm);
    }
    foot_line(frame, foot, app, theme, has(WANTED));
    if app.is_helping {
        help::draw(frame, area, theme);
    }
}

fn all_panels(frame: &mut Frame<'_>, area: Rect, app: &mut App, theme: &Theme) {
    let [queues, workers, others] = Layout::vertical([Constraint::Fill(1); 3]).areas(area);
    let [pools, failures] = Layout::horizontal([Constraint::Fill(1); 2]).areas(others);
    for (panel, area) in Panel::ALL.into_iter().zip([queues, workers, pools, failures]) {
        let title = Line::from(title(app, panel, theme));
        draw_panel(frame, area, panel, title, app, theme);
    }
}

/// The one that is in use, with the names of the others.
fn one_panel(frame: &mut Frame<'_>, area: Rect, app: &mut App, theme: &Theme) {
    let titles = Line::from_iter(Panel::ALL.map(|panel| title(app, panel, theme)));
    draw_panel(frame, area, app.panel, titles, app, theme);
}

/// The name of a panel, and how many rows it has.
fn title(app: &App, panel: Panel, theme: &Theme) -> Span<'static> {
    let more = if app.more_workers { " and more" } else { "" };
    let (name, rows, more) = match panel {
        Panel::Queues => ("queues", app.queues.rows().len(), ""),
        Panel::Workers => ("workers", app.workers.rows().len(), more),
        Panel::Pools => ("pools", app.pools.rows().len(), ""),
        Panel::Failures => ("failures", app.failures.rows().len(), ""),
    };
    let text = format!(" {} {name} ({rows}{more}) ", panel as usize + 1);
    Span::styled(text, if panel == app.panel { theme.chosen_title } else { theme.quiet })
}

fn draw_panel(
    frame: &mut Frame<'_>,
    area: Rect,
    panel: Panel,
    title: Line<'_>,
    app: &mut App,
    theme: &Theme,
) {
    let is_in_use = panel == app.panel;
    let place = table::Place { area, title, is_in_use, now: app.now_ms };
    let page = match panel {
        Panel::Queues => table::draw(frame, place, &mut app.queues, theme),
        Panel::Workers => table::draw(frame, place, &mut app.workers, theme),
        Panel::Pools => table::draw(frame, place, &mut app.pools, theme),
        Panel::Failures => table::draw(frame, place, &mut app.failures, theme),
    };
    if is_in_use {
        app.page = page;
    }
}

fn foot_line(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme, is_large: bool) {
    let columns = usize::from(area.width);
    let line = if let Some(question) = app.asking.as_ref().and_then(|command| command.question()) {
        // The end of the question must be seen, whatever is asked about.
        let asked = fit(&question, columns.saturating_sub(4));
        Line::raw(format!("{asked} y/n")).style(theme.question)
    } else if let Some(notice) = &app.notice {
        match notice {
            Notice::Done(words) => Line::raw(fit(words.as_str(), columns)).style(theme.good),
            Notice::Failed(words) => Line::raw(fit(words.as_str(), columns)).style(theme.bad),
        }
    } else {
        let of_panel = match app.panel {
            Panel::Queues => "p pause or resume",
            Panel::Workers => "d drain",
            Panel::Pools => "+ - at most  < > at least",
            Panel::Failures => "r run again",
        };
        // What does not fit is cut off at the end.
        let (width, height) = WANTED;
        let size = if is_large { String::new() } else { format!("{width}x{height} shows more  ") };
        let keys = format!("{size}q quit  ? help  Tab panel  s sort  {of_panel}");
        Line::raw(fit(&keys, columns)).style(theme.quiet)
    };
    frame.render_widget(line, area);
}
