//! What a session has to go through, step by step.

use portcullis_wire::Object;

/// One step: the factors that end it.
///
/// ```
/// use portcullis::recipes::factors;
/// use portcullis::recipes::multifactorauth::Requirement;
///
/// let steps = [
///     Requirement::one_of([factors::TOTP, factors::OTP_EMAIL]),
///     Requirement::factor("question-about-a-pet"),
/// ];
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Requirement {
    /// This factor.
    Factor(String),
    /// One of these factors; nothing if there is none.
    OneOf(Vec<String>),
    /// All of these factors, in any order.
    AllOfInAnyOrder(Vec<String>),
}

impl Requirement {
    /// This factor.
    pub fn factor(id: impl Into<String>) -> Self {
        Self::Factor(id.into())
    }

    /// One of these factors.
    pub fn one_of<T: Into<String>>(ids: impl IntoIterator<Item = T>) -> Self {
        Self::OneOf(ids.into_iter().map(Into::into).collect())
    }

    /// All of these factors, in any order.
    pub fn all_of_in_any_order<T: Into<String>>(ids: impl IntoIterator<Item = T>) -> Self {
        Self::AllOfInAnyOrder(ids.into_iter().map(Into::into).collect())
    }

    /// The factors that are asked for.
    pub fn factors(&self) -> &[String] {
        match self {
            Self::Factor(id) => std::slice::from_ref(id),
            Self::OneOf(ids) | Self::AllOfInAnyOrder(ids) => ids,
        }
    }

    /// What is left of the step.
    fn left(&self, completed: &Object) -> Option<Self> {
        let is_open = |id: &String| !completed.contains_key(id);
        let left = match self {
            Self::Factor(id) => return is_open(id).then(|| self.clone()),
            Self::OneOf(ids) if !ids.iter().all(is_open) => return None,
            Self::OneOf(ids) => Self::OneOf(distinct(ids.iter())),
            Self::AllOfInAnyOrder(ids) => {
                Self::AllOfInAnyOrder(distinct(ids.iter().filter(|id| is_open(id))))
            }
        };
        (!left.factors().is_empty()).then_some(left)
    }
}

/// What is left of the first step that is not done.
pub(super) fn next(completed: &Object, requirements: &[Requirement]) -> Option<Requirement> {
    requirements.iter().find_map(|requirement| requirement.left(completed))
}

/// Each once.
pub(super) fn distinct<'i>(ids: impl Iterator<Item = &'i String>) -> Vec<String> {
    let mut seen: Vec<String> = Vec::new();
    for id in ids {
        if !seen.contains(id) {
            seen.push(id.clone());
        }
    }
    seen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn completed(ids: &[&str]) -> Object {
        ids.iter().map(|id| ((*id).to_owned(), 1.into())).collect()
    }

    #[test]
    fn the_first_step_that_is_not_done_is_the_next() {
        let steps = [
            Requirement::factor("f1"),
            Requirement::one_of(["f2", "f3", "f2"]),
            Requirement::all_of_in_any_order(["f4", "f5", "f5"]),
            Requirement::factor("f6"),
        ];
        for (done, left) in [
            (&[][..], Some(Requirement::factor("f1"))),
            (&["f2", "f4", "f5", "f6"], Some(Requirement::factor("f1"))),
            (&["f1"], Some(Requirement::one_of(["f2", "f3"]))),
            (&["f1", "f3"], Some(Requirement::all_of_in_any_order(["f4", "f5"]))),
            (&["f1", "f3", "f4"], Some(Requirement::all_of_in_any_order(["f5"]))),
            (&["f1", "f3", "f5", "f4"], Some(Requirement::factor("f6"))),
            (&["f1", "f3", "f5", "f4", "f6"], None),
        ] {
            assert_eq!(next(&completed(done), &steps), left, "{done:?}");
        }
    }

    #[test]
    fn a_step_without_factors_is_done() {
        let steps = [Requirement::one_of([""; 0]), Requirement::all_of_in_any_order([""; 0])];
        assert_eq!(next(&completed(&[]), &steps), None);
        assert_eq!(next(&completed(&[]), &[]), None);
    }
}
