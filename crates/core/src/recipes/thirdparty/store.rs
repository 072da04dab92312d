//! The statements on users of providers.

use crate::ground::users::model::ThirdParty;
use crate::ground::users::service::OwnRow;
use crate::{Result, Scope};
use portcullis_db::{Tx, args};

/// The recipe's part of a new user.
pub(in crate::recipes) fn row<'a>(third_party: &'a ThirdParty, email: &'a str, now: i64) -> OwnRow<'a> {
    let columns = &["third_party_id", "third_party_user_id", "email", "time_joined"];
    let (provider, user) = (&third_party.id, &third_party.user_id);
    let values = vec![provider.into(), user.into(), email.into(), now.into()];
    OwnRow::new("thirdparty_users", columns, values)
}

/// The internal id of a provider's user in the tenant.
pub(super) async fn find(tx: &mut Tx, scope: &Scope, third_party: &ThirdParty) -> Result<Option<String>> {
    let sql = "select recipe_user_id from recipe_user_tenants
        where app_id = $1 and tenant_id = $2 and recipe_id = 'thirdparty' and account_info_type = 'tparty'
        and third_party_id = '' and third_party_user_id = '' and account_info_value = $3";
    let text = third_party.to_text();
    let args = args![&scope.app_id, &scope.tenant_id, &text];
    Ok(tx.fetch_optional::<(String,)>(sql, args).await?.map(|(user_id,)| user_id))
}

/// The groups that have a provider's user with an address in the tenant.
pub(super) async fn list_groups_by_email(tx: &mut Tx, scope: &Scope, email: &str) -> Result<Vec<String>> {
    let sql = "select distinct a.primary_or_recipe_user_id from recipe_user_tenants t
        join app_id_to_user_id a on a.app_id = t.app_id and a.user_id = t.recipe_user_id
        where t.app_id = $1 and t.tenant_id = $2 and t.recipe_id = 'thirdparty'
        and t.account_info_type = 'email' and t.account_info_value = $3";
    let rows: Vec<(String,)> = tx.fetch_all(sql, args![&scope.app_id, &scope.tenant_id, email]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Replaces an address in the recipe's own table.
pub(super) async fn update_email(tx: &mut Tx, app_id: &str, user_id: &str, email: &str) -> Result<()> {
    let sql = "update thirdparty_users set email = $3 where app_id = $1 and user_id = $2";
    tx.execute(sql, args![app_id, user_id, email]).await?;
    Ok(())
}

/// Deletes a login method, by the internal id.
pub(super) async fn delete_user(tx: &mut Tx, app_id: &str, user_id: &str) -> portcullis_db::Result<()> {
    let sql = "delete from thirdparty_users where app_id = $1 and user_id = $2";
    tx.execute(sql, args![app_id, user_id]).await.map(drop)
}
