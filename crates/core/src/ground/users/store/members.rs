//! The statements that tell which login methods a user has, and what is known of each.

use super::{RowColumns, UserRow};
use crate::ground::users::model::{LoginMethod, ThirdParty, WEBAUTHN};
use crate::{Result, Scope};
use portcullis_db::{FromRow, Row, Tx, Value, args, placeholders};

/// A member of a group, and how it signs in; nothing if that was deleted and only the group's name stayed.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) row: UserRow,
    pub(crate) method: Option<LoginMethod>,
}

/// Everything about members of groups: a row for each pair of account info and membership. Verified
/// addresses are kept under the id that callers know.
const MEMBER_COLUMNS: &str = "a.user_id, a.primary_or_recipe_user_id, a.is_linked_or_is_a_primary_user,
    a.recipe_id, a.time_joined, m.external_user_id, i.account_info_type, i.account_info_value,
    i.third_party_id, i.third_party_user_id, t.tenant_id, v.email";
const MEMBER_TABLES: &str = "app_id_to_user_id a
    left join userid_mapping m on m.app_id = a.app_id and m.supertokens_user_id = a.user_id
    left join recipe_user_account_infos i on i.app_id = a.app_id and i.recipe_user_id = a.user_id
    left join recipe_user_tenants t on t.app_id = a.app_id and t.recipe_user_id = a.user_id
    left join emailverification_verified_emails v on v.app_id = a.app_id
        and v.user_id = coalesce(m.external_user_id, cast(a.user_id as text))
        and v.email = i.account_info_value and i.account_info_type = 'email'";

/// The id comes twice because PostgreSQL passes over blanks at the end of a `char(36)`.
fn group_statement() -> String {
    format!(
        "select {MEMBER_COLUMNS} from {MEMBER_TABLES}
         where a.app_id = $1 and a.primary_or_recipe_user_id = (
            select g.primary_or_recipe_user_id from app_id_to_user_id g
            where g.app_id = $1 and g.user_id = coalesce(
                (select k.user_id from app_id_to_user_id k
                    where k.app_id = $1 and k.user_id = $2 and cast(k.user_id as text) = $3),
                (select x.supertokens_user_id from userid_mapping x
                    where x.app_id = $1 and x.external_user_id = $3)))"
    )
}

/// The members, oldest first, of the group of the user with an internal or external id; an internal one wins.
pub(crate) async fn find_members(tx: &mut Tx, app_id: &str, id: &str) -> Result<Vec<Member>> {
    let rows = tx.fetch_all(group_statement(), args![app_id, id, id]).await?;
    add_passkeys(tx, app_id, to_members(rows)).await
}

/// A column of a recipe's own table of login methods.
#[derive(Clone, Copy, Debug)]
pub struct OwnColumn {
    /// The recipe.
    pub recipe_id: &'static str,
    /// Its table, which has columns `app_id` and `user_id`.
    pub table: &'static str,
    /// The column, a text.
    pub column: &'static str,
}

/// The members, oldest first, of the group of the tenant's login method with an address, together with that method's
/// internal id and a column of its recipe's. Nothing if there is none.
pub(crate) async fn find_members_by_email(
    tx: &mut Tx,
    scope: &Scope,
    own: OwnColumn,
    email: &str,
) -> Result<Option<(Vec<Member>, String, String)>> {
    let OwnColumn { recipe_id, table, column } = own;
    let sql = format!(
        "select {MEMBER_COLUMNS}, own.{column} from {MEMBER_TABLES}
         left join {table} own on own.app_id = a.app_id and own.user_id = a.user_id
         where a.app_id = $1 and a.primary_or_recipe_user_id = (
            select g.primary_or_recipe_user_id from app_id_to_user_id g
            where g.app_id = $1 and g.user_id = (
                select u.recipe_user_id from recipe_user_tenants u
                where u.app_id = $1 and u.tenant_id = $2 and u.recipe_id = $3 and u.account_info_type = 'email'
                    and u.third_party_id = '' and u.third_party_user_id = '' and u.account_info_value = $4))"
    );
    let args = args![&scope.app_id, &scope.tenant_id, recipe_id, email];
    let rows: Vec<OwnedRow> = tx.fetch_all(sql, args).await?;
    let is_it = |MemberRow(row, detail): &MemberRow| {
        row.recipe_id == recipe_id
            && detail.tenant_id.as_ref() == Some(&scope.tenant_id)
            && detail.info.as_ref().is_some_and(|(kind, value, ..)| kind == "email" && value == email)
    };
    let it = rows.iter().find(|OwnedRow(row, _)| is_it(row));
    let Some((id, value)) = it.and_then(|OwnedRow(row, own)| Some((row.0.user_id.clone(), own.clone()?)))
    else {
        return Ok(None);
    };
    let members = to_members(rows.into_iter().map(|OwnedRow(row, _)| row).collect());
    Ok(Some((add_passkeys(tx, &scope.app_id, members).await?, id, value)))
}

