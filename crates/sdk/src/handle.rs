//! From a request to the frontend API that serves it, and from an error to its response.

use crate::app_info::App;
use crate::recipes::Recipes;
use crate::{CoreError, Cx, Error, Portcullis, Result};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::header::{CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use http::{Method, Response, StatusCode};
use portcullis_wire::Object;
use serde::Serialize;
use serde_json::{Value, json};
use std::collections::HashSet;
use std::hash::Hash;

/// The tenant of a call whose path names none.
pub const PUBLIC_TENANT: &str = "public";

/// Serves one frontend API: `(call, tenant)`.
pub(crate) type Handler = for<'a> fn(&'a Cx, &'a str) -> BoxFuture<'a, Result<Response<Bytes>>>;

/// One frontend API.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Route {
    pub(crate) rid: &'static str,
    pub(crate) method: ApiMethod,
    pub(crate) path: &'static str,
    pub(crate) handler: Handler,
}

impl Route {
    /// Whether a `rid` names the route's recipe. Frontends before FDI 3.0 know recipes that were two in one.
    fn is_of(&self, rid: &str) -> bool {
        match rid {
            "thirdpartyemailpassword" => ["thirdparty", "emailpassword"].contains(&self.rid),
            "thirdpartypasswordless" => ["thirdparty", "passwordless"].contains(&self.rid),
            rid => self.rid == rid,
        }
    }
}

/// A recipe's name for a frontend API, and where and how it is served.
pub(crate) type ApiRoute<A> = (A, ApiMethod, &'static str, Handler);

/// The routes of a recipe but for those that the app has taken away.
pub(crate) fn enabled_routes<A: Eq + Hash, const N: usize>(
    disabled: &HashSet<A>,
    rid: &'static str,
    all: [ApiRoute<A>; N],
) -> Vec<Route> {
    let enabled = all.into_iter().filter(|(api, ..)| !disabled.contains(api));
    enabled.map(|(_, method, path, handler)| Route { rid, method, path, handler }).collect()
}

/// The methods of the frontend APIs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ApiMethod {
    Get,
    Post,
    Put,
    Delete,
}

impl From<ApiMethod> for Method {
    fn from(method: ApiMethod) -> Self {
        match method {
            ApiMethod::Get => Self::GET,
            ApiMethod::Post => Self::POST,
            ApiMethod::Put => Self::PUT,
            ApiMethod::Delete => Self::DELETE,
        }
    }
}

/// Every frontend API of the app, in the order of its recipes.
#[derive(Debug)]
pub(crate) struct Routes {
    base_path: String,
    all: Vec<Route>,
}

impl Routes {
    pub(crate) fn new(app: &App, recipes: &Recipes) -> Self {
        Self { base_path: app.base_path_behind_gateway.clone(), all: recipes.routes() }
    }

    /// The API that serves a request, and its tenant. The recipe that `rid` names is asked first; a path
    /// without a tenant wins over one with a tenant of the same name.
    pub(crate) fn find<'p>(
        &self,
        method: &Method,
        path: &'p str,
        rid: Option<&str>,
    ) -> Option<(&Route, &'p str)> {
        let inside = path.strip_prefix(self.base_path.as_str())?;
        let inside = inside.strip_suffix('/').unwrap_or(inside);
        let known_rid = rid.filter(|rid| self.all.iter().any(|route| route.is_of(rid)));
        let of = |rid: Option<&str>, inside: &str| {
            let mut fitting = self.all.iter().filter(|route| rid.is_none_or(|rid| route.is_of(rid)));
            fitting.find(|route| route.path == inside && Method::from(route.method) == *method)
        };
        let find = |rid| {
            if let Some(route) = of(rid, inside) {
                return Some((route, PUBLIC_TENANT));
            }
            let (tenant, rest) = split_tenant(inside)?;
            Some((of(rid, rest)?, tenant))
        };
        known_rid.and_then(|rid| find(Some(rid))).or_else(|| find(None))
    }
}

