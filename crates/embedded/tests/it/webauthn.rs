//! Sign-up and sign-in with passkeys, as frontends go about it.

use crate::app::{Mails, Reply, TestApp, object};
use async_trait::async_trait;
use http::{Method, Request};
use portcullis::recipes::emailpassword::EmailPassword;
use portcullis::recipes::emailverification::EmailVerification;
use portcullis::recipes::session::SessionRecipe;
use portcullis::recipes::webauthn::{
    Api, Apis, Applicant, Attempt, CredentialFault, EmailUpdate, Functions, RegisterOptionsOutcome,
    RegisterOptionsRequest, Registration, RelyingParty, SignIn, SignInOptionsOutcome, SignInOptionsRequest,
    SignInOutcome, SignUp, SignUpOutcome, WebAuthn,
};
use portcullis::{Cx, Error};
use portcullis_testkit::Shape;
use portcullis_testkit::authenticator::{Algorithm, Authenticator, Ceremony};
use rstest::rstest;
use serde_json::{Value, json};
use std::sync::Arc;

const T: &str = "public";
pub(crate) const WEBSITE: &str = "http://localhost:3000";
pub(crate) const REGISTER_OPTIONS: &str = "/auth/webauthn/options/register";
pub(crate) const SIGN_IN_OPTIONS: &str = "/auth/webauthn/options/signin";
const SIGN_UP: &str = "/auth/webauthn/signup";
pub(crate) const SIGN_IN: &str = "/auth/webauthn/signin";
const ADD: &str = "/auth/webauthn/credential";
const LIST: &str = "/auth/webauthn/credential/list";
const REMOVE: &str = "/auth/webauthn/credential/remove";

/// An app with passkeys.
pub(crate) async fn app(shape: Shape, recipe: WebAuthn, mails: &Mails) -> TestApp {
    TestApp::new(shape, |builder| {
        let builder = builder.email_delivery(mails.clone()).recipe(EmailPassword::new());
        let builder = builder.recipe(EmailVerification::optional()).recipe(recipe);
        builder.recipe(SessionRecipe::new())
    })
    .await
}

pub(crate) fn passkey() -> Authenticator {
    Authenticator::new(Algorithm::Es256)
}

/// What an authenticator answers to options, in the body that frontends send.
pub(crate) fn answer(options: &Value, authenticator: &mut Authenticator) -> Value {
    let ceremony = Ceremony::of(options, WEBSITE);
    let is_new = options.get("rp").is_some();
    let credential = if is_new { authenticator.create(&ceremony) } else { authenticator.get(&ceremony) };
    json!({"webauthnGeneratedOptionsId": options["webauthnGeneratedOptionsId"], "credential": credential})
}

pub(crate) async fn options(app: &TestApp, path: &str, body: &Value) -> Value {
    let options = app.post(path, body).await;
    assert_eq!((options.status, &options.body["status"]), (200, &json!("OK")), "{options:?}");
    options.body
}

pub(crate) async fn sign_up(app: &TestApp, email: &str, authenticator: &mut Authenticator) -> Reply {
    let options = options(app, REGISTER_OPTIONS, &json!({"email": email})).await;
    app.post(SIGN_UP, &answer(&options, authenticator)).await
}

pub(crate) async fn sign_in(app: &TestApp, authenticator: &mut Authenticator) -> Reply {
    let options = options(app, SIGN_IN_OPTIONS, &json!({})).await;
    app.post(SIGN_IN, &answer(&options, authenticator)).await
}

pub(crate) fn status(word: &str) -> (u16, Value) {
    (200, json!({"status": word}))
}

fn as_user(path: &str, method: Method, reply: &Reply) -> http::request::Builder {
    let request = Request::builder().method(method).uri(path);
    request.header("authorization", format!("Bearer {}", reply.access_token()))
}

