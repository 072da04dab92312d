//! Account linking: login methods that are one user.

use crate::endpoint::endpoint;
use crate::input::request;
use crate::users::FullUser;
use serde::{Deserialize, Serialize};

request! {
    /// A login method.
    RecipeUserRequest {
        /// Its id, internal or external.
        recipe_user_id: String = "recipeUserId",
    }
    /// A login method and a primary user.
    LinkRequest {
        /// The login method's id, internal or external.
        recipe_user_id: String = "recipeUserId",
        /// The id of the primary user, or of one of its login methods.
        primary_user_id: String = "primaryUserId",
    }
}

/// Whose something is already.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Owner {
    /// The primary user's id, as callers know it.
    pub primary_user_id: String,
    /// What is whose, in English.
    pub description: String,
}

/// Whether a login method can become a primary user.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum CheckPrimaryResponse {
    /// It can.
    #[serde(rename = "OK")]
    Ok {
        /// Whether it is one already.
        #[serde(rename = "wasAlreadyAPrimaryUser")]
        was_already_a_primary_user: bool,
    },
    /// It is linked to a primary user.
    #[serde(rename = "RECIPE_USER_ID_ALREADY_LINKED_WITH_PRIMARY_USER_ID_ERROR")]
    Linked(Owner),
    /// What it signs in with is another primary user's, in one of its tenants.
    #[serde(rename = "ACCOUNT_INFO_ALREADY_ASSOCIATED_WITH_ANOTHER_PRIMARY_USER_ID_ERROR")]
    InfoTaken(Owner),
}

/// The outcome of making a primary user.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum CreatePrimaryResponse {
    /// It is one.
    #[serde(rename = "OK", rename_all = "camelCase")]
    Ok {
        /// Whether it was one before.
        #[serde(rename = "wasAlreadyAPrimaryUser")]
        was_already_a_primary_user: bool,
        /// The user.
        user: Box<FullUser>,
    },
    /// As in [`CheckPrimaryResponse`].
    #[serde(rename = "RECIPE_USER_ID_ALREADY_LINKED_WITH_PRIMARY_USER_ID_ERROR")]
    Linked(Owner),
    /// As in [`CheckPrimaryResponse`].
    #[serde(rename = "ACCOUNT_INFO_ALREADY_ASSOCIATED_WITH_ANOTHER_PRIMARY_USER_ID_ERROR")]
    InfoTaken(Owner),
}

/// Whether a login method can be linked to a primary user.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum CheckLinkResponse {
    /// It can.
    #[serde(rename = "OK")]
    Ok {
        /// Whether it is linked already.
        #[serde(rename = "accountsAlreadyLinked")]
        accounts_already_linked: bool,
    },
    /// The other user is no primary user.
    #[serde(rename = "INPUT_USER_IS_NOT_A_PRIMARY_USER")]
    NotPrimary,
    /// The login method is another primary user's.
    #[serde(rename = "RECIPE_USER_ID_ALREADY_LINKED_WITH_ANOTHER_PRIMARY_USER_ID_ERROR")]
    Linked(Owner),
    /// What both sign in with is another primary user's, in one of their tenants.
    #[serde(rename = "ACCOUNT_INFO_ALREADY_ASSOCIATED_WITH_ANOTHER_PRIMARY_USER_ID_ERROR")]
    InfoTaken(Owner),
}

/// The outcome of linking.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum LinkResponse {
    /// The two are linked.
    #[serde(rename = "OK")]
    Ok {
        /// Whether they were before.
        #[serde(rename = "accountsAlreadyLinked")]
        accounts_already_linked: bool,
        /// The user that both are.
        user: Box<FullUser>,
    },
    /// As in [`CheckLinkResponse`].
    #[serde(rename = "INPUT_USER_IS_NOT_A_PRIMARY_USER")]
    NotPrimary,
    /// As in [`CheckLinkResponse`].
    #[serde(rename = "RECIPE_USER_ID_ALREADY_LINKED_WITH_ANOTHER_PRIMARY_USER_ID_ERROR")]
    Linked {
        /// Whose the login method is.
        #[serde(flatten)]
        owner: Owner,
        /// That user.
        user: Box<FullUser>,
    },
    /// As in [`CheckLinkResponse`].
    #[serde(rename = "ACCOUNT_INFO_ALREADY_ASSOCIATED_WITH_ANOTHER_PRIMARY_USER_ID_ERROR")]
    InfoTaken(Owner),
}

/// The outcome of unlinking.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum UnlinkResponse {
    /// The login method is nobody else's.
    #[serde(rename = "OK", rename_all = "camelCase")]
    Ok {
        /// Whether it was deleted, as others keep the id that it had.
        was_recipe_user_deleted: bool,
        /// Whether it was linked, or a primary user.
        was_linked: bool,
    },
}

endpoint! {
    /// Whether a login method can become a primary user.
    CheckPrimary: Get "/recipe/accountlinking/user/primary/check" App, RecipeUserRequest => CheckPrimaryResponse;
    /// Makes a login method a primary user, to which others can be linked.
    CreatePrimary: Post "/recipe/accountlinking/user/primary" App, RecipeUserRequest => CreatePrimaryResponse;
    /// Whether a login method can be linked to a primary user.
    CheckLink: Get "/recipe/accountlinking/user/link/check" App, LinkRequest => CheckLinkResponse;
    /// Links a login method to a primary user.
    Link: Post "/recipe/accountlinking/user/link" App, LinkRequest => LinkResponse;
    /// Makes a linked login method a user by itself.
    Unlink: Post "/recipe/accountlinking/user/unlink" App, RecipeUserRequest => UnlinkResponse;
}
