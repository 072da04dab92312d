//! `portcullis audit`: what happened, and whether the trail of it is whole.

use crate::cli::{AuditArguments, AuditCommand, complain, say};
use crate::serve::open_existing;
use crate::settings::Settings;
use portcullis_core::ground::audit::{Filter, StoredEvent, list, utc, verify};
use portcullis_core::{Clock, Error};
use portcullis_db::{Db, Error as DbError};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::io::Write as _;
use std::time::Duration;

/// Events that are read at a time.
const PAGE: i64 = 1000;
/// How far below the highest event one may appear that is still to be printed: units of work that run at the same
/// time end in another order than that in which they drew their numbers.
const LATE: i64 = 1000;
/// How often it is looked for new events.
const PAUSE: Duration = Duration::from_millis(500);

/// Runs the command.
pub(crate) async fn run(settings: &Settings, asked: &AuditArguments) -> Result<(), String> {
    let opened = open_existing(settings).await;
    let opened = opened.ok_or_else(|| format!("{} is not there", settings.database))?;
    let db = opened.map_err(|error| format!("database: {error}"))?;
    let outcome = match &asked.command {
        Some(AuditCommand::Verify { expect }) => walk(&db, settings, expect.as_deref()).await,
        None => print(&db, asked).await,
    };
    outcome.map_err(|error| match error {
        Error::Db(DbError::MissingTable(_)) => {
            "the database has no audit trail yet: start the core, or run `portcullis migrate`".to_owned()
        }
        error => error.to_string(),
    })
}

async fn print(db: &Db, asked: &AuditArguments) -> portcullis_core::Result<()> {
    let filter = Filter {
        user_id: asked.user.clone(),
        // As everywhere, their letters may be of any case.
        app_id: asked.app.as_ref().map(|id| id.to_lowercase()),
        tenant_id: asked.tenant.as_ref().map(|id| id.to_lowercase()),
        kind: asked.kind.clone(),
        since: asked.since.as_deref().map(|since| read_since(since, Clock::system().now())).transpose()?,
    };
    let (mut after, mut printed) = (i64::MIN, BTreeSet::new());
    loop {
        let page = list(db, after, &filter, PAGE).await?;
        for event in &page {
            let is_new = printed.insert(event.id);
            let line = if asked.json { to_json(event) } else { to_text(event) };
            // Nobody reads on, as with `portcullis audit | head`.
            if is_new && writeln!(std::io::stdout(), "{line}").is_err() {
                return Ok(());
            }
        }
        let is_full = i64::try_from(page.len()).is_ok_and(|count| count == PAGE);
        if let Some(last) = page.last().filter(|_| is_full) {
            after = last.id;
            continue;
        }
        if !asked.follow {
            if printed.is_empty() {
                complain("no event fits");
            }
            return Ok(());
        }
        after = printed.last().map_or(after, |highest| highest - LATE);
        printed = printed.split_off(&after);
        tokio::time::sleep(PAUSE).await;
    }
}

/// A number below, which stands for a time in 1973 at the latest, was not meant in milliseconds.
const MILLISECONDS: i64 = 100_000_000_000;

/// In milliseconds.
fn read_since(text: &str, now: i64) -> portcullis_core::Result<i64> {
    let fault =
        || Error::bad_input(format!("--since {text}: give 90s, 15m, 2h, 7d or milliseconds since 1970"));
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    let number: i64 = number.parse().map_err(|_| fault())?;
    let ago = |unit: i64| number.checked_mul(unit).and_then(|ago| now.checked_sub(ago)).ok_or_else(fault);
    match unit {
        "" if (MILLISECONDS..=now).contains(&number) => Ok(number),
        "s" => ago(1000),
        "m" => ago(60_000),
        "h" => ago(3_600_000),
        "d" => ago(86_400_000),
        _ => Err(fault()),
    }
}

