//! The SDK as tower layers: one serves the frontend APIs and lets routes find the session, the other
//! turns the SDK's errors into responses.

use crate::handle::message;
use crate::{Cx, Error, Exchange, Portcullis, ResponseBody};
use bytes::Bytes;
use futures_util::future::BoxFuture;
use http::request::Parts;
use http::{Request, Response, StatusCode};
use http_body::Body;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use std::sync::Arc;
use std::task::{Context, Poll};
use tower_layer::Layer;
use tower_service::Service;

/// Serves the frontend APIs. Comes after the CORS setting and before the routes.
#[derive(Clone, Debug)]
pub struct SdkLayer(Portcullis);

/// Turns the SDK's errors, which routes and extractors answer, into responses. Comes after [`SdkLayer`].
#[derive(Clone, Copy, Debug)]
pub struct ErrorLayer(());

/// An SDK error on its way to the [`ErrorLayer`], as an extension of the response.
#[derive(Clone, Debug)]
pub struct ErrorMarker(pub Arc<Error>);

impl Portcullis {
    /// The layer that serves the frontend APIs.
    pub fn layer(&self) -> SdkLayer {
        SdkLayer(self.clone())
    }

    /// The layer that turns errors into responses.
    pub fn error_layer(&self) -> ErrorLayer {
        ErrorLayer(())
    }

    /// Reads the body of a request that [`Portcullis::is_for`] knows, and serves it: for adapters.
    pub async fn serve<B>(&self, head: &Parts, body: B) -> Response<Bytes>
    where
        B: Body,
        B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    {
        match Limited::new(body, self.body_limit()).collect().await {
            Ok(body) => {
                let cx = Cx::of_request(self, Arc::new(Exchange::new(head, body.to_bytes())));
                self.handle(&cx).await.unwrap_or_else(|| message(StatusCode::NOT_FOUND, "Not found"))
            }
            Err(error) if error.is::<LengthLimitError>() => {
                message(StatusCode::PAYLOAD_TOO_LARGE, "The request's body is too large")
            }
            Err(_) => message(StatusCode::BAD_REQUEST, "The request's body could not be read"),
        }
    }

    /// The response to an error for which there is no call, because the SDK's layer is missing: for adapters.
    pub fn misplaced(error: &Error) -> Response<Bytes> {
        tracing::error!(%error, "the SDK's layer is missing: it goes before the error layer and the routes");
        message(StatusCode::INTERNAL_SERVER_ERROR, "Internal Server Error")
    }
}

impl<S> Layer<S> for SdkLayer {
    type Service = SdkService<S>;

    fn layer(&self, inner: S) -> SdkService<S> {
        SdkService { sdk: self.0.clone(), inner }
    }
}

impl<S> Layer<S> for ErrorLayer {
    type Service = ErrorService<S>;

    fn layer(&self, inner: S) -> ErrorService<S> {
        ErrorService { inner }
    }
}

/// See [`SdkLayer`].
#[derive(Clone, Debug)]
pub struct SdkService<S> {
    sdk: Portcullis,
    inner: S,
}

impl<S, Q, R> Service<Request<Q>> for SdkService<S>
where
    S: Service<Request<Q>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    Q: Body + Send + 'static,
    Q::Data: Send,
    Q::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
    R: Send + 'static,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Q>) -> Self::Future {
        let rid = request.headers().get("rid").and_then(|rid| rid.to_str().ok());
        if self.sdk.is_for(request.method(), request.uri().path(), rid) {
            let sdk = self.sdk.clone();
            return Box::pin(async move {
                let (head, body) = request.into_parts();
                Ok(sdk.serve(&head, body).await.map(ResponseBody::of_sdk))
            });
        }
        // The clone takes the place of the service that was made ready.
        let next = self.inner.clone();
        let mut inner = std::mem::replace(&mut self.inner, next);
        let (head, body) = request.into_parts();
        let exchange = Arc::new(Exchange::new(&head, Bytes::new()));
        request = Request::from_parts(head, body);
        request.extensions_mut().insert(Cx::of_request(&self.sdk, Arc::clone(&exchange)));
        Box::pin(async move {
            let mut response = inner.call(request).await?.map(ResponseBody::of_app);
            exchange.write_to(response.headers_mut());
            Ok(response)
        })
    }
}

/// See [`ErrorLayer`].
#[derive(Clone, Debug)]
pub struct ErrorService<S> {
    inner: S,
}

impl<S, Q, R> Service<Request<Q>> for ErrorService<S>
where
    S: Service<Request<Q>, Response = Response<R>>,
    S::Future: Send + 'static,
    R: Send + 'static,
{
    type Response = Response<ResponseBody<R>>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Self::Response, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<Q>) -> Self::Future {
        let cx = request.extensions().get::<Cx>().cloned();
        let answered = self.inner.call(request);
        Box::pin(async move {
            let response = answered.await?;
            let Some(ErrorMarker(error)) = response.extensions().get::<ErrorMarker>().cloned() else {
                return Ok(response.map(ResponseBody::of_app));
            };
            let response = if let Some(cx) = cx {
                cx.sdk().error_response(&cx, &error).await
            } else {
                Portcullis::misplaced(&error)
            };
            Ok(response.map(ResponseBody::of_sdk))
        })
    }
}
