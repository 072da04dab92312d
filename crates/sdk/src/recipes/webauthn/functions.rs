//! What can be done with passkeys. Each function can be replaced.

use super::types::{
    Applicant, Attempt, ConsumedToken, Credential, CredentialFault, EmailUpdate, GeneratedOptions,
    RecoveringUser, RegisterOptionsOutcome, RegisterOptionsRequest, Registration, SignIn,
    SignInOptionsOutcome, SignInOptionsRequest, SignUp,
};
use crate::recipes::flow::{self, Linked};
use crate::users::full;
use crate::{Cx, Result};
use async_trait::async_trait;
use portcullis_wire::Object;
use portcullis_wire::webauthn as wire;

/// The functions of the webauthn recipe. A replacement implements [`Functions::original`] and what it
/// changes; everything else goes to the functions below.
#[async_trait]
pub trait Functions: Send + Sync {
    /// The functions below.
    fn original(&self) -> &dyn Functions;

    /// Makes options to make a passkey with.
    async fn register_options(
        &self,
        cx: &Cx,
        request: &RegisterOptionsRequest,
    ) -> Result<RegisterOptionsOutcome> {
        self.original().register_options(cx, request).await
    }

    /// Makes options to sign in with.
    async fn sign_in_options(&self, cx: &Cx, request: &SignInOptionsRequest) -> Result<SignInOptionsOutcome> {
        self.original().sign_in_options(cx, request).await
    }

    /// Options that were made; `None` if there are none, or no more.
    async fn generated_options(&self, cx: &Cx, tenant: &str, id: &str) -> Result<Option<GeneratedOptions>> {
        self.original().generated_options(cx, tenant, id).await
    }

    /// Takes options away; false if there were none.
    async fn remove_generated_options(&self, cx: &Cx, tenant: &str, id: &str) -> Result<bool> {
        self.original().remove_generated_options(cx, tenant, id).await
    }

    /// Makes a user who signs up.
    async fn sign_up(&self, cx: &Cx, attempt: &Attempt) -> Result<SignUp> {
        self.original().sign_up(cx, attempt).await
    }

    /// Makes a user, and nothing else.
    async fn create_new_recipe_user(
        &self,
        cx: &Cx,
        tenant: &str,
        options_id: &str,
        credential: &Object,
    ) -> Result<SignUp> {
        self.original().create_new_recipe_user(cx, tenant, options_id, credential).await
    }

    /// Finds the user who signs in.
    async fn sign_in(&self, cx: &Cx, attempt: &Attempt) -> Result<SignIn> {
        self.original().sign_in(cx, attempt).await
    }

    /// Finds the user whose passkey it is, and does nothing else. Uses the options up.
    async fn verify_credentials(
        &self,
        cx: &Cx,
        tenant: &str,
        options_id: &str,
        credential: &Object,
    ) -> Result<SignIn> {
        self.original().verify_credentials(cx, tenant, options_id, credential).await
    }

    /// Makes a token to get an account back with, for a user or a login method. `None` if there is none.
    async fn generate_recover_account_token(
        &self,
        cx: &Cx,
        tenant: &str,
        user_id: &str,
        email: &str,
    ) -> Result<Option<String>> {
        self.original().generate_recover_account_token(cx, tenant, user_id, email).await
    }

    /// Uses a recovery token up, and with it all others of its address.
    async fn consume_recover_account_token(
        &self,
        cx: &Cx,
        tenant: &str,
        token: &str,
    ) -> Result<ConsumedToken> {
        self.original().consume_recover_account_token(cx, tenant, token).await
    }

    /// Whose recovery token it is; it stays. `None` if it is unknown, used or expired.
    async fn user_from_recover_account_token(
        &self,
        cx: &Cx,
        tenant: &str,
        token: &str,
    ) -> Result<Option<RecoveringUser>> {
        self.original().user_from_recover_account_token(cx, tenant, token).await
    }

