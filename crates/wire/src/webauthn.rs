//! The webauthn recipe: passkeys, from the options for a browser to signing in, and accounts to get back.
//!
//! Introduced by CDI 5.3, but served in every version.

use crate::Object;
use crate::Status;
use crate::endpoint::endpoint;
use crate::input::request;
use crate::users::User;
use serde::{Deserialize, Serialize};
use serde_json::Value;

request! {
    /// For whom a passkey shall be made, and how.
    RegisterOptionsRequest {
        /// The user's e-mail address.
        email: String = "email",
        /// What authenticators call the user; the address if left out or empty.
        display_name: Option<String> = "displayName",
        /// The name of the site, for people.
        relying_party_name: String = "relyingPartyName",
        /// The domain that the passkey is bound to.
        relying_party_id: String = "relyingPartyId",
        /// Where the browser is.
        origin: String = "origin",
        /// Milliseconds; 6000 if left out.
        timeout: Option<i64> = "timeout",
        /// `none`, `indirect`, `direct` or `enterprise`.
        attestation: Option<String> = "attestation",
        /// `required`, `preferred` or `discouraged`.
        resident_key: Option<String> = "residentKey",
        /// `required`, `preferred` or `discouraged`.
        user_verification: Option<String> = "userVerification",
        /// Whether the user must be present.
        user_presence: Option<bool> = "userPresence",
        /// COSE algorithms, in the order of preference.
        supported_algorithm_ids: Option<Vec<Value>> = "supportedAlgorithmIDs",
    }
    /// How one shall sign in.
    SignInOptionsRequest {
        /// The domain that the passkey is bound to.
        relying_party_id: String = "relyingPartyId",
        /// The name of the site, for people.
        relying_party_name: String = "relyingPartyName",
        /// Where the browser is.
        origin: String = "origin",
        /// Milliseconds; 6000 if left out.
        timeout: Option<i64> = "timeout",
        /// `required`, `preferred` or `discouraged`.
        user_verification: Option<String> = "userVerification",
        /// Whether the user must be present.
        user_presence: Option<bool> = "userPresence",
    }
    /// Options by id.
    OptionsIdRequest {
        /// Their id.
        options_id: String = "webauthnGeneratedOptionsId",
    }
    /// What an authenticator answered to options.
    CredentialRequest {
        /// The options' id.
        options_id: String = "webauthnGeneratedOptionsId",
        /// As the browser's `PublicKeyCredential` is written in JSON.
        credential: Object = "credential",
    }
    /// A further passkey of a user.
    RegisterCredentialRequest {
        /// Internal or external.
        recipe_user_id: String = "recipeUserId",
        /// The options' id.
        options_id: String = "webauthnGeneratedOptionsId",
        /// As the browser's `PublicKeyCredential` is written in JSON.
        credential: Object = "credential",
    }
    /// One passkey of a user.
    UserCredentialRequest {
        /// Internal or external.
        recipe_user_id: String = "recipeUserId",
        /// The passkey.
        credential_id: String = "webauthnCredentialId",
    }
    /// All passkeys of a user.
    ListCredentialsRequest {
        /// Internal or external.
        recipe_user_id: String = "recipeUserId",
    }
    /// For whom a recovery token is made.
    CreateRecoveryTokenRequest {
        /// Need not be the user's own.
        email: String = "email",
        /// Internal or external, of any recipe.
        user_id: String = "userId",
    }
    /// A recovery token.
    RecoveryTokenRequest {
        /// The token.
        token: String = "token",
    }
    /// A user's new address.
    UpdateEmailRequest {
        /// Internal or external.
        recipe_user_id: String = "recipeUserId",
        /// Stored as it is given.
        email: String = "email",
    }
}

/// The site, as authenticators see it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct RelyingParty {
    /// The domain.
    pub id: String,
    /// The name, for people.
    pub name: String,
}

/// The user, as authenticators see it.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct UserEntity {
    /// The user handle, in base64url.
    pub id: String,
    /// The e-mail address.
    pub name: String,
    /// What people see.
    #[serde(rename = "displayName")]
    pub display_name: String,
}

/// An algorithm that a passkey may sign with.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct CredentialParameter {
    /// Its COSE number.
    pub alg: i64,
    /// Always `public-key`.
    #[serde(rename = "type")]
    pub kind: String,
}

