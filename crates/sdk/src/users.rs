//! Users of every recipe.

use crate::{Cx, Portcullis, Result};
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

    /// Deletes a user, with all linked login methods or only the one with this id.
    pub async fn delete_user(&self, cx: &Cx, id: &str, all_linked_accounts: bool) -> Result<()> {
        let request = wire::RemoveUserRequest {
            user_id: id.to_owned(),
            remove_all_linked_accounts: Some(all_linked_accounts),
        };
        self.core().call::<wire::RemoveUser>(cx, None, &request).await.map(drop)
    }
}
