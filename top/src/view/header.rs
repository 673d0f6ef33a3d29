//! The server in two lines, and what is wrong with it in one more.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};

use super::theme::Theme;
use crate::app::App;
use crate::text::{bytes, count, duration, fit};
use crate::told::Server;

const READY: &str = "ready";

/// What is wrong, if anything is.
pub(super) fn banner(app: &App) -> Option<String> {
    if let Some(why) = &app.lost {
        return Some(format!("no connection, trying again: {why}"));
    }
    let server = app.server.as_ref()?;
    let why = server.why.as_ref().map_or("", |why| why.as_str());
    (server.state.as_str() != READY).then(|| format!("no new jobs are taken: {why}"))
}

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, app: &App, theme: &Theme) {
    let width = usize::from(area.width);
    let [first, second] = [0, 1].map(|row| Rect { y: area.y + row, height: 1, ..area });
    let Some(server) = &app.server else {
        let text = fit(&format!("acequia at {}: waiting for its first tick", app.authority), width);
        frame.render_widget(Line::raw(text).style(theme.title), first);
        return;
    };
    let state = match (&app.lost, server.state.as_str()) {
        (Some(_), _) => Span::styled("disconnected", theme.bad),
        (None, READY) => Span::styled(READY, theme.good),
        (None, other) => Span::styled(other.to_owned(), theme.bad),
    };
    let name = Span::styled(format!("acequia {}", server.version), theme.title);
    let up = format!(", up {}", duration(server.uptime_ms as f64));
    let place = Span::raw(format!(" at {}: ", app.authority));
    frame.render_widget(Line::from_iter([name, place, state, Span::raw(up)]), first);
    frame.render_widget(Line::raw(fit(&numbers(server), width)), second);
}

/// How much there is of everything.
pub(crate) fn numbers(server: &Server) -> String {
    let Server { sessions, live_jobs, payload_bytes, workers, slots, slots_busy, .. } = server;
    let journal = &server.journal;
    let disk = match (journal.kind.as_str(), journal.writable) {
        (_, false) => "cannot be written".to_owned(),
        ("none", _) => "none".to_owned(),
        (kind, _) => match journal.waiting_bytes {
            0 => kind.to_owned(),
            waiting => format!("{kind}, {} to write", bytes(waiting)),
        },
    };
    let numbers = [
        format!("sessions {}", count(*sessions)),
        format!("jobs {} ({})", count(*live_jobs), bytes(*payload_bytes)),
        format!("workers {}", count(*workers)),
        format!("slots {slots_busy}/{slots}"),
        format!("dead letters {}", count(server.dead_letters)),
        format!("journal {disk}"),
    ];
    numbers.join(", ")
}
