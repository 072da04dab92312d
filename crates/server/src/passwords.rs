//! `portcullis passwords`: what the core looks up breached passwords in.

use crate::cli::{PasswordsCommand, say};
use portcullis_core::crypto::password_filter::PasswordFilter;
use std::fs::{self, File, Permissions};
use std::io::{BufReader, BufWriter};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

/// Runs the command.
pub(crate) fn run(command: &PasswordsCommand) -> Result<(), String> {
    match command {
        PasswordsCommand::Build { list, out } => build(list, out),
    }
}

fn build(list: &Path, out: &Path) -> Result<(), String> {
    let explain = |path: &Path| {
        let path = path.display().to_string();
        move |error: std::io::Error| format!("{path}: {error}")
    };
    let file = File::open(list).map_err(explain(list))?;
    let (filter, count) = PasswordFilter::build(BufReader::new(file)).map_err(explain(list))?;
    // Beside it first, so that a core that starts meanwhile never reads half of it.
    let folder = out.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let readable = Permissions::from_mode(0o644);
    let half = tempfile::Builder::new().permissions(readable).tempfile_in(folder).map_err(explain(folder))?;
    filter.write(BufWriter::new(half.as_file())).map_err(explain(out))?;
    half.as_file().sync_all().map_err(explain(out))?;
    half.persist(out).map_err(|error| format!("{}: {}", out.display(), error.error))?;
    let size = fs::metadata(out).map_err(explain(out))?.len();
    say(&format!("{count} passwords, {size} bytes: {}", out.display()));
    Ok(())
}
