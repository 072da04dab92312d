//! The statements on passwordless users, devices and codes.

use super::model::{Code, Contact, Device, Which};
use crate::crypto::digest::Secret;
use crate::ground::users::service::OwnRow;
use crate::{Result, Scope};
use portcullis_db::{FromRow, Row, Tx, args};

/// The recipe's part of a new user.
pub(super) fn row(contact: &Contact, now: i64) -> OwnRow<'_> {
    imported_row(contact.email(), contact.phone_number(), now)
}

/// The row of a user who is brought along with an address, a number or both.
pub(in crate::recipes) fn imported_row<'a>(
    email: Option<&'a str>,
    phone_number: Option<&'a str>,
    time_joined: i64,
) -> OwnRow<'a> {
    let columns = &["email", "phone_number", "time_joined"];
    OwnRow::new("passwordless_users", columns, vec![email.into(), phone_number.into(), time_joined.into()])
}

/// The tenant's user with an address or number, by internal id.
pub(super) async fn find_user(tx: &mut Tx, scope: &Scope, contact: &Contact) -> Result<Option<String>> {
    let sql = "select recipe_user_id from recipe_user_tenants where app_id = $1 and tenant_id = $2
        and recipe_id = 'passwordless' and account_info_type = $3
        and third_party_id = '' and third_party_user_id = '' and account_info_value = $4";
    let args = args![&scope.app_id, &scope.tenant_id, contact.kind().name(), contact.value()];
    Ok(tx.fetch_optional(sql, args).await?.map(|(id,): (String,)| id))
}

/// Replaces address and number in the recipe's own table.
pub(super) async fn update_contacts(
    tx: &mut Tx,
    app_id: &str,
    user_id: &str,
    email: Option<&str>,
    phone_number: Option<&str>,
) -> Result<()> {
    let sql =
        "update passwordless_users set email = $3, phone_number = $4 where app_id = $1 and user_id = $2";
    tx.execute(sql, args![app_id, user_id, email, phone_number]).await?;
    Ok(())
}

/// Keeps a device.
pub(super) async fn insert_device(tx: &mut Tx, scope: &Scope, device: &Device) -> Result<()> {
    let sql = "insert into passwordless_devices (app_id, tenant_id, device_id_hash, email, phone_number,
        link_code_salt, failed_attempts) values ($1, $2, $3, $4, $5, $6, 0)";
    let Device { hash, contact, link_code_salt, .. } = device;
    let (email, number, salt) = (contact.email(), contact.phone_number(), link_code_salt.reveal());
    tx.execute(sql, args![&scope.app_id, &scope.tenant_id, hash, email, number, salt]).await?;
    Ok(())
}

impl FromRow for Device {
    fn from_row(row: &Row<'_>) -> portcullis_db::Result<Self> {
        let salt: String = row.get(3)?;
        Ok(Self {
            hash: row.get(0)?,
            contact: Contact::of_row(row.get(1)?, row.get(2)?),
            link_code_salt: Secret::new(salt),
            failed_attempts: row.get(4)?,
        })
    }
}

/// In one order, so that nobody who locks them waits for each other.
fn devices_statement(which: &Which) -> String {
    let (column, _) = column(which);
    format!(
        "select device_id_hash, email, phone_number, link_code_salt, cast(failed_attempts as bigint)
         from passwordless_devices where app_id = $1 and tenant_id = $2 and {column} = $3
         order by device_id_hash"
    )
}

fn column(which: &Which) -> (&'static str, &str) {
    match which {
        Which::Hash(hash) => ("device_id_hash", hash),
        Which::Of(Contact::Email(email)) => ("email", email),
        Which::Of(Contact::Phone(number)) => ("phone_number", number),
    }
}

/// The tenant's devices.
pub(super) async fn list_devices(tx: &mut Tx, scope: &Scope, which: &Which) -> Result<Vec<Device>> {
    let args = args![&scope.app_id, &scope.tenant_id, column(which).1];
    Ok(tx.fetch_all(devices_statement(which), args).await?)
}

/// As [`list_devices`], locked until the unit of work ends.
pub(super) async fn lock_devices(tx: &mut Tx, scope: &Scope, which: &Which) -> Result<Vec<Device>> {
    let args = args![&scope.app_id, &scope.tenant_id, column(which).1];
    Ok(tx.fetch_all_for_update(devices_statement(which), args).await?)
}

/// Deletes the tenant's devices, and with them their codes.
pub(super) async fn delete_devices(tx: &mut Tx, scope: &Scope, which: &Which) -> portcullis_db::Result<()> {
    let (column, value) = column(which);
    let sql =
        format!("delete from passwordless_devices where app_id = $1 and tenant_id = $2 and {column} = $3");
    tx.execute(sql, args![&scope.app_id, &scope.tenant_id, value]).await.map(drop)
}

/// Counts one more failed attempt.
pub(super) async fn count_failure(tx: &mut Tx, scope: &Scope, device_hash: &str) -> Result<()> {
    let sql = "update passwordless_devices set failed_attempts = failed_attempts + 1
        where app_id = $1 and tenant_id = $2 and device_id_hash = $3";
    tx.execute(sql, args![&scope.app_id, &scope.tenant_id, device_hash]).await?;
    Ok(())
}

