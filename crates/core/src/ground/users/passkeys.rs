//! The statements on passkeys that users of any recipe need: which login methods have which, and whose one is.

use super::model::WEBAUTHN;
use super::store::Member;
use crate::{Result, Scope};
use portcullis_db::{Tx, Value, args, placeholders};

/// Adds the passkeys of those who have any: for all others nothing is asked.
pub(super) async fn add(tx: &mut Tx, app_id: &str, mut members: Vec<Member>) -> Result<Vec<Member>> {
    let methods = || members.iter().filter_map(|member| member.method.as_ref());
    let ids: Vec<String> = methods()
        .filter(|method| method.recipe_id == WEBAUTHN)
        .map(|method| method.user_id.clone())
        .collect();
    if ids.is_empty() {
        return Ok(members);
    }
    let sql = format!(
        "select user_id, id from webauthn_credentials where app_id = $1 and user_id in ({})
         order by created_at, id",
        placeholders(2, ids.len())
    );
    let args: Vec<Value<'_>> =
        std::iter::once(app_id).chain(ids.iter().map(String::as_str)).map(Value::from).collect();
    let rows: Vec<(String, String)> = tx.fetch_all(sql, &args).await?;
    for method in members.iter_mut().filter_map(|member| member.method.as_mut()) {
        let own = rows.iter().filter(|(user_id, _)| *user_id == method.user_id);
        method.credential_ids = own.map(|(_, id)| id.clone()).collect();
    }
    Ok(members)
}

/// The groups that have a member in the tenant with this passkey: one for each relying party at most.
pub(super) async fn list_groups(tx: &mut Tx, scope: &Scope, id: &str) -> Result<Vec<String>> {
    let sql = "select distinct a.primary_or_recipe_user_id from webauthn_credentials c
        join recipe_user_tenants t on t.app_id = c.app_id and t.recipe_user_id = c.user_id
        join app_id_to_user_id a on a.app_id = c.app_id and a.user_id = c.user_id
        where c.app_id = $1 and t.tenant_id = $2 and c.id = $3";
    let rows: Vec<(String,)> = tx.fetch_all(sql, args![&scope.app_id, &scope.tenant_id, id]).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}
