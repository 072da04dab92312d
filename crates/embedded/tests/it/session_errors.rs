//! The five answers to session errors: as they are, with other statuses, and replaced by the app's own.

use crate::app::{Reply, TestApp};
use async_trait::async_trait;
use http::{Request, Response, StatusCode};
use portcullis::recipes::session::{
    ClaimValidator, ErrorHandlers, Functions, NewSession, SessionRecipe, VerifyOptions,
};
use portcullis::{ClaimFailure, Cx, Result};
use portcullis_testkit::Shape;
use rstest::rstest;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};

/// What is wrong with a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wrong {
    RefreshToken,
    ExpiredAccessToken,
    StolenRefreshToken,
    Claim,
    DoubledCookie,
}

const ALL: [Wrong; 5] = [
    Wrong::RefreshToken,
    Wrong::ExpiredAccessToken,
    Wrong::StolenRefreshToken,
    Wrong::Claim,
    Wrong::DoubledCookie,
];

/// What the app's own code was told.
type Log = Arc<Mutex<Vec<Value>>>;

fn taken(log: &Log) -> Vec<Value> {
    std::mem::take(&mut *log.lock().unwrap())
}

/// Writes down which sessions are to be ended.
struct Ending(Arc<dyn Functions>, Log);

#[async_trait]
impl Functions for Ending {
    fn original(&self) -> &dyn Functions {
        &*self.0
    }

    async fn revoke_session(&self, cx: &Cx, handle: &str) -> Result<bool> {
        self.1.lock().unwrap().push(json!({"end": handle}));
        self.original().revoke_session(cx, handle).await
    }
}

async fn app(shape: Shape, recipe: SessionRecipe, log: &Log) -> TestApp {
    let recipe = recipe.older_cookie_domain("old.example.com");
    let recipe = recipe.override_functions(|original| Ending(original, Arc::clone(log)));
    TestApp::new(shape, |builder| builder.recipe(recipe)).await
}

async fn refresh(app: &TestApp, cookie: &str) -> Reply {
    app.send(Request::post("/auth/session/refresh").header("cookie", cookie), "").await
}

/// Signs Ann in, and does what is wrong: the answer, and the session's handle.
async fn answer(app: &TestApp, wrong: Wrong) -> (Reply, String) {
    let sessions = app.sdk.session().unwrap();
    let cx = app.call(Request::post("/login").header("st-auth-mode", "cookie"));
    let made = sessions.create(&cx, NewSession::of("ann")).await.unwrap();
    let tokens = made.all_tokens_dangerously();
    let access = format!("sAccessToken={}", tokens.access_token);
    let first = format!("sRefreshToken={}", encoded(&tokens.refresh_token.unwrap()));
    let reply = match wrong {
        Wrong::RefreshToken => refresh(app, "sRefreshToken=made-up").await,
        Wrong::ExpiredAccessToken => {
            app.advance(3_600_000);
            app.send(Request::post("/auth/signout").header("cookie", access), "").await
        }
        Wrong::StolenRefreshToken => {
            let cookies = refresh(app, &first).await.cookies();
            assert_eq!(refresh(app, &cookies).await.status, 200, "the child tells that it has arrived");
            refresh(app, &first).await
        }
        Wrong::Claim => {
            let paid = ClaimValidator::new("plan", |_, _| Some(json!({"message": "pay first"})));
            let cx = app.call(Request::get("/x").header("cookie", access));
            let error = sessions.verify(&cx, &VerifyOptions::new().also(paid)).await.unwrap_err();
            app.refuse(&cx, &error).await
        }
        Wrong::DoubledCookie => refresh(app, &format!("{first}; sRefreshToken=older")).await,
    };
    (reply, made.handle().to_owned())
}

fn encoded(token: &str) -> String {
    token.replace('/', "%2F").replace('+', "%2B").replace('=', "%3D")
}

const GONE: [&str; 2] = [
    "sAccessToken=; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax",
    "sRefreshToken=; Path=/auth/session/refresh; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax",
];
const OLDER_GONE: [&str; 1] = [
    "sRefreshToken=; Domain=old.example.com; Path=/auth/session/refresh; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; SameSite=Lax",
];

/// What browsers are told about their tokens, whoever answers.
fn assert_tokens(wrong: Wrong, reply: &Reply) {
    let cookies: &[&str] = match wrong {
        Wrong::RefreshToken | Wrong::StolenRefreshToken => &GONE,
        Wrong::ExpiredAccessToken | Wrong::Claim => &[],
        Wrong::DoubledCookie => &OLDER_GONE,
    };
    assert_eq!(reply.set_cookies(), cookies, "{wrong:?}");
    let in_headers = ["front-token", "st-access-token", "st-refresh-token"];
    let in_headers = in_headers.map(|name| reply.headers.get(name).map(|value| value.to_str().unwrap()));
    let are_gone = cookies == GONE;
    let expected = if are_gone { [Some("remove"), Some(""), Some("")] } else { [None, None, None] };
    assert_eq!(in_headers, expected, "{wrong:?}");
    assert_eq!(reply.headers.contains_key("access-control-expose-headers"), are_gone, "{wrong:?}");
}

