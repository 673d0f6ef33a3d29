//! What is in the database, for whoever reads it.

use std::cell::RefCell;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::ReadyChunks;
use tokio_postgres::RowStream;
use tokio_postgres::types::{ToSql, Type};

use super::connection::{Line, Reactor};
use super::refusal::{self, Refusal};
use crate::backend::{Contents, Rows, Sizes};
use crate::codec::small::{decode_counts, decode_end, decode_session, decode_tally};
use crate::entry::{BatchEnd, Counts, Session, Tally};
use crate::error::ReadError;

/// Rows that are taken at a time, of those that have come.
const CHUNK: usize = 1_000;
/// How long the next rows may take.
const TIME_MAX: Duration = Duration::from_secs(30);

/// How much there is. A journal that is there has a row for its cluster.
const SIZES: &str = "
    SELECT (SELECT count(*) FROM acequia.jobs WHERE district = $1),
           (SELECT count(*) FROM acequia.dead_letters WHERE district = $1),
           greatest((SELECT coalesce(max(highest_ticket), 0) FROM acequia.groups WHERE district = $1),
                    (SELECT coalesce(max(place), 0) FROM acequia.outcomes WHERE district = $1))";

/// Keys and records.
type Records = Vec<(u64, Vec<u8>)>;
/// Rows as they come.
type Stream = Pin<Box<ReadyChunks<RowStream>>>;

/// Where the reading of a table is.
enum State {
    Unsent,
    Sent(Stream),
    Over,
}

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

    /// Rows of a table by a key of one number and a record, from one statement: page by page it would be one
    /// for each, and where the planner knows little, as after a load, each may sort all that is left. It is
    /// sent when the first row is asked for, and has to be read to its end before the next.
    fn records(&self, table: &'static str, key: &'static str) -> Rows<'_, (u64, Vec<u8>)> {
        let sql =
            format!("SELECT {key}, record FROM acequia.{table} WHERE district = $1 ORDER BY {key}");
        let mut state = State::Unsent;
        let chunks = std::iter::from_fn(move || {
            let chunk = match &mut state {
                State::Unsent => self.begin(&sql).map(|mut stream| {
                    let chunk = self.next_chunk(&mut stream);
                    state = State::Sent(stream);
                    chunk
                }),
                State::Sent(stream) => Ok(self.next_chunk(stream)),
                State::Over => return None,
            };
            let chunk = chunk.and_then(|chunk| chunk).transpose()?;
            if chunk.is_err() {
                state = State::Over;
            }
            Some(chunk)
        });
        let rows = chunks.flat_map(|chunk| match chunk {
            Ok(rows) => rows.into_iter().map(Ok).collect(),
            Err(error) => vec![Err(error)],
        });
        Box::new(rows)
    }

    fn begin(&self, sql: &str) -> Result<Stream, ReadError> {
        let mut line = self.line.borrow_mut();
        let asked = line.ask(TIME_MAX, async |client| {
            client.query_typed_raw(sql, [(&self.district, Type::INT4)]).await
        });
        let stream = self.reactor.block_on(asked).map_err(failed)?;
        Ok(Box::pin(stream.ready_chunks(CHUNK)))
    }

    /// Rows that are there, once there are any; nothing at the end.
    fn next_chunk(&self, stream: &mut Stream) -> Result<Option<Records>, ReadError> {
        let next = async { tokio::time::timeout(TIME_MAX, stream.next()).await };
        let chunk = self.reactor.block_on(next).map_err(|_| failed(Refusal::silent(TIME_MAX)))?;
        let Some(chunk) = chunk else { return Ok(None) };
        let rows = chunk.into_iter().map(|row| {
            let row =
                row.map_err(|error| failed(refusal::of(self.line.borrow().database(), &error)))?;
            Ok((row.get::<_, i64>(0).cast_unsigned(), row.get(1)))
        });
        rows.collect::<Result<_, _>>().map(Some)
    }

    /// Rows of a small table.
    fn all(&self, sql: &str) -> Result<Vec<tokio_postgres::Row>, ReadError> {
        let params: [(&(dyn ToSql + Sync), Type); 1] = [(&self.district, Type::INT4)];
        let mut line = self.line.borrow_mut();
        let asked = line.ask(TIME_MAX, async |client| client.query_typed(sql, &params).await);
        self.reactor.block_on(asked).map_err(failed)
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
