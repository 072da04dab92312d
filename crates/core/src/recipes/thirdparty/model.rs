//! What is decided about a user who came from a provider.

use crate::ground::users::model::LoginMethod;

/// What a provider tells of its user.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told<'a> {
    /// Normalised.
    pub(super) email: &'a str,
    /// Whether the provider has verified it; `false` takes nothing back.
    pub(super) is_verified: bool,
}

impl Told<'_> {
    /// Whether this is known of the user already.
    pub(super) fn is_known(self, method: &LoginMethod) -> bool {
        method.email.as_deref() == Some(self.email) && (method.verified || !self.is_verified)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_new_needs_to_be_written() {
        for (stored, verified, told, is_verified, known) in [
            ("a", false, "a", false, true),
            ("a", false, "a", true, false),
            ("a", true, "a", true, true),
            ("a", true, "a", false, true),
            ("a", true, "b", false, false),
        ] {
            let email = Some(stored.to_owned());
            let method = LoginMethod { email, verified, ..LoginMethod::new("thirdparty", "", 0) };
            assert_eq!(Told { email: told, is_verified }.is_known(&method), known, "{stored} {told}");
        }
    }
}
