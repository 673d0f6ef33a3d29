//! Who may come in: the rules of each door, apart from what is behind it.

mod bearer;
mod entry;
mod local;
mod origin;
mod secret;
mod tokens;
mod workers;

pub(crate) use bearer::bearer;
pub(crate) use entry::Entry;
pub(crate) use local::{is_this_machine, proxied};
pub use origin::{AllowedOrigin, BadOrigin};
pub(crate) use origin::{check_page, is_allowed, is_own};
pub use secret::{BadSecret, Secret};
pub use tokens::{BadKeys, ClientTokens, KeySource};
pub(crate) use tokens::{Grant, TokenDoor};
pub(crate) use workers::WorkerDoor;

use std::sync::Arc;

/// What an operator decided about who may come in.
#[derive(Debug, Default)]
pub(crate) struct Access {
    pub(crate) allowed_origins: Vec<AllowedOrigin>,
    /// What admin calls have to name. Without one they are for this machine only.
    pub(crate) admin_token: Option<Secret>,
    /// Whether workers have to prove that they know a token.
    pub(crate) has_worker_token: bool,
    /// What judges the tokens of clients. Without it they need none.
    pub(crate) tokens: Option<Arc<TokenDoor>>,
}
