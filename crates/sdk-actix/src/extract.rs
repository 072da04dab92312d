//! What routes ask for: the session, and the call.

use crate::{Error, Result};
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use futures_util::future::{LocalBoxFuture, Ready, ready};
use portcullis::Cx;
use portcullis::recipes::session::{self, SessionPolicy, SignedIn, VerifyOptions};
use std::{marker::PhantomData, ops::Deref};

/// The session of a request. Without one, or with one that lacks what the policy asks for, the route does
/// not run and the caller gets a 401 or 403.
///
/// actix-web's own `Option<Session>` takes every error for `None`, also that of a caller whose session has
/// expired and who would only have to refresh it: [`MaybeSession`] is what routes want that serve both.
#[derive(Clone, Debug)]
pub struct Session<P = SignedIn>(pub session::Session, PhantomData<fn() -> P>);

impl<P> Deref for Session<P> {
    type Target = session::Session;

    fn deref(&self) -> &session::Session {
        &self.0
    }
}

impl<P: SessionPolicy> FromRequest for Session<P> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = verify::<P>(cx_of(request), |options| options);
        let optional = "a policy cannot make a session optional: ask for a MaybeSession";
        Box::pin(async move { found.await?.ok_or_else(|| internal(optional)) })
    }
}

/// The session of a request, if the caller shows one. Callers whose session has expired are told to refresh.
#[derive(Clone, Debug)]
pub struct MaybeSession<P = SignedIn>(pub Option<Session<P>>);

impl<P: SessionPolicy> FromRequest for MaybeSession<P> {
    type Error = Error;
    type Future = LocalBoxFuture<'static, Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let found = verify::<P>(cx_of(request), VerifyOptions::optional);
        Box::pin(async move { found.await.map(Self) })
    }
}

async fn verify<P: SessionPolicy>(
    cx: Result<Cx>,
    adjust: fn(VerifyOptions) -> VerifyOptions,
) -> Result<Option<Session<P>>> {
    let cx = cx?;
    let session = cx.sdk().session()?.verify(&cx, &adjust(P::options(&cx))).await?;
    Ok(session.map(|session| Session(session, PhantomData)))
}

/// The call that a request makes, for the functions of the SDK.
#[derive(Clone, Debug)]
pub struct Call(pub Cx);

impl FromRequest for Call {
    type Error = Error;
    type Future = Ready<Result<Self>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(cx_of(request).map(Self))
    }
}

fn cx_of(request: &HttpRequest) -> Result<Cx> {
    let cx = request.extensions().get().cloned();
    cx.ok_or_else(|| internal("the SDK's middleware is missing: add .wrap(middleware(&sdk))"))
}

fn internal(text: &str) -> Error {
    Error(portcullis::Error::Internal(text.to_owned()))
}
