//! Proofs of addresses.

use crate::app::{Mails, Reply, TestApp, info, token_of};
use async_trait::async_trait;
use http::{Method, Request};
use portcullis::recipes::emailpassword::EmailPassword;
use portcullis::recipes::emailverification::{
    Api, Apis, EmailVerification, Functions, GenerateTokenOutcome, UserEmail, VerifyOutcome, is_verified,
};
use portcullis::recipes::session::{NewSession, Session, SessionRecipe, VerifyOptions};
use portcullis::{BuildError, Cx, Error, Portcullis, SessionError};
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::{Value, json};
use std::sync::Arc;

const TOKEN: &str = "/auth/user/email/verify/token";
const VERIFY: &str = "/auth/user/email/verify";

async fn app(shape: Shape, recipe: EmailVerification) -> TestApp {
    TestApp::new(shape, |builder| {
        builder.recipe(EmailPassword::new()).recipe(recipe).recipe(SessionRecipe::new())
    })
    .await
}

/// A user, and the access token of a session.
async fn sign_up(app: &TestApp, email: &str) -> (String, String) {
    let made = app.form("/auth/signup", &[("email", email), ("password", "correct1horse")]).await;
    (made.body["user"]["id"].as_str().unwrap().to_owned(), made.access_token().to_owned())
}

async fn ask(app: &TestApp, request: http::request::Builder, token: &str, body: &Value) -> Reply {
    app.send(request.header("authorization", format!("Bearer {token}")), body.to_string()).await
}

fn verifying(token: &str) -> Value {
    json!({"method": "token", "token": token})
}

/// What a route that asks for a session sees.
async fn session(app: &TestApp, token: &str, options: &VerifyOptions) -> portcullis::Result<Session> {
    let request = Request::get("/x").header("authorization", format!("Bearer {token}"));
    app.sdk.session()?.verify(&app.call(request), options).await.map(Option::unwrap)
}

fn wrong_value(outcome: portcullis::Result<Session>) -> Value {
    let Err(Error::Session(SessionError::InvalidClaims(failures))) = outcome else { panic!("{outcome:?}") };
    assert_eq!((failures.len(), failures[0].id.as_str()), (1, "st-ev"));
    failures[0].reason.clone()
}

#[rstest]
#[tokio::test]
async fn an_address_must_be_proven_where_that_is_required(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let mails = Mails::default();
    let app = app(shape, EmailVerification::required().email_delivery(mails.clone())).await;
    let (id, token) = sign_up(&app, "ann@example.com").await;
    let options = VerifyOptions::new();
    let no = json!({"message": "wrong value", "expectedValue": true, "actualValue": false});
    assert_eq!(wrong_value(session(&app, &token, &options).await), no);

    let reply = ask(&app, Request::get(VERIFY), &token, &Value::Null).await;
    assert_eq!(reply.seen(), (200, json!({"status": "OK", "isVerified": false})));
    let reply = ask(&app, Request::post(TOKEN), &token, &Value::Null).await;
    assert_eq!(reply.seen(), (200, json!({"status": "OK"})));
    let (email, content) = mails.one().await;
    assert_eq!((email.to.as_str(), email.user_id.as_ref()), ("ann@example.com", Some(&id)));
    assert_eq!(email.recipe_user_id.as_ref(), Some(&id));
    assert!(content.text.contains(email.subject.link().unwrap()), "{content:?}");
    let proof = token_of(email.subject.link().unwrap(), "verify-email");

    // In a browser without the session: that one learns of it when it asks, or when its "no" is old.
    let reply = app.post(VERIFY, &verifying(&proof)).await;
    assert_eq!((reply.seen(), reply.headers.get("front-token")), ((200, json!({"status": "OK"})), None));
    assert_eq!(
        app.post(VERIFY, &verifying(&proof)).await.seen(),
        (200, json!({"status": "EMAIL_VERIFICATION_INVALID_TOKEN_ERROR"}))
    );
    app.advance(10_000);
    assert_eq!(wrong_value(session(&app, &token, &options).await), no);
    app.advance(1);
    let known = session(&app, &token, &options).await.unwrap();
    assert_eq!(known.access_token_payload()["st-ev"]["v"], true);
    let reply = ask(&app, Request::get(VERIFY), &token, &Value::Null).await;
    assert_eq!(reply.seen(), (200, json!({"status": "OK", "isVerified": true})));
    session(&app, reply.access_token(), &options).await.unwrap();
    let reply = ask(&app, Request::post(TOKEN), &token, &Value::Null).await;
    assert_eq!(reply.seen(), (200, json!({"status": "EMAIL_ALREADY_VERIFIED_ERROR"})));
    session(&app, reply.access_token(), &options).await.unwrap();
    assert!(mails.take().is_empty());
}

