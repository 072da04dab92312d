//! What can be done with addresses and passwords. Each function can be replaced.

use super::form::PASSWORD;
use super::types::{Attempt, Change, Changed, ConsumedToken, SignIn, SignUp};
use crate::recipes::accountlinking::{EmailChange, NewEmail};
use crate::recipes::flow::{self, Linked};
use crate::users::full;
use crate::{Cx, Result};
use async_trait::async_trait;
use portcullis_wire::emailpassword as wire;

/// The functions of the emailpassword recipe. A replacement implements [`Functions::original`] and what it
/// changes; everything else goes to the functions below.
#[async_trait]
pub trait Functions: Send + Sync {
    /// The functions below.
    fn original(&self) -> &dyn Functions;

    /// Makes a user who signs up.
    async fn sign_up(&self, cx: &Cx, attempt: &Attempt) -> Result<SignUp> {
        self.original().sign_up(cx, attempt).await
    }

    /// Makes a user, and nothing else.
    async fn create_new_recipe_user(
        &self,
        cx: &Cx,
        tenant: &str,
        email: &str,
        password: &str,
    ) -> Result<SignUp> {
        self.original().create_new_recipe_user(cx, tenant, email, password).await
    }

    /// Finds the user who signs in.
    async fn sign_in(&self, cx: &Cx, attempt: &Attempt) -> Result<SignIn> {
        self.original().sign_in(cx, attempt).await
    }

    /// Finds the user whose address and password these are, and does nothing else.
    async fn verify_credentials(&self, cx: &Cx, tenant: &str, email: &str, password: &str) -> Result<SignIn> {
        self.original().verify_credentials(cx, tenant, email, password).await
    }

    /// Makes a token that resets the password of a user, or of one of the user's login methods. `None` if
    /// there is no such user.
    async fn create_reset_password_token(
        &self,
        cx: &Cx,
        tenant: &str,
        user_id: &str,
        email: &str,
    ) -> Result<Option<String>> {
        self.original().create_reset_password_token(cx, tenant, user_id, email).await
    }

    /// Uses a reset token up, without changing the password.
    async fn consume_password_reset_token(
        &self,
        cx: &Cx,
        tenant: &str,
        token: &str,
    ) -> Result<ConsumedToken> {
        self.original().consume_password_reset_token(cx, tenant, token).await
    }

