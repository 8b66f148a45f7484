//! The connection to the tool: a socket that can be made to break when a response is written to it.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

/// The state of the connection.
#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    /// Responses are written in full.
    Whole,
    /// The next write resets the connection: no byte of the response arrives.
    Reset,
    /// The next write stops in the middle of the response's body, and the connection closes.
    Cut,
    /// This many bytes are written, and the connection closes.
    Rest(usize),
}

/// Breaks a [`Line`] from elsewhere.
#[derive(Clone)]
pub struct Breaker(Arc<Mutex<State>>);

impl Breaker {
    /// Resets the connection instead of the next response.
    pub fn reset(&self) {
        self.set(State::Reset);
    }

    /// Sends the head of the next response, which contains the body's length, and half the body.
    pub fn cut(&self) {
        self.set(State::Cut);
    }

    fn set(&self, state: State) {
        *self.0.lock().expect("no panic holds this lock") = state;
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
        let breaker = Breaker(Arc::new(Mutex::new(State::Whole)));
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
        if *course == State::Cut {
            *course = State::Rest(half(bytes));
        }
        match *course {
            State::Whole | State::Cut => Pin::new(&mut line.stream).poll_write(cx, bytes),
            State::Reset => {
                // Closed with this set, TCP says RST instead of FIN.
                line.stream.set_zero_linger()?;
                Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()))
            }
            State::Rest(0) => Poll::Ready(Err(io::ErrorKind::BrokenPipe.into())),
            State::Rest(left) => {
                let written = Pin::new(&mut line.stream).poll_write(cx, &bytes[..left.min(bytes.len())]);
                if let Poll::Ready(Ok(written)) = written {
                    *course = State::Rest(left - written);
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

/// The head of the response and half its body; without a body, half the head.
fn half(answer: &[u8]) -> usize {
    let head = answer.windows(4).position(|end| end == b"\r\n\r\n").map_or(0, |end| end + 4);
    let body = answer.len() - head;
    if body == 0 { head / 2 } else { head + body / 2 }
}