#[rstest]
#[tokio::test]
async fn a_passkey_signs_up_and_in(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, WebAuthn::new(), &Mails::default()).await;
    let mut passkey = passkey();
    let options = options(&app, REGISTER_OPTIONS, &json!({"email": " Ann@Example.com "})).await;
    let id = options["webauthnGeneratedOptionsId"].clone();
    assert_eq!(
        options,
        json!({
            "status": "OK",
            "webauthnGeneratedOptionsId": id,
            "createdAt": options["createdAt"],
            "expiresAt": options["createdAt"].as_i64().unwrap() + 60_000,
            "challenge": options["challenge"],
            "timeout": 60_000,
            "attestation": "none",
            "pubKeyCredParams": [
                {"alg": -8, "type": "public-key"},
                {"alg": -7, "type": "public-key"},
                {"alg": -257, "type": "public-key"},
            ],
            "excludeCredentials": [],
            "rp": {"id": "localhost", "name": "Demo"},
            "user": {"id": options["user"]["id"], "name": "ann@example.com", "displayName": "Ann@Example.com"},
            "authenticatorSelection": {
                "requireResidentKey": true, "residentKey": "required", "userVerification": "preferred",
            },
        })
    );
    let made = app.post(SIGN_UP, &answer(&options, &mut passkey)).await;
    let user = made.body["user"].clone();
    assert_eq!(made.seen(), (200, json!({"status": "OK", "user": user})));
    assert_eq!(user["webauthn"], json!({"credentialIds": [passkey.id()]}));
    assert_eq!(user["loginMethods"][0]["email"], "ann@example.com");
    assert!(!made.access_token().is_empty());

    let found = sign_in(&app, &mut passkey).await;
    assert_eq!(found.seen(), (200, json!({"status": "OK", "user": user})));
    assert_ne!(found.access_token(), made.access_token());
    let again = sign_up(&app, "ann@example.com", &mut self::passkey()).await;
    assert_eq!(again.seen(), status("EMAIL_ALREADY_EXISTS_ERROR"));
    let unknown = sign_in(&app, &mut self::passkey()).await;
    assert_eq!(unknown.seen(), status("INVALID_CREDENTIALS_ERROR"));
    assert!(unknown.headers.get("st-access-token").is_none());

    let exists = async |email: &str| {
        app.send(Request::get(format!("/auth/webauthn/email/exists?email={email}")), "").await.seen()
    };
    app.form("/auth/signup", &[("email", "bob@example.com"), ("password", "correct1horse")]).await;
    for (email, is_there) in [("ANN@example.com", true), ("bob@example.com", false)] {
        assert_eq!(exists(email).await, (200, json!({"status": "OK", "exists": is_there})));
    }
}

#[rstest]
#[tokio::test]
async fn an_answer_counts_once(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, WebAuthn::new(), &Mails::default()).await;
    let mut passkey = passkey();
    (passkey.counter, passkey.step) = (0, 0);
    sign_up(&app, "ann@example.com", &mut passkey).await;
    let options = options(&app, SIGN_IN_OPTIONS, &json!({})).await;
    let body = answer(&options, &mut passkey);
    assert_eq!(app.post(SIGN_IN, &body).await.body["status"], "OK");
    assert_eq!(app.post(SIGN_IN, &body).await.seen(), status("INVALID_CREDENTIALS_ERROR"));
}

