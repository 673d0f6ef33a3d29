//! A group as one statement: the fence, and all that changes behind it.
//!
//! ```sql
//! WITH own AS (SELECT … the row, if it names this epoch and owner, locked against a change of it),
//!      nth AS (INSERT INTO groups SELECT … FROM own, if the group before it is there RETURNING 1),
//!      put_jobs AS (INSERT INTO jobs SELECT … FROM nth, unnest($7, $8)), …
//! SELECT count(*) FROM nth
//! ```
//!
//! So no lock outlives a round trip, and a group is there as a whole or not at all. Parts of which there is
//! nothing are left out: most groups have three.

use std::fmt::Write as _;

use tokio_postgres::types::{ToSql, Type};

use super::changes::{Changes, Pairs, Rows};

/// A statement, and what is put into it.
pub(super) struct Statement<'a> {
    pub(super) sql: String,
    pub(super) params: Vec<(&'a (dyn ToSql + Sync), Type)>,
}

/// What holds a group off if it is not so any more.
#[derive(Debug)]
pub(super) struct Fence {
    pub(super) district: i32,
    pub(super) epoch: i64,
    pub(super) owner: uuid::Uuid,
}

/// The number of a group, and the highest ticket that there is with it.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) nth: i64,
    pub(super) highest_ticket: i64,
}

const HEAD: &str = "
    WITH own AS (SELECT 1 FROM acequia.cluster
             WHERE district = $1 AND epoch = $2 AND owner = $3 FOR NO KEY UPDATE),
         nth AS (INSERT INTO acequia.groups (district, nth, highest_ticket) SELECT $1, $4, $5 FROM own
             WHERE $4 = 1 OR EXISTS (SELECT 1 FROM acequia.groups WHERE district = $1 AND nth = $4 - 1)
             RETURNING 1)";

/// Whether the fence holds, for what changes nothing.
pub(super) const OWNS: &str =
    "SELECT 1 FROM acequia.cluster WHERE district = $1 AND epoch = $2 AND owner = $3";

/// Renews the lease under the fence, and says whether a group is there that was before that was done.
pub(super) const CONFIRM: &str = "
    WITH own AS (UPDATE acequia.cluster SET lease_until = clock_timestamp() + $5 * interval '1 millisecond'
             WHERE district = $1 AND epoch = $2 AND owner = $3 RETURNING 1)
    SELECT EXISTS (SELECT 1 FROM own),
           EXISTS (SELECT 1 FROM acequia.groups WHERE district = $1 AND nth = $4)";

/// Who owns the journal, and how far it is written.
pub(super) const LOOK: &str = "
    SELECT epoch, owner, (SELECT coalesce(max(nth), 0) FROM acequia.groups g WHERE g.district = c.district)
    FROM acequia.cluster c WHERE district = $1";

/// Takes away groups that nobody is going to look for.
pub(super) const PRUNE: &str = "DELETE FROM acequia.groups WHERE district = $1 AND nth < $2";

impl Fence {
    pub(super) fn params(&self) -> [(&(dyn ToSql + Sync), Type); 3] {
        [(&self.district, Type::INT4), (&self.epoch, Type::INT8), (&self.owner, Type::UUID)]
    }
}

impl<'a> Statement<'a> {
    /// The statement of a group.
    pub(super) fn of(fence: &'a Fence, place: &'a Place, changes: &'a Changes) -> Self {
        let mut params = fence.params().to_vec();
        params.extend([(&place.nth as _, Type::INT8), (&place.highest_ticket as _, Type::INT8)]);
        let mut statement = Self { sql: HEAD.to_owned(), params };
        let Changes { jobs, counts, letters, sessions, outcomes, batches, ends, paused, resumed } =
            changes;
        statement.rows("jobs", "ticket", jobs);
        statement.rows("counts", "ticket", counts);
        statement.rows("dead_letters", "ticket", letters);
        statement.rows("sessions", "session", sessions);
        statement.rows("outcomes", "place", outcomes);
        statement.batches(batches);
        statement.ends(ends);
        statement.names(paused, resumed);
        statement.sql.push_str("\n SELECT count(*) FROM nth");
        statement
    }

    fn bind(&mut self, value: &'a (dyn ToSql + Sync), of: Type) -> usize {
        self.params.push((value, of));
        self.params.len()
    }

    fn part(&mut self, part: std::fmt::Arguments<'_>) {
        // It is only memory that it is written to.
        _ = write!(self.sql, ",\n {part}");
    }

