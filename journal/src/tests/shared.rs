//! The store in a real PostgreSQL: `ACEQUIA_TEST_POSTGRES` is the URL of a database in which others may be
//! made. `tests/run rust` starts one.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::rng::seeds;
use super::script::{Content, OPTIONS, Script, admitted, clocks, hand_over};
use crate::copy::{CopyError, Place, check, copy};
use crate::entry::Entry;
use crate::notice::Notice;
use crate::shared::candidate::{Candidate, Role, Term};
use crate::shared::connection::{Line, Reactor};
use crate::shared::database::Database;
use crate::store::Store;
use crate::writer::Writer;

const PATIENCE: Duration = Duration::from_secs(30);

/// A database of its own.
struct Fresh {
    url: String,
    line: Line,
    reactor: Reactor,
}

impl Fresh {
    fn new() -> Self {
        static NTH: AtomicU32 = AtomicU32::new(0);
        let server = std::env::var("ACEQUIA_TEST_POSTGRES")
            .expect("ACEQUIA_TEST_POSTGRES is the URL of a database; `tests/run rust` starts one");
        let name =
            format!("journal_{}_{}", std::process::id(), NTH.fetch_add(1, Ordering::Relaxed));
        let reactor = Reactor::new().unwrap();
        let mut line = Line::new(server.parse().unwrap());
        let create = format!("CREATE DATABASE {name}");
        let created = line.ask(PATIENCE, async |client| client.batch_execute(&create).await);
        reactor.block_on(created).unwrap();
        let (base, _) = server.rsplit_once('/').unwrap();
        let url = format!("{base}/{name}");
        Self { line: Line::new(url.parse().unwrap()), url, reactor }
    }

    fn database(&self) -> Database {
        self.url.parse().unwrap()
    }

    fn candidate(&self) -> Candidate {
        Candidate::start(self.database(), "test", "http://127.0.0.1:1".to_owned()).unwrap()
    }

    fn run(&mut self, sql: &str) {
        let asked = self.line.ask(PATIENCE, async |client| client.batch_execute(sql).await);
        self.reactor.block_on(asked).unwrap();
    }

    fn number(&mut self, sql: &str) -> i64 {
        let asked = self.line.ask(PATIENCE, async |client| client.query_typed_one(sql, &[]).await);
        self.reactor.block_on(asked).unwrap().get(0)
    }

    /// The lease of whoever owns it has run out.
    fn lapse(&mut self) {
        self.run("UPDATE acequia.cluster SET lease_until = '-infinity'");
    }
}

/// Waits until a candidate owns the journal.
fn owner(candidate: &Candidate, after: Option<&Term>) -> Term {
    let mut role = candidate.role();
    let is_new = |role: &Role| matches!(role, Role::Owner(term) if after != Some(term));
    let found =
        Reactor::new().unwrap().block_on(async { role.wait_for(is_new).await.unwrap().clone() });
    let Role::Owner(term) = found else { panic!("{found:?}") };
    term
}

fn open(term: &Term) -> Store {
    Store::of_term(term, OPTIONS).unwrap()
}

fn start(store: Store) -> (Writer, Receiver<Notice>) {
    let (tell, notices) = channel();
    let store = store.with_clocks(clocks(|| 2_000));
    let writer = store.into_writer(move |notice| _ = tell.send(notice)).unwrap();
    (writer, notices)
}

#[test]
fn it_holds_what_the_file_would_after_each_group_whoever_owns_it() {
    for seed in seeds() {
        let fresh = Fresh::new();
        let script = Script::new(seed, 40);
        for (nth, group) in script.groups.iter().enumerate() {
            // Every third group has a new owner.
            let candidate = fresh.candidate();
            let term = owner(&candidate, None);
            let store = open(&term);
            assert_eq!(Content::of(&store), script.contents[nth], "seed {seed}, before {nth}");
            let (mut writer, notices) = start(store);
            hand_over(&mut writer, group);
            let up_to = script.contents[nth + 1].highest_ticket;
            assert!(
                matches!(notices.recv().unwrap(), Notice::Durable { up_to: of } if of <= up_to)
            );
            writer.close().unwrap();
            candidate.release();
        }
    }
}

