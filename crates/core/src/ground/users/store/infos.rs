//! The statements that change what identifies a user.

use super::{AccountInfo, INFO_COLUMNS};
use crate::ground::users::model::{InfoKind, LoginMethod};
use crate::{Error, Result};
use portcullis_db::{Tx, args};

/// Changes a login method's address or number in every tenant, adds it if there was none, or takes it away;
/// false if somebody else of the recipe has it in one of them. A provider's address is nobody's alone.
pub(crate) async fn update_info(
    tx: &mut Tx,
    app_id: &str,
    method: &LoginMethod,
    kind: InfoKind,
    value: Option<&str>,
) -> Result<bool> {
    let third_party = method.third_party.as_ref().map_or(("", ""), |user| (&user.id, &user.user_id));
    let Some(value) = value else {
        for table in ["recipe_user_tenants", "recipe_user_account_infos"] {
            let sql = format!(
                "delete from {table} where app_id = $1 and recipe_user_id = $2 and account_info_type = $3"
            );
            tx.execute(sql, args![app_id, &method.user_id, kind.name()]).await?;
        }
        return Ok(true);
    };
    for tenant_id in &method.tenant_ids {
        let sql = "select recipe_user_id from recipe_user_tenants where app_id = $1 and tenant_id = $2
            and recipe_id = $3 and account_info_type = $4 and account_info_value = $5
            and third_party_id = $6 and third_party_user_id = $7";
        let args =
            args![app_id, tenant_id, &method.recipe_id, kind.name(), value, third_party.0, third_party.1];
        if tx.fetch_optional::<(String,)>(sql, args).await?.is_some() {
            return Ok(false);
        }
    }
    let info = AccountInfo { kind, value, third_party };
    match write_info(tx, app_id, method, info).await {
        // Taken between the look and the change.
        Err(Error::Db(portcullis_db::Error::Duplicate(_))) => Ok(false),
        outcome => outcome.map(|()| true),
    }
}

async fn write_info(tx: &mut Tx, app_id: &str, method: &LoginMethod, info: AccountInfo<'_>) -> Result<()> {
    let mut is_there = false;
    for table in ["recipe_user_tenants", "recipe_user_account_infos"] {
        let sql = format!(
            "update {table} set account_info_value = $4
             where app_id = $1 and recipe_user_id = $2 and account_info_type = $3"
        );
        let args = args![app_id, &method.user_id, info.kind.name(), info.value];
        is_there |= tx.execute(sql, args).await? > 0;
    }
    if is_there {
        return Ok(());
    }
    let [kind, value, provider, user] = info.columns();
    let (user_id, recipe_id) = (&method.user_id, &method.recipe_id);
    let sql =
        format!("insert into recipe_user_account_infos ({INFO_COLUMNS}) values ($1, $2, $3, $4, $5, $6, $7)");
    tx.execute(sql, args![app_id, user_id, recipe_id, kind, value, provider, user]).await?;
    for tenant_id in &method.tenant_ids {
        let sql = format!(
            "insert into recipe_user_tenants ({INFO_COLUMNS}, tenant_id) values ($1, $2, $3, $4, $5, $6, $7, $8)"
        );
        tx.execute(sql, args![app_id, user_id, recipe_id, kind, value, provider, user, tenant_id]).await?;
    }
    Ok(())
}

/// Marks an address as verified, under the id that callers know.
pub async fn insert_verified_email(tx: &mut Tx, app_id: &str, user_id: &str, email: &str) -> Result<()> {
    let sql = "insert into emailverification_verified_emails (app_id, user_id, email) values ($1, $2, $3)
        on conflict do nothing";
    tx.execute(sql, args![app_id, user_id, email]).await?;
    Ok(())
}
