//! What can be done with proofs of addresses. Each function can be replaced.

use super::UserEmail;
use crate::{Cx, Result};
use async_trait::async_trait;
use portcullis_wire::emailverification as wire;

/// An address that a token proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifiedEmail {
    /// The login method.
    pub recipe_user_id: String,
    /// The address.
    pub email: String,
}

/// The functions of the emailverification recipe. A replacement implements [`Functions::original`] and
/// what it changes; everything else goes to the functions below.
#[async_trait]
pub trait Functions: Send + Sync {
    /// The functions below.
    fn original(&self) -> &dyn Functions;

    /// Makes a token that proves an address of a login method; `None` if it is proven already.
    async fn create_email_verification_token(
        &self,
        cx: &Cx,
        tenant: &str,
        recipe_user_id: &str,
        email: &str,
    ) -> Result<Option<String>> {
        self.original().create_email_verification_token(cx, tenant, recipe_user_id, email).await
    }

    /// Uses a token up: its address is proven from now on. `None` if the token is unknown, used or expired. If
    /// it is the address of the login method, this one may be linked now to others that have it too.
    async fn verify_email_using_token(
        &self,
        cx: &Cx,
        tenant: &str,
        token: &str,
        attempt_account_linking: bool,
    ) -> Result<Option<VerifiedEmail>> {
        self.original().verify_email_using_token(cx, tenant, token, attempt_account_linking).await
    }

    /// Whether an address of a login method is proven.
    async fn is_email_verified(&self, cx: &Cx, recipe_user_id: &str, email: &str) -> Result<bool> {
        self.original().is_email_verified(cx, recipe_user_id, email).await
    }

    /// Makes an address's tokens useless.
    async fn revoke_email_verification_tokens(
        &self,
        cx: &Cx,
        tenant: &str,
        recipe_user_id: &str,
        email: &str,
    ) -> Result<()> {
        self.original().revoke_email_verification_tokens(cx, tenant, recipe_user_id, email).await
    }

    /// Forgets that an address was proven.
    async fn unverify_email(&self, cx: &Cx, recipe_user_id: &str, email: &str) -> Result<()> {
        self.original().unverify_email(cx, recipe_user_id, email).await
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

    async fn create_email_verification_token(
        &self,
        cx: &Cx,
        tenant: &str,
        recipe_user_id: &str,
        email: &str,
    ) -> Result<Option<String>> {
        let request = user_email(recipe_user_id, email);
        match cx.sdk().core().call::<wire::CreateToken>(cx, Some(tenant), &request).await? {
            wire::TokenResponse::Ok { token } => Ok(Some(token)),
            wire::TokenResponse::EmailAlreadyVerified => Ok(None),
        }
    }

    async fn verify_email_using_token(
        &self,
        cx: &Cx,
        tenant: &str,
        token: &str,
        attempt_account_linking: bool,
    ) -> Result<Option<VerifiedEmail>> {
        let request = wire::VerifyRequest { method: "token".to_owned(), token: token.to_owned() };
        let answer = cx.sdk().core().call::<wire::Verify>(cx, Some(tenant), &request).await?;
        let wire::VerifyResponse::Ok { user_id: recipe_user_id, email } = answer else { return Ok(None) };
        let verified = VerifiedEmail { recipe_user_id, email };
        if attempt_account_linking {
            link_accounts(cx, tenant, &verified).await?;
        }
        Ok(Some(verified))
    }

    async fn is_email_verified(&self, cx: &Cx, recipe_user_id: &str, email: &str) -> Result<bool> {
        let request = user_email(recipe_user_id, email);
        Ok(cx.sdk().core().call::<wire::IsVerified>(cx, None, &request).await?.is_verified)
    }

    async fn revoke_email_verification_tokens(
        &self,
        cx: &Cx,
        tenant: &str,
        recipe_user_id: &str,
        email: &str,
    ) -> Result<()> {
        let request = user_email(recipe_user_id, email);
        cx.sdk().core().call::<wire::RemoveTokens>(cx, Some(tenant), &request).await.map(drop)
    }

    async fn unverify_email(&self, cx: &Cx, recipe_user_id: &str, email: &str) -> Result<()> {
        let request = user_email(recipe_user_id, email);
        cx.sdk().core().call::<wire::Unverify>(cx, None, &request).await.map(drop)
    }
}

/// Links the login method whose address was proven to what it belongs with. Any address can be proven, also one
/// that a login method had once.
async fn link_accounts(cx: &Cx, tenant: &str, verified: &VerifiedEmail) -> Result<()> {
    let recipe_user_id = &verified.recipe_user_id;
    let Some(user) = cx.sdk().find_user(cx, recipe_user_id).await? else { return Ok(()) };
    let current = cx.sdk().email_verification()?.email_of(cx, recipe_user_id).await?;
    if current == UserEmail::Known(verified.email.clone()) {
        cx.sdk().account_linking().link_by_account_info(cx, tenant, user, None).await?;
    }
    Ok(())
}

fn user_email(recipe_user_id: &str, email: &str) -> wire::UserEmailRequest {
    wire::UserEmailRequest { user_id: recipe_user_id.to_owned(), email: email.to_owned() }
}