#[test]
fn one_that_lost_it_says_so_and_writes_nothing() {
    let mut fresh = Fresh::new();
    let first = fresh.candidate();
    let (mut writer, notices) = start(open(&owner(&first, None)));
    hand_over(&mut writer, &[Entry::Admitted(admitted(1, 10))]);
    assert!(matches!(notices.recv().unwrap(), Notice::Durable { up_to: 1 }));
    let before = owner(&first, None);
    fresh.run("UPDATE acequia.cluster SET epoch = epoch + 1, owner = gen_random_uuid()");
    hand_over(&mut writer, &[Entry::Admitted(admitted(2, 10))]);
    assert!(matches!(notices.recv().unwrap(), Notice::Over { is_lost: false, .. }));
    assert!(writer.close().is_err());
    assert_eq!(fresh.number("SELECT count(*) FROM acequia.jobs"), 1);
    fresh.lapse();
    first.stand_by();
    let again = owner(&first, Some(&before));
    assert!(again.epoch > before.epoch && again.owner != before.owner);
    let content = Content::of(&open(&again));
    assert_eq!(content.jobs.len(), 1);
}

#[test]
fn also_a_group_that_changes_nothing_finds_out_that_it_was_lost() {
    let mut fresh = Fresh::new();
    let first = fresh.candidate();
    let (mut writer, notices) = start(open(&owner(&first, None)));
    let ends_at_once =
        |ticket| [Entry::Admitted(admitted(ticket, 10)), Entry::Settled { ticket, outcome: None }];
    hand_over(&mut writer, &ends_at_once(1));
    assert!(matches!(notices.recv().unwrap(), Notice::Durable { up_to: 1 }));
    fresh.run("UPDATE acequia.cluster SET epoch = epoch + 1, owner = gen_random_uuid()");
    hand_over(&mut writer, &ends_at_once(2));
    assert!(matches!(notices.recv().unwrap(), Notice::Over { is_lost: false, .. }));
}

#[test]
fn a_database_that_went_back_is_noticed() {
    let mut fresh = Fresh::new();
    let first = fresh.candidate();
    let (mut writer, notices) = start(open(&owner(&first, None)));
    for ticket in 1..=3 {
        hand_over(&mut writer, &[Entry::Admitted(admitted(ticket, 10))]);
        assert!(matches!(notices.recv().unwrap(), Notice::Durable { up_to } if up_to == ticket));
    }
    // As after a failover to a standby that lacks the last two.
    fresh
        .run("DELETE FROM acequia.groups WHERE nth > 1; DELETE FROM acequia.jobs WHERE ticket > 1");
    hand_over(&mut writer, &[Entry::Admitted(admitted(4, 10))]);
    let notice = notices.recv().unwrap();
    assert!(
        matches!(&notice, Notice::Over { is_lost: true, message } if message.contains("1 groups"))
    );
    assert_eq!(fresh.number("SELECT count(*) FROM acequia.jobs"), 1, "nothing was written over it");
}

#[test]
fn tickets_go_on_although_numbers_of_groups_are_taken_away() {
    let mut fresh = Fresh::new();
    let candidate = fresh.candidate();
    let term = owner(&candidate, None);
    let (mut writer, notices) = start(open(&term));
    hand_over(&mut writer, &[Entry::Admitted(admitted(7, 10))]);
    notices.recv().unwrap();
    writer.close().unwrap();
    let (mut writer, notices) = start(open(&term));
    hand_over(&mut writer, &[Entry::Settled { ticket: 7, outcome: None }]);
    notices.recv().unwrap();
    writer.close().unwrap();
    fresh.run("DELETE FROM acequia.groups WHERE nth < (SELECT max(nth) FROM acequia.groups)");
    assert_eq!(open(&term).recover().unwrap().highest_ticket(), 7);
}

#[test]
fn who_stands_by_takes_over_when_it_is_given_to_it() {
    let fresh = Fresh::new();
    let first = fresh.candidate();
    let term = owner(&first, None);
    let second = fresh.candidate();
    let mut role = second.role();
    let owner_at = Some("http://127.0.0.1:1".to_owned());
    let known = Role::Standby { owner: owner_at, epoch: term.epoch };
    Reactor::new().unwrap().block_on(async {
        role.wait_for(|role| *role == known).await.unwrap();
    });
    assert!(!first.tenure().is_in_question());
    assert!(second.tenure().is_in_question());
    first.release();
    let next = owner(&second, None);
    assert_eq!(next.epoch, term.epoch + 1);
    assert!(next.floor_us > term.floor_us);
}

