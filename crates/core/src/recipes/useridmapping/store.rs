//! The statements on mappings.

use super::model::Mapping;
use crate::Result;
use portcullis_db::{Tx, args};

type Columns = (String, String, Option<String>);

fn to_mapping((user_id, external_id, info): Columns) -> Mapping {
    Mapping { user_id, external_id, info }
}

/// The mapping of a user.
pub(super) async fn find_by_internal(tx: &mut Tx, app_id: &str, user_id: &str) -> Result<Option<Mapping>> {
    let sql = "select supertokens_user_id, external_user_id, external_user_id_info from userid_mapping
        where app_id = $1 and supertokens_user_id = $2";
    let row: Option<Columns> = tx.fetch_optional(sql, args![app_id, user_id]).await?;
    Ok(row.map(to_mapping))
}

/// The mapping to an external id.
pub(super) async fn find_by_external(
    tx: &mut Tx,
    app_id: &str,
    external_id: &str,
) -> Result<Option<Mapping>> {
    let sql = "select supertokens_user_id, external_user_id, external_user_id_info from userid_mapping
        where app_id = $1 and external_user_id = $2";
    let row: Option<Columns> = tx.fetch_optional(sql, args![app_id, external_id]).await?;
    Ok(row.map(to_mapping))
}

/// Adds a mapping; false if one of the ids has one.
pub(super) async fn insert(tx: &mut Tx, app_id: &str, new: &Mapping) -> Result<bool> {
    let sql =
        "insert into userid_mapping (app_id, supertokens_user_id, external_user_id, external_user_id_info)
        values ($1, $2, $3, $4) on conflict do nothing";
    Ok(tx.execute(sql, args![app_id, &new.user_id, &new.external_id, &new.info]).await? > 0)
}

/// Deletes a mapping; whether it was there.
pub(super) async fn delete(tx: &mut Tx, app_id: &str, mapping: &Mapping) -> Result<bool> {
    let sql = "delete from userid_mapping
        where app_id = $1 and supertokens_user_id = $2 and external_user_id = $3";
    Ok(tx.execute(sql, args![app_id, &mapping.user_id, &mapping.external_id]).await? > 0)
}

/// Replaces what is remembered about an external id; false if it is gone.
pub(super) async fn update_info(
    tx: &mut Tx,
    app_id: &str,
    mapping: &Mapping,
    info: Option<&str>,
) -> Result<bool> {
    let sql = "update userid_mapping set external_user_id_info = $4
        where app_id = $1 and supertokens_user_id = $2 and external_user_id = $3";
    Ok(tx.execute(sql, args![app_id, &mapping.user_id, &mapping.external_id, info]).await? > 0)
}
