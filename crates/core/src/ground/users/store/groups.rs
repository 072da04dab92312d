//! The statements on groups of linked users, on what is reserved for them, and on their tenants.

use crate::ground::users::model::InfoKind;
use crate::{Result, Scope};
use portcullis_db::{Tx, Value, args};

/// An address, a number or a provider's user that is reserved for another primary user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conflict {
    /// What it is.
    pub kind: InfoKind,
    /// The other primary user's internal id.
    pub primary_id: String,
}

/// Puts a user into a group, or makes it one by itself.
pub(crate) async fn set_group(
    tx: &mut Tx,
    app_id: &str,
    user_id: &str,
    (primary_id, is_linked): (&str, bool),
) -> Result<()> {
    let sql =
        "update app_id_to_user_id set primary_or_recipe_user_id = $3, is_linked_or_is_a_primary_user = $4
        where app_id = $1 and user_id = $2";
    tx.execute(sql, args![app_id, user_id, primary_id, is_linked]).await?;
    let sql =
        "update recipe_user_account_infos set primary_user_id = $3 where app_id = $1 and recipe_user_id = $2";
    let primary_id = is_linked.then_some(primary_id);
    tx.execute(sql, args![app_id, user_id, primary_id]).await?;
    Ok(())
}

/// A group joined when the oldest of its login methods did.
pub(crate) async fn update_time_joined(tx: &mut Tx, app_id: &str, primary_id: &str) -> Result<()> {
    let sql = "update app_id_to_user_id set primary_or_recipe_user_time_joined = (
            select min(m.time_joined) from app_id_to_user_id m
            where m.app_id = $1 and m.primary_or_recipe_user_id = $2 and exists (
                select 1 from recipe_user_account_infos i where i.app_id = $1 and i.recipe_user_id = m.user_id))
        where app_id = $1 and primary_or_recipe_user_id = $2";
    tx.execute(sql, args![app_id, primary_id]).await?;
    Ok(())
}

/// The members of the groups `$2` and `$3` of the app `$1`, what they have (`own`), and `theirs`: their tenants, or
/// the one of a statement about one tenant. One after the other, since PostgreSQL, which takes a young table to be as
/// good as empty, would go through all users again for each of them.
fn with_members<'a>(
    app_id: &'a str,
    (group, other): (&'a str, &'a str),
    tenant_id: Option<&'a str>,
) -> (String, Vec<Value<'a>>) {
    let mut args = args![app_id, group, other].to_vec();
    args.extend(tenant_id.map(Value::from));
    let theirs = if tenant_id.is_some() {
        "select cast($4 as varchar(64)) as tenant_id"
    } else {
        "select distinct t.tenant_id from members m cross join recipe_user_tenants t
         where t.app_id = $1 and t.recipe_user_id = m.user_id"
    };
    let sql = format!(
        "with members as materialized (
            select m.user_id from app_id_to_user_id m
            where m.app_id = $1 and m.primary_or_recipe_user_id in ($2, $3)),
         own as materialized (
            select distinct i.account_info_type, i.account_info_value
            from members m cross join recipe_user_account_infos i
            where i.app_id = $1 and i.recipe_user_id = m.user_id),
         theirs as materialized ({theirs})"
    );
    (sql, args)
}

/// Something that members of two groups (or of one, named twice) have and that is reserved for a third, in one of
/// the tenants of the two: an address before a number before a provider's user.
pub(crate) async fn find_conflict(
    tx: &mut Tx,
    app_id: &str,
    groups: (&str, &str),
) -> Result<Option<Conflict>> {
    let (members, args) = with_members(app_id, groups, None);
    let sql = format!(
        "{members} select p.account_info_type, p.primary_user_id from own
         join primary_user_tenants p on p.app_id = $1 and p.account_info_type = own.account_info_type
            and p.account_info_value = own.account_info_value
         where p.primary_user_id not in ($2, $3) and p.tenant_id in (select tenant_id from theirs)
         order by p.account_info_type, p.tenant_id, p.account_info_value"
    );
    let found: Vec<(String, String)> = tx.fetch_all(sql, &args).await?;
    let first = found.into_iter().next();
    Ok(first.map(|(kind, primary_id)| Conflict { kind: InfoKind::parse(&kind), primary_id }))
}