#[rstest]
#[tokio::test]
async fn requests_that_are_none(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, WebAuthn::new(), &Mails::default()).await;
    let ann = sign_up(&app, "ann@example.com", &mut passkey()).await;
    let bad = |text: &str| (400, json!({"message": text}));
    let nobody = bad("Please provide the email or the recover account token");
    let no_email = (200, json!({"status": "INVALID_EMAIL_ERROR", "err": "Email is invalid"}));
    let (no_id, no_object) =
        (bad("webauthnGeneratedOptionsId is required"), bad("credential must be an object"));
    let answer = json!({"webauthnGeneratedOptionsId": "x", "credential": {}});
    let with = |name: &str, value: Value| {
        let mut body = answer.clone();
        body[name] = value;
        body
    };
    for (path, body, expected) in [
        (REGISTER_OPTIONS, json!({}), nobody.clone()),
        (REGISTER_OPTIONS, json!({"email": 1}), nobody.clone()),
        (REGISTER_OPTIONS, json!({"recoverAccountToken": []}), nobody),
        (REGISTER_OPTIONS, json!({"email": "ann"}), no_email.clone()),
        (REGISTER_OPTIONS, json!({"email": "  "}), no_email),
        (
            REGISTER_OPTIONS,
            json!({"recoverAccountToken": "made up"}),
            status("RECOVER_ACCOUNT_TOKEN_INVALID_ERROR"),
        ),
        (SIGN_UP, json!({}), no_id.clone()),
        (SIGN_UP, json!({"webauthnGeneratedOptionsId": "x"}), bad("credential is required")),
        (SIGN_UP, with("credential", json!("x")), no_object.clone()),
        (
            SIGN_UP,
            with("webauthnGeneratedOptionsId", json!(1)),
            bad("webauthnGeneratedOptionsId must be a string"),
        ),
        (SIGN_UP, answer.clone(), status("OPTIONS_NOT_FOUND_ERROR")),
        (SIGN_IN, json!({}), no_id.clone()),
        (SIGN_IN, with("credential", json!([])), no_object.clone()),
        (SIGN_IN, answer.clone(), status("INVALID_CREDENTIALS_ERROR")),
        (SIGN_IN, with("credential", json!({"id": 1})), status("INVALID_CREDENTIALS_ERROR")),
        ("/auth/user/webauthn/reset/token", json!({}), bad("Please provide the email")),
        ("/auth/user/webauthn/reset/token", json!({"email": {}}), bad("Please provide the email")),
        ("/auth/user/webauthn/reset", json!({}), no_id.clone()),
        ("/auth/user/webauthn/reset", answer.clone(), bad("Please provide the recover account token")),
        (
            "/auth/user/webauthn/reset",
            with("token", json!(1)),
            bad("The recover account token must be a string"),
        ),
        (ADD, json!({}), no_id),
        (ADD, answer.clone(), bad("Please provide the recipeUserId")),
        (ADD, with("recipeUserId", json!(1)), bad("recipeUserId must be a string")),
        (REMOVE, json!({}), bad("A valid webauthnCredentialId is required")),
    ] {
        let told = app.send(as_user(path, Method::POST, &ann), body.to_string()).await;
        assert_eq!(told.seen(), expected, "{path} {body}");
    }
    let missing = app.send(Request::get("/auth/webauthn/email/exists"), "").await;
    assert_eq!(missing.seen(), bad("Please provide the email as a GET param"));
}

#[rstest]
#[tokio::test]
async fn answers_that_do_not_do(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, WebAuthn::new(), &Mails::default()).await;
    let mut passkey = passkey();
    let body = json!({"email": "ann@example.com"});
    let made = options(&app, REGISTER_OPTIONS, &body).await;
    // Another site asks for the answer.
    let evil = passkey.create(&Ceremony::of(&made, "http://evil.example"));
    let id = &made["webauthnGeneratedOptionsId"];
    let refused = app.post(SIGN_UP, &json!({"webauthnGeneratedOptionsId": id, "credential": evil})).await;
    assert_eq!(refused.body["status"], "INVALID_AUTHENTICATOR_ERROR");
    assert!(refused.body["reason"].is_string(), "{refused:?}");
    let garbage =
        app.post(SIGN_UP, &json!({"webauthnGeneratedOptionsId": id, "credential": {"id": "x"}})).await;
    assert_eq!(garbage.seen(), status("INVALID_CREDENTIALS_ERROR"));
    let of_sign_in = options(&app, SIGN_IN_OPTIONS, &json!({})).await;
    assert_eq!(of_sign_in["rpId"], "localhost");
    let wrong_kind = json!({
        "webauthnGeneratedOptionsId": of_sign_in["webauthnGeneratedOptionsId"],
        "credential": passkey.create(&Ceremony::of(&made, WEBSITE)),
    });
    assert_eq!(app.post(SIGN_UP, &wrong_kind).await.seen(), status("INVALID_OPTIONS_ERROR"));
    let answer = answer(&made, &mut passkey);
    app.advance(60_001);
    assert_eq!(app.post(SIGN_UP, &answer).await.seen(), status("INVALID_OPTIONS_ERROR"), "too slow");
    // Sign-in tells nothing of what is wrong.
    sign_up(&app, "ann@example.com", &mut passkey).await;
    let made = options(&app, SIGN_IN_OPTIONS, &json!({})).await;
    let evil = passkey.get(&Ceremony::of(&made, "http://evil.example"));
    let id = &made["webauthnGeneratedOptionsId"];
    let refused = app.post(SIGN_IN, &json!({"webauthnGeneratedOptionsId": id, "credential": evil})).await;
    assert_eq!(refused.seen(), status("INVALID_CREDENTIALS_ERROR"));
    // Addresses that nobody reads are no first factor.
    let fake = sign_up(&app, "x@stfakeemail.supertokens.com", &mut self::passkey()).await;
    assert_eq!(fake.seen(), status("EMAIL_ALREADY_EXISTS_ERROR"));
}

