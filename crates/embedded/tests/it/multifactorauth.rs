//! Sign-ins in several steps.

use crate::app::{Reply, TestApp, info, object};
use async_trait::async_trait;
use http::Method;
use portcullis::recipes::emailpassword::EmailPassword;
use portcullis::recipes::factors;
use portcullis::recipes::multifactorauth::{
    self, Api, Apis, AuthState, ClaimValue, Functions, MfaInfo, MultiFactorAuth, Requirement,
    has_completed_requirement_list,
};
use portcullis::recipes::multitenancy::TenantConfig;
use portcullis::recipes::session::{Session, SessionRecipe, VerifyOptions};
use portcullis::recipes::totp::Totp;
use portcullis::{BuildError, Cx, Error, Portcullis, Result, SessionError};
use portcullis_testkit::{START, Shape};
use rstest::rstest;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const ANN: [(&str, &str); 2] = [("email", "ann@example.com"), ("password", "correct1horse")];
const INFO: &str = "/auth/mfa/info";
const SECONDS: i64 = START / 1000;

async fn app_with(shape: Shape, recipe: MultiFactorAuth) -> TestApp {
    TestApp::new(shape, |builder| {
        let builder = builder.recipe(EmailPassword::new()).recipe(recipe).recipe(Totp::new());
        builder.recipe(SessionRecipe::new())
    })
    .await
}

async fn app(shape: Shape) -> TestApp {
    app_with(shape, MultiFactorAuth::new()).await
}

/// A user, and the access token of a session.
struct SignedIn {
    id: String,
    token: String,
}

fn signed_in(reply: &Reply) -> SignedIn {
    assert_eq!(reply.body["status"], "OK", "{reply:?}");
    SignedIn {
        id: reply.body["user"]["id"].as_str().unwrap().to_owned(),
        token: reply.access_token().to_owned(),
    }
}

async fn sign_up(app: &TestApp) -> SignedIn {
    signed_in(&app.form("/auth/signup", &ANN).await)
}

async fn sign_in(app: &TestApp) -> SignedIn {
    signed_in(&app.form("/auth/signin", &ANN).await)
}

/// The app requires a code of Ann.
async fn require_totp(app: &TestApp, ann: &SignedIn) {
    let factors = app.sdk.multi_factor_auth().unwrap();
    let cx = Cx::new(&app.sdk);
    factors.add_to_required_secondary_factors_for_user(&cx, &ann.id, factors::TOTP).await.unwrap();
}

async fn call(app: &TestApp, token: &mut String, method: Method, path: &str, body: &Value) -> Reply {
    let reply = app.with_session(method, path, token, body).await;
    if let Some(new) = reply.headers.get("st-access-token").filter(|new| !new.is_empty()) {
        new.to_str().unwrap().clone_into(token);
    }
    reply
}

async fn mfa_info(app: &TestApp, token: &mut String) -> Value {
    let reply = call(app, token, Method::PUT, INFO, &Value::Null).await;
    assert_eq!((reply.status, &reply.body["status"]), (200, &json!("OK")), "{reply:?}");
    reply.body["factors"].clone()
}

/// A new device and its secret.
async fn make_device(app: &TestApp, token: &mut String, name: &str) -> String {
    let reply = call(app, token, Method::POST, "/auth/totp/device", &json!({"deviceName": name})).await;
    assert_eq!(reply.body["status"], "OK", "{reply:?}");
    reply.body["secret"].as_str().unwrap().to_owned()
}

/// A verified device and its secret.
async fn set_up_totp(app: &TestApp, token: &mut String, name: &str) -> String {
    let secret = make_device(app, token, name).await;
    let body = json!({"deviceName": name, "totp": app.totp(&secret)});
    let reply = call(app, token, Method::POST, "/auth/totp/device/verify", &body).await;
    assert_eq!(reply.body, json!({"status": "OK", "wasAlreadyVerified": false}));
    // So that its next code is another one.
    app.advance(90_000);
    secret
}

async fn verify(app: &TestApp, token: &str, options: &VerifyOptions) -> Result<Session> {
    let sessions = app.sdk.session().unwrap();
    let session = sessions.verify_without_request(&Cx::new(&app.sdk), token, None, options).await;
    session.map(Option::unwrap)
}

/// What a verification answers: nothing, or the reasons of a 403.
async fn refusal(app: &TestApp, token: &str, options: &VerifyOptions) -> Option<Value> {
    match verify(app, token, options).await {
        Ok(_) => None,
        Err(Error::Session(SessionError::InvalidClaims(failures))) => {
            Some(serde_json::to_value(failures).unwrap())
        }
        Err(error) => panic!("{error}"),
    }
}

