//! Claims: values that are kept in the access token, and what routes may ask of them.

use super::access_token::AccessToken;
use crate::{ClaimFailure, Cx, Result};
use futures_util::future::BoxFuture;
use portcullis_wire::Object;
use serde_json::{Value, json};
use std::fmt;
use std::sync::Arc;

/// Whose claim is fetched.
#[derive(Clone, Debug)]
pub struct ClaimSubject(Whose);

#[derive(Clone, Debug)]
enum Whose {
    /// Whoever an access token belongs to: nothing is copied, as most verifications fetch no claim.
    Token(AccessToken),
    Named {
        user_id: String,
        recipe_user_id: String,
        tenant_id: String,
    },
}

impl ClaimSubject {
    /// A primary user, by a login method, in a tenant.
    pub fn new(
        user_id: impl Into<String>,
        recipe_user_id: impl Into<String>,
        tenant_id: impl Into<String>,
    ) -> Self {
        let (user_id, recipe_user_id) = (user_id.into(), recipe_user_id.into());
        Self(Whose::Named { user_id, recipe_user_id, tenant_id: tenant_id.into() })
    }

    pub(super) fn of_token(token: AccessToken) -> Self {
        Self(Whose::Token(token))
    }

    /// The primary user.
    pub fn user_id(&self) -> &str {
        match &self.0 {
            Whose::Token(token) => &token.claims().user_id,
            Whose::Named { user_id, .. } => user_id,
        }
    }

    /// The login method.
    pub fn recipe_user_id(&self) -> &str {
        match &self.0 {
            Whose::Token(token) => &token.claims().recipe_user_id,
            Whose::Named { recipe_user_id, .. } => recipe_user_id,
        }
    }

    /// The tenant.
    pub fn tenant_id(&self) -> &str {
        match &self.0 {
            Whose::Token(token) => &token.claims().tenant_id,
            Whose::Named { tenant_id, .. } => tenant_id,
        }
    }
}