fn split_tenant(path: &str) -> Option<(&str, &str)> {
    let inside = path.strip_prefix('/')?;
    let (tenant, rest) = inside.split_at(inside.find('/')?);
    let fits = !tenant.is_empty() && tenant.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    fits.then_some((tenant, rest))
}

impl Portcullis {
    /// Whether a request is for one of the frontend APIs.
    pub fn is_for(&self, method: &Method, path: &str, rid: Option<&str>) -> bool {
        self.routes().find(method, path, rid).is_some()
    }

    /// The frontend APIs that are served: method and path, as in requests that name no tenant.
    pub fn frontend_apis(&self) -> Vec<(Method, String)> {
        let Routes { base_path, all } = self.routes();
        all.iter().map(|route| (route.method.into(), format!("{base_path}{}", route.path))).collect()
    }

    /// Serves a request to a frontend API; `None` if it is for the app itself.
    pub async fn handle(&self, cx: &Cx) -> Option<Response<Bytes>> {
        let exchange = cx.exchange()?;
        let rid = exchange.header("rid");
        let (route, tenant) = self.routes().find(exchange.method(), exchange.path(), rid)?;
        let serve = async {
            let tenant = self.multitenancy().functions.tenant_id(cx, tenant).await?;
            (route.handler)(cx, &tenant).await
        };
        let mut response = match serve.await {
            Ok(response) => response,
            Err(error) => self.error_response(cx, &error).await,
        };
        exchange.write_to(response.headers_mut());
        Some(response)
    }

    /// The response to a call that could not be served. The tokens of a session that was made for the same request
    /// are taken back, and session errors take away what the browser holds, as they must; the caller writes what the
    /// exchange has gathered.
    pub async fn error_response(&self, cx: &Cx, error: &Error) -> Response<Bytes> {
        if let Ok(sessions) = self.session() {
            sessions.take_back_new(cx);
        }
        match error {
            Error::Session(error) => match self.session() {
                Ok(session) => session.error_response(cx, error).await,
                Err(_) => message(StatusCode::UNAUTHORIZED, "unauthorised"),
            },
            Error::BadInput(text) => message(StatusCode::BAD_REQUEST, text),
            Error::Fields(fields) => {
                json_response(StatusCode::OK, &json!({"status": "FIELD_ERROR", "formFields": fields}))
            }
            Error::General(text) => {
                json_response(StatusCode::OK, &json!({"status": "GENERAL_ERROR", "message": text}))
            }
            Error::Answer { status, message: text } => message(*status, text),
            Error::Core(CoreError::TryAgainLater { seconds, message: text }) => {
                let mut response = message(StatusCode::TOO_MANY_REQUESTS, text);
                response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(*seconds));
                response
            }
            error => {
                tracing::error!(%error, "a call could not be served");
                message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
            }
        }
    }
}

/// The request's body: an empty one has no fields, and neither has JSON that is no object.
pub(crate) fn json_body(cx: &Cx) -> Result<Object> {
    let body = cx.exchange().map(|exchange| exchange.body().as_ref()).unwrap_or_default();
    if body.is_empty() {
        return Ok(Object::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Ok(Object::new()),
        Err(_) => Err(Error::bad_input(
            "API input error: Please make sure to pass a valid JSON input in the request body",
        )),
    }
}

/// A text that a body must hold.
pub(crate) fn text_of(body: &Object, name: &str, missing: &str) -> Result<String> {
    let value = body.get(name).ok_or_else(|| Error::bad_input(missing))?;
    let text = value.as_str().ok_or_else(|| Error::bad_input(format!("{name} must be a string")))?;
    Ok(text.to_owned())
}

/// `{"message": …}`.
pub(crate) fn message(status: StatusCode, text: &str) -> Response<Bytes> {
    json_response(status, &json!({"message": text}))
}

/// 200 with a JSON body.
pub(crate) fn ok(body: &impl Serialize) -> Result<Response<Bytes>> {
    let body = serde_json::to_value(body).map_err(|error| Error::Internal(error.to_string()))?;
    Ok(json_response(StatusCode::OK, &body))
}

pub(crate) fn json_response(status: StatusCode, body: &Value) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(body.to_string()));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, json);
    response
}
