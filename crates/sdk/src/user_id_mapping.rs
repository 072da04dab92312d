//! Ids of the app's own that users are known by.

use crate::{Cx, Portcullis, Result};
use portcullis_wire::{Nullable, useridmapping as wire};

/// A user and an id that the app knows it by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserIdMapping {
    /// The id that the core gave.
    pub user_id: String,
    /// The app's own.
    pub external_user_id: String,
    /// What the app remembers about it.
    pub info: Option<String>,
}

/// A user id mapping that is to be made.
///
/// ```
/// use portcullis::NewUserIdMapping;
///
/// let new = NewUserIdMapping::of("the core's id", "customer-17").info("from the old shop");
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct NewUserIdMapping {
    mapping: UserIdMapping,
    force: bool,
}

impl NewUserIdMapping {
    /// The user with an id of the core's shall be known by an id of the app's.
    pub fn of(user_id: impl Into<String>, external_user_id: impl Into<String>) -> Self {
        let (user_id, external_user_id) = (user_id.into(), external_user_id.into());
        Self { mapping: UserIdMapping { user_id, external_user_id, info: None }, force: false }
    }

    /// With something that the app remembers about it.
    pub fn info(mut self, info: impl Into<String>) -> Self {
        self.mapping.info = Some(info.into());
        self
    }

    /// Also if something is kept under the core's id already, such as metadata and roles, and will not be found
    /// by the app's.
    pub fn force(mut self) -> Self {
        self.force = true;
        self
    }
}

/// The outcome of making a user id mapping.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CreateUserIdMapping {
    /// From now on the user has the app's id wherever users are told.
    Ok,
    /// The core has no such user.
    UnknownUser,
    /// One of the two ids, or both, have a mapping.
    AlreadyExists {
        /// Whether the user has one.
        user_id_is_mapped: bool,
        /// Whether somebody is known by the app's id.
        external_user_id_is_mapped: bool,
    },
}

/// Which of a user's two ids is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum UserIdType {
    /// The core's.
    SuperTokens,
    /// The app's.
    External,
    /// Either; the core's comes first if it is one user's and another one's external id.
    #[default]
    Any,
}

impl UserIdType {
    fn word(self) -> String {
        let word = match self {
            Self::SuperTokens => "SUPERTOKENS",
            Self::External => "EXTERNAL",
            Self::Any => "ANY",
        };
        word.to_owned()
    }
}

impl Portcullis {
    /// Lets a user be known by an id of the app's own. Do so right after the sign-up: sessions and data that
    /// exist then keep the core's id.
    pub async fn create_user_id_mapping(
        &self,
        cx: &Cx,
        new: &NewUserIdMapping,
    ) -> Result<CreateUserIdMapping> {
        use wire::CreateMappingResponse as Answer;
        let UserIdMapping { user_id, external_user_id, info } = new.mapping.clone();
        let request = wire::CreateMappingRequest {
            super_tokens_user_id: user_id,
            external_user_id,
            external_user_id_info: info.map_or(Nullable::Absent, Nullable::Set),
            force: Some(new.force),
        };
        Ok(match self.core().call::<wire::CreateMapping>(cx, None, &request).await? {
            Answer::Ok => CreateUserIdMapping::Ok,
            Answer::UnknownUserId => CreateUserIdMapping::UnknownUser,
            Answer::AlreadyExists {
                does_super_tokens_user_id_exist: user_id_is_mapped,
                does_external_user_id_exist: external_user_id_is_mapped,
            } => CreateUserIdMapping::AlreadyExists { user_id_is_mapped, external_user_id_is_mapped },
        })
    }

    /// The mapping with one of its ids.
    pub async fn find_user_id_mapping(
        &self,
        cx: &Cx,
        id: &str,
        id_type: UserIdType,
    ) -> Result<Option<UserIdMapping>> {
        use wire::MappingResponse as Answer;
        let request = wire::MappingRequest { user_id: id.to_owned(), user_id_type: Some(id_type.word()) };
        Ok(match self.core().call::<wire::GetMapping>(cx, None, &request).await? {
            Answer::Ok { super_tokens_user_id, external_user_id, external_user_id_info } => {
                Some(UserIdMapping {
                    user_id: super_tokens_user_id,
                    external_user_id,
                    info: external_user_id_info,
                })
            }
            Answer::UnknownMapping => None,
        })
    }

    /// Takes a mapping away, by one of its ids. Answers whether it was there. Unless it is forced, an error if
    /// something is kept under the app's id, which would no longer be found.
    pub async fn delete_user_id_mapping(
        &self,
        cx: &Cx,
        id: &str,
        id_type: UserIdType,
        force: bool,
    ) -> Result<bool> {
        let request = wire::RemoveMappingRequest {
            user_id: id.to_owned(),
            user_id_type: Some(id_type.word()),
            force: Some(force),
        };
        let wire::RemoveMappingResponse::Ok { did_mapping_exist } =
            self.core().call::<wire::RemoveMapping>(cx, None, &request).await?;
        Ok(did_mapping_exist)
    }

    /// Remembers something about a mapping, or with `None` forgets it; false if there is no such mapping.
    pub async fn update_or_delete_user_id_mapping_info(
        &self,
        cx: &Cx,
        id: &str,
        id_type: UserIdType,
        info: Option<&str>,
    ) -> Result<bool> {
        let request = wire::UpdateInfoRequest {
            user_id: id.to_owned(),
            user_id_type: Some(id_type.word()),
            external_user_id_info: info.map_or(Nullable::Null, |info| Nullable::Set(info.to_owned())),
        };
        let outcome = self.core().call::<wire::UpdateInfo>(cx, None, &request).await?;
        Ok(matches!(outcome, wire::UpdateInfoResponse::Ok))
    }
}
