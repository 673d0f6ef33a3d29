//! The time that outcomes age by.

use std::sync::Arc;
use std::time::SystemTime;

/// Tells the time in milliseconds since 1970.
pub(crate) type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The clock of the system.
pub(crate) fn system() -> Clock {
    Arc::new(|| {
        let since = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}
