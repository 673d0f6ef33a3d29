//! A worker says `ready`: whether it has to prove itself, and what becomes of one that does not.

use acequia_gate::CloseReason;
use acequia_sink::ResultsKey;
use acequia_wire::worker::Ready;

use super::Pipeline;

impl Pipeline {
    /// Whether a `ready` may count. If not, both connections of its worker are closed.
    pub(super) fn may_work(&mut self, results: ResultsKey, ready: &Ready) -> bool {
        // There is nothing to prove about a lane that is not there, or has been proven already.
        let Some(lane) = self.pairing.greeted(ready.lane) else { return true };
        let Some(nonce) = self.job_lanes.nonce(lane) else { return true };
        let Err(why) = self.worker_door.check(nonce, ready.lane, ready.auth.as_ref()) else {
            return true;
        };
        let held = self.pairing.turn_away(results, why);
        self.job_lanes.close(lane, CloseReason::Unauthorized, held);
        false
    }
}