#[rstest]
#[tokio::test]
async fn first_factors_and_sessions_count(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, WebAuthn::new(), &Mails::default()).await;
    let mut passkey = passkey();
    let only_codes = json!({"tenantId": "codes", "firstFactors": ["otp-email"]});
    app.core(Method::PUT, "/recipe/multitenancy/tenant/v2", &only_codes).await;
    let made = app.post("/auth/codes/webauthn/options/register", &json!({"email": "a@example.com"})).await;
    let refused = app.post("/auth/codes/webauthn/signup", &answer(&made.body, &mut passkey)).await;
    assert_eq!(refused.seen(), (401, json!({"message": "unauthorised"})));

    let ann = sign_up(&app, "ann@example.com", &mut passkey).await;
    let made = options(&app, SIGN_IN_OPTIONS, &json!({})).await;
    let body = answer(&made, &mut passkey).to_string();
    let own = app.send(as_user(SIGN_IN, Method::POST, &ann).header("fdi-version", "3.0"), body).await;
    assert_eq!((own.status, own.headers.get("st-access-token")), (200, None), "the session goes on");
}

#[rstest]
#[tokio::test]
async fn several_passkeys_of_a_user(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, WebAuthn::new(), &Mails::default()).await;
    let (mut first, mut second, mut bobs) = (passkey(), passkey(), passkey());
    let ann = sign_up(&app, "ann@example.com", &mut first).await;
    let bob = sign_up(&app, "bob@example.com", &mut bobs).await;
    let id = ann.body["user"]["id"].clone();
    let post = async |reply: &Reply, path: &str, body: &Value| {
        app.send(as_user(path, Method::POST, reply), body.to_string()).await.seen()
    };
    let further = async |email: &str, id: &Value, authenticator: &mut Authenticator| {
        let options = options(&app, REGISTER_OPTIONS, &json!({"email": email})).await;
        let mut body = answer(&options, authenticator);
        body["recipeUserId"] = id.clone();
        body
    };
    let general = |text: &str| (200, json!({"status": "GENERAL_ERROR", "message": text}));
    // Of two that were added at one time, the one whose id comes first is listed first.
    app.advance(1);
    let body = further("ann@example.com", &id, &mut second).await;
    assert_eq!(app.post(ADD, &body).await.seen(), (401, json!({"message": "unauthorised"})));
    assert_eq!(post(&bob, ADD, &body).await, general("User not found"), "of another one's login method");
    assert_eq!(post(&ann, ADD, &body).await, status("OK"));
    let not_allowed = post(&ann, ADD, &body).await.1;
    assert_eq!(not_allowed["status"], "REGISTER_CREDENTIAL_NOT_ALLOWED");
    assert!(not_allowed["reason"].as_str().unwrap().ends_with("(ERR_CODE_007)"), "{not_allowed}");
    let body = further("bob@example.com", &id, &mut passkey()).await;
    assert_eq!(post(&ann, ADD, &body).await, general("Email mismatch"));
    let mut unknown = body.clone();
    unknown["webauthnGeneratedOptionsId"] = json!("x");
    assert_eq!(post(&ann, ADD, &unknown).await, status("OPTIONS_NOT_FOUND_ERROR"));
    // Where the Node SDK breaks down.
    let body = further("ann@example.com", &id, &mut passkey()).await;
    let mut broken = body.clone();
    broken["credential"] = json!({"id": "x"});
    let wrong = post(&ann, ADD, &broken).await.1;
    assert!(wrong["reason"].as_str().unwrap().ends_with("(ERR_CODE_025)"), "{wrong}");
    app.advance(60_001);
    assert_eq!(post(&ann, ADD, &body).await, status("INVALID_OPTIONS_ERROR"));
    assert_eq!(sign_in(&app, &mut second).await.body["user"]["id"], id);

    let list = async |reply: &Reply| app.send(as_user(LIST, Method::GET, reply), "").await;
    let listed = list(&ann).await;
    let entry = |passkey: &Authenticator, at: usize| {
        json!({"webauthnCredentialId": passkey.id(), "recipeUserId": id, "relyingPartyId": "localhost",
            "createdAt": listed.body["credentials"][at]["createdAt"]})
    };
    let both = json!({"status": "OK", "credentials": [entry(&first, 0), entry(&second, 1)]});
    assert_eq!(listed.seen(), (200, both));
    assert_eq!(list(&bob).await.body["credentials"].as_array().unwrap().len(), 1);
    assert_eq!(app.send(Request::get(LIST), "").await.status, 401);

    let gone = json!({"webauthnCredentialId": first.id()});
    assert_eq!(app.post(REMOVE, &gone).await.status, 401);
    assert_eq!(post(&bob, REMOVE, &gone).await, general("User not found"));
    assert_eq!(post(&ann, REMOVE, &gone).await, status("OK"));
    assert_eq!(post(&ann, REMOVE, &gone).await, general("User not found"));
    assert_eq!(sign_in(&app, &mut first).await.seen(), status("INVALID_CREDENTIALS_ERROR"));
    assert_eq!(sign_in(&app, &mut second).await.body["user"]["id"], id);
}

