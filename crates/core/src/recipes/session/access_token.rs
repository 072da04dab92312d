//! What an access token says in each of its versions, and which names a payload may not use.

use crate::PUBLIC;
use crate::crypto::jws::{self, ParsedToken, TokenVersion};
use crate::crypto::signing_key::SigningKey;
use crate::{Error, Result};
use portcullis_wire::{Cdi, Object};
use serde_json::{Value, json};

/// What an access token says. Times in milliseconds.
#[derive(Clone, Debug)]
pub(super) struct AccessToken {
    pub(super) version: TokenVersion,
    pub(super) handle: String,
    /// The primary user.
    pub(super) user_id: String,
    /// The login method.
    pub(super) recipe_user_id: String,
    pub(super) tenant_id: String,
    pub(super) refresh_token_hash1: String,
    pub(super) parent_refresh_token_hash1: Option<String>,
    pub(super) anti_csrf: Option<String>,
    pub(super) expires_at: i64,
    pub(super) created_at: i64,
    /// The caller's own claims.
    pub(super) payload: Object,
}

const V2_NAMES: &[&str] = &["userId", "expiryTime", "timeCreated", "sessionHandle", "refreshTokenHash1"];
const V5_NAMES: &[&str] = &[
    "sub",
    "exp",
    "iat",
    "sessionHandle",
    "refreshTokenHash1",
    "parentRefreshTokenHash1",
    "antiCsrfToken",
    "tId",
    "rsub",
];

/// The version that a protocol version issues.
pub(super) fn version_for(cdi: Cdi) -> TokenVersion {
    match cdi {
        cdi if cdi < Cdi::V2_21 => TokenVersion::V2,
        cdi if cdi < Cdi::V3_0 => TokenVersion::V3,
        cdi if cdi < Cdi::V4_0 => TokenVersion::V4,
        _ => TokenVersion::V5,
    }
}

/// The names that a version keeps for itself.
fn reserved(version: TokenVersion) -> &'static [&'static str] {
    match version {
        TokenVersion::V1 | TokenVersion::V2 => V2_NAMES,
        TokenVersion::V3 => &V5_NAMES[..7],
        TokenVersion::V4 => &V5_NAMES[..8],
        TokenVersion::V5 => V5_NAMES,
    }
}

/// Whether a payload uses a name that the version keeps for itself.
pub(super) fn is_protected(version: TokenVersion, payload: &Object) -> bool {
    reserved(version).iter().any(|name| payload.contains_key(*name))
}

/// Text of the refusal.
pub(super) const PROTECTED: &str = "The user payload contains protected field";

fn is_old(version: TokenVersion) -> bool {
    version <= TokenVersion::V2
}

impl AccessToken {
    /// Cuts the times to what the version can say: whole seconds from version 3 on.
    pub(super) fn cut_times(&mut self) {
        if !is_old(self.version) {
            self.expires_at -= self.expires_at.rem_euclid(1000);
            self.created_at -= self.created_at.rem_euclid(1000);
        }
    }

    /// Signs it.
    pub(super) fn sign(&self, key: &SigningKey) -> Result<String> {
        let claims = if is_old(self.version) { self.old_claims() } else { self.claims() };
        let claims = serde_json::to_string(&claims).map_err(Error::internal)?;
        let version = match self.version {
            TokenVersion::V1 => return Ok(jws::encode_v1(key, &claims)),
            TokenVersion::V2 => return Ok(jws::encode_v2(key, &claims)),
            TokenVersion::V3 => "3",
            TokenVersion::V4 => "4",
            TokenVersion::V5 => "5",
        };
        let header = json!({"kid": key.kid(), "version": version, "typ": "JWT", "alg": "RS256"});
        Ok(jws::encode(key, &header.to_string(), &claims))
    }

    /// Every name is there, `null` when unset: SDKs tell tokens by their keys.
    fn claims(&self) -> Object {
        let values = [
            json!(self.user_id),
            json!(self.expires_at / 1000),
            json!(self.created_at / 1000),
            json!(self.handle),
            json!(self.refresh_token_hash1),
            json!(self.parent_refresh_token_hash1),
            json!(self.anti_csrf),
            json!(self.tenant_id),
            json!(self.recipe_user_id),
        ];
        let names = reserved(self.version).iter().map(|name| (*name).to_owned());
        let mut claims: Object = names.zip(values).collect();
        claims.extend(self.payload.clone());
        claims
    }

    fn old_claims(&self) -> Object {
        let mut claims = Object::new();
        let mut set = |name: &str, value: Value| claims.insert(name.to_owned(), value);
        set("sessionHandle", json!(self.handle));
        set("userId", json!(self.user_id));
        set("refreshTokenHash1", json!(self.refresh_token_hash1));
        set("expiryTime", json!(self.expires_at));
        set("timeCreated", json!(self.created_at));
        set("userData", Value::Object(self.payload.clone()));
        if let Some(parent) = &self.parent_refresh_token_hash1 {
            set("parentRefreshTokenHash1", json!(parent));
        }
        if let Some(anti_csrf) = &self.anti_csrf {
            set("antiCsrfToken", json!(anti_csrf));
        }
        claims
    }

    /// Reads a token's claims; the refusal is the text for the caller. Says nothing about signature and age.
    pub(super) fn read(parsed: ParsedToken) -> std::result::Result<Self, String> {
        let (version, claims) = (parsed.version, parsed.payload);
        if let Some(name) = reserved(version).iter().find(|name| !claims.contains_key(**name)) {
            return Err(incomplete(name));
        }
        let text = |name: &str| claims.get(name).and_then(Value::as_str).map(str::to_owned);
        let needed = |name: &str| text(name).ok_or_else(|| incomplete(name));
        let time = |name: &str| claims.get(name).and_then(Value::as_i64).ok_or_else(|| incomplete(name));
        let old = is_old(version);
        let user_id = needed(if old { "userId" } else { "sub" })?;
        let (expires_at, created_at) = if old {
            (time("expiryTime")?, time("timeCreated")?)
        } else {
            (time("exp")?.saturating_mul(1000), time("iat")?.saturating_mul(1000))
        };
        Ok(Self {
            handle: needed("sessionHandle")?,
            recipe_user_id: if version == TokenVersion::V5 { needed("rsub")? } else { user_id.clone() },
            user_id,
            tenant_id: if version >= TokenVersion::V4 { needed("tId")? } else { PUBLIC.to_owned() },
            refresh_token_hash1: needed("refreshTokenHash1")?,
            parent_refresh_token_hash1: text("parentRefreshTokenHash1"),
            anti_csrf: text("antiCsrfToken"),
            expires_at,
            created_at,
            payload: own_claims(version, claims)?,
            version,
        })
    }
}

fn own_claims(version: TokenVersion, mut claims: Object) -> std::result::Result<Object, String> {
    if is_old(version) {
        let Some(Value::Object(payload)) = claims.remove("userData") else {
            return Err(incomplete("userData"));
        };
        return Ok(payload);
    }
    claims.retain(|name, _| !reserved(version).contains(&name.as_str()));
    Ok(claims)
}

fn incomplete(name: &str) -> String {
    format!("Access token does not contain all the information. Maybe the structure has changed? {name}")
}
