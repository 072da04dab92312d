//! Walking the chain, to find what was changed, taken away or added.

use super::canonical::{HASH, Hash, Head, Seal, digest};
use super::model::Filter;
use super::store;
use crate::Result;
use crate::crypto::digest::hex;
use portcullis_db::Db;
use std::collections::BTreeMap;
use std::fmt;

/// Links that are read at a time.
const SEALS: i64 = 20;
/// Events that are read at a time.
const EVENTS: i64 = 2000;
/// Findings that are told; more would only fill the memory.
const FINDINGS_MAX: usize = 1000;

/// Something that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// A link does not name the hash of the one before it.
    BrokenLink(i64),
    /// A link's own hash is not that of what it holds.
    ChangedLink(i64),
    /// Links between two that are there, or at the end, are missing: the first and the last of them.
    MissingLinks(i64, i64),
    /// The chain begins with a link that is too young for those before it to have been deleted.
    MissingBeginning(i64),
    /// The end of the chain is not what its head says.
    WrongHead,
    /// An event was changed.
    ChangedEvent(i64),
    /// An event is missing, and when it happened.
    MissingEvent(i64, i64),
    /// An event was added to those that had been sealed.
    AddedEvent(i64),
    /// Events younger than they are to be kept may have been deleted: since when they are there.
    DeletedEarly(i64),
    /// A link does not have the hash that was noted elsewhere, or is not there.
    Unexpected(i64),
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BrokenLink(position) => write!(f, "seal {position}: does not follow the one before it"),
            Self::ChangedLink(position) => write!(f, "seal {position}: was changed"),
            Self::MissingLinks(first, last) if first == last => write!(f, "seal {first}: is missing"),
            Self::MissingLinks(first, last) => write!(f, "seals {first} to {last}: are missing"),
            Self::MissingBeginning(position) => {
                write!(f, "seals before {position}: are missing, though their time was not over")
            }
            Self::WrongHead => f.write_str("head: is not the end of the chain"),
            Self::ChangedEvent(id) => write!(f, "event {id}: was changed"),
            Self::MissingEvent(id, created_at) => write!(f, "event {id}: is missing (of {created_at} ms)"),
            Self::AddedEvent(id) => write!(f, "event {id}: was added later"),
            Self::DeletedEarly(time) => write!(
                f,
                "events of before {time} ms: may have been deleted, though they are to be kept; this is so for a time after audit_retention_days was raised"
            ),
            Self::Unexpected(position) => {
                write!(f, "seal {position}: does not have the hash that was expected")
            }
        }
    }
}

/// What the chain looks like.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Links that were walked.
    pub seals: u64,
    /// Events that they name.
    pub events: u64,
    /// Events that no link names yet.
    pub unsealed: u64,
    /// The last link.
    pub position: i64,
    /// Its hash, in hex.
    pub hash: String,
    /// What is not as it was, at most a thousand things.
    pub findings: Vec<Finding>,
}

impl Report {
    fn note(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }
}

/// Walks the chain of a database. `oldest` is since when events are to be kept, in milliseconds; `expected` a link and
/// its hash in hex that were noted elsewhere.
pub async fn verify(db: &Db, oldest: i64, expected: Option<(i64, &str)>) -> Result<Report> {
    let head = store::find_head(&mut db.read().await?).await?;
    let mut report = Report { position: head.position, hash: hex(&head.hash), ..Report::default() };
    if head.kept_since > oldest {
        report.note(Finding::DeletedEarly(head.kept_since));
    }
    let mut walk = Walk { db, head: &head, at: None, read_to: i64::MIN, unnamed: BTreeMap::new() };
    let (mut after, mut is_expected) = (0, expected.is_none());
    loop {
        let seals = store::list_seals(&mut db.read().await?, after, SEALS).await?;
        let seals: Vec<_> = seals.into_iter().filter(|seal| seal.position <= head.position).collect();
        let Some(last) = seals.last() else { break };
        after = last.position;
        for stored in seals {
            is_expected |= expected.is_some_and(|(position, hash)| {
                stored.position == position && hex(&stored.hash).eq_ignore_ascii_case(hash)
            });
            report.seals += 1;
            walk.link(&stored, &mut report);
            if let Some(seal) = &stored.seal {
                walk.events(seal, &mut report).await?;
            }
        }
    }
    if let Some((position, _)) = expected.filter(|_| !is_expected) {
        report.note(Finding::Unexpected(position));
    }
    walk.end(&mut report).await?;
    Ok(report)
}

