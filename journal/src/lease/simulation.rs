//! Servers, a database and what is between them, from a seed: nothing that was told is untrue, and
//! nothing is told twice.
//!
//! The database is a model of the statements that [`shared`](crate::shared) sends. Each may be lost
//! before it arrives, arrive when nobody waits for it any more, or have its answer lost. The database
//! has a replica: it answers once that has a commit, and may die and be replaced by it. Servers stop for
//! a while, die, and are started anew; their clocks do not agree.

use std::collections::{BTreeMap, BTreeSet};

use super::machine::LEASE_MS;
use super::{Answer, Ask, Lease, Pen, Row, Said, Standing, Step, Taken, Verdict};
use crate::tests::rng::Rng;

const SERVERS: usize = 3;
const STEPS: usize = 2_000;

type Job = u32;

/// What a group changes.
#[derive(Clone, Debug, Default)]
struct Group {
    admitted: Vec<Job>,
    settled: Vec<Job>,
}

/// What the database holds.
#[derive(Clone, Debug, Default)]
struct Tables {
    epoch: u64,
    owner: u128,
    lease_until_ms: u64,
    floor_us: u64,
    groups: u64,
    jobs: BTreeSet<Job>,
    settled: BTreeSet<Job>,
}

#[derive(Clone, Debug)]
enum Statement {
    Lease(Ask),
    Pen(Step, u64, Group),
    ReadAll,
}

#[derive(Clone, Debug)]
enum Reply {
    Lease(Answer),
    Pen(Said),
    All(Tables),
}

/// A statement on its way, in the database, or its answer on its way back.
#[derive(Clone, Debug)]
struct Message {
    server: usize,
    life: u64,
    owner: u128,
    epoch: u64,
    statement: Statement,
    /// What it says, and the commit that has to be replicated before it does.
    reply: Option<(Reply, usize)>,
    /// Whether somebody still waits for it.
    is_awaited: bool,
}

struct Database {
    now_ms: u64,
    tables: Tables,
    /// What it held after each commit that the replica may lack.
    log: Vec<Tables>,
    /// How many of all commits the replica has.
    replicated: usize,
    commits: usize,
    is_synchronous: bool,
    owners: BTreeMap<u64, u128>,
}

impl Database {
    fn commit(&mut self, tables: Tables) {
        self.tables = tables.clone();
        self.log.push(tables);
        self.commits += 1;
    }

    fn row(&self) -> Row {
        let of = &self.tables;
        Row {
            epoch: of.epoch,
            owner: of.owner,
            address: of.owner.to_string(),
            has_lapsed: of.lease_until_ms < self.now_ms,
        }
    }

    fn run(&mut self, from: &Message) -> Reply {
        let mut tables = self.tables.clone();
        let is_theirs = tables.owner == from.owner && tables.epoch == from.epoch;
        match &from.statement {
            Statement::ReadAll => Reply::All(tables),
            Statement::Lease(Ask::Look) => Reply::Lease(Answer::Row(self.row())),
            Statement::Lease(Ask::Take { seen, is_dead }) => {
                let is_free = tables.lease_until_ms < self.now_ms || *is_dead;
                if tables.epoch != *seen || !is_free {
                    return Reply::Lease(Answer::Taken(None));
                }
                tables.epoch += 1;
                tables.owner = from.owner;
                tables.lease_until_ms = self.now_ms + LEASE_MS;
                tables.floor_us = tables.floor_us.max(self.now_ms * 1_000) + 1;
                let taken = Taken { epoch: tables.epoch, floor_us: tables.floor_us };
                self.commit(tables);
                Reply::Lease(Answer::Taken(Some(taken)))
            }
            Statement::Lease(Ask::Renew { .. }) => {
                self.renew(is_theirs);
                Reply::Lease(Answer::Renewed(is_theirs))
            }
            Statement::Pen(Step::Confirm, nth, _) => {
                let is_there = *nth <= tables.groups;
                self.renew(is_theirs);
                Reply::Pen(if is_theirs { Said::Confirmed { is_there } } else { Said::HeldOff })
            }
            Statement::Lease(Ask::Release { .. }) => {
                if is_theirs {
                    tables.lease_until_ms = 0;
                    self.commit(tables);
                }
                Reply::Lease(Answer::Released)
            }
            Statement::Pen(Step::Send, nth, group) => {
                if !is_theirs || *nth > tables.groups + 1 {
                    return Reply::Pen(Said::HeldOff);
                }
                if *nth <= tables.groups {
                    return Reply::Pen(Said::There);
                }
                let before = self.owners.insert(tables.epoch, from.owner);
                if self.is_synchronous {
                    assert!(before.is_none_or(|of| of == from.owner), "an epoch has one owner");
                }
                tables.groups = *nth;
                tables.jobs.extend(&group.admitted);
                for job in &group.settled {
                    tables.jobs.remove(job);
                    tables.settled.insert(*job);
                }
                self.commit(tables);
                Reply::Pen(Said::Written)
            }
            Statement::Pen(Step::Look, ..) => {
                let Tables { epoch, owner, groups, .. } = tables;
                Reply::Pen(Said::Row { epoch, owner, groups })
            }
        }
    }

