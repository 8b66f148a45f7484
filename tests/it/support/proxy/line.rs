//! The connection to the tool: a socket that can be made to break when a response is written to it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// How the line goes on.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Course {
    /// As it should.
    Whole,
    /// The next write resets the connection: nothing of the answer arrives.
    Reset,
    /// The next write is cut in the middle of the answer's body, and the connection closes.
    Cut,
    /// So many bytes go out, and the connection closes.
    Rest(usize),
}

/// Breaks a [`Line`] from elsewhere.
#[derive(Clone)]
pub struct Breaker(Arc<Mutex<Course>>);

impl Breaker {
    /// The next answer doesn't arrive: the connection is reset.
    pub fn reset(&self) {
        self.set(Course::Reset);
    }

    /// Of the next answer arrives the head, which says how long the body is, and half the body.
    pub fn cut(&self) {
        self.set(Course::Cut);
    }

    fn set(&self, course: Course) {
        *self.0.lock().expect("no panic holds this lock") = course;
    }
}

/// A socket with a [`Breaker`].
pub struct Line {
    stream: TcpStream,
    breaker: Breaker,
}

impl Line {
    /// A line over this socket, and what breaks it.
    pub fn new(stream: TcpStream) -> (Self, Breaker) {
        let breaker = Breaker(Arc::new(Mutex::new(Course::Whole)));
        (Line { stream, breaker: breaker.clone() }, breaker)
    }
}

impl AsyncRead for Line {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, into: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, into)
    }
}

impl AsyncWrite for Line {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let line = &mut *self;
        let mut course = line.breaker.0.lock().expect("no panic holds this lock");
        if *course == Course::Cut {
            *course = Course::Rest(half(bytes));
        }
        match *course {
            Course::Whole | Course::Cut => Pin::new(&mut line.stream).poll_write(cx, bytes),
            Course::Reset => {
                // Closed with this set, TCP says RST instead of FIN.
                line.stream.set_zero_linger()?;
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
            Course::Rest(0) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            Course::Rest(left) => {
                let written = Pin::new(&mut line.stream).poll_write(cx, &bytes[..left.min(bytes.len())]);
                if let Poll::Ready(Ok(written)) = written {
                    *course = Course::Rest(left - written);
                }
                written
            }
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

/// The head of the answer and half of what follows it; of an answer without a body, half the head.
fn half(answer: &[u8]) -> usize {
    let head = answer.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |end| end + 4);
    let body = answer.len() - head;
    if body == 0 { head / 2 } else { head + body / 2 }
}
