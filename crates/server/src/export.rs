//! `portcullis export`: all users of an app as lines of JSON.
//!
//! Until it is whole, the file has another name. What is in it for certain stands beside it, so that an export that
//! was broken off goes on from there.

use crate::cli::{ExportArguments, complain, say};
use crate::progress::Progress;
use crate::serve::open_app;
use crate::settings::Settings;
use portcullis_core::crypto::digest::sha256_hex;
use portcullis_core::recipes::bulkimport::{ExportPage, Exporter};
use serde_json::{Value, json};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// Runs the command; a core may run beside it.
pub(crate) async fn run(settings: &Settings, asked: &ExportArguments) -> Result<(), String> {
    let app = open_app(settings).await?;
    let fault = |error: portcullis_core::Error| error.to_string();
    let exporter = Exporter::open(&app, &asked.domain, &asked.app).await.map_err(fault)?;
    let place = format!("{} {:?} {} {}", settings.database, settings.schema, asked.domain, asked.app);
    let mut export = Export::open(&asked.file, &sha256_hex(&place))?;
    let whole = u64::try_from(exporter.count().await.map_err(fault)?).unwrap_or_default();
    let mut progress = Progress::begin(export.done.users);
    while !export.done.is_whole {
        let page = exporter.page(export.done.next.as_deref()).await.map_err(fault)?;
        export.add(&page).map_err(|error| export.names.explain(&error))?;
        let users = export.done.users;
        progress.show(users, whole, || format!("{users} of {whole} users"));
    }
    progress.end();
    let done = export.finish()?;
    app.stop().await;
    say(&format!("{} users: {}", done.users, asked.file.display()));
    if done.left_out > 0 {
        complain(&format!("{} things are not in it: see {}", done.left_out, left_out(&asked.file).display()));
    }
    Ok(())
}

/// What is in the files for certain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Done {
    /// What was exported: a hash of where the users are.
    source: String,
    bytes: u64,
    users: u64,
    left_out_bytes: u64,
    left_out: u64,
    next: Option<String>,
    is_whole: bool,
}

impl Done {
    fn to_json(&self) -> Value {
        json!({
            "source": self.source, "bytes": self.bytes, "users": self.users,
            "leftOutBytes": self.left_out_bytes, "leftOut": self.left_out, "next": self.next,
            "isWhole": self.is_whole,
        })
    }

    fn parse(text: &str) -> Option<Self> {
        let read: Value = serde_json::from_str(text).ok()?;
        Some(Self {
            source: read["source"].as_str()?.to_owned(),
            bytes: read["bytes"].as_u64()?,
            users: read["users"].as_u64()?,
            left_out_bytes: read["leftOutBytes"].as_u64()?,
            left_out: read["leftOut"].as_u64()?,
            next: read["next"].as_str().map(str::to_owned),
            is_whole: read["isWhole"].as_bool()?,
        })
    }
}

/// The files of an export.
#[derive(Debug)]
struct Names {
    whole: PathBuf,
    part: PathBuf,
    left_out: PathBuf,
    done: PathBuf,
}

fn beside(file: &Path, end: &str) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(end);
    name.into()
}

fn left_out(file: &Path) -> PathBuf {
    beside(file, ".left-out.jsonl")
}

impl Names {
    fn new(file: &Path) -> Self {
        Self {
            whole: file.to_owned(),
            part: beside(file, ".part"),
            left_out: left_out(file),
            done: beside(file, ".progress"),
        }
    }

    fn explain(&self, error: &io::Error) -> String {
        format!("{}: {error}", self.whole.display())
    }
}

/// An export that is under way.
#[derive(Debug)]
struct Export {
    names: Names,
    lines: File,
    left_out: File,
    done: Done,
}

impl Export {
    fn open(file: &Path, source: &str) -> Result<Self, String> {
        let names = Names::new(file);
        let before = fs::read_to_string(&names.done).ok().and_then(|text| Done::parse(&text));
        let done = match before {
            Some(done) if done.source != source => {
                return Err(format!(
                    "{}: an export of another database or app was begun there: delete {}, or choose another file",
                    file.display(),
                    names.done.display()
                ));
            }
            Some(done) => done,
            None if names.whole.exists() => {
                return Err(format!("{} is there already: choose another file", file.display()));
            }
            None => Done { source: source.to_owned(), ..Done::default() },
        };
        // Broken off when all but the note of it was done: the file has its name.
        let name = if done.is_whole && names.whole.exists() { &names.whole } else { &names.part };
        let opened = open_at(name, done.bytes)
            .and_then(|lines| Ok((lines, open_at(&names.left_out, done.left_out_bytes)?)));
        let (lines, left_out) = opened.map_err(|error| names.explain(&error))?;
        Ok(Self { names, lines, left_out, done })
    }

