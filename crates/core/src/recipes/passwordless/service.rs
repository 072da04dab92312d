//! What the recipe decides.

use super::model::{Code, Contact, Device, DeviceId, LinkCode, Proof, Rules, Update, Verdict, Which};
use super::store;
use crate::crypto::digest::Secret;
use crate::crypto::random;
use crate::ground::activity;
use crate::ground::audit::{self, Event, Kind};
use crate::ground::guessing::service::{self as guessing, Secret as Guessed};
use crate::ground::users::model::{InfoKind, User};
use crate::ground::users::service::{self as users, AccountInfo, Found, InfoChange};
use crate::{Cx, Error, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use portcullis_db::Tx;

const RECIPE_ID: &str = "passwordless";
/// How often another code is thought of when the device has it already.
const TRIES: usize = 10;

fn rules(cx: &Cx) -> Rules {
    let config = cx.config();
    Rules {
        max_attempts: config.passwordless_max_code_input_attempts,
        oldest: cx.now - config.passwordless_code_lifetime_ms,
    }
}

/// A code that is to be sent. It has no `Debug`: it does not belong into a log.
pub(super) struct NewCode {
    pub(super) code: Code,
    pub(super) device_id: DeviceId,
    pub(super) user_input_code: Secret,
    pub(super) link_code: LinkCode,
}

impl NewCode {
    fn new(cx: &Cx, device_id: DeviceId, salt: &Secret, wanted: Option<&Secret>) -> Result<Self> {
        let user_input_code = wanted.cloned().unwrap_or_else(|| Secret::new(random::digits(6)));
        let link_code = device_id.link_code(salt, &user_input_code)?;
        let code = Code { id: random::uuid(), device_hash: device_id.hash(), created_at: cx.now };
        Ok(Self { code, device_id, user_input_code, link_code })
    }
}

/// Makes a code for an address or a number, on a device of its own.
pub(super) async fn create_code(cx: &Cx, contact: Contact, wanted: Option<&Secret>) -> Result<NewCode> {
    let device_id = DeviceId::new(random::bytes());
    let salt = Secret::new(STANDARD.encode(random::bytes::<32>()));
    let device = Device { hash: device_id.hash(), contact, link_code_salt: salt, failed_attempts: 0 };
    let new = NewCode::new(cx, device_id, &device.link_code_salt, wanted)?;
    let mut tx = cx.db().write().await?;
    store::insert_device(&mut tx, &cx.scope, &device).await?;
    store::insert_code(&mut tx, &cx.scope, &new.code, &new.link_code.hash()).await?;
    // no event: a code changes nothing until it is used
    tx.commit().await?;
    Ok(new)
}

/// The outcome of asking for a further code.
pub(super) enum Resent {
    Made(NewCode),
    UnknownDevice,
    AlreadyUsed,
}

/// Makes a further code on a device.
pub(super) async fn resend_code(cx: &Cx, device_id: DeviceId, wanted: Option<&Secret>) -> Result<Resent> {
    let mut tx = cx.db().write().await?;
    let found = store::lock_devices(&mut tx, &cx.scope, &Which::Hash(device_id.hash())).await?;
    let Some(device) = found.first() else { return Ok(Resent::UnknownDevice) };
    let mut new = NewCode::new(cx, device_id, &device.link_code_salt, wanted)?;
    for _ in 0..TRIES {
        if store::insert_code(&mut tx, &cx.scope, &new.code, &new.link_code.hash()).await? {
            // no event: a code changes nothing until it is used
            tx.commit().await?;
            return Ok(Resent::Made(new));
        }
        if wanted.is_some() {
            break;
        }
        new = NewCode::new(cx, new.device_id, &device.link_code_salt, None)?;
    }
    Ok(Resent::AlreadyUsed)
}

/// Why a code was not accepted.
#[derive(Clone, Copy, Debug)]
pub(super) enum Refusal {
    /// So many attempts have failed now.
    Incorrect(i64),
    /// So many attempts have failed now.
    Expired(i64),
    Restart,
}

/// Whether a code is right; the device if it is.
pub(super) async fn check(
    cx: &Cx,
    proof: &Proof,
    session_id: &str,
) -> Result<std::result::Result<Device, Refusal>> {
    let Accepted { tx, device, attempt } = match judge(cx, proof, session_id).await? {
        Ok(accepted) => accepted,
        Err(refusal) => return Ok(Err(refusal)),
    };
    drop(tx);
    attempt.ended(cx, true).await;
    Ok(Ok(device))
}

/// A code was right. The unit of work is still open, and holds every device of the address or number.
struct Accepted {
    tx: Tx,
    device: Device,
    attempt: guessing::Attempt,
}

async fn judge(cx: &Cx, proof: &Proof, session_id: &str) -> Result<std::result::Result<Accepted, Refusal>> {
    let known = look_up(cx, proof).await?;
    let account = known.as_ref().map(|(device, _)| device.contact.value());
    let attempt = guessing::attempt(cx, Guessed::PasswordlessCode, account).await?;
    let Some((device, link_hash)) = known else { return Ok(Err(Refusal::Restart)) };
    if device.hash != session_id.replace('=', "") {
        return Err(Error::bad_input("preAuthSessionId and deviceId doesn't match"));
    }
    let (hash, contact) = (device.hash, device.contact);
    let mut tx = cx.db().write().await?;
    let mut devices = store::lock_devices(&mut tx, &cx.scope, &Which::Of(contact)).await?;
    let Some(at) = devices.iter().position(|device| device.hash == hash) else {
        return Ok(Err(Refusal::Restart));
    };
    let device = devices.swap_remove(at);
    let created_at = store::find_code(&mut tx, &cx.scope, &link_hash).await?.map(|code| code.created_at);
    let was_entered = matches!(proof, Proof::Entered { .. });
    let refusal = match rules(cx).judge(device.failed_attempts, created_at, was_entered) {
        Verdict::Right => return Ok(Ok(Accepted { tx, device, attempt })),
        Verdict::DeadLink => return Ok(Err(Refusal::Restart)),
        Verdict::Spent => {
            store::delete_devices(&mut tx, &cx.scope, &Which::Hash(hash)).await?;
            // no event: the code was of no use any more
            tx.commit().await?;
            return Ok(Err(Refusal::Restart));
        }
        Verdict::Incorrect(failed) => Refusal::Incorrect(failed),
        Verdict::Expired(failed) => Refusal::Expired(failed),
    };
    store::count_failure(&mut tx, &cx.scope, &hash).await?;
    // no event: an attempt that failed changed nothing but its count
    tx.commit().await?;
    Ok(Err(refusal))
}

/// The device that an attempt is about, and the hash of the link that the code comes to.
async fn look_up(cx: &Cx, proof: &Proof) -> Result<Option<(Device, String)>> {
    let mut tx = cx.db().look_up().await?;
    match proof {
        Proof::Link(link_code) => {
            let hash = link_code.hash();
            let found = store::find_code(&mut tx, &cx.scope, &hash).await?;
            let alive = found.filter(|code| rules(cx).is_alive(code.created_at));
            let Some(Code { device_hash, .. }) = alive else { return Ok(None) };
            let device = store::list_devices(&mut tx, &cx.scope, &Which::Hash(device_hash)).await?.pop();
            Ok(device.map(|device| (device, hash)))
        }
        Proof::Entered { device_id, user_input_code } => {
            let which = Which::Hash(device_id.hash());
            let device = store::list_devices(&mut tx, &cx.scope, &which).await?.pop();
            let Some(device) = device else { return Ok(None) };
            let hash = device_id.link_code(&device.link_code_salt, user_input_code)?.hash();
            Ok(Some((device, hash)))
        }
    }
}

/// Who signed in.
#[derive(Debug)]
pub(super) struct SignedIn {
    pub(super) found: Found,
    pub(super) is_new: bool,
    /// It is gone.
    pub(super) device: Device,
}

/// Uses a code up and signs in; who is not known yet is signed up. With `verifies`, the address that the code
/// went to counts as verified.
pub(super) async fn consume(
    cx: &Cx,
    proof: &Proof,
    session_id: &str,
    verifies: bool,
) -> Result<std::result::Result<SignedIn, Refusal>> {
    let Accepted { mut tx, device, attempt } = match judge(cx, proof, session_id).await? {
        Ok(accepted) => accepted,
        Err(refusal) => return Ok(Err(refusal)),
    };
    let contact = &device.contact;
    store::delete_devices(&mut tx, &cx.scope, &Which::Of(contact.clone())).await?;
    let verified = contact.email().filter(|_| verifies);
    let known = store::find_user(&mut tx, &cx.scope, contact).await?;
    let is_new = known.is_none();
    let (found, proves) = match known {
        Some(user_id) => sign_in(cx, &mut tx, &user_id, (contact, verified)).await?,
        None => (sign_up(cx, &mut tx, (contact, verified)).await?, false),
    };
    let kind = if is_new { Kind::PasswordlessSignUp } else { Kind::PasswordlessSignIn };
    let about = |kind| {
        let principal = if contact.kind() == InfoKind::Phone { "phone_number" } else { "email" };
        let event = Event::new(kind).of(&found.recipe_user_id, found.user.public_id());
        event.with(principal, contact.value())
    };
    let proven = proves.then_some(Kind::EmailVerified);
    audit::commit(cx, tx, proven.into_iter().chain([kind]).map(about).collect()).await?;
    attempt.ended(cx, true).await;
    if is_new {
        activity::touch_new(cx, &found.user.id).await;
    } else {
        activity::touch(cx, &found.user.id).await;
    }
    Ok(Ok(SignedIn { found, is_new, device }))
}

async fn sign_up(cx: &Cx, tx: &mut Tx, (contact, verified): (&Contact, Option<&str>)) -> Result<Found> {
    let user_id = random::ordered_uuid(cx.now);
    let new = users::NewUser {
        user_id: &user_id,
        recipe_id: RECIPE_ID,
        identity: AccountInfo::unique(contact.kind(), contact.value()),
        further: None,
        time_joined: cx.now,
    };
    let mut own = vec![store::row(contact, cx.now)];
    own.extend(activity::first_touch(cx, &user_id));
    own.extend(verified.map(users::verified_email_row));
    if !users::insert_user(tx, &cx.scope, new, &own).await? {
        // Another call made the user since: the whole call is tried again.
        return Err(portcullis_db::Error::Busy.into());
    }
    users::find_certain(tx, cx.app_id(), &user_id).await
}

/// Who signs in with one of the two has no use for codes that went to the other. Tells whether the address is
/// verified now and was not before.
async fn sign_in(
    cx: &Cx,
    tx: &mut Tx,
    user_id: &str,
    (contact, verified): (&Contact, Option<&str>),
) -> Result<(Found, bool)> {
    let mut found = users::find_certain(tx, cx.app_id(), user_id).await?;
    let own = found.user.login_methods.iter_mut().find(|method| method.user_id == user_id);
    let Some(own) = own else { return Ok((found, false)) };
    let others = [own.email.clone().map(Contact::Email), own.phone_number.clone().map(Contact::Phone)];
    for other in others.into_iter().flatten().filter(|other| other != contact) {
        store::delete_devices(tx, &cx.scope, &Which::Of(other)).await?;
    }
    let proven = verified.filter(|_| !own.verified);
    if let Some(email) = proven {
        users::insert_verified_email(tx, cx.app_id(), &found.recipe_user_id, email).await?;
        own.verified = true;
    }
    Ok((found, proven.is_some()))
}

/// Forgets a code, and its device if it was the last one.
pub(super) async fn remove_code(cx: &Cx, code_id: &str) -> Result<()> {
    let mut tx = cx.db().write().await?;
    let hash = store::find_device_of_code(&mut tx, &cx.scope, code_id).await?;
    let Some(which) = hash.map(Which::Hash) else { return Ok(()) };
    store::lock_devices(&mut tx, &cx.scope, &which).await?;
    store::delete_code(&mut tx, &cx.scope, code_id).await?;
    if store::list_codes(&mut tx, &cx.scope, &which).await?.is_empty() {
        store::delete_devices(&mut tx, &cx.scope, &which).await?;
    }
    // no event: codes that were not used have changed nothing
    Ok(tx.commit().await?)
}

/// Forgets devices with their codes.
pub(super) async fn remove_devices(cx: &Cx, which: &Which) -> Result<()> {
    let mut tx = cx.db().write_one().await?;
    store::delete_devices(&mut tx, &cx.scope, which).await?;
    // no event: codes that were not used have changed nothing
    Ok(tx.commit().await?)
}

/// Devices, each with its codes.
pub(super) async fn list_devices(cx: &Cx, which: &Which) -> Result<Vec<(Device, Vec<Code>)>> {
    let mut tx = cx.db().read().await?;
    let devices = store::list_devices(&mut tx, &cx.scope, which).await?;
    let mut codes = store::list_codes(&mut tx, &cx.scope, which).await?;
    let with_codes = devices.into_iter().map(|device| {
        let (own, others) =
            std::mem::take(&mut codes).into_iter().partition(|c| c.device_hash == device.hash);
        codes = others;
        (device, own)
    });
    Ok(with_codes.collect())
}

/// The outcome of a change.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum UpdateOutcome {
    Updated,
    UnknownUser,
    Refused(InfoKind, InfoChange),
}

