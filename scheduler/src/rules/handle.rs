//! The one `match` over what may happen.

use crate::action::Action;
use crate::event::Event;
use crate::rules::step::Step;
use crate::scheduler::Scheduler;
use crate::state::unclaimed::LastWord;
use crate::time::Time;

impl Scheduler {
    /// Takes in what happened at `now` and appends what is to be done. `now` never goes back.
    pub fn handle(&mut self, now: Time, event: Event, out: &mut Vec<Action>) {
        self.limit_adoption(now, &event);
        let step = &mut Step { now, out };
        match event {
            Event::Submit { session, job, spec } => self.submit(step, session, job, spec),
            Event::Cancel { session, id } => self.cancel(step, session, id),
            Event::Watch { session, id, what, sight } => {
                self.watch(step, session, id, &what, sight);
            }
            Event::Done { lane, job, body } => {
                let word = LastWord::Done(body);
                self.heed(step, lane, |it, step| it.last_word(step, lane, job, word));
            }
            Event::Fail { lane, job, code, message, retry } => {
                let word = LastWord::Failed { code, message, retry };
                self.heed(step, lane, |it, step| it.last_word(step, lane, job, word));
            }
            Event::BadMessage { lane, job, last: true, message } => {
                let word = LastWord::Bad(message);
                self.heed(step, lane, |it, step| it.last_word(step, lane, job, word));
            }
            Event::Progress { lane, job, progress } => {
                self.heed(step, lane, |it, step| it.progress(step, lane, job, progress));
            }
            Event::Chunk { lane, job, body } => {
                self.heed(step, lane, |it, step| it.chunk(step, lane, job, body));
            }
            Event::BadMessage { lane, job, last: false, message } => {
                self.heed(step, lane, |it, step| it.bad_message(step, lane, job, message));
            }
            Event::StoodStill { gap } => self.stood_still(step, gap),
            Event::Beat { lane } => self.heed(step, lane, |it, _| it.beat(lane)),
            Event::Heard { lane } => self.heed(step, lane, |_, _| ()),
            Event::Durable { up_to } => self.durable(step, up_to),
            Event::LaneReady { lane, offer } => self.lane_ready(step, lane, offer),
            Event::LaneDraining { lane } => {
                self.heed(step, lane, |it, step| it.lane_draining(step, lane));
            }
            Event::LaneClosed { lane } => self.lane_closed(step, lane),
            Event::SessionOpened { session, client } => self.clients.open(session, client),
            Event::SessionLimited { session, jobs } => {
                if let Some(open) = self.clients.session(session) {
                    open.jobs_max = jobs;
                }
            }
            Event::SessionAsksLater { session } => {
                if let Some(open) = self.clients.session(session) {
                    open.asks_later = true;
                }
            }
            Event::SessionAbsent { session } => self.session_absent(step, session),
            Event::SessionBack { session } => self.session_back(session),
            Event::SessionClosed { session } => self.session_closed(step, session),
            Event::StorageFailed => self.storage_failed = true,
            Event::StorageBack => self.storage_failed = false,
            Event::Recovered(recovered) => self.recovered(step, recovered),
            Event::RecoveredOutcome(retained) => self.recovered_outcome(step, retained),
            Event::RecoveredDeadLetter(letter) => self.recovered_dead_letter(step, letter),
            Event::RecoveredTally(tally) => self.recovered_tally(step, tally),
            Event::AdoptionOver => self.adoption_is_over(step),
            Event::Redrive { job, as_job } => self.redrive(step, job, as_job),
            Event::DropDeadLetter { job } => self.drop_dead_letter(step, job),
            Event::CancelJob { job } => self.cancel_job(step, job),
            Event::DrainLane { lane } => self.lane_draining(step, lane),
            Event::PauseQueue { queue } => self.pause(&queue),
            Event::ResumeQueue { queue } => self.resume(step, &queue),
            Event::Drain => self.drain(step),
            Event::Tick => self.tick(step),
        }
        while self.is_suspicion_stale {
            self.look_at_suspects(step);
        }
    }

    fn drain(&mut self, step: &mut Step<'_>) {
        self.draining = true;
        let mut lanes: Vec<_> = self.lanes.iter().map(|(key, _)| *key).collect();
        lanes.sort_unstable();
        for lane in lanes {
            self.lane_draining(step, lane);
        }
    }
}
