//! The body of a response that may be the app's or the SDK's.

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::{Either, Full};
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::task::{Context, Poll};

pin_project! {
    /// Either the app's own body, or the SDK's. The default is empty, as layers above want it that answer
    /// without asking further, such as CORS.
    #[derive(Debug)]
    pub struct ResponseBody<B> {
        #[pin]
        inner: Either<B, Full<Bytes>>,
    }
}

impl<B> ResponseBody<B> {
    pub(crate) fn of_app(body: B) -> Self {
        Self { inner: Either::Left(body) }
    }

    pub(crate) fn of_sdk(body: Bytes) -> Self {
        Self { inner: Either::Right(Full::new(body)) }
    }
}

impl<B> Default for ResponseBody<B> {
    fn default() -> Self {
        Self::of_sdk(Bytes::new())
    }
}

impl<B> Body for ResponseBody<B>
where
    B: Body<Data = Bytes>,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn std::error::Error + Send + Sync>;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        self.project().inner.poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}
