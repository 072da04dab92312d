//! Sign-up and sign-in with passkeys.

mod apis;
mod config;
mod functions;
mod recovery;
mod routes;
mod types;

pub use apis::{
    Api, Apis, RecoverAccountInput, RecoverAccountOutcome, RecoverTokenOutcome, RegisterCredentialInput,
    RegisterCredentialOutcome, RemoveCredentialOutcome, SignInOutcome, SignUpOutcome,
};
pub use config::WebAuthn;
pub use functions::Functions;
pub use types::{
    Applicant, Attempt, Attestation, ConsumedToken, Credential, CredentialFault, EmailUpdate,
    GeneratedOptions, RecoveringUser, Recovery, RegisterOptions, RegisterOptionsOutcome,
    RegisterOptionsRequest, Registration, RelyingParty, Requirement, SignIn, SignInOptions,
    SignInOptionsOutcome, SignInOptionsRequest, SignUp,
};

pub(crate) use routes::routes;

use crate::email::{self, Email, EmailDelivery, EmailSubject};
use crate::recipes::factors::WEBAUTHN;
use crate::users::method_of;
use crate::{Cx, LoginMethod, Result};
use config::Settings;
use portcullis_wire::Object;
use std::collections::HashSet;
use std::sync::Arc;

/// The webauthn recipe at work.
#[derive(Debug)]
pub struct Passkeys {
    pub(crate) settings: Settings,
    pub(crate) delivery: Option<Arc<dyn EmailDelivery>>,
    pub(crate) functions: Arc<dyn Functions>,
    pub(crate) apis: Arc<dyn Apis>,
    pub(crate) disabled: HashSet<Api>,
}

impl Passkeys {
    /// Makes options to make a passkey with.
    pub async fn register_options(
        &self,
        cx: &Cx,
        request: &RegisterOptionsRequest,
    ) -> Result<RegisterOptionsOutcome> {
        self.functions.register_options(cx, request).await
    }

    /// Makes options to sign in with.
    pub async fn sign_in_options(
        &self,
        cx: &Cx,
        request: &SignInOptionsRequest,
    ) -> Result<SignInOptionsOutcome> {
        self.functions.sign_in_options(cx, request).await
    }

    /// The site that passkeys of a call and a tenant are for.
    pub async fn relying_party(&self, cx: &Cx, tenant: &str) -> Result<RelyingParty> {
        self.settings.relying_party(cx, tenant).await
    }

    /// Options that were made; `None` if there are none, or no more.
    pub async fn generated_options(
        &self,
        cx: &Cx,
        tenant: &str,
        id: &str,
    ) -> Result<Option<GeneratedOptions>> {
        self.functions.generated_options(cx, tenant, id).await
    }

    /// Takes options away; false if there were none.
    pub async fn remove_generated_options(&self, cx: &Cx, tenant: &str, id: &str) -> Result<bool> {
        self.functions.remove_generated_options(cx, tenant, id).await
    }

    /// Makes a user. Makes no session.
    pub async fn sign_up(&self, cx: &Cx, attempt: &Attempt) -> Result<SignUp> {
        self.functions.sign_up(cx, attempt).await
    }

    /// Finds the user who signs in. Makes no session.
    pub async fn sign_in(&self, cx: &Cx, attempt: &Attempt) -> Result<SignIn> {
        self.functions.sign_in(cx, attempt).await
    }

    /// Whether a passkey answers its options, which are used up. Not for signing in: it passes over what a
    /// sign-in must look at.
    pub async fn verify_credentials(
        &self,
        cx: &Cx,
        tenant: &str,
        options_id: &str,
        credential: &Object,
    ) -> Result<bool> {
        let outcome = self.functions.verify_credentials(cx, tenant, options_id, credential).await?;
        Ok(matches!(outcome, SignIn::Ok { .. }))
    }

    /// Makes a user, and nothing else.
    pub async fn create_new_recipe_user(
        &self,
        cx: &Cx,
        tenant: &str,
        options_id: &str,
        credential: &Object,
    ) -> Result<SignUp> {
        self.functions.create_new_recipe_user(cx, tenant, options_id, credential).await
    }

    /// Makes a token to get an account back with, for a user or a login method. `None` if there is none.
    pub async fn generate_recover_account_token(
        &self,
        cx: &Cx,
        tenant: &str,
        user_id: &str,
        email: &str,
    ) -> Result<Option<String>> {
        self.functions.generate_recover_account_token(cx, tenant, user_id, email).await
    }