#[rstest]
#[tokio::test]
async fn the_app_chooses_the_site(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let recipe = WebAuthn::new()
        .relying_party_id("example.com")
        .choose_relying_party_name(
            |cx, tenant| async move { Ok(format!("{} of {tenant}", cx.sdk().app().name)) },
        )
        .choose_origin(|_, _| async { Ok("https://login.example.com".to_owned()) })
        .validate_email(|_, _, email| async move { Ok((email == "no").then(|| "never".to_owned())) });
    let app = app(shape, recipe, &Mails::default()).await;
    let made =
        options(&app, REGISTER_OPTIONS, &json!({"email": "ann@example.com", "displayName": "Ann"})).await;
    assert_eq!(made["rp"], json!({"id": "example.com", "name": "Demo of public"}));
    assert_eq!(made["user"]["displayName"], "Ann");
    let mut passkey = passkey();
    let credential = passkey.create(&Ceremony::of(&made, "https://login.example.com"));
    let id = &made["webauthnGeneratedOptionsId"];
    let made = app.post(SIGN_UP, &json!({"webauthnGeneratedOptionsId": id, "credential": credential})).await;
    assert_eq!(made.body["status"], "OK", "{made:?}");
    let never = app.post(REGISTER_OPTIONS, &json!({"email": "no"})).await;
    assert_eq!(never.seen(), (200, json!({"status": "INVALID_EMAIL_ERROR", "err": "never"})));
}

#[rstest]
#[tokio::test]
async fn sites_that_make_no_sense(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, WebAuthn::new().relying_party_id("other.example"), &Mails::default()).await;
    for (path, body) in
        [(REGISTER_OPTIONS, json!({"email": "ann@example.com"})), (SIGN_IN_OPTIONS, json!({}))]
    {
        let told = app.post(path, &body).await;
        assert_eq!((told.status, &told.body["status"]), (200, &json!("INVALID_OPTIONS_ERROR")), "{told:?}");
    }
}

