//! Access tokens: whether a text is one, and what it says. Whether it can be believed is another matter.

use super::verified::Mark;
use crate::PUBLIC_TENANT;
use arc_swap::ArcSwapOption;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use portcullis_wire::Object;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::Value;
use std::borrow::Cow;
use std::fmt;
use std::sync::{Arc, OnceLock};

/// An access token that was taken apart. Nothing in it may be believed before its signature was checked,
/// which [`Functions::verify_session`](super::Functions::verify_session) does.
#[derive(Clone)]
pub struct AccessToken {
    parts: Arc<Parts>,
    mark: Option<Mark>,
}

struct Parts {
    text: Arc<str>,
    signed_len: usize,
    signature: Vec<u8>,
    /// Tokens of version 2 say nothing in it.
    header: Option<Arc<Header>>,
    claims: Claims,
    json: Vec<u8>,
    /// Read when somebody asks for it: most requests only want to know whose they are.
    payload: OnceLock<Arc<Object>>,
}

/// What a token's header says.
struct Header {
    text: Box<str>,
    kid: String,
    version: u32,
}

/// The header that was read last: all tokens that one key signed have the same.
static LAST_HEADER: ArcSwapOption<Header> = ArcSwapOption::const_empty();

/// What the SDK itself reads of a token.
pub(super) struct Claims {
    pub(super) session_handle: String,
    pub(super) user_id: String,
    pub(super) recipe_user_id: String,
    pub(super) tenant_id: String,
    /// In milliseconds.
    pub(super) expires_at: i64,
    pub(super) anti_csrf_token: Option<String>,
    /// Whether the token is the first after a refresh, which the core must hear of.
    pub(super) is_unconfirmed: bool,
}

#[derive(Deserialize)]
struct HeaderJson {
    typ: String,
    alg: Option<String>,
    kid: String,
    version: Option<String>,
}

/// The claims of tokens from version 3 on; times are in seconds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Payload<'p> {
    sub: String,
    rsub: Option<String>,
    session_handle: String,
    #[serde(rename = "refreshTokenHash1", borrow)]
    _refresh_token_hash1: Cow<'p, str>,
    parent_refresh_token_hash1: Option<String>,
    anti_csrf_token: Option<String>,
    t_id: Option<String>,
    exp: i64,
    #[serde(rename = "iat")]
    _iat: i64,
    /// The kind of token; 0 are access tokens.
    #[serde(default = "zero")]
    stt: Value,
}

/// The claims of version 2 and before; times are in milliseconds.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OldPayload {
    user_id: String,
    session_handle: String,
    #[serde(rename = "refreshTokenHash1")]
    _refresh_token_hash1: String,
    parent_refresh_token_hash1: Option<String>,
    anti_csrf_token: Option<String>,
    user_data: Object,
    expiry_time: i64,
    #[serde(rename = "timeCreated")]
    _time_created: i64,
}

fn zero() -> Value {
    0.into()
}

/// Tokens longer than this are not looked at: no payload that fits into a cookie or header is as long.
const LENGTH_MAX: usize = 64 << 10;

/// The headers of versions 1 and 2, which name no key: `{"alg":"RS256","typ":"JWT","version":"2"}`.
const OLD_HEADERS: [&str; 2] = [
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsInZlcnNpb24iOiIxIn0=",
    "eyJhbGciOiJSUzI1NiIsInR5cCI6IkpXVCIsInZlcnNpb24iOiIyIn0=",
];

// Whoever has the text has the session.
impl fmt::Debug for AccessToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AccessToken([secret])")
    }
}

