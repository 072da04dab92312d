//! The thirdparty recipe: signing in with a provider, and finding who did.

use crate::endpoint::endpoint;
use crate::input::length_of_email;
use crate::input::request;
use crate::users::User;
use crate::{Cdi, FromInput, Input, InputError, Status};
use serde::{Deserialize, Serialize};

/// The address that a provider tells.
#[derive(Clone, Debug, Serialize)]
pub struct ProviderEmail {
    /// The address.
    pub id: String,
    /// Whether the provider has verified it (in CDI 2.7, and from 4.0 on).
    #[serde(rename = "isVerified", skip_serializing_if = "Option::is_none")]
    pub is_verified: Option<bool>,
}

/// A provider's user who signs in, perhaps for the first time.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SignInUpRequest {
    /// The provider.
    pub third_party_id: String,
    /// The user there.
    pub third_party_user_id: String,
    /// The user's address there.
    pub email: ProviderEmail,
}

/// The longest address that the tables hold.
const EMAIL_MAX: usize = 256;

impl FromInput for SignInUpRequest {
    fn from_input(mut input: Input) -> Result<Self, InputError> {
        let third_party_id = input.take("thirdPartyId")?;
        let third_party_user_id = input.take("thirdPartyUserId")?;
        let mut email = input.take_object("email")?;
        let id: String = email.take("id")?;
        let tells = input.cdi() < Cdi::V2_8 || input.cdi() >= Cdi::V4_0;
        let is_verified = email.take_if(tells, "isVerified")?;
        if length_of_email(&id) > EMAIL_MAX {
            return Err(InputError::TooLong("email", EMAIL_MAX));
        }
        Ok(Self { third_party_id, third_party_user_id, email: ProviderEmail { id, is_verified } })
    }
}

request! {
    /// A user by id or by provider and user there, but not both.
    GetUserRequest {
        /// Internal or external.
        user_id: Option<String> = "userId",
        /// The provider.
        third_party_id: Option<String> = "thirdPartyId",
        /// The user there.
        third_party_user_id: Option<String> = "thirdPartyUserId",
    }
    /// Users by address.
    UsersByEmailRequest {
        /// The e-mail address.
        email: String = "email",
    }
}

/// The outcome of a sign-in.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum SignInUpResponse {
    /// Signed in.
    #[serde(rename = "OK")]
    Ok {
        /// Whether it was the first time.
        #[serde(rename = "createdNewUser")]
        created_new_user: bool,
        /// The user.
        user: User,
        /// The recipe user (from CDI 4.0 on).
        #[serde(rename = "recipeUserId", skip_serializing_if = "Option::is_none")]
        recipe_user_id: Option<String>,
    },
    /// The provider tells a new address, which another primary user has.
    #[serde(rename = "EMAIL_CHANGE_NOT_ALLOWED_ERROR")]
    EmailChangeNotAllowed {
        /// In words; SDKs compare them.
        reason: String,
    },
}

/// A user by id or by provider and user there.
#[derive(Debug, Deserialize, Serialize)]
#[serde(tag = "status")]
pub enum GetUserResponse {
    /// Found.
    #[serde(rename = "OK")]
    Ok {
        /// The user.
        user: User,
    },
    /// No such id.
    #[serde(rename = "UNKNOWN_USER_ID_ERROR")]
    UnknownUserId,
    /// No such user of the provider.
    #[serde(rename = "UNKNOWN_THIRD_PARTY_USER_ERROR")]
    UnknownThirdPartyUser,
}

/// Users by address.
#[derive(Debug, Deserialize, Serialize)]
pub struct UsersByEmailResponse {
    /// Always `OK`.
    pub status: Status,
    /// The users; none if nobody has the address.
    pub users: Vec<User>,
}

endpoint! {
    /// Signs a provider's user in, and creates a user the first time.
    SignInUp: Post "/recipe/signinup" Tenant, SignInUpRequest => SignInUpResponse;
    /// A user by id or by provider and user there.
    GetUser: Get "/recipe/user" Any, GetUserRequest => GetUserResponse, RID: Option<&'static str> = Some("thirdparty");
    /// The provider's users with an address.
    UsersByEmail: Get "/recipe/users/by-email" Tenant, UsersByEmailRequest => UsersByEmailResponse;
}
