//! All that is shown, and what keys do to it. No IO: events go in, commands come out.

use acequia_plain::Plain;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::command::{Answer, Command};
use super::history::Series;
use super::list::{List, Move};
use super::told::{Failure, History, Pool, Queue, Server, Tick, Worker};

/// Processes that a server lets a pool have at most.
const PROCESSES_MAX: u32 = 1_000;

#[derive(Debug, Default)]
pub(crate) struct App {
    /// Where the server is.
    pub(crate) authority: String,
    pub(crate) now_ms: u64,
    pub(crate) server: Option<Server>,
    pub(crate) series: Series,
    pub(crate) queues: List<Queue>,
    pub(crate) workers: List<Worker>,
    pub(crate) more_workers: bool,
    pub(crate) pools: List<Pool>,
    pub(crate) failures: List<Failure>,
    /// Why there is no connection, while there is none.
    pub(crate) lost: Option<Plain>,
    pub(crate) panel: Panel,
    /// Rows of the panel that were shown last.
    pub(crate) page: usize,
    pub(crate) asking: Option<Command>,
    pub(crate) notice: Option<Notice>,
    pub(crate) is_helping: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Panel {
    #[default]
    Queues,
    Workers,
    Pools,
    Failures,
}

/// What came of a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Notice {
    Done(Plain),
    Failed(Plain),
}

/// What the server says, or that it does not.
#[derive(Debug)]
pub(crate) enum Told {
    History(History),
    Tick(Box<Tick>),
    Lost(String),
}

/// What is to be done after a key.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    Nothing,
    Quit,
    Do(Command),
}

impl Panel {
    pub(crate) const ALL: [Self; 4] = [Self::Queues, Self::Workers, Self::Pools, Self::Failures];

    fn after(self, steps: usize) -> Self {
        Self::ALL[(self as usize + steps) % Self::ALL.len()]
    }
}

impl App {
    pub(crate) fn new(authority: &str) -> Self {
        Self { authority: Plain::new(authority).to_string(), ..Self::default() }
    }

    pub(crate) fn hear(&mut self, told: Told) {
        match told {
            Told::History(history) => self.series = Series::new(history),
            Told::Tick(tick) => {
                let Tick { at_ms, server, point, queues, workers, more_workers, pools, failures } =
                    *tick;
                self.lost = None;
                self.now_ms = at_ms;
                self.server = Some(server);
                self.series.push(at_ms, point.all);
                self.queues.replace(queues);
                self.workers.replace(workers);
                self.more_workers = more_workers;
                self.pools.replace(pools);
                self.failures.replace(failures);
            }
            Told::Lost(why) => self.lost = Some(Plain::new(&why)),
        }
    }

    /// Takes what came of a command: the next tick tells it, too, but up to two seconds later.
    pub(crate) fn answered(&mut self, answer: Result<Answer, String>) {
        self.notice = Some(match &answer {
            Ok(answer) => Notice::Done(Plain::new(&answer.words())),
            Err(why) => Notice::Failed(Plain::new(why)),
        });
        match answer {
            Ok(Answer::Queue(queue)) => self.queues.put(queue),
            Ok(Answer::Worker(worker)) => self.workers.put(worker),
            Ok(Answer::Redriven { job, .. }) => self.failures.remove(&job),
            // Of several keys in a row, each has begun with what the one before it wanted; what is
            // shown is that of the last, which is the last to be answered.
            Ok(Answer::Pool(_)) | Err(_) => {}
        }
    }

