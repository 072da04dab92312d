//! What can be done with users of providers. Each function can be replaced.

use super::of_tenant;
use super::provider::Provider;
use super::types::{CreatedOrUpdated, ProviderUser, SignInUp, SignInUpInput};
use crate::recipes::accountlinking::{EmailChange, NewEmail};
use crate::recipes::flow::{self, Linked};
use crate::users::full;
use crate::{AccountInfo, Cx, Error, Result};
use async_trait::async_trait;
use portcullis_wire::thirdparty as wire;

/// The functions of the thirdparty recipe. A replacement implements [`Functions::original`] and what it
/// changes; everything else goes to the functions below.
#[async_trait]
pub trait Functions: Send + Sync {
    /// The functions below.
    fn original(&self) -> &dyn Functions;

    /// A provider of a tenant for a kind of client, complete: its discovery document is read. `None` if the
    /// tenant has no such provider.
    async fn get_provider(
        &self,
        cx: &Cx,
        tenant: &str,
        third_party_id: &str,
        client_type: Option<&str>,
    ) -> Result<Option<Provider>> {
        self.original().get_provider(cx, tenant, third_party_id, client_type).await
    }

    /// Finds or makes the user who signs in, with everything at hand that the provider tells.
    async fn sign_in_up(&self, cx: &Cx, input: &SignInUpInput) -> Result<SignInUp> {
        self.original().sign_in_up(cx, input).await
    }

    /// Makes a user, or brings the address of one up to date.
    async fn manually_create_or_update_user(&self, cx: &Cx, user: &ProviderUser) -> Result<CreatedOrUpdated> {
        self.original().manually_create_or_update_user(cx, user).await
    }
}

/// What the functions do unless they are replaced.
#[derive(Debug)]
pub(super) struct BaseFunctions;

/// The words of the core and of the Node SDK, which apps compare.
const CONFLICT: &str = "Email already associated with another primary user.";
const TAKEOVER_RISK: &str =
    "New email cannot be applied to existing account because of account takeover risks.";

#[async_trait]
impl Functions for BaseFunctions {
    fn original(&self) -> &dyn Functions {
        self
    }

    async fn get_provider(
        &self,
        cx: &Cx,
        tenant: &str,
        third_party_id: &str,
        client_type: Option<&str>,
    ) -> Result<Option<Provider>> {
        let found = cx.sdk().multitenancy().functions.get_tenant(cx, tenant).await?;
        let found = found.ok_or_else(|| Error::Internal("Tenant not found".to_owned()))?;
        let all = of_tenant(cx.sdk(), &found);
        let Some(config) = all.into_iter().find(|config| config.id() == third_party_id) else {
            return Ok(None);
        };
        Provider::complete(cx, tenant, config, client_type).await.map(Some)
    }

    async fn sign_in_up(&self, cx: &Cx, input: &SignInUpInput) -> Result<SignInUp> {
        let functions = &cx.sdk().third_party()?.functions;
        Ok(match functions.manually_create_or_update_user(cx, &input.user).await? {
            CreatedOrUpdated::Ok { user, recipe_user_id, created_new_recipe_user } => {
                SignInUp::Ok { user, recipe_user_id, created_new_recipe_user }
            }
            CreatedOrUpdated::LinkingFailed(failure) => SignInUp::LinkingFailed(failure),
            CreatedOrUpdated::EmailChangeNotAllowed { reason } => {
                let code = if reason == CONFLICT { "005" } else { "024" };
                SignInUp::NotAllowed {
                    reason: format!(
                        "Cannot sign in / up because new email cannot be applied to existing account. Please contact support. (ERR_CODE_{code})"
                    ),
                }
            }
        })
    }

    async fn manually_create_or_update_user(&self, cx: &Cx, user: &ProviderUser) -> Result<CreatedOrUpdated> {
        let change = check_email_change(cx, user).await?;
        if change != EmailChange::Allowed {
            let is_conflict = change == EmailChange::PrimaryUserConflict;
            let reason = if is_conflict { CONFLICT } else { TAKEOVER_RISK }.to_owned();
            return Ok(CreatedOrUpdated::EmailChangeNotAllowed { reason });
        }
        let request = wire::SignInUpRequest {
            third_party_id: user.third_party_id.clone(),
            third_party_user_id: user.third_party_user_id.clone(),
            email: wire::ProviderEmail { id: user.email.clone(), is_verified: Some(user.is_verified) },
        };
        match cx.sdk().core().call::<wire::SignInUp>(cx, Some(&user.tenant), &request).await? {
            wire::SignInUpResponse::Ok { created_new_user, user: made, recipe_user_id } => {
                let made = full(made)?;
                let recipe_user_id = recipe_user_id.unwrap_or_else(|| made.id.clone());
                let made = cx.sdk().account_linking().verified_by_links(cx, made, &recipe_user_id).await?;
                Ok(match flow::link(cx, &user.caller(), made, &recipe_user_id).await? {
                    Linked::Ok(user) => CreatedOrUpdated::Ok {
                        user,
                        recipe_user_id,
                        created_new_recipe_user: created_new_user,
                    },
                    Linked::Failed(failure) => CreatedOrUpdated::LinkingFailed(failure),
                })
            }
            wire::SignInUpResponse::EmailChangeNotAllowed { reason } => {
                Ok(CreatedOrUpdated::EmailChangeNotAllowed { reason })
            }
        }
    }
}

/// Whether a user who is known may have the address that the provider tells now.
async fn check_email_change(cx: &Cx, user: &ProviderUser) -> Result<EmailChange> {
    let info = AccountInfo { third_party: Some(user.identity()), ..AccountInfo::default() };
    let known = cx.sdk().list_users_by_account_info(cx, &user.tenant, &info, false).await?;
    let Some(known) = known.first() else { return Ok(EmailChange::Allowed) };
    let new = NewEmail { email: &user.email, is_verified: user.is_verified };
    cx.sdk().account_linking().check_email_change(cx, known, new, user.session.as_ref()).await
}
