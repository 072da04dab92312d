//! Every recipe. A new one adds its module and one line to [`ALL`].

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
    emailpassword::RECIPE,
    thirdparty::RECIPE,
    passwordless::RECIPE,
    session::RECIPE,
    usermetadata::RECIPE,
    userroles::RECIPE,
    emailverification::RECIPE,
    totp::RECIPE,
    useridmapping::RECIPE,
    webauthn::RECIPE,
    jwt::RECIPE,
];
