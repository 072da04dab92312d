//! `portcullis webhooks`: what became of what was to be told, and telling it again.

use crate::cli::{DeliveryState, WebhooksCommand, say};
use crate::serve::open_existing;
use crate::settings::Settings;
use portcullis_core::Clock;
use portcullis_core::ground::webhooks::{Delivery, State, service};
use portcullis_db::Db;
use serde_json::{Value, json};

/// Runs the command; a core may run beside it.
pub(crate) async fn run(settings: &Settings, command: &WebhooksCommand) -> Result<(), String> {
    let opened = open_existing(settings).await;
    let opened = opened.ok_or_else(|| format!("{} is not there", settings.database))?;
    let db = opened.map_err(|error| format!("database: {error}"))?;
    match command {
        WebhooksCommand::List { state, limit, json } => list(&db, *state, *limit, *json).await,
        WebhooksCommand::Replay { id, dead } => replay(&db, id, *dead).await,
    }
}

async fn list(db: &Db, state: Option<DeliveryState>, limit: u32, json: bool) -> Result<(), String> {
    let state = state.map(|state| match state {
        DeliveryState::Pending => State::Pending,
        DeliveryState::Delivered => State::Delivered,
        DeliveryState::Dead => State::Dead,
    });
    let deliveries = service::list(db, state, limit.into()).await.map_err(|error| error.to_string())?;
    for delivery in &deliveries {
        say(&if json { to_json(delivery).to_string() } else { to_line(delivery) });
    }
    if deliveries.is_empty() && !json {
        say("nothing");
    }
    Ok(())
}

fn to_json(delivery: &Delivery) -> Value {
    json!({
        "id": delivery.event_id, "state": delivery.state.name(), "attempts": delivery.attempts,
        "createdAt": delivery.created_at, "nextAttemptAt": delivery.next_attempt_at,
        "lastError": delivery.last_error, "endedAt": delivery.ended_at, "message": message(delivery),
    })
}

fn message(delivery: &Delivery) -> Value {
    serde_json::from_str(&delivery.body).unwrap_or_default()
}

fn to_line(delivery: &Delivery) -> String {
    let message = message(delivery);
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let error = delivery.last_error.as_ref().map(|error| format!("  {error}")).unwrap_or_default();
    format!(
        "{}  {}  {}  {}  {}, attempts: {}{error}",
        delivery.event_id,
        text(&message["timestamp"]),
        text(&message["type"]),
        text(&message["data"]["userId"]),
        delivery.state.name(),
        delivery.attempts,
    )
}

async fn replay(db: &Db, ids: &[i64], dead: bool) -> Result<(), String> {
    let now = Clock::system().now();
    let fault = |error: portcullis_core::Error| error.to_string();
    if dead {
        let count = service::replay_dead(db, now).await.map_err(fault)?;
        say(&format!("pending again: {count}"));
        return Ok(());
    }
    let unknown = service::replay(db, ids, now).await.map_err(fault)?;
    say(&format!("pending again: {}", ids.len() - unknown.len()));
    if unknown.is_empty() {
        return Ok(());
    }
    let unknown: Vec<String> = unknown.iter().map(ToString::to_string).collect();
    Err(format!("there is no delivery of event {}", unknown.join(", ")))
}
