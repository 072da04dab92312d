//! Accounts whose passkeys are gone.

use crate::app::{Mails, TestApp, object, token_of};
use crate::webauthn::{REGISTER_OPTIONS, answer, app, options, passkey, sign_in, sign_up, status};
use async_trait::async_trait;
use http::Method;
use portcullis::email::{Email, EmailDelivery, EmailSubject};
use portcullis::recipes::session::SessionRecipe;
use portcullis::recipes::webauthn::{ConsumedToken, RecoverAccountInput, Recovery, Registration, WebAuthn};
use portcullis::{Cx, Error};
use portcullis_testkit::Shape;
use portcullis_testkit::authenticator::Authenticator;
use rstest::rstest;
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

const T: &str = "public";
const ASK: &str = "/auth/user/webauthn/reset/token";
const RECOVER: &str = "/auth/user/webauthn/reset";

async fn ask(app: &TestApp, email: &str) -> (u16, Value) {
    app.post(ASK, &json!({"email": email})).await.seen()
}

/// A new passkey, as the page that the link leads to makes it.
async fn recover(app: &TestApp, token: &str, authenticator: &mut Authenticator) -> (u16, Value) {
    let options = options(app, REGISTER_OPTIONS, &json!({"recoverAccountToken": token})).await;
    let mut body = answer(&options, authenticator);
    body["token"] = json!(token);
    app.post(RECOVER, &body).await.seen()
}

async fn proof(app: &TestApp, id: &str, email: &str) {
    let to = json!({"userId": id, "email": email});
    let token = app.core(Method::POST, "/recipe/user/email/verify/token", &to).await["token"].clone();
    let body = json!({"method": "token", "token": token});
    app.core(Method::POST, "/recipe/user/email/verify", &body).await;
}

#[rstest]
#[tokio::test]
async fn a_link_adds_a_passkey(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let mails = Mails::default();
    let app = app(shape, WebAuthn::new(), &mails).await;
    let (mut lost, mut found) = (passkey(), passkey());
    let made = sign_up(&app, "mike@example.com", &mut lost).await;
    let id = made.body["user"]["id"].as_str().unwrap();
    proof(&app, id, "mike@example.com").await;
    assert_eq!(ask(&app, "nobody@example.com").await, status("OK"));
    // The Kelvin sign is another letter, and another mailbox, but its lower case is a `k`.
    assert_eq!(ask(&app, "mi\u{212A}e@example.com").await, status("OK"));
    let (email, content) = mails.one().await;
    assert_eq!(email.to, "mike@example.com");
    assert_eq!((email.user_id.as_deref(), email.recipe_user_id.as_deref()), (Some(id), Some(id)));
    assert!(matches!(email.subject, EmailSubject::RecoverAccount { .. }));
    let link = email.subject.link().unwrap();
    assert!(content.text.contains(link) && content.subject.contains("Demo"), "{content:?}");
    assert!(content.html.contains(&link.replace('&', "&#38;")), "{}", content.html);
    let token = token_of(link, "webauthn/recover");

    let invalid = status("RECOVER_ACCOUNT_TOKEN_INVALID_ERROR");
    let made = options(&app, REGISTER_OPTIONS, &json!({"recoverAccountToken": token})).await;
    assert_eq!(made["user"]["name"], "mike@example.com");
    let mut unknown = answer(&made, &mut found);
    unknown["token"] = json!(token);
    unknown["webauthnGeneratedOptionsId"] = json!("x");
    assert_eq!(app.post(RECOVER, &unknown).await.seen(), status("OPTIONS_NOT_FOUND_ERROR"));
    assert_eq!(recover(&app, &token, &mut found).await, status("OK"), "the token was not used up by that");
    let mut again = answer(&made, &mut passkey());
    again["token"] = json!(token);
    assert_eq!(app.post(RECOVER, &again).await.seen(), invalid, "a token works once");
    assert_eq!(sign_in(&app, &mut found).await.body["user"]["id"], id);
    assert_eq!(sign_in(&app, &mut lost).await.body["user"]["id"], id, "the owner may find it again");
}

