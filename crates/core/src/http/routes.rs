//! The table of endpoints: which handler serves a method and a path.

use super::Reply;
use super::call::Call;
use crate::{Cx, Recipe, Result};
use futures_util::future::BoxFuture;
use portcullis_wire::{Access, Endpoint, FromInput, Input, Method, Versioning};
use std::collections::HashMap;
use std::fmt;

type Handler = Box<dyn Fn(Call, Input) -> BoxFuture<'static, Result<Reply>> + Send + Sync>;

/// One endpoint with its handler.
pub(super) struct Route {
    pub(super) path: &'static str,
    method: Method,
    rid: Option<&'static str>,
    pub(super) access: Access,
    pub(super) versioning: Versioning,
    pub(super) reads_body: bool,
    pub(super) body_max_at_least: usize,
    pub(super) handler: Handler,
}

impl fmt::Debug for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} {}", self.method, self.path)
    }
}

/// The endpoints of a recipe.
#[derive(Debug, Default)]
pub struct Routes(Vec<Route>);

impl Routes {
    /// No endpoint yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Mounts an endpoint whose answer is JSON.
    #[must_use]
    pub fn at<E: Endpoint>(
        self,
        handler: impl Handle<E::Request, Output = E::Response> + Copy + Send + Sync + 'static,
    ) -> Self
    where
        E::Response: Send,
    {
        self.mount::<E>(Box::new(move |call, input| {
            Box::pin(async move {
                let request = E::Request::from_input(input)?;
                let cx = call.admit(E::LEVEL)?;
                Reply::json(&handler.call(cx, request).await?)
            })
        }))
    }

    /// Mounts an endpoint that makes its whole reply itself: text, or further headers.
    #[must_use]
    pub fn at_raw<E: Endpoint>(
        self,
        handler: impl Handle<E::Request, Output = Reply> + Copy + Send + Sync + 'static,
    ) -> Self {
        self.mount::<E>(Box::new(move |call, input| {
            Box::pin(async move {
                let request = E::Request::from_input(input)?;
                handler.call(call.admit(E::LEVEL)?, request).await
            })
        }))
    }

    fn mount<E: Endpoint>(mut self, handler: Handler) -> Self {
        self.0.push(Route {
            path: E::PATH,
            method: E::METHOD,
            rid: E::RID,
            access: E::ACCESS,
            versioning: E::VERSIONING,
            reads_body: !E::Request::EMPTY && matches!(E::METHOD, Method::Post | Method::Put),
            body_max_at_least: E::BODY_MAX_AT_LEAST,
            handler,
        });
        self
    }
}

/// An `async fn(Cx, Request) -> Result<Response>`.
pub trait Handle<Request> {
    /// What it answers.
    type Output;
    /// How it comes to answer.
    type Future: Future<Output = Result<Self::Output>> + Send + 'static;

    /// Serves one call.
    fn call(&self, cx: Cx, request: Request) -> Self::Future;
}

impl<F, Fut, Request, Output> Handle<Request> for F
where
    F: Fn(Cx, Request) -> Fut,
    Fut: Future<Output = Result<Output>> + Send + 'static,
{
    type Output = Output;
    type Future = Fut;

    fn call(&self, cx: Cx, request: Request) -> Fut {
        self(cx, request)
    }
}

/// Every endpoint of the core, by path.
#[derive(Debug)]
pub struct RouteTable(HashMap<String, Vec<Route>>);

impl RouteTable {
    /// The endpoints of the recipes.
    pub fn new(recipes: &[Recipe]) -> Self {
        let mut by_path: HashMap<String, Vec<Route>> = HashMap::new();
        for route in recipes.iter().flat_map(|recipe| (recipe.routes)().0) {
            by_path.entry(route.path.to_ascii_lowercase()).or_default().push(route);
        }
        Self(by_path)
    }

    /// Every endpoint as `Method /path`, sorted: for tests that check that each is covered.
    pub fn names(&self) -> Vec<String> {
        #[expect(clippy::iter_over_hash_type, reason = "sorted below")]
        let mut names: Vec<String> = {
            let mut names = Vec::new();
            for routes in self.0.values() {
                names.extend(routes.iter().map(|route| format!("{route:?}")));
            }
            names
        };
        names.sort();
        names
    }

    pub(super) fn is_endpoint(&self, path: &str) -> bool {
        self.0.contains_key(path)
    }

    /// The routes of a path; empty if there is no such endpoint.
    pub(super) fn of_path(&self, path: &str) -> &[Route] {
        self.0.get(path).map_or(&[], Vec::as_slice)
    }
}

/// The route for a method: of the recipe that the `rid` header names, if it shares the path, else the first.
pub(super) fn choose<'r>(routes: &'r [Route], method: &http::Method, rid: Option<&str>) -> Option<&'r Route> {
    let shares = rid.is_some() && routes.iter().any(|route| route.rid == rid);
    routes.iter().find(|route| matches(route.method, method) && (!shares || route.rid == rid))
}

fn matches(method: Method, given: &http::Method) -> bool {
    match method {
        Method::Get => given == http::Method::GET,
        Method::Post => given == http::Method::POST,
        Method::Put => given == http::Method::PUT,
        Method::Delete => given == http::Method::DELETE,
    }
}