/// The members, oldest first, of the groups with these ids.
pub(crate) async fn list_members(tx: &mut Tx, app_id: &str, primary_ids: &[String]) -> Result<Vec<Member>> {
    let sql = members_statement(primary_ids.len());
    let ids = primary_ids.iter().map(String::as_str);
    let args: Vec<Value<'_>> = std::iter::once(app_id).chain(ids).map(Value::from).collect();
    let rows = tx.fetch_all(sql, &args).await?;
    add_passkeys(tx, app_id, to_members(rows)).await
}

pub(super) fn members_statement(groups: usize) -> String {
    let list = placeholders(2, groups);
    format!(
        "select {MEMBER_COLUMNS} from {MEMBER_TABLES}
         where a.app_id = $1 and a.primary_or_recipe_user_id in ({list})"
    )
}

/// Adds the passkeys of those who have any: for all others nothing is asked.
pub(crate) async fn add_passkeys(tx: &mut Tx, app_id: &str, mut members: Vec<Member>) -> Result<Vec<Member>> {
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

/// What there is about a login method beside [`UserRow`]: account info, membership, verified address.
struct Detail {
    info: Option<(String, String, String, String)>,
    tenant_id: Option<String>,
    verified_email: Option<String>,
}

struct MemberRow(UserRow, Detail);

impl FromRow for MemberRow {
    fn from_row(row: &Row<'_>) -> portcullis_db::Result<Self> {
        let kind: Option<String> = row.get(6)?;
        let info = match kind {
            Some(kind) => Some((kind, row.get(7)?, row.get(8)?, row.get(9)?)),
            None => None,
        };
        let detail = Detail { info, tenant_id: row.get(10)?, verified_email: row.get(11)? };
        Ok(Self(RowColumns::from_row(row)?.into(), detail))
    }
}

/// With a column of a recipe's.
struct OwnedRow(MemberRow, Option<String>);

impl FromRow for OwnedRow {
    fn from_row(row: &Row<'_>) -> portcullis_db::Result<Self> {
        Ok(Self(MemberRow::from_row(row)?, row.get(12)?))
    }
}

fn to_members(mut rows: Vec<MemberRow>) -> Vec<Member> {
    rows.sort_by(|MemberRow(left, _), MemberRow(right, _)| {
        (left.time_joined, &left.user_id).cmp(&(right.time_joined, &right.user_id))
    });
    let mut members: Vec<Member> = Vec::new();
    for MemberRow(row, detail) in rows {
        let is_known = members.last().is_some_and(|last| last.row.user_id == row.user_id);
        if !is_known {
            members.push(Member { row, method: None });
        }
        if let Some(member) = members.last_mut() {
            member.add(detail);
        }
    }
    for method in members.iter_mut().filter_map(|member| member.method.as_mut()) {
        method.tenant_ids.sort_unstable();
        method.verified |= method.email.is_none() && method.recipe_id == "passwordless";
    }
    members
}

impl Member {
    fn add(&mut self, detail: Detail) {
        let Some((kind, value, third_party_id, third_party_user_id)) = detail.info else { return };
        let method = self.method.get_or_insert_with(|| {
            let UserRow { recipe_id, user_id, time_joined, .. } = &self.row;
            let external_user_id = self.row.external_id.clone();
            LoginMethod { external_user_id, ..LoginMethod::new(recipe_id, user_id, *time_joined) }
        });
        match kind.as_str() {
            "email" => {
                // Only the address that a provider tells has them.
                if !third_party_id.is_empty() {
                    method.third_party =
                        Some(ThirdParty { id: third_party_id, user_id: third_party_user_id });
                }
                method.email = Some(value);
                method.verified = detail.verified_email.is_some();
            }
            "phone" => method.phone_number = Some(value),
            // The same as the two columns beside the address.
            _ => {}
        }
        method.tenant_ids.extend(detail.tenant_id.filter(|id| !method.tenant_ids.contains(id)));
    }
}
