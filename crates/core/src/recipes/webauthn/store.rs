//! The statements on options, passkeys and recovery tokens.

use super::model::{Credential, NewCredential, Options, RecoveryToken};
use crate::ground::users::service::OwnRow;
use crate::{Result, Scope};
use portcullis_db::{FromRow, Row, Tx, args};

/// The recipe's part of a new user.
pub(super) fn row<'a>(options: &'a Options, email: &'a str, now: i64) -> OwnRow<'a> {
    let values = vec![email.into(), (&options.relying_party_id).into(), now.into()];
    OwnRow::new("webauthn_users", &["email", "rp_id", "time_joined"], values)
}

/// A new user's passkey.
pub(super) fn credential_row<'a>(options: &'a Options, new: &'a NewCredential, now: i64) -> OwnRow<'a> {
    let columns = &["id", "rp_id", "counter", "public_key", "transports", "created_at", "updated_at"];
    let values = vec![
        (&new.id).into(),
        (&options.relying_party_id).into(),
        new.counter.into(),
        new.public_key.as_slice().into(),
        (&new.transports).into(),
        now.into(),
        now.into(),
    ];
    OwnRow::new("webauthn_credentials", columns, values)
}

/// Keeps options.
pub(super) async fn insert_options(tx: &mut Tx, app_id: &str, options: &Options) -> Result<()> {
    let sql =
        "insert into webauthn_generated_options (app_id, tenant_id, id, challenge, email, rp_id, rp_name,
        origin, expires_at, created_at, user_presence_required, user_verification)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
    let args = args![
        app_id,
        &options.tenant_id,
        &options.id,
        &options.challenge,
        &options.email,
        &options.relying_party_id,
        &options.relying_party_name,
        &options.origin,
        options.expires_at,
        options.created_at,
        options.user_presence,
        &options.user_verification,
    ];
    tx.execute(sql, args).await?;
    Ok(())
}

impl FromRow for Options {
    fn from_row(row: &Row<'_>) -> portcullis_db::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            tenant_id: row.get(1)?,
            challenge: row.get(2)?,
            email: row.get(3)?,
            relying_party_id: row.get(4)?,
            relying_party_name: row.get(5)?,
            origin: row.get(6)?,
            expires_at: row.get(7)?,
            created_at: row.get(8)?,
            user_presence: row.get(9)?,
            user_verification: row.get(10)?,
        })
    }
}

/// Options by id, of any tenant of the app.
pub(super) async fn find_options(tx: &mut Tx, app_id: &str, id: &str) -> Result<Option<Options>> {
    let sql = "select id, tenant_id, challenge, email, rp_id, rp_name, origin, expires_at, created_at,
        user_presence_required, user_verification
        from webauthn_generated_options where app_id = $1 and id = $2";
    let found: Option<Options> = tx.fetch_optional(sql, args![app_id, id]).await?;
    // PostgreSQL passes over blanks at the end of a `char(36)`.
    Ok(found.filter(|options| options.id == id))
}

/// Deletes options; false if there are none, or no more.
pub(super) async fn delete_options(tx: &mut Tx, scope: &Scope, id: &str) -> Result<bool> {
    let sql = "delete from webauthn_generated_options where app_id = $1 and tenant_id = $2 and id = $3";
    Ok(tx.execute(sql, args![&scope.app_id, &scope.tenant_id, id]).await? > 0)
}

/// The hash of the answer to options that may come a second time.
pub(super) async fn find_assertion(tx: &mut Tx, scope: &Scope, options_id: &str) -> Result<Option<String>> {
    let sql = "select hash from webauthn_assertions
        where app_id = $1 and tenant_id = $2 and options_id = $3";
    let args = args![&scope.app_id, &scope.tenant_id, options_id];
    let row: Option<(String,)> = tx.fetch_optional(sql, args).await?;
    Ok(row.map(|(hash,)| hash))
}

