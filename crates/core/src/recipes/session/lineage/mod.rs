//! Which refresh tokens of a session count, and what one that is shown means: the decisions of both
//! regimes, without clock, database or chance, so that a model checker can run through all of them.

#[cfg(test)]
mod checked;

use crate::crypto::digest::{secrets_equal, sha256_hex};
use portcullis_wire::session::ReuseSubtype;

/// Which refresh tokens count, as stored: each by the hash of its first hash.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Lineage {
    /// The one that counts as current.
    pub(super) current: String,
    /// The one that was current before.
    pub(super) previous: Option<String>,
    /// When it was replaced, in milliseconds.
    pub(super) rotated_at: Option<i64>,
    /// The end of the session, in milliseconds.
    pub(super) expires_at: i64,
}

/// When a new refresh token takes over from the one it was made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Regime {
    /// When it, or its access token, is first used: up to CDI 5.5.
    AtFirstUse,
    /// When it is made: from CDI 5.6 on. The old one may be shown again for so many milliseconds.
    WhenMade { grace: i64 },
}

/// A refresh token, by its text's first hash and the one of its parent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Shown<'a> {
    pub(super) hash1: &'a str,
    pub(super) parent_hash1: Option<&'a str>,
}

/// The time and how long a session lives from then on, both in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Moment {
    pub(super) now: i64,
    pub(super) validity: i64,
}

/// What becomes of a refresh token that is to be exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Exchange {
    /// The session is over.
    Expired,
    /// Its child is given out; `moved` if the lineage is to be written.
    Granted { moved: bool },
    /// It was replaced. With a subtype the session ends now; without, ending it is left to the SDK.
    Reused(Option<ReuseSubtype>),
}

/// How a refresh token stands to the stored hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Current,
    /// Made from the current one.
    Child,
    Previous,
    /// Made from the previous one.
    ChildOfPrevious,
    Unknown,
}

impl Lineage {
    /// The lineage of a new session whose refresh token has this first hash.
    pub(super) fn new(hash1: &str, expires_at: i64) -> Self {
        Self { current: sha256_hex(hash1), previous: None, rotated_at: None, expires_at }
    }

    fn place(&self, shown: Shown<'_>) -> Place {
        let parent_is = |known: &dyn Fn(&str) -> bool| shown.parent_hash1.is_some_and(known);
        if self.is_current(shown.hash1) {
            Place::Current
        } else if parent_is(&|parent| self.is_current(parent)) {
            Place::Child
        } else if self.was_previous(shown.hash1) {
            Place::Previous
        } else if parent_is(&|parent| self.was_previous(parent)) {
            Place::ChildOfPrevious
        } else {
            Place::Unknown
        }
    }

    fn is_current(&self, hash1: &str) -> bool {
        secrets_equal(&sha256_hex(hash1), &self.current)
    }

    fn was_previous(&self, hash1: &str) -> bool {
        self.previous.as_deref().is_some_and(|previous| secrets_equal(&sha256_hex(hash1), previous))
    }

    /// Exchanges a refresh token for a child, whose stored hash is given.
    pub(super) fn exchange(
        &mut self,
        shown: Shown<'_>,
        child: String,
        moment: Moment,
        regime: Regime,
    ) -> Exchange {
        if self.expires_at < moment.now {
            return Exchange::Expired;
        }
        let place = self.place(shown);
        let moved = match (regime, place) {
            (Regime::AtFirstUse, Place::Current) => false,
            (Regime::AtFirstUse, Place::Child) => {
                self.advance(sha256_hex(shown.hash1), moment);
                true
            }
            (Regime::AtFirstUse, _) => return Exchange::Reused(None),
            (Regime::WhenMade { .. }, Place::Current | Place::Child) => {
                self.current = sha256_hex(shown.hash1);
                self.advance(child, moment);
                true
            }
            (Regime::WhenMade { grace }, Place::Previous) if self.excuses(moment.now, grace) => {
                // The child that got lost is dead. The time of the exchange stays: no retry buys another.
                self.current = child;
                true
            }
            (Regime::WhenMade { .. }, Place::Previous) => {
                return Exchange::Reused(Some(ReuseSubtype::RecentPrev));
            }
            (Regime::WhenMade { .. }, Place::ChildOfPrevious) => {
                return Exchange::Reused(Some(ReuseSubtype::OrphanedBranch));
            }
            (Regime::WhenMade { .. }, Place::Unknown) => {
                return Exchange::Reused(Some(ReuseSubtype::StaleLineage));
            }
        };
        Exchange::Granted { moved }
    }

    fn excuses(&self, now: i64, grace: i64) -> bool {
        self.rotated_at.is_some_and(|rotated_at| now <= rotated_at.saturating_add(grace))
    }

    /// Up to CDI 5.5: an access token is used, with which the refresh token of that name was given out.
    /// Lets the refresh token take over if it is the current one's child; whether it did.
    pub(super) fn promote(&mut self, shown: Shown<'_>, moment: Moment) -> bool {
        let promotes = shown.parent_hash1.is_some_and(|parent| self.is_current(parent));
        if promotes {
            self.advance(sha256_hex(shown.hash1), moment);
        }
        promotes
    }

    /// Whether an access token belongs to the current refresh token or to the one before.
    pub(super) fn knows(&self, shown: Shown<'_>) -> bool {
        std::iter::once(shown.hash1)
            .chain(shown.parent_hash1)
            .any(|hash1| self.is_current(hash1) || self.was_previous(hash1))
    }

    /// Whether this is the current refresh token.
    pub(super) fn ends_in(&self, shown: Shown<'_>) -> bool {
        self.is_current(shown.hash1)
    }

    /// Makes a refresh token the current one and prolongs the session.
    fn advance(&mut self, hash2: String, moment: Moment) {
        self.previous = Some(std::mem::replace(&mut self.current, hash2));
        self.rotated_at = Some(moment.now);
        self.expires_at = moment.now + moment.validity;
    }
}
