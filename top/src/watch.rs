//! A server that is watched.

use acequia_client::{AdminClient, CallError, Live, ServerUrl};

use crate::app::{App, Told};
use crate::{feed, once, screen};

/// A server, and what it has told so far.
#[derive(Debug)]
pub struct Watch {
    server: ServerUrl,
    live: Live,
    app: App,
}

/// How much has to be told until there is something to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// The history: enough for pictures that go on.
    WithHistory,
    /// Also how it is now: enough for one picture.
    WithTick,
}

impl Watch {
    /// Begins to watch: until so much is told.
    ///
    /// # Errors
    /// If the server is not reached, or does not let this watch.
    pub async fn begin(server: ServerUrl, until: Begin) -> Result<Self, CallError> {
        let mut app = App::new(server.authority());
        let mut live = match until {
            Begin::WithHistory => Live::open(&server).await?,
            Begin::WithTick => Live::once(&server).await?,
        };
        while let Some(told) = feed::next(&mut live).await? {
            let is_enough = until == Begin::WithHistory || matches!(told, Told::Tick(_));
            app.hear(told);
            if is_enough {
                break;
            }
        }
        Ok(Self { server, live, app })
    }

    /// What there is to see now, as plain text.
    pub fn picture(&self) -> String {
        once::picture(&self.app)
    }

    /// Shows the server in this process's terminal until somebody quits or `stop` resolves, with the
    /// remedy that `remedy` knows for calls that fail.
    ///
    /// # Errors
    /// If there is no terminal to be had.
    pub async fn show(
        self,
        remedy: impl Fn(&CallError) -> String + Clone + Send + 'static,
        stop: impl Future<Output = ()>,
    ) -> anyhow::Result<()> {
        let Self { server, live, app } = self;
        let told = feed::follow(server.clone(), live, remedy.clone());
        screen::run(app, told, AdminClient::new(server), remedy, stop).await
    }
}
