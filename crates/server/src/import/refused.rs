//! The file of the rows that were refused, with the reasons. It holds what the rows hold: hashes and secrets.

use super::reading::Row;
use serde_json::{Value, json};
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// The file; it is made with the first row.
#[derive(Debug)]
pub(super) struct Refused {
    path: PathBuf,
    files: Vec<String>,
    written: Option<BufWriter<File>>,
}

impl Refused {
    /// Nothing is written yet, nor taken away.
    pub(super) fn new(path: Option<&Path>, files: &[PathBuf]) -> Result<Self, String> {
        let names: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
        let mut beside = files.first().map(|file| file.as_os_str().to_owned()).unwrap_or_default();
        beside.push(".refused.jsonl");
        let path = path.map_or_else(|| beside.into(), Path::to_owned);
        // However either is written.
        let is_same = |file: &PathBuf| match (fs::canonicalize(file), fs::canonicalize(&path)) {
            (Ok(file), Ok(path)) => file == path,
            _ => *file == path,
        };
        if files.iter().any(is_same) {
            return Err(format!("{}: the refused rows need a file of their own", path.display()));
        }
        Ok(Self { path, files: names, written: None })
    }

    /// What an import before this one refused is looked at again, and so goes.
    pub(super) fn begin(&self) -> Result<(), String> {
        match fs::remove_file(&self.path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                Err(format!("{}: {error}", self.path.display()))
            }
            _ => Ok(()),
        }
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Adds a row.
    pub(super) fn add(&mut self, row: &Row, reasons: &[String]) -> Result<(), String> {
        let user = match &row.user {
            Ok(user) => Value::Object(user.clone()),
            Err(unreadable) => Value::from(unreadable.line.as_str()),
        };
        let line =
            json!({"file": self.files.get(row.file), "row": row.number, "reasons": reasons, "user": user});
        let written = match self.written.take() {
            Some(written) => Ok(written),
            None => OpenOptions::new()
                .create_new(true)
                .write(true)
                .mode(0o600)
                .open(&self.path)
                .map(BufWriter::new),
        };
        let outcome = written.and_then(|mut written| {
            writeln!(written, "{line}")?;
            self.written = Some(written);
            Ok(())
        });
        outcome.map_err(|error| format!("{}: {error}", self.path.display()))
    }

    /// Writes what is not written yet.
    pub(super) fn end(&mut self) -> Result<(), String> {
        let outcome = self.written.as_mut().map_or(Ok(()), BufWriter::flush);
        outcome.map_err(|error| format!("{}: {error}", self.path.display()))
    }
}