    /// Adds a passkey to a login method.
    async fn register_credential(
        &self,
        cx: &Cx,
        recipe_user_id: &str,
        options_id: &str,
        credential: &Object,
    ) -> Result<Registration> {
        self.original().register_credential(cx, recipe_user_id, options_id, credential).await
    }

    /// A passkey of a login method.
    async fn credential(&self, cx: &Cx, recipe_user_id: &str, id: &str) -> Result<Option<Credential>> {
        self.original().credential(cx, recipe_user_id, id).await
    }

    /// All passkeys of a login method, oldest first.
    async fn list_credentials(&self, cx: &Cx, recipe_user_id: &str) -> Result<Vec<Credential>> {
        self.original().list_credentials(cx, recipe_user_id).await
    }

    /// Takes a passkey away; false if there was none. It may be the last.
    async fn remove_credential(&self, cx: &Cx, recipe_user_id: &str, id: &str) -> Result<bool> {
        self.original().remove_credential(cx, recipe_user_id, id).await
    }

    /// Changes the address of a login method.
    async fn update_user_email(
        &self,
        cx: &Cx,
        tenant: &str,
        recipe_user_id: &str,
        email: &str,
    ) -> Result<EmailUpdate> {
        self.original().update_user_email(cx, tenant, recipe_user_id, email).await
    }
}

/// What the functions do unless they are replaced.
#[derive(Debug)]
pub(super) struct BaseFunctions;

#[async_trait]
impl Functions for BaseFunctions {
    fn original(&self) -> &dyn Functions {
        self
    }

    async fn register_options(
        &self,
        cx: &Cx,
        request: &RegisterOptionsRequest,
    ) -> Result<RegisterOptionsOutcome> {
        let (email, display_name) = match &request.applicant {
            Applicant::Email { email, display_name } => (Some(email.clone()), display_name.clone()),
            Applicant::RecoverAccountToken(token) => {
                let functions = &cx.sdk().webauthn()?.functions;
                let found = functions.user_from_recover_account_token(cx, &request.tenant, token).await?;
                let Some(found) = found else {
                    return Ok(RegisterOptionsOutcome::InvalidRecoverAccountToken);
                };
                (email_of(found), None)
            }
        };
        let Some(email) = email.filter(|email| !email.is_empty()) else {
            return Ok(RegisterOptionsOutcome::InvalidEmail { fault: "The email is missing".to_owned() });
        };
        if let Some(fault) = cx.sdk().webauthn()?.settings.email_fault(cx, &request.tenant, &email).await? {
            return Ok(RegisterOptionsOutcome::InvalidEmail { fault });
        }
        let algorithms = request.supported_algorithm_ids.iter().map(|id| (*id).into()).collect();
        let call = wire::RegisterOptionsRequest {
            display_name: Some(display_name.unwrap_or_else(|| email.clone())),
            email,
            relying_party_name: request.relying_party.name.clone(),
            relying_party_id: request.relying_party.id.clone(),
            origin: request.relying_party.origin.clone(),
            timeout: Some(request.timeout),
            attestation: Some(request.attestation.name()),
            resident_key: Some(request.resident_key.name()),
            user_verification: Some(request.user_verification.name()),
            user_presence: Some(request.user_presence),
            supported_algorithm_ids: Some(algorithms),
        };
        let tenant = Some(request.tenant.as_str());
        Ok(match cx.sdk().core().call::<wire::CreateRegisterOptions>(cx, tenant, &call).await? {
            wire::RegisterOptionsResponse::Ok(options) => RegisterOptionsOutcome::Ok(options),
            wire::RegisterOptionsResponse::InvalidOptions { reason } => {
                RegisterOptionsOutcome::InvalidOptions { reason }
            }
        })
    }