fn unsatisfied() -> Value {
    json!([{"id": "st-mfa", "reason": {"message": "MFA requirement for auth is not satisfied"}}])
}

#[rstest]
#[tokio::test]
async fn a_required_factor_is_set_up_and_then_gone_through(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let app = app(shape).await;
    let mut ann = sign_up(&app).await;
    assert_eq!(refusal(&app, &ann.token, &VerifyOptions::new()).await, None, "nothing is required");
    let nothing =
        json!({"next": [], "alreadySetup": ["emailpassword"], "allowedToSetup": ["emailpassword", "totp"]});
    assert_eq!(mfa_info(&app, &mut ann.token).await, nothing);

    require_totp(&app, &ann).await;
    let mut ann = sign_in(&app).await;
    assert_eq!(
        mfa_info(&app, &mut ann.token).await,
        json!({"next": ["totp"], "alreadySetup": ["emailpassword"], "allowedToSetup": ["totp"]})
    );
    assert_eq!(refusal(&app, &ann.token, &VerifyOptions::new()).await, Some(unsatisfied()));
    set_up_totp(&app, &mut ann.token, "phone").await;
    assert_eq!(refusal(&app, &ann.token, &VerifyOptions::new()).await, None);
    let session = verify(&app, &ann.token, &VerifyOptions::new()).await.unwrap();
    let value = ClaimValue::of(&session.access_token_payload()).unwrap();
    assert!(value.is_satisfied);
    assert_eq!(value.completed, object(&json!({"emailpassword": SECONDS, "totp": SECONDS})));
    let everything = json!({"next": [], "alreadySetup": ["emailpassword", "totp"],
        "allowedToSetup": ["emailpassword", "totp"]});
    assert_eq!(mfa_info(&app, &mut ann.token).await, everything);
}

#[rstest]
#[tokio::test]
async fn who_has_a_factor_goes_through_it_and_sets_up_no_other(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let app = app(shape).await;
    let mut ann = sign_up(&app).await;
    let secret = set_up_totp(&app, &mut ann.token, "phone").await;
    require_totp(&app, &ann).await;
    // Who knows nothing but the password.
    let mut thief = sign_in(&app).await;
    let waiting = json!({"next": ["totp"], "alreadySetup": ["emailpassword", "totp"], "allowedToSetup": []});
    assert_eq!(mfa_info(&app, &mut thief.token).await, waiting);
    let refused = json!({"message": "invalid claim", "claimValidationErrors": [{"id": "st-mfa",
        "reason": "Completed factors in the session does not satisfy the MFA requirements for auth"}]});
    for (path, body) in [
        ("/auth/totp/device", json!({"deviceName": "thief's"})),
        ("/auth/totp/device/verify", json!({"deviceName": "phone", "totp": "000000"})),
    ] {
        let reply = call(&app, &mut thief.token, Method::POST, path, &body).await;
        assert_eq!(reply.seen(), (403, refused.clone()), "{path}");
    }
    let body = json!({"deviceName": "phone"});
    let reply = call(&app, &mut thief.token, Method::POST, "/auth/totp/device/remove", &body).await;
    assert_eq!(reply.status, 403);
    let session = verify(&app, &thief.token, &VerifyOptions::new().without_claims()).await.unwrap();
    let cx = Cx::new(&app.sdk);
    let factors = app.sdk.multi_factor_auth().unwrap();
    for factor in ["totp", "otp-email", "emailpassword"] {
        let told = factors.assert_allowed_to_setup_factor(&cx, &session, factor).await;
        assert!(matches!(told, Err(Error::Session(SessionError::InvalidClaims(_)))), "{factor}");
    }
    assert_eq!(refusal(&app, &thief.token, &VerifyOptions::new()).await, Some(unsatisfied()));

    // Ann, who has the device.
    let mut ann = sign_in(&app).await;
    let body = json!({"totp": app.totp(&secret)});
    let reply = call(&app, &mut ann.token, Method::POST, "/auth/totp/verify", &body).await;
    assert_eq!(reply.seen(), (200, json!({"status": "OK"})));
    assert_eq!(refusal(&app, &ann.token, &VerifyOptions::new()).await, None);
    let body = json!({"deviceName": "phone"});
    let reply = call(&app, &mut ann.token, Method::POST, "/auth/totp/device/remove", &body).await;
    assert_eq!(reply.seen(), (200, json!({"status": "OK", "didDeviceExist": true})));
}

