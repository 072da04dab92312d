//! Every seed passes, every target has some, and every endpoint's request is read by a target.

#![expect(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use portcullis_core::http::RouteTable;
use portcullis_core::recipes;
use portcullis_fuzz::{ALL, request_bodies};
use std::fs;
use std::path::{Path, PathBuf};

/// A target's seeds are small.
const BYTES_MAX: u64 = 32 << 10;

fn fuzz() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz")
}

fn names_in(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn every_seed_passes() {
    let seeds = fuzz().join("seeds");
    let targets: Vec<_> = ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    assert_eq!(names_in(&seeds), targets, "each target has seeds");
    for (name, run) in ALL {
        let directory = seeds.join(name);
        let mut bytes = 0;
        for seed in names_in(&directory) {
            println!("{name}/{seed}");
            let data = fs::read(directory.join(seed)).unwrap();
            bytes += data.len() as u64;
            run(&data);
        }
        assert!((1..=BYTES_MAX).contains(&bytes), "{name} has {bytes} bytes of seeds");
    }
}

#[test]
fn every_target_is_a_program() {
    let programs = fuzz().join("fuzz_targets");
    let targets: Vec<_> = ALL.iter().map(|(name, _)| format!("{name}.rs")).collect();
    assert_eq!(names_in(&programs), targets);
}

#[test]
fn every_request_is_read() {
    let mut read = request_bodies::names();
    read.sort();
    assert_eq!(read, RouteTable::new(recipes::ALL).names());
}
