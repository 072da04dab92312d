//! Reading users from files, one after the other, beside the import.

use super::Object;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::Value;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::sync::mpsc;

/// Rows that may wait for the import.
const AHEAD: usize = 1000;

/// What a file tells of a user.
#[derive(Debug)]
pub(super) struct Row {
    /// The file's place among the files.
    pub(super) file: usize,
    /// The line, or the user's place in the document; the first is 1.
    pub(super) number: u64,
    pub(super) user: Result<Object, Unreadable>,
}

/// A line that is no JSON object.
#[derive(Debug)]
pub(super) struct Unreadable {
    pub(super) line: String,
    pub(super) why: String,
}

/// Files that are being read.
#[derive(Debug)]
pub(super) struct Reading {
    rows: mpsc::Receiver<Result<Row, String>>,
    done: Arc<AtomicU64>,
    whole: u64,
}

impl Reading {
    /// Begins to read; `is_document` says that users are not on a line each.
    pub(super) fn begin(files: &[PathBuf], is_document: bool) -> Result<Self, String> {
        let mut opened = Vec::new();
        let mut whole = 0;
        for path in files {
            let explain = |error: io::Error| format!("{}: {error}", path.display());
            let file = File::open(path).map_err(explain)?;
            whole += file.metadata().map_err(explain)?.len();
            opened.push((path.clone(), file));
        }
        let done = Arc::new(AtomicU64::new(0));
        let (sender, rows) = mpsc::channel(AHEAD);
        let counter = Arc::clone(&done);
        tokio::task::spawn_blocking(move || {
            for (at, (path, file)) in opened.into_iter().enumerate() {
                let counted = Counted { file, done: Arc::clone(&counter) };
                let mut emit =
                    |number, user| sender.blocking_send(Ok(Row { file: at, number, user })).is_ok();
                if let Err(error) = read(BufReader::new(counted), is_document, &mut emit) {
                    // Nobody waits for it if the import has ended.
                    let _ = sender.blocking_send(Err(format!("{}: {error}", path.display())));
                    return;
                }
            }
        });
        Ok(Self { rows, done, whole })
    }

    /// The next rows, so many unless these are the last ones.
    pub(super) async fn next(&mut self, count: usize) -> Result<Vec<Row>, String> {
        let mut rows = Vec::new();
        while rows.len() < count {
            let Some(row) = self.rows.recv().await else { break };
            rows.push(row?);
        }
        Ok(rows)
    }

    /// Bytes that were read.
    pub(super) fn done(&self) -> u64 {
        self.done.load(Ordering::Relaxed)
    }

    /// Bytes of all files.
    pub(super) fn whole(&self) -> u64 {
        self.whole
    }
}

/// Counts what is read.
struct Counted {
    file: File,
    done: Arc<AtomicU64>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        self.done.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

/// What takes a user with its number, and says whether more are wanted.
type Emit<'a> = &'a mut dyn FnMut(u64, Result<Object, Unreadable>) -> bool;

/// What some programs begin a text with, to say that it is UTF-8.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

/// An array is a document, whatever is said.
fn read(mut file: impl BufRead, is_document: bool, emit: Emit<'_>) -> Result<(), String> {
    let explain = |error: io::Error| error.to_string();
    if file.fill_buf().map_err(explain)?.starts_with(BYTE_ORDER_MARK) {
        file.consume(BYTE_ORDER_MARK.len());
    }
    let is_array = loop {
        let ahead = file.fill_buf().map_err(explain)?;
        let blanks = ahead.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        match ahead.get(blanks) {
            Some(byte) => break *byte == b'[',
            None if ahead.is_empty() => return Ok(()),
            // Line feeds are lines, and counted as such.
            None if !is_document => break false,
            None => file.consume(blanks),
        }
    };
    if is_document || is_array {
        let mut json = serde_json::Deserializer::from_reader(file);
        return Users(emit).deserialize(&mut json).map_err(|error| error.to_string());
    }
    let (mut line, mut number) = (Vec::new(), 0);
    while file.read_until(b'\n', &mut line).map_err(explain)? > 0 {
        number += 1;
        let user = serde_json::from_slice(&line).map_err(|error| Unreadable {
            line: String::from_utf8_lossy(line.trim_ascii()).into_owned(),
            why: format!("the line is no JSON object: {error}"),
        });
        if !line.trim_ascii().is_empty() && !emit(number, user) {
            break;
        }
        line.clear();
    }
    Ok(())
}

/// The users in a document: the elements of its array, or of the array `users` of its object.
struct Users<'a>(Emit<'a>);

impl<'de> DeserializeSeed<'de> for Users<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, json: D) -> Result<(), D::Error> {
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Users<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array of users, or an object with one")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut users: A) -> Result<(), A::Error> {
        let mut number = 0;
        while let Some(user) = users.next_element::<Value>()? {
            number += 1;
            let user = match user {
                Value::Object(user) => Ok(user),
                other => {
                    Err(Unreadable { line: other.to_string(), why: "the user is no JSON object".to_owned() })
                }
            };
            if !(self.0)(number, user) {
                return Err(A::Error::custom("the import has ended"));
            }
        }
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut document: A) -> Result<(), A::Error> {
        let mut has_users = false;
        while let Some(key) = document.next_key::<String>()? {
            if key == "users" {
                has_users = true;
                document.next_value_seed(Users(&mut *self.0))?;
            } else {
                document.next_value::<IgnoredAny>()?;
            }
        }
        if has_users { Ok(()) } else { Err(A::Error::custom("there is no array `users` in it")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names of the users, by their numbers; or why one cannot be read.
    fn names(text: &str, is_document: bool) -> Result<Vec<(u64, String)>, String> {
        let mut names = Vec::new();
        let mut emit = |number, user: Result<Object, Unreadable>| {
            let name = user.map_or_else(|unreadable| unreadable.line, |user| user["n"].to_string());
            names.push((number, name));
            true
        };
        read(text.as_bytes(), is_document, &mut emit).map(|()| names)
    }

    #[test]
    fn users_are_on_lines_in_an_array_or_in_an_object() {
        let found = |text, is_document| names(text, is_document).unwrap();
        let both = vec![(1, "1".to_owned()), (2, "2".to_owned())];
        assert_eq!(found("{\"n\":1}\n{\"n\":2}", false), both);
        assert_eq!(found(" \n[{\"n\":1},{\"n\":2}]\n", false), both);
        assert_eq!(found("{\"realm\":{\"users\":[]},\"users\":[{\"n\":1},{\"n\":2}],\"z\":1}", true), both);
        assert_eq!(found("\u{feff}{\"n\":1}\n{\"n\":2}", false), both);
        assert_eq!(found("\u{feff}[{\"n\":1},{\"n\":2}]", true), both);
        assert_eq!(found("", false), []);
        // Blank lines are counted, and lines that cannot be read are rows.
        let lines = "\r\n{\"n\":1}\r\n\n{\"n\":\n[1]\n{\"n\":2}\n";
        let expected = [(2, "1"), (4, "{\"n\":"), (5, "[1]"), (6, "2")];
        assert_eq!(found(lines, false), expected.map(|(number, name)| (number, name.to_owned())));
        assert_eq!(found("[1]", true), [(1, "1".to_owned())]);
    }

    #[test]
    fn a_document_that_cannot_be_read_ends_the_import() {
        assert!(names("{\"users\":[{\"n\":1},", true).is_err());
        assert!(names("{\"people\":[]}", true).unwrap_err().contains("no array `users`"));
    }
}
