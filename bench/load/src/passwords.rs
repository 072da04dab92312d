//! `portcullis passwords build` on a list made for the purpose, and what a look-up in its file costs.

use crate::cpu;
use portcullis_core::crypto::password_filter::PasswordFilter;
use std::fs::{self, File};
use std::hint::black_box;
use std::io::{BufReader, BufWriter, Write as _};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// Passwords that are looked up.
const LOOKUPS: u32 = 2_000_000;

/// Prints a table; panics if a password of the list is not found.
pub(crate) fn run(core: &Path, number: u64) {
    let folder = tempfile::tempdir().unwrap();
    let (list, file) = (folder.path().join("list.txt"), folder.path().join("filter.bin"));
    write_list(&list, number);
    let began = Instant::now();
    let built = Command::new(core).args(["passwords", "build"]).arg(&list).arg("--out").arg(&file).status();
    assert!(built.unwrap().success());
    let took = began.elapsed();
    let filter = PasswordFilter::read(BufReader::new(File::open(&file).unwrap())).unwrap();
    let step = (number / 100_000).max(1);
    assert!((0..number).step_by(usize::try_from(step).unwrap()).all(|at| filter.contains(&word(at))));
    let unknown: Vec<String> = (0..100_000).map(|at| format!("unknown {at}")).collect();
    let before = cpu::of_thread();
    for at in 0..LOOKUPS {
        black_box(filter.contains(black_box(&unknown[at as usize % unknown.len()])));
    }
    let lookup = cpu::of_thread().saturating_sub(before) / LOOKUPS;
    let wrong = (0..LOOKUPS).filter(|at| filter.contains(&format!("not known {at}"))).count();
    println!("passwords in the list       {number}");
    println!("time to build               {:.1} s", took.as_secs_f64());
    println!("size of the file            {} kB (goal: 25,000 for 10 million)", size(&file));
    println!("a look-up                   {:.2} µs (goal: 5)", micros(lookup));
    println!("unknown that seem known     {wrong} of {LOOKUPS} (goal: 1 in 5,000)");
}

fn word(at: u64) -> String {
    format!("known {at}")
}

/// Half as words, half as hashes.
fn write_list(list: &Path, number: u64) {
    use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
    let mut file = BufWriter::new(File::create(list).unwrap());
    for at in 0..number {
        if at % 2 == 0 {
            writeln!(file, "{}", word(at)).unwrap();
            continue;
        }
        for byte in digest(&SHA1_FOR_LEGACY_USE_ONLY, word(at).as_bytes()).as_ref() {
            write!(file, "{byte:02X}").unwrap();
        }
        writeln!(file, ":{at}").unwrap();
    }
    file.flush().unwrap();
}

/// In thousands of bytes.
fn size(file: &Path) -> u64 {
    fs::metadata(file).unwrap().len() / 1000
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}
