//! Claims: values that are kept in the access token, and what routes may ask of them.

use crate::{ClaimFailure, Cx, Result};
use futures_util::future::BoxFuture;
use portcullis_wire::Object;
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;

/// Whose claim is fetched.
#[derive(Clone, Debug)]
pub struct ClaimSubject {
    /// The primary user.
    pub user_id: String,
    /// The login method.
    pub recipe_user_id: String,
    /// The tenant.
    pub tenant_id: String,
}

type Fetch = dyn Fn(Cx, ClaimSubject) -> BoxFuture<'static, Result<Option<Value>>> + Send + Sync;

/// A claim: a name and a way to find its value. In the access token it is `{v: value, t: milliseconds}`.
///
/// ```
/// use portcullis::recipes::session::Claim;
///
/// let second_factor = Claim::new("2fa-done", |_cx, _subject| Box::pin(async { Ok(Some(false.into())) }));
/// let needed = second_factor.is_true(None);
/// ```
#[derive(Clone)]
pub struct Claim {
    key: Arc<str>,
    fetch: Arc<Fetch>,
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Claim").field(&self.key).finish()
    }
}

impl Claim {
    /// A claim with this key in the access token. `fetch` answers `None` to leave the token as it is.
    pub fn new(
        key: &str,
        fetch: impl Fn(Cx, ClaimSubject) -> BoxFuture<'static, Result<Option<Value>>> + Send + Sync + 'static,
    ) -> Self {
        Self { key: key.into(), fetch: Arc::new(fetch) }
    }

    /// The key in the access token.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Finds the value.
    pub async fn fetch(&self, cx: &Cx, subject: &ClaimSubject) -> Result<Option<Value>> {
        (self.fetch)(cx.clone(), subject.clone()).await
    }

    /// Finds the value and answers what is to be laid over a payload.
    pub async fn build(&self, cx: &Cx, subject: &ClaimSubject, _payload: &Object) -> Result<Object> {
        let mut update = Object::new();
        if let Some(value) = self.fetch(cx, subject).await? {
            self.add_to(&mut update, &value, cx.now());
        }
        Ok(update)
    }

    /// Writes a value into a payload.
    pub fn add_to(&self, payload: &mut Object, value: &Value, now: i64) {
        payload.insert(self.key.to_string(), json!({"v": value, "t": now}));
    }

