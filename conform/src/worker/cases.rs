//! The conversations that a worker is led through.

mod cancels;
mod connections;
mod ends;
mod hellos;
mod jobs;
mod messages;
mod queues;

use futures_util::future::BoxFuture;

use super::Claim;
use super::stage::Stage;
use crate::case::Over;

/// A conversation, and what it asks about.
pub(crate) struct Case {
    pub(crate) name: &'static str,
    /// The rules of which it gives a verdict if it goes through.
    pub(crate) rules: &'static [&'static str],
    pub(crate) needs: &'static [Need],
    /// How many servers the worker is told of.
    pub(crate) servers: usize,
    pub(crate) run: for<'a> fn(&'a mut Stage) -> BoxFuture<'a, Result<(), Over>>,
}

/// What a worker must have for a case.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Need {
    Queue(&'static str),
    AnyQueue(&'static [&'static str]),
    Claim(Claim),
    Token,
    Slots(u32),
    Pack,
    Pings,
    Slow,
}

/// A case for each line: its name, rules, needs and function.
macro_rules! cases {
    ($($name:literal $rules:expr, $needs:expr, $run:path;)*) => {
        &[$(case($name, &$rules, &$needs, |stage| Box::pin($run(stage)))),*]
    };
}

/// The first of all, which shows what the worker is.
pub(crate) const FIRST: Case =
    case("the first job", &["W1", "W3", "W40"], &[], |stage| Box::pin(connections::first(stage)));

/// The others, in the order of the rules.
pub(crate) const CASES: &[Case] = cases! {
    "a server that vanishes" ["W2"], [Need::Slow], connections::vanishes;
    "two servers" ["W4"], [Need::Claim(Claim::Servers)], connections::two_servers;
    "a server that comes again" ["W5"], [], connections::comes_again;
    "old messages" ["W6"], [Need::Queue("sleep")], connections::old_messages;
    "pings" ["W7"], [Need::Pings], connections::pings;
    "unknown keys" ["W11"], [], messages::unknown;
    "keys that are nil" ["W12"], [], messages::nil;
    "packed messages" ["W17", "W19"], [Need::Pack], messages::packed;
    "large results at one time" ["W18"], [Need::Queue("bytes"), Need::Slots(2)], queues::large_results;
    "all slots" ["W21", "W27"], [], jobs::all_slots;
    "malformed messages" ["W22"], [], messages::malformed;
    "another version" ["W24"], [Need::Claim(Claim::Version)], hellos::version;
    "a fresh hello" ["W25"], [], hellos::fresh;
    "a hello again" ["W26"], [], hellos::again;
    "meta" ["W29"], [], messages::meta;
    "absent keys" ["W30"], [], messages::absent;
    "a cancel at once" ["W31"], [], cancels::at_once;
    "a cancel of a run" ["W31"], [Need::Queue("sleep")], cancels::of_a_run;
    "a cancel of a run that hangs" ["W52"], [Need::Queue("hang")], cancels::of_a_hang;
    "a cancel of no job" ["W32"], [], cancels::of_no_job;
    "a cancel again" ["W33"], [Need::Queue("sleep")], cancels::again;
    "a bye of the server" ["W34", "W35"], [], ends::bye_of_the_server;
    "the token" ["W37"], [Need::Token], hellos::token;
    "three types" ["W40"], [Need::Queue("echo")], queues::three_types;
    "chunks" ["W40"], [Need::Queue("chunks")], queues::chunks;
    "progress" ["W20"], [Need::Queue("progress")], queues::progress;
    "a result that is too large" ["W41", "W43", "W44"], [Need::Queue("bytes")], queues::too_large;
    "failures" ["W27", "W42", "W43", "W44"], [Need::Queue("throw")], queues::failures;
    "a lease" ["W45", "W46"], [Need::AnyQueue(&["hang", "sleep"])], jobs::lease;
    "what is published" ["W47"], [Need::Queue("publish")], queues::publish;
    "the end of the worker" ["W49", "W50"], [Need::Claim(Claim::Drain)], ends::of_an_idle_worker;
    "the end of a busy worker" ["W49"], [Need::Claim(Claim::Drain), Need::Queue("sleep")], ends::of_a_busy_worker;
    "a job before the hello" ["W51"], [], hellos::early;
};

const fn case(
    name: &'static str,
    rules: &'static [&'static str],
    needs: &'static [Need],
    run: for<'a> fn(&'a mut Stage) -> BoxFuture<'a, Result<(), Over>>,
) -> Case {
    let mut servers = 1;
    if let [Need::Claim(Claim::Servers)] = needs {
        servers = 2;
    }
    Case { name, rules, needs, servers, run }
}

#[cfg(test)]
mod tests {
    use super::{CASES, FIRST};
    use crate::case::assert_covers;
    use crate::rule::Side;
    use crate::worker::book::WATCHED;

    #[test]
    fn there_is_a_case_for_each_rule_that_is_tested() {
        let asked = CASES.iter().chain([&FIRST]).flat_map(|case| case.rules);
        assert_covers(Side::Worker, asked.chain(WATCHED).copied());
    }
}