/// What is asked of the authenticator.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthenticatorSelection {
    /// Whether `resident_key` is `required`.
    pub require_resident_key: bool,
    /// Whether the passkey shall be found without its id.
    pub resident_key: String,
    /// Whether the user shall be verified.
    pub user_verification: String,
}

/// Options to make a passkey with.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RegisterOptions {
    /// Their id.
    pub webauthn_generated_options_id: String,
    /// The site.
    pub rp: RelyingParty,
    /// The user.
    pub user: UserEntity,
    /// The e-mail address.
    pub email: String,
    /// Milliseconds.
    pub timeout: i64,
    /// 32 random bytes in base64url.
    pub challenge: String,
    /// How much the authenticator shall tell about itself.
    pub attestation: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub expires_at: i64,
    /// In the order of preference.
    pub pub_key_cred_params: Vec<CredentialParameter>,
    /// Always empty.
    pub exclude_credentials: Vec<Value>,
    /// What is asked of the authenticator.
    pub authenticator_selection: AuthenticatorSelection,
}

/// The outcome of asking for options to make a passkey with.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum RegisterOptionsResponse {
    /// Here they are.
    #[serde(rename = "OK")]
    Ok(Box<RegisterOptions>),
    /// They make no sense.
    #[serde(rename = "INVALID_OPTIONS_ERROR")]
    InvalidOptions {
        /// In words.
        reason: String,
    },
}

/// Options to sign in with.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignInOptions {
    /// Their id.
    pub webauthn_generated_options_id: String,
    /// The domain.
    pub relying_party_id: String,
    /// 32 random bytes in base64url.
    pub challenge: String,
    /// Milliseconds.
    pub timeout: i64,
    /// Whether the user shall be verified.
    pub user_verification: String,
    /// Whether the user must be present.
    pub user_presence: bool,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub expires_at: i64,
}

/// The outcome of asking for options to sign in with.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum SignInOptionsResponse {
    /// Here they are.
    #[serde(rename = "OK")]
    Ok(SignInOptions),
    /// They make no sense.
    #[serde(rename = "INVALID_OPTIONS_ERROR")]
    InvalidOptions {
        /// In words.
        reason: String,
    },
}

/// Options as they are kept.
#[derive(Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct StoredOptions {
    /// Their id.
    pub webauthn_generated_options_id: String,
    /// The domain.
    pub relying_party_id: String,
    /// The name of the site, for people.
    pub relying_party_name: String,
    /// 32 random bytes in base64url.
    pub challenge: String,
    /// Milliseconds.
    pub timeout: i64,
    /// Where the browser is.
    pub origin: String,
    /// The e-mail address; none of options to sign in with.
    pub email: Option<String>,
    /// Milliseconds since 1970.
    pub created_at: i64,
    /// Milliseconds since 1970.
    pub expires_at: i64,
    /// Whether the user shall be verified.
    pub user_verification: String,
    /// Whether the user must be present.
    pub user_presence: bool,
}

/// Options by id.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum OptionsResponse {
    /// Found.
    #[serde(rename = "OK")]
    Ok(Box<StoredOptions>),
    /// There are none, or no more.
    #[serde(rename = "OPTIONS_NOT_FOUND_ERROR")]
    NotFound,
}

/// The outcome of deleting options.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum RemoveOptionsResponse {
    /// Deleted.
    #[serde(rename = "OK")]
    Ok,
    /// There were none.
    #[serde(rename = "OPTIONS_NOT_FOUND_ERROR")]
    NotFound,
}

/// The outcome of a sign-up.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum SignUpResponse {
    /// The user was created.
    #[serde(rename = "OK", rename_all = "camelCase")]
    Ok {
        /// The user.
        user: Box<User>,
        /// The passkey.
        webauthn_credential_id: String,
        /// The domain.
        relying_party_id: String,
        /// The name of the site, for people.
        relying_party_name: String,
        /// The recipe user.
        recipe_user_id: String,
    },
    /// There are no such options, or no more.
    #[serde(rename = "OPTIONS_NOT_FOUND_ERROR")]
    OptionsNotFound,
    /// The options are too old, or of the other kind.
    #[serde(rename = "INVALID_OPTIONS_ERROR")]
    InvalidOptions {
        /// In words.
        reason: String,
    },
    /// The credential cannot be read.
    #[serde(rename = "INVALID_CREDENTIALS_ERROR")]
    InvalidCredentials {
        /// In words.
        reason: String,
    },
    /// The credential does not answer the options.
    #[serde(rename = "INVALID_AUTHENTICATOR_ERROR")]
    InvalidAuthenticator {
        /// In words.
        reason: String,
    },
    /// The tenant has a user of the recipe with the options' address.
    #[serde(rename = "EMAIL_ALREADY_EXISTS_ERROR")]
    EmailAlreadyExists,
}