    /// Makes a link to the page that adds a passkey. `None` if there is no such user.
    pub async fn create_recover_account_link(
        &self,
        cx: &Cx,
        tenant: &str,
        user_id: &str,
        email: &str,
    ) -> Result<Option<String>> {
        let token = self.generate_recover_account_token(cx, tenant, user_id, email).await?;
        Ok(token.map(|token| recovery::recovery_link(cx, &token, tenant)))
    }

    /// Sends such a link to one of a user's addresses; false if the user has no passkey for it.
    pub async fn send_recover_account_email(
        &self,
        cx: &Cx,
        tenant: &str,
        user_id: &str,
        email: &str,
    ) -> Result<bool> {
        let Some(user) = cx.sdk().find_user(cx, user_id).await? else { return Ok(false) };
        let Some(LoginMethod { recipe_user_id, email: Some(own_email), .. }) =
            method_of(&user, WEBAUTHN, email)
        else {
            return Ok(false);
        };
        let link = self.create_recover_account_link(cx, tenant, user_id, own_email).await?;
        let Some(link) = link else { return Ok(false) };
        let email = Email::new(own_email, EmailSubject::RecoverAccount { link }, tenant);
        self.send_email(cx, &email.of_user(&user.id, Some(recipe_user_id))).await?;
        Ok(true)
    }

    /// Sends an e-mail in this recipe's way.
    pub async fn send_email(&self, cx: &Cx, email: &Email) -> Result<()> {
        email::send(cx, self.delivery.as_ref(), email).await
    }

    /// Uses a recovery token up, and with it all others of its address.
    pub async fn consume_recover_account_token(
        &self,
        cx: &Cx,
        tenant: &str,
        token: &str,
    ) -> Result<ConsumedToken> {
        self.functions.consume_recover_account_token(cx, tenant, token).await
    }

    /// Whose recovery token it is; it stays. `None` if it is unknown, used or expired.
    pub async fn user_from_recover_account_token(
        &self,
        cx: &Cx,
        tenant: &str,
        token: &str,
    ) -> Result<Option<RecoveringUser>> {
        self.functions.user_from_recover_account_token(cx, tenant, token).await
    }

    /// Uses a recovery token up and adds a passkey to its login method.
    pub async fn recover_account(&self, cx: &Cx, input: &RecoverAccountInput) -> Result<Recovery> {
        let RecoverAccountInput { tenant, token, options_id, credential } = input;
        match self.consume_recover_account_token(cx, tenant, token).await? {
            ConsumedToken::Ok { user_id, .. } => {
                let outcome = self.register_credential(cx, &user_id, options_id, credential).await?;
                Ok(Recovery::Registered(outcome))
            }
            ConsumedToken::InvalidToken => Ok(Recovery::InvalidToken),
        }
    }

    /// Adds a passkey to a login method, whose address need not be the options'.
    pub async fn register_credential(
        &self,
        cx: &Cx,
        recipe_user_id: &str,
        options_id: &str,
        credential: &Object,
    ) -> Result<Registration> {
        self.functions.register_credential(cx, recipe_user_id, options_id, credential).await
    }

    /// A passkey of a login method.
    pub async fn credential(&self, cx: &Cx, recipe_user_id: &str, id: &str) -> Result<Option<Credential>> {
        self.functions.credential(cx, recipe_user_id, id).await
    }

    /// All passkeys of a login method, oldest first.
    pub async fn list_credentials(&self, cx: &Cx, recipe_user_id: &str) -> Result<Vec<Credential>> {
        self.functions.list_credentials(cx, recipe_user_id).await
    }

    /// Takes a passkey away; false if there was none. It may be the last.
    pub async fn remove_credential(&self, cx: &Cx, recipe_user_id: &str, id: &str) -> Result<bool> {
        self.functions.remove_credential(cx, recipe_user_id, id).await
    }

    /// Changes the address of a login method.
    pub async fn update_user_email(
        &self,
        cx: &Cx,
        tenant: &str,
        recipe_user_id: &str,
        email: &str,
    ) -> Result<EmailUpdate> {
        self.functions.update_user_email(cx, tenant, recipe_user_id, email).await
    }
}
