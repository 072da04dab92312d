//! What can be done with users and their login methods. Each function can be replaced.

use super::types::{CanCreatePrimaryUser, CanLinkAccounts, CreatePrimaryUser, LinkAccounts, Unlinked};
use crate::users::{self, AccountInfo, UserPage, UserQuery};
use crate::{Cx, Error, Result, User};
use async_trait::async_trait;
use portcullis_wire::accountlinking as wire;

/// The functions of the accountlinking recipe, which all others ask for users. A replacement implements
/// [`Functions::original`] and what it changes; everything else goes to the functions below.
#[async_trait]
pub trait Functions: Send + Sync {
    /// The functions below.
    fn original(&self) -> &dyn Functions;

    /// The user with an id of the user or of one of its login methods.
    async fn find_user(&self, cx: &Cx, id: &str) -> Result<Option<User>> {
        self.original().find_user(cx, id).await
    }

    /// A page of users, those first who joined last or first.
    async fn list_users(&self, cx: &Cx, query: &UserQuery, newest_first: bool) -> Result<UserPage> {
        self.original().list_users(cx, query, newest_first).await
    }

    /// The users of a tenant with a login method that fits, with all that is asked for or with any of it.
    async fn list_users_by_account_info(
        &self,
        cx: &Cx,
        tenant: &str,
        info: &AccountInfo,
        any_will_do: bool,
    ) -> Result<Vec<User>> {
        self.original().list_users_by_account_info(cx, tenant, info, any_will_do).await
    }

    /// Deletes a user, with all linked login methods or only the one with this id.
    async fn delete_user(&self, cx: &Cx, id: &str, all_linked_accounts: bool) -> Result<()> {
        self.original().delete_user(cx, id, all_linked_accounts).await
    }

    /// Whether a login method can become a primary user.
    async fn can_create_primary_user(&self, cx: &Cx, recipe_user_id: &str) -> Result<CanCreatePrimaryUser> {
        self.original().can_create_primary_user(cx, recipe_user_id).await
    }

    /// Makes a login method a primary user, to which others can be linked.
    async fn create_primary_user(&self, cx: &Cx, recipe_user_id: &str) -> Result<CreatePrimaryUser> {
        self.original().create_primary_user(cx, recipe_user_id).await
    }

    /// Whether a login method can be linked to a primary user.
    async fn can_link_accounts(
        &self,
        cx: &Cx,
        recipe_user_id: &str,
        primary_user_id: &str,
    ) -> Result<CanLinkAccounts> {
        self.original().can_link_accounts(cx, recipe_user_id, primary_user_id).await
    }

    /// Links a login method to a primary user. Its sessions end. Its address then counts as proven if it is
    /// for another login method of that user.
    async fn link_accounts(
        &self,
        cx: &Cx,
        recipe_user_id: &str,
        primary_user_id: &str,
    ) -> Result<LinkAccounts> {
        self.original().link_accounts(cx, recipe_user_id, primary_user_id).await
    }