#[rstest]
#[tokio::test]
async fn what_the_app_can_do_itself(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape, WebAuthn::new(), &Mails::default()).await;
    let (cx, recipe, mut passkey) = (Cx::new(&app.sdk), app.sdk.webauthn().unwrap(), passkey());
    let site = recipe.relying_party(&cx, T).await.unwrap();
    assert_eq!(site, RelyingParty { id: "localhost".into(), name: "Demo".into(), origin: WEBSITE.into() });
    let ann = || Applicant::Email { email: "ann@example.com".to_owned(), display_name: None };
    let register = async || {
        let request = RegisterOptionsRequest::new(T, ann(), site.clone());
        let made = recipe.register_options(&cx, &request).await.unwrap();
        let RegisterOptionsOutcome::Ok(options) = made else { panic!("{made:?}") };
        (options.webauthn_generated_options_id.clone(), serde_json::to_value(options).unwrap())
    };
    let authenticate = async || {
        let made = recipe.sign_in_options(&cx, &SignInOptionsRequest::new(T, site.clone())).await.unwrap();
        let SignInOptionsOutcome::Ok(options) = made else { panic!("{made:?}") };
        (options.webauthn_generated_options_id.clone(), serde_json::to_value(options).unwrap())
    };
    let credential = |value: &Value| object(&value["credential"]);
    let (id, options) = register().await;
    let stored = recipe.generated_options(&cx, T, &id).await.unwrap().unwrap();
    assert_eq!((stored.email.as_deref(), stored.origin.as_str()), (Some("ann@example.com"), WEBSITE));
    let body = credential(&answer(&options, &mut passkey));
    let made = recipe.sign_up(&cx, &Attempt::new(T, &id, body.clone())).await.unwrap();
    let SignUp::Ok { user, recipe_user_id } = made else { panic!("{made:?}") };
    let (id, options) = register().await;
    let again = credential(&answer(&options, &mut self::passkey()));
    let taken = recipe.create_new_recipe_user(&cx, T, &id, &again).await.unwrap();
    assert!(matches!(taken, SignUp::EmailAlreadyExists), "{taken:?}");
    assert!(recipe.remove_generated_options(&cx, T, &id).await.unwrap());
    assert!(!recipe.remove_generated_options(&cx, T, &id).await.unwrap());
    assert!(recipe.generated_options(&cx, T, &id).await.unwrap().is_none());

    let (id, options) = authenticate().await;
    let body = credential(&answer(&options, &mut passkey));
    assert!(recipe.verify_credentials(&cx, T, &id, &body).await.unwrap());
    let (id, options) = authenticate().await;
    let body = credential(&answer(&options, &mut passkey));
    let found = recipe.sign_in(&cx, &Attempt::new(T, &id, body.clone())).await.unwrap();
    let SignIn::Ok { recipe_user_id: found, .. } = found else { panic!("{found:?}") };
    assert_eq!(found, recipe_user_id);
    let spent = recipe.sign_in(&cx, &Attempt::new(T, &id, body)).await.unwrap();
    assert!(matches!(spent, SignIn::Refused(CredentialFault::OptionsNotFound)), "{spent:?}");

    let mut second = self::passkey();
    let (id, options) = register().await;
    let body = credential(&answer(&options, &mut second));
    let added = recipe.register_credential(&cx, &user.id, &id, &body).await.unwrap();
    let expected = Registration::Ok { credential_id: second.id(), email: "ann@example.com".to_owned() };
    assert_eq!(added, expected);
    let unknown = recipe.register_credential(&cx, "unknown", &id, &body).await.unwrap();
    assert_eq!(unknown, Registration::UnknownUser);
    assert_eq!(recipe.list_credentials(&cx, &user.id).await.unwrap().len(), 2);
    let one = recipe.credential(&cx, &user.id, &second.id()).await.unwrap().unwrap();
    assert_eq!(one.relying_party_id, "localhost");
    assert!(recipe.remove_credential(&cx, &user.id, &second.id()).await.unwrap());
    assert!(!recipe.remove_credential(&cx, &user.id, &second.id()).await.unwrap());
    assert!(recipe.credential(&cx, &user.id, &second.id()).await.unwrap().is_none());

    let update = async |id: &str, email: &str| recipe.update_user_email(&cx, T, id, email).await.unwrap();
    sign_up(&app, "bob@example.com", &mut second).await;
    assert_eq!(update(&user.id, "bob@example.com").await, EmailUpdate::EmailAlreadyExists);
    assert_eq!(update("unknown", "new@example.com").await, EmailUpdate::UnknownUser);
    assert_eq!(update(&user.id, "New@example.com").await, EmailUpdate::Ok);
    assert_eq!(app.sdk.users_by_email(&cx, T, "new@example.com").await.unwrap()[0].id, user.id);
}

