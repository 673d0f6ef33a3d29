//! The row that says who owns the journal, and the statements on it.

use std::time::Duration;

use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::connection::Line;
use super::refusal::Refusal;
use crate::lease::{Answer, Ask, LEASE_MS, Row, Taken};

/// How long the database may take to answer: less than a lease, so that there is time for another try.
const TIME_MAX: Duration = Duration::from_millis(LEASE_MS / 3);

const LOOK: &str = "
    SELECT epoch, owner, address, lease_until < clock_timestamp() FROM acequia.cluster WHERE district = $1";

const TAKE: &str = "
    UPDATE acequia.cluster
    SET epoch = epoch + 1, owner = $2, address = $3,
        lease_until = clock_timestamp() + $4 * interval '1 millisecond',
        floor_us = greatest(floor_us, (extract(epoch FROM clock_timestamp()) * 1000000)::int8) + 1
    WHERE district = $1 AND epoch = $5 AND (lease_until < clock_timestamp() OR $6)
    RETURNING epoch, floor_us";

const RENEW: &str = "
    UPDATE acequia.cluster
    SET lease_until = clock_timestamp() + $4 * interval '1 millisecond',
        floor_us = greatest(floor_us, (extract(epoch FROM clock_timestamp()) * 1000000)::int8)
    WHERE district = $1 AND epoch = $2 AND owner = $3";

const RELEASE: &str = "
    UPDATE acequia.cluster SET lease_until = '-infinity'
    WHERE district = $1 AND epoch = $2 AND owner = $3";

/// Whose statements these are.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) district: i32,
    /// Its number.
    pub(crate) me: u128,
    /// Where others reach it.
    pub(crate) address: String,
}

/// Asks what the state machine wants to know.
pub(crate) async fn ask(line: &mut Line, of: &Server, ask: Ask) -> Result<Answer, Refusal> {
    let Server { district, address, .. } = of;
    let (me, lease_ms) = (Uuid::from_u128(of.me), LEASE_MS as f64);
    line.ask(TIME_MAX, async |client| match ask {
        Ask::Look => {
            let row = client.query_typed_one(LOOK, &[(district, Type::INT4)]).await?;
            Ok(Answer::Row(Row {
                epoch: row.get::<_, i64>(0).cast_unsigned(),
                owner: row.get::<_, Option<Uuid>>(1).map_or(0, |owner| owner.as_u128()),
                address: row.get(2),
                has_lapsed: row.get(3),
            }))
        }
        Ask::Take { seen, is_dead } => {
            let params: &[(&(dyn ToSql + Sync), Type)] = &[
                (district, Type::INT4),
                (&me, Type::UUID),
                (address, Type::TEXT),
                (&lease_ms, Type::FLOAT8),
                (&seen.cast_signed(), Type::INT8),
                (&is_dead, Type::BOOL),
            ];
            let row = client.query_typed_opt(TAKE, params).await?;
            Ok(Answer::Taken(row.map(|row| Taken {
                epoch: row.get::<_, i64>(0).cast_unsigned(),
                floor_us: row.get::<_, i64>(1).cast_unsigned(),
            })))
        }
        Ask::Renew { epoch } => {
            let params: &[(&(dyn ToSql + Sync), Type)] = &[
                (district, Type::INT4),
                (&epoch.cast_signed(), Type::INT8),
                (&me, Type::UUID),
                (&lease_ms, Type::FLOAT8),
            ];
            Ok(Answer::Renewed(client.execute_typed(RENEW, params).await? > 0))
        }
        Ask::Release { epoch } => {
            let params: &[(&(dyn ToSql + Sync), Type)] =
                &[(district, Type::INT4), (&epoch.cast_signed(), Type::INT8), (&me, Type::UUID)];
            client.execute_typed(RELEASE, params).await?;
            Ok(Answer::Released)
        }
    })
    .await
}
