//! Tokens that were verified already, so that the next request with one costs no signature.
//!
//! A token is looked up by its whole text. It is remembered no longer than it lives, than the list of keys
//! that it was verified with is in use, and than nobody ended its session through this SDK: then it is
//! worth what its signature says again, which is what a token is worth to all other backends.

use super::access_token::AccessToken;
use quick_cache::sync::Cache;
use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Longer tokens are verified each time, which bounds the memory that a number of tokens takes.
const LENGTH_MAX: usize = 8 << 10;
/// How many groups sessions are divided into. A session that ends takes the others of its group along,
/// which costs each a signature and nothing else.
const GROUPS: usize = 1024;

/// When a token was verified: with which list of keys, and after how many ends of sessions in its group.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mark {
    key_list: u64,
    ended: Ended,
}

/// How many sessions of a group have ended.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ended {
    group: usize,
    count: u64,
}

/// The tokens that were verified last.
pub(crate) struct VerifiedTokens {
    /// By their texts.
    tokens: Option<Cache<Arc<str>, AccessToken>>,
    /// How many sessions of each group have ended.
    ended: Box<[AtomicU64]>,
    hasher: RandomState,
}

impl fmt::Debug for VerifiedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedTokens")
            .field("len", &self.tokens.as_ref().map(Cache::len))
            .finish_non_exhaustive()
    }
}

impl VerifiedTokens {
    /// Keeps so many tokens; none if it is 0.
    pub(super) fn new(capacity: usize) -> Self {
        Self {
            tokens: (capacity > 0).then(|| Cache::new(capacity)),
            ended: std::iter::repeat_with(AtomicU64::default).take(GROUPS).collect(),
            hasher: RandomState::new(),
        }
    }

    /// A token by its text, if it was verified before.
    pub(super) fn find(&self, text: &str) -> Option<AccessToken> {
        self.tokens.as_ref()?.get(text)
    }

    /// Whether a token was verified with the keys of this list, and its session goes on as far as this SDK
    /// knows.
    pub(super) fn believes(&self, token: &AccessToken, key_list: Option<u64>) -> bool {
        let goes_on = |ended: Ended| self.count(ended.group).load(Ordering::Acquire) == ended.count;
        token.mark().is_some_and(|mark| Some(mark.key_list) == key_list && goes_on(mark.ended))
    }

    /// How many sessions have ended that a token may belong to: asked before it is verified.
    pub(super) fn ended(&self, token: &AccessToken) -> Ended {
        let group = self.group(&token.claims().session_handle);
        Ended { group, count: self.count(group).load(Ordering::Acquire) }
    }

    /// Remembers a token that was verified with a list of keys, and how many sessions had ended before.
    pub(super) fn insert(&self, token: &AccessToken, key_list: u64, ended: Ended) {
        // The first token after a refresh goes to the core in any case.
        if token.claims().is_unconfirmed || token.as_str().len() > LENGTH_MAX {
            return;
        }
        if let Some(tokens) = &self.tokens {
            let token = token.marked(Mark { key_list, ended });
            tokens.insert(Arc::clone(token.text()), token);
        }
    }

    /// Believes no token of a session any more without verifying it again.
    pub(super) fn forget_session(&self, handle: &str) {
        self.count(self.group(handle)).fetch_add(1, Ordering::AcqRel);
    }

    /// Believes no token any more without verifying it again.
    pub(super) fn forget_all(&self) {
        for group in &self.ended {
            group.fetch_add(1, Ordering::AcqRel);
        }
    }

    #[expect(clippy::cast_possible_truncation, reason = "the low bits are as good as any")]
    fn group(&self, handle: &str) -> usize {
        self.hasher.hash_one(handle) as usize
    }