    async fn sign_in_options(&self, cx: &Cx, request: &SignInOptionsRequest) -> Result<SignInOptionsOutcome> {
        let call = wire::SignInOptionsRequest {
            relying_party_id: request.relying_party.id.clone(),
            relying_party_name: request.relying_party.name.clone(),
            origin: request.relying_party.origin.clone(),
            timeout: Some(request.timeout),
            user_verification: Some(request.user_verification.name()),
            user_presence: Some(request.user_presence),
        };
        let tenant = Some(request.tenant.as_str());
        Ok(match cx.sdk().core().call::<wire::CreateSignInOptions>(cx, tenant, &call).await? {
            wire::SignInOptionsResponse::Ok(options) => SignInOptionsOutcome::Ok(options),
            wire::SignInOptionsResponse::InvalidOptions { reason } => {
                SignInOptionsOutcome::InvalidOptions { reason }
            }
        })
    }

    async fn generated_options(&self, cx: &Cx, tenant: &str, id: &str) -> Result<Option<GeneratedOptions>> {
        let call = wire::OptionsIdRequest { options_id: id.to_owned() };
        Ok(match cx.sdk().core().call::<wire::GetOptions>(cx, Some(tenant), &call).await? {
            wire::OptionsResponse::Ok(options) => Some(*options),
            wire::OptionsResponse::NotFound => None,
        })
    }

    async fn remove_generated_options(&self, cx: &Cx, tenant: &str, id: &str) -> Result<bool> {
        let call = wire::OptionsIdRequest { options_id: id.to_owned() };
        let answer = cx.sdk().core().call::<wire::RemoveOptions>(cx, Some(tenant), &call).await?;
        Ok(matches!(answer, wire::RemoveOptionsResponse::Ok))
    }

    async fn sign_up(&self, cx: &Cx, attempt: &Attempt) -> Result<SignUp> {
        let Attempt { tenant, options_id, credential, .. } = attempt;
        let functions = &cx.sdk().webauthn()?.functions;
        let made = functions.create_new_recipe_user(cx, tenant, options_id, credential).await?;
        let SignUp::Ok { user, recipe_user_id } = made else { return Ok(made) };
        Ok(match flow::link(cx, &attempt.caller(), user, &recipe_user_id).await? {
            Linked::Ok(user) => SignUp::Ok { user, recipe_user_id },
            Linked::Failed(failure) => SignUp::LinkingFailed(failure),
        })
    }

    async fn create_new_recipe_user(
        &self,
        cx: &Cx,
        tenant: &str,
        options_id: &str,
        credential: &Object,
    ) -> Result<SignUp> {
        use wire::SignUpResponse as Answer;
        let call = answer_of(options_id, credential);
        Ok(match cx.sdk().core().call::<wire::SignUp>(cx, Some(tenant), &call).await? {
            Answer::Ok { user, recipe_user_id, .. } => SignUp::Ok { user: full(*user)?, recipe_user_id },
            Answer::EmailAlreadyExists => SignUp::EmailAlreadyExists,
            Answer::OptionsNotFound => SignUp::Refused(CredentialFault::OptionsNotFound),
            Answer::InvalidOptions { reason } => SignUp::Refused(CredentialFault::InvalidOptions { reason }),
            Answer::InvalidCredentials { reason } => {
                SignUp::Refused(CredentialFault::InvalidCredentials { reason })
            }
            Answer::InvalidAuthenticator { reason } => {
                SignUp::Refused(CredentialFault::InvalidAuthenticator { reason })
            }
        })
    }

    async fn sign_in(&self, cx: &Cx, attempt: &Attempt) -> Result<SignIn> {
        let Attempt { tenant, options_id, credential, .. } = attempt;
        let functions = &cx.sdk().webauthn()?.functions;
        let found = functions.verify_credentials(cx, tenant, options_id, credential).await?;
        let SignIn::Ok { user, recipe_user_id } = found else { return Ok(found) };
        let user = cx.sdk().account_linking().verified_by_links(cx, user, &recipe_user_id).await?;
        Ok(match flow::link(cx, &attempt.caller(), user, &recipe_user_id).await? {
            Linked::Ok(user) => SignIn::Ok { user, recipe_user_id },
            Linked::Failed(failure) => SignIn::LinkingFailed(failure),
        })
    }