impl AccessToken {
    /// Takes a token apart; `None` if it is not one of this protocol, such as another service's.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > LENGTH_MAX {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        if payload.contains('.') {
            return None;
        }
        let signed_len = signed.len();
        let parts = if OLD_HEADERS.contains(&header) {
            let (claims, payload) = old_claims(&STANDARD.decode(payload).ok()?)?;
            let (signature, payload) = (STANDARD.decode(signature).ok()?, OnceLock::from(Arc::new(payload)));
            Parts {
                text: text.into(),
                signed_len,
                signature,
                header: None,
                claims,
                json: Vec::new(),
                payload,
            }
        } else {
            let header = read_header(header)?;
            let json = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(payload).ok()?;
            let claims = claims(header.version, &json)?;
            let signature = base64_simd::URL_SAFE_NO_PAD.decode_to_vec(signature).ok()?;
            Parts {
                text: text.into(),
                signed_len,
                signature,
                header: Some(header),
                claims,
                json,
                payload: OnceLock::new(),
            }
        };
        Some(Self { parts: Arc::new(parts), mark: None })
    }

    /// The token itself, as it was shown: a secret.
    pub fn as_str(&self) -> &str {
        &self.parts.text
    }

    pub(super) fn text(&self) -> &Arc<str> {
        &self.parts.text
    }

    /// The key that signed it; tokens of version 2 name none.
    pub(super) fn kid(&self) -> Option<&str> {
        self.parts.header.as_ref().map(|header| header.kid.as_str())
    }

    pub(super) fn claims(&self) -> &Claims {
        &self.parts.claims
    }

    /// That it was verified before, if it was.
    pub(super) fn mark(&self) -> Option<Mark> {
        self.mark
    }

    pub(super) fn marked(&self, mark: Mark) -> Self {
        Self { parts: Arc::clone(&self.parts), mark: Some(mark) }
    }

    /// What the signature covers.
    pub(super) fn signed(&self) -> &[u8] {
        &self.parts.text.as_bytes()[..self.parts.signed_len]
    }

    pub(super) fn signature(&self) -> &[u8] {
        &self.parts.signature
    }

    /// Everything that it says; of tokens of version 2, what the app put into them.
    pub(super) fn payload(&self) -> &Arc<Object> {
        self.parts.payload.get_or_init(|| {
            // It was read once already, as far as the SDK needs it.
            let payload = serde_json::from_slice(&self.parts.json).map(|Roomy(payload)| payload);
            Arc::new(payload.unwrap_or_default())
        })
    }
}

fn read_header(text: &str) -> Option<Arc<Header>> {
    if let Some(last) = LAST_HEADER.load().as_ref().filter(|last| *last.text == *text) {
        return Some(Arc::clone(last));
    }
    let header: HeaderJson = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
    let version = header.version.as_deref().map_or(Some(3), |version| version.parse().ok())?;
    let is_ours = header.typ == "JWT" && header.alg.as_deref().is_none_or(|alg| alg == "RS256");
    if !is_ours || version < 3 {
        return None;
    }
    let header = Arc::new(Header { text: text.into(), kid: header.kid, version });
    LAST_HEADER.store(Some(Arc::clone(&header)));
    Some(header)
}

/// A payload that is read without making room for it again and again.
struct Roomy(Object);

/// How many claims a usual access token has at most.
const CLAIMS_USUAL: usize = 24;

impl<'de> Deserialize<'de> for Roomy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Room)
    }
}

struct Room;

impl<'de> Visitor<'de> for Room {
    type Value = Roomy;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a token's claims")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Roomy, A::Error> {
        let mut claims = Object::with_capacity(CLAIMS_USUAL);
        while let Some((name, value)) = access.next_entry()? {
            claims.insert(name, value);
        }
        Ok(Roomy(claims))
    }
}

fn claims(version: u32, json: &[u8]) -> Option<Claims> {
    let payload: Payload<'_> = serde_json::from_slice(json).ok()?;
    let lacks = (version >= 4 && payload.t_id.is_none()) || (version >= 5 && payload.rsub.is_none());
    if lacks || payload.stt != 0 {
        return None;
    }
    Some(Claims {
        session_handle: payload.session_handle,
        recipe_user_id: payload.rsub.unwrap_or_else(|| payload.sub.clone()),
        user_id: payload.sub,
        tenant_id: payload.t_id.unwrap_or_else(|| PUBLIC_TENANT.to_owned()),
        expires_at: payload.exp.checked_mul(1000)?,
        anti_csrf_token: payload.anti_csrf_token,
        is_unconfirmed: payload.parent_refresh_token_hash1.is_some(),
    })
}