type Fetch = dyn Fn(Cx, ClaimSubject, Object) -> BoxFuture<'static, Result<Option<Value>>> + Send + Sync;
/// Lays a value over the one that is there.
type Merge = fn(Option<&Value>, &Value) -> Value;

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
    /// For values that are in the access token as they are, without the time.
    merge: Option<Merge>,
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
        Self { key: key.into(), fetch: Arc::new(move |cx, subject, _| fetch(cx, subject)), merge: None }
    }

    /// A claim that depends on what the access token says already, and whose value is in it as it is.
    pub(crate) fn of_payload(
        key: &str,
        merge: Merge,
        fetch: impl Fn(Cx, ClaimSubject, Object) -> BoxFuture<'static, Result<Option<Value>>>
        + Send
        + Sync
        + 'static,
    ) -> Self {
        Self { key: key.into(), fetch: Arc::new(fetch), merge: Some(merge) }
    }

    /// The key in the access token.
    pub fn key(&self) -> &str {
        &self.key
    }

    /// Finds the value for a session whose access token says this.
    pub async fn fetch(&self, cx: &Cx, subject: &ClaimSubject, payload: &Object) -> Result<Option<Value>> {
        (self.fetch)(cx.clone(), subject.clone(), payload.clone()).await
    }

    /// Finds the value and answers what is to be laid over a payload.
    pub async fn build(&self, cx: &Cx, subject: &ClaimSubject, payload: &Object) -> Result<Object> {
        let mut update = Object::new();
        if let Some(value) = self.fetch(cx, subject, payload).await? {
            self.add_to(&mut update, &value, cx.now());
        }
        Ok(update)
    }

    /// Writes a value into a payload.
    pub fn add_to(&self, payload: &mut Object, value: &Value, now: i64) {
        let kept = match self.merge {
            Some(merge) => merge(payload.get(&*self.key), value),
            None => json!({"v": value, "t": now}),
        };
        payload.insert(self.key.to_string(), kept);
    }

    /// The value in a payload.
    pub fn value_in<'p>(&self, payload: &'p Object) -> Option<&'p Value> {
        let kept = payload.get(&*self.key)?;
        if self.merge.is_some() { Some(kept) } else { kept.get("v") }
    }

    /// When the value in a payload was found, in milliseconds; `None` also if the claim does not keep that.
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
        let expected = ("expectedToInclude", value.clone());
        self.check_list(max_age_secs, expected, move |list| list.contains(&value))
    }

    /// The list must not hold a value.
    pub fn excludes(&self, value: impl Into<Value>, max_age_secs: Option<i64>) -> ClaimValidator {
        let value = value.into();
        let expected = ("expectedToNotInclude", value.clone());
        self.check_list(max_age_secs, expected, move |list| !list.contains(&value))
    }

    /// The list must hold every one of these values.
    pub fn includes_all(&self, values: Vec<Value>, max_age_secs: Option<i64>) -> ClaimValidator {
        let expected = ("expectedToInclude", Value::Array(values.clone()));
        self.check_list(max_age_secs, expected, move |list| values.iter().all(|value| list.contains(value)))
    }

    /// The list must hold at least one of these values.
    pub fn includes_any(&self, values: Vec<Value>, max_age_secs: Option<i64>) -> ClaimValidator {
        let expected = ("expectedToIncludeAtLeastOneOf", Value::Array(values.clone()));
        self.check_list(max_age_secs, expected, move |list| values.iter().any(|value| list.contains(value)))
    }

    /// The list must hold none of these values.
    pub fn excludes_all(&self, values: Vec<Value>, max_age_secs: Option<i64>) -> ClaimValidator {
        let expected = ("expectedToNotInclude", Value::Array(values.clone()));
        self.check_list(max_age_secs, expected, move |list| !values.iter().any(|value| list.contains(value)))
    }

    /// What is no list holds nothing and lacks nothing: it never fits.
    fn check_list(
        &self,
        max_age_secs: Option<i64>,
        expected: (&'static str, Value),
        fits: impl Fn(&[Value]) -> bool + Send + Sync + 'static,
    ) -> ClaimValidator {
        self.check(max_age_secs, expected, move |value| value.as_array().is_some_and(|list| fits(list)))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recipes::session::SessionRecipe;
    use crate::{AppInfo, Clock, Portcullis};

    const NOW: i64 = 1_700_000_000_000;

    fn cx() -> Cx {
        let info = AppInfo::new("Demo", "http://localhost:3001", "http://localhost:3000");
        let sdk = Portcullis::builder(info).core("http://localhost:1").clock(Clock::fixed(NOW));
        Cx::new(&sdk.recipe(SessionRecipe::new()).build().unwrap())
    }

    fn claim() -> Claim {
        Claim::new("c", |_, _| Box::pin(async { Ok(None) }))
    }

    /// The reason that a validator gives, for a value that was found so many milliseconds ago.
    fn reason(validator: &ClaimValidator, value: &Value, age: i64) -> Option<Value> {
        let mut payload = Object::new();
        claim().add_to(&mut payload, value, NOW - age);
        let failure = validator.validate(&cx(), &payload)?;
        assert_eq!(failure.id, "c");
        Some(failure.reason)
    }

    /// A validator, the name and the value of what it expects, values that fit, and values that do not.
    type Case = (ClaimValidator, &'static str, Value, Vec<Value>, Vec<Value>);

    fn cases(max: Option<i64>) -> Vec<Case> {
        let claim = claim();
        let ab = || vec![json!("a"), json!("b")];
        let no_lists = || vec![json!("a"), json!("x"), json!({"a": "a"}), json!(null), json!(1)];
        let with = |mut values: Vec<Value>| {
            values.extend(no_lists());
            values
        };
        vec![
            (
                claim.has_value(json!({"a": [1, "b"]}), max),
                "expectedValue",
                json!({"a": [1, "b"]}),
                vec![json!({"a": [1, "b"]})],
                vec![json!({"a": ["b", 1]}), json!({}), json!(null), json!("a")],
            ),
            (
                claim.is_true(max),
                "expectedValue",
                json!(true),
                vec![json!(true)],
                vec![json!(false), json!("true"), json!(1), json!(null)],
            ),
            (
                claim.is_false(max),
                "expectedValue",
                json!(false),
                vec![json!(false)],
                vec![json!(true), json!("false"), json!(0), json!(null)],
            ),
            (
                claim.includes("a", max),
                "expectedToInclude",
                json!("a"),
                vec![json!(["a"]), json!(["x", "a", 1])],
                with(vec![json!([]), json!(["A", "ab", ["a"]])]),
            ),
            (
                claim.excludes("a", max),
                "expectedToNotInclude",
                json!("a"),
                vec![json!([]), json!(["A", "ab", ["a"]])],
                with(vec![json!(["a"]), json!(["x", "a", 1])]),
            ),
            (
                claim.includes_all(ab(), max),
                "expectedToInclude",
                json!(["a", "b"]),
                vec![json!(["b", "x", "a"])],
                with(vec![json!([]), json!(["a"]), json!(["b", "b"]), json!([["a", "b"]])]),
            ),
            (
                claim.includes_any(ab(), max),
                "expectedToIncludeAtLeastOneOf",
                json!(["a", "b"]),
                vec![json!(["a"]), json!(["x", "b"]), json!(["a", "b"])],
                with(vec![json!([]), json!(["x"]), json!([["a"]])]),
            ),
            (
                claim.excludes_all(ab(), max),
                "expectedToNotInclude",
                json!(["a", "b"]),
                vec![json!([]), json!(["x", ["a"]])],
                with(vec![json!(["a"]), json!(["x", "b"]), json!(["a", "b"])]),
            ),
        ]
    }

    #[test]
    fn what_fits_passes_and_what_does_not_is_told() {
        for (validator, name, expected, fitting, wrong) in cases(None) {
            for value in fitting {
                assert_eq!(reason(&validator, &value, 0), None, "{name} {expected}: {value}");
            }
            for value in wrong {
                let told = json!({"message": "wrong value", name: expected, "actualValue": value});
                assert_eq!(reason(&validator, &value, 0), Some(told), "{name} {expected}");
            }
        }
    }

    #[test]
    fn a_value_that_is_missing_or_old_is_fetched_and_does_not_pass() {
        let cx = cx();
        for (max, cases) in [(None, cases(None)), (Some(300), cases(Some(300)))] {
            for (validator, name, expected, fitting, _) in cases {
                let missing = validator.validate(&cx, &Object::new()).unwrap().reason;
                assert_eq!(missing, json!({"message": "value does not exist", name: expected}));
                assert!(validator.stale_claim(&cx, &Object::new()).is_some(), "{name}");
                for (age, is_old) in [(0, false), (300_000, false), (301_000, true)] {
                    let is_old = is_old && max.is_some();
                    let told = json!({"message": "expired", "ageInSeconds": 301, "maxAgeInSeconds": 300});
                    assert_eq!(reason(&validator, &fitting[0], age), is_old.then_some(told), "{name} {age}");
                    let mut payload = Object::new();
                    claim().add_to(&mut payload, &fitting[0], NOW - age);
                    assert_eq!(validator.stale_claim(&cx, &payload).is_some(), is_old, "{name} {age}");
                }
            }
        }
    }

    #[test]
    fn a_validator_can_have_another_id() {
        let failure = claim().is_true(None).with_id("second factor").validate(&cx(), &Object::new());
        assert_eq!(failure.unwrap().id, "second factor");
    }
}