struct Walk<'a> {
    db: &'a Db,
    head: &'a Head,
    /// The link before, by position and hash.
    at: Option<(i64, Hash)>,
    /// Events up to this id were read.
    read_to: i64,
    /// Those that were read, and that no link has named yet.
    unnamed: BTreeMap<i64, Hash>,
}

impl Walk<'_> {
    fn link(&mut self, stored: &store::StoredSeal, report: &mut Report) {
        let position = stored.position;
        let seal = stored.seal.as_ref();
        if seal.is_none_or(|seal| seal.hash() != stored.hash) {
            report.note(Finding::ChangedLink(position));
        }
        match self.at {
            Some((before, _)) if before + 1 != position => {
                report.note(Finding::MissingLinks(before + 1, position - 1));
            }
            Some((_, hash)) if seal.is_some_and(|seal| seal.previous_hash != hash) => {
                report.note(Finding::BrokenLink(position));
            }
            None if position == 1 && seal.is_some_and(|seal| seal.previous_hash != [0; HASH]) => {
                report.note(Finding::BrokenLink(position));
            }
            None if position != 1
                && seal.is_none_or(|seal| seal.newest_created_at() >= self.head.kept_since) =>
            {
                report.note(Finding::MissingBeginning(position));
            }
            _ => {}
        }
        self.at = Some((position, stored.hash));
    }

    /// Compares the events that a link names with those that are there.
    async fn events(&mut self, seal: &Seal, report: &mut Report) -> Result<()> {
        let highest = seal.events.iter().map(|event| event.id).max().unwrap_or(0);
        self.read_up_to(highest).await?;
        for event in &seal.events {
            report.events += 1;
            match self.unnamed.remove(&event.id) {
                Some(digest) if digest != event.digest => report.note(Finding::ChangedEvent(event.id)),
                None if event.created_at >= self.head.kept_since => {
                    report.note(Finding::MissingEvent(event.id, event.created_at));
                }
                _ => {}
            }
        }
        Ok(())
    }

    async fn read_up_to(&mut self, id: i64) -> Result<()> {
        while self.read_to < id {
            let mut tx = self.db.read().await?;
            let events = store::list_after(&mut tx, self.read_to, &Filter::default(), EVENTS).await?;
            self.read_to = events.last().map_or(id, |event| event.id);
            self.unnamed.extend(events.iter().map(|event| (event.id, digest(event))));
        }
        Ok(())
    }

    /// Nothing but what no core has sealed yet may be left.
    async fn end(mut self, report: &mut Report) -> Result<()> {
        self.read_up_to(self.head.highest_id).await?;
        let (position, hash) = self.at.unwrap_or((0, [0; HASH]));
        if position < self.head.position {
            report.note(Finding::MissingLinks(position + 1, self.head.position));
        } else if hash != self.head.hash {
            report.note(Finding::WrongHead);
        }
        report.unsealed = store::count_after(&mut self.db.read().await?, self.head.highest_id).await?;
        for id in self.unnamed.keys().filter(|id| **id <= self.head.highest_id) {
            if self.head.gaps.iter().any(|gap| gap.id == *id) {
                report.unsealed += 1;
            } else {
                report.note(Finding::AddedEvent(*id));
            }
        }
        Ok(())
    }
}
