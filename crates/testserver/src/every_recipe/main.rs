//! An application with every recipe. What it answers is compared with what the same application on SuperTokens'
//! Node SDK answers (`tests/official/differential`). It is for tests alone.
//!
//! `GET /sent?to=…` tells the newest e-mail or text message to somebody.
//!
//! Environment:
//! - `PORT`, `WEBSITE_DOMAIN`, `CORE_URI`, `CORE_API_KEY`.
//! - `PROVIDER`: the address of a provider of OpenID Connect.
//! - `DASHBOARD_KEY`: the key of the dashboard.
//! - `FACTORS=on`: users sign in in several steps, and login methods whose addresses are proven are linked.

use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::routing::get;
use axum::{Json, Router};
use portcullis::email::{Email, EmailDelivery, EmailSubject};
use portcullis::recipes::accountlinking::{AccountLinking, AutomaticLinking};
use portcullis::recipes::dashboard::Dashboard;
use portcullis::recipes::emailpassword::EmailPassword;
use portcullis::recipes::emailverification::EmailVerification;
use portcullis::recipes::multifactorauth::MultiFactorAuth;
use portcullis::recipes::passwordless::{ContactMethod, FlowType, LoginCode, Passwordless};
use portcullis::recipes::session::SessionRecipe;
use portcullis::recipes::thirdparty::{Client, ProviderConfig, ThirdPartyRecipe};
use portcullis::recipes::totp::Totp;
use portcullis::recipes::userroles::UserRoles;
use portcullis::recipes::webauthn::WebAuthn;
use portcullis::sms::{Sms, SmsDelivery, SmsSubject};
use portcullis::{AppInfo, Cx, Portcullis, Result, async_trait};
use portcullis_axum::Session;
use serde_json::{Value, json};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use tower::ServiceBuilder;

/// The newest message to each address and number.
#[derive(Clone, Default)]
struct Sent(Arc<Mutex<HashMap<String, Value>>>);

impl Sent {
    fn keep(&self, to: &str, message: Value) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(to.to_owned(), message);
    }
}

fn code(code: &LoginCode) -> Value {
    json!({
        "type": "PASSWORDLESS_LOGIN",
        "link": code.link,
        "code": code.user_input_code,
        "codeLifetime": code.code_lifetime,
        "isFirstFactor": code.is_first_factor,
    })
}

#[async_trait]
impl EmailDelivery for Sent {
    async fn send(&self, _: &Cx, email: &Email) -> Result<()> {
        let mut message = match &email.subject {
            EmailSubject::PasswordReset { link } => json!({"type": "PASSWORD_RESET", "link": link}),
            EmailSubject::EmailVerification { link } => json!({"type": "EMAIL_VERIFICATION", "link": link}),
            EmailSubject::RecoverAccount { link } => json!({"type": "RECOVER_ACCOUNT", "link": link}),
            EmailSubject::PasswordlessLogin(login) => code(login),
            _ => json!({"type": "another"}),
        };
        message["tenant"] = json!(email.tenant);
        message["userId"] = json!(email.user_id);
        message["recipeUserId"] = json!(email.recipe_user_id);
        self.keep(&email.to, message);
        Ok(())
    }
}

#[async_trait]
impl SmsDelivery for Sent {
    async fn send(&self, _: &Cx, sms: &Sms) -> Result<()> {
        let SmsSubject::PasswordlessLogin(login) = &sms.subject else { return Ok(()) };
        let mut message = code(login);
        message["tenant"] = json!(sms.tenant);
        self.keep(&sms.to, message);
        Ok(())
    }
}

async fn newest(State(sent): State<Sent>, Query(query): Query<HashMap<String, String>>) -> Json<Value> {
    let to = query.get("to").map(String::as_str).unwrap_or_default();
    let taken = sent.0.lock().unwrap_or_else(PoisonError::into_inner).remove(to);
    Json(taken.unwrap_or_default())
}

async fn has_session(_: Session) -> StatusCode {
    StatusCode::OK
}

#[tokio::main]
async fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    tracing_subscriber::fmt().init();
    let setting = |name: &str| std::env::var(name).map_err(|_| format!("{name} is not set"));
    let port: u16 = setting("PORT")?.parse()?;
    let has_factors = std::env::var("FACTORS").is_ok_and(|factors| factors == "on");
    let sent = Sent::default();
    let discovery = format!("{}/.well-known/openid-configuration", setting("PROVIDER")?);
    let own = ProviderConfig::new("own").name("Own").discovery_endpoint(discovery);
    let own = own.client(Client::new("app").secret("secret").scope(["openid", "email"]));
    let github = ProviderConfig::new("github").client(Client::new("id").secret("secret"));
    let codes = Passwordless::new(ContactMethod::EmailOrPhone, FlowType::UserInputCodeAndMagicLink);

    let info = AppInfo::new("Every recipe", format!("http://localhost:{port}"), setting("WEBSITE_DOMAIN")?);
    let mut builder = Portcullis::builder(info)
        .core(setting("CORE_URI")?)
        .api_key(setting("CORE_API_KEY")?)
        .email_delivery(sent.clone())
        .sms_delivery(sent.clone())
        .recipe(EmailPassword::new())
        .recipe(EmailVerification::optional())
        .recipe(codes)
        .recipe(ThirdPartyRecipe::new().provider(own).provider(github))
        .recipe(WebAuthn::new())
        .recipe(UserRoles::new())
        .recipe(Dashboard::with_api_key(setting("DASHBOARD_KEY")?))
        .recipe(SessionRecipe::new());
    if has_factors {
        let linking = AccountLinking::new()
            .should_do_automatic_account_linking(|_, _| async { Ok(AutomaticLinking::IfVerified) });
        builder = builder.recipe(linking).recipe(MultiFactorAuth::new()).recipe(Totp::new());
    }
    let sdk = builder.build()?;
    let app = Router::new()
        .route("/sessioninfo", get(has_session))
        .route("/sent", get(newest))
        .with_state(sent)
        .layer(ServiceBuilder::new().layer(sdk.layer()).layer(sdk.error_layer()));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    Ok(axum::serve(listener, app).await?)
}
