//! The keys.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::widgets::{Block, Clear, Padding, Paragraph};

use super::theme::Theme;

const KEYS: &str = "\
Tab, 1 to 4      another panel
arrows, PgUp, PgDn, Home, End
                 another row
s                sort by the next column (▾)

p   of a queue: none of its jobs begins from now
    on; or, if it is paused, they begin again
d   of a worker: it gets no more jobs
r   of a failure: its job runs again
+ - of a pool: processes that it has at most
> < of a pool: processes that it has at least

q, Esc, Ctrl-C   quit

Any key leaves this page.";

const WIDTH: u16 = 54;
const HEIGHT: u16 = 17;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, theme: &Theme) {
    let area = area.centered(Constraint::Max(WIDTH), Constraint::Max(HEIGHT));
    let block = Block::bordered()
        .title_top(" keys ")
        .title_style(theme.title)
        .padding(Padding::horizontal(1));
    frame.render_widget(Clear, area);
    frame.render_widget(Paragraph::new(KEYS).block(block), area);
}
