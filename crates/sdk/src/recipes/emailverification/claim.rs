//! What the access token says about the user's address.

use super::UserEmail;
use crate::recipes::session::{Claim, ClaimSubject, ClaimValidator};
use crate::{Cx, Result, SessionError};

/// How long a "no" is believed before the core is asked again, in seconds.
const REFETCH_ON_FALSE_SECS: i64 = 10;

/// Whether the address of a session's login method is proven; also if it has none.
///
/// ```
/// use portcullis::recipes::emailverification;
/// use portcullis::recipes::session::VerifyOptions;
///
/// let options = VerifyOptions::new().also(emailverification::is_verified(None, None));
/// ```
pub fn claim() -> Claim {
    Claim::new("st-ev", |cx, subject| {
        Box::pin(async move { fetch(&cx, &subject).await.map(|is_verified| Some(is_verified.into())) })
    })
}

/// The address must be proven, and known to be for at most `max_age_secs`. A "no" is believed for
/// `refetch_on_false_secs`, 10 unless given.
pub fn is_verified(refetch_on_false_secs: Option<i64>, max_age_secs: Option<i64>) -> ClaimValidator {
    let claim = claim();
    let patience = refetch_on_false_secs.unwrap_or(REFETCH_ON_FALSE_SECS) * 1000;
    let validator = claim.has_value(true, max_age_secs);
    validator.refetching(claim.clone(), move |cx, payload| {
        let (Some(value), Some(at)) = (claim.value_in(payload), claim.fetched_at(payload)) else {
            return true;
        };
        let age = cx.now() - at;
        max_age_secs.is_some_and(|max| age > max * 1000) || (*value == false && age > patience)
    })
}

async fn fetch(cx: &Cx, subject: &ClaimSubject) -> Result<bool> {
    let recipe = cx.sdk().email_verification()?;
    match recipe.email_of(cx, subject.recipe_user_id()).await? {
        UserEmail::Known(email) => {
            recipe.functions.is_email_verified(cx, subject.recipe_user_id(), &email).await
        }
        UserEmail::Missing => Ok(true),
        UserEmail::UnknownUser => Err(SessionError::over("Unknown User ID provided").into()),
    }
}
