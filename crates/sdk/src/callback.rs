//! Functions of the app's own that recipes call.

use crate::{Cx, Result};
use futures_util::future::BoxFuture;
use std::fmt;
use std::future::Future;
use std::sync::Arc;

type Function<I, O> = dyn Fn(Cx, I) -> BoxFuture<'static, Result<O>> + Send + Sync;

/// An asynchronous function of a call and of what it is asked about.
pub(crate) struct Callback<I, O>(Arc<Function<I, O>>);

impl<I: 'static, O: 'static> Callback<I, O> {
    pub(crate) fn new<C, F>(function: C) -> Self
    where
        C: Fn(Cx, I) -> F + Send + Sync + 'static,
        F: Future<Output = Result<O>> + Send + 'static,
    {
        Self(Arc::new(move |cx, input| Box::pin(function(cx, input))))
    }

    /// What it answers.
    pub(crate) fn call(&self, cx: &Cx, input: I) -> BoxFuture<'static, Result<O>> {
        (self.0)(cx.clone(), input)
    }
}

impl<I, O> Clone for Callback<I, O> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<I, O> fmt::Debug for Callback<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callback")
    }
}
