//! Proofs that an address is the user's.

mod apis;
mod claim;
mod config;
mod functions;

pub use apis::{Api, Apis, GenerateTokenOutcome, VerifyOutcome};
pub use claim::{claim, is_verified};
pub use config::{EmailVerification, Mode, UserEmail};
pub use functions::{Functions, VerifiedEmail};

pub(crate) use apis::routes;

use crate::callback::Callback;
use crate::email::{self, Email, EmailDelivery, EmailSubject, link};
use crate::{Cx, Error, Result};
use std::collections::HashSet;
use std::sync::Arc;

/// The emailverification recipe at work. Where an address may be left out, it is the one of the login
/// method.
#[derive(Debug)]
pub struct Verifications {
    pub(crate) mode: Mode,
    pub(crate) find_email: Option<Callback<String, UserEmail>>,
    pub(crate) delivery: Option<Arc<dyn EmailDelivery>>,
    pub(crate) functions: Arc<dyn Functions>,
    pub(crate) apis: Arc<dyn Apis>,
    pub(crate) disabled: HashSet<Api>,
}

impl Verifications {
    /// Makes a token that proves an address; `None` if it is proven already, or if there is none.
    pub async fn create_email_verification_token(
        &self,
        cx: &Cx,
        tenant: &str,
        recipe_user_id: &str,
        email: Option<&str>,
    ) -> Result<Option<String>> {
        let Some(email) = self.email_or(cx, recipe_user_id, email).await? else { return Ok(None) };
        self.functions.create_email_verification_token(cx, tenant, recipe_user_id, &email).await
    }

    /// Makes a link that proves an address; `None` if it is proven already, or if there is none.
    pub async fn create_email_verification_link(
        &self,
        cx: &Cx,
        tenant: &str,
        recipe_user_id: &str,
        email: Option<&str>,
    ) -> Result<Option<String>> {
        let token = self.create_email_verification_token(cx, tenant, recipe_user_id, email).await?;
        Ok(token.map(|token| verification_link(cx, &token, tenant)))
    }

    /// Sends such a link; false if the address is proven already, or if there is none.
    pub async fn send_email_verification_email(
        &self,
        cx: &Cx,
        tenant: &str,
        recipe_user_id: &str,
        email: Option<&str>,
    ) -> Result<bool> {
        let Some(email) = self.email_or(cx, recipe_user_id, email).await? else { return Ok(false) };
        let link = self.create_email_verification_link(cx, tenant, recipe_user_id, Some(&email)).await?;
        let Some(link) = link else { return Ok(false) };
        let user = cx.sdk().find_user(cx, recipe_user_id).await?;
        let user_id = user.map_or_else(|| recipe_user_id.to_owned(), |user| user.id);
        let email = Email::new(email, EmailSubject::EmailVerification { link }, tenant);
        self.send_email(cx, &email.of_user(user_id, Some(recipe_user_id))).await?;
        Ok(true)
    }

    /// Sends an e-mail in this recipe's way.
    pub async fn send_email(&self, cx: &Cx, email: &Email) -> Result<()> {
        email::send(cx, self.delivery.as_ref(), email).await
    }

    /// Uses a token up: its address is proven from now on, and the login method is linked to others that have it,
    /// if that is what the app wants. `None` if the token is unknown, used or expired.
    pub async fn verify_email_using_token(
        &self,
        cx: &Cx,
        tenant: &str,
        token: &str,
    ) -> Result<Option<VerifiedEmail>> {
        self.functions.verify_email_using_token(cx, tenant, token, true).await
    }

    /// The same, but nothing is linked.
    pub async fn verify_email_without_linking(
        &self,
        cx: &Cx,
        tenant: &str,
        token: &str,
    ) -> Result<Option<VerifiedEmail>> {
        self.functions.verify_email_using_token(cx, tenant, token, false).await
    }

    /// Whether an address is proven. A login method without one needs no proof.
    pub async fn is_email_verified(
        &self,
        cx: &Cx,
        recipe_user_id: &str,
        email: Option<&str>,
    ) -> Result<bool> {
        match self.email_or(cx, recipe_user_id, email).await? {
            Some(email) => self.functions.is_email_verified(cx, recipe_user_id, &email).await,
            None => Ok(true),
        }
    }

    /// Makes an address's tokens useless.
    pub async fn revoke_email_verification_tokens(
        &self,
        cx: &Cx,
        tenant: &str,
        recipe_user_id: &str,
        email: Option<&str>,
    ) -> Result<()> {
        let Some(email) = self.email_or(cx, recipe_user_id, email).await? else { return Ok(()) };
        self.functions.revoke_email_verification_tokens(cx, tenant, recipe_user_id, &email).await
    }

    /// Forgets that an address was proven.
    pub async fn unverify_email(&self, cx: &Cx, recipe_user_id: &str, email: Option<&str>) -> Result<()> {
        let Some(email) = self.email_or(cx, recipe_user_id, email).await? else { return Ok(()) };
        self.functions.unverify_email(cx, recipe_user_id, &email).await
    }

    /// Notes that an address of a login method is its user's, who has shown that in another way.
    pub(crate) async fn prove(&self, cx: &Cx, tenant: &str, recipe_user_id: &str, email: &str) -> Result<()> {
        let functions = &self.functions;
        let token = functions.create_email_verification_token(cx, tenant, recipe_user_id, email).await?;
        if let Some(token) = token {
            functions.verify_email_using_token(cx, tenant, &token, false).await?;
        }
        Ok(())
    }

    /// The address of a login method.
    pub(crate) async fn email_of(&self, cx: &Cx, recipe_user_id: &str) -> Result<UserEmail> {
        if let Some(find) = &self.find_email {
            let found = find.call(cx, recipe_user_id.to_owned()).await?;
            if found != UserEmail::UnknownUser {
                return Ok(found);
            }
        }
        let Some(user) = cx.sdk().find_user(cx, recipe_user_id).await? else {
            return Ok(UserEmail::UnknownUser);
        };
        let mut methods = user.login_methods.into_iter();
        Ok(match methods.find(|method| method.recipe_user_id == recipe_user_id) {
            Some(method) => method.email.map_or(UserEmail::Missing, UserEmail::Known),
            None => UserEmail::UnknownUser,
        })
    }

    async fn email_or(&self, cx: &Cx, recipe_user_id: &str, email: Option<&str>) -> Result<Option<String>> {
        if let Some(email) = email {
            return Ok(Some(email.to_owned()));
        }
        match self.email_of(cx, recipe_user_id).await? {
            UserEmail::Known(email) => Ok(Some(email)),
            UserEmail::Missing => Ok(None),
            UserEmail::UnknownUser => {
                Err(Error::Internal(format!("there is no login method '{recipe_user_id}'")))
            }
        }
    }
}

/// The address of the page that proves an address.
fn verification_link(cx: &Cx, token: &str, tenant: &str) -> String {
    link(cx, "/verify-email", token, tenant)
}
