//! In which of its app's databases a user is: nearly always the app has one, and then nobody is asked.

use super::{linking, store};
use crate::ground::tenancy::service as tenancy;
use crate::{Cx, Result};
use portcullis_db::Db;

impl Cx {
    /// The databases that the app has beside that of its public tenant.
    pub async fn others(&self) -> Result<Vec<Db>> {
        let tenants = tenancy::list_apart(&self.app, &self.scope).await?;
        Ok(tenants.into_iter().map(|tenant| tenant.db.clone()).collect())
    }

    /// The same call, at work where the user with an internal or external id is. If nobody has the id, where a recipe
    /// keeps something under it, or else where what belongs to the app is.
    pub async fn of_user(self, id: &str) -> Result<Self> {
        if !tenancy::has_apart(&self.app, &self.scope).await? {
            return Ok(self);
        }
        let home = Box::pin(find_user_or_data(&self, id)).await?;
        Ok(Self { home: Some(home), ..self })
    }

    /// As [`Cx::of_user`], of two users who are to be linked: where both are, or those that two are in.
    pub async fn of_users(self, ids: [&str; 2]) -> Result<std::result::Result<Self, [Db; 2]>> {
        let others = self.others().await?;
        if others.is_empty() {
            return Ok(Ok(self));
        }
        let all = all(&self, others);
        let [one, other] = ids;
        let (one, other) =
            (Box::pin(find_user(&self, &all, one)).await?, Box::pin(find_user(&self, &all, other)).await?);
        Ok(match (one, other) {
            (Some(one), Some(other)) if one.place() != other.place() => Err([one, other]),
            (one, other) => Ok(Self { home: one.or(other).or(Some(self.app_db().clone())), ..self }),
        })
    }

    /// How a database is called in texts: as the reference calls a user pool.
    pub fn pool_id(db: &Db) -> String {
        db.place().map_or_else(|| "default".to_owned(), ToString::to_string)
    }
}

/// That of the public tenant first: most are there.
fn all(cx: &Cx, mut others: Vec<Db>) -> Vec<Db> {
    others.insert(0, cx.app_db().clone());
    others
}

async fn find_user_or_data(cx: &Cx, id: &str) -> Result<Db> {
    // Whoever is there needs no other database, which may be away.
    let row = store::find_row(&mut cx.app_db().look_up().await?, cx.app_id(), id).await?;
    if row.is_some_and(|row| row.user_id == id) {
        return Ok(cx.app_db().clone());
    }
    let all = all(cx, cx.others().await?);
    if let Some(db) = find_user(cx, &all, id).await? {
        return Ok(db);
    }
    for db in all {
        if linking::is_in_use(cx, &mut db.read().await?, id).await? {
            return Ok(db);
        }
    }
    Ok(cx.app_db().clone())
}

/// An internal id wins over an external one, wherever they are.
async fn find_user(cx: &Cx, all: &[Db], id: &str) -> Result<Option<Db>> {
    let mut by_external_id = None;
    for db in all {
        let Some(row) = store::find_row(&mut db.look_up().await?, cx.app_id(), id).await? else { continue };
        if row.user_id == id {
            return Ok(Some(db.clone()));
        }
        by_external_id.get_or_insert_with(|| db.clone());
    }
    Ok(by_external_id)
}
