//! A mapping, and what an id may be taken for.

/// A user's internal and external id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Mapping {
    pub(super) user_id: String,
    pub(super) external_id: String,
    pub(super) info: Option<String>,
}

/// What an id is said to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum IdKind {
    Internal,
    External,
    /// Internal, or else external.
    Any,
}

impl IdKind {
    /// By its name in calls.
    pub(super) fn parse(name: &str) -> Option<Self> {
        match name.trim() {
            "SUPERTOKENS" => Some(Self::Internal),
            "EXTERNAL" => Some(Self::External),
            "ANY" => Some(Self::Any),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_has_a_name_in_capitals() {
        assert_eq!(IdKind::parse(" SUPERTOKENS "), Some(IdKind::Internal));
        assert_eq!(IdKind::parse("EXTERNAL"), Some(IdKind::External));
        assert_eq!(IdKind::parse("ANY"), Some(IdKind::Any));
        assert_eq!((IdKind::parse("any"), IdKind::parse("")), (None, None));
    }
}
