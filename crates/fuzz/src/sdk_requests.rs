//! Whole requests to a backend with the SDK and a core in memory: one after the other, as text. In them
//! `{access}` and `{refresh}` stand for the tokens of a session. See the seeds.

use crate::input::{request, requests};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use http::Response;
use http_body_util::Full;
use portcullis::email::{Email, EmailDelivery};
use portcullis::recipes::emailpassword::{EmailPassword, SignUp};
use portcullis::recipes::emailverification::EmailVerification;
use portcullis::recipes::multifactorauth::MultiFactorAuth;
use portcullis::recipes::passwordless::{ContactMethod, FlowType, Passwordless};
use portcullis::recipes::session::{NewSession, SessionRecipe, SessionTokens, VerifyOptions};
use portcullis::recipes::totp::Totp;
use portcullis::recipes::userroles::UserRoles;
use portcullis::recipes::webauthn::WebAuthn;
use portcullis::sms::{Sms, SmsDelivery};
use portcullis::{AppInfo, Cx, Error, Exchange, PUBLIC_TENANT, Portcullis, async_trait};
use portcullis_embedded::Embedded;
use serde_json::{Value, json};
use std::cell::RefCell;
use std::sync::Arc;
use tokio::runtime::{Builder, Runtime};

/// After so many inputs the backend begins anew: what it keeps shall not grow for ever.
const INPUTS: usize = 2000;

struct Backend {
    runtime: Runtime,
    sdk: Portcullis,
    user_id: String,
    inputs: usize,
}

thread_local! {
    static BACKEND: RefCell<Option<Backend>> = const { RefCell::new(None) };
}

/// The SDK does not break down, and nobody without an access token has a session.
pub fn run(data: &[u8]) {
    BACKEND.with_borrow_mut(|slot| {
        drop(slot.take_if(|backend| backend.inputs == INPUTS));
        let backend = slot.get_or_insert_with(Backend::start);
        backend.inputs += 1;
        let tokens = data.contains(&b'{').then(|| backend.new_session()).flatten();
        for text in requests(data).take(8) {
            backend.serve(text, tokens.as_ref());
        }
    });
}

impl Backend {
    fn start() -> Self {
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        let app = AppInfo::new("Demo", "https://api.example.com", "https://example.com");
        let core =
            Embedded::in_memory().setting("bcrypt_log_rounds", 4).setting("access_token_validity", 3_000_000);
        let sdk = Portcullis::builder(app)
            .core(core)
            .email_delivery(Nobody)
            .sms_delivery(Nobody)
            .recipe(EmailPassword::new())
            .recipe(EmailVerification::optional())
            .recipe(Passwordless::new(ContactMethod::EmailOrPhone, FlowType::UserInputCodeAndMagicLink))
            .recipe(WebAuthn::new())
            .recipe(MultiFactorAuth::new())
            .recipe(Totp::new())
            .recipe(SessionRecipe::new())
            .recipe(UserRoles::new())
            .build()
            .unwrap();
        let user_id = runtime.block_on(async {
            let cx = Cx::new(&sdk);
            let passwords = sdk.email_password().unwrap();
            match passwords.sign_up(&cx, PUBLIC_TENANT, "ann@example.com", "correct1horse").await.unwrap() {
                SignUp::Ok { user, .. } => user.id,
                other => panic!("{other:?}"),
            }
        });
        Self { runtime, sdk, user_id, inputs: 0 }
    }

    fn new_session(&self) -> Option<SessionTokens> {
        let cx = Cx::new(&self.sdk);
        let new = NewSession::of(&self.user_id);
        let session = self.runtime.block_on(self.sdk.session().ok()?.create_without_request(&cx, new));
        Some(session.expect("a session is made").all_tokens_dangerously())
    }

    fn serve(&self, text: &[u8], tokens: Option<&SessionTokens>) {
        let Ok(mut filled) = String::from_utf8(text.to_vec()) else { return };
        if let Some(tokens) = tokens {
            filled = filled.replace("{access}", &tokens.access_token);
            filled = filled.replace("{refresh}", tokens.refresh_token.as_deref().unwrap_or_default());
        }
        let Some(request) = request(filled.as_bytes()) else { return };
        let is_shown = tokens.is_some_and(|tokens| filled.contains(&tokens.access_token));
        self.runtime.block_on(async {
            let (head, body) = request.into_parts();
            check(&self.sdk.serve(&head, Full::new(body)).await);
            let cx = Cx::of_request(&self.sdk, Arc::new(Exchange::new(&head, Bytes::new())));
            match self.sdk.session().unwrap().verify(&cx, &VerifyOptions::new().optional()).await {
                Ok(session) => assert!(session.is_none() || is_shown, "a session without an access token"),
                Err(Error::Session(error)) => {
                    check(&self.sdk.error_response(&cx, &Error::Session(error)).await);
                }
                Err(error) => panic!("{error}"),
            }
        });
    }
}

fn check(response: &Response<Bytes>) {
    let body: Value = serde_json::from_slice(response.body()).expect("every answer is JSON");
    if response.status().is_server_error() {
        // As SuperTokens does where it knows no word, such as for an unknown tenant.
        assert_eq!(body, json!({"message": "Internal Server Error"}), "no cause is told");
    }
    let Some(front_token) = response.headers().get("front-token").filter(|token| *token != "remove") else {
        return;
    };
    let front_token = STANDARD.decode(front_token).expect("a front token is base64");
    let front_token: Value = serde_json::from_slice(&front_token).expect("a front token is JSON");
    assert!(front_token["uid"].is_string() && front_token["ate"].is_i64() && front_token["up"].is_object());
}

/// Nothing is sent.
struct Nobody;

#[async_trait]
impl EmailDelivery for Nobody {
    async fn send(&self, _: &Cx, _: &Email) -> portcullis::Result<()> {
        Ok(())
    }
}

#[async_trait]
impl SmsDelivery for Nobody {
    async fn send(&self, _: &Cx, _: &Sms) -> portcullis::Result<()> {
        Ok(())
    }
}
