//! Chores of the workspace that are written in Rust, so that they run everywhere.

fn main() {}
