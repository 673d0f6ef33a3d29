//! What is in the database, for whoever reads it.

use std::cell::RefCell;
use std::fmt;
use std::time::Duration;

use tokio_postgres::types::{FromSqlOwned, ToSql, Type};

use super::connection::{Line, Reactor};
use super::refusal::Refusal;
use crate::backend::{Contents, Rows, Sizes};
use crate::codec::small::{decode_counts, decode_end, decode_session, decode_tally};
use crate::entry::{BatchEnd, Counts, Session, Tally};
use crate::error::ReadError;

/// Rows that are read at a time, and bytes of them, about: one row may be large.
const PAGE: usize = 5_000;
const PAGE_BYTES: usize = 16 << 20;
/// How long a page may take.
const TIME_MAX: Duration = Duration::from_secs(30);

/// How much there is. A journal that is there has a row for its cluster.
const SIZES: &str = "
    SELECT (SELECT count(*) FROM acequia.jobs WHERE district = $1),
           (SELECT count(*) FROM acequia.dead_letters WHERE district = $1),
           greatest((SELECT coalesce(max(highest_ticket), 0) FROM acequia.groups WHERE district = $1),
                    (SELECT coalesce(max(place), 0) FROM acequia.outcomes WHERE district = $1))";

/// The tables of a district.
pub(crate) struct Tables<'a> {
    reactor: &'a Reactor,
    line: RefCell<Line>,
    district: i32,
    sizes: Sizes,
}

impl<'a> Tables<'a> {
    pub(crate) fn open(
        reactor: &'a Reactor,
        mut line: Line,
        district: i32,
        kept: usize,
    ) -> Result<Self, ReadError> {
        let params: [(&(dyn ToSql + Sync), Type); 1] = [(&district, Type::INT4)];
        let asked = line.ask(TIME_MAX, async |client| client.query_typed_one(SIZES, &params).await);
        let row = reactor.block_on(asked).map_err(failed)?;
        let number = |nth| row.get::<_, i64>(nth).cast_unsigned();
        let sizes = Sizes { live: number(0), buried: number(1), kept, highest_ticket: number(2) };
        Ok(Self { reactor, line: RefCell::new(line), district, sizes })
    }

    /// Rows of a table by a key of one number and a record, a page at a time.
    fn records(&self, table: &'static str, key: &'static str) -> Rows<'_, (u64, Vec<u8>)> {
        let sql = format!(
            "SELECT k, record FROM (SELECT {key} AS k, record, \
                 sum(octet_length(record)) OVER (ORDER BY {key}) - octet_length(record) AS before \
             FROM acequia.{table} WHERE district = $1 AND {key} > $2 ORDER BY {key} LIMIT {PAGE}) p \
             WHERE before < {PAGE_BYTES} ORDER BY k"
        );
        let mut last = Some(i64::MIN);
        let pages = std::iter::from_fn(move || {
            let after = last?;
            let page: Result<Vec<(i64, Vec<u8>)>, ReadError> =
                self.pairs(&sql, &[(&self.district, Type::INT4), (&after, Type::INT8)]);
            last = page.as_ref().ok().and_then(|page| page.last()).map(|(key, _)| *key);
            Some(page)
        });
        let rows = pages.flat_map(|page| match page {
            Ok(rows) => {
                let rows = rows.into_iter().map(|(key, record)| Ok((key.cast_unsigned(), record)));
                Box::new(rows) as Rows<'_, (u64, Vec<u8>)>
            }
            Err(error) => Box::new(std::iter::once(Err(error))),
        });
        Box::new(rows)
    }

    fn pairs<K: FromSqlOwned>(
        &self,
        sql: &str,
        params: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<(K, Vec<u8>)>, ReadError> {
        let rows = self.rows(sql, params)?;
        Ok(rows.iter().map(|row| (row.get(0), row.get(1))).collect())
    }

    fn rows(
        &self,
        sql: &str,
        params: &[(&(dyn ToSql + Sync), Type)],
    ) -> Result<Vec<tokio_postgres::Row>, ReadError> {
        let mut line = self.line.borrow_mut();
        let asked = line.ask(TIME_MAX, async |client| client.query_typed(sql, params).await);
        self.reactor.block_on(asked).map_err(failed)
    }

    /// Rows of a small table.
    fn all(&self, sql: &str) -> Result<Vec<tokio_postgres::Row>, ReadError> {
        self.rows(sql, &[(&self.district, Type::INT4)])
    }
}

fn failed(refusal: Refusal) -> ReadError {
    ReadError::Database(refusal.why)
}

impl Contents for Tables<'_> {
    fn sizes(&self) -> &Sizes {
        &self.sizes
    }

    fn jobs(&self) -> Result<Rows<'_, (u64, Vec<u8>)>, ReadError> {
        Ok(self.records("jobs", "ticket"))
    }

    fn counts(&self) -> Result<Rows<'_, (u64, Counts)>, ReadError> {
        // Read at once: jobs are read at the same time, and there are few jobs that have run before.
        let rows: Vec<_> = self.records("counts", "ticket").collect();
        Ok(Box::new(rows.into_iter().map(|row| {
            let (ticket, record) = row?;
            let counts = decode_counts(&record);
            Ok((ticket, counts.map_err(|why| ReadError::Job { ticket, why })?))
        })))
    }

    fn dead_letters(&self) -> Result<Rows<'_, (u64, Vec<u8>)>, ReadError> {
        Ok(self.records("dead_letters", "ticket"))
    }

    fn sessions(&self) -> Result<Rows<'_, Session>, ReadError> {
        Ok(Box::new(self.records("sessions", "session").map(|row| {
            let (session, record) = row?;
            decode_session(session, &record).map_err(|why| ReadError::Other { of: "session", why })
        })))
    }

    fn tallies(&self) -> Result<Rows<'_, Tally>, ReadError> {
        let rows =
            self.all("SELECT client, name, record FROM acequia.batches WHERE district = $1")?;
        Ok(Box::new(rows.into_iter().map(|row| {
            let (client, name): (i64, Vec<u8>) = (row.get(0), row.get(1));
            let name = String::from_utf8_lossy(&name);
            decode_tally(client.cast_unsigned(), &name, row.get(2))
                .map_err(|why| ReadError::Other { of: "batch", why })
        })))
    }

    fn batch_ends(&self) -> Result<Rows<'_, BatchEnd>, ReadError> {
        let rows = self.all(
            "SELECT session, seq, record FROM acequia.batch_ends WHERE district = $1 \
             ORDER BY session, seq",
        )?;
        Ok(Box::new(rows.into_iter().map(|row| {
            let (session, seq): (i64, i64) = (row.get(0), row.get(1));
            decode_end(session.cast_unsigned(), seq.cast_unsigned(), row.get(2))
                .map_err(|why| ReadError::Other { of: "end of a batch", why })
        })))
    }

    fn paused(&self) -> Result<Rows<'_, String>, ReadError> {
        let rows =
            self.all("SELECT queue FROM acequia.paused WHERE district = $1 ORDER BY queue")?;
        Ok(Box::new(rows.into_iter().map(|row| Ok(row.get(0)))))
    }

    fn blocks(&self) -> Result<Rows<'_, (u64, Vec<u8>)>, ReadError> {
        Ok(self.records("outcomes", "place"))
    }
}

impl fmt::Debug for Tables<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tables").field("sizes", &self.sizes).finish_non_exhaustive()
    }
}
