//! What a submit calls for that is said again, with the name of the job that it began.

use std::sync::Arc;

use acequia_wire::JobId;
use acequia_wire::client::Submit;
use acequia_wire::code::RejectCode;

use super::model::Model;
use super::parts::{Owed, Told};
use super::submits::outcome_of;
use crate::ids::{ClientId, SessionId};

impl Model {
    /// Whether it is that of a job that is there; then it begins no other.
    pub(super) fn expect_said_again(
        &mut self,
        session: SessionId,
        client: ClientId,
        id: JobId,
        spec: &Arc<Submit>,
    ) -> bool {
        let known = self.job_of(session, &spec.id);
        let refused = Owed::Rejected(session, spec.id.clone(), RejectCode::DuplicateId);
        let Some(job) = self.jobs.get(&id) else {
            let Some((whose, told)) = self.outcome(id) else { return false };
            let answer = Owed::Tell(session, spec.id.clone(), id, told);
            let is_it = whose == client && known.is_none();
            self.owed.push(if is_it { answer } else { refused });
            return true;
        };
        if job.client != client || known.is_some_and(|known| known != id) {
            self.owed.push(refused);
            return true;
        }
        let asks = self.asking.contains(&session);
        if known.is_some() {
            let accepted = Owed::Tell(session, spec.id.clone(), id, Told::Accepted);
            self.owed.extend(job.accepted.then_some(accepted));
        } else {
            let began = job.began_in().is_none() && job.spec.id == spec.id;
            if !self.expect_joined(session, client, id, (spec, began)) {
                return true;
            }
        }
        self.jobs.get_mut(&id).unwrap().asked_for |= asks;
        true
    }

    /// Whose a job was that has ended, and its outcome, if that is kept somewhere.
    pub(super) fn outcome(&self, id: JobId) -> Option<(ClientId, Told)> {
        if let Some(retained) = self.retained.iter().find(|of| of.job == id) {
            return Some((retained.client, outcome_of(retained)));
        }
        let letter = self.letter(id)?;
        Some((letter.client, Told::Failed(letter.code.as_str().to_owned())))
    }
}
