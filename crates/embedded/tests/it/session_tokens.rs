//! Which access tokens are believed: the core's own as it signed them, and nothing else. And how the keys
//! that tell so are read.

use crate::app::{TestApp, info, object};
use async_trait::async_trait;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use bytes::Bytes;
use http::{Method, Request, Response};
use portcullis::recipes::jwt::NewJwt;
use portcullis::recipes::session::{NewSession, Session, SessionRecipe, VerifyOptions};
use portcullis::{CoreAddress, Cx, Error, Portcullis, Result, SessionError, Transport, TransportError};
use portcullis_testkit::{Shape, ShapedCore};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use rstest::rstest;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::runtime::Runtime;

/// An app with one session.
struct World {
    runtime: Runtime,
    app: TestApp,
    token: String,
    refresh_token: String,
}

impl World {
    fn new(shape: Shape) -> Self {
        let runtime = Runtime::new().unwrap();
        let app = TestApp::new(shape, |builder| builder.recipe(SessionRecipe::new()));
        let app = runtime.block_on(app);
        let made = runtime.block_on(create(&app.sdk)).unwrap();
        let tokens = made.all_tokens_dangerously();
        let refresh_token = tokens.refresh_token.unwrap();
        let world = Self { runtime, token: tokens.access_token, refresh_token, app };
        assert!(world.accepts(&world.token), "the token as it is");
        world
    }

    fn ask(&self, token: &str) -> Result<Option<Session>> {
        self.runtime.block_on(verify(&self.app.sdk, token))
    }

    fn accepts(&self, token: &str) -> bool {
        matches!(self.ask(token), Ok(Some(_)))
    }

    /// The token with another header, and its own payload and signature.
    fn with_header(&self, header: &Value) -> String {
        let (_, rest) = self.token.split_once('.').unwrap();
        format!("{}.{rest}", encode(header))
    }
}

async fn create(sdk: &Portcullis) -> Result<Session> {
    sdk.session()?.create_without_request(&Cx::new(sdk), NewSession::of("ann")).await
}

async fn verify(sdk: &Portcullis, token: &str) -> Result<Option<Session>> {
    let options = VerifyOptions::new().optional();
    sdk.session()?.verify_without_request(&Cx::new(sdk), token, None, &options).await
}

fn encode(part: &Value) -> String {
    URL_SAFE_NO_PAD.encode(part.to_string())
}

fn part(token: &str, at: usize) -> Value {
    let text = token.split('.').nth(at).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).unwrap()).unwrap()
}

#[rstest]
fn no_bit_of_a_token_can_be_changed(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape);
    for at in 0..world.token.len() {
        for bit in 0..8 {
            let mut bytes = world.token.clone().into_bytes();
            bytes[at] ^= 1 << bit;
            // What is no text does not get out of a header.
            let Ok(changed) = String::from_utf8(bytes) else { continue };
            assert!(!world.accepts(&changed), "bit {bit} of byte {at}");
        }
    }
}

#[rstest]
fn no_piece_of_a_token_is_one(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape);
    for at in 0..world.token.len() {
        assert!(!world.accepts(&world.token[..at]), "the first {at} bytes");
        assert!(!world.accepts(&world.token[at + 1..]), "without the first {}", at + 1);
    }
    for longer in ["=", "A", ".", " ", ".e30"] {
        assert!(!world.accepts(&format!("{}{longer}", world.token)), "followed by '{longer}'");
    }
}

#[rstest]
fn the_header_does_not_choose_how_a_token_is_verified(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape);
    let header = part(&world.token, 0);
    let with = |name: &str, value: Value| {
        let mut header = header.clone();
        header[name] = value;
        header
    };
    for alg in ["none", "None", "HS256", "RS384", "RS512", "PS256", "ES256", "EdDSA", "", "rs256"] {
        assert!(!world.accepts(&world.with_header(&with("alg", json!(alg)))), "{alg}");
    }
    // The public key as the secret of a symmetric signature, in the forms in which it is published.
    let keys = world.runtime.block_on(world.app.sdk.jwt().jwks(&Cx::new(&world.app.sdk))).unwrap().keys;
    let key = keys.iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let modulus = key["n"].as_str().unwrap();
    let payload = world.token.split('.').nth(1).unwrap();
    for alg in ["HS256", "RS256", "none"] {
        let signed = format!("{}.{payload}", encode(&with("alg", json!(alg))));
        assert!(!world.accepts(&format!("{signed}.")), "no signature, {alg}");
        for secret in
            [modulus.as_bytes().to_vec(), URL_SAFE_NO_PAD.decode(modulus).unwrap(), key.to_string().into()]
        {
            let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &secret), signed.as_bytes());
            assert!(!world.accepts(&format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))), "{alg}");
        }
    }
    let others = keys.iter().map(|key| key["kid"].clone()).filter(|kid| *kid != header["kid"]);
    let others: Vec<_> = others.chain([json!(""), json!("d-1"), json!("s-1"), json!("../x")]).collect();
    assert!(others.len() > 4, "the core has a static key as well");
    for kid in others {
        assert!(!world.accepts(&world.with_header(&with("kid", kid.clone()))), "{kid}");
    }
    for (name, value) in [("typ", json!("at+jwt")), ("version", json!("2")), ("version", json!("6"))] {
        assert!(!world.accepts(&world.with_header(&with(name, value))), "{name}");
    }
    let embedded_key = json!({"jwk": key, "alg": "RS256", "typ": "JWT", "version": "5", "kid": "d-mine"});
    assert!(!world.accepts(&world.with_header(&embedded_key)));
}

