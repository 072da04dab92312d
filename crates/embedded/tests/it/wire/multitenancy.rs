//! The ways of signing in to a tenant, on the wire.

use super::{Wire, golden};
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::json;

#[rstest]
#[tokio::test]
async fn login_methods(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = Wire::new(shape).await;
    let config = json!({"config": {"thirdPartyId": "okta", "name": "Okta", "clients": [{"clientId": "id"}]}});
    wire.app.core(http::Method::PUT, "/recipe/multitenancy/config/thirdparty", &config).await;
    golden!(wire.get("/auth/loginmethods", &[]).await, @r#"
    GET /auth/loginmethods
    → 200
    content-type: application/json; charset=utf-8
    {"status":"OK","emailPassword":{"enabled":true},"thirdParty":{"enabled":false,"providers":[{"id":"okta","name":"Okta"}]},"webauthn":{"enabled":false},"passwordless":{"enabled":false},"firstFactors":["emailpassword"]}
    "#);
    golden!(wire.get("/auth/nosuch/loginmethods", &[]).await, @r#"
    GET /auth/nosuch/loginmethods
    → 500
    content-type: application/json; charset=utf-8
    {"message":"Internal Server Error"}
    "#);
}