/// Knows a passkey that is always wrong.
struct Revoked(Arc<dyn Functions>, String);

#[async_trait]
impl Functions for Revoked {
    fn original(&self) -> &dyn Functions {
        &*self.0
    }

    async fn verify_credentials(
        &self,
        cx: &Cx,
        tenant: &str,
        options_id: &str,
        credential: &serde_json::Map<String, Value>,
    ) -> portcullis::Result<SignIn> {
        if credential["id"] == self.1.as_str() {
            return Ok(SignIn::CredentialNotFound);
        }
        self.0.verify_credentials(cx, tenant, options_id, credential).await
    }
}

/// Refuses some, and leaves the rest to the APIs below.
struct Strict(Arc<dyn Apis>);

#[async_trait]
impl Apis for Strict {
    fn original(&self) -> &dyn Apis {
        &*self.0
    }

    async fn sign_up(&self, cx: &Cx, attempt: Attempt) -> portcullis::Result<SignUpOutcome> {
        let outcome = self.0.sign_up(cx, attempt).await?;
        let SignUpOutcome::Ok { user, .. } = &outcome else { return Ok(outcome) };
        match user.emails[0].as_str() {
            "closed@example.com" => Ok(SignUpOutcome::NotAllowed { reason: "closed".to_owned() }),
            "later@example.com" => Err(Error::General("later".to_owned())),
            _ => Ok(outcome),
        }
    }

    async fn sign_in(&self, cx: &Cx, attempt: Attempt) -> portcullis::Result<SignInOutcome> {
        if cx.exchange().is_some_and(|exchange| exchange.header("x-closed").is_some()) {
            return Ok(SignInOutcome::NotAllowed { reason: "closed".to_owned() });
        }
        self.0.sign_in(cx, attempt).await
    }
}

#[rstest]
#[tokio::test]
async fn functions_and_apis_are_replaced_or_taken_away(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let (mut good, mut revoked) = (passkey(), passkey());
    let id = revoked.id();
    let recipe = WebAuthn::new().override_functions(|original| Revoked(original, id)).override_apis(Strict);
    let app = app(shape, recipe.disable(Api::EmailExists), &Mails::default()).await;
    let not_allowed = |word: &str| (200, json!({"status": word, "reason": "closed"}));
    assert_eq!(sign_up(&app, "ann@example.com", &mut good).await.body["status"], "OK");
    assert_eq!(sign_up(&app, "bob@example.com", &mut revoked).await.body["status"], "OK");
    let closed = sign_up(&app, "closed@example.com", &mut passkey()).await;
    assert_eq!(closed.seen(), not_allowed("SIGN_UP_NOT_ALLOWED"));
    let later = sign_up(&app, "later@example.com", &mut passkey()).await;
    assert_eq!(later.seen(), (200, json!({"status": "GENERAL_ERROR", "message": "later"})));
    assert_eq!(sign_in(&app, &mut good).await.body["status"], "OK");
    assert_eq!(sign_in(&app, &mut revoked).await.seen(), status("INVALID_CREDENTIALS_ERROR"));
    let made = options(&app, SIGN_IN_OPTIONS, &json!({})).await;
    let request = Request::post(SIGN_IN).header("x-closed", "1");
    let closed = app.send(request, answer(&made, &mut good).to_string()).await;
    assert_eq!(closed.seen(), not_allowed("SIGN_IN_NOT_ALLOWED"));
    assert!(!app.serves(&Method::GET, "/auth/webauthn/email/exists"));
    assert!(app.serves(&Method::POST, SIGN_UP));
}
