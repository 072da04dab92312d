//! Doors for the fuzz targets: options, and what authenticators answer to them.

use super::ceremony::{self, Answer};
use super::model::{Credential, Options, Wishes, origin_text};
use portcullis_wire::Object;

/// What was offered to an authenticator.
#[derive(Clone, Debug)]
pub struct Offer<'a> {
    /// In base64url.
    pub challenge: &'a str,
    /// The site.
    pub origin: &'a str,
    /// Its domain.
    pub relying_party_id: &'a str,
    /// `required`, `preferred` or `discouraged`.
    pub user_verification: &'a str,
}

impl Offer<'_> {
    fn options(&self) -> Options {
        Options {
            id: String::new(),
            tenant_id: String::new(),
            challenge: self.challenge.to_owned(),
            email: None,
            relying_party_id: self.relying_party_id.to_owned(),
            relying_party_name: String::new(),
            origin: self.origin.to_owned(),
            created_at: 0,
            expires_at: 0,
            user_verification: self.user_verification.to_owned(),
            user_presence: true,
        }
    }

    /// Whether such options are made.
    pub fn is_made(&self) -> bool {
        let wishes = Wishes {
            origin: self.origin,
            relying_party_id: self.relying_party_id,
            timeout: 0,
            user_verification: self.user_verification,
            attestation: "none",
            resident_key: "required",
        };
        wishes.check().is_ok()
    }
}

/// The origin as browsers write it.
pub fn browser_origin(origin: &str) -> Option<String> {
    origin_text(origin)
}

/// A passkey: its id, its key and its counter.
pub type Passkey = (String, Vec<u8>, i64);

/// The passkey that was made, if what was answered is taken.
pub fn register(offer: &Offer<'_>, credential: &Object) -> Option<Passkey> {
    let new = ceremony::register(&offer.options(), &Answer::read(credential).ok()?).ok()?;
    Some((new.id, new.public_key, new.counter))
}

/// The passkey's new counter, if what was answered is taken.
pub fn authenticate(offer: &Offer<'_>, passkey: &Passkey, credential: &Object) -> Option<i64> {
    let (id, public_key, counter) = passkey.clone();
    let stored = Credential {
        id,
        relying_party_id: String::new(),
        user_id: String::new(),
        public_key,
        counter,
        created_at: 0,
        updated_at: 0,
    };
    ceremony::authenticate(&offer.options(), &stored, &Answer::read(credential).ok()?, false).ok()
}