/// Changes address and number together or not at all. Codes that went to the old ones, or to the new ones
/// before they were the user's, are forgotten.
pub(super) async fn update_user(
    cx: &Cx,
    id: &str,
    email: &Update,
    phone_number: &Update,
) -> Result<UpdateOutcome> {
    let mut tx = cx.db().write().await?;
    let Some((user, own)) = users::find_locked(&mut tx, cx.app_id(), (id, RECIPE_ID)).await? else {
        return Ok(UpdateOutcome::UnknownUser);
    };
    let email = email.applied(own.email.as_deref());
    let phone_number = phone_number.applied(own.phone_number.as_deref());
    if email.is_none() && phone_number.is_none() {
        return Err(Error::bad_input("You cannot clear both email and phone number of a user"));
    }
    let mut events = Vec::new();
    for (kind, value) in [(InfoKind::Email, email), (InfoKind::Phone, phone_number)] {
        match users::change_info(&mut tx, cx.app_id(), (&user, &own), kind, value).await? {
            InfoChange::Done => {}
            refusal => return Ok(UpdateOutcome::Refused(kind, refusal)),
        }
        events.extend(users::info_changed(&user, &own, kind, value));
    }
    store::update_contacts(&mut tx, cx.app_id(), &own.user_id, email, phone_number).await?;
    let mut stale: Vec<Contact> = Vec::new();
    if own.email.as_deref() != email {
        stale.extend(
            [own.email.as_deref(), email].into_iter().flatten().map(|text| Contact::Email(text.into())),
        );
    }
    if own.phone_number.as_deref() != phone_number {
        let both = [own.phone_number.as_deref(), phone_number];
        stale.extend(both.into_iter().flatten().map(|text| Contact::Phone(text.into())));
    }
    for which in stale.into_iter().map(Which::Of) {
        for tenant_id in &own.tenant_ids {
            store::delete_devices(&mut tx, &cx.scope.with_tenant(tenant_id), &which).await?;
        }
    }
    audit::commit(cx, tx, events).await?;
    Ok(UpdateOutcome::Updated)
}

/// The user with an address or number in the call's tenant.
pub(super) async fn find_by_contact(cx: &Cx, contact: &Contact) -> Result<Option<User>> {
    let mut tx = cx.db().look_up().await?;
    let Some(user_id) = store::find_user(&mut tx, &cx.scope, contact).await? else { return Ok(None) };
    users::find_in(&mut tx, cx.app_id(), &user_id).await
}

/// The user with an id, with its passwordless login method only.
pub(super) async fn find_by_id(cx: &Cx, id: &str) -> Result<Option<User>> {
    users::find_method(cx, id, RECIPE_ID).await
}
