//! The bytes of which the chain's hashes are made. They are written down in `docs/audit.md`, so that anybody can
//! make them again.

use super::model::StoredEvent;
use crate::crypto::digest::sha256;

/// Bytes of a hash.
pub(super) const HASH: usize = 32;

/// A hash.
pub(super) type Hash = [u8; HASH];

fn hash(bytes: &[u8]) -> Hash {
    let mut hash = [0; HASH];
    hash.copy_from_slice(sha256(bytes).as_ref());
    hash
}

/// The hash of everything that is stored about an event. Each text has its length before it, so that no two events
/// have the same bytes.
pub(super) fn digest(event: &StoredEvent) -> Hash {
    let mut bytes = event.id.to_be_bytes().to_vec();
    let mut add = |text: Option<&str>| {
        bytes.push(u8::from(text.is_some()));
        let Some(text) = text else { return };
        bytes.extend((text.len() as u64).to_be_bytes());
        bytes.extend(text.as_bytes());
    };
    add(Some(&event.app_id));
    add(Some(&event.tenant_id));
    add(event.recipe_user_id.as_deref());
    add(event.user_id.as_deref());
    add(Some(&event.kind));
    add(event.status.as_deref());
    add(event.principal.as_deref());
    add(event.identifier.as_deref());
    add(event.payload.as_deref());
    bytes.extend(event.created_at.to_be_bytes());
    hash(&bytes)
}

/// What a seal says of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SealedEvent {
    pub(super) id: i64,
    pub(super) created_at: i64,
    pub(super) digest: Hash,
}

impl SealedEvent {
    pub(super) fn of(event: &StoredEvent) -> Self {
        Self { id: event.id, created_at: event.created_at, digest: digest(event) }
    }
}

/// A link of the chain: events that were there when it was made, and no earlier link names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seal {
    /// From 1 on, without a gap.
    pub(super) position: i64,
    pub(super) previous_hash: Hash,
    /// Milliseconds since 1970.
    pub(super) sealed_at: i64,
    pub(super) events: Vec<SealedEvent>,
}

impl Seal {
    pub(super) fn hash(&self) -> Hash {
        let mut bytes = b"portcullis audit seal v1".to_vec();
        bytes.extend(self.previous_hash);
        bytes.extend(self.position.to_be_bytes());
        bytes.extend(self.sealed_at.to_be_bytes());
        bytes.extend(write_events(&self.events));
        hash(&bytes)
    }

    /// When the newest of its events happened.
    pub(super) fn newest_created_at(&self) -> i64 {
        self.events.iter().map(|event| event.created_at).max().unwrap_or(0)
    }
}

/// Bytes of an event in a seal.
const EVENT: usize = 8 + 8 + HASH;

/// As they are stored.
pub(super) fn write_events(events: &[SealedEvent]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(events.len() * EVENT);
    for event in events {
        bytes.extend(event.id.to_be_bytes());
        bytes.extend(event.created_at.to_be_bytes());
        bytes.extend(event.digest);
    }
    bytes
}

/// `None` if the bytes are no events.
pub(super) fn read_events(bytes: &[u8]) -> Option<Vec<SealedEvent>> {
    let read = |bytes: &[u8]| {
        let (id, rest) = bytes.split_first_chunk()?;
        let (created_at, digest) = rest.split_first_chunk()?;
        Some(SealedEvent {
            id: i64::from_be_bytes(*id),
            created_at: i64::from_be_bytes(*created_at),
            digest: digest.try_into().ok()?,
        })
    };
    bytes.chunks(EVENT).map(read).collect()
}

/// An id that was passed over: its unit of work had not ended when a higher one was sealed, or was undone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Gap {
    pub(super) id: i64,
    /// When it was noticed, in milliseconds.
    pub(super) since: i64,
}

/// As they are stored.
pub(super) fn write_gaps(gaps: &[Gap]) -> Vec<u8> {
    gaps.iter().flat_map(|gap| gap.id.to_be_bytes().into_iter().chain(gap.since.to_be_bytes())).collect()
}

/// Bytes that are no gaps are left out: at worst an event that came late is not sealed, which is noticed.
pub(super) fn read_gaps(bytes: &[u8]) -> Vec<Gap> {
    let read = |bytes: &[u8]| {
        let (id, since) = bytes.split_first_chunk()?;
        Some(Gap { id: i64::from_be_bytes(*id), since: i64::from_be_bytes(since.try_into().ok()?) })
    };
    bytes.chunks(16).filter_map(read).collect()
}

/// The end of the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) position: i64,
    pub(super) hash: Hash,
    /// Of all events that were sealed.
    pub(super) highest_id: i64,
    /// Ids below it that may still come.
    pub(super) gaps: Vec<Gap>,
    /// What happened before may have been deleted, as its time was over.
    pub(super) kept_since: i64,
}

