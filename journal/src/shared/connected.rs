//! A connection to the database that is open.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::task::JoinHandle;
use tokio_postgres::{Client, Connection};

/// A client, and the task that does its reading and writing.
#[derive(Debug)]
pub(crate) struct Connected {
    pub(super) client: Client,
    task: JoinHandle<()>,
}

impl Connected {
    pub(crate) fn new<S, T>(client: Client, connection: Connection<S, T>) -> Self
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // Why it ended is told to whoever waits for an answer.
        let task = tokio::spawn(async move { _ = connection.await });
        Self { client, task }
    }
}

impl Drop for Connected {
    /// What is still on its way is given up.
    fn drop(&mut self) {
        self.task.abort();
    }
}