    fn renew(&mut self, is_theirs: bool) {
        if is_theirs {
            let mut tables = self.tables.clone();
            tables.lease_until_ms = self.now_ms + LEASE_MS;
            tables.floor_us = tables.floor_us.max(self.now_ms * 1_000);
            self.commit(tables);
        }
    }

    /// It dies, and its replica takes its place.
    fn fail_over(&mut self) {
        let lost = self.commits - self.replicated;
        self.log.truncate(self.log.len() - lost);
        self.commits = self.replicated;
        self.tables = self.log.last().cloned().unwrap_or_default();
    }
}

/// What a server is at.
enum Role {
    StandsBy,
    Reads,
    Works(Work),
    /// It has stopped, and waits for an operator.
    Halts,
}

struct Work {
    pen: Pen,
    /// What is to be told once the group that is being written is durable.
    writing: Option<Group>,
    gathering: Group,
    /// Live jobs as this server knows them.
    live: BTreeSet<Job>,
}

struct Server {
    life: u64,
    me: u128,
    now_ms: u64,
    is_stopped: bool,
    lease: Lease,
    role: Role,
    /// A statement of each of its two connections.
    asked: [bool; 2],
}

#[derive(Default)]
struct Told {
    accepted: BTreeSet<Job>,
    ended: BTreeSet<Job>,
}

struct World {
    rng: Rng,
    database: Database,
    servers: Vec<Server>,
    messages: Vec<Message>,
    told: Told,
    next_job: Job,
    next_owner: u128,
    floors: BTreeMap<u64, u64>,
    takeovers: usize,
    halts: usize,
}

const LEASE: usize = 0;
const PEN: usize = 1;

impl World {
    fn new(seed: u64, is_synchronous: bool) -> Self {
        let mut world = Self {
            rng: Rng::new(seed),
            database: Database {
                now_ms: 1_000_000,
                tables: Tables::default(),
                log: Vec::new(),
                replicated: 0,
                commits: 0,
                is_synchronous,
                owners: BTreeMap::new(),
            },
            servers: Vec::new(),
            messages: Vec::new(),
            told: Told::default(),
            next_job: 0,
            next_owner: 0,
            floors: BTreeMap::new(),
            takeovers: 0,
            halts: 0,
        };
        for _ in 0..SERVERS {
            let server = world.server(0);
            world.servers.push(server);
        }
        world
    }

    fn server(&mut self, life: u64) -> Server {
        self.next_owner += 1;
        let now_ms = self.rng.next() % 1_000_000;
        let lease = Lease::new(self.next_owner, now_ms);
        let (me, role) = (self.next_owner, Role::StandsBy);
        Server { life, me, now_ms, is_stopped: false, lease, role, asked: [false; 2] }
    }

    fn send(&mut self, server: usize, epoch: u64, statement: Statement) {
        let of = &mut self.servers[server];
        let line = usize::from(!matches!(statement, Statement::Lease(_)));
        of.asked[line] = true;
        let (life, owner) = (of.life, of.me);
        let reply = None;
        let message = Message { server, life, owner, epoch, statement, reply, is_awaited: true };
        self.messages.push(message);
    }

    /// A server does what it can do without an answer.
    fn act(&mut self, nth: usize) {
        let server = &mut self.servers[nth];
        if server.is_stopped {
            return;
        }
        if !server.asked[LEASE] {
            if let Some((owner, _)) = server.lease.awaited() {
                // The one who is in the row is alive if it is any server's number now.
                let now_ms = server.now_ms;
                let is_there = self.servers.iter().any(|of| of.me == owner);
                self.servers[nth].lease.tried(owner, is_there, now_ms);
            }
            let server = &mut self.servers[nth];
            if let Some(ask) = server.lease.next(server.now_ms) {
                let epoch = match ask {
                    Ask::Renew { epoch } | Ask::Release { epoch } => epoch,
                    Ask::Look | Ask::Take { .. } => 0,
                };
                self.send(nth, epoch, Statement::Lease(ask));
            }
        }
        self.follow(nth);
        let server = &mut self.servers[nth];
        let (epoch, is_asked) = (epoch(&server.lease), server.asked[PEN]);
        match &mut server.role {
            Role::Reads if !is_asked => self.send(nth, epoch, Statement::ReadAll),
            Role::Works(work) if !is_asked => {
                let gathering = &mut work.gathering;
                if work.writing.is_none()
                    && !(gathering.admitted.is_empty() && gathering.settled.is_empty())
                {
                    work.writing = Some(std::mem::take(gathering));
                }
                if let Some(group) = work.writing.clone() {
                    let statement = Statement::Pen(work.pen.step(), work.pen.nth(), group);
                    self.send(nth, epoch, statement);
                }
            }
            _ => {}
        }
    }