/// How long an id that was passed over is waited for. Ids are drawn with a unit of work's last statement.
const GAP_MS: i64 = 600_000;
/// Gaps at most. A server that fell passes over some thirty ids; whoever sets the counter forward makes more of them.
const GAPS_MAX: i64 = 1000;

impl Head {
    /// Seals events, lowest ids first: those that filled a gap, and those above all that were sealed.
    pub(super) fn seal(&self, late: &[StoredEvent], new: &[StoredEvent], now: i64) -> (Seal, Self) {
        let seal = Seal {
            position: self.position + 1,
            previous_hash: self.hash,
            sealed_at: now,
            events: late.iter().chain(new).map(SealedEvent::of).collect(),
        };
        let is_open = |gap: &&Gap| now - gap.since <= GAP_MS && late.iter().all(|event| event.id != gap.id);
        let mut gaps: Vec<Gap> = self.gaps.iter().filter(is_open).copied().collect();
        let mut highest_id = self.highest_id;
        for event in new {
            let passed_over = (highest_id + 1).max(event.id - GAPS_MAX)..event.id;
            gaps.extend(passed_over.map(|id| Gap { id, since: now }));
            highest_id = event.id;
        }
        let most = usize::try_from(GAPS_MAX).unwrap_or_default();
        let gaps = gaps.split_off(gaps.len().saturating_sub(most));
        let head = Self {
            position: seal.position,
            hash: seal.hash(),
            highest_id,
            gaps,
            kept_since: self.kept_since,
        };
        (seal, head)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(id: i64) -> StoredEvent {
        StoredEvent {
            id,
            app_id: "public".to_owned(),
            tenant_id: "public".to_owned(),
            recipe_user_id: None,
            user_id: Some("ann".to_owned()),
            kind: "user_deleted".to_owned(),
            status: Some("success".to_owned()),
            principal: None,
            identifier: None,
            created_at: 5,
            payload: None,
        }
    }

    fn head() -> Head {
        Head { position: 0, hash: [0; HASH], highest_id: 0, gaps: Vec::new(), kept_since: 0 }
    }

    fn ids(gaps: &[Gap]) -> Vec<i64> {
        gaps.iter().map(|gap| gap.id).collect()
    }

    #[test]
    fn every_part_of_an_event_counts_and_texts_do_not_run_into_each_other() {
        let changed = |change: fn(&mut StoredEvent)| {
            let mut event = event(1);
            change(&mut event);
            digest(&event)
        };
        let all = [
            digest(&event(1)),
            digest(&event(2)),
            changed(|event| event.app_id = "publi".to_owned()),
            changed(|event| event.tenant_id = "t1".to_owned()),
            changed(|event| event.recipe_user_id = Some(String::new())),
            changed(|event| event.user_id = None),
            changed(|event| event.kind = "user_linked".to_owned()),
            changed(|event| event.status = None),
            changed(|event| event.principal = Some("ann".to_owned())),
            changed(|event| event.identifier = Some("ann".to_owned())),
            changed(|event| event.payload = Some("ann".to_owned())),
            changed(|event| event.created_at = 6),
        ];
        let different: std::collections::HashSet<Hash> = all.into_iter().collect();
        assert_eq!(different.len(), all.len());
    }

    #[test]
    fn what_is_stored_is_read_again() {
        let events = [event(1), event(-3)].map(|event| SealedEvent::of(&event));
        assert_eq!(read_events(&write_events(&events)).unwrap(), events);
        assert_eq!(read_events(&[0; EVENT + 1]), None);
        let gaps = [Gap { id: 7, since: 1 }, Gap { id: 9, since: 2 }];
        assert_eq!(read_gaps(&write_gaps(&gaps)), gaps);
    }

    #[test]
    fn an_id_that_was_passed_over_is_waited_for_and_sealed_when_it_comes() {
        let (seal, head) = head().seal(&[], &[event(2), event(5)], 100);
        assert_eq!((seal.position, head.highest_id, ids(&head.gaps)), (1, 5, vec![1, 3, 4]));
        let (seal, head) = head.seal(&[event(3)], &[event(6)], 200);
        assert_eq!(seal.events.iter().map(|event| event.id).collect::<Vec<_>>(), [3, 6]);
        assert_eq!((head.highest_id, ids(&head.gaps)), (6, vec![1, 4]));
        let (seal, head) = head.seal(&[], &[event(7)], 101 + GAP_MS);
        assert_eq!((seal.position, ids(&head.gaps)), (3, vec![]));
        assert_eq!(head.hash, seal.hash());
    }

    #[test]
    fn a_counter_that_was_set_forward_makes_no_more_gaps_than_are_kept() {
        let (_, head) = head().seal(&[], &[event(1), event(1_000_000_000)], 0);
        assert_eq!(i64::try_from(head.gaps.len()).unwrap(), GAPS_MAX);
        assert_eq!(head.gaps.last().unwrap().id, 999_999_999);
    }
}
