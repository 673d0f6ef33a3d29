//! A panel: a list with its columns, and what there is to say of the row that is chosen.

use ratatui::Frame;
use ratatui::layout::{Constraint, Layout, Rect};
use ratatui::text::Line;
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table, Wrap};

use super::theme::Theme;
use crate::list::{Column, Entry, List, Width};
use crate::text::{fit, pad};

const SPACING: u16 = 1;
/// Lines for what is said of the chosen row.
const DETAIL_HEIGHT: u16 = 2;
/// Below, rows need the room.
const DETAIL_FROM: u16 = 8;

pub(super) struct Place<'a> {
    pub(super) area: Rect,
    pub(super) title: Line<'a>,
    /// Whether keys are for this panel.
    pub(super) is_in_use: bool,
    pub(super) now: u64,
}

/// Draws a list; returns how many rows it has room for.
pub(super) fn draw<T: Entry>(
    frame: &mut Frame<'_>,
    place: Place<'_>,
    list: &mut List<T>,
    theme: &Theme,
) -> usize {
    let Place { area, title, is_in_use, now } = place;
    let block = Block::bordered()
        .border_style(if is_in_use { theme.in_use } else { theme.quiet })
        .title_top(title);
    let inner = block.inner(area);
    frame.render_widget(block, area);
    let detail = list.chosen().filter(|_| is_in_use && area.height >= DETAIL_FROM);
    let detail = detail.map(|chosen| chosen.detail(now));
    let height = if detail.is_some() { DETAIL_HEIGHT } else { 0 };
    let [rows, beneath] =
        Layout::vertical([Constraint::Fill(1), Constraint::Length(height)]).areas(inner);
    if let Some(detail) = detail {
        let paragraph = Paragraph::new(detail).wrap(Wrap { trim: true }).style(theme.quiet);
        frame.render_widget(paragraph, beneath);
    }
    let columns = columns(T::COLUMNS, list.sorted_by(), inner.width);
    let header = Row::new(columns.iter().map(|(place, width)| {
        let column = &T::COLUMNS[*place];
        let mark = if *place == list.sorted_by() { "▾" } else { "" };
        aligned(column, &format!("{}{mark}", column.title), *width)
    }));
    let (all, state) = list.parts();
    // What is not shown is not written either: there may be a thousand.
    let (height, chosen) = (usize::from(rows.height), state.selected().unwrap_or(0));
    let shown = state.offset().min(chosen).saturating_sub(height)
        ..state.offset().max(chosen).saturating_add(height);
    let entries = all.iter().enumerate().map(|(at, entry)| {
        if !shown.contains(&at) {
            return Row::default();
        }
        let cells = columns.iter().map(|(place, width)| {
            let column = &T::COLUMNS[*place];
            aligned(column, &(column.cell)(entry, now), *width)
        });
        Row::new(cells).style(theme.of_mood(entry.mood()))
    });
    let widths = columns.iter().map(|(_, width)| Constraint::Length(*width));
    let table =
        Table::new(entries, widths).header(header.style(theme.title)).column_spacing(SPACING);
    let table = if is_in_use { table.row_highlight_style(theme.chosen) } else { table };
    frame.render_stateful_widget(table, rows, state);
    usize::from(rows.height.saturating_sub(1))
}

fn aligned<T>(column: &Column<T>, text: &str, width: u16) -> Cell<'static> {
    let width = usize::from(width);
    let is_number = matches!(column.width, Width::Right(_));
    Cell::new(pad(&fit(text, width), width, is_number))
}

/// The columns for which there is room, and how wide each is: those of the lowest rank, and in any
/// case the one that rows are sorted by.
fn columns<T>(all: &[Column<T>], sorted_by: usize, width: u16) -> Vec<(usize, u16)> {
    let least = |place: usize| match all[place].width {
        Width::Right(width) | Width::Left(width) | Width::Share(width, _) if place == sorted_by => {
            width.max(u16::try_from(all[place].title.len() + 1).unwrap_or(u16::MAX))
        }
        Width::Right(width) | Width::Left(width) | Width::Share(width, _) => width,
    };
    let rank = |place: usize| if place == sorted_by { 0 } else { all[place].rank };
    let mut highest = (0..all.len()).map(rank).max().unwrap_or(0);
    let chosen = loop {
        let chosen: Vec<usize> = (0..all.len()).filter(|place| rank(*place) <= highest).collect();
        let needed: u16 = chosen.iter().map(|place| least(*place) + SPACING).sum();
        if needed <= width + SPACING || highest == 0 {
            break chosen;
        }
        highest -= 1;
    };
    let needed: u16 = chosen.iter().map(|place| least(*place) + SPACING).sum();
    let left = (width + SPACING).saturating_sub(needed);
    let shares: u16 = chosen.iter().map(|place| share(&all[*place])).sum();
    let wide = |place: usize| least(place) + left * share(&all[place]) / shares.max(1);
    chosen.into_iter().map(|place| (place, wide(place))).collect()
}

fn share<T>(column: &Column<T>) -> u16 {
    match column.width {
        Width::Share(_, share) => share,
        Width::Right(_) | Width::Left(_) => 0,
    }
}
