//! Factors: the ways of showing who one is, by the names that tenants, sessions and frontends call them.

use super::flow::is_fake_email;
use super::multitenancy::Tenant;
use super::{Kind, Recipes};
use crate::{Cx, Error, LoginMethod, Portcullis, Result};

/// An address and a password.
pub const EMAIL_PASSWORD: &str = "emailpassword";
/// A provider such as Google.
pub const THIRD_PARTY: &str = "thirdparty";
/// A code by e-mail.
pub const OTP_EMAIL: &str = "otp-email";
/// A code by SMS.
pub const OTP_PHONE: &str = "otp-phone";
/// A link by e-mail.
pub const LINK_EMAIL: &str = "link-email";
/// A link by SMS.
pub const LINK_PHONE: &str = "link-phone";
/// A code of an authenticator app.
pub const TOTP: &str = "totp";
/// A passkey.
pub const WEBAUTHN: &str = "webauthn";

/// Those above; any other name is a factor of the app's own.
const BUILT_IN: [&str; 8] =
    [EMAIL_PASSWORD, THIRD_PARTY, OTP_EMAIL, OTP_PHONE, LINK_EMAIL, LINK_PHONE, TOTP, WEBAUTHN];

impl Recipes {
    /// The first factors that the app's recipes offer, in the order in which these were added.
    pub(crate) fn first_factors(&self) -> Vec<&'static str> {
        self.factors(
            |kind| if kind == Kind::ThirdParty { vec![THIRD_PARTY] } else { self.login_factors(kind) },
        )
    }

    /// The second factors that they offer.
    pub(crate) fn second_factors(&self) -> Vec<&'static str> {
        self.factors(|kind| if kind == Kind::Totp { vec![TOTP] } else { self.login_factors(kind) })
    }

    /// Those of login methods that may be either.
    fn login_factors(&self, kind: Kind) -> Vec<&'static str> {
        match kind {
            Kind::EmailPassword => vec![EMAIL_PASSWORD],
            Kind::Passwordless => {
                self.passwordless.as_ref().map(|codes| codes.settings.factors()).unwrap_or_default()
            }
            Kind::WebAuthn => vec![WEBAUTHN],
            _ => Vec::new(),
        }
    }

    fn factors(&self, of: impl Fn(Kind) -> Vec<&'static str>) -> Vec<&'static str> {
        self.order.iter().flat_map(|kind| of(*kind)).collect()
    }
}

impl Portcullis {
    /// The first factors that users of a tenant can sign in with.
    pub async fn available_first_factors(&self, cx: &Cx, tenant: &str) -> Result<Vec<String>> {
        let found = self.multitenancy().functions.get_tenant(cx, tenant).await?;
        let tenant = found.ok_or_else(|| Error::Internal(format!("there is no tenant {tenant}")))?;
        Ok(self.first_factors_of(&tenant))
    }

    /// The first factors that users of a tenant can sign in with: those that the tenant lists, else those
    /// that the multifactorauth recipe lists, else all that the recipes offer. What no recipe of the app
    /// offers is left out.
    pub(crate) fn first_factors_of(&self, tenant: &Tenant) -> Vec<String> {
        let offered = self.recipes().first_factors();
        let of_app = || self.multi_factor_auth().ok().and_then(|recipe| recipe.first.clone());
        let listed = tenant.first_factors.clone().or_else(of_app);
        let listed = listed.unwrap_or_else(|| offered.iter().map(|id| (*id).to_owned()).collect());
        let mut valid = Vec::new();
        for id in listed {
            let works = offered.contains(&id.as_str()) || !BUILT_IN.contains(&id.as_str());
            if works && !valid.contains(&id) {
                valid.push(id);
            }
        }
        valid
    }
}

/// Whether a login method is one by which its user goes through a factor.
pub(crate) fn is_of(factor: &str, method: &LoginMethod) -> bool {
    let is_of = |recipe: &str| method.recipe_id == recipe;
    match factor {
        EMAIL_PASSWORD => is_of("emailpassword"),
        WEBAUTHN => is_of("webauthn"),
        OTP_EMAIL | LINK_EMAIL => {
            is_of("passwordless") && method.email.as_ref().is_some_and(|email| !is_fake_email(email))
        }
        OTP_PHONE | LINK_PHONE => is_of("passwordless") && method.phone_number.is_some(),
        _ => false,
    }
}