/// Counts how often it is asked what a user has set up.
struct Counts {
    original: Arc<dyn Functions>,
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl Functions for Counts {
    fn original(&self) -> &dyn Functions {
        &*self.original
    }

    async fn factors_setup_for_user(&self, cx: &Cx, user: &portcullis::User) -> Result<Vec<String>> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        self.original().factors_setup_for_user(cx, user).await
    }
}

#[rstest]
#[tokio::test]
async fn an_old_session_learns_what_is_required_before_it_sets_up_a_factor(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    let recipe = MultiFactorAuth::new().override_functions(|original| Counts { original, asked: counter });
    let app = app_with(shape, recipe).await;
    let mut ann = sign_up(&app).await;
    // Stolen before Ann had a second factor.
    let mut stolen = sign_in(&app).await;
    set_up_totp(&app, &mut ann.token, "phone").await;
    assert_eq!(asked.load(Ordering::SeqCst), 0, "nothing is asked of Ann, who has come far enough");
    require_totp(&app, &ann).await;
    assert_eq!(refusal(&app, &stolen.token, &VerifyOptions::new()).await, None);
    let body = json!({"deviceName": "thief's"});
    let reply = call(&app, &mut stolen.token, Method::POST, "/auth/totp/device", &body).await;
    assert_eq!((reply.status, &reply.body["claimValidationErrors"][0]["id"]), (403, &json!("st-mfa")));
    assert_eq!(asked.load(Ordering::SeqCst), 1);
    assert_eq!(refusal(&app, &stolen.token, &VerifyOptions::new()).await, Some(unsatisfied()));
}

#[rstest]
#[tokio::test]
async fn a_tenant_requires_a_factor_of_all_its_users(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape).await;
    let cx = Cx::new(&app.sdk);
    let config = TenantConfig::new().required_secondary_factors(["totp"]);
    app.sdk.multitenancy().create_or_update_tenant(&cx, "public", config).await.unwrap();
    let mut ann = sign_up(&app).await;
    assert_eq!(refusal(&app, &ann.token, &VerifyOptions::new()).await, Some(unsatisfied()));
    assert_eq!(mfa_info(&app, &mut ann.token).await["next"], json!(["totp"]));
    let session = verify(&app, &ann.token, &VerifyOptions::new().without_claims()).await.unwrap();
    let factors = app.sdk.multi_factor_auth().unwrap();
    let required = factors.mfa_requirements_for_auth(&Cx::new(&app.sdk), &session).await.unwrap();
    assert_eq!(required, [Requirement::one_of(["totp"])]);
    // Who is required one thing by the app and another one by the tenant chooses.
    factors.add_to_required_secondary_factors_for_user(&cx, &ann.id, "pet").await.unwrap();
    let required = factors.mfa_requirements_for_auth(&Cx::new(&app.sdk), &session).await.unwrap();
    assert_eq!(required, [Requirement::one_of(["pet", "totp"])]);
    factors.mark_factor_as_complete_in_session(&Cx::new(&app.sdk), &session, "pet").await.unwrap();
    assert_eq!(refusal(&app, &session.access_token(), &VerifyOptions::new()).await, None);
    let config = TenantConfig::new().no_secondary_factor();
    app.sdk.multitenancy().create_or_update_tenant(&cx, "public", config).await.unwrap();
    factors.remove_from_required_secondary_factors_for_user(&cx, &ann.id, "pet").await.unwrap();
    assert_eq!(mfa_info(&app, &mut ann.token).await["next"], json!([]));
    assert_eq!(refusal(&app, &ann.token, &VerifyOptions::new()).await, None, "the session learnt of it");
}