fn old_claims(json: &[u8]) -> Option<(Claims, Object)> {
    let payload: OldPayload = serde_json::from_slice(json).ok()?;
    let claims = Claims {
        session_handle: payload.session_handle,
        recipe_user_id: payload.user_id.clone(),
        user_id: payload.user_id,
        tenant_id: PUBLIC_TENANT.to_owned(),
        expires_at: payload.expiry_time,
        anti_csrf_token: payload.anti_csrf_token,
        is_unconfirmed: payload.parent_refresh_token_hash1.is_some(),
    };
    Some((claims, payload.user_data))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn token(header: &Value, payload: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        format!("{}.{}.{}", part(header), part(payload), URL_SAFE_NO_PAD.encode("signature"))
    }

    fn payload() -> Value {
        json!({"sub": "u", "rsub": "r", "iat": 1, "exp": 2, "sessionHandle": "h", "refreshTokenHash1": "x",
            "parentRefreshTokenHash1": null, "antiCsrfToken": null, "tId": "public"})
    }

    #[test]
    fn a_token_says_whose_it_is() {
        let header = json!({"alg": "RS256", "typ": "JWT", "version": "5", "kid": "d-1"});
        let raw = token(&header, &payload());
        let parsed = AccessToken::parse(&raw).unwrap();
        let claims = parsed.claims();
        assert_eq!((claims.user_id.as_str(), claims.recipe_user_id.as_str()), ("u", "r"));
        assert_eq!((claims.expires_at, claims.is_unconfirmed), (2000, false));
        assert_eq!(serde_json::to_value(&**parsed.payload()).unwrap(), payload());
        assert_eq!(parsed.signed(), raw.rsplit_once('.').unwrap().0.as_bytes());
    }

    #[test]
    fn another_service_s_token_is_none_of_ours() {
        let good = json!({"alg": "RS256", "typ": "JWT", "version": "5", "kid": "d-1"});
        for (name, value) in [
            ("typ", json!("at+jwt")),
            ("version", json!("2")),
            ("version", json!(5)),
            ("kid", json!(null)),
            ("alg", json!("none")),
        ] {
            let mut header = good.clone();
            header[name] = value;
            assert!(AccessToken::parse(&token(&header, &payload())).is_none(), "{name}");
        }
        for name in ["sub", "rsub", "iat", "exp", "sessionHandle", "refreshTokenHash1", "tId"] {
            let mut without = payload();
            without.as_object_mut().unwrap().remove(name);
            assert!(AccessToken::parse(&token(&good, &without)).is_none(), "{name}");
        }
        let mut oauth = payload();
        oauth["stt"] = json!(1);
        assert!(AccessToken::parse(&token(&good, &oauth)).is_none());
        let good = token(&good, &payload());
        let (signed, _) = good.rsplit_once('.').unwrap();
        assert!(AccessToken::parse(&format!("{signed}.-_8A")).is_some());
        // Padding, the other alphabet, and bits that nothing is made of.
        for signature in ["AA==", "+/8A", "AB", "A", "A A", "AAAA\n"] {
            assert!(AccessToken::parse(&format!("{signed}.{signature}")).is_none(), "{signature}");
        }
        for raw in ["", ".", "..", "a.b.c", "a.b.c.d", "ä.ö.ü"] {
            assert!(AccessToken::parse(raw).is_none(), "{raw}");
        }
    }

    #[test]
    fn tokens_of_version_2_say_what_the_app_put_into_them() {
        let payload = json!({"userId": "u", "sessionHandle": "h", "refreshTokenHash1": "x", "userData": {"a": 1},
            "parentRefreshTokenHash1": "y", "antiCsrfToken": null, "expiryTime": 2, "timeCreated": 1});
        let token = |header: &str, payload: &Value| {
            format!("{header}.{}.{}", STANDARD.encode(payload.to_string()), STANDARD.encode("signature"))
        };
        for header in OLD_HEADERS {
            let parsed = AccessToken::parse(&token(header, &payload)).unwrap();
            let claims = parsed.claims();
            assert_eq!((claims.user_id.as_str(), claims.recipe_user_id.as_str()), ("u", "u"));
            assert_eq!(
                (claims.tenant_id.as_str(), claims.expires_at, claims.is_unconfirmed),
                ("public", 2, true)
            );
            assert_eq!(
                (parsed.kid(), serde_json::to_value(&**parsed.payload()).unwrap()),
                (None, json!({"a": 1}))
            );
        }
        for name in ["userId", "sessionHandle", "refreshTokenHash1", "userData", "expiryTime", "timeCreated"]
        {
            let mut without = payload.clone();
            without.as_object_mut().unwrap().remove(name);
            assert!(AccessToken::parse(&token(OLD_HEADERS[1], &without)).is_none(), "{name}");
        }
    }
}