    /// Makes a linked login method a user by itself, and ends its sessions.
    async fn unlink_account(&self, cx: &Cx, recipe_user_id: &str) -> Result<Unlinked> {
        self.original().unlink_account(cx, recipe_user_id).await
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

    async fn find_user(&self, cx: &Cx, id: &str) -> Result<Option<User>> {
        users::find(cx, id).await
    }

    async fn list_users(&self, cx: &Cx, query: &UserQuery, newest_first: bool) -> Result<UserPage> {
        users::page(cx, query, newest_first).await
    }

    async fn list_users_by_account_info(
        &self,
        cx: &Cx,
        tenant: &str,
        info: &AccountInfo,
        any_will_do: bool,
    ) -> Result<Vec<User>> {
        users::by_account_info(cx, tenant, info, any_will_do).await
    }

    async fn delete_user(&self, cx: &Cx, id: &str, all_linked_accounts: bool) -> Result<()> {
        users::delete(cx, id, all_linked_accounts).await
    }

    async fn can_create_primary_user(&self, cx: &Cx, recipe_user_id: &str) -> Result<CanCreatePrimaryUser> {
        use wire::CheckPrimaryResponse as Answer;
        Ok(match cx.sdk().core().call::<wire::CheckPrimary>(cx, None, &login(recipe_user_id)).await? {
            Answer::Ok { was_already_a_primary_user: was_already_primary } => {
                CanCreatePrimaryUser::Ok { was_already_primary }
            }
            Answer::Linked(wire::Owner { primary_user_id, description }) => {
                CanCreatePrimaryUser::Linked { primary_user_id, description }
            }
            Answer::InfoTaken(wire::Owner { primary_user_id, description }) => {
                CanCreatePrimaryUser::AccountInfoTaken { primary_user_id, description }
            }
        })
    }

    async fn create_primary_user(&self, cx: &Cx, recipe_user_id: &str) -> Result<CreatePrimaryUser> {
        use wire::CreatePrimaryResponse as Answer;
        Ok(match cx.sdk().core().call::<wire::CreatePrimary>(cx, None, &login(recipe_user_id)).await? {
            Answer::Ok { was_already_a_primary_user: was_already_primary, user } => {
                CreatePrimaryUser::Ok { user: *user, was_already_primary }
            }
            Answer::Linked(wire::Owner { primary_user_id, description }) => {
                CreatePrimaryUser::Linked { primary_user_id, description }
            }
            Answer::InfoTaken(wire::Owner { primary_user_id, description }) => {
                CreatePrimaryUser::AccountInfoTaken { primary_user_id, description }
            }
        })
    }

    async fn can_link_accounts(
        &self,
        cx: &Cx,
        recipe_user_id: &str,
        primary_user_id: &str,
    ) -> Result<CanLinkAccounts> {
        use wire::CheckLinkResponse as Answer;
        let request = link(recipe_user_id, primary_user_id);
        Ok(match cx.sdk().core().call::<wire::CheckLink>(cx, None, &request).await? {
            Answer::Ok { accounts_already_linked: were_already_linked } => {
                CanLinkAccounts::Ok { were_already_linked }
            }
            Answer::NotPrimary => CanLinkAccounts::NotPrimary,
            Answer::Linked(wire::Owner { primary_user_id, description }) => {
                CanLinkAccounts::Linked { primary_user_id, description }
            }
            Answer::InfoTaken(wire::Owner { primary_user_id, description }) => {
                CanLinkAccounts::AccountInfoTaken { primary_user_id, description }
            }
        })
    }

    async fn link_accounts(
        &self,
        cx: &Cx,
        recipe_user_id: &str,
        primary_user_id: &str,
    ) -> Result<LinkAccounts> {
        use wire::LinkResponse as Answer;
        let request = link(recipe_user_id, primary_user_id);
        Ok(match cx.sdk().core().call::<wire::Link>(cx, None, &request).await? {
            Answer::Ok { accounts_already_linked: true, user } => {
                LinkAccounts::Ok { user: *user, were_already_linked: true }
            }
            Answer::Ok { accounts_already_linked: false, user } => {
                let user = linked(cx, *user, recipe_user_id).await?;
                LinkAccounts::Ok { user, were_already_linked: false }
            }
            Answer::NotPrimary => LinkAccounts::NotPrimary,
            Answer::Linked { owner, user } => {
                LinkAccounts::Linked { user: *user, description: owner.description }
            }
            Answer::InfoTaken(wire::Owner { primary_user_id, description }) => {
                LinkAccounts::AccountInfoTaken { primary_user_id, description }
            }
        })
    }

    async fn unlink_account(&self, cx: &Cx, recipe_user_id: &str) -> Result<Unlinked> {
        let wire::UnlinkResponse::Ok { was_recipe_user_deleted, was_linked } =
            cx.sdk().core().call::<wire::Unlink>(cx, None, &login(recipe_user_id)).await?;
        Ok(Unlinked { was_recipe_user_deleted, was_linked })
    }
}

fn login(recipe_user_id: &str) -> wire::RecipeUserRequest {
    wire::RecipeUserRequest { recipe_user_id: recipe_user_id.to_owned() }
}

fn link(recipe_user_id: &str, primary_user_id: &str) -> wire::LinkRequest {
    wire::LinkRequest {
        recipe_user_id: recipe_user_id.to_owned(),
        primary_user_id: primary_user_id.to_owned(),
    }
}

/// What follows once a login method has just been linked: the user as it then is.
async fn linked(cx: &Cx, user: User, recipe_user_id: &str) -> Result<User> {
    let accounts = cx.sdk().account_linking();
    accounts.verify_email_if_proven_elsewhere(cx, &user, recipe_user_id).await?;
    let gone = || Error::Internal("the user was deleted while it was linked".to_owned());
    let user = accounts.functions.find_user(cx, &user.id).await?.ok_or_else(gone)?;
    if let Some(on_account_linked) = &accounts.on_account_linked {
        let mut methods = user.login_methods.iter();
        let method = methods.find(|method| method.recipe_user_id == recipe_user_id).ok_or_else(gone)?;
        on_account_linked.call(cx, (user.clone(), method.clone())).await?;
    }
    Ok(user)
}