    /// The role goes with the standing.
    fn follow(&mut self, nth: usize) {
        let server = &mut self.servers[nth];
        match (server.lease.standing().clone(), &server.role) {
            (Standing::Owner(taken), Role::StandsBy) => {
                server.role = Role::Reads;
                self.takeovers += 1;
                if self.database.is_synchronous {
                    let before = self.floors.insert(taken.epoch, taken.floor_us);
                    assert_eq!(before, None, "an epoch is taken once");
                    let lower = self.floors.range(..taken.epoch).next_back();
                    assert!(lower.is_none_or(|(_, floor)| *floor < taken.floor_us), "floors go up");
                }
            }
            (Standing::Over, _) => self.begin_again(nth),
            (Standing::WentBack { .. }, Role::Halts) => {}
            (Standing::WentBack { .. }, _) => {
                assert!(!self.database.is_synchronous, "nothing that was told is ever lost");
                server.role = Role::Halts;
                self.halts += 1;
            }
            _ => {}
        }
    }

    fn begin_again(&mut self, nth: usize) {
        self.next_owner += 1;
        let server = &mut self.servers[nth];
        server.me = self.next_owner;
        server.lease.begin_again(server.me, server.now_ms);
        (server.role, server.asked) = (Role::StandsBy, [false; 2]);
        server.life += 1;
        self.abandon(nth);
    }

    /// Nobody waits any more for what this server asked.
    fn abandon(&mut self, nth: usize) {
        for message in &mut self.messages {
            message.is_awaited &= message.server != nth;
        }
    }

    /// An answer comes back, or it is known that none will.
    fn hear(&mut self, message: &Message, reply: Option<Reply>) {
        let server = &mut self.servers[message.server];
        if server.life != message.life {
            return;
        }
        let line = usize::from(!matches!(message.statement, Statement::Lease(_)));
        server.asked[line] = false;
        let now_ms = server.now_ms;
        match (&message.statement, reply) {
            (Statement::Lease(_), Some(Reply::Lease(answer))) => server.lease.hear(answer, now_ms),
            (Statement::Lease(_), _) => server.lease.hear(Answer::Failed, now_ms),
            (Statement::ReadAll, Some(Reply::All(tables))) => {
                let pen = Pen::new(epoch(&server.lease), server.me, tables.groups);
                let (writing, gathering, live) = (None, Group::default(), tables.jobs);
                server.role = Role::Works(Work { pen, writing, gathering, live });
            }
            (Statement::Pen(..), reply) => {
                let said = match reply {
                    Some(Reply::Pen(said)) => said,
                    _ => Said::Broken,
                };
                let Role::Works(work) = &mut server.role else { return };
                match work.pen.hear(said) {
                    Verdict::Durable => {
                        let group = work.writing.take().unwrap_or_default();
                        work.live.extend(&group.admitted);
                        for job in group.admitted {
                            self.told.accepted.insert(job);
                        }
                        for job in group.settled {
                            let is_new = self.told.ended.insert(job);
                            assert!(
                                is_new || !self.database.is_synchronous,
                                "an outcome is told once"
                            );
                        }
                    }
                    Verdict::GoOn | Verdict::Wait => {}
                    Verdict::Fenced => server.lease.lose(),
                    Verdict::WentBack { what } => server.lease.went_back(what),
                }
            }
            _ => {}
        }
        self.follow(message.server);
    }

