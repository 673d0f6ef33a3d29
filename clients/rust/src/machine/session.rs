//! What a client must know to come back: the secret of its session, and how far it has heard.

use acequia_wire::client::{Resume, Welcome};

/// ```text
/// none ──welcome with a secret──▶ resumable ──welcome, resumed──▶ resumable, goes on
///                                     └──welcome, not resumed──▶ resumable anew, or none
/// ```
#[derive(Debug)]
pub(super) struct Session {
    /// Whether one is asked for that can be resumed.
    wanted: bool,
    /// Whoever has it has the session.
    secret: Option<String>,
    /// The highest `seq` that was heard.
    last: u64,
}

impl Session {
    pub(super) fn new(wanted: bool) -> Self {
        Self { wanted, secret: None, last: 0 }
    }

    pub(super) fn is_resumable(&self) -> bool {
        self.secret.is_some()
    }

    /// How far was heard.
    pub(super) fn last(&self) -> u64 {
        self.last
    }

    /// What the next `hello` asks for.
    pub(super) fn resume(&self) -> Option<Resume> {
        match &self.secret {
            Some(secret) => Some(Resume::Session { secret: secret.clone(), last: self.last }),
            None => self.wanted.then_some(Resume::New),
        }
    }

    /// Whether the session goes on. If not, it is a new one.
    pub(super) fn welcome(&mut self, welcome: &Welcome) -> bool {
        let goes_on = welcome.resumed && self.is_resumable();
        if !goes_on {
            self.last = 0;
            self.secret = None;
        }
        if let Some(secret) = &welcome.session {
            self.secret = Some(secret.clone());
        }
        goes_on
    }

    /// Whether an event is new, which is noted. Numbers grow, not always by one; what has none is new.
    pub(super) fn hear(&mut self, seq: Option<u64>) -> bool {
        let Some(seq) = seq else { return true };
        let is_new = seq > self.last;
        self.last = self.last.max(seq);
        is_new
    }
}
