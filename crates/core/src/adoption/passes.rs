//! Going through all users, some at a time.

use super::names::{Current, USERS};
use super::service::{Look, is_single};
use super::store::users::{self, Form, Range};
use super::store::{catalog, progress, structure};
use super::work::{FILLED, Step, Tell, Work, patiently};
use crate::Result;

/// Users in one unit of work.
const BATCH: i64 = 1000;
/// The recipes whose users are moved; the table of each ends in `_users`.
const RECIPES: [&str; 4] = ["emailpassword", "passwordless", "thirdparty", "webauthn"];

/// What is done to users, all of them each time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    Move,
    Reserve,
}

impl Pass {
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Move => "users",
            Self::Reserve => "groups",
        }
    }

    fn says(self) -> &'static str {
        match self {
            Self::Move => "moving users",
            Self::Reserve => "reserving what linked users have",
        }
    }
}

/// Up to which user a pass has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Position {
    app_id: String,
    user_id: String,
    done: u64,
    is_end: bool,
}

impl Position {
    const END: &'static str = "end";

    fn parse(text: &str) -> Self {
        let mut words = text.split(' ').map(str::to_owned);
        let app_id = words.next().unwrap_or_default();
        match (words.next(), words.next().and_then(|done| done.parse().ok())) {
            (Some(user_id), Some(done)) => Self { app_id, user_id, done, is_end: false },
            _ => Self { is_end: text == Self::END, ..Self::default() },
        }
    }

    fn to_text(&self) -> String {
        format!("{} {} {}", self.app_id, self.user_id, self.done)
    }
}

impl Work<'_> {
    /// Goes through all users, from where that was broken off if it is gone on with, or else from the first one.
    pub(super) async fn go_through(&self, pass: Pass, is_gone_on: bool, tell: &mut Tell<'_>) -> Result<()> {
        let Look { current, actual, .. } = self.look().await?;
        let recipes = RECIPES.into_iter().filter(|recipe| actual.has(&format!("{recipe}_users")));
        let recipes: Vec<&str> = recipes.collect();
        let form = Form {
            current: &current,
            is_single: is_single(&actual),
            is_linking: actual.column(USERS, "primary_or_recipe_user_id").is_some(),
            recipes: &recipes,
        };
        if pass == Pass::Reserve && !form.is_linking {
            return Ok(());
        }
        let mut tx = self.db.read().await?;
        let noted = if is_gone_on { progress::find(&mut tx, pass.name()).await? } else { None };
        let counted = if form.is_single { USERS } else { "app_id_to_user_id" };
        let all = catalog::count_rows(&mut tx, &current, counted).await?.unsigned_abs();
        let mut apps = users::list_apps(&mut tx, &current).await?;
        apps.sort();
        drop(tx);
        let mut position = Position::parse(noted.as_deref().unwrap_or_default());
        if position.is_end {
            return Ok(());
        }
        tell(Step::Begun(pass.says()));
        let mut batches = 0_u32;
        let begin = position.app_id.clone();
        for app_id in apps.into_iter().filter(|app_id| *app_id >= begin) {
            if app_id != position.app_id {
                position = Position { app_id, user_id: String::new(), ..position };
            }
            loop {
                let last = self.do_batch(pass, form, &mut position, is_gone_on).await?;
                tell(Step::Users(position.done.min(all), all));
                batches += 1;
                // What PostgreSQL knows of the new tables is soon out of date in the beginning.
                if batches.is_power_of_two() && pass == Pass::Move && batches >= 8 {
                    self.analyze(&current).await?;
                }
                if last.is_none() {
                    break;
                }
            }
        }
        if is_gone_on {
            let mut tx = self.db.write().await?;
            progress::note(&mut tx, pass.name(), Position::END).await?;
            tx.commit().await?;
        }
        self.analyze(&current).await
    }

    /// The next users; the last one's id, or `None` if these were the last ones of the app.
    async fn do_batch(
        &self,
        pass: Pass,
        form: Form<'_>,
        position: &mut Position,
        is_gone_on: bool,
    ) -> Result<Option<String>> {
        // A core that runs beside this changes the same users.
        patiently(async || self.try_batch(pass, form, position, is_gone_on).await).await
    }

    async fn try_batch(
        &self,
        pass: Pass,
        form: Form<'_>,
        position: &mut Position,
        is_gone_on: bool,
    ) -> Result<Option<String>> {
        let mut tx = self.db.write().await?;
        users::go_by_keys(&mut tx).await?;
        let last = users::find_last(&mut tx, form, (&position.app_id, &position.user_id), BATCH).await?;
        let range = Range { app_id: &position.app_id, after: &position.user_id, last: last.as_deref() };
        match pass {
            Pass::Move => {
                if self.is_shared && !form.is_single {
                    users::lock(&mut tx, form, range).await?;
                }
                users::move_users(&mut tx, form, range).await?;
            }
            Pass::Reserve => {
                users::reserve(&mut tx, form, range).await?;
            }
        }
        let next = Position {
            app_id: position.app_id.clone(),
            user_id: last.clone().unwrap_or_else(|| position.user_id.clone()),
            done: position.done + BATCH.unsigned_abs(),
            is_end: false,
        };
        if is_gone_on && last.is_some() {
            progress::note(&mut tx, pass.name(), &next.to_text()).await?;
        }
        tx.commit().await?;
        *position = next;
        Ok(last)
    }

    async fn analyze(&self, current: &Current) -> Result<()> {
        for table in FILLED {
            self.run(&[structure::analyzing(current, table)]).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_what_was_noted() {
        let position = Position { app_id: "a".to_owned(), user_id: "u".to_owned(), done: 7, is_end: false };
        assert_eq!(Position::parse(&position.to_text()), position);
        assert!(Position::parse(Position::END).is_end);
        assert_eq!(Position::parse(""), Position::default());
    }
}
