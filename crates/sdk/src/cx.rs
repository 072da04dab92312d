//! What every function is told about its call.

use crate::{Exchange, Portcullis, Result, recipes};
use bytes::Bytes;
use http::Extensions;
use portcullis_wire::Object;
use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// One call: the SDK, the request that it belongs to, if there is one, and what the app passes along.
#[derive(Clone, Debug)]
pub struct Cx {
    sdk: Portcullis,
    exchange: Option<Arc<Exchange>>,
    user_context: Arc<UserContext>,
}

impl Cx {
    /// A call that belongs to no request. Make one for each piece of work instead of keeping it: what the core
    /// answered to a question is remembered in it until something is changed by way of it.
    pub fn new(sdk: &Portcullis) -> Self {
        Self { sdk: sdk.clone(), exchange: None, user_context: Arc::default() }
    }

    /// A call that serves a request.
    pub fn of_request(sdk: &Portcullis, exchange: Arc<Exchange>) -> Self {
        Self { exchange: Some(exchange), ..Self::new(sdk) }
    }

    /// The SDK.
    pub fn sdk(&self) -> &Portcullis {
        &self.sdk
    }

    /// The request that is served, and its response.
    pub fn exchange(&self) -> Option<&Arc<Exchange>> {
        self.exchange.as_ref()
    }

    /// The address of whoever sent the request, as far as it is known: the other end of the connection, or what
    /// the proxies tell that the app trusts. The core counts failed attempts for it, if it is told to.
    pub fn caller(&self) -> Option<IpAddr> {
        self.exchange.as_ref()?.caller(self.sdk.trusted_proxies())
    }

    /// What the app passes from one of its overrides to another.
    pub fn user_context(&self) -> &UserContext {
        &self.user_context
    }

    /// Milliseconds since 1970.
    pub fn now(&self) -> i64 {
        self.sdk.now()
    }

    pub(crate) fn core_cache(&self) -> &CoreCache {
        &self.user_context.kept().core_cache
    }

    pub(crate) fn session(&self) -> Result<&recipes::session::Sessions> {
        self.sdk.session()
    }
}

/// What the app passes along with a call: values by type, and JSON values by name.
#[derive(Default)]
pub struct UserContext(OnceLock<Box<Kept>>);

/// Made when there is something to keep, which for most requests there is not.
#[derive(Default)]
struct Kept {
    typed: Mutex<Extensions>,
    named: Mutex<Object>,
    core_cache: CoreCache,
}

// Only the names: what apps pass along may be tokens and passwords.
impl fmt::Debug for UserContext {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = lock(&self.kept().named).keys().cloned().collect();
        f.debug_struct("UserContext").field("named", &names).finish_non_exhaustive()
    }
}

impl UserContext {
    fn kept(&self) -> &Kept {
        self.0.get_or_init(Box::default)
    }

    /// Keeps a value, instead of another of its type.
    pub fn insert<T: Clone + Send + Sync + 'static>(&self, value: T) {
        lock(&self.kept().typed).insert(value);
    }

    /// The value of a type.
    pub fn get<T: Clone + Send + Sync + 'static>(&self) -> Option<T> {
        lock(&self.0.get()?.typed).get().cloned()
    }

    /// Keeps a JSON value by name.
    pub fn set(&self, name: impl Into<String>, value: impl Into<serde_json::Value>) {
        lock(&self.kept().named).insert(name.into(), value.into());
    }

    /// The JSON value of a name.
    pub fn named(&self, name: &str) -> Option<serde_json::Value> {
        lock(&self.0.get()?.named).get(name).cloned()
    }
}

/// What the core answered to this call already. Every change empties it.
#[derive(Default)]
pub(crate) struct CoreCache(Mutex<HashMap<String, Bytes>>);

impl fmt::Debug for CoreCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CoreCache").finish_non_exhaustive()
    }
}

impl CoreCache {
    pub(crate) fn find(&self, key: &str) -> Option<Bytes> {
        lock(&self.0).get(key).cloned()
    }

    pub(crate) fn insert(&self, key: String, reply: Bytes) {
        lock(&self.0).insert(key, reply);
    }

    pub(crate) fn clear(&self) {
        lock(&self.0).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_passed_along_is_in_no_debug_text() {
        let passed = UserContext::default();
        passed.set("idToken", "a-secret-token");
        passed.insert("a-secret-token".to_owned());
        passed.kept().core_cache.insert("/x".to_owned(), "a-secret-token".into());
        for text in [format!("{passed:?}"), format!("{passed:#?}")] {
            assert!(text.contains("idToken") && !text.contains("secret"), "{text}");
        }
    }
}
