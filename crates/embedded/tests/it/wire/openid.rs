//! Discovery and keys on the wire.

use super::{Wire, golden};
use portcullis::recipes::session::SessionRecipe;
use portcullis_testkit::Shape;
use rstest::rstest;

#[rstest]
#[tokio::test]
async fn discovered(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = Wire::new(shape).await;
    golden!(wire.get("/auth/.well-known/openid-configuration", &[]).await, @r#"
    GET /auth/.well-known/openid-configuration
    → 200
    access-control-allow-origin: *
    content-type: application/json; charset=utf-8
    {"issuer":"http://localhost:3001/auth","jwks_uri":"http://localhost:3001/auth/jwt/jwks.json","authorization_endpoint":"http://localhost:3001/auth/oauth/auth","token_endpoint":"http://localhost:3001/auth/oauth/token","userinfo_endpoint":"http://localhost:3001/auth/oauth/userinfo","revocation_endpoint":"http://localhost:3001/auth/oauth/revoke","token_introspection_endpoint":"http://localhost:3001/auth/oauth/introspect","end_session_endpoint":"http://localhost:3001/auth/oauth/end_session","subject_types_supported":["public"],"id_token_signing_alg_values_supported":["RS256"],"response_types_supported":["code","id_token","id_token token"]}
    "#);
    golden!(wire.get("/auth/jwt/jwks.json", &[]).await, @r#"
    GET /auth/jwt/jwks.json
    → 200
    access-control-allow-origin: *
    cache-control: max-age=604740, must-revalidate
    content-type: application/json; charset=utf-8
    {"keys":[{"kty":"RSA","kid":"d-1700000000000","n":"<modulus 1>","e":"AQAB","alg":"RS256","use":"sig"},{"kty":"RSA","kid":"s-<id 1>","n":"<modulus 2>","e":"AQAB","alg":"RS256","use":"sig"}]}
    "#);
}

#[rstest]
#[tokio::test]
async fn too_large(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let wire = Wire::with(shape, |builder| builder.recipe(SessionRecipe::new()).body_limit(10)).await;
    golden!(wire.post("/auth/signout", &[], "12345678901").await, @r#"
    POST /auth/signout
    12345678901
    → 413
    content-type: application/json; charset=utf-8
    {"message":"The request's body is too large"}
    "#);
}