#[rstest]
#[tokio::test]
async fn what_is_required_of_a_user_is_kept_in_the_metadata(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let app = app(shape).await;
    let (cx, factors) = (Cx::new(&app.sdk), app.sdk.multi_factor_auth().unwrap());
    let before = json!({"theme": "dark", "_supertokens": {"other": 1}});
    app.sdk.user_metadata().update(&cx, "ann", object(&before)).await.unwrap();
    let required = async || factors.required_secondary_factors_for_user(&cx, "ann").await.unwrap();
    assert!(required().await.is_empty());
    for factor in ["totp", "otp-email", "totp"] {
        factors.add_to_required_secondary_factors_for_user(&cx, "ann", factor).await.unwrap();
    }
    assert_eq!(required().await, ["totp", "otp-email"]);
    let kept = json!({"other": 1, "requiredSecondaryFactors": ["totp", "otp-email"]});
    let metadata = app.sdk.user_metadata().get(&cx, "ann").await.unwrap();
    assert_eq!(Value::Object(metadata), json!({"theme": "dark", "_supertokens": kept}));
    for factor in ["totp", "unknown"] {
        factors.remove_from_required_secondary_factors_for_user(&cx, "ann", factor).await.unwrap();
    }
    assert_eq!(required().await, ["otp-email"]);
    // What others write there breaks nothing.
    for odd in [json!(1), json!({}), json!({"requiredSecondaryFactors": "totp"})] {
        let update = object(&json!({"_supertokens": odd}));
        app.sdk.user_metadata().update(&cx, "ann", update).await.unwrap();
        assert!(required().await.is_empty(), "{odd}");
    }
}

#[rstest]
#[tokio::test]
async fn a_route_asks_for_more_than_signing_in(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape).await;
    let mut ann = sign_up(&app).await;
    let secret = set_up_totp(&app, &mut ann.token, "phone").await;
    let mut ann = sign_in(&app).await;
    let needs = |steps: Vec<Requirement>| VerifyOptions::new().also(has_completed_requirement_list(steps));
    let told = |reason: Value| Some(json!([{"id": "st-mfa", "reason": reason}]));
    for (steps, reason) in [
        (
            vec![Requirement::factor("emailpassword"), Requirement::factor("totp")],
            json!({"message": "Factor validation failed: totp not completed", "factorId": "totp"}),
        ),
        (
            vec![Requirement::one_of(["totp", "otp-email"])],
            json!({"message": "None of these factors are complete in the session: totp, otp-email",
                "oneOf": ["totp", "otp-email"]}),
        ),
        (
            vec![Requirement::all_of_in_any_order(["emailpassword", "totp", "otp-phone"])],
            json!({"message": "Some of the factors are not complete in the session: totp, otp-phone",
                "allOfInAnyOrder": ["totp", "otp-phone"]}),
        ),
    ] {
        assert_eq!(refusal(&app, &ann.token, &needs(steps)).await, told(reason));
    }
    assert_eq!(refusal(&app, &ann.token, &needs(Vec::new())).await, None);

    // A device that is verified already is no code: whoever has the session would be through.
    let body = json!({"deviceName": "phone", "totp": "000000"});
    let reply = call(&app, &mut ann.token, Method::POST, "/auth/totp/device/verify", &body).await;
    assert_eq!(reply.seen(), (200, json!({"status": "OK", "wasAlreadyVerified": true})));
    let with_a_code = needs(vec![Requirement::factor("totp")]);
    assert!(refusal(&app, &ann.token, &with_a_code).await.is_some());
    let body = json!({"totp": app.totp(&secret)});
    let reply = call(&app, &mut ann.token, Method::POST, "/auth/totp/verify", &body).await;
    assert_eq!(reply.body, json!({"status": "OK"}));
    assert_eq!(refusal(&app, &ann.token, &with_a_code).await, None);
}

#[rstest]
#[tokio::test]
async fn a_session_from_before_the_recipe_went_through_its_first_factor(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let app = app(shape).await;
    let before = app.another_sdk(|b| b.recipe(EmailPassword::new()).recipe(SessionRecipe::new()));
    let ann = sign_up(&app).await;
    let old = async || {
        let new = portcullis::recipes::session::NewSession::of(&ann.id);
        before.session().unwrap().create_without_request(&Cx::new(&before), new).await.unwrap()
    };
    let made = old().await;
    assert_eq!(made.claim_value(&multifactorauth::claim()), None);
    app.advance(60_000);
    let session = verify(&app, &made.access_token(), &VerifyOptions::new()).await.unwrap();
    let seeded = json!({"c": {"emailpassword": SECONDS}, "v": true});
    assert_eq!(session.claim_value(&multifactorauth::claim()), Some(seeded.clone()));

    let by_handle = old().await;
    let (cx, sessions) = (Cx::new(&app.sdk), app.sdk.session().unwrap());
    let claim = multifactorauth::claim();
    assert!(sessions.fetch_and_set_claim(&cx, by_handle.handle(), &claim).await.unwrap());
    let information = sessions.information(&cx, by_handle.handle()).await.unwrap().unwrap();
    let value = ClaimValue::of(&information.payload).unwrap();
    assert_eq!(value.completed_at("emailpassword"), Some(SECONDS + 60));

    // A tenant that lets nobody in with a password any more.
    let config = TenantConfig::new().first_factors(["a-factor-of-the-app"]);
    app.sdk.multitenancy().create_or_update_tenant(&cx, "public", config).await.unwrap();
    let late = verify(&app, &old().await.access_token(), &VerifyOptions::new()).await;
    let Err(Error::Session(SessionError::Unauthorised { message, clear_tokens })) = late else {
        panic!("no factor fits");
    };
    assert_eq!((message.as_str(), clear_tokens), ("Incorrect login method used", true));
}