/// The outcome of a sign-in.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum SignInResponse {
    /// The user has proved to be it.
    #[serde(rename = "OK", rename_all = "camelCase")]
    Ok {
        /// The user.
        user: Box<User>,
        /// The recipe user.
        recipe_user_id: String,
    },
    /// There are no such options, or no more.
    #[serde(rename = "OPTIONS_NOT_FOUND_ERROR")]
    OptionsNotFound,
    /// Nobody in the tenant has such a passkey for the domain.
    #[serde(rename = "CREDENTIAL_NOT_FOUND_ERROR")]
    CredentialNotFound,
    /// The options are too old.
    #[serde(rename = "INVALID_OPTIONS_ERROR")]
    InvalidOptions {
        /// In words.
        reason: String,
    },
    /// The credential cannot be read.
    #[serde(rename = "INVALID_CREDENTIALS_ERROR")]
    InvalidCredentials {
        /// In words.
        reason: String,
    },
    /// The credential does not answer the options.
    #[serde(rename = "INVALID_AUTHENTICATOR_ERROR")]
    InvalidAuthenticator {
        /// In words.
        reason: String,
    },
}

/// The outcome of adding a passkey.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum RegisterCredentialResponse {
    /// The user has one more.
    #[serde(rename = "OK", rename_all = "camelCase")]
    Ok {
        /// The passkey.
        webauthn_credential_id: String,
        /// As it was given.
        recipe_user_id: String,
        /// The options' address.
        email: String,
        /// The domain.
        relying_party_id: String,
        /// The name of the site, for people.
        relying_party_name: String,
    },
    /// There are no such options, or no more.
    #[serde(rename = "OPTIONS_NOT_FOUND_ERROR")]
    OptionsNotFound,
    /// The options are too old, or of the other kind.
    #[serde(rename = "INVALID_OPTIONS_ERROR")]
    InvalidOptions {
        /// In words.
        reason: String,
    },
    /// The credential cannot be read.
    #[serde(rename = "INVALID_CREDENTIALS_ERROR")]
    InvalidCredentials {
        /// In words.
        reason: String,
    },
    /// The credential does not answer the options.
    #[serde(rename = "INVALID_AUTHENTICATOR_ERROR")]
    InvalidAuthenticator {
        /// In words.
        reason: String,
    },
    /// Somebody has it already.
    #[serde(rename = "CREDENTIAL_ALREADY_EXISTS_ERROR")]
    CredentialAlreadyExists,
    /// There is no such user of the recipe.
    #[serde(rename = "UNKNOWN_USER_ID_ERROR")]
    UnknownUserId,
}

/// A passkey in a list.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ListedCredential {
    /// Its id.
    pub webauthn_credential_id: String,
    /// The user, as given.
    pub recipe_user_id: String,
    /// The domain.
    pub relying_party_id: String,
    /// Milliseconds since 1970.
    pub created_at: i64,
}

/// All passkeys of a user.
#[derive(Debug, Deserialize, Serialize)]
pub struct CredentialsResponse {
    /// Always `OK`.
    pub status: Status,
    /// Oldest first; none of an unknown user.
    pub credentials: Vec<ListedCredential>,
}

/// One passkey.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum CredentialResponse {
    /// Found.
    #[serde(rename = "OK", rename_all = "camelCase")]
    Ok {
        /// The passkey.
        #[serde(flatten)]
        credential: ListedCredential,
        /// When it was made or last used, in milliseconds since 1970.
        updated_at: i64,
    },
    /// The user has none with this id.
    #[serde(rename = "CREDENTIAL_NOT_FOUND_ERROR")]
    NotFound,
}

/// The outcome of removing a passkey.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum RemoveCredentialResponse {
    /// Removed; it may have been the last one.
    #[serde(rename = "OK")]
    Ok,
    /// The user had none with this id.
    #[serde(rename = "CREDENTIAL_NOT_FOUND_ERROR")]
    NotFound,
}

