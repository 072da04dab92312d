//! Every recipe. A new one adds its module and one line to [`ALL`].

mod accountlinking;
pub mod bulkimport;
mod dashboard;
mod emailpassword;
mod emailverification;
mod jwt;
mod passwordless;
mod session;
mod thirdparty;
mod totp;
mod useridmapping;
mod usermetadata;
mod userroles;
mod webauthn;

/// Doors to what recipes read: for the fuzz targets alone.
#[cfg(feature = "fuzzing")]
#[doc(hidden)]
pub mod fuzzing {
    pub use super::{passwordless::fuzzing as passwordless, session::fuzzing as session};
    pub use super::{totp::fuzzing as totp, webauthn::fuzzing as webauthn};
}

use crate::{Recipe, ground};

/// Every recipe, in the order in which endpoints that share a path are tried, and in which they are asked
/// whether they keep anything about a user.
pub const ALL: &[Recipe] = &[
    ground::admin::RECIPE,
    ground::tenancy::RECIPE,
    ground::users::RECIPE,
    ground::activity::RECIPE,
    ground::guessing::RECIPE,
    ground::keys::RECIPE,
    ground::audit::RECIPE,
    ground::webhooks::RECIPE,
    emailpassword::RECIPE,
    thirdparty::RECIPE,
    passwordless::RECIPE,
    accountlinking::RECIPE,
    bulkimport::RECIPE,
    session::RECIPE,
    usermetadata::RECIPE,
    userroles::RECIPE,
    emailverification::RECIPE,
    totp::RECIPE,
    useridmapping::RECIPE,
    webauthn::RECIPE,
    jwt::RECIPE,
    dashboard::RECIPE,
];