#[rstest]
#[tokio::test]
async fn a_user_who_is_gone_is_signed_out(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape).await;
    let mut ann = sign_up(&app).await;
    let cx = Cx::new(&app.sdk);
    let session = verify(&app, &ann.token, &VerifyOptions::new()).await.unwrap();
    app.sdk.delete_user(&cx, &ann.id, true).await.unwrap();
    let reply = call(&app, &mut ann.token, Method::PUT, INFO, &Value::Null).await;
    assert_eq!(reply.seen(), (401, json!({"message": "unauthorised"})));
    assert_eq!(reply.headers["front-token"], "remove");
    let factors = app.sdk.multi_factor_auth().unwrap();
    let told = factors.assert_allowed_to_setup_factor(&Cx::new(&app.sdk), &session, "totp").await;
    assert!(matches!(told, Err(Error::Session(SessionError::Unauthorised { .. }))));
    assert!(factors.factors_setup_for_user(&cx, &ann.id).await.is_err());
}

#[rstest]
#[tokio::test]
async fn a_factor_that_nobody_offers_is_no_way_on(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app(shape).await;
    let ann = sign_up(&app).await;
    let factors = app.sdk.multi_factor_auth().unwrap();
    let cx = Cx::new(&app.sdk);
    factors.add_to_required_secondary_factors_for_user(&cx, &ann.id, "otp-email").await.unwrap();
    let mut ann = sign_in(&app).await;
    let reply = call(&app, &mut ann.token, Method::PUT, INFO, &Value::Null).await;
    assert_eq!(reply.seen(), (500, json!({"message": "Internal Server Error"})));
    // Beside one that the user may set up it is left out.
    require_totp(&app, &ann).await;
    assert_eq!(mfa_info(&app, &mut ann.token).await["next"], json!(["totp"]));
}

#[rstest]
#[tokio::test]
async fn a_sign_in_begins_with_a_first_factor(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let first = |factors: &[&str]| MultiFactorAuth::new().first_factors(factors.iter().copied());
    let elsewhere = app_with(shape, first(&["thirdparty", "a-factor-of-the-app"])).await;
    let reply = elsewhere.form("/auth/signup", &ANN).await;
    assert_eq!(reply.seen(), (401, json!({"message": "unauthorised"})));
    let cx = Cx::new(&elsewhere.sdk);
    assert!(elsewhere.sdk.users_by_email(&cx, "public", "ann@example.com").await.unwrap().is_empty());
    // What the tenant says goes before what the app says.
    let config = TenantConfig::new().first_factors(["emailpassword"]);
    elsewhere.sdk.multitenancy().create_or_update_tenant(&cx, "public", config).await.unwrap();
    sign_up(&elsewhere).await;
    sign_up(&app_with(shape, first(&["emailpassword"])).await).await;
}

/// Everybody needs a code, and then whatever the app's own factor is.
struct TwoSteps(Arc<dyn Functions>);

#[async_trait]
impl Functions for TwoSteps {
    fn original(&self) -> &dyn Functions {
        &*self.0
    }

    async fn mfa_requirements_for_auth(&self, cx: &Cx, state: &AuthState) -> Result<Vec<Requirement>> {
        let user = state.user(cx).await?;
        assert_eq!(user.emails, ["ann@example.com"]);
        assert!(state.required_secondary_factors_for_user(cx).await?.is_empty());
        assert!(state.required_secondary_factors_for_tenant(cx).await?.is_empty());
        let set_up = state.factors_setup_for_user(cx).await?;
        assert_eq!(set_up.contains(&"totp".to_owned()), state.completed.contains_key("totp"));
        assert_eq!((state.tenant.as_str(), &state.recipe_user_id), ("public", &user.id));
        assert!(state.payload.contains_key("sessionHandle"));
        Ok(vec![Requirement::factor("totp"), Requirement::factor("pet")])
    }

