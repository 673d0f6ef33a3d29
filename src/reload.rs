//! Files of keys that are read again when they change, without a restart.

use std::fmt::Display;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;
use tokio::time::MissedTickBehavior;

/// How often a file is looked at.
const LOOK: Duration = Duration::from_secs(2);

/// What tells that one of several files has changed, or was put in the place of another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp(Vec<Option<(SystemTime, u64, u64)>>);

impl Stamp {
    pub(crate) fn of(paths: &[impl AsRef<Path>]) -> Self {
        let of = |path: &Path| {
            let known = std::fs::metadata(path).ok()?;
            Some((known.modified().ok()?, known.len(), known.ino()))
        };
        Self(paths.iter().map(|path| of(path.as_ref())).collect())
    }
}

/// Keeps what `read` makes of files as they change, from `stamp` on, until nobody looks at it any
/// more. If they cannot be read, what was there before stays, and the log says why.
pub(crate) async fn keep<T, E>(
    what: &'static str,
    paths: Vec<PathBuf>,
    mut stamp: Stamp,
    kept: watch::Sender<Arc<T>>,
    read: impl Fn() -> Result<T, E> + Send + Sync + 'static,
) where
    T: Send + Sync + 'static,
    E: Display + Send + 'static,
{
    let read = Arc::new(read);
    let mut interval = tokio::time::interval(LOOK);
    interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = kept.closed() => return,
            _ = interval.tick() => {}
        }
        let (paths, before, read) = (paths.clone(), stamp.clone(), read.clone());
        // A file system may take its time.
        let looked = tokio::task::spawn_blocking(move || {
            // Taken before the files are read: what changes in between is read once more.
            let stamp = Stamp::of(&paths);
            (stamp != before).then(|| (stamp, read()))
        });
        match looked.await {
            Ok(Some((now, Ok(new)))) => {
                stamp = now;
                kept.send_replace(Arc::new(new));
                tracing::info!("read again: {what}");
            }
            Ok(Some((now, Err(error)))) => {
                stamp = now;
                tracing::warn!(%error, "not read again, the previous ones stay in use: {what}");
            }
            Ok(None) | Err(_) => {}
        }
    }
}
