//! A response body that emits one chunk at each interval.

use std::convert::Infallible;
use std::iter::Peekable;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame};
use tokio::time::Interval;

/// Body that sends one chunk at each interval. The first chunk is sent immediately. The body ends with the last
/// chunk, not one interval later.
pub(super) struct PacedBody<I: Iterator<Item = Bytes>> {
    timer: Interval,
    chunks: Peekable<I>,
}

impl<I: Iterator<Item = Bytes>> PacedBody<I> {
    /// # Panics
    /// Outside a tokio runtime.
    pub(super) fn new(interval: Duration, chunks: I) -> Self {
        PacedBody { timer: tokio::time::interval(interval), chunks: chunks.peekable() }
    }
}

impl<I: Iterator<Item = Bytes> + Unpin> Body for PacedBody<I> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.chunks.peek().is_some() {
            ready!(self.timer.poll_tick(context));
        }
        Poll::Ready(self.chunks.next().map(|chunk| Ok(Frame::data(chunk))))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn each_interval_emits_one_chunk_and_the_last_ends_the_body() {
        let interval = Duration::from_millis(300);
        let started = Instant::now();
        let body = PacedBody::new(interval, ["a", "b", "c"].map(Bytes::from).into_iter());
        let sent = body.collect().await.expect("the body cannot fail").to_bytes();
        assert_eq!(sent, "abc");
        assert_eq!(started.elapsed(), 2 * interval);
    }
}