#[test]
fn what_cannot_be_trusted_is_refused_and_left_alone() {
    let refused = |fresh: &Fresh| {
        let started = Candidate::start(fresh.database(), "test", "http://a:1".to_owned());
        started.map(|_| ()).unwrap_err().to_string()
    };
    let mut fresh = Fresh::new();
    drop(fresh.candidate());
    fresh.run("UPDATE acequia.schema SET version = 9");
    assert!(refused(&fresh).contains("version 9, and this program knows 1"), "{}", refused(&fresh));
    let mut fresh = Fresh::new();
    let name = fresh.database().name().to_owned();
    fresh.run(&format!("ALTER DATABASE {name} SET synchronous_commit = off"));
    assert!(refused(&fresh).contains("synchronous_commit is off"), "{}", refused(&fresh));
    assert_eq!(fresh.number("SELECT count(*) FROM pg_namespace WHERE nspname = 'acequia'"), 0);
    let nobody = fresh.url.replace("postgres://", "postgres://nobody_");
    let started = Candidate::start(nobody.parse().unwrap(), "test", "http://a:1".to_owned());
    let error = started.map(|_| ()).unwrap_err().to_string();
    assert!(
        error.contains("does not let the user \"nobody_") && error.contains("pg_hba.conf"),
        "{error}"
    );
}

#[test]
fn a_journal_moves_to_the_database_and_back_as_it_was() {
    for seed in seeds() {
        let fresh = Fresh::new();
        let folder = tempfile::tempdir().unwrap();
        let script = Script::new(seed, 40);
        let first = folder.path().join("first");
        let (mut writer, notices) = start(Store::open(&first, OPTIONS).unwrap());
        for group in &script.groups {
            hand_over(&mut writer, group);
            assert!(matches!(notices.recv().unwrap(), Notice::Durable { .. }));
        }
        writer.close().unwrap();
        let content = script.contents.last().unwrap();
        let (file, back) = (Place::File(first), Place::File(folder.path().join("back")));
        let shared = Place::Shared { database: fresh.database(), name: "test".to_owned() };
        let told = copy(&file, &shared).unwrap();
        assert_eq!(told.jobs.values().sum::<u64>(), content.jobs.len() as u64);
        assert_eq!(check(&shared).unwrap(), told);
        let candidate = fresh.candidate();
        let term = owner(&candidate, None);
        let store = open(&term);
        assert_eq!(Content::of(&store), *content, "seed {seed}, in the database");
        drop(store);
        let error = copy(&shared, &back).unwrap_err();
        assert!(
            error.to_string().contains("the server at http://127.0.0.1:1 works with it"),
            "{error}"
        );
        candidate.release();
        copy(&shared, &back).unwrap();
        let store = Store::open(folder.path().join("back"), OPTIONS).unwrap();
        assert_eq!(Content::of(&store), *content, "seed {seed}, back in a file");
        assert!(store.first_number() > term.floor_us, "numbers go on");
        drop(store);
        let full = copy(&file, &back).unwrap_err();
        assert!(matches!(full, CopyError::NotEmpty(_)), "{full}");
    }
}

#[test]
fn what_is_not_there_is_not_copied_and_not_made() {
    let mut fresh = Fresh::new();
    let folder = tempfile::tempdir().unwrap();
    let (none, to) = (folder.path().join("none"), folder.path().join("to"));
    let shared = Place::Shared { database: fresh.database(), name: "test".to_owned() };
    for from in [Place::File(none.clone()), shared] {
        let error = copy(&from, &Place::File(to.clone())).unwrap_err();
        assert!(matches!(error, CopyError::Nothing(_)), "{error}");
        assert!(matches!(check(&from), Err(CopyError::Nothing(_))));
    }
    assert!(!none.exists() && !to.exists());
    assert_eq!(fresh.number("SELECT count(*) FROM pg_namespace WHERE nspname = 'acequia'"), 0);
}
