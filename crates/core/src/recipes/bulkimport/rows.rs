//! Users from a file, row by row and without the queue, each with a verdict: what `portcullis import` does.
//!
//! A row is imported in one unit of work with all that belongs to the user, whose internal id is told or follows from
//! the row. So a row whose user is there was imported: whoever begins again, for whatever reason, gets on.

use super::reading::{Ids, Known, Reader};
use super::service::{self, context};
use crate::crypto::digest::Secret;
use crate::ground::audit::{self, By};
use crate::ground::keys::service as keys;
use crate::ground::users::service as users;
use crate::{App, Cx, Error, PUBLIC, Result, Scope, Unknown};
use portcullis_db::Error as DbError;
use portcullis_wire::Object;
use portcullis_wire::bulkimport::ImportUser;
use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

/// How often a row is tried that gets into somebody's way.
const TRIES: u32 = 20;
/// The pause in between.
const PAUSE: Duration = Duration::from_millis(50);

/// Imports rows into an app.
#[derive(Debug)]
pub struct Importer {
    cx: Cx,
    known: Known,
    /// What ids follow from that rows do not tell.
    key: Secret,
}

/// What became of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The user is there now.
    Imported,
    /// The user was there.
    WasThere,
    /// Everything that is wrong, or the first thing that is in the way.
    Refused(Vec<String>),
}

impl Importer {
    /// For rows that refer to the roles and tenants that there are now. 400 if there is no such app.
    pub async fn open(app: &Arc<App>, domain: &str, app_id: &str) -> Result<Self> {
        let scope = Scope::new(domain, app_id, PUBLIC);
        let cx = context(app, scope.clone(), By::Command, app.clock.now()).await?;
        let cx = cx.ok_or(Error::UnknownTenant(scope, Unknown::App))?;
        let key = keys::current(&cx).await?.refresh_token_key.clone();
        Ok(Self { known: service::known(&cx).await?, key, cx })
    }

    /// The key that Firebase's hashes are verified with in this app, in base64.
    pub fn firebase_signer_key(&self) -> Option<&Secret> {
        self.cx.config().firebase_signer_key.as_ref()
    }

    /// Imports rows; an outcome for each, in their order. After an error some may be imported, and others not.
    pub async fn import(&self, rows: &[Object]) -> Result<Vec<Outcome>> {
        let cx = Cx { now: self.cx.app.clock.now(), ..self.cx.clone() };
        let (mut outcomes, mut fresh) = self.read(&cx, rows).await?;
        for (_, user) in &mut fresh {
            service::hash_passwords(&cx, user).await?;
        }
        let all: Vec<&ImportUser> = fresh.iter().map(|(_, user)| user).collect();
        if import_together(&cx, &all).await? {
            return Ok(outcomes);
        }
        // One by one, so that one that cannot be imported keeps no other from it.
        for (at, user) in &fresh {
            outcomes[*at] = import_alone(&cx, user).await?;
        }
        Ok(outcomes)
    }

    /// As [`Importer::import`], but imports nothing: refused is what can be seen from the rows alone.
    pub async fn check(&self, rows: &[Object]) -> Result<Vec<Outcome>> {
        Ok(self.read(&self.cx, rows).await?.0)
    }

    /// The users who are to be imported, by the places of their rows, with outcomes that are right if all of them can
    /// be imported.
    async fn read(&self, cx: &Cx, rows: &[Object]) -> Result<(Vec<Outcome>, Vec<(usize, ImportUser)>)> {
        let mut reader = Reader::new(&self.known, Ids::Told(&self.key));
        let read: Vec<_> = rows.iter().map(|row| reader.user(row)).collect();
        let ids: Vec<&str> = read.iter().flatten().filter_map(id).collect();
        let mut there = users::list_known(&mut cx.db().read().await?, cx.app_id(), &ids).await?;
        for db in cx.others().await? {
            there.extend(users::list_known(&mut db.read().await?, cx.app_id(), &ids).await?);
        }
        let there: HashSet<&str> = there.iter().map(String::as_str).collect();
        let (mut outcomes, mut fresh, mut ids) = (Vec::new(), Vec::new(), HashSet::new());
        for (at, user) in read.iter().enumerate() {
            outcomes.push(match user {
                Err(faults) => Outcome::Refused(faults.clone()),
                Ok(user) if id(user).is_some_and(|id| there.contains(id)) => Outcome::WasThere,
                Ok(user) => {
                    fresh.push((at, user.clone()));
                    // The same row twice: the second one is to find the first one's user.
                    if ids.insert(id(user)) { Outcome::Imported } else { Outcome::WasThere }
                }
            });
        }
        Ok((outcomes, fresh))
    }
}

/// The internal id of the login method that the user is named after.
fn id(user: &ImportUser) -> Option<&str> {
    user.named_after().map(|method| method.user_id.as_str())
}

/// Imports all users in one unit of work, or none.
async fn import_together(cx: &Cx, fresh: &[&ImportUser]) -> Result<bool> {
    let mut ids = HashSet::new();
    if fresh.is_empty() {
        return Ok(true);
    }
    // Whoever is told twice is to be found the second time.
    if !fresh.iter().all(|user| ids.insert(id(user))) {
        return Ok(false);
    }
    if service::are_apart(cx, fresh.iter().copied()).await? {
        return Ok(false);
    }
    let mut tx = cx.db().write().await?;
    if !service::import_all(cx, &mut tx, fresh).await? {
        return Ok(false);
    }
    let events = fresh.iter().filter_map(|user| service::imported(user)).collect();
    match audit::commit(cx, tx, events).await {
        Err(Error::Db(DbError::Busy)) => Ok(false),
        outcome => outcome.map(|()| true),
    }
}

async fn import_alone(cx: &Cx, user: &ImportUser) -> Result<Outcome> {
    for _ in 0..TRIES {
        match try_alone(cx, user).await {
            Err(Error::Db(DbError::Busy)) => tokio::time::sleep(PAUSE).await,
            Err(Error::Db(error)) if service::is_its_own_fault(&error) => {
                return Ok(Outcome::Refused(vec![
                    super::model::Verdict::Impossible(error.to_string()).to_string(),
                ]));
            }
            outcome => return outcome,
        }
    }
    Err(DbError::Busy.into())
}

async fn try_alone(cx: &Cx, user: &ImportUser) -> Result<Outcome> {
    let there = service::at_home(cx, user).await?;
    let cx = there.as_ref().unwrap_or(cx);
    let mut tx = cx.db().write().await?;
    let own: Vec<&str> = id(user).into_iter().collect();
    if !users::list_known(&mut tx, cx.app_id(), &own).await?.is_empty() {
        return Ok(Outcome::WasThere);
    }
    if let Err(verdict) = service::import(cx, &mut tx, user).await? {
        return Ok(Outcome::Refused(vec![verdict.to_string()]));
    }
    audit::commit(cx, tx, service::imported(user).into_iter().collect()).await?;
    Ok(Outcome::Imported)
}