#[rstest]
#[tokio::test]
async fn who_signed_up_first_with_another_s_address_gains_nothing(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let mails = Mails::default();
    let app = app(shape, WebAuthn::new(), &mails).await;
    let (mut eves, mut anns) = (passkey(), passkey());
    let eve = sign_up(&app, "ann@example.com", &mut eves).await;
    let id = eve.body["user"]["id"].as_str().unwrap();
    ask(&app, "ann@example.com").await;
    let token = mails.token("webauthn/recover").await;
    assert_eq!(recover(&app, &token, &mut anns).await, status("OK"));
    assert_eq!(sign_in(&app, &mut eves).await.seen(), status("INVALID_CREDENTIALS_ERROR"));
    let cx = Cx::new(&app.sdk);
    let sessions = app.sdk.session().unwrap();
    assert!(sessions.all_handles_of_user(&cx, id, true, None).await.unwrap().is_empty());
    let ann = sign_in(&app, &mut anns).await;
    assert_eq!(ann.body["user"]["id"], id);
    assert_eq!(ann.body["user"]["loginMethods"][0]["verified"], true, "{ann:?}");
}

#[rstest]
#[tokio::test]
async fn options_for_one_person_are_no_use_to_another_one_s_token(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let mails = Mails::default();
    let app = app(shape, WebAuthn::new(), &mails).await;
    sign_up(&app, "ann@example.com", &mut passkey()).await;
    ask(&app, "ann@example.com").await;
    let token = mails.token("webauthn/recover").await;
    let made = options(&app, REGISTER_OPTIONS, &json!({"email": "bob@example.com"})).await;
    let mut eves = passkey();
    let mut body = answer(&made, &mut eves);
    body["token"] = json!(token);
    assert_eq!(app.post(RECOVER, &body).await.seen(), status("INVALID_OPTIONS_ERROR"));
    assert_eq!(sign_in(&app, &mut eves).await.seen(), status("INVALID_CREDENTIALS_ERROR"));
    // Nor are options to sign in.
    let made = options(&app, "/auth/webauthn/options/signin", &json!({})).await;
    let body = json!({"token": "x", "webauthnGeneratedOptionsId": made["webauthnGeneratedOptionsId"],
        "credential": {"id": "x"}});
    assert_eq!(app.post(RECOVER, &body).await.seen(), status("INVALID_OPTIONS_ERROR"));
}

#[rstest]
#[tokio::test]
async fn answers_that_do_not_do(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let mails = Mails::default();
    let app = app(shape, WebAuthn::new(), &mails).await;
    let mut known = passkey();
    let made = sign_up(&app, "ann@example.com", &mut known).await;
    let id = made.body["user"]["id"].as_str().unwrap();
    let token = async || {
        ask(&app, "ann@example.com").await;
        mails.token("webauthn/recover").await
    };
    // A passkey that somebody has.
    let told = recover(&app, &token().await, &mut known).await;
    assert_eq!(told, status("INVALID_CREDENTIALS_ERROR"));
    // A user who is deleted meanwhile.
    let token = token().await;
    let made = options(&app, REGISTER_OPTIONS, &json!({"recoverAccountToken": token})).await;
    app.sdk.delete_user(&Cx::new(&app.sdk), id, true).await.unwrap();
    let mut body = answer(&made, &mut passkey());
    body["token"] = json!(token);
    assert_eq!(app.post(RECOVER, &body).await.seen(), status("RECOVER_ACCOUNT_TOKEN_INVALID_ERROR"));
    assert_eq!(ask(&app, "ann@example.com").await, status("OK"));
    assert!(mails.take().is_empty(), "nobody is written to who is not known");
}

#[rstest]
#[tokio::test]
async fn an_account_that_a_stranger_may_share_is_not_given_back(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let mails = Mails::default();
    let app = app(shape, WebAuthn::new(), &mails).await;
    // Eve has an account with her own address, and links a passkey with Ann's to it.
    let eve = app.form("/auth/signup", &[("email", "eve@example.com"), ("password", "correct1horse")]).await;
    let trap = sign_up(&app, "ann@example.com", &mut passkey()).await;
    let (eve, trap) = (&eve.body["user"]["id"], &trap.body["user"]["id"]);
    app.core(Method::POST, "/recipe/accountlinking/user/primary", &json!({"recipeUserId": eve})).await;
    let link = json!({"recipeUserId": trap, "primaryUserId": eve});
    app.core(Method::POST, "/recipe/accountlinking/user/link", &link).await;
    let refused = ask(&app, "ann@example.com").await.1;
    assert_eq!(refused["status"], "RECOVER_ACCOUNT_NOT_ALLOWED");
    assert!(refused["reason"].as_str().unwrap().ends_with("(ERR_CODE_001)"), "{refused}");
    assert!(mails.take().is_empty());
    // Nor with a token from before.
    let (cx, recipe) = (Cx::new(&app.sdk), app.sdk.webauthn().unwrap());
    let trap = trap.as_str().unwrap();
    let token = recipe.generate_recover_account_token(&cx, T, trap, "ann@example.com").await.unwrap();
    let told = recover(&app, &token.unwrap(), &mut passkey()).await;
    assert_eq!(told, status("RECOVER_ACCOUNT_TOKEN_INVALID_ERROR"));
}