    #[expect(clippy::indexing_slicing, reason = "the remainder is below the number of groups")]
    fn count(&self, group: usize) -> &AtomicU64 {
        &self.ended[group % GROUPS]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes::session::{Session, SessionRecipe, VerifyOptions};
    use crate::{
        AppInfo, Clock, CoreAddress, Cx, Error, Portcullis, SessionError, Transport, TransportError,
    };
    use async_trait::async_trait;
    use aws_lc_rs::rsa::KeySize;
    use aws_lc_rs::signature::{KeyPair, RSA_PKCS1_SHA256, RsaKeyPair};
    use base64::Engine as _;
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use bytes::Bytes;
    use http::{Request, Response};
    use serde_json::{Value, json};
    use std::sync::LazyLock;
    use std::sync::atomic::AtomicBool;
    use std::time::Duration;

    static KEY: LazyLock<RsaKeyPair> = LazyLock::new(|| RsaKeyPair::generate(KeySize::Rsa2048).unwrap());
    /// When the tests begin, in milliseconds.
    const START: i64 = 1_700_000_000_000;
    const KEYS_KEPT: Duration = Duration::from_mins(1);

    fn sign(header: &Value, payload: &Value) -> String {
        let part = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", part(header), part(payload));
        let mut signature = vec![0; KEY.public_modulus_len()];
        let random = aws_lc_rs::rand::SystemRandom::new();
        KEY.sign(&RSA_PKCS1_SHA256, &random, signed.as_bytes(), &mut signature).unwrap();
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature))
    }

    fn token() -> String {
        token_with(&json!(null))
    }

    /// A token with something that the app put into it.
    fn token_with(note: &Value) -> String {
        let header = json!({"alg": "RS256", "typ": "JWT", "version": "5", "kid": "d-1"});
        let exp = START / 1000 + 3600;
        let payload = json!({"sub": "u", "rsub": "u", "iat": 1, "exp": exp, "sessionHandle": "h", "tId": "public",
            "refreshTokenHash1": "x", "parentRefreshTokenHash1": null, "antiCsrfToken": null, "note": note});
        sign(&header, &payload)
    }

    /// A core with one key, until it is taken away; it ends every session that it is asked to end.
    #[derive(Debug, Default)]
    struct Core {
        has_no_key: AtomicBool,
        is_gone: AtomicBool,
    }

    #[async_trait]
    impl Transport for Core {
        async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, TransportError> {
            let key = KEY.public_key();
            let number = |bytes: &[u8]| URL_SAFE_NO_PAD.encode(bytes);
            let (n, e) = (key.modulus().big_endian_without_leading_zero(), key.exponent());
            let jwk = json!({"kty": "RSA", "kid": "d-1", "n": number(n),
                "e": number(e.big_endian_without_leading_zero())});
            let body = match request.uri().path() {
                "/apiversion" => json!({"versions": ["5.4"]}),
                "/.well-known/jwks.json" if self.has_no_key.load(Ordering::Relaxed) => json!({"keys": []}),
                "/.well-known/jwks.json" => json!({"keys": [jwk]}),
                _ if self.is_gone.load(Ordering::Relaxed) => return Err(TransportError::new("gone")),
                _ => json!({"status": "OK", "sessionHandlesRevoked": ["h"]}),
            };
            Ok(Response::new(Bytes::from(body.to_string())))
        }
    }

    struct World {
        core: Arc<Core>,
        clock: Clock,
        sdk: Portcullis,
        token: String,
    }

    impl World {
        fn new(capacity: usize) -> Self {
            let (core, clock) = (Arc::new(Core::default()), Clock::fixed(START));
            let transport: Arc<dyn Transport> = Arc::clone(&core) as _;
            let info = AppInfo::new("Demo", "http://localhost:3001", "http://localhost:3000");
            let recipe = SessionRecipe::new().verified_tokens_max(capacity).jwks_refresh_interval(KEYS_KEPT);
            let builder = Portcullis::builder(info).core(CoreAddress::Transport(transport)).recipe(recipe);
            Self { sdk: builder.clock(clock.clone()).build().unwrap(), core, clock, token: token() }
        }

        async fn ask(&self) -> crate::Result<Option<Session>> {
            let options = VerifyOptions::new();
            self.sdk.session()?.verify_without_request(&Cx::new(&self.sdk), &self.token, None, &options).await
        }

        /// Whether the next verification costs no signature.
        fn is_believed(&self) -> bool {
            let sessions = self.sdk.session().unwrap();
            let token = sessions.parse(&self.token).unwrap();
            sessions.verified.believes(&token, sessions.keys.list_in_use())
        }
    }

    fn refreshes(outcome: &crate::Result<Option<Session>>) -> bool {
        matches!(outcome, Err(Error::Session(SessionError::TryRefreshToken { .. })))
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_is_believed_once_it_was_verified_and_no_longer_than_it_lives() {
        let world = World::new(10);
        assert!(!world.is_believed());
        for _ in 0..2 {
            assert_eq!(world.ask().await.unwrap().unwrap().user_id(), "u");
            assert!(world.is_believed());
        }
        world.clock.set(START + 3_600_000);
        assert!(refreshes(&world.ask().await));
    }

    #[tokio::test(start_paused = true)]
    async fn no_token_is_believed_if_none_is_to_be_remembered() {
        let world = World::new(0);
        assert!(world.ask().await.unwrap().is_some());
        assert!(!world.is_believed());
    }

    #[tokio::test(start_paused = true)]
    async fn no_more_tokens_are_remembered_than_were_asked_for() {
        let mut world = World::new(4);
        for number in 0..20 {
            world.token = token_with(&json!(number));
            assert!(world.ask().await.unwrap().is_some());
        }
        let sessions = world.sdk.session().unwrap();
        let kept = sessions.verified.tokens.as_ref().unwrap().len();
        assert!((1..=4).contains(&kept), "{kept}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_token_of_unusual_length_is_verified_each_time() {
        let mut world = World::new(4);
        for (length, is_believed) in [(LENGTH_MAX / 2, true), (LENGTH_MAX, false)] {
            world.token = token_with(&json!("x".repeat(length)));
            assert!(world.ask().await.unwrap().is_some());
            assert_eq!(world.is_believed(), is_believed, "{length}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_text_that_differs_in_one_byte_is_another_token() {
        let mut world = World::new(10);
        world.ask().await.unwrap();
        let mut changed = world.token.clone().into_bytes();
        let last = changed.len() - 10;
        changed[last] = if changed[last] == b'A' { b'B' } else { b'A' };
        world.token = String::from_utf8(changed).unwrap();
        assert!(!world.is_believed());
        assert!(refreshes(&world.ask().await));
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_was_ended_is_forgotten() {
        let world = World::new(10);
        let (sessions, cx) = (world.sdk.session().unwrap(), Cx::new(&world.sdk));
        world.ask().await.unwrap();
        sessions.revoke(&cx, "h").await.unwrap();
        assert!(!world.is_believed(), "by its handle");

        world.ask().await.unwrap();
        sessions.revoke_all_of_user(&cx, "u", true, None).await.unwrap();
        assert!(!world.is_believed(), "with all of its user");

        world.ask().await.unwrap();
        world.core.is_gone.store(true, Ordering::Relaxed);
        assert!(sessions.revoke_all_of_user(&cx, "u", true, None).await.is_err());
        assert!(!world.is_believed(), "when nobody knows whether the core did it");
    }

    #[tokio::test(start_paused = true)]
    async fn a_session_that_ends_while_its_token_is_verified_is_not_remembered() {
        let world = World::new(10);
        let sessions = world.sdk.session().unwrap();
        world.ask().await.unwrap();
        let list = sessions.keys.list_in_use().unwrap();
        let token = AccessToken::parse(&world.token).unwrap();
        let ended = sessions.verified.ended(&token);
        sessions.verified.forget_session("h");
        sessions.verified.insert(&token, list, ended);
        assert!(!world.is_believed());
    }

    #[tokio::test(start_paused = true)]
    async fn no_token_outlives_its_key() {
        let world = World::new(10);
        world.ask().await.unwrap();
        // The list is read again, and is the same.
        tokio::time::advance(KEYS_KEPT).await;
        assert!(!world.is_believed(), "until the list was read again");
        assert!(world.ask().await.unwrap().is_some());
        assert!(world.is_believed());

        world.core.has_no_key.store(true, Ordering::Relaxed);
        tokio::time::advance(KEYS_KEPT).await;
        assert!(refreshes(&world.ask().await));
        assert!(!world.is_believed());
    }

    #[tokio::test(start_paused = true)]
    async fn what_one_sdk_verified_is_nothing_to_another() {
        let (one, other) = (World::new(10), World::new(10));
        one.ask().await.unwrap();
        let token = one.sdk.session().unwrap().parse(&one.token).unwrap();
        assert!(token.mark().is_some());
        let sessions = other.sdk.session().unwrap();
        other.ask().await.unwrap();
        assert!(!sessions.verified.believes(&token, sessions.keys.list_in_use()));
    }
}
