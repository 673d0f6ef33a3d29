//! A journal in one file, by redb.

pub(crate) mod contents;
pub(crate) mod engine;
pub(crate) mod file;
pub(crate) mod medium;
pub(crate) mod outcomes;
pub(crate) mod tables;
