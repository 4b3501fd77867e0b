//! A response body that sends its pieces one at a time, at a steady pace.

use std::convert::Infallible;
use std::iter::Peekable;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use hyper::body::{Body, Bytes, Frame};
use tokio::time::Interval;

/// The first piece goes at once, each other one `pace` after the one before. The body ends with the
/// last piece, not one pace later.
pub(super) struct PacedBody<I: Iterator<Item = Bytes>> {
    beat: Interval,
    pieces: Peekable<I>,
}

impl<I: Iterator<Item = Bytes>> PacedBody<I> {
    /// Must be called inside a tokio runtime, whose clock it uses.
    pub(super) fn new(pace: Duration, pieces: I) -> Self {
        PacedBody { beat: tokio::time::interval(pace), pieces: pieces.peekable() }
    }
}

impl<I: Iterator<Item = Bytes> + Unpin> Body for PacedBody<I> {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.pieces.peek().is_some() {
            ready!(self.beat.poll_tick(context));
        }
        Poll::Ready(self.pieces.next().map(|piece| Ok(Frame::data(piece))))
    }
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pieces_come_at_their_pace_and_the_end_with_the_last() {
        let pace = Duration::from_millis(300);
        let started = Instant::now();
        let body = PacedBody::new(pace, ["a", "b", "c"].map(Bytes::from).into_iter());
        let sent = body.collect().await.expect("the body cannot fail").to_bytes();
        assert_eq!(sent, "abc");
        assert_eq!(started.elapsed(), 2 * pace);
    }
}