    async fn factors_setup_for_user(&self, cx: &Cx, user: &portcullis::User) -> Result<Vec<String>> {
        self.original().factors_setup_for_user(cx, user).await
    }
}

#[rstest]
#[tokio::test]
async fn an_app_has_steps_of_its_own(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app_with(shape, MultiFactorAuth::new().override_functions(TwoSteps)).await;
    let mut ann = sign_up(&app).await;
    assert_eq!(mfa_info(&app, &mut ann.token).await["next"], json!(["totp"]));
    let factors = app.sdk.multi_factor_auth().unwrap();
    let session = verify(&app, &ann.token, &VerifyOptions::new().without_claims()).await.unwrap();
    let early = factors.assert_allowed_to_setup_factor(&Cx::new(&app.sdk), &session, "pet").await;
    let Err(Error::Session(SessionError::InvalidClaims(failures))) = early else {
        panic!("its turn is later")
    };
    let reason = "Not allowed to setup factor that is not in the next set of unsatisfied factors";
    assert_eq!(failures[0].reason, json!(reason));
    set_up_totp(&app, &mut ann.token, "phone").await;
    assert_eq!(refusal(&app, &ann.token, &VerifyOptions::new()).await, Some(unsatisfied()));
    let session = verify(&app, &ann.token, &VerifyOptions::new().without_claims()).await.unwrap();
    factors.assert_allowed_to_setup_factor(&Cx::new(&app.sdk), &session, "pet").await.unwrap();
    factors.mark_factor_as_complete_in_session(&Cx::new(&app.sdk), &session, "pet").await.unwrap();
    assert_eq!(refusal(&app, &session.access_token(), &VerifyOptions::new()).await, None);
}

struct Closed(Arc<dyn Apis>);

#[async_trait]
impl Apis for Closed {
    fn original(&self) -> &dyn Apis {
        &*self.0
    }

    async fn resync_session_and_fetch_mfa_info(&self, cx: &Cx, session: &Session) -> Result<MfaInfo> {
        self.original().resync_session_and_fetch_mfa_info(cx, session).await?;
        Err(Error::General("closed on Sundays".to_owned()))
    }
}

#[rstest]
#[tokio::test]
async fn the_api_is_replaced_or_taken_away(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = app_with(shape, MultiFactorAuth::new().override_apis(Closed)).await;
    let mut ann = sign_up(&app).await;
    let reply = call(&app, &mut ann.token, Method::PUT, INFO, &Value::Null).await;
    assert_eq!(reply.seen(), (200, json!({"status": "GENERAL_ERROR", "message": "closed on Sundays"})));
    let recipe = MultiFactorAuth::new().disable(Api::ResyncSessionAndFetchMfaInfo);
    assert!(!app_with(shape, recipe).await.serves(&Method::PUT, INFO));
}

#[test]
fn what_cannot_work_is_told_at_start() {
    let build = |describe: fn(portcullis::Builder) -> portcullis::Builder| {
        describe(Portcullis::builder(info()).core("http://localhost:3567")).build().err()
    };
    let missing = |recipe, needs| Some(BuildError::MissingRecipe { recipe, needs });
    let alone = build(|builder| builder.recipe(MultiFactorAuth::new()));
    assert_eq!(alone, missing("multifactorauth", "session"));
    let codes = build(|builder| builder.recipe(Totp::new()).recipe(SessionRecipe::new()));
    assert_eq!(codes, missing("totp", "multifactorauth"));
    let nobody = build(|builder| {
        builder.recipe(MultiFactorAuth::new().first_factors([""; 0])).recipe(SessionRecipe::new())
    });
    assert!(matches!(nobody, Some(BuildError::Recipe { recipe: "multifactorauth", .. })));
    for recipe in [Totp::new().default_period(0), Totp::new().default_skew(-1)] {
        let sdk = Portcullis::builder(info()).core("http://localhost:3567").recipe(MultiFactorAuth::new());
        let told = sdk.recipe(recipe).recipe(SessionRecipe::new()).build().err();
        assert!(matches!(told, Some(BuildError::Recipe { recipe: "totp", .. })));
    }
}

#[rstest]
#[tokio::test]
async fn recipes_are_not_there_unless_added(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let without = TestApp::new(shape, |builder| builder.recipe(SessionRecipe::new())).await;
    let told = without.sdk.multi_factor_auth().err();
    assert!(matches!(told, Some(Error::NoSuchRecipe("multifactorauth"))));
    assert!(matches!(without.sdk.totp().err(), Some(Error::NoSuchRecipe("totp"))));
}