    pub(crate) fn press(&mut self, key: KeyEvent) -> Next {
        if key.modifiers.contains(KeyModifiers::CONTROL) {
            return if key.code == KeyCode::Char('c') { Next::Quit } else { Next::Nothing };
        }
        self.notice = None;
        if let Some(command) = self.asking.take() {
            return match key.code {
                KeyCode::Char('y' | 'Y') => Next::Do(command),
                KeyCode::Char('n' | 'N') | KeyCode::Esc => Next::Nothing,
                _ => {
                    self.asking = Some(command);
                    Next::Nothing
                }
            };
        }
        if std::mem::take(&mut self.is_helping) {
            return Next::Nothing;
        }
        match key.code {
            KeyCode::Char('q') | KeyCode::Esc => return Next::Quit,
            KeyCode::Char('?' | 'h') => self.is_helping = true,
            KeyCode::Char(digit @ '1'..='4') => {
                self.panel = Panel::ALL[digit as usize - '1' as usize];
            }
            KeyCode::Tab | KeyCode::Right => self.panel = self.panel.after(1),
            KeyCode::BackTab | KeyCode::Left => self.panel = self.panel.after(3),
            KeyCode::Up => self.go(Move::Up),
            KeyCode::Down => self.go(Move::Down),
            KeyCode::PageUp => self.go(Move::PageUp),
            KeyCode::PageDown => self.go(Move::PageDown),
            KeyCode::Home => self.go(Move::First),
            KeyCode::End => self.go(Move::Last),
            KeyCode::Char('s') => self.sort(),
            KeyCode::Char(letter) => return self.operate(letter),
            _ => {}
        }
        Next::Nothing
    }

    fn go(&mut self, to: Move) {
        let page = self.page.max(1);
        match self.panel {
            Panel::Queues => self.queues.go(to, page),
            Panel::Workers => self.workers.go(to, page),
            Panel::Pools => self.pools.go(to, page),
            Panel::Failures => self.failures.go(to, page),
        }
    }

    fn sort(&mut self) {
        match self.panel {
            Panel::Queues => self.queues.sort_by_next(),
            Panel::Workers => self.workers.sort_by_next(),
            Panel::Pools => self.pools.sort_by_next(),
            Panel::Failures => self.failures.sort_by_next(),
        }
    }

    /// What a key does to what is chosen.
    fn operate(&mut self, letter: char) -> Next {
        let command = match (self.panel, letter) {
            (Panel::Queues, 'p') => self.queues.chosen().map(|chosen| {
                let queue = chosen.queue.clone();
                if chosen.paused { Command::Resume { queue } } else { Command::Pause { queue } }
            }),
            (Panel::Workers, 'd') => self
                .workers
                .chosen()
                .map(|chosen| Command::Drain { worker: chosen.worker, name: chosen.name.clone() }),
            (Panel::Failures, 'r') => {
                self.failures.chosen().map(|chosen| Command::Redrive { job: chosen.job.clone() })
            }
            (Panel::Pools, '+') => self.scale(|min, max| (min, max + 1)),
            (Panel::Pools, '-') => self.scale(|min, max| (min, max.saturating_sub(1))),
            (Panel::Pools, '>') => self.scale(|min, max| (min + 1, max)),
            (Panel::Pools, '<') => self.scale(|min, max| (min.saturating_sub(1), max)),
            _ => None,
        };
        match command {
            Some(command) if command.question().is_some() => {
                self.asking = Some(command);
                Next::Nothing
            }
            Some(command) => Next::Do(command),
            None => Next::Nothing,
        }
    }

    /// Other bounds for the chosen pool, shown at once: the next key goes on from them.
    fn scale(&mut self, to: fn(u32, u32) -> (u32, u32)) -> Option<Command> {
        let chosen = self.pools.chosen()?;
        let (min, max) = to(chosen.min, chosen.max);
        let max = max.min(PROCESSES_MAX);
        // Who wants fewer at most than there are at least wants both.
        let min = if chosen.min == min { min.min(max) } else { min };
        if min > max || (min, max) == (chosen.min, chosen.max) {
            return None;
        }
        let pool = chosen.pool.clone();
        self.pools.put(Pool { min, max, ..chosen.clone() });
        Some(Command::Scale { pool, min, max })
    }
}