/// Stands for an answer that came twice.
const SPENT: &str = "spent";

/// Lets an answer come a second time; false if the options were answered before.
pub(super) async fn insert_assertion(
    tx: &mut Tx,
    scope: &Scope,
    options_id: &str,
    hash: &str,
) -> Result<bool> {
    let sql = "insert into webauthn_assertions (app_id, tenant_id, options_id, hash) values ($1, $2, $3, $4)
        on conflict do nothing";
    Ok(tx.execute(sql, args![&scope.app_id, &scope.tenant_id, options_id, hash]).await? > 0)
}

/// Lets an answer come a second time, instead of any other one.
pub(super) async fn upsert_assertion(tx: &mut Tx, scope: &Scope, options_id: &str, hash: &str) -> Result<()> {
    let sql = "insert into webauthn_assertions (app_id, tenant_id, options_id, hash) values ($1, $2, $3, $4)
        on conflict (app_id, tenant_id, options_id) do update set hash = excluded.hash";
    tx.execute(sql, args![&scope.app_id, &scope.tenant_id, options_id, hash]).await?;
    Ok(())
}

/// The second time is now; false if it was before.
pub(super) async fn spend_assertion(
    tx: &mut Tx,
    scope: &Scope,
    options_id: &str,
    hash: &str,
) -> Result<bool> {
    let sql = "update webauthn_assertions set hash = $5
        where app_id = $1 and tenant_id = $2 and options_id = $3 and hash = $4";
    Ok(tx.execute(sql, args![&scope.app_id, &scope.tenant_id, options_id, hash, SPENT]).await? > 0)
}

/// Adds a passkey to a user; false if somebody has it for the relying party.
pub(super) async fn insert_credential(
    tx: &mut Tx,
    app_id: &str,
    (user_id, options, new): (&str, &Options, &NewCredential),
    now: i64,
) -> Result<bool> {
    let sql = "insert into webauthn_credentials
        (app_id, user_id, id, rp_id, counter, public_key, transports, created_at, updated_at)
        values ($1, $2, $3, $4, $5, $6, $7, $8, $8) on conflict do nothing";
    let args = args![
        app_id,
        user_id,
        &new.id,
        &options.relying_party_id,
        new.counter,
        new.public_key.as_slice(),
        &new.transports,
        now,
    ];
    Ok(tx.execute(sql, args).await? > 0)
}

impl FromRow for Credential {
    fn from_row(row: &Row<'_>) -> portcullis_db::Result<Self> {
        Ok(Self {
            id: row.get(0)?,
            relying_party_id: row.get(1)?,
            user_id: row.get(2)?,
            public_key: row.get(3)?,
            counter: row.get(4)?,
            created_at: row.get(5)?,
            updated_at: row.get(6)?,
        })
    }
}

const CREDENTIAL: &str = "select id, rp_id, user_id, public_key, counter, created_at, updated_at
    from webauthn_credentials where app_id = $1";

/// The passkey that a relying party knows by an id.
pub(super) async fn find_credential(
    tx: &mut Tx,
    app_id: &str,
    relying_party_id: &str,
    id: &str,
) -> Result<Option<Credential>> {
    tx.fetch_optional(format!("{CREDENTIAL} and rp_id = $2 and id = $3"), args![app_id, relying_party_id, id])
        .await
        .map_err(Into::into)
}

/// A user's passkeys, oldest first.
pub(super) async fn list_credentials(tx: &mut Tx, app_id: &str, user_id: &str) -> Result<Vec<Credential>> {
    let sql = format!("{CREDENTIAL} and user_id = $2 order by created_at, id");
    Ok(tx.fetch_all(sql, args![app_id, user_id]).await?)
}

/// Takes a passkey from a user; false if the user has none with this id.
pub(super) async fn delete_credential(tx: &mut Tx, app_id: &str, user_id: &str, id: &str) -> Result<bool> {
    let sql = "delete from webauthn_credentials where app_id = $1 and user_id = $2 and id = $3";
    Ok(tx.execute(sql, args![app_id, user_id, id]).await? > 0)
}