#[rstest]
#[tokio::test]
async fn the_session_that_proves_its_own_address_learns_of_it_at_once(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let mails = Mails::default();
    let app = app(shape, EmailVerification::required().email_delivery(mails.clone())).await;
    let (_, ann) = sign_up(&app, "ann@example.com").await;
    let (_, bob) = sign_up(&app, "bob@example.com").await;
    ask(&app, Request::post(TOKEN), &ann, &Value::Null).await;
    let anns = mails.token("verify-email").await;
    ask(&app, Request::post(TOKEN), &bob, &Value::Null).await;
    let bobs = mails.token("verify-email").await;
    // Another user's session stays as it is.
    let reply = ask(&app, Request::post(VERIFY), &bob, &verifying(&anns)).await;
    assert_eq!((reply.seen(), reply.headers.get("front-token")), ((200, json!({"status": "OK"})), None));
    let reply = ask(&app, Request::post(VERIFY), &bob, &verifying(&bobs)).await;
    assert_eq!(reply.seen(), (200, json!({"status": "OK"})));
    session(&app, reply.access_token(), &VerifyOptions::new()).await.unwrap();
}

#[rstest]
#[tokio::test]
async fn where_it_is_optional_routes_ask_themselves(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let mails = Mails::default();
    let app = app(shape, EmailVerification::optional().email_delivery(mails.clone())).await;
    let (id, token) = sign_up(&app, "ann@example.com").await;
    let seen = session(&app, &token, &VerifyOptions::new()).await.unwrap();
    assert_eq!(seen.access_token_payload()["st-ev"]["v"], false);
    let asking = VerifyOptions::new().also(is_verified(Some(60), Some(300)));
    wrong_value(session(&app, &token, &asking).await);
    ask(&app, Request::post(TOKEN), &token, &Value::Null).await;
    let proof = mails.token("verify-email").await;
    let reply = ask(&app, Request::post(VERIFY), &token, &verifying(&proof)).await;
    let token = reply.access_token();
    session(&app, token, &asking).await.unwrap();
    // A "yes" is believed for as long as the route says.
    let (cx, recipe) = (Cx::new(&app.sdk), app.sdk.email_verification().unwrap());
    recipe.unverify_email(&cx, &id, None).await.unwrap();
    app.advance(300_000);
    session(&app, token, &asking).await.unwrap();
    app.advance(1);
    wrong_value(session(&app, token, &asking).await);
    // A session that still says "yes" learns better when it asks for a link.
    let reply = ask(&app, Request::post(TOKEN), token, &Value::Null).await;
    assert_eq!(reply.seen(), (200, json!({"status": "OK"})));
    let corrected = session(&app, reply.access_token(), &VerifyOptions::new()).await.unwrap();
    assert_eq!(corrected.access_token_payload()["st-ev"]["v"], false);
}

#[rstest]
#[tokio::test]
async fn who_may_not_ask_and_how_not_to(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, EmailVerification::optional()).await;
    let (id, token) = sign_up(&app, "ann@example.com").await;
    for request in [Request::post(TOKEN), Request::get(VERIFY)] {
        assert_eq!(app.send(request, "").await.seen(), (401, json!({"message": "unauthorised"})));
    }
    let malformed = "API input error: Please make sure to pass a valid JSON input in the request body";
    for (body, text) in [
        ("", "Please provide the email verification token"),
        ("{\"token\": null}", "Please provide the email verification token"),
        ("{\"token\": 1}", "The email verification token must be a string"),
        ("{\"token\"", malformed),
    ] {
        let reply = app.send(Request::post(VERIFY), body).await;
        assert_eq!(reply.seen(), (400, json!({"message": text})), "{body}");
    }
    // Who was deleted meanwhile is signed out.
    app.sdk.delete_user(&Cx::new(&app.sdk), &id, true).await.unwrap();
    for request in [Request::post(TOKEN), Request::get(VERIFY)] {
        let reply = ask(&app, request, &token, &Value::Null).await;
        assert_eq!(reply.seen(), (401, json!({"message": "unauthorised"})));
        assert_eq!(reply.headers["front-token"], "remove");
    }
    app.advance(25 * 3_600_000);
    for request in [Request::post(TOKEN), Request::get(VERIFY), Request::post(VERIFY)] {
        let reply = ask(&app, request, &token, &verifying("x")).await;
        assert_eq!(reply.seen(), (401, json!({"message": "try refresh token"})));
    }
}

