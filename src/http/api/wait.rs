//! How long a caller waits for the outcome of its job.

use std::time::Duration;

use axum::http::HeaderMap;
use tokio::time::Instant;

/// Nobody waits longer, in seconds.
pub(super) const WAIT_S_MAX: u64 = 300;

/// Until when a caller waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Wait {
    pub(super) seconds: u64,
    pub(super) until: Instant,
}

impl Wait {
    /// From now on.
    pub(super) fn of(seconds: u64) -> Self {
        let seconds = seconds.min(WAIT_S_MAX);
        Self { seconds, until: Instant::now() + Duration::from_secs(seconds) }
    }

    /// What `Prefer: wait=SECONDS` asks for (RFC 7240). A preference that makes no sense is none.
    pub(super) fn preferred(headers: &HeaderMap) -> Option<Self> {
        let lists = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        let mut all = lists.flat_map(|list| list.split([',', ';']));
        let seconds = all.find_map(|preference| {
            let (name, value) = preference.split_once('=')?;
            let is_it = name.trim().eq_ignore_ascii_case("wait");
            is_it.then(|| value.trim().trim_matches('"').parse().ok()).flatten()
        });
        seconds.map(Self::of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preference_is_found_among_others() {
        let preferred = |value: &'static str| {
            let headers = [("prefer".parse().expect("a name"), value.parse().expect("a value"))];
            let headers: HeaderMap = headers.into_iter().collect();
            Wait::preferred(&headers).map(|wait| wait.seconds)
        };
        assert_eq!(preferred("wait=20"), Some(20));
        assert_eq!(preferred("respond-async, WAIT = \"7\""), Some(7));
        assert_eq!(preferred("respond-async; wait=0"), Some(0));
        assert_eq!(preferred("wait=1000"), Some(WAIT_S_MAX));
        for none in ["", "wait", "wait=", "wait=-1", "wait=soon", "respond-async"] {
            assert_eq!(preferred(none), None, "{none}");
        }
    }
}
