//! Users of every recipe.

use crate::{Cx, Error, Portcullis, Result};
use portcullis_wire::users as wire;

pub use portcullis_wire::users::{FullUser as User, LoginMethod, ThirdParty};

impl Portcullis {
    /// The user with an id of the user or of one of its login methods.
    pub async fn find_user(&self, cx: &Cx, id: &str) -> Result<Option<User>> {
        let request = wire::UserIdRequest { user_id: id.to_owned() };
        match self.core().call::<wire::GetUser>(cx, None, &request).await? {
            wire::UserResponse::Ok { user } => Ok(Some(user)),
            wire::UserResponse::UnknownUserId => Ok(None),
        }
    }

    /// The users of a tenant who have a login method with this address, in any case of its letters.
    pub async fn users_by_email(&self, cx: &Cx, tenant: &str, email: &str) -> Result<Vec<User>> {
        let request = wire::AccountInfoRequest {
            email: Some(email.to_owned()),
            phone_number: None,
            third_party_id: None,
            third_party_user_id: None,
            do_union_of_account_info: "false".to_owned(),
        };
        Ok(self.core().call::<wire::UsersByAccountInfo>(cx, Some(tenant), &request).await?.users)
    }

    /// Deletes a user, with all linked login methods or only the one with this id.
    pub async fn delete_user(&self, cx: &Cx, id: &str, all_linked_accounts: bool) -> Result<()> {
        let request = wire::RemoveUserRequest {
            user_id: id.to_owned(),
            remove_all_linked_accounts: Some(all_linked_accounts),
        };
        self.core().call::<wire::RemoveUser>(cx, None, &request).await.map(drop)
    }
}

/// Whether a login method's address is this one, as the core compares them.
pub(crate) fn has_same_email(method: &LoginMethod, email: &str) -> bool {
    method.email.as_deref() == Some(email.trim().to_lowercase().as_str())
}

/// The user's login method with this address and a password.
pub(crate) fn has_password_for<'u>(user: &'u User, email: &str) -> Option<&'u LoginMethod> {
    let mut methods = user.login_methods.iter();
    methods.find(|method| method.recipe_id == "emailpassword" && has_same_email(method, email))
}

/// The user of an answer in a version that the SDK speaks.
pub(crate) fn full(user: wire::User) -> Result<User> {
    match user {
        wire::User::Full(user) => Ok(user),
        wire::User::Old(_) => {
            Err(Error::Internal("the core answered with a user of an old version".to_owned()))
        }
    }
}