fn body_of(wrong: Wrong) -> Value {
    match wrong {
        Wrong::RefreshToken => json!({"message": "unauthorised"}),
        Wrong::ExpiredAccessToken => json!({"message": "try refresh token"}),
        Wrong::StolenRefreshToken => json!({"message": "token theft detected"}),
        Wrong::Claim => {
            let failures = json!([{"id": "plan", "reason": {"message": "pay first"}}]);
            json!({"message": "invalid claim", "claimValidationErrors": failures})
        }
        Wrong::DoubledCookie => json!({"message": DOUBLED}),
    }
}

const DOUBLED: &str = "The request contains multiple session cookies. We are clearing the cookie from olderCookieDomain. Session will be refreshed in the next refresh call.";

#[rstest]
#[case(SessionRecipe::new(), [401, 401, 401, 403, 200])]
#[case(SessionRecipe::new().session_expired_status(440).invalid_claim_status(451), [440, 440, 440, 451, 200])]
#[tokio::test]
async fn each_error_has_its_answer(
    #[values(Shape::Embedded, Shape::Http)] shape: Shape,
    #[case] recipe: SessionRecipe,
    #[case] statuses: [u16; 5],
) {
    let log = Log::default();
    let app = app(shape, recipe, &log).await;
    for (wrong, status) in ALL.into_iter().zip(statuses) {
        let (reply, handle) = answer(&app, wrong).await;
        assert_eq!(reply.seen(), (status, body_of(wrong)), "{wrong:?}");
        assert_eq!(reply.headers["content-type"], "application/json; charset=utf-8", "{wrong:?}");
        assert_tokens(wrong, &reply);
        let cx = Cx::new(&app.sdk);
        let left = app.sdk.session().unwrap().information(&cx, &handle).await.unwrap();
        let ends = wrong == Wrong::StolenRefreshToken;
        assert_eq!(left.is_none(), ends, "{wrong:?}");
        // Not every core ends it by itself.
        let asked = if ends { vec![json!({"end": handle})] } else { Vec::new() };
        assert_eq!(taken(&log), asked, "{wrong:?}");
    }
}

/// Writes down what it gets, and answers in its own words.
fn own_answer(log: &Log, cx: &Cx, status: u16, told: Value) -> Response<bytes::Bytes> {
    cx.exchange().unwrap().set_header("x-answered-by".parse().unwrap(), "the app".parse().unwrap());
    log.lock().unwrap().push(told);
    let mut response = Response::new("\"in the app's own words\"".into());
    *response.status_mut() = StatusCode::from_u16(status).unwrap();
    response
}

fn own_handlers(log: &Log) -> ErrorHandlers {
    macro_rules! handler {
        ($status:literal, $told:ident, $value:expr) => {{
            let log = Arc::clone(log);
            Some(Arc::new(move |cx: Cx, $told| {
                let log = Arc::clone(&log);
                Box::pin(async move { own_answer(&log, &cx, $status, $value) })
            }))
        }};
    }
    ErrorHandlers {
        on_unauthorised: handler!(460, text, json!({"unauthorised": String::is_empty(&text)})),
        on_try_refresh_token: handler!(461, text, json!({"try refresh token": text})),
        on_token_theft_detected: handler!(462, of, json!({"theft": <(String, String, String)>::clone(&of)})),
        on_invalid_claim: handler!(463, failures, json!({"claims": Vec::<ClaimFailure>::clone(&failures)})),
        on_clear_duplicate_cookies: handler!(464, text, json!({"doubled": text})),
    }
}

#[rstest]
#[tokio::test]
async fn each_answer_can_be_replaced(#[values(Shape::Embedded, Shape::Http)] shape: Shape) {
    let log = Log::default();
    // The app's own answers have the statuses that they say, not those that are set.
    let recipe = SessionRecipe::new().error_handlers(own_handlers(&log)).session_expired_status(440);
    let app = app(shape, recipe, &log).await;
    for (wrong, status) in ALL.into_iter().zip(460..) {
        let (reply, handle) = answer(&app, wrong).await;
        assert_eq!(reply.seen(), (status, json!("in the app's own words")), "{wrong:?}");
        assert_eq!(reply.headers["x-answered-by"], "the app", "{wrong:?}");
        assert_tokens(wrong, &reply);
        let expected = match wrong {
            Wrong::RefreshToken => json!({"unauthorised": false}),
            Wrong::ExpiredAccessToken => json!({"try refresh token": "Access token expired"}),
            Wrong::StolenRefreshToken => json!({"theft": [handle, "ann", "ann"]}),
            Wrong::Claim => json!({"claims": [{"id": "plan", "reason": {"message": "pay first"}}]}),
            Wrong::DoubledCookie => json!({"doubled": DOUBLED}),
        };
        // Nothing else: to ask for the end of a session is left to the app's own answer.
        assert_eq!(taken(&log), [expected], "{wrong:?}");
    }
}
