//! Functions and APIs that an app replaces: what they see, what sees them, and in which order.

use crate::app::{TestApp, object};
use async_trait::async_trait;
use http::{Method, Request, StatusCode};
use portcullis::recipes::emailpassword::{self, EmailPassword, FormInput, SignInOutcome, SignUpOutcome};
use portcullis::recipes::session::{
    AccessToken, Api, Apis, Functions, NewSession, Session, SessionInformation, SessionRecipe, VerifyOptions,
};
use portcullis::{Cx, Error, Result, SessionError};
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::json;
use std::sync::{Arc, Mutex};

type Log = Arc<Mutex<Vec<String>>>;

/// Writes down what is called, before and after the functions below.
struct Logged {
    original: Arc<dyn Functions>,
    name: &'static str,
    log: Log,
}

impl Logged {
    fn note(&self, text: &str) {
        self.log.lock().unwrap().push(format!("{} {text}", self.name));
    }
}

#[async_trait]
impl Functions for Logged {
    fn original(&self) -> &dyn Functions {
        &*self.original
    }

    async fn verify_session(
        &self,
        cx: &Cx,
        access_token: Option<&AccessToken>,
        anti_csrf_token: Option<&str>,
        options: &VerifyOptions,
    ) -> Result<Option<Session>> {
        self.note("verify");
        let found = self.original().verify_session(cx, access_token, anti_csrf_token, options).await;
        self.note("verified");
        found
    }

    async fn revoke_session(&self, cx: &Cx, handle: &str) -> Result<bool> {
        self.note("revoke");
        self.original().revoke_session(cx, handle).await
    }

    async fn session_information(&self, cx: &Cx, handle: &str) -> Result<Option<SessionInformation>> {
        self.note("information");
        self.original().session_information(cx, handle).await
    }
}

#[rstest]
#[tokio::test]
async fn layers_are_passed_from_the_outermost_and_seen_by_apis_and_other_functions(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let log = Log::default();
    let layer = |name, log: &Log| {
        let log = Arc::clone(log);
        move |original| Logged { original, name, log }
    };
    let recipe = SessionRecipe::new();
    let recipe = recipe.override_functions(layer("inner", &log)).override_functions(layer("outer", &log));
    let app = TestApp::new(shape, |builder| builder.recipe(recipe)).await;
    let (cx, sessions) = (Cx::new(&app.sdk), app.sdk.session().unwrap());
    let made = sessions.create_without_request(&cx, NewSession::of("ann")).await.unwrap();
    let seen = || std::mem::take(&mut *log.lock().unwrap());
    assert!(seen().is_empty(), "what is not replaced is as it was");

    // The base of this function asks for the session's information: by way of the app's own.
    let merged = sessions.merge_into_access_token_payload(&cx, made.handle(), object(&json!({"a": 1})));
    assert!(merged.await.unwrap());
    assert_eq!(seen(), ["outer information", "inner information"]);

    let request =
        Request::post("/auth/signout").header("authorization", format!("Bearer {}", made.access_token()));
    assert_eq!(app.send(request, "").await.seen(), (200, json!({"status": "OK"})));
    let expected =
        ["outer verify", "inner verify", "inner verified", "outer verified", "outer revoke", "inner revoke"];
    assert_eq!(seen(), expected);
}

/// Refreshes only those who say please.
struct Polite(Arc<dyn Apis>);

#[async_trait]
impl Apis for Polite {
    fn original(&self) -> &dyn Apis {
        &*self.0
    }

    async fn refresh(&self, cx: &Cx) -> Result<Session> {
        if cx.exchange().is_none_or(|exchange| exchange.header("x-please").is_none()) {
            return Err(Error::General("say please".to_owned()));
        }
        self.original().refresh(cx).await
    }

    async fn sign_out(&self, cx: &Cx, session: &Session) -> Result<()> {
        self.original().sign_out(cx, session).await?;
        cx.exchange().unwrap().set_header("x-bye".parse().unwrap(), "1".parse().unwrap());
        Ok(())
    }
}

