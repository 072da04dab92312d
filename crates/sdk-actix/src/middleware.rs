//! The two middlewares: one serves the frontend APIs and lets routes find the session, the other turns the
//! SDK's errors into responses.

use crate::Error;
use crate::convert::{head_of, response_of, write};
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Service, ServiceRequest, ServiceResponse, Transform};
use actix_web::error::{Error as WebError, ErrorBadRequest, InternalError};
use actix_web::middleware::{Next, from_fn};
use actix_web::{HttpMessage, HttpResponse};
use bytes::Bytes;
use futures_util::TryStreamExt;
use http_body::Frame;
use http_body_util::StreamBody;
use portcullis::{Cx, ErrorMarker, Exchange, Portcullis};
use std::sync::Arc;

type Answer<B> = ServiceResponse<EitherBody<B>>;

/// Serves the frontend APIs, and lets routes find the session. CORS wraps it, and it wraps [`error_handler`].
pub fn middleware<S, B>(
    sdk: &Portcullis,
) -> impl Transform<S, ServiceRequest, Response = Answer<B>, Error = WebError, InitError = ()> + use<S, B>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = WebError> + 'static,
    B: MessageBody + 'static,
{
    let sdk = sdk.clone();
    from_fn(move |request, next| serve(sdk.clone(), request, next))
}

/// Turns the SDK's errors, which routes and extractors answer, into responses.
pub fn error_handler<S, B>()
-> impl Transform<S, ServiceRequest, Response = Answer<B>, Error = WebError, InitError = ()>
where
    S: Service<ServiceRequest, Response = ServiceResponse<B>, Error = WebError> + 'static,
    B: MessageBody + 'static,
{
    from_fn(handle_errors)
}

async fn serve<B: MessageBody + 'static>(
    sdk: Portcullis,
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<Answer<B>, WebError> {
    let head = head_of(&request).map_err(ErrorBadRequest)?;
    let rid = head.headers.get("rid").and_then(|rid| rid.to_str().ok());
    if sdk.is_for(&head.method, head.uri.path(), rid) {
        let body = StreamBody::new(request.take_payload().map_ok(Frame::data));
        let response = response_of(sdk.serve(&head, body).await);
        return Ok(request.into_response(response).map_into_right_body());
    }
    let exchange = Arc::new(Exchange::new(&head, Bytes::new()));
    request.extensions_mut().insert(Cx::of_request(&sdk, Arc::clone(&exchange)));
    match next.call(request).await {
        Ok(mut response) => {
            write(&exchange, response.headers_mut());
            Ok(response.map_into_left_body())
        }
        Err(error) => {
            let mut response = error.error_response();
            write(&exchange, response.headers_mut());
            Err(InternalError::from_response(error, response).into())
        }
    }
}

async fn handle_errors<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<Answer<B>, WebError> {
    let cx = request.extensions().get::<Cx>().cloned();
    match next.call(request).await {
        Ok(response) => {
            let marker = response.response().extensions().get::<ErrorMarker>().cloned();
            let Some(ErrorMarker(error)) = marker else { return Ok(response.map_into_left_body()) };
            let answer = answer(cx.as_ref(), &error).await;
            Ok(response.into_response(answer).map_into_right_body())
        }
        // Middlewares between this one and the routes fail in this way.
        Err(error) => {
            let Some(Error(known)) = error.as_error::<Error>().cloned() else { return Err(error) };
            let answer = answer(cx.as_ref(), &known).await;
            Err(InternalError::from_response(error, answer).into())
        }
    }
}

async fn answer(cx: Option<&Cx>, error: &portcullis::Error) -> HttpResponse {
    response_of(match cx {
        Some(cx) => cx.sdk().error_response(cx, error).await,
        None => Portcullis::misplaced(error),
    })
}
