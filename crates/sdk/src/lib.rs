//! Portcullis for a Rust backend: sign-up, sign-in and sessions, for SuperTokens' frontend SDKs.
//!
//! The crate knows no web framework: requests and responses are those of the `http` crate. The layers of
//! [`Portcullis::layer`] fit every tower server; `portcullis-axum` and `portcullis-actix` add extractors.

mod app_info;
mod body;
mod callback;
mod caller;
mod clock;
mod cookies;
mod core_client;
mod cx;
pub mod email;
mod error;
mod exchange;
mod fdi;
mod handle;
mod layer;
pub mod recipes;
mod sdk;
pub mod sms;
mod user_id_mapping;
mod users;

pub use app_info::{App, AppInfo};
/// What overrides and transports are written with.
pub use async_trait::async_trait;
pub use body::ResponseBody;
pub use caller::Peer;
pub use clock::Clock;
pub use cookies::{Cookie, SameSite};
pub use core_client::{CoreError, HttpTransport, Transport, TransportError};
pub use cx::{Cx, UserContext};
pub use error::{BuildError, ClaimFailure, Error, FieldError, Result, SessionError};
pub use exchange::Exchange;
pub use handle::PUBLIC_TENANT;
pub use layer::{ErrorLayer, ErrorMarker, ErrorService, SdkLayer, SdkService};
pub use sdk::{Builder, CoreAddress, Portcullis};
pub use user_id_mapping::{CreateUserIdMapping, NewUserIdMapping, UserIdMapping, UserIdType};
pub use users::{AccountInfo, LoginMethod, ThirdParty, User, UserPage, UserQuery};
