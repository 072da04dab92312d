//! What the recipe decides.

use super::model::{self, Device, Limits, Verdict};
use super::store;
use crate::crypto::random;
use crate::ground::audit::{self, Event, Kind};
use crate::ground::guessing::service::{self as guessing, Attempt, Secret as Guessed};
use crate::{Cx, Result};
use portcullis_db::Tx;
use std::collections::HashMap;

/// A device that is to be there.
#[derive(Debug)]
pub(in crate::recipes) struct NewDevice {
    pub(in crate::recipes) user_id: String,
    /// Without one it gets one.
    pub(in crate::recipes) name: Option<String>,
    pub(in crate::recipes) skew: i64,
    pub(in crate::recipes) period: i64,
}

/// Makes a device, which is to be verified; answers its name and its secret. `None` if a verified device has
/// the name.
pub(super) async fn create_device(cx: &Cx, new: NewDevice) -> Result<Option<(String, String)>> {
    let secret = model::encode(random::bytes());
    let name = add_device(cx, new, secret.clone(), false).await?;
    Ok(name.map(|name| (name, secret)))
}

/// Makes a verified device from a secret; answers its name. `None` if a verified device has it.
pub(super) async fn import_device(cx: &Cx, new: NewDevice, secret: String) -> Result<Option<String>> {
    add_device(cx, new, secret, true).await
}

async fn add_device(cx: &Cx, new: NewDevice, secret: String, verified: bool) -> Result<Option<String>> {
    let user_id = new.user_id.clone();
    let mut tx = cx.db().write().await?;
    let name = add_device_in(cx, &mut tx, new, secret, verified).await?;
    if let Some(name) = &name {
        let event = about(Kind::TotpDeviceCreated, &user_id, name).detail("verified", verified);
        audit::commit(cx, tx, vec![event]).await?;
    }
    Ok(name)
}

/// Ids are kept as they are sent.
fn about(kind: Kind, user_id: &str, device: &str) -> Event {
    Event::new(kind).of_user(user_id).about(device)
}

/// Adds a device inside a unit of work; `None` if a verified device has the name.
pub(in crate::recipes) async fn add_device_in(
    cx: &Cx,
    tx: &mut Tx,
    new: NewDevice,
    secret: String,
    verified: bool,
) -> Result<Option<String>> {
    let (app_id, user_id) = (cx.app_id(), new.user_id.as_str());
    store::insert_user(tx, app_id, user_id).await?;
    if !store::lock_user(tx, app_id, user_id).await? {
        // The last device was removed since: the whole call is tried again.
        return Err(portcullis_db::Error::Busy.into());
    }
    let devices = store::list_devices(tx, app_id, user_id).await?;
    let Some(name) = model::name_of_new(&devices, new.name) else { return Ok(None) };
    store::delete_device(tx, app_id, user_id, &name).await?;
    let device = Device { name, secret, period: new.period, skew: new.skew, verified };
    store::insert_device(tx, app_id, user_id, &device, cx.now).await?;
    Ok(Some(device.name))
}

/// The outcome of giving a device another name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Renaming {
    Renamed,
    UnknownDevice,
    NameTaken,
}

/// Gives a device another name.
pub(super) async fn rename_device(cx: &Cx, user_id: &str, from: &str, to: &str) -> Result<Renaming> {
    let mut tx = cx.db().write().await?;
    if !store::lock_user(&mut tx, cx.app_id(), user_id).await? {
        return Ok(Renaming::UnknownDevice);
    }
    let devices = store::list_devices(&mut tx, cx.app_id(), user_id).await?;
    let is_there = |name: &str| devices.iter().any(|device| device.name == name);
    if !is_there(from) {
        return Ok(Renaming::UnknownDevice);
    }
    if from != to && is_there(to) {
        return Ok(Renaming::NameTaken);
    }
    store::rename_device(&mut tx, cx.app_id(), user_id, (from, to)).await?;
    let event = (from != to).then(|| about(Kind::TotpDeviceRenamed, user_id, to).detail("from", from));
    audit::commit(cx, tx, event.into_iter().collect()).await?;
    Ok(Renaming::Renamed)
}

/// A user's devices, oldest first.
pub(super) async fn list_devices(cx: &Cx, user_id: &str) -> Result<Vec<Device>> {
    store::list_devices(&mut cx.db().look_up().await?, cx.app_id(), user_id).await
}

/// Removes a device; whether it was there. With the last one go the codes that were shown.
pub(super) async fn remove_device(cx: &Cx, user_id: &str, name: &str) -> Result<bool> {
    let mut tx = cx.db().write().await?;
    let is_known = store::lock_user(&mut tx, cx.app_id(), user_id).await?;
    if !is_known || !store::delete_device(&mut tx, cx.app_id(), user_id, name).await? {
        return Ok(false);
    }
    if store::list_devices(&mut tx, cx.app_id(), user_id).await?.is_empty() {
        store::delete_user(&mut tx, cx.app_id(), user_id).await?;
    }
    audit::commit(cx, tx, vec![about(Kind::TotpDeviceDeleted, user_id, name)]).await?;
    Ok(true)
}