    /// Something happens to a statement or its answer.
    fn travel(&mut self) {
        if self.messages.is_empty() {
            return;
        }
        let at = self.rng.below(self.messages.len());
        if self.messages[at].reply.is_none() {
            if self.rng.one_in(12) {
                let lost = self.messages.swap_remove(at);
                self.give_up(&lost);
            } else if self.rng.one_in(12) {
                // It goes on, and nobody waits for it.
                let late = self.messages[at].clone();
                self.give_up(&late);
                self.messages[at].is_awaited = false;
            } else {
                let before = self.database.commits;
                let reply = self.database.run(&self.messages[at]);
                // What only reads waits for nothing.
                let after = self.database.commits;
                self.messages[at].reply = Some((reply, if after > before { after } else { 0 }));
            }
            return;
        }
        let is_replicated = self.messages[at].reply.as_ref().is_some_and(|(_, commit)| {
            !self.database.is_synchronous || *commit <= self.database.replicated
        });
        if self.rng.one_in(10) {
            let lost = self.messages.swap_remove(at);
            self.give_up(&lost);
        } else if is_replicated && !self.servers[self.messages[at].server].is_stopped {
            let arrived = self.messages.swap_remove(at);
            if arrived.is_awaited {
                let reply = arrived.reply.clone().map(|(reply, _)| reply);
                self.hear(&arrived, reply);
            }
        }
    }

    fn give_up(&mut self, message: &Message) {
        if message.is_awaited {
            self.hear(message, None);
        }
    }

    fn step(&mut self) {
        let nth = self.rng.below(SERVERS);
        match self.rng.below(100) {
            0..40 => self.travel(),
            40..60 => self.act(nth),
            60..70 => {
                let passed = self.rng.next() % 400;
                self.database.now_ms += passed;
                for server in &mut self.servers {
                    // Clocks run at slightly different speeds.
                    server.now_ms += passed + self.rng.next() % 10;
                }
            }
            70..80 => {
                if let Role::Works(work) = &mut self.servers[nth].role {
                    self.next_job += 1;
                    work.gathering.admitted.push(self.next_job);
                }
            }
            80..88 => {
                if !self.servers[nth].is_stopped
                    && let Role::Works(work) = &mut self.servers[nth].role
                    && let Some(job) = work.live.pop_first()
                {
                    work.gathering.settled.push(job);
                }
            }
            88..94 => {
                let behind = self.database.commits - self.database.replicated;
                self.database.replicated += self.rng.below(behind + 1);
            }
            94 => self.servers[nth].is_stopped = true,
            95 | 96 => self.servers[nth].is_stopped = false,
            97 if self.rng.one_in(3) => {
                let life = self.servers[nth].life + 1;
                self.servers[nth] = self.server(life);
                self.abandon(nth);
            }
            98 if self.rng.one_in(3) => self.fail_over(),
            99 if self.rng.one_in(3) => {
                let server = &mut self.servers[nth];
                if let Some(Ask::Release { epoch }) = server.lease.release(server.now_ms) {
                    self.send(nth, epoch, Statement::Lease(Ask::Release { epoch }));
                    self.follow(nth);
                }
            }
            _ => {}
        }
    }

    fn fail_over(&mut self) {
        // Whatever is in it dies with it, and so do its connections.
        let lost = std::mem::take(&mut self.messages);
        self.database.fail_over();
        for message in &lost {
            self.give_up(message);
        }
    }

    fn check(&self) {
        let of = &self.database.tables;
        for job in &self.told.accepted {
            assert!(of.jobs.contains(job) || of.settled.contains(job), "{job} was accepted");
        }
        for job in &self.told.ended {
            assert!(of.settled.contains(job), "{job} was told to have ended");
        }
    }
}

fn epoch(lease: &Lease) -> u64 {
    match lease.standing() {
        Standing::Owner(taken) => taken.epoch,
        _ => 0,
    }
}

fn runs() -> u64 {
    let runs = std::env::var("ACEQUIA_SIM_RUNS").ok();
    runs.and_then(|runs| runs.parse().ok()).unwrap_or(300)
}

#[test]
fn what_is_told_is_true_and_told_once() {
    let (mut accepted, mut ended, mut takeovers) = (0, 0, 0);
    for seed in 0..runs() {
        let mut world = World::new(seed, true);
        for _ in 0..STEPS {
            world.step();
        }
        // What the replica has is what counts.
        world.fail_over();
        world.check();
        accepted += world.told.accepted.len();
        ended += world.told.ended.len();
        takeovers += world.takeovers;
    }
    let runs = usize::try_from(runs()).unwrap();
    assert!(accepted > 5 * runs && ended > 2 * runs, "{accepted} accepted, {ended} ended");
    assert!(takeovers > 2 * runs, "{takeovers} takeovers");
}

/// A replica that lags behind what was told loses it: an owner that lives through that notices.
#[test]
fn lost_commits_are_noticed_by_an_owner() {
    let mut noticed = 0;
    for seed in 0..runs() {
        let mut world = World::new(seed, false);
        for _ in 0..STEPS {
            world.step();
        }
        noticed += usize::from(world.halts > 0);
    }
    assert!(noticed > 0, "in {} runs nobody noticed", runs());
}
