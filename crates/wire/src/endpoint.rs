//! What an endpoint is: a method, a path, who may call it, and its two message types.

use crate::FromInput;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// The methods that the protocol uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Method {
    /// Fields are read from the query string.
    Get,
    /// Fields are read from the JSON body.
    Post,
    /// Fields are read from the JSON body.
    Put,
    /// Fields are read from the query string.
    Delete,
}

/// What a call belongs to. The wire writes both in the path: `/appid-<app>/<tenant>/recipe/…`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Any tenant of an app may be addressed.
    Tenant,
    /// The call concerns the whole app: from CDI 5.0 on only the public tenant may make it (403).
    App,
    /// The endpoint says itself which paths it accepts.
    Any,
    /// The tenant may be missing: the endpoint answers that with a status word.
    Lookup,
}

/// Whether the caller must show an API key, if keys are configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// 401 without a valid key.
    ApiKey,
    /// Open to everybody.
    Open,
}

/// Whether the `cdi-version` header must name a version that the core serves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Versioning {
    /// 400 for an unknown version.
    Checked,
    /// Any well-formed version is accepted.
    Ignored,
}

/// One endpoint of the core driver interface.
pub trait Endpoint: 'static {
    /// The method of the call.
    const METHOD: Method;
    /// The path below base path, app and tenant, for example `/recipe/signup`.
    const PATH: &'static str;
    /// What the call belongs to.
    const LEVEL: Level;
    /// Whether an API key is needed.
    const ACCESS: Access = Access::ApiKey;
    /// Whether the version header is checked.
    const VERSIONING: Versioning = Versioning::Checked;
    /// The `rid` header that chooses this endpoint among several of one method and path
    /// (`/recipe/user` is shared by the login recipes).
    const RID: Option<&'static str> = None;
    /// Bytes of a body that are accepted at least, whatever the core's limit is for others.
    const BODY_MAX_AT_LEAST: usize = 0;
    /// The fields of the call, in the order in which missing ones are reported.
    type Request: FromInput + Serialize + Send;
    /// The JSON of a served call.
    type Response: Serialize + DeserializeOwned;
}

/// Declares endpoints.
///
/// ```text
/// endpoint! {
///     /// Creates a user.
///     SignUp: Post "/recipe/signup" Tenant, SignUpRequest => SignUpResponse;
///     /// Hello.
///     Hello: Get "/hello" Any, () => (), ACCESS = Access::Open;
/// }
/// ```
macro_rules! endpoint {
    ($($(#[$doc:meta])* $name:ident: $method:ident $path:literal $level:ident, $request:ty => $response:ty
        $(, $constant:ident: $kind:ty = $value:expr)*;)*) => {
        $(
            $(#[$doc])*
            #[derive(Debug)]
            pub enum $name {}
            impl $crate::Endpoint for $name {
                const METHOD: $crate::Method = $crate::Method::$method;
                const PATH: &'static str = $path;
                const LEVEL: $crate::Level = $crate::Level::$level;
                $(const $constant: $kind = $value;)*
                type Request = $request;
                type Response = $response;
            }
        )*
    };
}
pub(crate) use endpoint;
