//! What the recipe does.

use super::{model, store};
use crate::ground::audit::{self, Event, Kind};
use crate::{Cx, Error, Result};
use portcullis_db::Tx;
use portcullis_wire::Object;
use std::collections::HashMap;

/// A user's metadata; empty if there is none.
pub(super) async fn find(cx: &Cx, user_id: &str) -> Result<Object> {
    Ok(store::find(&mut cx.db().look_up().await?, cx.app_id(), user_id).await?.unwrap_or_default())
}

/// Lays an update over a user's metadata; answers the result. Updates at the same time follow each other.
pub(super) async fn update(cx: &Cx, user_id: &str, update: Object) -> Result<Object> {
    let names: Vec<String> = update.keys().cloned().collect();
    let mut tx = cx.db().write().await?;
    let metadata = update_in(&mut tx, cx.app_id(), user_id, update).await?;
    let event = Event::new(Kind::MetadataUpdated).of_user(user_id).detail("names", names);
    audit::commit(cx, tx, vec![event]).await?;
    Ok(metadata)
}

/// As [`update`], inside a unit of work.
pub(in crate::recipes) async fn update_in(
    tx: &mut Tx,
    app_id: &str,
    user_id: &str,
    update: Object,
) -> Result<Object> {
    let mut metadata = store::find_for_update(tx, app_id, user_id).await?;
    model::merge(&mut metadata, update);
    let text = serde_json::to_string(&metadata).map_err(Error::internal)?;
    store::update(tx, app_id, user_id, &text).await?;
    Ok(metadata)
}

/// Deletes a user's metadata.
pub(super) async fn remove(cx: &Cx, user_id: &str) -> Result<()> {
    let entry = audit::entry(cx, Event::new(Kind::MetadataDeleted).of_user(user_id));
    store::delete(cx.db().write_one().await?, cx.app_id(), user_id, entry).await
}

/// The metadata of several users, wherever they are.
pub(super) async fn list(cx: &Cx, user_ids: &[String]) -> Result<HashMap<String, Object>> {
    let listed = store::list(&mut cx.app_db().read().await?, cx.app_id(), user_ids).await?;
    let mut all: HashMap<String, Object> = listed.into_iter().collect();
    for db in cx.others().await? {
        for (user_id, metadata) in store::list(&mut db.read().await?, cx.app_id(), user_ids).await? {
            all.entry(user_id).or_insert(metadata);
        }
    }
    Ok(all)
}
