//! What the database says where it does not do what it is asked, in sentences for operators: the thing,
//! the reason, the remedy.

use std::time::Duration;

use tokio_postgres::error::{DbError, Severity, SqlState};

use super::database::{CannotConnect, Database, said};

/// Why the database has not done what it was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) kind: Kind,
    pub(crate) why: String,
}

/// What that means for whoever asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A row with that key is there, of a table of groups.
    There,
    /// The statement was rolled back since another was in its way. It may be sent again at once.
    Conflict,
    /// The statement was rolled back. It may be sent again.
    RolledBack,
    /// It will be so until somebody changes it.
    Lasting,
    /// It is not known what became of the statement.
    Broken,
}

impl Refusal {
    /// Whether it is certain that the statement has changed nothing.
    pub(crate) fn is_certain(&self) -> bool {
        matches!(self.kind, Kind::There | Kind::Conflict | Kind::RolledBack)
    }

    pub(crate) fn lasting(why: impl Into<String>) -> Self {
        Self { kind: Kind::Lasting, why: why.into() }
    }

    pub(crate) fn silent(time: Duration) -> Self {
        let why = format!(
            "PostgreSQL has not answered for {} s; look for what holds it up: its disk, its replica, the \
             network",
            time.as_secs()
        );
        Self { kind: Kind::Broken, why }
    }
}

/// Why there is no connection.
pub(crate) fn of_connect(database: &Database, why: &CannotConnect) -> Refusal {
    match why {
        CannotConnect::Tls(why) => Refusal::lasting(format!("sslrootcert: {why}")),
        CannotConnect::Database(error) => match error.as_db_error() {
            Some(_) => of(database, error),
            None => {
                let why = said(error);
                if why.contains("does not allow writes") {
                    return Refusal::lasting(READ_ONLY);
                }
                if why.contains("password missing") {
                    return Refusal::lasting(format!(
                        "PostgreSQL wants a password of the user {:?}; put it into the URL, or into PGPASSWORD",
                        database.user()
                    ));
                }
                if why.contains("does not support TLS") {
                    return Refusal::lasting(format!(
                        "PostgreSQL at {database} does not encrypt, and sslmode asks for that; set ssl=on \
                         there, or sslmode=prefer here"
                    ));
                }
                if why.contains("invalid peer certificate") {
                    return Refusal::lasting(format!(
                        "PostgreSQL at {database} does not prove who it is: {why}; name the authority of its \
                         certificate with sslrootcert, and the host as the certificate does"
                    ));
                }
                let why = format!(
                    "PostgreSQL cannot be reached at {database}: {why}; look whether it runs there, and \
                     whether the network lets this machine to it"
                );
                Refusal { kind: Kind::Broken, why }
            }
        },
    }
}

const READ_ONLY: &str = "PostgreSQL is read-only there, a standby of another; name the primary, or all \
                         hosts with commas between them, and the one is used that can be written to";

/// Why a statement was not done.
pub(crate) fn of(database: &Database, error: &tokio_postgres::Error) -> Refusal {
    let Some(of) = error.as_db_error() else {
        let why = format!("the connection to PostgreSQL broke: {}", said(error));
        return Refusal { kind: Kind::Broken, why };
    };
    let (user, name) = (database.user(), database.name());
    let message = of.message();
    let lasting = |why| Refusal { kind: Kind::Lasting, why };
    let code = of.code();
    if *code == SqlState::UNIQUE_VIOLATION && of.table() == Some("groups") {
        return Refusal { kind: Kind::There, why: message.to_owned() };
    }
    match *code {
        SqlState::INVALID_PASSWORD | SqlState::INVALID_AUTHORIZATION_SPECIFICATION => {
            lasting(format!(
                "PostgreSQL does not let the user {user:?} in: {message}; look after the user and the \
                 password in the URL, or PGPASSWORD, and after pg_hba.conf"
            ))
        }
        SqlState::INVALID_CATALOG_NAME => lasting(format!(
            "there is no database {name:?}; create it: CREATE DATABASE {name} OWNER {user}"
        )),
        SqlState::INSUFFICIENT_PRIVILEGE => lasting(format!(
            "the user {user:?} may not do what it takes: {message}; have it own the database {name:?}, or \
             GRANT CREATE ON DATABASE {name} TO {user} and have it own the schema acequia"
        )),
        SqlState::READ_ONLY_SQL_TRANSACTION => {
            Refusal { kind: kind(of), why: READ_ONLY.to_owned() }
        }
        SqlState::DISK_FULL => Refusal {
            kind: kind(of),
            why: format!(
                "the disk of PostgreSQL is full ({message}); free some space, and writing goes on"
            ),
        },
        SqlState::TOO_MANY_CONNECTIONS => Refusal {
            kind: kind(of),
            why: format!(
                "PostgreSQL has no connection left for {user:?} ({message}); a server takes two: raise \
                 max_connections, or the limit of the user"
            ),
        },
        _ => {
            Refusal { kind: kind(of), why: format!("PostgreSQL says: {message} ({})", code.code()) }
        }
    }
}

/// Whether the statement is rolled back for certain: where the connection ends with it, it may have been
/// committed and waited for its replica.
fn kind(error: &DbError) -> Kind {
    let conflicts = [SqlState::T_R_SERIALIZATION_FAILURE, SqlState::T_R_DEADLOCK_DETECTED];
    match error.parsed_severity() {
        Some(Severity::Error) if conflicts.contains(error.code()) => Kind::Conflict,
        Some(Severity::Error) => Kind::RolledBack,
        _ => Kind::Broken,
    }
}
