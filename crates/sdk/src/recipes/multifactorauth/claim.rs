//! What the access token says about factors: which the session went through, and whether these are enough.

use super::requirements::{Requirement, next};
use super::state;
use crate::recipes::session::{Claim, ClaimValidator};
use portcullis_wire::Object;
use serde_json::{Value, json};

const KEY: &str = "st-mfa";
/// No second since 1970 has so high a number for a while yet; what does is a millisecond. SuperTokens' Node
/// SDK writes these into sessions that are older than its claim.
const MILLISECONDS_FROM: i64 = 100_000_000_000;

/// The value of the claim.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ClaimValue {
    /// The factors that the session went through, with seconds since 1970.
    pub completed: Object,
    /// Whether these are enough to sign in.
    pub is_satisfied: bool,
}

impl ClaimValue {
    /// The value in an access token's payload.
    pub fn of(payload: &Object) -> Option<Self> {
        let value = payload.get(KEY)?.as_object()?;
        let mut completed = value.get("c")?.as_object()?.clone();
        for at in completed.values_mut() {
            if let Some(milliseconds) = at.as_i64().filter(|at| *at >= MILLISECONDS_FROM) {
                *at = (milliseconds / 1000).into();
            }
        }
        Some(Self { completed, is_satisfied: value.get("v") == Some(&Value::Bool(true)) })
    }

    /// When the session went through a factor, in seconds since 1970.
    pub fn completed_at(&self, factor: &str) -> Option<i64> {
        self.completed.get(factor)?.as_i64()
    }

    pub(super) fn to_json(&self) -> Value {
        json!({"c": self.completed, "v": self.is_satisfied})
    }
}

/// Which factors a session went through, and whether they are enough: `st-mfa`,
/// `{c: {factor: seconds}, v: whether they are enough}`.
pub fn claim() -> Claim {
    Claim::of_payload(KEY, merge, |cx, subject, payload| {
        Box::pin(async move {
            let now = state::look(&cx, subject.tenant_id(), subject.recipe_user_id(), payload, None).await?;
            Ok(Some(now.value.to_json()))
        })
    })
}

/// What was gone through stays so.
fn merge(before: Option<&Value>, value: &Value) -> Value {
    let mut completed = before.and_then(|before| before.get("c")?.as_object().cloned()).unwrap_or_default();
    completed.extend(value.get("c").and_then(Value::as_object).cloned().unwrap_or_default());
    json!({"c": completed, "v": value.get("v")})
}

/// The session must have gone through what signing in asks of its user. The recipe asks for it at every
/// verification.
pub fn has_completed_mfa_requirements_for_auth() -> ClaimValidator {
    needs(|value| {
        (!value.is_satisfied).then(|| json!({"message": "MFA requirement for auth is not satisfied"}))
    })
}

/// The session must have gone through these steps, whatever signing in asks: for routes that need more.
///
/// ```
/// use portcullis::recipes::factors;
/// use portcullis::recipes::multifactorauth::{Requirement, has_completed_requirement_list};
/// use portcullis::recipes::session::VerifyOptions;
///
/// let with_a_code = [Requirement::factor(factors::TOTP)];
/// let options = VerifyOptions::new().also(has_completed_requirement_list(with_a_code));
/// ```
pub fn has_completed_requirement_list(requirements: impl Into<Vec<Requirement>>) -> ClaimValidator {
    let requirements = requirements.into();
    needs(move |value| Some(reason(&next(&value.completed, &requirements)?)))
}

fn reason(left: &Requirement) -> Value {
    let names = left.factors().join(", ");
    match left {
        Requirement::Factor(id) => {
            json!({"message": format!("Factor validation failed: {id} not completed"), "factorId": id})
        }
        Requirement::OneOf(ids) => json!({
            "message": format!("None of these factors are complete in the session: {names}"), "oneOf": ids,
        }),
        Requirement::AllOfInAnyOrder(ids) => json!({
            "message": format!("Some of the factors are not complete in the session: {names}"),
            "allOfInAnyOrder": ids,
        }),
    }
}

/// A validator; sessions that are older than the recipe get a value first.
pub(super) fn needs(fault: impl Fn(&ClaimValue) -> Option<Value> + Send + Sync + 'static) -> ClaimValidator {
    let validate = move |_: &_, payload: &Object| match ClaimValue::of(payload) {
        Some(value) => fault(&value),
        None => Some(json!({"message": "value does not exist"})),
    };
    ClaimValidator::new(KEY, validate).refetching(claim(), |_, payload| ClaimValue::of(payload).is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payload(value: &Value) -> Object {
        std::iter::once((KEY.to_owned(), value.clone())).collect()
    }

    #[test]
    fn milliseconds_are_read_as_seconds() {
        let value = json!({"c": {"emailpassword": 1_700_000_000_123_i64, "totp": 1_700_000_001}, "v": false});
        let value = ClaimValue::of(&payload(&value)).unwrap();
        assert_eq!(value.completed_at("emailpassword"), Some(1_700_000_000));
        assert_eq!(value.completed_at("totp"), Some(1_700_000_001));
        assert_eq!(value.completed_at("otp-email"), None);
        assert!(!value.is_satisfied);
    }

    #[test]
    fn what_is_no_value_is_none() {
        for value in [json!(null), json!(true), json!({}), json!({"c": []}), json!({"v": true})] {
            assert_eq!(ClaimValue::of(&payload(&value)), None, "{value}");
        }
        assert_eq!(ClaimValue::of(&Object::new()), None);
        let odd = ClaimValue::of(&payload(&json!({"c": {}, "v": "true"}))).unwrap();
        assert!(!odd.is_satisfied, "only true is enough");
    }

    #[test]
    fn a_written_value_keeps_what_was_there() {
        let mut written = payload(&json!({"c": {"emailpassword": 1}, "v": false}));
        claim().add_to(&mut written, &json!({"c": {"totp": 2}, "v": true}), 0);
        assert_eq!(written[KEY], json!({"c": {"emailpassword": 1, "totp": 2}, "v": true}));
        assert_eq!(claim().value_in(&written), Some(&written[KEY]));
        assert_eq!(claim().fetched_at(&written), None);
    }
}