    /// What is in the files is noted only once it is there for certain.
    fn add(&mut self, page: &ExportPage) -> io::Result<()> {
        for line in &page.lines {
            writeln!(self.lines, "{line}")?;
        }
        for left_out in &page.left_out {
            let line = json!({"userId": left_out.user_id, "leftOut": left_out.what});
            writeln!(self.left_out, "{line}")?;
        }
        self.lines.sync_data()?;
        self.left_out.sync_data()?;
        self.done.bytes = self.lines.stream_position()?;
        self.done.users += page.lines.len() as u64;
        self.done.left_out_bytes = self.left_out.stream_position()?;
        self.done.left_out += page.left_out.len() as u64;
        self.done.next.clone_from(&page.next);
        self.done.is_whole = page.next.is_none();
        let folder = self.names.done.parent().filter(|folder| !folder.as_os_str().is_empty());
        let mut half = tempfile::NamedTempFile::new_in(folder.unwrap_or(Path::new(".")))?;
        write!(half, "{}", self.done.to_json())?;
        half.as_file().sync_all()?;
        half.persist(&self.names.done)?;
        Ok(())
    }

    fn finish(self) -> Result<Done, String> {
        let end = || {
            if self.done.left_out == 0 {
                fs::remove_file(&self.names.left_out)?;
            }
            if self.names.part.exists() {
                fs::rename(&self.names.part, &self.names.whole)?;
            }
            fs::remove_file(&self.names.done)
        };
        end().map_err(|error| self.names.explain(&error))?;
        Ok(self.done)
    }
}

/// A file that nobody else reads, cut off after so many bytes.
fn open_at(path: &Path, bytes: u64) -> io::Result<File> {
    let mut file =
        OpenOptions::new().create(true).read(true).write(true).truncate(false).mode(0o600).open(path)?;
    if file.metadata()?.len() < bytes {
        return Err(io::Error::other(format!(
            "{} is shorter than it was: delete the file that ends in .progress to begin anew",
            path.display()
        )));
    }
    file.set_len(bytes)?;
    file.seek(SeekFrom::End(0))?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;
    use portcullis_core::recipes::bulkimport::LeftOut;

    fn page(names: &[&str], next: Option<&str>) -> ExportPage {
        let left_out = LeftOut { user_id: "u".to_owned(), what: "a passkey".to_owned() };
        ExportPage {
            lines: names.iter().map(|name| (*name).to_owned()).collect(),
            left_out: vec![left_out],
            next: next.map(str::to_owned),
        }
    }

    #[test]
    fn an_export_that_was_broken_off_goes_on_after_what_is_there_for_certain() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("users.jsonl");
        let mut export = Export::open(&file, "s").unwrap();
        export.add(&page(&["a", "b"], Some("c"))).unwrap();
        // More was written, and not noted.
        write!(export.lines, "c\nd").unwrap();
        write!(export.left_out, "{{").unwrap();
        drop(export);
        assert!(Export::open(&file, "another").unwrap_err().contains("another database"));
        let mut export = Export::open(&file, "s").unwrap();
        assert_eq!((export.done.users, export.done.next.as_deref()), (2, Some("c")));
        export.add(&page(&["c"], None)).unwrap();
        assert!(export.done.is_whole && !file.exists());
        // Broken off before, and after, the file got its name.
        drop(export);
        let export = Export::open(&file, "s").unwrap();
        fs::rename(&export.names.part, &file).unwrap();
        drop(export);
        let done = Export::open(&file, "s").unwrap().finish().unwrap();
        assert_eq!((done.users, done.left_out), (3, 2));
        assert_eq!(fs::read_to_string(&file).unwrap(), "a\nb\nc\n");
        assert_eq!(fs::read_to_string(left_out(&file)).unwrap().lines().count(), 2);
        let left: Vec<_> = fs::read_dir(folder.path()).unwrap().flatten().map(|entry| entry.path()).collect();
        assert_eq!(left.len(), 2, "{left:?}");
        assert!(Export::open(&file, "s").unwrap_err().contains("is there already"));
    }

    #[test]
    fn an_export_is_begun_anew_as_the_refusal_says() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("users.jsonl");
        Export::open(&file, "s").unwrap().add(&page(&["a"], Some("b"))).unwrap();
        let told = Export::open(&file, "another").unwrap_err();
        let done = folder.path().join("users.jsonl.progress");
        assert!(told.contains(&format!("delete {}", done.display())), "{told}");
        fs::remove_file(folder.path().join("users.jsonl.part")).unwrap();
        let told = Export::open(&file, "s").unwrap_err();
        assert!(told.contains("shorter than it was: delete the file that ends in .progress"), "{told}");
        fs::remove_file(&done).unwrap();
        let mut export = Export::open(&file, "another").unwrap();
        export.add(&page(&["c"], None)).unwrap();
        export.finish().unwrap();
        assert_eq!(fs::read_to_string(&file).unwrap(), "c\n");
    }
}
