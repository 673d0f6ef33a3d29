//! The front door: all that the server does over HTTP. What is behind it knows no route.

mod about;
mod admin;
mod api;
mod asyncapi;
mod demo;
mod door;
mod forward;
mod from_door;
mod greeting;
mod headers;
mod in_process;
mod keys;
mod known_pages;
mod listener;
mod module;
mod monitors;
mod mounted;
mod openapi;
mod page;
mod query;
mod routes;
mod scrape;
mod session;
mod standby;
mod upgrade;

pub(crate) use self::about::About;
pub(crate) use self::door::{Door, STREAMS_MAX};
pub(crate) use self::forward::{Ask, Forward};
pub(crate) use self::from_door::for_doors;
pub(crate) use self::greeting::Greeting;
pub(crate) use self::in_process::in_process;
pub(crate) use self::keys::Keys;
pub(crate) use self::listener::{Closes, Closing, Places, Port, Rules, closing, serve};
pub use self::mounted::{ClientAddress, Routes};
pub(crate) use self::routes::{
    for_all, for_all_at_door, for_clients_of_door, for_operators, for_operators_of_door,
    for_own_process, without_admin_calls,
};
pub(crate) use self::scrape::Scrape;
pub(crate) use self::session::{Front, Place};
pub(crate) use self::standby::for_standby;
