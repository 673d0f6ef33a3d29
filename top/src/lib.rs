//! What a server does, in a terminal: queues, workers, pools and the newest failures as the server
//! tells them, the last ten minutes as charts; and what an operator can have it do.
//!
//! ```no_run
//! use acequia_top::{Begin, Watch};
//!
//! # async fn run() -> anyhow::Result<()> {
//! let watch = Watch::begin("http://127.0.0.1:8080".parse()?, Begin::WithTick).await?;
//! print!("{}", watch.picture());
//! # Ok(())
//! # }
//! ```
//!
//! | module | its one noun |
//! |---|---|
//! | `app` | all that is shown, and what keys do to it; no IO |
//! | `told`, `history`, `list`, `columns` | what the server tells, and how it is kept and sorted |
//! | `feed` | the stream of a server, also after it was gone |
//! | `command` | an admin call of the operator, with the question before it |
//! | `view` | a picture of the app |
//! | `once` | the same as plain text |
//! | `screen` | the terminal |
//! | `text` | numbers and names as they are written |
//!
//! Every text of a server is a [`Plain`]: nothing that it says moves a cursor.
//!
//! It makes admin calls and nothing else: what the server keeps beyond them may not be known here.

mod app;
mod columns;
mod command;
mod feed;
mod history;
mod list;
mod once;
mod screen;
#[cfg(test)]
mod tests;
mod text;
mod told;
mod view;
mod watch;

pub use acequia_plain::Plain;
pub use watch::{Begin, Watch};
