//! The statement on the applications' domains.

use crate::{PUBLIC, Result};
use portcullis_db::{Tx, args};

/// Keeps a domain under a name. What is known already is not written again: SDKs tell it at each start.
pub(super) async fn upsert_domain(
    tx: &mut Tx,
    app_id: &str,
    name: &str,
    domain: &str,
    now: i64,
) -> Result<()> {
    let sql = "insert into key_value (app_id, tenant_id, name, value, created_at_time)
        values ($1, $2, $3, $4, $5)
        on conflict (app_id, tenant_id, name)
        do update set value = excluded.value, created_at_time = excluded.created_at_time
        where key_value.value is distinct from excluded.value";
    tx.execute(sql, args![app_id, PUBLIC, name, domain, now]).await?;
    Ok(())
}
