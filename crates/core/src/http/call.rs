//! One call from its request to its response.

use super::gate;
use super::path::{self, Parts};
use super::reply::Reply;
use super::routes::{self, Route};
use crate::ground::audit::{By, Origin};
use crate::ground::guessing::service::Counted;
use crate::ground::tenancy::{Tenant, service as tenancy};
use crate::{App, Cx, Error, Result, Scope, Unknown};
use bytes::{Buf, Bytes};
use futures_util::FutureExt as _;
use http::request::Parts as Head;
use http::{Request, Response};
use http_body::Body;
use http_body_util::{BodyExt, Full, Limited};
use portcullis_db::Error as DbError;
use portcullis_wire::{Cdi, Input, Level};
use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often a call is tried again when the database broke off a deadlock.
const TRIES: usize = 5;
/// Half of the time before it is tried for the second time; each further one comes after twice as long.
const PAUSE: Duration = Duration::from_millis(2);

/// Serves one request. `peer` is the caller's address, as far as it is known.
pub async fn handle<B>(app: Arc<App>, request: Request<B>, peer: Option<IpAddr>) -> Response<Full<Bytes>>
where
    B: Body + Send + 'static,
    B::Data: Buf + Send,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    let (head, body) = request.into_parts();
    let now = app.clock.now();
    let (began, mut known) =
        (app.metrics.as_ref().map(|metrics| (metrics, Instant::now())), Known::default());
    let work = AssertUnwindSafe(answer(&app, now, (&head, body), peer, &mut known)).catch_unwind();
    let outcome = tokio::time::timeout(app.base_config.request_timeout, work).await;
    let scope = known.call.as_ref().map(|call| &call.scope);
    let reply = match outcome {
        Ok(Ok(Ok(reply))) => reply,
        Ok(Ok(Err(error))) => Reply::error(&error, scope),
        // The panic's own text is on standard error; it may hold anything, so callers do not get it.
        Ok(Err(_)) => Reply::error(&Error::internal("the call broke down"), scope),
        Err(_) => Reply::error(&Error::Timeout, scope),
    };
    if let Some((metrics, began)) = began {
        metrics.count(known.endpoint, &head.method, reply.status_code().as_u16(), began.elapsed());
    }
    tracing::debug!(
        http.method = %head.method,
        http.path = head.uri.path(),
        http.status = reply.status_code().as_u16(),
        tenant = scope.map(|scope| display(scope.in_log())),
        "request served"
    );
    reply.into_response()
}

/// What is known of a call, however it ends.
#[derive(Debug, Default)]
struct Known {
    /// The path of the endpoint that is addressed; empty if there is no such endpoint.
    endpoint: &'static str,
    /// The call, once its domain is known.
    call: Option<Call>,
}

async fn answer<B>(
    app: &Arc<App>,
    now: i64,
    (head, body): (&Head, B),
    peer: Option<IpAddr>,
    known: &mut Known,
) -> Result<Reply>
where
    B: Body + Send + 'static,
    B::Data: Buf + Send,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    let is_endpoint = |path: &str| app.routes.is_endpoint(path);
    let Parts { app_id, tenant_id, endpoint } =
        path::take_apart(head.uri.path(), &app.base_config.base_path, is_endpoint).ok_or(Error::NotFound)?;
    let of_path = app.routes.of_path(&endpoint);
    known.endpoint = of_path.first().map_or("", |route| route.path);
    let domain = tenancy::domain_of_host(app, now, || host(head)).await?;
    let call = known.call.insert(Call::new(app, Scope { domain, app_id, tenant_id }, now));
    call.find_tenants().await?;
    if let Some(public) = &call.public_tenant {
        app.stats.count(&public.scope, now);
    }
    call.origin.peer = peer;
    // Who has no address is in this very process.
    call.origin.by = if peer.is_some() { By::Cdi } else { By::Embedded };
    if let Some(config) = call.tenant.as_ref().or(call.public_tenant.as_ref()) {
        gate::check_address(&config.config, peer)?;
    }
    let rid = head.headers.get("rid").and_then(|rid| rid.to_str().ok());
    let chosen = routes::choose(of_path, &head.method, rid);
    check_caller(app, call, head, chosen.or(of_path.first()))?;
    let route = chosen.ok_or(if of_path.is_empty() { Error::NotFound } else { Error::MethodNotSupported })?;
    let limit = app.base_config.max_request_body_bytes.max(route.body_max_at_least);
    let bytes = if route.reads_body { read(body, limit).await? } else { Bytes::new() };
    serve(route, call, head.uri.query(), &bytes).await
}

/// Key and version. A path that is no endpoint is treated as the root is: open, version checked.
fn check_caller(app: &App, call: &mut Call, head: &Head, route: Option<&Route>) -> Result<()> {
    use portcullis_wire::{Access, Versioning};
    let (access, versioning) =
        route.map_or((Access::Open, Versioning::Checked), |route| (route.access, route.versioning));
    if let (Access::ApiKey, Some(public)) = (access, &call.public_tenant) {
        call.origin.key = gate::check_api_key(&public.config, &app.base_config, &head.headers)?;
    }
    call.caller = gate::caller(&head.headers)?;
    call.is_operator = gate::is_operator(&app.base_config, &head.headers);
    let config = call.public_tenant.as_ref().map_or(&app.base_config, |public| &public.config);
    let asked = gate::version(config, &head.headers)?;
    if asked.cdi < Cdi::V3_0 && !call.scope.is_public_tenant() {
        return Err(Error::NotFound);
    }
    asked.check(versioning)?;
    call.cdi = asked.cdi;
    Ok(())
}

