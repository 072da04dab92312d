//! The statements on devices and used codes.

use super::model::{Device, UsedCode};
use crate::{Result, Scope};
use portcullis_db::{FromRow, Row, Tx, Value, args, placeholders};

/// Makes room for a user's devices, if there is none.
pub(super) async fn insert_user(tx: &mut Tx, app_id: &str, user_id: &str) -> Result<()> {
    let sql = "insert into totp_users (app_id, user_id) values ($1, $2) on conflict do nothing";
    tx.execute(sql, args![app_id, user_id]).await?;
    Ok(())
}

/// Locks a user's devices and codes until the unit of work ends; whether there are any.
pub(super) async fn lock_user(tx: &mut Tx, app_id: &str, user_id: &str) -> Result<bool> {
    let sql = "select user_id from totp_users where app_id = $1 and user_id = $2";
    Ok(tx.fetch_optional_for_update::<(String,)>(sql, args![app_id, user_id]).await?.is_some())
}

/// Whether a user has devices.
pub(super) async fn has_user(tx: &mut Tx, app_id: &str, user_id: &str) -> portcullis_db::Result<bool> {
    let sql = "select user_id from totp_user_devices where app_id = $1 and user_id = $2 limit 1";
    Ok(tx.fetch_optional::<(String,)>(sql, args![app_id, user_id]).await?.is_some())
}

/// Deletes a user's devices and codes.
pub(super) async fn delete_user(tx: &mut Tx, app_id: &str, user_id: &str) -> Result<()> {
    Ok(forget_user(tx, app_id, user_id).await?)
}

/// As [`delete_user`], when the user is deleted.
pub(super) async fn forget_user(tx: &mut Tx, app_id: &str, user_id: &str) -> portcullis_db::Result<()> {
    let sql = "delete from totp_users where app_id = $1 and user_id = $2";
    tx.execute(sql, args![app_id, user_id]).await.map(drop)
}

impl FromRow for Device {
    fn from_row(row: &Row<'_>) -> portcullis_db::Result<Self> {
        Ok(Self {
            name: row.get(0)?,
            secret: row.get(1)?,
            period: row.get(2)?,
            skew: row.get(3)?,
            verified: row.get(4)?,
        })
    }
}

/// A user's devices, oldest first.
pub(super) async fn list_devices(tx: &mut Tx, app_id: &str, user_id: &str) -> Result<Vec<Device>> {
    let sql = "select device_name, secret_key, cast(period as bigint), cast(skew as bigint), verified
        from totp_user_devices where app_id = $1 and user_id = $2
        order by coalesce(created_at, 0), device_name";
    Ok(tx.fetch_all(sql, args![app_id, user_id]).await?)
}

/// The devices of several users, with their owners, each one's in the order of [`list_devices`].
pub(in crate::recipes) async fn list_devices_of(
    tx: &mut Tx,
    app_id: &str,
    user_ids: &[String],
) -> Result<Vec<(Device, String)>> {
    let sql = format!(
        "select device_name, secret_key, cast(period as bigint), cast(skew as bigint), verified, user_id
         from totp_user_devices where app_id = $1 and user_id in ({})
         order by coalesce(created_at, 0), device_name",
        placeholders(2, user_ids.len())
    );
    let args: Vec<Value<'_>> =
        std::iter::once(Value::from(app_id)).chain(user_ids.iter().map(Value::from)).collect();
    let rows: Vec<Owned> = tx.fetch_all(sql, &args).await?;
    Ok(rows.into_iter().map(|Owned(device, owner)| (device, owner)).collect())
}

/// A device with its owner.
struct Owned(Device, String);

impl FromRow for Owned {
    fn from_row(row: &Row<'_>) -> portcullis_db::Result<Self> {
        Ok(Self(Device::from_row(row)?, row.get(5)?))
    }
}

/// Adds a device.
pub(super) async fn insert_device(
    tx: &mut Tx,
    app_id: &str,
    user_id: &str,
    device: &Device,
    now: i64,
) -> Result<()> {
    let Device { name, secret, period, skew, verified } = device;
    let sql = "insert into totp_user_devices (app_id, user_id, device_name, secret_key, period, skew,
        verified, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8)";
    tx.execute(sql, args![app_id, user_id, name, secret, *period, *skew, *verified, now]).await?;
    Ok(())
}

