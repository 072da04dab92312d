//! The statements on internal and external ids: whose one is, and that it stays so.

use super::{RowColumns, UserRow};
use crate::Result;
use portcullis_db::{Tx, Value, args, placeholders};

/// The user with an internal or external id; an internal one wins.
pub async fn find_row(tx: &mut Tx, app_id: &str, id: &str) -> Result<Option<UserRow>> {
    let sql = "select a.user_id, a.primary_or_recipe_user_id, a.is_linked_or_is_a_primary_user, a.recipe_id,
        a.time_joined, m.external_user_id
        from app_id_to_user_id a
        left join userid_mapping m on m.app_id = a.app_id and m.supertokens_user_id = a.user_id
        where a.app_id = $1 and a.user_id = $2";
    // PostgreSQL passes over blanks at the end of a `char(36)`: such an id is another one.
    let known = tx.fetch_optional::<RowColumns>(sql, args![app_id, id]).await?.map(UserRow::from);
    if let Some(row) = known.filter(|row| row.user_id == id) {
        return Ok(Some(row));
    }
    let sql = "select a.user_id, a.primary_or_recipe_user_id, a.is_linked_or_is_a_primary_user, a.recipe_id,
        a.time_joined, m.external_user_id
        from userid_mapping m
        join app_id_to_user_id a on a.app_id = m.app_id and a.user_id = m.supertokens_user_id
        where m.app_id = $1 and m.external_user_id = $2";
    Ok(tx.fetch_optional::<RowColumns>(sql, args![app_id, id]).await?.map(Into::into))
}

/// Those of some internal ids that are users'.
pub async fn list_known(tx: &mut Tx, app_id: &str, ids: &[&str]) -> Result<Vec<String>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let list = placeholders(2, ids.len());
    let sql = format!("select user_id from app_id_to_user_id where app_id = $1 and user_id in ({list})");
    let args: Vec<Value<'_>> = std::iter::once(app_id).chain(ids.iter().copied()).map(Value::from).collect();
    let rows: Vec<(String,)> = tx.fetch_all(sql, &args).await?;
    Ok(rows.into_iter().map(|(id,)| id).collect())
}

/// Locks a login method's row until the unit of work ends; whose it is, and whether that is a primary user. `None` if
/// there is no such row.
pub async fn lock_row(tx: &mut Tx, app_id: &str, user_id: &str) -> Result<Option<(String, bool)>> {
    let sql = "select primary_or_recipe_user_id, is_linked_or_is_a_primary_user from app_id_to_user_id
        where app_id = $1 and user_id = $2";
    Ok(tx.fetch_optional_for_update(sql, args![app_id, user_id]).await?)
}

/// Locks the rows of all login methods of a user until the unit of work ends.
pub(crate) async fn lock_members(tx: &mut Tx, app_id: &str, primary_id: &str) -> Result<()> {
    let sql = "select user_id from app_id_to_user_id
        where app_id = $1 and primary_or_recipe_user_id = $2 order by user_id";
    tx.fetch_all_for_update::<(String,)>(sql, args![app_id, primary_id]).await?;
    Ok(())
}

/// Whether an id is the internal or the external one of somebody else than the given users.
pub(crate) async fn is_id_of_another(tx: &mut Tx, app_id: &str, id: &str, user_ids: &[&str]) -> Result<bool> {
    let others = placeholders(4, user_ids.len());
    // The id comes twice because an argument has but one type.
    let sql = format!(
        "select user_id from app_id_to_user_id where app_id = $1 and user_id = $2 and user_id not in ({others})
         union all select supertokens_user_id from userid_mapping
         where app_id = $1 and external_user_id = $3 and supertokens_user_id not in ({others})"
    );
    let mut args = args![app_id, id, id].to_vec();
    args.extend(user_ids.iter().copied().map(Value::from));
    Ok(tx.fetch_optional::<(String,)>(sql, &args).await?.is_some())
}