    async fn verify_credentials(
        &self,
        cx: &Cx,
        tenant: &str,
        options_id: &str,
        credential: &Object,
    ) -> Result<SignIn> {
        use wire::SignInResponse as Answer;
        let call = answer_of(options_id, credential);
        Ok(match cx.sdk().core().call::<wire::SignIn>(cx, Some(tenant), &call).await? {
            Answer::Ok { user, recipe_user_id } => SignIn::Ok { user: full(*user)?, recipe_user_id },
            Answer::CredentialNotFound => SignIn::CredentialNotFound,
            Answer::OptionsNotFound => SignIn::Refused(CredentialFault::OptionsNotFound),
            Answer::InvalidOptions { reason } => SignIn::Refused(CredentialFault::InvalidOptions { reason }),
            Answer::InvalidCredentials { reason } => {
                SignIn::Refused(CredentialFault::InvalidCredentials { reason })
            }
            Answer::InvalidAuthenticator { reason } => {
                SignIn::Refused(CredentialFault::InvalidAuthenticator { reason })
            }
        })
    }

    async fn generate_recover_account_token(
        &self,
        cx: &Cx,
        tenant: &str,
        user_id: &str,
        email: &str,
    ) -> Result<Option<String>> {
        let call = wire::CreateRecoveryTokenRequest { email: email.to_owned(), user_id: user_id.to_owned() };
        Ok(match cx.sdk().core().call::<wire::CreateRecoveryToken>(cx, Some(tenant), &call).await? {
            wire::CreateRecoveryTokenResponse::Ok { token } => Some(token),
            wire::CreateRecoveryTokenResponse::UnknownUserId => None,
        })
    }

    async fn consume_recover_account_token(
        &self,
        cx: &Cx,
        tenant: &str,
        token: &str,
    ) -> Result<ConsumedToken> {
        let call = wire::RecoveryTokenRequest { token: token.to_owned() };
        Ok(match cx.sdk().core().call::<wire::ConsumeRecoveryToken>(cx, Some(tenant), &call).await? {
            wire::ConsumeRecoveryTokenResponse::Ok { user_id, email } => ConsumedToken::Ok { user_id, email },
            wire::ConsumeRecoveryTokenResponse::InvalidToken => ConsumedToken::InvalidToken,
        })
    }

    async fn user_from_recover_account_token(
        &self,
        cx: &Cx,
        tenant: &str,
        token: &str,
    ) -> Result<Option<RecoveringUser>> {
        let call = wire::RecoveryTokenRequest { token: token.to_owned() };
        Ok(match cx.sdk().core().call::<wire::GetRecoveringUser>(cx, Some(tenant), &call).await? {
            wire::RecoveringUserResponse::Ok { user, recipe_user_id } => {
                Some(RecoveringUser { user: full(*user)?, recipe_user_id })
            }
            wire::RecoveringUserResponse::InvalidToken => None,
        })
    }

