//! The statements on users of every recipe.

mod creation;
mod groups;
mod ids;
mod infos;
mod lists;
mod members;

pub use creation::{NewUser, OwnRow, insert_user, verified_email_row};
pub use groups::Conflict;
pub(super) use groups::{
    delete_memberships, delete_reservations, find_conflict, insert_memberships, release, reserve, set_group,
    update_time_joined,
};
pub use ids::{find_row, list_known, lock_row};
pub(super) use ids::{is_id_of_another, lock_members};
pub use infos::insert_verified_email;
pub(super) use infos::update_info;
pub(crate) use lists::Page;
pub use lists::UserFilter;
pub(super) use lists::{
    Joined, count_groups, list_groups, list_groups_by_info, list_groups_by_passkey, search_groups,
};
pub use members::OwnColumn;
pub(super) use members::{Member, find_members, find_members_by_email, list_members};

use super::model::{InfoKind, LoginMethod};
use crate::Result;
use portcullis_db::{Tx, Value, args};

/// A user's place in `app_id_to_user_id`.
#[derive(Clone, Debug)]
pub struct UserRow {
    /// The internal id.
    pub user_id: String,
    /// The group's id; the same if the user is alone.
    pub primary_id: String,
    /// Whether the user is primary, or linked to one who is.
    pub is_linked: bool,
    /// The recipe.
    pub recipe_id: String,
    time_joined: i64,
    external_id: Option<String>,
}

impl UserRow {
    /// The id that callers know, if it is another one.
    pub fn external_id(&self) -> Option<&str> {
        self.external_id.as_deref()
    }

    /// The id that callers know.
    pub fn public_id(&self) -> &str {
        self.external_id().unwrap_or(&self.user_id)
    }
}

type RowColumns = (String, String, bool, String, i64, Option<String>);

impl From<RowColumns> for UserRow {
    fn from((user_id, primary_id, is_linked, recipe_id, time_joined, external_id): RowColumns) -> Self {
        Self { user_id, primary_id, is_linked, recipe_id, time_joined, external_id }
    }
}

/// Something by which a login method is found.
#[derive(Clone, Copy, Debug)]
pub struct AccountInfo<'a> {
    /// What it is.
    pub kind: InfoKind,
    /// The address, the number, or `<provider>::<user>`.
    pub value: &'a str,
    /// The provider and the user there, for an address that a provider tells: it is not unique in a tenant.
    /// Empty for everything else.
    pub third_party: (&'a str, &'a str),
}

impl<'a> AccountInfo<'a> {
    /// What is unique among the recipe's users of a tenant.
    pub fn unique(kind: InfoKind, value: &'a str) -> Self {
        Self { kind, value, third_party: ("", "") }
    }

    /// Kind, value, provider, user there.
    fn columns(self) -> [Value<'a>; 4] {
        let (provider, user) = self.third_party;
        [self.kind.name().into(), self.value.into(), provider.into(), user.into()]
    }
}

/// What `recipe_user_tenants` and `recipe_user_account_infos` have in common.
const INFO_COLUMNS: &str = "app_id, recipe_user_id, recipe_id, account_info_type, account_info_value,
    third_party_id, third_party_user_id";
/// The first of [`INFO_COLUMNS`]; those of [`AccountInfo::columns`] follow.
const INFO_VALUES: &str = "$1, cast($2 as text), $4";

/// Deletes a login method: what identifies it, and its verified addresses.
pub(super) async fn delete_method(tx: &mut Tx, app_id: &str, method: &LoginMethod) -> Result<()> {
    for table in ["recipe_user_tenants", "recipe_user_account_infos"] {
        let sql = format!("delete from {table} where app_id = $1 and recipe_user_id = $2");
        tx.execute(sql, args![app_id, &method.user_id]).await?;
    }
    Ok(())
}

/// Deletes a user's row, and with it everything that belongs to it.
pub(super) async fn delete_row(tx: &mut Tx, app_id: &str, user_id: &str) -> Result<()> {
    let sql = "delete from app_id_to_user_id where app_id = $1 and user_id = $2";
    tx.execute(sql, args![app_id, user_id]).await?;
    Ok(())
}