/// Reserves for a group what its members have, in one tenant or in all of theirs; tells what is reserved for another
/// one, an address before a number before a provider's user. In one order always, so that two groups cannot wait for
/// each other; the arguments are cast to the columns' types, or else PostgreSQL would compare texts and use no index.
pub(crate) async fn reserve(
    tx: &mut Tx,
    app_id: &str,
    primary_id: &str,
    tenant_id: Option<&str>,
) -> Result<Option<Conflict>> {
    let (members, args) = with_members(app_id, (primary_id, primary_id), tenant_id);
    let sql = format!(
        "{members}
         insert into primary_user_tenants (app_id, tenant_id, account_info_type, account_info_value, primary_user_id)
         select cast($1 as varchar(64)), theirs.tenant_id, own.account_info_type,
            own.account_info_value, cast($2 as char(36))
         from own cross join theirs
         where true order by 2, 3, 4
         on conflict do nothing"
    );
    tx.execute(sql, &args).await?;
    let sql = format!(
        "{members} select own.account_info_type, p.primary_user_id
         from own cross join theirs
         left join primary_user_tenants p on p.app_id = $1 and p.tenant_id = theirs.tenant_id
            and p.account_info_type = own.account_info_type and p.account_info_value = own.account_info_value
         where p.primary_user_id is null or p.primary_user_id <> $2
         order by own.account_info_type, theirs.tenant_id, own.account_info_value"
    );
    let others: Vec<(String, Option<String>)> = tx.fetch_all(sql, &args).await?;
    match others.into_iter().next() {
        None => Ok(None),
        Some((kind, Some(primary_id))) => Ok(Some(Conflict { kind: InfoKind::parse(&kind), primary_id })),
        // It was another one's, who has given it up since: the whole call is tried again.
        Some((_, None)) => Err(portcullis_db::Error::Busy.into()),
    }
}

/// Gives up what is reserved for a group and no member has any more, or where no member is any more.
pub(crate) async fn release(tx: &mut Tx, app_id: &str, primary_id: &str) -> Result<()> {
    let (members, args) = with_members(app_id, (primary_id, primary_id), None);
    let sql = format!(
        "{members} delete from primary_user_tenants where app_id = $1 and primary_user_id = $2
         and (tenant_id not in (select tenant_id from theirs) or not exists (
            select 1 from own where own.account_info_type = primary_user_tenants.account_info_type
            and own.account_info_value = primary_user_tenants.account_info_value))"
    );
    tx.execute(sql, &args).await?;
    Ok(())
}

/// Gives up everything that is reserved for a primary user.
pub(crate) async fn delete_reservations(tx: &mut Tx, app_id: &str, primary_id: &str) -> Result<()> {
    let sql = "delete from primary_user_tenants where app_id = $1 and primary_user_id = $2";
    tx.execute(sql, args![app_id, primary_id]).await?;
    Ok(())
}

/// Makes a user a member of a tenant, as far as what identifies it is free there; what was free.
pub(crate) async fn insert_memberships(tx: &mut Tx, scope: &Scope, user_id: &str) -> Result<Vec<InfoKind>> {
    let columns = "app_id, recipe_user_id, recipe_id, account_info_type, account_info_value, third_party_id,
        third_party_user_id";
    let sql = format!(
        "insert into recipe_user_tenants ({columns}, tenant_id)
         select {columns}, cast($3 as varchar(64)) from recipe_user_account_infos
         where app_id = $1 and recipe_user_id = $2 order by account_info_type
         on conflict do nothing returning account_info_type"
    );
    let rows: Vec<(String,)> = tx.fetch_all(sql, args![&scope.app_id, user_id, &scope.tenant_id]).await?;
    Ok(rows.iter().map(|(kind,)| InfoKind::parse(kind)).collect())
}

/// Takes a user out of a tenant; whether it was a member.
pub(crate) async fn delete_memberships(tx: &mut Tx, scope: &Scope, user_id: &str) -> Result<bool> {
    let sql = "delete from recipe_user_tenants where app_id = $1 and tenant_id = $2 and recipe_user_id = $3";
    Ok(tx.execute(sql, args![&scope.app_id, &scope.tenant_id, user_id]).await? > 0)
}
