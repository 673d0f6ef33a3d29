//! What there is to do at the server: one errand at a time, in turn, beside the engine.

use acequia_client::CallError;
use tokio::sync::mpsc;

use super::kin::Child;
use super::server::{Report, Seen, Server};
use super::sizer::{Bounds, End, ProcessId, Time};

/// So many refusals in a row of what the pool tells the server are told.
const REFUSED_TOLD: u32 = 5;

pub(crate) enum Errand {
    Look { asked: Time, children: Vec<Child> },
    Drain(u64),
    Report(Report),
}

/// What came of it, or of a process.
pub(crate) enum News {
    Seen {
        asked: Time,
        seen: Seen,
    },
    /// A look has failed.
    Missed(CallError),
    /// How many processes there may be from now on, if the report was taken.
    Reported(Option<Bounds>),
    Ended {
        process: ProcessId,
        end: End,
    },
}

/// Runs errands until there are no more.
pub(crate) async fn run(
    mut server: Server,
    mut todo: mpsc::UnboundedReceiver<Errand>,
    news: mpsc::UnboundedSender<News>,
) {
    let mut refusals = Refusals::default();
    while let Some(errand) = todo.recv().await {
        let heard = match errand {
            Errand::Look { asked, children } => match server.look(children).await {
                Ok(seen) => News::Seen { asked, seen },
                Err(error) => News::Missed(error),
            },
            // The next look shows whether it has to be done again.
            Errand::Drain(worker) => {
                refusals.see(server.drain(worker).await);
                continue;
            }
            Errand::Report(report) => News::Reported(refusals.see(server.report(&report).await)),
        };
        // An engine that is gone does not want to know.
        _ = news.send(heard);
    }
}

/// How often in a row the server has said no.
#[derive(Default)]
struct Refusals(u32);

impl Refusals {
    /// Says so if it goes on: a pool that had the name just before may keep it for a moment. Of a
    /// server that does not answer, looks have to say more.
    fn see<T>(&mut self, told: Result<T, CallError>) -> Option<T> {
        match told {
            Ok(answer) => {
                self.0 = 0;
                Some(answer)
            }
            Err(error) if error.status().is_some() => {
                self.0 = self.0.saturating_add(1);
                if self.0 == REFUSED_TOLD {
                    tracing::warn!("{error}");
                }
                None
            }
            Err(_) => None,
        }
    }
}