#[rstest]
#[tokio::test]
async fn apis_are_replaced_with_the_original_at_hand_and_taken_away(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let app = TestApp::new(shape, |builder| builder.recipe(SessionRecipe::new().override_apis(Polite))).await;
    let cx = Cx::new(&app.sdk);
    let made = app.sdk.session().unwrap().create_without_request(&cx, NewSession::of("ann")).await.unwrap();
    let refresh = made.all_tokens_dangerously().refresh_token.unwrap();
    let request =
        || Request::post("/auth/session/refresh").header("authorization", format!("Bearer {refresh}"));
    let rude = app.send(request(), "").await;
    assert_eq!(rude.seen(), (200, json!({"status": "GENERAL_ERROR", "message": "say please"})));
    let polite = app.send(request().header("x-please", "1"), "").await;
    assert_eq!(polite.seen(), (200, json!({})));
    let token = polite.access_token();
    let bye = Request::post("/auth/signout").header("authorization", format!("Bearer {token}"));
    let bye = app.send(bye, "").await;
    assert_eq!((bye.status, &bye.headers["x-bye"]), (200, &"1".parse().unwrap()));

    let without =
        TestApp::new(shape, |builder| builder.recipe(SessionRecipe::new().disable(Api::Refresh))).await;
    assert!(!without.serves(&Method::POST, "/auth/session/refresh"));
    assert!(without.serves(&Method::POST, "/auth/signout"));
}

/// Where a user came from.
#[derive(Clone)]
struct Campaign(String);

/// Puts what the request says into the user context …
struct ReadsCampaign(Arc<dyn emailpassword::Apis>);

#[async_trait]
impl emailpassword::Apis for ReadsCampaign {
    fn original(&self) -> &dyn emailpassword::Apis {
        &*self.0
    }

    async fn sign_up(&self, cx: &Cx, input: FormInput) -> Result<SignUpOutcome> {
        let campaign = cx.exchange().and_then(|exchange| exchange.query("campaign")).unwrap_or_default();
        cx.user_context().insert(Campaign(campaign));
        cx.user_context().set("by", "the API");
        self.original().sign_up(cx, input).await
    }
}

/// … and another recipe's function takes it out of there.
struct KeepsCampaign(Arc<dyn Functions>);

#[async_trait]
impl Functions for KeepsCampaign {
    fn original(&self) -> &dyn Functions {
        &*self.0
    }

    async fn create_session(&self, cx: &Cx, mut new: NewSession) -> Result<Session> {
        if let Some(Campaign(campaign)) = cx.user_context().get() {
            let by = cx.user_context().named("by").unwrap_or_default();
            new.payload.insert("campaign".to_owned(), campaign.into());
            new.payload.insert("by".to_owned(), by);
        }
        self.original().create_session(cx, new).await
    }
}

#[rstest]
#[tokio::test]
async fn the_user_context_travels_from_an_api_to_the_function_of_another_recipe(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let app = TestApp::new(shape, |builder| {
        let builder = builder.recipe(EmailPassword::new().override_apis(ReadsCampaign));
        builder.recipe(SessionRecipe::new().override_functions(KeepsCampaign))
    })
    .await;
    let form = [("email", "ann@a.com"), ("password", "correct1horse")];
    let made = app.form("/auth/signup?campaign=spring", &form).await;
    let cx = Cx::new(&app.sdk);
    let sessions = app.sdk.session().unwrap();
    let verified =
        sessions.verify_without_request(&cx, made.access_token(), None, &VerifyOptions::new()).await;
    let payload = verified.unwrap().unwrap().access_token_payload();
    assert_eq!((&payload["campaign"], &payload["by"]), (&json!("spring"), &json!("the API")));
    // Each request has a context of its own.
    let later = app.form("/auth/signin", &form).await;
    let verified =
        sessions.verify_without_request(&cx, later.access_token(), None, &VerifyOptions::new()).await;
    assert!(!verified.unwrap().unwrap().access_token_payload().contains_key("campaign"));
}

/// Lets nobody in, whatever the password.
struct Closed(Arc<dyn emailpassword::Apis>);

#[async_trait]
impl emailpassword::Apis for Closed {
    fn original(&self) -> &dyn emailpassword::Apis {
        &*self.0
    }

    async fn sign_in(&self, cx: &Cx, input: FormInput) -> Result<SignInOutcome> {
        self.original().sign_in(cx, input).await?;
        Ok(SignInOutcome::NotAllowed { reason: "closed".to_owned() })
    }
}

