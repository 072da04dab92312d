//! Every kind of event.

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal;)*) => {
        /// What happened.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// Every kind, in the order of the documentation.
            pub const ALL: &[Self] = &[$(Self::$kind),*];

            /// As it is stored.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// Somebody signed up with an address and a password.
    EmailPasswordSignUp "emailpassword_sign_up";
    /// Somebody signed in with an address and a password.
    EmailPasswordSignIn "emailpassword_sign_in";
    /// Somebody signed up by way of a provider.
    ThirdPartySignUp "thirdparty_sign_up";
    /// Somebody signed in by way of a provider.
    ThirdPartySignIn "thirdparty_sign_in";
    /// Somebody signed up with a code.
    PasswordlessSignUp "passwordless_sign_up";
    /// Somebody signed in with a code.
    PasswordlessSignIn "passwordless_sign_in";
    /// Somebody signed up with a passkey.
    WebauthnSignUp "webauthn_sign_up";
    /// Somebody signed in with a passkey.
    WebauthnSignIn "webauthn_sign_in";
    /// A user was brought along from elsewhere.
    UserImported "user_imported";
    /// A user is gone, with all login methods.
    UserDeleted "user_deleted";
    /// One of several login methods of a user is gone.
    LoginMethodDeleted "login_method_deleted";
    /// A password was replaced.
    PasswordChanged "password_changed";
    /// The token of a link to reset a password was used up.
    PasswordResetTokenUsed "password_reset_token_used";
    /// An e-mail address was replaced, added or taken away.
    EmailChanged "email_changed";
    /// A phone number was replaced, added or taken away.
    PhoneNumberChanged "phone_number_changed";
    /// An address was proven to be the user's.
    EmailVerified "email_verified";
    /// That an address was proven is forgotten.
    EmailUnverified "email_unverified";
    /// A login method became a primary user.
    PrimaryUserCreated "primary_user_created";
    /// A login method was linked to a primary user.
    UserLinked "user_linked";
    /// A login method was taken from its primary user.
    UserUnlinked "user_unlinked";
    /// A login method works in one more tenant.
    UserAddedToTenant "user_added_to_tenant";
    /// A login method works in one tenant less.
    UserRemovedFromTenant "user_removed_from_tenant";
    /// A user is known by an external id.
    UserIdMappingCreated "user_id_mapping_created";
    /// What is noted about an external id was changed.
    UserIdMappingUpdated "user_id_mapping_updated";
    /// A user is known by an external id no more.
    UserIdMappingDeleted "user_id_mapping_deleted";
    /// A session began.
    SessionCreated "session_created";
    /// A refresh token was exchanged; only if `audit_session_refreshes` is set.
    SessionRefreshed "session_refreshed";
    /// A session was ended by a call.
    SessionRevoked "session_revoked";
    /// A refresh token that had been replaced was shown, and the session was ended.
    SessionTheftDetected "session_theft_detected";
    /// A session's data in the database were replaced.
    SessionDataUpdated "session_data_updated";
    /// A session's claims were replaced.
    SessionClaimsUpdated "session_claims_updated";
    /// A user's metadata were changed.
    MetadataUpdated "metadata_updated";
    /// A user's metadata are gone.
    MetadataDeleted "metadata_deleted";
    /// There is a new role.
    RoleCreated "role_created";
    /// A role has other permissions.
    RoleUpdated "role_updated";
    /// A role is gone.
    RoleDeleted "role_deleted";
    /// A user was given a role.
    RoleAssigned "role_assigned";
    /// A role was taken from a user.
    RoleUnassigned "role_unassigned";
    /// A user has a new authenticator app.
    TotpDeviceCreated "totp_device_created";
    /// An authenticator app was proven by a code.
    TotpDeviceVerified "totp_device_verified";
    /// An authenticator app has another name.
    TotpDeviceRenamed "totp_device_renamed";
    /// An authenticator app is gone.
    TotpDeviceDeleted "totp_device_deleted";
    /// A code of an authenticator app was used up.
    TotpCodeUsed "totp_code_used";
    /// A user has a further passkey.
    WebauthnCredentialCreated "webauthn_credential_created";
    /// A passkey is gone.
    WebauthnCredentialDeleted "webauthn_credential_deleted";
    /// The token of a link to get an account back was used up.
    WebauthnRecoveryTokenUsed "webauthn_recovery_token_used";
    /// There is a new domain, app or tenant.
    TenantCreated "tenant_created";
    /// A domain, app or tenant was given other settings.
    TenantUpdated "tenant_updated";
    /// A domain, app or tenant is gone, with all that was kept there.
    TenantDeleted "tenant_deleted";
    /// A tenant has a new provider.
    ProviderCreated "provider_created";
    /// A tenant's provider was replaced.
    ProviderUpdated "provider_updated";
    /// A tenant has a provider less.
    ProviderDeleted "provider_deleted";
    /// There is a new user of the dashboard.
    DashboardUserCreated "dashboard_user_created";
    /// A user of the dashboard has another address or password.
    DashboardUserUpdated "dashboard_user_updated";
    /// A user of the dashboard is gone.
    DashboardUserDeleted "dashboard_user_deleted";
    /// Somebody signed in to the dashboard.
    DashboardSignIn "dashboard_sign_in";
    /// A session of the dashboard was ended.
    DashboardSignOut "dashboard_sign_out";
    /// Users were added to the queue of the import.
    ImportQueued "import_queued";
    /// Users were taken from the queue of the import.
    ImportDequeued "import_dequeued";
    /// A user of the queue cannot be imported.
    ImportFailed "import_failed";
    /// A key that signs tokens, or seals refresh tokens, was made.
    SigningKeyCreated "signing_key_created";
}

impl Kind {
    /// The kind with a stored name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|kind| kind.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn each_kind_has_a_name_of_its_own_which_the_documentation_tells() {
        let mut seen = HashSet::new();
        let documented = include_str!("../../../../../docs/audit.md");
        for kind in Kind::ALL {
            assert!(seen.insert(kind.name()), "{kind:?}");
            assert_eq!(Kind::parse(kind.name()), Some(*kind));
            assert!(kind.name().len() <= 64, "the column's width");
            let row = format!("\n| `{}` |", kind.name());
            assert_eq!(documented.matches(&row).count(), 1, "{}", kind.name());
        }
        assert_eq!(Kind::parse("user_last_active"), None);
    }
}
