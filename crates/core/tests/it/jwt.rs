//! The jwt recipe: signed tokens and the public keys.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use portcullis_testkit::{START, TestCore};
use serde_json::{Value, json};

fn part(jwt: &Value, index: usize) -> Value {
    let part = jwt["jwt"].as_str().unwrap().split('.').nth(index).unwrap();
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

fn body(payload: &Value) -> Value {
    json!({"algorithm": "rs256", "jwksDomain": "https://example.com", "payload": payload, "validity": 3600})
}

#[tokio::test]
async fn a_token_has_its_claims_and_a_key_from_the_list() {
    let core = TestCore::start().await;
    let made = core.post("/recipe/jwt", body(&json!({"b": null, "a": {"c": [1]}}))).await.json();
    let now = START / 1000;
    let claims =
        json!({"iss": "https://example.com", "exp": now + 3600, "iat": now, "b": null, "a": {"c": [1]}});
    assert_eq!(part(&made, 1), claims);
    let header = part(&made, 0);
    assert_eq!(
        (&header["alg"], &header["typ"], header.get("version")),
        (&json!("RS256"), &json!("JWT"), None)
    );
    let listed = core.get("/recipe/jwt/jwks").await.json();
    assert_eq!(listed["status"], "OK");
    assert_eq!(listed["keys"], core.get("/.well-known/jwks.json").await.json()["keys"]);
    assert_eq!(listed["keys"].as_array().unwrap().len(), 2);
    assert_eq!(listed["keys"][1]["kid"], header["kid"]);
    let own = core.post("/recipe/jwt", body(&json!({"iss": "me", "exp": 5}))).await.json();
    assert_eq!((&part(&own, 1)["iss"], &part(&own, 1)["exp"]), (&json!("me"), &json!(5)));
}

#[tokio::test]
async fn the_kind_of_key_can_be_chosen_from_2_21_on() {
    let core = TestCore::start().await;
    let mut asked = body(&json!({}));
    asked["useStaticSigningKey"] = false.into();
    for (cdi, prefix) in [("2.21", "d-"), ("2.20", "s-")] {
        let made = core.cdi(cdi).post("/recipe/jwt", asked.clone()).await.json();
        assert!(part(&made, 0)["kid"].as_str().unwrap().starts_with(prefix), "{cdi}");
    }
}

#[tokio::test]
async fn what_cannot_be_signed_is_refused() {
    let core = TestCore::start().await;
    let mut asked = body(&json!({}));
    asked["algorithm"] = "HS256".into();
    assert_eq!(
        core.post("/recipe/jwt", asked).await.json(),
        json!({"status": "UNSUPPORTED_ALGORITHM_ERROR"})
    );
    let mut asked = body(&json!({}));
    asked["validity"] = 0.into();
    let reply = core.post("/recipe/jwt", asked).await;
    assert_eq!((reply.status, reply.text().as_str()), (400, "validity must be greater than or equal to 0\n"));
    for field in ["algorithm", "jwksDomain", "payload", "validity"] {
        let mut asked = body(&json!({}));
        asked[field] = Value::Null;
        let reply = core.post("/recipe/jwt", asked).await;
        let text = format!("Field name '{field}' is invalid in JSON input\n");
        assert_eq!((reply.status, reply.text()), (400, text));
    }
}
