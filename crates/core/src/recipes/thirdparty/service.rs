//! What the recipe decides.

use super::model::Told;
use super::store;
use crate::crypto::random;
use crate::ground::activity;
use crate::ground::audit::{self, Event, Kind};
use crate::ground::users::model::{InfoKind, LoginMethod, ThirdParty, User};
use crate::ground::users::service::{self as users, AccountInfo, Found, InfoChange};
use crate::{Cx, Error, Result};

const RECIPE_ID: &str = "thirdparty";

/// The outcome of a sign-in.
#[derive(Debug)]
pub(super) enum SignInUp {
    /// Signed in for the first time.
    Created(Found),
    /// Signed in again.
    Known(Found),
    /// The address is another primary user's.
    EmailChangeNotAllowed,
}

/// Signs a provider's user in, who is created the first time. What the provider tells replaces what it told
/// before; a verified address stays verified.
pub(super) async fn sign_in_up(cx: &Cx, third_party: &ThirdParty, told: Told<'_>) -> Result<SignInUp> {
    let known = store::find(&mut cx.db().look_up().await?, &cx.scope, third_party).await?;
    let Some(user_id) = known else { return sign_up(cx, third_party, told).await.map(SignInUp::Created) };
    let found = users::find_certain(&mut cx.db().look_up().await?, cx.app_id(), &user_id).await?;
    let is_known = found.user.method(&user_id).is_some_and(|own| told.is_known(own));
    let found = if is_known {
        audit::commit(cx, cx.db().write_one().await?, vec![sign_in(&found, third_party, told)]).await?;
        found
    } else {
        let Some(updated) = update(cx, &user_id, (third_party, told)).await? else {
            return Ok(SignInUp::EmailChangeNotAllowed);
        };
        updated
    };
    activity::touch(cx, &found.user.id).await;
    Ok(SignInUp::Known(found))
}

fn sign_in(found: &Found, third_party: &ThirdParty, told: Told<'_>) -> Event {
    let event = Event::new(Kind::ThirdPartySignIn).of(&found.recipe_user_id, found.user.public_id());
    event.with(third_party.id.clone(), told.email)
}

async fn sign_up(cx: &Cx, third_party: &ThirdParty, told: Told<'_>) -> Result<Found> {
    let user_id = random::ordered_uuid(cx.now);
    let whole = (third_party.id.as_str(), third_party.user_id.as_str());
    let text = third_party.to_text();
    let new = users::NewUser {
        user_id: &user_id,
        recipe_id: RECIPE_ID,
        identity: AccountInfo::unique(InfoKind::ThirdParty, &text),
        further: Some(AccountInfo { kind: InfoKind::Email, value: told.email, third_party: whole }),
        time_joined: cx.now,
    };
    let event = Event::new(Kind::ThirdPartySignUp).with(third_party.id.clone(), told.email);
    let entry = audit::entry(cx, event);
    let mut own = vec![store::row(third_party, told.email, cx.now), entry.row()];
    own.extend(activity::first_touch(cx, &user_id));
    own.extend(told.is_verified.then(|| users::verified_email_row(told.email)));
    let mut tx = cx.db().write_one().await?;
    if !users::insert_user(&mut tx, &cx.scope, new, &own).await? {
        // Another call made the user since: the whole call is tried again.
        return Err(portcullis_db::Error::Busy.into());
    }
    audit::commit_logged(cx, tx).await?;
    activity::touch_new(cx, &user_id).await;
    Ok(Found::alone(LoginMethod {
        tenant_ids: vec![cx.tenant_id().to_owned()],
        email: Some(told.email.to_owned()),
        third_party: Some(third_party.clone()),
        verified: told.is_verified,
        ..LoginMethod::new(RECIPE_ID, &user_id, cx.now)
    }))
}

/// Stores what a provider tells; `None` if the address is another primary user's.
async fn update(
    cx: &Cx,
    user_id: &str,
    (third_party, told): (&ThirdParty, Told<'_>),
) -> Result<Option<Found>> {
    let app_id = cx.app_id();
    let mut tx = cx.db().write().await?;
    let locked = users::find_locked(&mut tx, app_id, (user_id, RECIPE_ID)).await?;
    let is_here = |own: &LoginMethod| own.tenant_ids.iter().any(|id| id == cx.tenant_id());
    let Some((user, own)) = locked.filter(|(_, own)| is_here(own)) else {
        // Deleted since, or taken out of the tenant: the whole call is tried again.
        return Err(portcullis_db::Error::Busy.into());
    };
    if own.email.as_deref() != Some(told.email) {
        let changed = users::change_info(&mut tx, app_id, (&user, &own), InfoKind::Email, Some(told.email));
        match changed.await? {
            InfoChange::Done => store::update_email(&mut tx, app_id, user_id, told.email).await?,
            InfoChange::NotAllowed => return Ok(None),
            InfoChange::Taken => return Err(Error::internal("a provider's address is nobody's alone")),
        }
    }
    let mut events: Vec<Event> =
        users::info_changed(&user, &own, InfoKind::Email, Some(told.email)).into_iter().collect();
    if told.is_verified {
        users::insert_verified_email(&mut tx, app_id, own.public_id(), told.email).await?;
        let proven = Event::new(Kind::EmailVerified).of(own.public_id(), user.public_id());
        events.push(proven.with("email", told.email));
    }
    let found = users::find_certain(&mut tx, app_id, user_id).await?;
    events.push(sign_in(&found, third_party, told));
    audit::commit(cx, tx, events).await?;
    Ok(Some(found))
}

/// A provider's user in the call's tenant.
pub(super) async fn find_by_third_party(cx: &Cx, third_party: &ThirdParty) -> Result<Option<User>> {
    let mut tx = cx.db().read().await?;
    let Some(user_id) = store::find(&mut tx, &cx.scope, third_party).await? else { return Ok(None) };
    users::find_in(&mut tx, cx.app_id(), &user_id).await
}

/// The user with an id, with its thirdparty login method only.
pub(super) async fn find_by_id(cx: &Cx, id: &str) -> Result<Option<User>> {
    users::find_method(cx, id, RECIPE_ID).await
}

/// The providers' users with an address in the call's tenant, oldest first.
pub(super) async fn list_by_email(cx: &Cx, email: &str) -> Result<Vec<User>> {
    let mut tx = cx.db().read().await?;
    let ids = store::list_groups_by_email(&mut tx, &cx.scope, email).await?;
    let mut found = users::load(&mut tx, cx.app_id(), &ids).await?;
    found.sort_by(|left, right| (left.time_joined(), &left.id).cmp(&(right.time_joined(), &right.id)));
    Ok(found)
}