#[rstest]
#[tokio::test]
async fn users_whom_only_the_app_knows(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let find = |_: Cx, id: String| async move {
        Ok(match id.as_str() {
            "known" => UserEmail::Known("known@example.com".to_owned()),
            "phone" => UserEmail::Missing,
            _ => UserEmail::UnknownUser,
        })
    };
    let mails = Mails::default();
    let recipe = EmailVerification::required().find_email(find).email_delivery(mails.clone());
    let app = app(shape, recipe).await;
    let (cx, recipe) = (Cx::new(&app.sdk), app.sdk.email_verification().unwrap());
    let sessions = app.sdk.session().unwrap();
    let make = async |id: &str| sessions.create_without_request(&cx, NewSession::of(id)).await;
    let claim = |session: &Session| session.access_token_payload()["st-ev"]["v"].clone();
    assert_eq!(claim(&make("known").await.unwrap()), false);
    let phone = make("phone").await.unwrap();
    assert_eq!(claim(&phone), true, "without an address there is nothing to prove");
    let reply = ask(&app, Request::get(VERIFY), &phone.access_token(), &Value::Null).await;
    assert_eq!(reply.body, json!({"status": "OK", "isVerified": true}));
    let reply = ask(&app, Request::post(TOKEN), &phone.access_token(), &Value::Null).await;
    assert_eq!(reply.body, json!({"status": "EMAIL_ALREADY_VERIFIED_ERROR"}));
    let unknown = make("unknown").await.unwrap_err();
    assert!(matches!(unknown, Error::Session(SessionError::Unauthorised { .. })), "{unknown:?}");

    assert!(recipe.is_email_verified(&cx, "phone", None).await.unwrap());
    assert!(!recipe.send_email_verification_email(&cx, "public", "phone", None).await.unwrap());
    assert!(recipe.is_email_verified(&cx, "unknown", None).await.is_err());
    assert!(recipe.send_email_verification_email(&cx, "public", "known", None).await.unwrap());
    let proof = mails.token("verify-email").await;
    recipe.revoke_email_verification_tokens(&cx, "public", "known", None).await.unwrap();
    assert_eq!(recipe.verify_email_using_token(&cx, "public", &proof).await.unwrap(), None);
    let link = recipe.create_email_verification_link(&cx, "public", "known", None).await.unwrap();
    let proof = token_of(&link.unwrap(), "verify-email");
    let proven = recipe.verify_email_using_token(&cx, "public", &proof).await.unwrap().unwrap();
    assert_eq!((proven.recipe_user_id.as_str(), proven.email.as_str()), ("known", "known@example.com"));
    assert!(recipe.is_email_verified(&cx, "known", None).await.unwrap());
    assert!(!recipe.is_email_verified(&cx, "known", Some("other@example.com")).await.unwrap());
    assert_eq!(recipe.create_email_verification_token(&cx, "public", "known", None).await.unwrap(), None);
    assert!(!recipe.send_email_verification_email(&cx, "public", "known", None).await.unwrap());
}