/// Moves a passkey's counter on; false if it is as far already. That of an authenticator that does not count
/// stays 0.
pub(super) async fn update_counter(
    tx: &mut Tx,
    app_id: &str,
    read: &Credential,
    counter: i64,
    now: i64,
) -> Result<bool> {
    let sql = "update webauthn_credentials set counter = $4, updated_at = $5
        where app_id = $1 and rp_id = $2 and id = $3 and (counter < $4 or (counter = 0 and $4 = 0))";
    let args = args![app_id, &read.relying_party_id, &read.id, counter, now];
    Ok(tx.execute(sql, args).await? > 0)
}

/// Replaces an address in the recipe's own table.
pub(super) async fn update_email(tx: &mut Tx, app_id: &str, user_id: &str, email: &str) -> Result<()> {
    let sql = "update webauthn_users set email = $3 where app_id = $1 and user_id = $2";
    tx.execute(sql, args![app_id, user_id, email]).await?;
    Ok(())
}

/// Keeps a token's hash.
pub(super) async fn insert_token(tx: &mut Tx, scope: &Scope, token: &str, row: &RecoveryToken) -> Result<()> {
    let sql = "insert into webauthn_account_recovery_tokens
        (app_id, tenant_id, user_id, email, token, expires_at) values ($1, $2, $3, $4, $5, $6)";
    let args = args![&scope.app_id, &scope.tenant_id, &row.user_id, &row.email, token, row.expires_at];
    tx.execute(sql, args).await?;
    Ok(())
}

/// The token with a hash.
pub(super) async fn find_token(tx: &mut Tx, scope: &Scope, token: &str) -> Result<Option<RecoveryToken>> {
    let sql = "select user_id, email, expires_at from webauthn_account_recovery_tokens
        where app_id = $1 and tenant_id = $2 and token = $3";
    let row: Option<(String, String, i64)> =
        tx.fetch_optional(sql, args![&scope.app_id, &scope.tenant_id, token]).await?;
    Ok(row.map(|(user_id, email, expires_at)| RecoveryToken { user_id, email, expires_at }))
}

/// Deletes every token of an address; whether the one with a hash was still among them.
pub(super) async fn delete_tokens(tx: &mut Tx, scope: &Scope, email: &str, token: &str) -> Result<bool> {
    let sql = "delete from webauthn_account_recovery_tokens
        where app_id = $1 and tenant_id = $2 and email = $3 returning token";
    let gone: Vec<(String,)> = tx.fetch_all(sql, args![&scope.app_id, &scope.tenant_id, email]).await?;
    Ok(gone.iter().any(|(hash,)| hash == token))
}

/// Deletes every token of a login method, by the internal id.
pub(super) async fn delete_tokens_of(tx: &mut Tx, app_id: &str, user_id: &str) -> portcullis_db::Result<()> {
    let sql = "delete from webauthn_account_recovery_tokens where app_id = $1 and user_id = $2";
    tx.execute(sql, args![app_id, user_id]).await.map(drop)
}

/// Deletes a login method with its passkeys, by the internal id.
pub(super) async fn delete_user(tx: &mut Tx, app_id: &str, user_id: &str) -> portcullis_db::Result<()> {
    let sql = "delete from webauthn_users where app_id = $1 and user_id = $2";
    tx.execute(sql, args![app_id, user_id]).await.map(drop)
}

/// Deletes what has expired.
pub(super) async fn delete_expired(tx: &mut Tx, now: i64) -> portcullis_db::Result<()> {
    for table in ["webauthn_generated_options", "webauthn_account_recovery_tokens"] {
        tx.execute(format!("delete from {table} where expires_at < $1"), args![now]).await?;
    }
    Ok(())
}