/// A mail server that is down.
struct Down;

#[async_trait]
impl EmailDelivery for Down {
    async fn send(&self, _: &Cx, _: &Email) -> portcullis::Result<()> {
        Err(Error::Delivery("the mail server does not answer".to_owned()))
    }
}

/// A mail server that never answers.
struct Silent;

#[async_trait]
impl EmailDelivery for Silent {
    async fn send(&self, _: &Cx, _: &Email) -> portcullis::Result<()> {
        std::future::pending().await
    }
}

#[rstest]
#[case::down(Arc::new(Down))]
#[case::silent(Arc::new(Silent))]
#[tokio::test]
async fn a_mail_server_does_not_tell_a_stranger_who_is_known(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
    #[case] delivery: Arc<dyn EmailDelivery>,
) {
    let app = TestApp::new(shape, |builder| {
        builder.recipe(WebAuthn::new().email_delivery(delivery)).recipe(SessionRecipe::new())
    })
    .await;
    sign_up(&app, "ann@example.com", &mut passkey()).await;
    for email in ["ann@example.com", "bob@example.com"] {
        let asked = tokio::time::timeout(Duration::from_secs(5), ask(&app, email)).await;
        assert_eq!(asked.unwrap(), status("OK"), "{email}");
    }
}

#[rstest]
#[tokio::test]
async fn what_the_app_can_do_itself(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let mails = Mails::default();
    let app = app(shape, WebAuthn::new(), &mails).await;
    let (cx, recipe) = (Cx::new(&app.sdk), app.sdk.webauthn().unwrap());
    let made = sign_up(&app, "ann@example.com", &mut passkey()).await;
    let id = made.body["user"]["id"].as_str().unwrap();
    assert!(recipe.send_recover_account_email(&cx, T, id, "Ann@example.com").await.unwrap());
    let token = mails.token("webauthn/recover").await;
    for (user, email) in [("unknown", "ann@example.com"), (id, "bob@example.com")] {
        assert!(!recipe.send_recover_account_email(&cx, T, user, email).await.unwrap());
    }
    assert_eq!(recipe.create_recover_account_link(&cx, T, "unknown", "a@b.co").await.unwrap(), None);
    let whose = recipe.user_from_recover_account_token(&cx, T, &token).await.unwrap().unwrap();
    assert_eq!((whose.user.id.as_str(), whose.recipe_user_id.as_deref()), (id, Some(id)));
    let consumed = recipe.consume_recover_account_token(&cx, T, &token).await.unwrap();
    assert_eq!(consumed, ConsumedToken::Ok { user_id: id.to_owned(), email: "ann@example.com".to_owned() });
    let consumed = recipe.consume_recover_account_token(&cx, T, &token).await.unwrap();
    assert_eq!(consumed, ConsumedToken::InvalidToken);
    assert!(recipe.user_from_recover_account_token(&cx, T, &token).await.unwrap().is_none());

    let link = recipe.create_recover_account_link(&cx, T, id, "ann@example.com").await.unwrap().unwrap();
    let token = token_of(&link, "webauthn/recover");
    let made = options(&app, REGISTER_OPTIONS, &json!({"recoverAccountToken": token})).await;
    let mut second = passkey();
    let body = answer(&made, &mut second);
    let input = RecoverAccountInput {
        tenant: T.to_owned(),
        token,
        options_id: body["webauthnGeneratedOptionsId"].as_str().unwrap().to_owned(),
        credential: object(&body["credential"]),
    };
    let outcome = recipe.recover_account(&cx, &input).await.unwrap();
    let registered = Registration::Ok { credential_id: second.id(), email: "ann@example.com".to_owned() };
    assert_eq!(outcome, Recovery::Registered(registered));
    let outcome = recipe.recover_account(&cx, &input).await.unwrap();
    assert_eq!(outcome, Recovery::InvalidToken);
    assert_eq!(sign_in(&app, &mut second).await.body["user"]["id"], id);
}
