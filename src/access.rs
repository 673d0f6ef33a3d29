//! Who may come in: the rules of each door, apart from what is behind it.

mod bearer;
mod entry;
mod exposure;
mod forwarded;
mod knock;
mod made;
mod origin;
mod own_name;
mod pages;
mod peer;
mod proxies;
mod refusals;
mod secret;
mod tokens;
mod workers;

pub(crate) use bearer::bearer;
pub(crate) use entry::{CHALLENGE, Entry, offered};
pub(crate) use exposure::look_at;
pub(crate) use knock::Knock;
pub(crate) use made::made;
pub use origin::{AllowedOrigin, BadOrigin};
pub use own_name::{BadOwnName, OwnName};
pub(crate) use pages::{Foreign, Pages};
pub(crate) use peer::Peer;
pub(crate) use proxies::Proxies;
pub use proxies::{BadTrustedProxy, TrustedProxy};
pub(crate) use refusals::Refusals;
pub use secret::{BadSecret, Secret};
pub use tokens::{BadKeys, ClientTokens, KeySource};
pub(crate) use tokens::{Grant, TokenDoor};
pub(crate) use workers::WorkerDoor;

use std::sync::Arc;

/// What an operator decided about who may come in.
#[derive(Debug)]
pub(crate) struct Access {
    pub(crate) pages: Pages,
    /// What admin calls have to name. At a door there is none: its owner asks for it.
    pub(crate) admin_token: Option<Secret>,
    /// Whether workers have to prove that they know a token.
    pub(crate) has_worker_token: bool,
    /// What judges the tokens of clients. Without it they need none.
    pub(crate) tokens: Option<Arc<TokenDoor>>,
    /// Of whom the log was told.
    pub(crate) refusals: Arc<Refusals>,
}