/// Keeps a code's hash; false if the tenant has it already.
pub(super) async fn insert_code(tx: &mut Tx, scope: &Scope, code: &Code, link_hash: &str) -> Result<bool> {
    let sql = "insert into passwordless_codes (app_id, tenant_id, code_id, device_id_hash, link_code_hash,
        created_at) values ($1, $2, $3, $4, $5, $6) on conflict do nothing";
    let Code { id, device_hash, created_at } = code;
    let args = args![&scope.app_id, &scope.tenant_id, id, device_hash, link_hash, *created_at];
    Ok(tx.execute(sql, args).await? > 0)
}

impl FromRow for Code {
    fn from_row(row: &Row<'_>) -> portcullis_db::Result<Self> {
        Ok(Self { id: row.get(0)?, device_hash: row.get(1)?, created_at: row.get(2)? })
    }
}

/// The code with a hash of its link.
pub(super) async fn find_code(tx: &mut Tx, scope: &Scope, link_hash: &str) -> Result<Option<Code>> {
    let sql = "select code_id, device_id_hash, created_at from passwordless_codes
        where app_id = $1 and tenant_id = $2 and link_code_hash = $3";
    Ok(tx.fetch_optional(sql, args![&scope.app_id, &scope.tenant_id, link_hash]).await?)
}

/// The codes of devices, oldest first.
pub(super) async fn list_codes(tx: &mut Tx, scope: &Scope, which: &Which) -> Result<Vec<Code>> {
    let (column, value) = column(which);
    let sql = format!(
        "select c.code_id, c.device_id_hash, c.created_at from passwordless_devices d
         join passwordless_codes c on c.app_id = d.app_id and c.tenant_id = d.tenant_id
            and c.device_id_hash = d.device_id_hash
         where d.app_id = $1 and d.tenant_id = $2 and d.{column} = $3 order by c.created_at, c.code_id"
    );
    Ok(tx.fetch_all(sql, args![&scope.app_id, &scope.tenant_id, value]).await?)
}

/// The hash of the device that has a code.
pub(super) async fn find_device_of_code(tx: &mut Tx, scope: &Scope, code_id: &str) -> Result<Option<String>> {
    let sql = "select device_id_hash from passwordless_codes
        where app_id = $1 and tenant_id = $2 and code_id = $3";
    let args = args![&scope.app_id, &scope.tenant_id, code_id];
    Ok(tx.fetch_optional(sql, args).await?.map(|(hash,): (String,)| hash))
}

/// Deletes a code.
pub(super) async fn delete_code(tx: &mut Tx, scope: &Scope, code_id: &str) -> Result<()> {
    let sql = "delete from passwordless_codes where app_id = $1 and tenant_id = $2 and code_id = $3";
    tx.execute(sql, args![&scope.app_id, &scope.tenant_id, code_id]).await?;
    Ok(())
}

/// Deletes a user's row, and the devices of the user's address and number where the user is a member.
pub(super) async fn delete_user(tx: &mut Tx, app_id: &str, user_id: &str) -> portcullis_db::Result<()> {
    let sql = "select tenant_id, account_info_type, account_info_value from recipe_user_tenants
        where app_id = $1 and recipe_user_id = $2 and recipe_id = 'passwordless'";
    let rows: Vec<(String, String, String)> = tx.fetch_all(sql, args![app_id, user_id]).await?;
    for (tenant_id, kind, value) in rows {
        let contact = if kind == "email" { Contact::Email(value) } else { Contact::Phone(value) };
        delete_devices(tx, &Scope::new("", app_id, &tenant_id), &Which::Of(contact)).await?;
    }
    let sql = "delete from passwordless_users where app_id = $1 and user_id = $2";
    tx.execute(sql, args![app_id, user_id]).await.map(drop)
}

/// The apps and tenants that have codes.
pub(super) async fn list_tenants(tx: &mut Tx) -> Result<Vec<(String, String)>> {
    Ok(tx.fetch_all("select distinct app_id, tenant_id from passwordless_codes", &[]).await?)
}

/// Deletes the tenant's devices that have codes, but none made at `oldest`, in milliseconds, or later. Beside
/// a code that works, those that have expired stay: they are told from wrong ones.
pub(super) async fn delete_expired(tx: &mut Tx, scope: &Scope, oldest: i64) -> Result<()> {
    let condition = "app_id = $1 and tenant_id = $2 and device_id_hash in (
            select c.device_id_hash from passwordless_codes c
            where c.app_id = $1 and c.tenant_id = $2 and c.created_at < $3)
        and not exists (select 1 from passwordless_codes c where c.app_id = $1 and c.tenant_id = $2
            and c.device_id_hash = passwordless_devices.device_id_hash and c.created_at >= $3)";
    let args = args![&scope.app_id, &scope.tenant_id, oldest];
    // No device that is locked gets a further code: the condition still holds when it is deleted.
    let sql =
        format!("select device_id_hash from passwordless_devices where {condition} order by device_id_hash");
    let found: Vec<(String,)> = tx.fetch_all_for_update(sql, args).await?;
    if !found.is_empty() {
        tx.execute(format!("delete from passwordless_devices where {condition}"), args).await?;
    }
    Ok(())
}