#[rstest]
fn other_claims_other_kinds_and_other_cores_are_refused(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let world = World::new(shape);
    let mut parts: Vec<String> = world.token.split('.').map(str::to_owned).collect();
    for (name, value) in [("sub", json!("eve")), ("exp", json!(99_999_999_999_i64)), ("tId", json!("t1"))] {
        let mut payload = part(&world.token, 1);
        payload[name] = value;
        parts[1] = encode(&payload);
        assert!(!world.accepts(&parts.join(".")), "{name}");
    }
    assert!(!world.accepts(&world.refresh_token), "a refresh token");
    let sdk = &world.app.sdk;
    let claims = object(&json!({"sub": "ann", "role": "admin"}));
    for new in [NewJwt::of(claims.clone()), NewJwt::of(claims).with_dynamic_key()] {
        let token = world.runtime.block_on(sdk.jwt().create(&Cx::new(sdk), new)).unwrap();
        assert!(!world.accepts(&token), "a token for another service");
    }
    // With the right claims but a key that signs no sessions.
    let forged = NewJwt::of(object(&part(&world.token, 1)));
    let forged = world.runtime.block_on(sdk.jwt().create(&Cx::new(sdk), forged)).unwrap();
    assert!(!world.accepts(&forged), "the static key");
    assert!(!world.accepts(&World::new(shape).token), "another core's");
}

#[rstest]
fn a_token_dies_to_the_second(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape);
    let expires_at = part(&world.token, 1)["exp"].as_i64().unwrap() * 1000;
    world.app.advance(expires_at - 1 - world.app.sdk.now());
    assert!(world.accepts(&world.token));
    for late in [0, 1, 1000, 1_000_000_000] {
        world.app.advance(expires_at + late - world.app.sdk.now());
        let refused = world.ask(&world.token).unwrap_err();
        assert!(matches!(refused, Error::Session(SessionError::TryRefreshToken { .. })), "{refused:?}");
    }
}