/// Deletes a device; whether it was there.
pub(super) async fn delete_device(tx: &mut Tx, app_id: &str, user_id: &str, name: &str) -> Result<bool> {
    let sql = "delete from totp_user_devices where app_id = $1 and user_id = $2 and device_name = $3";
    Ok(tx.execute(sql, args![app_id, user_id, name]).await? > 0)
}

/// Gives a device another name, which no other one has.
pub(super) async fn rename_device(
    tx: &mut Tx,
    app_id: &str,
    user_id: &str,
    (from, to): (&str, &str),
) -> Result<()> {
    let sql = "update totp_user_devices set device_name = $4
        where app_id = $1 and user_id = $2 and device_name = $3";
    tx.execute(sql, args![app_id, user_id, from, to]).await?;
    Ok(())
}

/// Marks a device as verified.
pub(super) async fn verify_device(tx: &mut Tx, app_id: &str, user_id: &str, name: &str) -> Result<()> {
    let sql = "update totp_user_devices set verified = true
        where app_id = $1 and user_id = $2 and device_name = $3";
    tx.execute(sql, args![app_id, user_id, name]).await?;
    Ok(())
}

/// Those of some users who have devices, and whether one of them is verified.
pub(super) async fn list_statuses(
    tx: &mut Tx,
    app_id: &str,
    user_ids: &[String],
) -> Result<Vec<(String, bool)>> {
    let sql = format!(
        "select user_id, cast(max(case when verified then 1 else 0 end) as bigint) from totp_user_devices
         where app_id = $1 and user_id in ({}) group by user_id",
        placeholders(2, user_ids.len())
    );
    let args: Vec<Value<'_>> =
        std::iter::once(Value::from(app_id)).chain(user_ids.iter().map(Value::from)).collect();
    let rows: Vec<(String, i64)> = tx.fetch_all(sql, &args).await?;
    Ok(rows.into_iter().map(|(user_id, verified)| (user_id, verified > 0)).collect())
}

/// The codes that a user has shown in the tenant, newest first.
pub(super) async fn list_codes(tx: &mut Tx, scope: &Scope, user_id: &str) -> Result<Vec<UsedCode>> {
    let sql = "select code, is_valid, expiry_time_ms, created_time_ms from totp_used_codes
        where app_id = $1 and tenant_id = $2 and user_id = $3 order by created_time_ms desc";
    let rows: Vec<(String, bool, i64, i64)> =
        tx.fetch_all(sql, args![&scope.app_id, &scope.tenant_id, user_id]).await?;
    let used = |(code, is_valid, expires_at, created_at)| UsedCode { code, is_valid, expires_at, created_at };
    Ok(rows.into_iter().map(used).collect())
}

/// Keeps a code.
pub(super) async fn insert_code(tx: &mut Tx, scope: &Scope, user_id: &str, used: &UsedCode) -> Result<()> {
    let sql = "insert into totp_used_codes (app_id, tenant_id, user_id, code, is_valid, expiry_time_ms,
        created_time_ms) values ($1, $2, $3, $4, $5, $6, $7)";
    let UsedCode { code, is_valid, expires_at, created_at } = used;
    let args = args![&scope.app_id, &scope.tenant_id, user_id, code, *is_valid, *expires_at, *created_at];
    tx.execute(sql, args).await?;
    Ok(())
}

/// The apps and tenants in which codes have expired.
pub(super) async fn list_tenants_with_expired(tx: &mut Tx, now: i64) -> Result<Vec<(String, String)>> {
    let sql = "select distinct app_id, tenant_id from totp_used_codes where expiry_time_ms < $1";
    Ok(tx.fetch_all(sql, args![now]).await?)
}

/// Deletes a tenant's codes that expired before a time.
pub(super) async fn delete_expired(tx: &mut Tx, scope: &Scope, before: i64) -> Result<()> {
    let sql = "delete from totp_used_codes where app_id = $1 and tenant_id = $2 and expiry_time_ms < $3";
    tx.execute(sql, args![&scope.app_id, &scope.tenant_id, before]).await?;
    Ok(())
}

/// Forgets the codes that a user showed in one tenant; whether there were any.
pub(super) async fn delete_member(tx: &mut Tx, scope: &Scope, user_id: &str) -> portcullis_db::Result<bool> {
    let sql = "delete from totp_used_codes where app_id = $1 and tenant_id = $2 and user_id = $3";
    Ok(tx.execute(sql, args![&scope.app_id, &scope.tenant_id, user_id]).await? > 0)
}
