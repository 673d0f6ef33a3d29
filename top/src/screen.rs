//! The terminal: keys from it, pictures to it, and as it was before afterwards.

use std::io;
use std::pin::pin;

use acequia_client::{AdminClient, CallError};
use anyhow::Context as _;
use futures_util::StreamExt as _;
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{Event, EventStream, KeyEventKind};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use super::app::{App, Next, Told};
use super::command::{Answer, Command};
use super::view::{self, Theme};

/// Commands that may wait for the one before them.
const COMMANDS_MAX: usize = 64;

/// A terminal that is ours. It is given back when this is dropped; `ratatui` does so when a panic
/// is about to be told.
struct Screen(DefaultTerminal);

impl Screen {
    fn take() -> io::Result<Self> {
        // Half of it may be done.
        ratatui::try_init().map(Self).inspect_err(|_| ratatui::restore())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        ratatui::restore();
    }
}

/// Shows all that is told until somebody quits, or `stop` resolves.
pub(crate) async fn run(
    mut app: App,
    mut told: mpsc::Receiver<Told>,
    client: AdminClient,
    remedy: impl Fn(&CallError) -> String + Send + 'static,
    stop: impl Future<Output = ()>,
) -> anyhow::Result<()> {
    let mut stop = pin!(stop);
    let mut hangup = signal(SignalKind::hangup())?;
    let (commands, mut answers) = operator(client, remedy);
    let theme = Theme::of_environment();
    let mut screen = Screen::take().context("cannot use the terminal")?;
    let mut keys = EventStream::new();
    loop {
        screen.0.draw(|frame| view::draw(frame, &mut app, &theme))?;
        tokio::select! {
            told = told.recv() => match told {
                Some(told) => app.hear(told),
                None => anyhow::bail!("the server sends nothing any more"),
            },
            Some(answer) = answers.recv() => app.answered(answer),
            event = keys.next() => match event {
                Some(Ok(Event::Key(key))) if key.kind != KeyEventKind::Release => {
                    match app.press(key) {
                        Next::Nothing => {}
                        Next::Quit => return Ok(()),
                        Next::Do(command) => {
                            if commands.try_send(command).is_err() {
                                app.answered(Err("the server does not keep up; try again".into()));
                            }
                        }
                    }
                }
                // It has another size, which is found out when it is drawn.
                Some(Ok(_)) => {}
                Some(Err(error)) => return Err(error).context("no more keys can be read"),
                None => return Ok(()),
            },
            () = &mut stop => return Ok(()),
            _ = hangup.recv() => return Ok(()),
        }
    }
}

/// Carries commands out, one after the other, while pictures go on.
fn operator(
    mut client: AdminClient,
    remedy: impl Fn(&CallError) -> String + Send + 'static,
) -> (mpsc::Sender<Command>, mpsc::Receiver<Result<Answer, String>>) {
    let (commands, mut todo) = mpsc::channel::<Command>(COMMANDS_MAX);
    let (tell, answers) = mpsc::channel(COMMANDS_MAX);
    tokio::spawn(async move {
        while let Some(command) = todo.recv().await {
            let answer = command.carry_out(&mut client).await;
            let answer = answer.map_err(|error| format!("{error}{}", remedy(&error)));
            if tell.send(answer).await.is_err() {
                return;
            }
        }
    });
    (commands, answers)
}