#[rstest]
fn what_nobody_signed_is_refused_and_never_a_panic(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let world = World::new(shape);
    let json_part = prop_oneof![
        Just(part(&world.token, 0).to_string()),
        Just(part(&world.token, 1).to_string()),
        Just("{}".to_owned()),
        Just("[]".to_owned()),
        Just(r#"{"typ":"JWT","kid":"","version":"99999999999999999999"}"#.to_owned()),
        Just(format!("{}1{}", "[".repeat(200), "]".repeat(200))),
        ".{0,60}",
    ];
    let encoded = json_part.prop_map(|text| URL_SAFE_NO_PAD.encode(text));
    let token = prop_oneof![
        any::<String>(),
        "[A-Za-z0-9_.=-]{0,200}",
        prop::collection::vec(encoded, 0..5).prop_map(|parts| parts.join(".")),
        (any::<prop::sample::Index>(), any::<String>()).prop_map({
            let token = world.token.clone();
            move |(at, text)| {
                let (before, after) = token.split_at(at.index(token.len()));
                format!("{before}{text}{after}")
            }
        }),
    ];
    let mut runner = TestRunner::new(Config { cases: 3000, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&token, |token| {
        prop_assert!(token == world.token || !world.accepts(&token), "{token}");
        Ok(())
    });
    outcome.unwrap();
}

/// Two cores of which the second takes the first one's place, and how often keys were asked for.
#[derive(Debug)]
struct Cores {
    first: ShapedCore,
    second: ShapedCore,
    is_second: AtomicBool,
    keys_read: AtomicUsize,
}

#[async_trait]
impl Transport for Cores {
    async fn send(&self, request: Request<Bytes>) -> std::result::Result<Response<Bytes>, TransportError> {
        if request.uri().path() == "/.well-known/jwks.json" {
            self.keys_read.fetch_add(1, Ordering::SeqCst);
            // Long enough that calls that come together find the first one still reading.
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let core = if self.is_second.load(Ordering::SeqCst) { &self.second } else { &self.first };
        core.send(request).await
    }
}

#[rstest]
#[tokio::test]
async fn keys_are_read_once_and_again_only_for_a_key_that_is_missing(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let start = async || shape.start_core(&json!({}), portcullis_embedded::Clock::system()).await;
    let cores = Arc::new(Cores {
        first: start().await,
        second: start().await,
        is_second: AtomicBool::new(false),
        keys_read: AtomicUsize::new(0),
    });
    let transport: Arc<dyn Transport> = Arc::clone(&cores) as _;
    let sdk = Portcullis::builder(info()).core(CoreAddress::Transport(transport));
    let sdk = sdk.recipe(SessionRecipe::new()).build().unwrap();
    let read = || cores.keys_read.load(Ordering::SeqCst);
    let together = async |tokens: Vec<String>| {
        let calls = tokens.iter().map(|token| verify(&sdk, token));
        let outcomes = futures_util::future::join_all(calls).await;
        outcomes.iter().filter(|outcome| matches!(outcome, Ok(Some(_)))).count()
    };

    let old = create(&sdk).await.unwrap().access_token();
    assert_eq!((together(vec![old.clone(); 40]).await, read()), (40, 1), "all wait for one reading");
    assert_eq!((together(vec![old.clone(); 40]).await, read()), (40, 1), "and it is kept");

    // Keys that nobody has: one reading, whoever asks and how often.
    let mut header = part(&old, 0);
    let made_up = (0..40).map(|number| {
        header["kid"] = json!(format!("d-{number}"));
        format!("{}.{}", encode(&header), old.split_once('.').unwrap().1)
    });
    let made_up: Vec<_> = made_up.collect();
    tokio::time::sleep(Duration::from_millis(550)).await;
    assert_eq!((together(made_up.clone()).await, read()), (0, 2));
    assert_eq!((together(made_up).await, read()), (0, 2), "not again so soon");

    // Other keys sign now.
    cores.is_second.store(true, Ordering::SeqCst);
    let new = create(&sdk).await.unwrap().access_token();
    assert_ne!(part(&old, 0)["kid"], part(&new, 0)["kid"]);
    tokio::time::sleep(Duration::from_millis(550)).await;
    assert_eq!((together(vec![new; 40]).await, read()), (40, 3));
    assert_eq!(together(vec![old]).await, 0, "the old key is gone");
}

/// Sessions that were made before tokens named their key: they go on, and their next tokens are new ones.
#[rstest]
#[tokio::test]
async fn sessions_with_tokens_of_version_2_go_on(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
    #[values(0, 4096)] remembered: usize,
) {
    let recipe = SessionRecipe::new().verified_tokens_max(remembered);
    let app = TestApp::new(shape, |builder| builder.recipe(recipe)).await;
    let asked = json!({"userId": "ann", "userDataInJWT": {"plan": "free"}, "userDataInDatabase": {},
        "enableAntiCsrf": false});
    let made = app.core_in("2.18", Method::POST, "/recipe/session", &asked).await;
    let token = made["accessToken"]["token"].as_str().unwrap();
    let header = String::from_utf8(STANDARD.decode(token.split('.').next().unwrap()).unwrap()).unwrap();
    assert_eq!(header, r#"{"alg":"RS256","typ":"JWT","version":"2"}"#);
    for _ in 0..2 {
        let session = verify(&app.sdk, token).await.unwrap().unwrap();
        assert_eq!(
            (session.user_id(), session.recipe_user_id(), session.tenant_id()),
            ("ann", "ann", "public")
        );
        assert_eq!(session.handle(), made["session"]["handle"].as_str().unwrap());
        assert_eq!(Value::from(session.access_token_payload()), json!({"plan": "free"}));
    }

    for at in 0..token.len() {
        let mut bytes = token.to_owned().into_bytes();
        bytes[at] ^= 1;
        let Ok(changed) = String::from_utf8(bytes) else { continue };
        assert!(!matches!(verify(&app.sdk, &changed).await, Ok(Some(_))), "byte {at}");
        assert!(!matches!(verify(&app.sdk, &token[..at]).await, Ok(Some(_))), "the first {at} bytes");
    }

    let (sessions, cx) = (app.sdk.session().unwrap(), Cx::new(&app.sdk));
    let refresh_token = made["refreshToken"]["token"].as_str().unwrap();
    let refreshed = sessions.refresh_without_request(&cx, refresh_token, None, false).await.unwrap();
    assert_eq!(refreshed.user_id(), "ann");
    assert_eq!(part(&refreshed.access_token(), 0)["version"], "5");
    assert_eq!(refreshed.access_token_payload()["plan"], "free");

    app.advance(made["accessToken"]["expiry"].as_i64().unwrap() - app.sdk.now());
    let refused = verify(&app.sdk, token).await.unwrap_err();
    assert!(matches!(refused, Error::Session(SessionError::TryRefreshToken { .. })), "{refused:?}");
}