#[rstest]
#[tokio::test]
async fn a_password_reset_proves_the_address(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let mails = Mails::default();
    let app = TestApp::new(shape, |builder| {
        let builder = builder.email_delivery(mails.clone()).recipe(EmailPassword::new());
        builder.recipe(EmailVerification::required()).recipe(SessionRecipe::new())
    })
    .await;
    let (id, _) = sign_up(&app, "ann@example.com").await;
    app.form("/auth/user/password/reset/token", &[("email", "ann@example.com")]).await;
    let token = mails.token("reset-password").await;
    let fields = json!([{"id": "password", "value": "another2horse"}]);
    let reply = app.post("/auth/user/password/reset", &json!({"formFields": fields, "token": token})).await;
    assert_eq!(reply.seen(), (200, json!({"status": "OK"})));
    let recipe = app.sdk.email_verification().unwrap();
    assert!(recipe.is_email_verified(&Cx::new(&app.sdk), &id, None).await.unwrap());
    let path = format!("/recipe/user/email/verify?userId={id}&email=ann@example.com");
    assert_eq!(app.core(Method::GET, &path, &Value::Null).await["isVerified"], true);
}

/// Believes every address of one domain.
struct Trusting(Arc<dyn Functions>);

#[async_trait]
impl Functions for Trusting {
    fn original(&self) -> &dyn Functions {
        &*self.0
    }

    async fn is_email_verified(
        &self,
        cx: &Cx,
        recipe_user_id: &str,
        email: &str,
    ) -> portcullis::Result<bool> {
        cx.user_context().set("asked", email);
        Ok(email.ends_with("@example.com") || self.0.is_email_verified(cx, recipe_user_id, email).await?)
    }
}

/// Sends no links at night.
struct AtNight(Arc<dyn Apis>);

#[async_trait]
impl Apis for AtNight {
    fn original(&self) -> &dyn Apis {
        &*self.0
    }

    async fn generate_email_verify_token(
        &self,
        _: &Cx,
        _: &Session,
    ) -> portcullis::Result<GenerateTokenOutcome> {
        Err(Error::General("Come back tomorrow".to_owned()))
    }

    async fn verify_email(
        &self,
        cx: &Cx,
        tenant: &str,
        token: &str,
        session: Option<&Session>,
    ) -> portcullis::Result<VerifyOutcome> {
        self.0.verify_email(cx, tenant, token.trim_start_matches("prefix-"), session).await
    }

    async fn is_email_verified(&self, cx: &Cx, session: &Session) -> portcullis::Result<bool> {
        let is_verified = self.0.is_email_verified(cx, session).await?;
        assert!(cx.user_context().named("asked").is_some());
        Ok(is_verified)
    }
}

#[rstest]
#[tokio::test]
async fn functions_and_apis_are_replaced_or_taken_away(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let recipe = EmailVerification::required().override_functions(Trusting).override_apis(AtNight);
    let app = app(shape, recipe).await;
    let (_, token) = sign_up(&app, "ann@example.com").await;
    session(&app, &token, &VerifyOptions::new()).await.unwrap();
    let reply = ask(&app, Request::get(VERIFY), &token, &Value::Null).await;
    assert_eq!(reply.seen(), (200, json!({"status": "OK", "isVerified": true})));
    let reply = ask(&app, Request::post(TOKEN), &token, &Value::Null).await;
    assert_eq!(reply.seen(), (200, json!({"status": "GENERAL_ERROR", "message": "Come back tomorrow"})));
    let (id, _) = sign_up(&app, "bob@elsewhere.example").await;
    let (cx, recipe) = (Cx::new(&app.sdk), app.sdk.email_verification().unwrap());
    let proof = recipe.create_email_verification_token(&cx, "public", &id, None).await.unwrap().unwrap();
    let reply = app.post(VERIFY, &verifying(&format!("prefix-{proof}"))).await;
    assert_eq!(reply.seen(), (200, json!({"status": "OK"})));
    assert!(recipe.is_email_verified(&cx, &id, None).await.unwrap());

    let app = self::app(shape, EmailVerification::optional().disable(Api::VerifyEmail)).await;
    assert!(!app.serves(&Method::POST, VERIFY) && app.serves(&Method::GET, VERIFY));
    assert!(app.serves(&Method::POST, "/auth/tenant-1/user/email/verify/token"));
}

#[test]
fn it_needs_sessions() {
    let described = Portcullis::builder(info()).core("http://localhost:3567");
    let built = described.recipe(EmailVerification::optional()).build();
    let missing = BuildError::MissingRecipe { recipe: "emailverification", needs: "session" };
    assert_eq!(built.unwrap_err(), missing);
}