/// For each user, in this order, whether one of the devices is verified; `None` if there is none.
pub(super) async fn device_statuses(cx: &Cx, user_ids: Vec<String>) -> Result<Vec<(String, Option<bool>)>> {
    if user_ids.is_empty() {
        return Ok(Vec::new());
    }
    let listed = store::list_statuses(&mut cx.app_db().read().await?, cx.app_id(), &user_ids).await?;
    let mut known: HashMap<String, bool> = listed.into_iter().collect();
    for db in cx.others().await? {
        let listed = store::list_statuses(&mut db.read().await?, cx.app_id(), &user_ids).await?;
        for (user_id, verified) in listed {
            *known.entry(user_id).or_default() |= verified;
        }
    }
    let with_status = |user_id: String| {
        let status = known.get(&user_id).copied();
        (user_id, status)
    };
    Ok(user_ids.into_iter().map(with_status).collect())
}

/// The outcome of a code.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is right, and used up.
    Right,
    /// The device was verified before, so that the code was not looked at.
    AlreadyVerified,
    /// There is no such device, or none at all.
    Unknown,
    /// It is wrong, or was used.
    Wrong { failed: usize },
    /// It was not looked at.
    LimitReached { retry_after_ms: i64 },
}

/// Says how an attempt ended.
async fn note(cx: &Cx, attempt: Attempt, outcome: &Outcome) {
    match outcome {
        Outcome::Right => attempt.ended(cx, true).await,
        Outcome::Wrong { .. } | Outcome::Unknown => attempt.ended(cx, false).await,
        Outcome::AlreadyVerified | Outcome::LimitReached { .. } => attempt.is_void(cx).await,
    }
}

/// Verifies a device by a code.
pub(super) async fn verify_device(cx: &Cx, user_id: &str, name: &str, code: &str) -> Result<Outcome> {
    let attempt = guessing::attempt(cx, Guessed::TotpCode, Some(user_id)).await?;
    let outcome = use_code_of(cx, user_id, name, code).await?;
    note(cx, attempt, &outcome).await;
    Ok(outcome)
}

async fn use_code_of(cx: &Cx, user_id: &str, name: &str, code: &str) -> Result<Outcome> {
    let mut tx = cx.db().write().await?;
    let devices = lock_devices(cx, &mut tx, user_id).await?;
    let Some(device) = devices.iter().find(|device| device.name == name) else {
        return Ok(Outcome::Unknown);
    };
    if device.verified {
        return Ok(Outcome::AlreadyVerified);
    }
    let outcome = use_code(cx, &mut tx, user_id, &[device], code).await?;
    let mut events = Vec::new();
    if matches!(outcome, Outcome::Right) {
        store::verify_device(&mut tx, cx.app_id(), user_id, name).await?;
        events.push(about(Kind::TotpDeviceVerified, user_id, name));
    }
    audit::commit(cx, tx, events).await?;
    Ok(outcome)
}

/// Checks a code of any verified device, and uses it up.
pub(super) async fn verify(cx: &Cx, user_id: &str, code: &str) -> Result<Outcome> {
    let attempt = guessing::attempt(cx, Guessed::TotpCode, Some(user_id)).await?;
    let outcome = use_code_of_any(cx, user_id, code).await?;
    note(cx, attempt, &outcome).await;
    Ok(outcome)
}

async fn use_code_of_any(cx: &Cx, user_id: &str, code: &str) -> Result<Outcome> {
    let mut tx = cx.db().write().await?;
    let devices = lock_devices(cx, &mut tx, user_id).await?;
    if devices.is_empty() {
        return Ok(Outcome::Unknown);
    }
    let verified: Vec<&Device> = devices.iter().filter(|device| device.verified).collect();
    let outcome = use_code(cx, &mut tx, user_id, &verified, code).await?;
    let event = matches!(outcome, Outcome::Right).then(|| Event::new(Kind::TotpCodeUsed).of_user(user_id));
    audit::commit(cx, tx, event.into_iter().collect()).await?;
    Ok(outcome)
}

async fn lock_devices(cx: &Cx, tx: &mut Tx, user_id: &str) -> Result<Vec<Device>> {
    if !store::lock_user(tx, cx.app_id(), user_id).await? {
        return Ok(Vec::new());
    }
    store::list_devices(tx, cx.app_id(), user_id).await
}

/// Judges a code, and keeps it.
async fn use_code(cx: &Cx, tx: &mut Tx, user_id: &str, devices: &[&Device], code: &str) -> Result<Outcome> {
    let used = store::list_codes(tx, &cx.scope, user_id).await?;
    let limits = Limits {
        max_attempts: cx.config().totp_max_attempts,
        cooldown_ms: cx.config().totp_rate_limit_cooldown_ms,
    };
    Ok(match model::judge(code, devices, &used, limits, cx.now) {
        Verdict::LimitReached { retry_after_ms } => Outcome::LimitReached { retry_after_ms },
        Verdict::TooLong { failed } => Outcome::Wrong { failed },
        Verdict::Judged { code, failed } => {
            store::insert_code(tx, &cx.scope, user_id, &code).await?;
            if code.is_valid { Outcome::Right } else { Outcome::Wrong { failed } }
        }
    })
}
