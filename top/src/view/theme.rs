//! Colours, or what takes their place.

use ratatui::style::{Color, Modifier, Style};

use crate::list::Mood;

/// How things look that mean something.
#[derive(Debug)]
pub(crate) struct Theme {
    pub(super) title: Style,
    /// The name of the panel that keys are for, among those of the others.
    pub(super) chosen_title: Style,
    /// What is there to be found, not to be read.
    pub(super) quiet: Style,
    pub(super) good: Style,
    pub(super) held: Style,
    pub(super) bad: Style,
    pub(super) alarm: Style,
    pub(super) question: Style,
    pub(super) chosen: Style,
    /// The border of the panel that keys are for.
    pub(super) in_use: Style,
    /// All of a picture that is not of now.
    pub(super) faded: Style,
}

impl Theme {
    /// The theme for an environment: without colours if `NO_COLOR` is set and not empty
    /// (<https://no-color.org>).
    pub(crate) fn of_environment() -> Self {
        let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        if no_color { Self::plain() } else { Self::coloured() }
    }

    /// Of the terminal's own sixteen colours, so that they fit its background.
    pub(crate) fn coloured() -> Self {
        let plain = Self::plain();
        Self {
            title: plain.title.fg(Color::Cyan),
            chosen_title: plain.chosen_title.fg(Color::Cyan),
            quiet: Style::new().fg(Color::DarkGray),
            good: Style::new().fg(Color::Green),
            held: Style::new().fg(Color::Yellow),
            bad: Style::new().fg(Color::Red),
            alarm: plain.alarm.fg(Color::Red),
            question: plain.question.fg(Color::Yellow),
            in_use: plain.in_use.fg(Color::Cyan),
            faded: Style::new().fg(Color::DarkGray),
            ..plain
        }
    }

    pub(crate) fn plain() -> Self {
        let bold = Style::new().add_modifier(Modifier::BOLD);
        let reversed = Style::new().add_modifier(Modifier::REVERSED);
        Self {
            title: bold,
            chosen_title: bold.add_modifier(Modifier::REVERSED),
            quiet: Style::new(),
            good: Style::new(),
            held: Style::new(),
            bad: bold,
            alarm: reversed,
            question: reversed,
            chosen: reversed,
            in_use: bold,
            faded: Style::new().add_modifier(Modifier::DIM),
        }
    }

    pub(super) fn of_mood(&self, mood: Mood) -> Style {
        match mood {
            Mood::Well => Style::new(),
            Mood::Held => self.held,
            Mood::Bad => self.bad,
        }
    }
}