    /// Changes address or password.
    async fn update_email_or_password(&self, cx: &Cx, change: &Change) -> Result<Changed> {
        self.original().update_email_or_password(cx, change).await
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

    async fn sign_up(&self, cx: &Cx, attempt: &Attempt) -> Result<SignUp> {
        let Attempt { tenant, email, password, .. } = attempt;
        let functions = &cx.sdk().email_password()?.functions;
        let made = functions.create_new_recipe_user(cx, tenant, email, password).await?;
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
        email: &str,
        password: &str,
    ) -> Result<SignUp> {
        let request = credentials(email, password);
        match cx.sdk().core().call::<wire::SignUp>(cx, Some(tenant), &request).await? {
            wire::SignUpResponse::Ok { user, recipe_user_id } => {
                let user = full(user)?;
                let recipe_user_id = recipe_user_id.unwrap_or_else(|| user.id.clone());
                Ok(SignUp::Ok { user, recipe_user_id })
            }
            wire::SignUpResponse::EmailAlreadyExists => Ok(SignUp::EmailAlreadyExists),
            wire::SignUpResponse::PasswordPolicyViolated { failure_reason: reason } => {
                Ok(SignUp::PolicyViolated { reason })
            }
        }
    }

    async fn sign_in(&self, cx: &Cx, attempt: &Attempt) -> Result<SignIn> {
        let Attempt { tenant, email, password, .. } = attempt;
        let functions = &cx.sdk().email_password()?.functions;
        let found = functions.verify_credentials(cx, tenant, email, password).await?;
        let SignIn::Ok { user, recipe_user_id } = found else { return Ok(found) };
        let user = cx.sdk().account_linking().verified_by_links(cx, user, &recipe_user_id).await?;
        Ok(match flow::link(cx, &attempt.caller(), user, &recipe_user_id).await? {
            Linked::Ok(user) => SignIn::Ok { user, recipe_user_id },
            Linked::Failed(failure) => SignIn::LinkingFailed(failure),
        })
    }

    async fn verify_credentials(&self, cx: &Cx, tenant: &str, email: &str, password: &str) -> Result<SignIn> {
        let request = credentials(email, password);
        match cx.sdk().core().call::<wire::SignIn>(cx, Some(tenant), &request).await? {
            wire::SignInResponse::Ok { user, recipe_user_id } => {
                let user = full(user)?;
                let recipe_user_id = recipe_user_id.unwrap_or_else(|| user.id.clone());
                Ok(SignIn::Ok { user, recipe_user_id })
            }
            wire::SignInResponse::WrongCredentials => Ok(SignIn::WrongCredentials),
        }
    }

    async fn create_reset_password_token(
        &self,
        cx: &Cx,
        tenant: &str,
        user_id: &str,
        email: &str,
    ) -> Result<Option<String>> {
        let request =
            wire::ResetTokenRequest { user_id: user_id.to_owned(), email: Some(Some(email.to_owned())) };
        match cx.sdk().core().call::<wire::CreateResetToken>(cx, Some(tenant), &request).await? {
            wire::ResetTokenResponse::Ok { token } => Ok(Some(token)),
            wire::ResetTokenResponse::UnknownUserId => Ok(None),
        }
    }

    async fn consume_password_reset_token(
        &self,
        cx: &Cx,
        tenant: &str,
        token: &str,
    ) -> Result<ConsumedToken> {
        let request = wire::ConsumeTokenRequest { token: token.to_owned() };
        match cx.sdk().core().call::<wire::ConsumeResetToken>(cx, Some(tenant), &request).await? {
            wire::ConsumeTokenResponse::Ok { user_id, email } => Ok(ConsumedToken::Ok { user_id, email }),
            wire::ConsumeTokenResponse::InvalidToken => Ok(ConsumedToken::InvalidToken),
        }
    }

    async fn update_email_or_password(&self, cx: &Cx, change: &Change) -> Result<Changed> {
        if let Some(email) = &change.email {
            let Some(allowed) = check_email_change(cx, &change.recipe_user_id, email).await? else {
                return Ok(Changed::UnknownUser);
            };
            if let Some(reason) = allowed.reason() {
                return Ok(Changed::EmailChangeNotAllowed { reason: reason.to_owned() });
            }
        }
        if let Some(reason) = broken_policy(cx, change).await? {
            return Ok(Changed::PolicyViolated { reason });
        }
        let request = wire::UpdateRequest {
            recipe_user_id: Some(change.recipe_user_id.clone()),
            user_id: None,
            email: change.email.clone(),
            password: change.password.clone(),
        };
        Ok(match cx.sdk().core().call::<wire::UpdateUser>(cx, None, &request).await? {
            wire::UpdateResponse::Ok => {
                let Some(user) = cx.sdk().find_user(cx, &change.recipe_user_id).await? else {
                    return Ok(Changed::UnknownUser);
                };
                let accounts = cx.sdk().account_linking();
                accounts.verify_email_if_proven_elsewhere(cx, &user, &change.recipe_user_id).await?;
                Changed::Ok
            }
            wire::UpdateResponse::UnknownUserId => Changed::UnknownUser,
            wire::UpdateResponse::EmailAlreadyExists => Changed::EmailAlreadyExists,
            wire::UpdateResponse::PasswordPolicyViolated { failure_reason: reason } => {
                Changed::PolicyViolated { reason }
            }
            wire::UpdateResponse::EmailChangeNotAllowed { .. } => email_taken(),
        })
    }
}

fn email_taken() -> Changed {
    let reason = EmailChange::PrimaryUserConflict.reason().unwrap_or_default();
    Changed::EmailChangeNotAllowed { reason: reason.to_owned() }
}

/// Whether a login method may get another address; `None` if there is no such login method.
pub(crate) async fn check_email_change(
    cx: &Cx,
    recipe_user_id: &str,
    email: &str,
) -> Result<Option<EmailChange>> {
    let Some(user) = cx.sdk().find_user(cx, recipe_user_id).await? else { return Ok(None) };
    let is_verified = match cx.sdk().email_verification() {
        Ok(proofs) => proofs.functions.is_email_verified(cx, recipe_user_id, email).await?,
        Err(_) => false,
    };
    let new = NewEmail { email, is_verified };
    cx.sdk().account_linking().check_email_change(cx, &user, new, None).await.map(Some)
}

fn credentials(email: &str, password: &str) -> wire::CredentialsRequest {
    wire::CredentialsRequest { email: email.to_owned(), password: password.to_owned() }
}

/// The rule of the sign-up form that a new password breaks.
async fn broken_policy(cx: &Cx, change: &Change) -> Result<Option<String>> {
    let Some(password) = change.password.as_deref().filter(|_| change.apply_password_policy) else {
        return Ok(None);
    };
    let forms = &cx.sdk().email_password()?.forms;
    forms.fault(cx, &change.tenant_for_password_policy, PASSWORD, password).await
}