/// What callers made up must not look like further lines.
fn to_text(event: &StoredEvent) -> String {
    let mut line = format!("{} {} {}", utc(event.created_at), event.id, event.kind.escape_debug());
    let named = [
        ("app", Some(&event.app_id).filter(|id| *id != portcullis_core::PUBLIC)),
        ("tenant", Some(&event.tenant_id).filter(|id| *id != portcullis_core::PUBLIC)),
        ("user", event.user_id.as_ref()),
        ("method", event.recipe_user_id.as_ref().filter(|id| event.user_id.as_ref() != Some(id))),
        ("by", event.principal.as_ref()),
        ("name", event.identifier.as_ref()),
        ("status", event.status.as_ref().filter(|status| *status != "success")),
    ];
    for (name, value) in named.into_iter().filter_map(|(name, value)| Some((name, value?))) {
        line.push_str(&format!(" {name}={}", value.escape_debug()));
    }
    if let Some(payload) = &event.payload {
        let shown = payload.chars().map(|c| if c.is_control() { ' ' } else { c });
        line.push(' ');
        line.extend(shown);
    }
    line
}

fn to_json(event: &StoredEvent) -> String {
    let payload = event.payload.as_deref();
    let payload = payload.map(|text| serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)));
    json!({
        "id": event.id, "time": event.created_at, "type": event.kind, "status": event.status,
        "appId": event.app_id, "tenantId": event.tenant_id, "userId": event.user_id,
        "recipeUserId": event.recipe_user_id, "principal": event.principal, "identifier": event.identifier,
        "payload": payload,
    })
    .to_string()
}

async fn walk(db: &Db, settings: &Settings, expected: Option<&str>) -> portcullis_core::Result<()> {
    let fault = || Error::bad_input("--expect: give POSITION:HASH, as the last line of `verify` tells it");
    let expected = match expected.map(|text| text.split_once(':').ok_or_else(fault)).transpose()? {
        Some((position, hash)) => Some((position.parse().map_err(|_| fault())?, hash)),
        None => None,
    };
    let oldest = Clock::system().now() - settings.config.audit.retention_ms;
    let report = verify(db, oldest, expected).await?;
    for finding in &report.findings {
        say(&finding.to_string());
    }
    say(&format!("{} seals, {} events, {} not sealed yet", report.seals, report.events, report.unsealed));
    say(&format!("{}:{}", report.position, report.hash));
    match report.findings.len() {
        0 => Ok(()),
        count => Err(Error::bad_input(format!("{count} things are not as they were"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event() -> StoredEvent {
        StoredEvent {
            id: 7,
            app_id: "public".to_owned(),
            tenant_id: "t1".to_owned(),
            recipe_user_id: Some("bob".to_owned()),
            user_id: Some("ann".to_owned()),
            kind: "email_changed".to_owned(),
            status: Some("success".to_owned()),
            principal: Some("email".to_owned()),
            identifier: Some("a@b\n1970".to_owned()),
            created_at: 1_709_164_800_123,
            payload: Some("{\"v\":1}".to_owned()),
        }
    }

    #[test]
    fn a_line_is_one_line_whatever_callers_made_up() {
        assert_eq!(
            to_text(&event()),
            r#"2024-02-29T00:00:00.123Z 7 email_changed tenant=t1 user=ann method=bob by=email name=a@b\n1970 {"v":1}"#
        );
        let read: Value = serde_json::from_str(&to_json(&event())).unwrap();
        assert_eq!((&read["payload"]["v"], &read["identifier"]), (&json!(1), &json!("a@b\n1970")));
    }

    #[test]
    fn since_is_a_time_ago_or_a_time() {
        const NOW: i64 = 1_700_000_000_000;
        let read = |text: &str| read_since(text, NOW).ok();
        assert_eq!(read("15m"), Some(NOW - 900_000));
        assert_eq!(read("7d"), Some(NOW - 604_800_000));
        assert_eq!(read("1699999999999"), Some(NOW - 1));
        assert_eq!(read("1700000000000"), Some(NOW));
        for text in ["", "m", "7w", "1.5h", "-1d", "99999999999999999999", "9223372036854775807d"] {
            assert_eq!(read(text), None, "{text}");
        }
        // Seconds, a number without its unit, and a time to come.
        for text in ["1700000000", "7", "0", "1700000000001"] {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
