//! The conversations that a client is led through.

mod connections;
mod jobs;
mod refusals;
mod sessions;

use futures_util::future::BoxFuture;

use super::server::Upgrades;
use super::stage::Stage;
use crate::case::Over;

/// A conversation, and what it asks about.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// The rules of which it gives a verdict if it goes through.
    pub(crate) rules: &'static [&'static str],
    pub(crate) needs: &'static [Need],
    /// How upgrades are answered at first.
    pub(crate) upgrades: Upgrades,
    pub(crate) run: for<'a> fn(&'a mut Stage) -> BoxFuture<'a, Result<(), Over>>,
}

/// What a client must have for a case.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Need {
    Greets,
    Resumes,
    Json,
    Slow,
}

/// A case for each line: its name, rules, needs and function.
macro_rules! cases {
    ($($name:literal $rules:expr, $needs:expr, $run:path $(, $upgrades:expr)?;)*) => {
        &[$(Case { $(upgrades: $upgrades,)? ..case($name, &$rules, &$needs, |stage| Box::pin($run(stage))) }),*]
    };
}

/// The first of all, which shows what the client is.
pub(crate) const FIRST: Case =
    case("the first job", &["C14"], &[], |stage| Box::pin(jobs::first(stage)));

/// The others, in the order of the rules.
pub(crate) const CASES: &[Case] = cases! {
    "a large event" ["C1"], [], jobs::large;
    "a long silence" ["C2"], [Need::Slow], connections::silence;
    "many jobs" ["C3", "C19"], [], jobs::many;
    "a hello that is refused for now" ["C4"], [Need::Greets], refusals::hello;
    "a subscribe that is refused for now" ["C5"], [], refusals::subscribe;
    "a cancel that is refused for now" ["C5"], [], refusals::cancel;
    "a submit again that is refused for now" ["C6", "C41"], [Need::Resumes], refusals::submit_again;
    "no subprotocol" ["C7"], [], connections::unchosen, Upgrades::Unchosen;
    "a ping" ["C9"], [], connections::ping;
    "a message in frames" ["C10"], [], connections::frames;
    "an upgrade that is refused" ["C11"], [], connections::refused, Upgrades::Refused;
    "unknown events and keys" ["C16"], [], jobs::unknown;
    "events that are left out" ["C20"], [], jobs::left_out;
    "a cancel that is too late" ["C21"], [], jobs::late_cancel;
    "acks" ["C23"], [Need::Resumes], sessions::acks;
    "a key" ["C25"], [Need::Resumes], sessions::key;
    "unknown codes" ["C27"], [], refusals::codes;
    "a gap" ["C28"], [], jobs::gap;
    "a bye" ["C30"], [], connections::bye;
    "a session that is resumed" ["C31", "C38"], [Need::Resumes], sessions::resumed;
    "jobs of a session that is resumed" ["C32", "C33"], [Need::Resumes], sessions::jobs;
    "a job that is known" ["C34"], [Need::Resumes], sessions::known;
    "a session that is over" ["C35", "C39"], [Need::Resumes], sessions::over;
    "a session that is taken over" ["C36"], [], sessions::taken_over;
    "a client that is closed" ["C37"], [Need::Resumes], sessions::closed;
    "bytes" ["C40"], [Need::Json], jobs::bytes;
    "a submit that is refused for now" ["C41"], [], refusals::submit;
    "connections that end at once" ["C42"], [], connections::end_at_once;
    "closes" ["C43"], [], connections::closes;
    "no token" ["C13"], [], connections::unauthorized;
};

const fn case(
    name: &'static str,
    rules: &'static [&'static str],
    needs: &'static [Need],
    run: for<'a> fn(&'a mut Stage) -> BoxFuture<'a, Result<(), Over>>,
) -> Case {
    Case { name, rules, needs, upgrades: Upgrades::Taken, run }
}

#[cfg(test)]
mod tests {
    use super::{CASES, FIRST};
    use crate::case::assert_covers;
    use crate::client::book::WATCHED;
    use crate::rule::Side;

    #[test]
    fn there_is_a_case_for_each_rule_that_is_tested() {
        let asked = CASES.iter().chain([&FIRST]).flat_map(|case| case.rules);
        assert_covers(Side::Client, asked.chain(WATCHED).copied());
    }
}
