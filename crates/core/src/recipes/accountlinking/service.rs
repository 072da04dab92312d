//! What the recipe decides. Each change locks the users it is about, writes what is to be, and asks whether
//! anything is another primary user's now: then it leaves no trace.

use super::model::{self, Refusal};
use crate::ground::activity;
use crate::ground::audit::{self, Event, Kind};
use crate::ground::users::linking::{self, Conflict};
use crate::ground::users::model::{LoginMethod, User};
use crate::ground::users::service as users;
use crate::{Cx, Result};
use portcullis_db::Tx;

type Outcome<T> = Result<std::result::Result<T, Refusal>>;

/// Whether a login method is a primary user already; refused if it cannot become one.
pub(super) async fn check_primary(cx: &Cx, id: &str) -> Outcome<bool> {
    let mut tx = cx.db().read().await?;
    let Some((user, user_id)) = find(&mut tx, cx.app_id(), id).await? else {
        return Ok(Err(Refusal::UnknownUser));
    };
    match model::is_primary(&user, &user_id) {
        Ok(false) => check_infos(&mut tx, cx.app_id(), (&user, &user)).await,
        decided => Ok(decided),
    }
}

/// Makes a login method a primary user; whether it was one before.
pub(super) async fn create_primary(cx: &Cx, id: &str) -> Outcome<(bool, User)> {
    let mut tx = cx.db().write().await?;
    let Some([locked]) = linking::lock(&mut tx, cx.app_id(), [id]).await? else {
        return Ok(Err(Refusal::UnknownUser));
    };
    match model::is_primary(&locked.user, &locked.user_id) {
        Err(refusal) => return Ok(Err(refusal)),
        Ok(true) => return Ok(Ok((true, locked.user))),
        Ok(false) => {}
    }
    if let Some(conflict) = linking::make_primary(&mut tx, cx.app_id(), &locked.user).await? {
        return info_taken(&mut tx, cx.app_id(), conflict).await.map(Err);
    }
    let user = User { is_primary: true, ..locked.user };
    let event = Event::new(Kind::PrimaryUserCreated).of(user.public_id(), user.public_id());
    audit::commit(cx, tx, vec![event]).await?;
    Ok(Ok((false, user)))
}

/// Whether a login method is the primary user's already; refused if it cannot be linked.
pub(super) async fn check_link(cx: &Cx, id: &str, primary_id: &str) -> Outcome<bool> {
    let mut tx = cx.db().read().await?;
    let user = find(&mut tx, cx.app_id(), id).await?;
    let primary = find(&mut tx, cx.app_id(), primary_id).await?;
    let (Some((user, _)), Some((primary, _))) = (user, primary) else {
        return Ok(Err(Refusal::UnknownUser));
    };
    match model::is_linked(&user, &primary) {
        Ok(false) => check_infos(&mut tx, cx.app_id(), (&user, &primary)).await,
        decided => Ok(decided),
    }
}

/// Links a login method to a primary user, and signs it out: whoever signs in with it is somebody else from
/// now on. Whether it was linked before, and the user that both are.
pub(super) async fn link(cx: &Cx, id: &str, primary_id: &str) -> Outcome<(bool, User)> {
    let app_id = cx.app_id();
    let mut tx = cx.db().write().await?;
    let Some([locked, primary]) = linking::lock(&mut tx, app_id, [id, primary_id]).await? else {
        return Ok(Err(Refusal::UnknownUser));
    };
    match model::is_linked(&locked.user, &primary.user) {
        Err(refusal) => return Ok(Err(refusal)),
        Ok(true) => return Ok(Ok((true, primary.user))),
        Ok(false) => {}
    }
    let Some(own) = locked.own() else { return Ok(Err(Refusal::UnknownUser)) };
    if let Some(conflict) = linking::link(&mut tx, app_id, own, &primary.user).await? {
        return info_taken(&mut tx, app_id, conflict).await.map(Err);
    }
    sign_out(cx, &mut tx, own).await?;
    activity::replace(cx, &mut tx, &own.user_id, &primary.user.id).await?;
    let user = users::find_certain(&mut tx, app_id, &own.user_id).await?.user;
    let event = Event::new(Kind::UserLinked).of(own.public_id(), user.public_id());
    audit::commit(cx, tx, vec![event]).await?;
    Ok(Ok((false, user)))
}

/// What became of a login method that was to be unlinked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unlinked {
    /// It was not linked.
    WasAlone,
    /// It is a user by itself.
    Alone,
    /// It is gone: others are linked to the id that it had.
    Deleted,
}

/// Makes a linked login method a user by itself, and signs it out. `None` if there is no such user.
pub(super) async fn unlink(cx: &Cx, id: &str) -> Result<Option<Unlinked>> {
    let app_id = cx.app_id();
    let mut tx = cx.db().write().await?;
    let Some([locked]) = linking::lock(&mut tx, app_id, [id]).await? else { return Ok(None) };
    let user = &locked.user;
    let Some(own) = locked.own().filter(|_| user.is_primary) else { return Ok(Some(Unlinked::WasAlone)) };
    let outcome = if own.user_id == user.id && user.login_methods.len() > 1 {
        // First, so that it is not gone while what it had elsewhere is left.
        linking::forget_elsewhere(cx, user, &[own]).await?;
        linking::delete_methods(cx, &mut tx, user, &[own]).await?;
        Unlinked::Deleted
    } else {
        linking::unlink(cx, &mut tx, own, user).await?;
        Unlinked::Alone
    };
    sign_out(cx, &mut tx, own).await?;
    let event = Event::new(Kind::UserUnlinked).of(own.public_id(), user.public_id());
    let event = event.detail("deleted", outcome == Unlinked::Deleted);
    audit::commit(cx, tx, vec![event]).await?;
    Ok(Some(outcome))
}

async fn find(tx: &mut Tx, app_id: &str, id: &str) -> Result<Option<(User, String)>> {
    let Some(row) = users::find_row(tx, app_id, id).await? else { return Ok(None) };
    Ok(users::find_in(tx, app_id, &row.user_id).await?.map(|user| (user, row.user_id)))
}

async fn check_infos(tx: &mut Tx, app_id: &str, both: (&User, &User)) -> Outcome<bool> {
    match linking::find_conflict(tx, app_id, both).await? {
        Some(conflict) => info_taken(tx, app_id, conflict).await.map(Err),
        None => Ok(Ok(false)),
    }
}

async fn info_taken(tx: &mut Tx, app_id: &str, conflict: Conflict) -> Result<Refusal> {
    let row = users::find_row(tx, app_id, &conflict.primary_id).await?;
    let external_id = row.and_then(|row| row.external_id().map(str::to_owned));
    let primary_user_id = external_id.unwrap_or(conflict.primary_id);
    Ok(Refusal::InfoTaken { kind: conflict.kind, primary_user_id })
}

async fn sign_out(cx: &Cx, tx: &mut Tx, own: &LoginMethod) -> Result<()> {
    for sign_out in cx.app.recipes.iter().filter_map(|recipe| recipe.sign_out) {
        sign_out(tx, cx.app_id(), own.public_id()).await?;
    }
    Ok(())
}
