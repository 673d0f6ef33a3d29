//! A job as a command shows it: states on standard error, its result on standard output, its end as an
//! exit code.

mod display;
mod failure;
mod follow;
mod json;
mod waiting;

pub(crate) use self::display::Display;
pub(crate) use self::failure::{gone, lost, stopped, too_large};
pub(crate) use self::follow::{Following, ID, Whose};