    async fn register_credential(
        &self,
        cx: &Cx,
        recipe_user_id: &str,
        options_id: &str,
        credential: &Object,
    ) -> Result<Registration> {
        use wire::RegisterCredentialResponse as Answer;
        let call = wire::RegisterCredentialRequest {
            recipe_user_id: recipe_user_id.to_owned(),
            options_id: options_id.to_owned(),
            credential: credential.clone(),
        };
        Ok(match cx.sdk().core().call::<wire::RegisterCredential>(cx, None, &call).await? {
            Answer::Ok { webauthn_credential_id: credential_id, email, .. } => {
                Registration::Ok { credential_id, email }
            }
            Answer::CredentialAlreadyExists => Registration::CredentialAlreadyExists,
            Answer::UnknownUserId => Registration::UnknownUser,
            Answer::OptionsNotFound => Registration::Refused(CredentialFault::OptionsNotFound),
            Answer::InvalidOptions { reason } => {
                Registration::Refused(CredentialFault::InvalidOptions { reason })
            }
            Answer::InvalidCredentials { reason } => {
                Registration::Refused(CredentialFault::InvalidCredentials { reason })
            }
            Answer::InvalidAuthenticator { reason } => {
                Registration::Refused(CredentialFault::InvalidAuthenticator { reason })
            }
        })
    }

    async fn credential(&self, cx: &Cx, recipe_user_id: &str, id: &str) -> Result<Option<Credential>> {
        let call = user_credential(recipe_user_id, id);
        Ok(match cx.sdk().core().call::<wire::GetCredential>(cx, None, &call).await? {
            wire::CredentialResponse::Ok { credential, .. } => Some(credential),
            wire::CredentialResponse::NotFound => None,
        })
    }

    async fn list_credentials(&self, cx: &Cx, recipe_user_id: &str) -> Result<Vec<Credential>> {
        let call = wire::ListCredentialsRequest { recipe_user_id: recipe_user_id.to_owned() };
        Ok(cx.sdk().core().call::<wire::ListCredentials>(cx, None, &call).await?.credentials)
    }

    async fn remove_credential(&self, cx: &Cx, recipe_user_id: &str, id: &str) -> Result<bool> {
        let call = user_credential(recipe_user_id, id);
        let answer = cx.sdk().core().call::<wire::RemoveCredential>(cx, None, &call).await?;
        Ok(matches!(answer, wire::RemoveCredentialResponse::Ok))
    }

    async fn update_user_email(
        &self,
        cx: &Cx,
        tenant: &str,
        recipe_user_id: &str,
        email: &str,
    ) -> Result<EmailUpdate> {
        let call = wire::UpdateEmailRequest {
            recipe_user_id: recipe_user_id.to_owned(),
            email: email.trim().to_lowercase(),
        };
        Ok(match cx.sdk().core().call::<wire::UpdateEmail>(cx, Some(tenant), &call).await? {
            wire::UpdateEmailResponse::Ok => EmailUpdate::Ok,
            wire::UpdateEmailResponse::UnknownUserId => EmailUpdate::UnknownUser,
            wire::UpdateEmailResponse::EmailAlreadyExists => EmailUpdate::EmailAlreadyExists,
            wire::UpdateEmailResponse::UserWithEmailAlreadyExists => EmailUpdate::UserWithEmailAlreadyExists,
        })
    }
}

fn answer_of(options_id: &str, credential: &Object) -> wire::CredentialRequest {
    wire::CredentialRequest { options_id: options_id.to_owned(), credential: credential.clone() }
}

fn user_credential(recipe_user_id: &str, id: &str) -> wire::UserCredentialRequest {
    wire::UserCredentialRequest { recipe_user_id: recipe_user_id.to_owned(), credential_id: id.to_owned() }
}

/// The address of a token's login method. One that does not exist yet gets that of the user's own, or where nobody
/// could prove that, another one that the user has proven.
fn email_of(found: RecoveringUser) -> Option<String> {
    let RecoveringUser { user, recipe_user_id } = found;
    let id = recipe_user_id.as_ref().unwrap_or(&user.id);
    let own = user.login_methods.iter().find(|method| method.recipe_user_id == *id);
    let own = own.and_then(|method| method.email.clone());
    if recipe_user_id.is_some() {
        return own;
    }
    let is_real = |email: &String| !flow::is_fake_email(email);
    let proven = user.login_methods.into_iter().filter(|method| method.verified);
    own.filter(is_real).or_else(|| proven.filter_map(|method| method.email).find(is_real))
}
