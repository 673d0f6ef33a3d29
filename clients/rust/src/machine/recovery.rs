//! What becomes of a live job after its connection was lost.

use bytes::Bytes;

use crate::job_error::{JobError, Loss};

/// A live job, and how far it got.
#[derive(Debug)]
pub(super) struct Entry {
    /// Its op, while it may have to be sent again.
    pub(super) part: Option<Bytes>,
    /// It has a `key`: submitted again, the same job answers.
    pub(super) keyed: bool,
    /// A refusal that passes is not its end.
    pub(super) patient: bool,
    /// On some connection.
    pub(super) sent: bool,
    /// The server said something about it.
    pub(super) heard: bool,
    /// That it has accepted it: until then a crash may lose the job, even one that has started.
    pub(super) accepted: bool,
    pub(super) cancelling: bool,
    /// Sent again under its id, so that the server may know it already.
    pub(super) repeated: bool,
}

/// What is to be done for a job on a new connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The server has it, and its events come.
    Wait,
    /// It must be submitted (again), under the same id.
    Send,
    /// The wish to cancel it must be repeated.
    Cancel,
    /// `Send`, unless the replay has word of it.
    Unsure,
    /// No word of it can come any more.
    Lost,
}

impl Entry {
    /// What becomes of it where its session is `resumed`, or is not. `resend`: jobs of which the server may
    /// not know are sent again.
    pub(super) fn fate(&self, resumed: bool, resend: bool) -> Fate {
        match (self.sent, resumed) {
            (false, _) => Fate::Send,
            (true, true) if self.cancelling => Fate::Cancel,
            (true, true) if self.is_safe() => Fate::Wait,
            (true, true) => Fate::Unsure,
            (true, false) if self.cancelling => Fate::Lost,
            (true, false) => self.again(resend && !self.heard),
        }
    }

    /// Whether a session that goes on tells of it, be it after a crash of the server. After that, only one of
    /// the ids that waited for the job of a key is known: those are sent again.
    pub(super) fn is_safe(&self) -> bool {
        self.accepted && !self.keyed
    }

    /// What becomes of one that is not safe, and whose end the replay did not tell.
    pub(super) fn after_replay(&self, resend: bool) -> Fate {
        self.again(resend && !self.accepted)
    }

    fn again(&self, may: bool) -> Fate {
        if self.part.is_some() && (self.keyed || may) { Fate::Send } else { Fate::Lost }
    }

    /// How it is lost; `had_session`: there was one to go on with.
    pub(super) fn loss(&self, had_session: bool) -> JobError {
        if !self.accepted {
            let message = "the connection was lost before the server had accepted the job; it may or may not run";
            return JobError::lost(Loss::Connection, message);
        }
        if had_session {
            let message = "the server does not know the session any more";
            return JobError::lost(Loss::Session, message);
        }
        let message = "the connection was lost after the job was accepted, and this session cannot be resumed";
        JobError::lost(Loss::Connection, message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(flags: &str) -> Entry {
        let is = |flag| flags.contains(flag);
        let (sent, heard, accepted, cancelling, keyed) =
            (is('s'), is('h'), is('a'), is('c'), is('k'));
        let part = (!accepted || keyed).then(Bytes::new);
        let (patient, repeated) = (false, false);
        Entry { part, keyed, patient, sent, heard, accepted, cancelling, repeated }
    }

    /// s: sent, h: heard of, a: accepted, c: to be cancelled, k: with a key.
    #[test]
    fn each_job_has_its_fate() {
        use Fate::{Cancel, Lost, Send, Unsure, Wait};
        for (flags, resumed, not_resumed, after_replay) in [
            ("", Send, Send, Send),
            ("s", Unsure, Send, Send),
            ("sh", Unsure, Lost, Send),
            ("sha", Wait, Lost, Lost),
            ("sc", Cancel, Lost, Send),
            ("shac", Cancel, Lost, Lost),
            ("sk", Unsure, Send, Send),
            ("shk", Unsure, Send, Send),
            ("shak", Unsure, Send, Send),
        ] {
            let job = entry(flags);
            let fates = (job.fate(true, true), job.fate(false, true), job.after_replay(true));
            assert_eq!(fates, (resumed, not_resumed, after_replay), "{flags}");
        }
        // One that must not be sent twice.
        assert_eq!(entry("s").fate(false, false), Lost);
        assert_eq!(entry("s").fate(true, false), Unsure);
        assert_eq!(entry("s").after_replay(false), Lost);
        assert_eq!(entry("").fate(false, false), Send);
    }
}