/// A recovery token.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum CreateRecoveryTokenResponse {
    /// Made.
    #[serde(rename = "OK")]
    Ok {
        /// The token; only a hash of it is kept.
        token: String,
    },
    /// There is no such user.
    #[serde(rename = "UNKNOWN_USER_ID_ERROR")]
    UnknownUserId,
}

/// Whose token was used up.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum ConsumeRecoveryTokenResponse {
    /// The token was good, and is gone.
    #[serde(rename = "OK")]
    Ok {
        /// The user; external if mapped.
        #[serde(rename = "userId")]
        user_id: String,
        /// The address that was given when the token was made.
        email: String,
    },
    /// Unknown, used or expired.
    #[serde(rename = "RECOVER_ACCOUNT_TOKEN_INVALID_ERROR")]
    InvalidToken,
}

/// Whose token it is.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum RecoveringUserResponse {
    /// The token is good.
    #[serde(rename = "OK")]
    Ok {
        /// The user.
        user: Box<User>,
        /// The user's login method of the recipe in the tenant, if there is one.
        #[serde(rename = "recipeUserId")]
        recipe_user_id: Option<String>,
    },
    /// Unknown, used or expired.
    #[serde(rename = "RECOVER_ACCOUNT_TOKEN_INVALID_ERROR")]
    InvalidToken,
}

/// The outcome of a change of address.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum UpdateEmailResponse {
    /// Changed.
    #[serde(rename = "OK")]
    Ok,
    /// There is no such user of the recipe.
    #[serde(rename = "UNKNOWN_USER_ID_ERROR")]
    UnknownUserId,
    /// One of the user's tenants has another user of the recipe with this address.
    #[serde(rename = "EMAIL_ALREADY_EXISTS_ERROR")]
    EmailAlreadyExists,
    /// Another primary user has this address.
    #[serde(rename = "USER_WITH_EMAIL_ALREADY_EXISTS_ERROR")]
    UserWithEmailAlreadyExists,
}

endpoint! {
    /// Options to make a passkey with.
    CreateRegisterOptions: Post "/recipe/webauthn/options/register" Tenant, RegisterOptionsRequest => RegisterOptionsResponse;
    /// Options to sign in with.
    CreateSignInOptions: Post "/recipe/webauthn/options/signin" Tenant, SignInOptionsRequest => SignInOptionsResponse;
    /// Options by id; expired ones too, while they are kept.
    GetOptions: Get "/recipe/webauthn/options" Tenant, OptionsIdRequest => OptionsResponse;
    /// Deletes options.
    RemoveOptions: Delete "/recipe/webauthn/options/remove" Tenant, OptionsIdRequest => RemoveOptionsResponse;
    /// Creates a user with a passkey.
    SignUp: Post "/recipe/webauthn/signup" Tenant, CredentialRequest => SignUpResponse;
    /// Checks a passkey; from CDI 5.5 on the options are used up.
    SignIn: Post "/recipe/webauthn/signin" Tenant, CredentialRequest => SignInResponse;
    /// Adds a passkey.
    RegisterCredential: Post "/recipe/webauthn/user/credential/register" Tenant, RegisterCredentialRequest => RegisterCredentialResponse;
    /// One passkey of a user.
    GetCredential: Get "/recipe/webauthn/user/credential" Tenant, UserCredentialRequest => CredentialResponse;
    /// All passkeys of a user.
    ListCredentials: Get "/recipe/webauthn/user/credential/list" Tenant, ListCredentialsRequest => CredentialsResponse;
    /// Removes a passkey.
    RemoveCredential: Delete "/recipe/webauthn/user/credential/remove" Tenant, UserCredentialRequest => RemoveCredentialResponse;
    /// Makes a token to get an account back with.
    CreateRecoveryToken: Post "/recipe/webauthn/user/recover/token" Tenant, CreateRecoveryTokenRequest => CreateRecoveryTokenResponse;
    /// Uses a recovery token up, and with it all others of its address.
    ConsumeRecoveryToken: Post "/recipe/webauthn/user/recover/token/consume" Tenant, RecoveryTokenRequest => ConsumeRecoveryTokenResponse;
    /// Whose recovery token it is; it stays.
    GetRecoveringUser: Get "/recipe/webauthn/user/recover" Tenant, RecoveryTokenRequest => RecoveringUserResponse;
    /// Changes a user's address.
    UpdateEmail: Put "/recipe/webauthn/user/email" Tenant, UpdateEmailRequest => UpdateEmailResponse;
}
