//! What gets into the outbox, what the operator sees of it, and what is deleted.

use super::model::State;
use super::store::{self, Delivery};
use crate::ground::audit::{self, StoredEvent};
use crate::{App, Error, Result};
use portcullis_db::{Db, Tx};
use portcullis_wire::webhooks::{EventData, Message};
use serde_json::json;

/// The one endpoint that there is. It has a name, and is not known by its address, so that what waits for an endpoint
/// that has moved goes where it is now.
pub(super) const ENDPOINT: &str = "default";

/// How long a delivery can be replayed after it was taken.
const DELIVERED_KEPT_MS: i64 = 86_400_000;
/// Deliveries that are deleted in one unit of work.
const DELETED_AT_ONCE: i64 = 1000;

/// Adds events to the outbox of their domain's database, if anybody wants to hear of them; whether there were any.
/// Once the unit of work is committed, `look` has them posted.
pub async fn enqueue(
    app: &App,
    tx: &mut Tx,
    domain: &str,
    events: impl Iterator<Item = &StoredEvent>,
    now: i64,
) -> Result<bool> {
    let Some(webhooks) = &app.webhooks else { return Ok(false) };
    let mut deliveries = Vec::new();
    for event in events.filter(|event| webhooks.wants(&event.kind)) {
        let body = serde_json::to_string(&message(domain, event)).map_err(Error::internal)?;
        deliveries.push(json!({"e": event.id, "k": order_key(event), "c": event.created_at, "b": body}));
    }
    if deliveries.is_empty() {
        return Ok(false);
    }
    store::insert(tx, ENDPOINT, &serde_json::Value::from(deliveries).to_string(), now).await?;
    Ok(true)
}

fn message<'a>(domain: &'a str, event: &'a StoredEvent) -> Message<'a> {
    let payload = event.payload.as_deref().and_then(|text| serde_json::from_str(text).ok());
    Message {
        kind: &event.kind,
        timestamp: audit::utc(event.created_at),
        data: EventData {
            id: event.id,
            connection_uri_domain: domain,
            app_id: &event.app_id,
            tenant_id: &event.tenant_id,
            user_id: event.user_id.as_deref(),
            recipe_user_id: event.recipe_user_id.as_deref(),
            status: event.status.as_deref(),
            auth_principal: event.principal.as_deref(),
            identifier: event.identifier.as_deref(),
            payload: payload.unwrap_or_default(),
        },
    }
}

/// Events with the same key are told in the order of their numbers. An app's id has no slash in it.
fn order_key(event: &StoredEvent) -> String {
    let user = event.user_id.as_ref().or(event.recipe_user_id.as_ref());
    user.map_or_else(String::new, |user| format!("{}/{user}", event.app_id))
}

/// Deliveries in a database, the newest events first.
pub async fn list(db: &Db, state: Option<State>, limit: i64) -> Result<Vec<Delivery>> {
    store::list(&mut db.read().await?, ENDPOINT, state, limit).await
}

/// Makes deliveries pending again, by their events' numbers; the numbers of which there is no delivery.
pub async fn replay(db: &Db, event_ids: &[i64], now: i64) -> Result<Vec<i64>> {
    let mut tx = db.write().await?;
    let mut unknown = Vec::new();
    for id in event_ids {
        if !store::replay(&mut tx, ENDPOINT, *id, now).await? {
            unknown.push(*id);
        }
    }
    // no event: it is an event that is told again
    tx.commit().await?;
    Ok(unknown)
}

/// Makes all dead deliveries pending again; how many.
pub async fn replay_dead(db: &Db, now: i64) -> Result<u64> {
    let mut tx = db.write_one().await?;
    let count = store::replay_dead(&mut tx, ENDPOINT, now).await?;
    // no event: it is an event that is told again
    tx.commit().await?;
    Ok(count)
}

/// Deletes what was delivered a day ago, and what has been dead as long as events are kept.
pub(super) async fn delete_ended(app: &App, db: &Db, now: i64) -> Result<()> {
    let retention_ms = app.base_config.audit.retention_ms;
    for (state, kept) in [(State::Delivered, DELIVERED_KEPT_MS), (State::Dead, retention_ms)] {
        delete_ended_as(db, state, now.saturating_sub(kept)).await?;
    }
    Ok(())
}

async fn delete_ended_as(db: &Db, state: State, before: i64) -> Result<()> {
    loop {
        let mut tx = db.write_one().await?;
        let count = store::delete_ended(&mut tx, state, before, DELETED_AT_ONCE).await?;
        // no event: what was delivered, or given up, is forgotten
        tx.commit().await?;
        if count < DELETED_AT_ONCE.unsigned_abs() {
            return Ok(());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> StoredEvent {
        StoredEvent {
            id: 7,
            app_id: "a1".to_owned(),
            tenant_id: "t1".to_owned(),
            recipe_user_id: Some("method".to_owned()),
            user_id: Some("ann".to_owned()),
            kind: "user_linked".to_owned(),
            status: Some("success".to_owned()),
            principal: None,
            identifier: None,
            created_at: 1_700_000_000_123,
            payload: Some(r#"{"v":1,"by":"cdi"}"#.to_owned()),
        }
    }

    #[test]
    fn a_message_has_the_specification_s_form() {
        let text = serde_json::to_string(&message("auth.example.com", &event())).unwrap();
        assert_eq!(
            text,
            r#"{"type":"user_linked","timestamp":"2023-11-14T22:13:20.123Z","data":{"id":7,"connectionUriDomain":"auth.example.com","appId":"a1","tenantId":"t1","userId":"ann","recipeUserId":"method","status":"success","payload":{"v":1,"by":"cdi"}}}"#
        );
        let bare =
            StoredEvent { recipe_user_id: None, user_id: None, payload: Some("?".to_owned()), ..event() };
        let value = serde_json::to_value(message("", &bare)).unwrap();
        assert_eq!(value["data"]["payload"], json!({}));
        assert!(value["data"].get("userId").is_none());
    }

    #[test]
    fn the_order_is_that_of_a_user_of_an_app() {
        assert_eq!(order_key(&event()), "a1/ann");
        let alone = StoredEvent { user_id: None, ..event() };
        assert_eq!(order_key(&alone), "a1/method");
        assert_eq!(order_key(&StoredEvent { recipe_user_id: None, ..alone }), "");
    }
}