    /// The value in a payload.
    pub fn value_in<'p>(&self, payload: &'p Object) -> Option<&'p Value> {
        payload.get(&*self.key)?.get("v")
    }

    /// When the value in a payload was found, in milliseconds.
    pub fn fetched_at(&self, payload: &Object) -> Option<i64> {
        payload.get(&*self.key)?.get("t")?.as_i64()
    }

    /// The value must be this one, and no older than so many seconds.
    pub fn has_value(&self, expected: impl Into<Value>, max_age_secs: Option<i64>) -> ClaimValidator {
        let expected = expected.into();
        self.check(max_age_secs, ("expectedValue", expected.clone()), move |value| *value == expected)
    }

    /// The value must be `true`.
    pub fn is_true(&self, max_age_secs: Option<i64>) -> ClaimValidator {
        self.has_value(true, max_age_secs)
    }

    /// The value must be `false`.
    pub fn is_false(&self, max_age_secs: Option<i64>) -> ClaimValidator {
        self.has_value(false, max_age_secs)
    }

    /// The list must hold a value.
    pub fn includes(&self, value: impl Into<Value>, max_age_secs: Option<i64>) -> ClaimValidator {
        let value = value.into();
        self.check(max_age_secs, ("expectedToInclude", value.clone()), move |list| holds(list, &value))
    }

    /// The list must not hold a value.
    pub fn excludes(&self, value: impl Into<Value>, max_age_secs: Option<i64>) -> ClaimValidator {
        let value = value.into();
        self.check(max_age_secs, ("expectedToNotInclude", value.clone()), move |list| !holds(list, &value))
    }

    /// The list must hold every one of these values.
    pub fn includes_all(&self, values: Vec<Value>, max_age_secs: Option<i64>) -> ClaimValidator {
        let expected = ("expectedToInclude", Value::Array(values.clone()));
        self.check(max_age_secs, expected, move |list| values.iter().all(|value| holds(list, value)))
    }

    /// The list must hold at least one of these values.
    pub fn includes_any(&self, values: Vec<Value>, max_age_secs: Option<i64>) -> ClaimValidator {
        let expected = ("expectedToIncludeAtLeastOneOf", Value::Array(values.clone()));
        self.check(max_age_secs, expected, move |list| values.iter().any(|value| holds(list, value)))
    }

    /// The list must hold none of these values.
    pub fn excludes_all(&self, values: Vec<Value>, max_age_secs: Option<i64>) -> ClaimValidator {
        let expected = ("expectedToNotInclude", Value::Array(values.clone()));
        self.check(max_age_secs, expected, move |list| !values.iter().any(|value| holds(list, value)))
    }

    fn check(
        &self,
        max_age_secs: Option<i64>,
        (name, expected): (&'static str, Value),
        fits: impl Fn(&Value) -> bool + Send + Sync + 'static,
    ) -> ClaimValidator {
        let (stale_claim, claim) = (self.clone(), self.clone());
        let is_stale = move |cx: &Cx, payload: &Object| {
            let age = age_secs(&stale_claim, payload, cx.now());
            stale_claim.value_in(payload).is_none()
                || max_age_secs.is_some_and(|max| age.is_none_or(|age| age > max))
        };
        let validate = move |cx: &Cx, payload: &Object| {
            let Some(value) = claim.value_in(payload) else {
                return Some(json!({"message": "value does not exist", name: expected.clone()}));
            };
            let age = age_secs(&claim, payload, cx.now());
            if let (Some(age), Some(max)) = (age, max_age_secs)
                && age > max
            {
                return Some(json!({"message": "expired", "ageInSeconds": age, "maxAgeInSeconds": max}));
            }
            let wrong = || json!({"message": "wrong value", name: expected.clone(), "actualValue": value});
            (!fits(value)).then(wrong)
        };
        ClaimValidator::new(&self.key, validate).refetching(self.clone(), is_stale)
    }
}

fn age_secs(claim: &Claim, payload: &Object, now: i64) -> Option<i64> {
    claim.fetched_at(payload).map(|at| (now - at) / 1000)
}

fn holds(list: &Value, value: &Value) -> bool {
    list.as_array().is_some_and(|items| items.contains(value))
}

type Validate = dyn Fn(&Cx, &Object) -> Option<Value> + Send + Sync;
type IsStale = dyn Fn(&Cx, &Object) -> bool + Send + Sync;

/// What a route asks of an access token's payload.
#[derive(Clone)]
pub struct ClaimValidator {
    id: Arc<str>,
    validate: Arc<Validate>,
    refetch: Option<(Claim, Arc<IsStale>)>,
}

impl fmt::Debug for ClaimValidator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ClaimValidator").field(&self.id).finish()
    }
}

impl ClaimValidator {
    /// A validator; `validate` answers what is wrong, for the frontend, or `None`.
    pub fn new(id: &str, validate: impl Fn(&Cx, &Object) -> Option<Value> + Send + Sync + 'static) -> Self {
        Self { id: id.into(), validate: Arc::new(validate), refetch: None }
    }

    /// Fetches a claim before validating, when `is_stale` says so.
    #[must_use]
    pub fn refetching(
        mut self,
        claim: Claim,
        is_stale: impl Fn(&Cx, &Object) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.refetch = Some((claim, Arc::new(is_stale)));
        self
    }

    /// The same validator under another id.
    #[must_use]
    pub fn with_id(mut self, id: &str) -> Self {
        self.id = id.into();
        self
    }

    /// What names it in a 403.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The claim to fetch before validating this payload.
    pub fn stale_claim(&self, cx: &Cx, payload: &Object) -> Option<&Claim> {
        let (claim, is_stale) = self.refetch.as_ref()?;
        is_stale(cx, payload).then_some(claim)
    }

    /// What is wrong with a payload.
    pub fn validate(&self, cx: &Cx, payload: &Object) -> Option<ClaimFailure> {
        let reason = (self.validate)(cx, payload)?;
        Some(ClaimFailure { id: self.id.to_string(), reason })
    }
}
