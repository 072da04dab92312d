//! Signed tokens, keys and discovery.

use crate::app::{TestApp, object};
use async_trait::async_trait;
use aws_lc_rs::rsa::PublicKeyComponents;
use aws_lc_rs::signature::RSA_PKCS1_2048_8192_SHA256;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::{Method, Request};
use portcullis::recipes::jwt::{self, Jwks, Jwt, NewJwt};
use portcullis::recipes::openid::{self, Discovery, OpenId};
use portcullis::recipes::session::{NewSession, SessionRecipe};
use portcullis::{Cx, Error, Result};
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::{Value, json};
use std::sync::Arc;

async fn app(shape: Shape) -> TestApp {
    TestApp::new(shape, |builder| builder.recipe(SessionRecipe::new())).await
}

fn part(token: &str, at: usize) -> Value {
    let part = token.split('.').nth(at).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

/// Whether one of the keys signed a token, by their names.
fn is_signed(token: &str, keys: &Value) -> bool {
    let header = part(token, 0);
    let key = keys.as_array().unwrap().iter().find(|key| key["kid"] == header["kid"]).unwrap();
    let number = |name: &str| URL_SAFE_NO_PAD.decode(key[name].as_str().unwrap()).unwrap();
    let (n, e) = (number("n"), number("e"));
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let signature = URL_SAFE_NO_PAD.decode(signature).unwrap();
    PublicKeyComponents { n, e }.verify(&RSA_PKCS1_2048_8192_SHA256, signed.as_bytes(), &signature).is_ok()
}

#[rstest]
#[tokio::test]
async fn a_token_is_verified_by_the_keys_that_everybody_may_read(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let app = app(shape).await;
    let cx = Cx::new(&app.sdk);
    let claims = || object(&json!({"sub": "ann", "role": "admin"}));
    let long = app.sdk.jwt().create(&cx, NewJwt::of(claims())).await.unwrap();
    let short = NewJwt::of(claims()).validity_secs(60).with_dynamic_key();
    let short = app.sdk.jwt().create(&cx, short).await.unwrap();
    let lifetime = |token: &str| {
        let payload = part(token, 1);
        payload["exp"].as_i64().unwrap() - payload["iat"].as_i64().unwrap()
    };
    assert_eq!((lifetime(&long), lifetime(&short)), (3_153_600_000, 60));
    assert_eq!(part(&long, 1)["role"], "admin");
    assert_eq!(part(&long, 1)["iss"], "http://localhost:3001");
    assert!(part(&long, 0)["kid"].as_str().unwrap().starts_with("s-"));
    assert!(part(&short, 0)["kid"].as_str().unwrap().starts_with("d-"));

    let reply = app.send(Request::get("/auth/jwt/jwks.json"), "").await;
    assert_eq!(reply.status, 200);
    assert_eq!(reply.headers["access-control-allow-origin"], "*");
    let caching = reply.headers["cache-control"].to_str().unwrap();
    let (age, rest) = caching.strip_prefix("max-age=").unwrap().split_once(", ").unwrap();
    assert_eq!(rest, "must-revalidate");
    // The core says how long, and that is what is said: more than the 60 s of a core that says nothing.
    assert!((61..=7 * 24 * 3600).contains(&age.parse::<i64>().unwrap()), "{caching}");
    let keys = &reply.body["keys"];
    assert!(is_signed(&long, keys) && is_signed(&short, keys));
    let (head, _) = long.rsplit_once('.').unwrap();
    let (_, other) = short.rsplit_once('.').unwrap();
    assert!(!is_signed(&format!("{head}.{other}"), keys), "another token's signature");
}

#[rstest]
#[tokio::test]
async fn discovery_names_the_issuer_of_sessions_and_tokens(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let app = app(shape).await;
    let reply = app.send(Request::get("/auth/.well-known/openid-configuration"), "").await;
    assert_eq!((reply.status, &reply.headers["access-control-allow-origin"]), (200, &"*".parse().unwrap()));
    let base = "http://localhost:3001/auth";
    assert_eq!(
        reply.body,
        json!({
            "issuer": base,
            "jwks_uri": format!("{base}/jwt/jwks.json"),
            "authorization_endpoint": format!("{base}/oauth/auth"),
            "token_endpoint": format!("{base}/oauth/token"),
            "userinfo_endpoint": format!("{base}/oauth/userinfo"),
            "revocation_endpoint": format!("{base}/oauth/revoke"),
            "token_introspection_endpoint": format!("{base}/oauth/introspect"),
            "end_session_endpoint": format!("{base}/oauth/end_session"),
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": ["RS256"],
            "response_types_supported": ["code", "id_token", "id_token token"],
        })
    );
    let cx = Cx::new(&app.sdk);
    let issued = async |claims: Value| {
        let token = app.sdk.open_id().create_jwt(&cx, NewJwt::of(object(&claims))).await.unwrap();
        part(&token, 1)["iss"].clone()
    };
    assert_eq!(issued(json!({})).await, base);
    assert_eq!(issued(json!({"iss": "somebody"})).await, "somebody");
}

/// Issues in another name, and says of every token when it was asked for.
struct Renamed(Arc<dyn openid::Functions>);

#[async_trait]
impl openid::Functions for Renamed {
    fn original(&self) -> &dyn openid::Functions {
        &*self.0
    }

    async fn discovery(&self, cx: &Cx) -> Result<Discovery> {
        let discovery = self.original().discovery(cx).await?;
        Ok(Discovery { issuer: "https://login.example.com".to_owned(), ..discovery })
    }
}

struct Marked(Arc<dyn jwt::Functions>);

#[async_trait]
impl jwt::Functions for Marked {
    fn original(&self) -> &dyn jwt::Functions {
        &*self.0
    }

    async fn create(&self, cx: &Cx, mut new: NewJwt) -> Result<String> {
        new.payload.insert("marked".to_owned(), true.into());
        self.original().create(cx, new).await
    }
}

#[rstest]
#[tokio::test]
async fn replaced_functions_are_seen_by_the_other_recipes(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let app = TestApp::new(shape, |builder| {
        let builder = builder.recipe(OpenId::new().override_functions(Renamed));
        builder.recipe(Jwt::new().validity_secs(5).override_functions(Marked)).recipe(SessionRecipe::new())
    })
    .await;
    let cx = Cx::new(&app.sdk);
    let made = app.sdk.session().unwrap().create_without_request(&cx, NewSession::of("ann")).await.unwrap();
    assert_eq!(made.access_token_payload()["iss"], "https://login.example.com");
    let token = app.sdk.open_id().create_jwt(&cx, NewJwt::of(object(&json!({})))).await.unwrap();
    let payload = part(&token, 1);
    assert_eq!((&payload["iss"], &payload["marked"]), (&json!("https://login.example.com"), &json!(true)));
    assert_eq!(payload["exp"].as_i64().unwrap() - payload["iat"].as_i64().unwrap(), 5);
    let reply = app.send(Request::get("/auth/.well-known/openid-configuration"), "").await;
    assert_eq!(reply.body["issuer"], "https://login.example.com");
}

/// Shows no keys, and no document.
struct Closed(Arc<dyn jwt::Apis>);

#[async_trait]
impl jwt::Apis for Closed {
    fn original(&self) -> &dyn jwt::Apis {
        &*self.0
    }

    async fn jwks(&self, cx: &Cx) -> Result<Jwks> {
        Ok(Jwks { keys: Vec::new(), ..self.original().jwks(cx).await? })
    }
}

struct Refusing(Arc<dyn openid::Apis>);

#[async_trait]
impl openid::Apis for Refusing {
    fn original(&self) -> &dyn openid::Apis {
        &*self.0
    }

    async fn discovery(&self, _: &Cx) -> Result<Discovery> {
        Err(Error::General("not today".to_owned()))
    }
}

#[rstest]
#[tokio::test]
async fn apis_are_replaced_and_taken_away(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let replaced = TestApp::new(shape, |builder| {
        let builder = builder.recipe(OpenId::new().override_apis(Refusing));
        builder.recipe(Jwt::new().override_apis(Closed)).recipe(SessionRecipe::new())
    })
    .await;
    let keys = replaced.send(Request::get("/auth/jwt/jwks.json"), "").await;
    assert_eq!(keys.seen(), (200, json!({"keys": []})));
    let document = replaced.send(Request::get("/auth/.well-known/openid-configuration"), "").await;
    assert_eq!(document.seen(), (200, json!({"status": "GENERAL_ERROR", "message": "not today"})));

    let paths = ["/auth/jwt/jwks.json", "/auth/.well-known/openid-configuration"];
    let app = app(shape).await;
    assert!(paths.iter().all(|path| app.serves(&Method::GET, path)));
    let closed = TestApp::new(shape, |builder| {
        let builder = builder.recipe(OpenId::new().disable(openid::Api::Discovery));
        builder.recipe(Jwt::new().disable(jwt::Api::Jwks)).recipe(SessionRecipe::new())
    })
    .await;
    assert!(!paths.iter().any(|path| closed.serves(&Method::GET, path)));
}
