//! `acequia pool`: as many worker processes as there is work for.

// wip
#[allow(dead_code)]
mod sizer;
