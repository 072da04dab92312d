//! Which ways of signing in there are, and which of them each tenant has.

use portcullis::recipes::accountlinking::{AccountLinking, AutomaticLinking};
use portcullis::recipes::dashboard::Dashboard;
use portcullis::recipes::emailpassword::EmailPassword;
use portcullis::recipes::emailverification::EmailVerification;
use portcullis::recipes::factors;
use portcullis::recipes::multifactorauth::{AuthState, Functions, MultiFactorAuth, Requirement};
use portcullis::recipes::multitenancy::{Multitenancy, TenantConfig};
use portcullis::recipes::passwordless::{ContactMethod, FlowType, Passwordless};
use portcullis::recipes::session::SessionRecipe;
use portcullis::recipes::thirdparty::{Client, ProviderConfig, ThirdPartyRecipe};
use portcullis::recipes::totp::Totp;
use portcullis::recipes::webauthn::WebAuthn;
use portcullis::{AppInfo, BuildError, Cx, Portcullis, Result, async_trait};
use portcullis_embedded::Embedded;
use std::env::var;
use std::sync::Arc;

/// Tenants beside `public`, which has every way of signing in.
const TENANTS: [(&str, &[&str]); 4] = [
    ("passwords", &[factors::EMAIL_PASSWORD, factors::THIRD_PARTY]),
    ("codes", &[factors::OTP_EMAIL]),
    ("links", &[factors::LINK_EMAIL]),
    ("passkeys", &[factors::WEBAUTHN]),
];

pub(crate) fn sdk(api: &str, website: &str, core: Embedded) -> std::result::Result<Portcullis, BuildError> {
    let mut builder =
        Portcullis::builder(AppInfo::new("Every way in", api, website))
            .core(core)
            .recipe(EmailPassword::new())
            .recipe(Passwordless::new(ContactMethod::Email, FlowType::UserInputCodeAndMagicLink))
            .recipe(WebAuthn::new())
            .recipe(EmailVerification::required())
            .recipe(AccountLinking::new().should_do_automatic_account_linking(|_cx, _question| async {
                Ok(AutomaticLinking::IfVerified)
            }))
            .recipe(MultiFactorAuth::new().override_functions(AskWhoHasAnApp))
            .recipe(Totp::new())
            .recipe(Multitenancy::new())
            .recipe(SessionRecipe::new());
    let providers = providers();
    if !providers.is_empty() {
        let recipe = providers.into_iter().fold(ThirdPartyRecipe::new(), ThirdPartyRecipe::provider);
        builder = builder.recipe(recipe);
    }
    if let Ok(key) = var("DASHBOARD_API_KEY") {
        builder = builder.recipe(Dashboard::with_api_key(key));
    }
    builder.build()
}

/// The providers that the environment has a client of.
fn providers() -> Vec<ProviderConfig> {
    let provider = |id: &str| {
        let told = |what: &str| var(format!("{}_{what}", id.to_uppercase())).ok();
        let client = Client::new(told("CLIENT_ID")?).secret(told("CLIENT_SECRET")?);
        let provider = ProviderConfig::new(id).client(client).in_every_tenant();
        Some(match told("DISCOVERY") {
            Some(url) => provider.name("Single Sign-On").discovery_endpoint(url),
            None => provider,
        })
    };
    ["google", "github", "oidc"].into_iter().filter_map(provider).collect()
}

/// Whoever has set up an authenticator app is asked for its code at every sign-in.
struct AskWhoHasAnApp(Arc<dyn Functions>);

#[async_trait]
impl Functions for AskWhoHasAnApp {
    fn original(&self) -> &dyn Functions {
        &*self.0
    }

    async fn mfa_requirements_for_auth(&self, cx: &Cx, state: &AuthState) -> Result<Vec<Requirement>> {
        let factors = state.factors_setup_for_user(cx).await?;
        let has_an_app = factors.iter().any(|factor| factor == factors::TOTP);
        Ok(has_an_app.then(|| Requirement::factor(factors::TOTP)).into_iter().collect())
    }
}

pub(crate) async fn make_tenants(sdk: &Portcullis) -> Result<()> {
    let cx = Cx::new(sdk);
    for (id, factors) in TENANTS {
        let config = TenantConfig::new().first_factors(factors.iter().copied());
        sdk.multitenancy().create_or_update_tenant(&cx, id, config).await?;
    }
    Ok(())
}
