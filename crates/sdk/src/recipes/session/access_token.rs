//! Access tokens: whether a text is one, and what it says. Whether it can be believed is another matter.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_wire::Object;
use serde::Deserialize;
use serde_json::Value;

/// A token taken apart. Nothing in it may be trusted before its signature was checked.
#[derive(Clone)]
pub(super) struct AccessToken {
    pub(super) raw: String,
    pub(super) kid: String,
    pub(super) payload: Object,
    pub(super) session_handle: String,
    pub(super) user_id: String,
    pub(super) recipe_user_id: String,
    /// In milliseconds.
    pub(super) expires_at: i64,
    pub(super) anti_csrf_token: Option<String>,
    /// Whether the token is the first after a refresh, which the core must hear of.
    pub(super) is_unconfirmed: bool,
    pub(super) signature: Vec<u8>,
    signed_len: usize,
}

#[derive(Deserialize)]
struct Header {
    typ: String,
    alg: Option<String>,
    kid: String,
    version: Option<String>,
}

/// Tokens longer than this are not looked at: no payload that fits into a cookie or header is as long.
const LENGTH_MAX: usize = 64 << 10;

impl AccessToken {
    /// Takes a token apart; `None` if it is not one of this protocol, such as another service's.
    pub(super) fn parse(raw: &str) -> Option<Self> {
        if raw.len() > LENGTH_MAX {
            return None;
        }
        let (signed, signature) = raw.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        if payload.contains('.') {
            return None;
        }
        let header: Header = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(header).ok()?).ok()?;
        let version = header.version.as_deref().map_or(Some(3), |version| version.parse::<u32>().ok())?;
        let is_ours = header.typ == "JWT" && header.alg.as_deref().is_none_or(|alg| alg == "RS256");
        if !is_ours || version < 3 {
            return None;
        }
        let payload: Object = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
        let text = |name: &str| payload.get(name).and_then(Value::as_str).map(str::to_owned);
        let number = |name: &str| payload.get(name).and_then(Value::as_i64);
        let is_access_token = payload.get("stt").is_none_or(|kind| *kind == 0);
        let has_tenant = version < 4 || text("tId").is_some();
        if !is_access_token || !has_tenant {
            return None;
        }
        let (user_id, hash) = (text("sub")?, text("refreshTokenHash1")?);
        let recipe_user_id =
            if version >= 5 { text("rsub")? } else { text("rsub").unwrap_or(user_id.clone()) };
        let (session_handle, _) = (text("sessionHandle")?, hash);
        let (expires_at, _) = (number("exp")?.checked_mul(1000)?, number("iat")?);
        Some(Self {
            kid: header.kid,
            session_handle,
            user_id,
            recipe_user_id,
            expires_at,
            anti_csrf_token: text("antiCsrfToken"),
            is_unconfirmed: text("parentRefreshTokenHash1").is_some(),
            signature: URL_SAFE_NO_PAD.decode(signature).ok()?,
            signed_len: signed.len(),
            payload,
            raw: raw.to_owned(),
        })
    }

    /// What the signature covers.
    pub(super) fn signed(&self) -> &[u8] {
        &self.raw.as_bytes()[..self.signed_len]
    }
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
        assert_eq!((parsed.user_id.as_str(), parsed.recipe_user_id.as_str()), ("u", "r"));
        assert_eq!((parsed.expires_at, parsed.is_unconfirmed), (2000, false));
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
        for raw in ["", ".", "..", "a.b.c", "a.b.c.d", "ä.ö.ü"] {
            assert!(AccessToken::parse(raw).is_none(), "{raw}");
        }
    }
}