#[rstest]
#[tokio::test]
async fn a_refusal_of_a_replacement_gives_no_tokens(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let app = TestApp::new(shape, |builder| {
        builder.recipe(EmailPassword::new().override_apis(Closed)).recipe(SessionRecipe::new())
    })
    .await;
    let fields = [("email", "ann@a.com"), ("password", "correct1horse")];
    let signed_up = app.form("/auth/signup", &fields).await;
    assert!(!signed_up.access_token().is_empty());
    let refused = app.form("/auth/signin", &fields).await;
    assert_eq!(refused.seen(), (200, json!({"status": "SIGN_IN_NOT_ALLOWED", "reason": "closed"})));
    for name in ["st-access-token", "st-refresh-token", "front-token", "set-cookie"] {
        assert!(!refused.headers.contains_key(name), "{name}");
    }
}

/// Changes its mind when the session is there already.
struct TurnsAway(Arc<dyn emailpassword::Apis>, Error);

#[async_trait]
impl emailpassword::Apis for TurnsAway {
    fn original(&self) -> &dyn emailpassword::Apis {
        &*self.0
    }

    async fn sign_up(&self, cx: &Cx, input: FormInput) -> Result<SignUpOutcome> {
        self.original().sign_up(cx, input).await?;
        Err(self.1.clone())
    }
}

#[rstest]
#[tokio::test]
async fn an_error_of_a_replacement_takes_back_the_tokens_that_were_given(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
) {
    let [over, none] = [true, false]
        .map(|clear_tokens| SessionError::Unauthorised { message: "not you".to_owned(), clear_tokens });
    let later = SessionError::TryRefreshToken { message: "not yet".to_owned() };
    let lacking = SessionError::InvalidClaims(Vec::new());
    let teapot = Error::Answer { status: StatusCode::IM_A_TEAPOT, message: "tea".to_owned() };
    let broken = Error::Internal("a secret".to_owned());
    for (error, status, body) in [
        (over.into(), 401, json!({"message": "unauthorised"})),
        (none.into(), 401, json!({"message": "unauthorised"})),
        (later.into(), 401, json!({"message": "try refresh token"})),
        (lacking.into(), 403, json!({"message": "invalid claim", "claimValidationErrors": []})),
        (Error::General("not you".to_owned()), 200, json!({"status": "GENERAL_ERROR", "message": "not you"})),
        (Error::bad_input("not so"), 400, json!({"message": "not so"})),
        (teapot, 418, json!({"message": "tea"})),
        (broken, 500, json!({"message": "Internal Server Error"})),
    ] {
        let is_over = matches!(error, Error::Session(SessionError::Unauthorised { clear_tokens: true, .. }));
        let app = TestApp::new(shape, |builder| {
            let recipe = EmailPassword::new().override_apis(move |original| TurnsAway(original, error));
            builder.recipe(recipe).recipe(SessionRecipe::new())
        })
        .await;
        for by_cookie in [false, true] {
            let email = format!("ann-{by_cookie}@a.com");
            let fields = [("email", email.as_str()), ("password", "correct1horse")];
            let fields = fields.map(|(id, value)| json!({"id": id, "value": value}));
            let request = Request::post("/auth/signup");
            let request = if by_cookie { request.header("st-auth-mode", "cookie") } else { request };
            let reply = app.send(request, json!({"formFields": fields}).to_string()).await;
            assert_eq!(reply.seen(), (status, body.clone()));
            let told = format!("{:?}", reply.headers);
            let header = |name: &str| reply.headers.get(name).is_some_and(|token| !token.is_empty());
            assert!(!header("st-access-token") && !header("st-refresh-token"), "{told}");
            let cookies = reply.cookies();
            assert!(cookies.is_empty() || cookies.split("; ").all(|cookie| cookie.ends_with('=')), "{told}");
            // What the browser holds already goes only if the session is over.
            let expected = is_over.then(|| "remove".parse().unwrap());
            assert_eq!(reply.headers.get("front-token").cloned(), expected, "{told}");
            assert_eq!(reply.headers.contains_key("set-cookie"), is_over, "{told}");
        }
    }
}