/// The name of the host that the caller addressed, without a port.
fn host(head: &Head) -> String {
    let header = head.headers.get(http::header::HOST).and_then(|host| host.to_str().ok());
    let authority = head.uri.authority().map(http::uri::Authority::as_str).or(header);
    let authority = authority.and_then(|text| text.parse::<http::uri::Authority>().ok());
    authority.map(|authority| authority.host().to_ascii_lowercase()).unwrap_or_default()
}

/// Runs the handler, again if the database broke the work off, which left nothing; or if something that the work
/// added to has gone since it was read, as another tenant of a user's: next time it is not there.
async fn serve(route: &Route, call: &Call, query: Option<&str>, body: &[u8]) -> Result<Reply> {
    let mut tries = 1;
    loop {
        let outcome = (route.handler)(call.clone(), input(route, query, body, call.cdi)?).await;
        if outcome.as_ref().is_err_and(Error::is_breakdown) {
            call.counted.take_back(&call.scope).await;
        }
        let reason = match outcome {
            Err(Error::Db(DbError::MissingParent)) => call.lost_parent().await,
            Err(error) => error,
            Ok(reply) => return Ok(reply),
        };
        if tries == TRIES || !matches!(reason, Error::Db(DbError::Busy | DbError::MissingParent)) {
            return Err(reason);
        }
        // On SQLite, what it got in the way of is seen once the disk has it.
        tokio::time::sleep(PAUSE * (1 << tries)).await;
        tries += 1;
    }
}

fn input(route: &Route, query: Option<&str>, body: &[u8], cdi: Cdi) -> Result<Input> {
    if route.reads_body {
        return Ok(Input::body(body, cdi)?);
    }
    let pairs = form_urlencoded::parse(query.unwrap_or_default().as_bytes()).into_owned();
    Ok(Input::query(pairs, cdi))
}

async fn read<B>(body: B, limit: usize) -> Result<Bytes>
where
    B: Body,
    B::Data: Buf,
    B::Error: std::error::Error + Send + Sync + 'static,
{
    match Limited::new(body, limit).collect().await {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<http_body_util::LengthLimitError>() => Err(Error::BodyTooLarge(limit)),
        Err(error) => Err(Error::BadInput(format!("The request's body could not be read: {error}"))),
    }
}

/// A call whose caller is known, before it is known whether its tenant exists.
#[derive(Clone, Debug)]
pub(super) struct Call {
    app: Arc<App>,
    scope: Scope,
    cdi: Cdi,
    now: i64,
    is_operator: bool,
    caller: Option<IpAddr>,
    origin: Origin,
    counted: Arc<Counted>,
    tenant: Option<Arc<Tenant>>,
    public_tenant: Option<Arc<Tenant>>,
    base_tenant: Option<Arc<Tenant>>,
}

impl Call {
    fn new(app: &Arc<App>, scope: Scope, now: i64) -> Self {
        Self {
            app: Arc::clone(app),
            scope,
            cdi: Cdi::LATEST,
            now,
            is_operator: false,
            caller: None,
            origin: Origin::default(),
            counted: Arc::default(),
            tenant: None,
            public_tenant: None,
            base_tenant: None,
        }
    }

    async fn find_tenants(&mut self) -> Result<()> {
        let (app, scope) = (&self.app, &self.scope);
        self.tenant = tenancy::find(app, scope).await?;
        self.public_tenant = match &self.tenant {
            Some(tenant) if scope.is_public_tenant() => Some(Arc::clone(tenant)),
            _ => tenancy::find(app, &scope.public_tenant()).await?,
        };
        if self.tenant.is_none() {
            self.base_tenant = tenancy::find(app, &Scope::base()).await?;
        }
        Ok(())
    }

    /// Why a row had nothing to belong to: most likely another core has removed the tenant a moment ago.
    async fn lost_parent(&self) -> Error {
        self.app.tenants.clear();
        match tenancy::find(&self.app, &self.scope).await {
            Ok(None) => Error::UnknownTenant(self.scope.clone(), Unknown::Tenant),
            Ok(Some(_)) => DbError::MissingParent.into(),
            Err(error) => error,
        }
    }

    /// Lets the call through to the handler if its tenant, or its app, is there.
    pub(super) fn admit(self, level: Level) -> Result<Cx> {
        let Self { app, scope, cdi, now, is_operator, caller, origin, counted, .. } = self;
        let Self { tenant, public_tenant, base_tenant, .. } = self;
        if level == Level::App && cdi >= Cdi::V5_0 && !scope.is_public_tenant() {
            return Err(Error::forbidden("Only public tenantId can call this app specific API"));
        }
        let (found, missing) = match level {
            Level::Tenant => (tenant, Unknown::Tenant),
            Level::App | Level::Any => (tenant.or(public_tenant), Unknown::App),
            Level::Lookup => (tenant.or(base_tenant), Unknown::Tenant),
        };
        let tenant = found.ok_or_else(|| Error::UnknownTenant(scope.clone(), missing))?;
        Ok(Cx { app, scope, tenant, home: None, is_operator, caller, origin, counted, cdi, now })
    }
}
