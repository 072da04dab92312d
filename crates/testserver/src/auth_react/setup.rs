//! The application, as the suite describes it.

use crate::post::Post;
use crate::{factors, providers, refusals};
use portcullis::recipes::accountlinking::{AccountLinking, AutomaticLinking};
use portcullis::recipes::emailpassword::{EmailPassword, FormField};
use portcullis::recipes::emailverification::EmailVerification;
use portcullis::recipes::multitenancy::Multitenancy;
use portcullis::recipes::passwordless::{ContactMethod, FlowType, Passwordless};
use portcullis::recipes::session::SessionRecipe;
use portcullis::recipes::totp::Totp;
use portcullis::recipes::userroles::UserRoles;
use portcullis::recipes::webauthn::WebAuthn;
use portcullis::{AppInfo, BuildError, Portcullis};
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

/// The body of `POST /test/setup/st`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Setup {
    /// The app's place in the core.
    core_url: Option<String>,
    account_linking_config: Option<Linking>,
    enabled_recipes: Option<Vec<String>>,
    enabled_providers: Option<Vec<String>>,
    passwordless_flow_type: Option<String>,
    passwordless_contact_method: Option<String>,
    mfa_info: Option<factors::Described>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Linking {
    enabled: bool,
    should_auto_link: AutoLink,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct AutoLink {
    should_automatically_link: bool,
    should_require_verification: bool,
}

impl Default for AutoLink {
    fn default() -> Self {
        Self { should_automatically_link: true, should_require_verification: true }
    }
}

impl From<AutoLink> for AutomaticLinking {
    fn from(link: AutoLink) -> Self {
        match (link.should_automatically_link, link.should_require_verification) {
            (false, _) => Self::No,
            (true, true) => Self::IfVerified,
            (true, false) => Self::EvenUnverified,
        }
    }
}

impl Setup {
    fn has(&self, recipe: &str) -> bool {
        self.enabled_recipes.as_ref().is_none_or(|enabled| enabled.iter().any(|known| known == recipe))
    }

    /// The application.
    pub(crate) fn build(
        &self,
        port: u16,
        website: &str,
        core_url: &str,
        post: &Arc<Post>,
    ) -> Result<Portcullis, BuildError> {
        let core = self.core_url.as_deref().unwrap_or(core_url);
        let app = AppInfo::new("SuperTokens", format!("localhost:{port}"), website);
        let mut builder = Portcullis::builder(app)
            .core(core)
            .email_delivery(Arc::clone(post))
            .sms_delivery(Arc::clone(post))
            .recipe(SessionRecipe::new().override_apis(refusals::Sessions));
        if self.has("emailverification") {
            builder =
                builder.recipe(EmailVerification::optional().override_apis(refusals::EmailVerification));
        }
        if self.has("emailpassword") {
            builder = builder.recipe(email_password());
        }
        if self.has("thirdparty") {
            let recipe = providers::recipe(website, self.enabled_providers.as_deref());
            builder = builder.recipe(recipe.override_apis(refusals::ThirdParty));
        }
        if self.has("webauthn") {
            builder = builder.recipe(WebAuthn::new());
        }
        if self.has("passwordless") {
            builder = builder.recipe(self.passwordless().override_apis(refusals::Passwordless));
        }
        if self.has("userroles") {
            builder = builder.recipe(UserRoles::new());
        }
        if self.has("multitenancy") {
            builder = builder.recipe(multitenancy());
        }
        if let Some(linking) = self.account_linking_config.as_ref().filter(|linking| linking.enabled)
            && self.has("accountlinking")
        {
            let answer = AutomaticLinking::from(linking.should_auto_link);
            builder = builder.recipe(
                AccountLinking::new()
                    .should_do_automatic_account_linking(move |_, _| async move { Ok(answer) }),
            );
        }
        if self.has("multifactorauth") {
            builder = builder.recipe(factors::recipe(&self.mfa_info.clone().unwrap_or_default()));
        }
        if self.has("totp") {
            // A code that lasts for a second is another one at the next step of a test.
            builder = builder.recipe(Totp::new().default_period(1).default_skew(30));
        }
        builder.build()
    }

    fn passwordless(&self) -> Passwordless {
        let contact = match self.passwordless_contact_method.as_deref() {
            Some("EMAIL") => ContactMethod::Email,
            Some("PHONE") => ContactMethod::Phone,
            _ => ContactMethod::EmailOrPhone,
        };
        let flow = match self.passwordless_flow_type.as_deref() {
            Some("USER_INPUT_CODE") => FlowType::UserInputCode,
            Some("MAGIC_LINK") => FlowType::MagicLink,
            _ => FlowType::UserInputCodeAndMagicLink,
        };
        Passwordless::new(contact, flow)
    }
}

fn email_password() -> EmailPassword {
    let age = FormField::new("age").validator(|_, _, value| async move {
        let age = value.as_str().and_then(|age| age.parse::<u8>().ok());
        Ok(age.is_some_and(|age| age < 18).then(|| "You must be over 18 to register".to_owned()))
    });
    let recipe = EmailPassword::new().override_apis(refusals::EmailPassword);
    if std::env::var_os("MIN_FIELDS").is_some() {
        return recipe;
    }
    recipe.form_field(FormField::new("name")).form_field(age).form_field(FormField::new("country").optional())
}

/// The pages are on localhost, and on a host of each tenant's own.
fn multitenancy() -> Multitenancy {
    Multitenancy::new().allowed_domains(|_, tenant| async move {
        Ok(Some(vec![format!("{tenant}.example.com"), "localhost".to_owned()]))
    })
}

/// A body, of which what is missing is as usual.
pub(crate) fn read(body: Value) -> Result<Setup, serde_json::Error> {
    serde_json::from_value(body)
}