    fn rows(&mut self, table: &str, key: &str, rows: &'a Rows) {
        if !rows.keys.is_empty() {
            let keys = self.bind(&rows.keys, Type::INT8_ARRAY);
            let records = self.bind(&rows.records, Type::BYTEA_ARRAY);
            self.part(format_args!(
                "put_{table} AS (INSERT INTO acequia.{table} (district, {key}, record) \
                 SELECT $1, u.k, u.r FROM nth, unnest(${keys}, ${records}) u(k, r) \
                 ON CONFLICT (district, {key}) DO UPDATE SET record = excluded.record)"
            ));
        }
        if !rows.gone.is_empty() {
            let gone = self.bind(&rows.gone, Type::INT8_ARRAY);
            self.part(format_args!(
                "cut_{table} AS (DELETE FROM acequia.{table} t USING nth \
                 WHERE t.district = $1 AND t.{key} = ANY (${gone}))"
            ));
        }
    }

    fn batches(&mut self, of: &'a Pairs<Vec<u8>>) {
        if !of.firsts.is_empty() {
            let clients = self.bind(&of.firsts, Type::INT8_ARRAY);
            let names = self.bind(&of.seconds, Type::BYTEA_ARRAY);
            let records = self.bind(&of.records, Type::BYTEA_ARRAY);
            self.part(format_args!(
                "put_batches AS (INSERT INTO acequia.batches (district, client, name, record) \
                 SELECT $1, u.c, u.n, u.r FROM nth, unnest(${clients}, ${names}, ${records}) u(c, n, r) \
                 ON CONFLICT (district, client, name) DO UPDATE SET record = excluded.record)"
            ));
        }
        if !of.gone_firsts.is_empty() {
            let clients = self.bind(&of.gone_firsts, Type::INT8_ARRAY);
            let names = self.bind(&of.gone_seconds, Type::BYTEA_ARRAY);
            self.part(format_args!(
                "cut_batches AS (DELETE FROM acequia.batches t \
                 USING nth, unnest(${clients}, ${names}) u(c, n) \
                 WHERE t.district = $1 AND t.client = u.c AND t.name = u.n)"
            ));
        }
    }

    fn ends(&mut self, of: &'a Pairs<i64>) {
        let mut stays = String::new();
        if !of.firsts.is_empty() {
            let sessions = self.bind(&of.firsts, Type::INT8_ARRAY);
            let seqs = self.bind(&of.seconds, Type::INT8_ARRAY);
            let records = self.bind(&of.records, Type::BYTEA_ARRAY);
            self.part(format_args!(
                "put_ends AS (INSERT INTO acequia.batch_ends (district, session, seq, record) \
                 SELECT $1, u.s, u.q, u.r FROM nth, unnest(${sessions}, ${seqs}, ${records}) u(s, q, r) \
                 ON CONFLICT (district, session, seq) DO UPDATE SET record = excluded.record)"
            ));
            // A statement may change a row once.
            stays = format!(
                " AND (t.session, t.seq) NOT IN (SELECT * FROM unnest(${sessions}, ${seqs}) p(s, q))"
            );
        }
        if !of.gone_firsts.is_empty() {
            let sessions = self.bind(&of.gone_firsts, Type::INT8_ARRAY);
            let up_to = self.bind(&of.gone_seconds, Type::INT8_ARRAY);
            self.part(format_args!(
                "cut_ends AS (DELETE FROM acequia.batch_ends t \
                 USING nth, unnest(${sessions}, ${up_to}) u(s, q) \
                 WHERE t.district = $1 AND t.session = u.s AND t.seq <= u.q{stays})"
            ));
        }
    }

    fn names(&mut self, paused: &'a Vec<String>, resumed: &'a Vec<String>) {
        if !paused.is_empty() {
            let names = self.bind(paused, Type::TEXT_ARRAY);
            self.part(format_args!(
                "put_paused AS (INSERT INTO acequia.paused (district, queue) \
                 SELECT $1, u.q FROM nth, unnest(${names}) u(q) ON CONFLICT DO NOTHING)"
            ));
        }
        if !resumed.is_empty() {
            let names = self.bind(resumed, Type::TEXT_ARRAY);
            self.part(format_args!(
                "cut_paused AS (DELETE FROM acequia.paused t USING nth \
                 WHERE t.district = $1 AND t.queue = ANY (${names}))"
            ));
        }
    }
}
