//! The sandbox's own calls, `/_sandbox/...`: plain HTTP to loopback, a handful a command, so no client library.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{Result, SandboxError};

/// It answers these calls in milliseconds, even while it works on many AWS calls.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a sandbox says of itself.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Status {
    /// It takes AWS calls.
    pub ready: bool,
    /// Where AWS calls go.
    pub port: u16,
    /// Where requests to load balancers go.
    pub front_door_port: u16,
    /// How much faster than on AWS things come to be; 0 is at once.
    pub time_scale: f64,
    /// The version of moto, the emulator that it is built on.
    pub moto_version: String,
    /// AWS calls since it was last reset.
    pub calls: u64,
    /// Its process.
    pub pid: u32,
    /// Where its log and its process id are kept.
    pub data_dir: PathBuf,
    /// Which build of provisioner started it; `None` if somebody started it by hand.
    pub bundle: Option<String>,
}

/// The way to the control calls of the sandbox on one port.
#[derive(Clone, Copy, Debug)]
pub struct Control {
    port: u16,
}

impl Control {
    /// Of the sandbox on this port; sends nothing yet.
    pub fn new(port: u16) -> Self {
        Control { port }
    }

    /// What the sandbox says of itself; `None` if nothing listens.
    pub fn status(&self) -> Result<Option<Status>> {
        let answer = match self.call("GET", "status", None) {
            Err(SandboxError::NotRunning { .. }) => return Ok(None),
            // Something that knows no such call, and isn't ours.
            Err(SandboxError::Refused { .. }) => return Err(SandboxError::PortTaken { port: self.port }),
            other => other?,
        };
        let status = serde_json::from_value(answer).map_err(|_| SandboxError::PortTaken { port: self.port })?;
        Ok(Some(status))
    }

    /// Empties it.
    pub fn reset(&self) -> Result<()> {
        self.call("POST", "reset", None).map(drop)
    }

    /// Sets how much faster than on AWS things come to be; 0 is at once.
    pub fn set_time_scale(&self, scale: f64) -> Result<()> {
        self.call("PUT", "time-scale", Some(&json!({ "scale": scale }))).map(drop)
    }

    /// Any control call: `GET` `calls` is `GET /_sandbox/calls`.
    pub fn call(&self, method: &str, what: &str, body: Option<&Value>) -> Result<Value> {
        let call = format!("{method} /_sandbox/{what}");
        let body = body.map(Value::to_string).unwrap_or_default();
        let answer = self.exchange(&call, &body).map_err(|source| match source.kind() {
            ErrorKind::ConnectionRefused => SandboxError::NotRunning { port: self.port },
            _ => SandboxError::NoAnswer { port: self.port, source },
        })?;
        let (status, body) = parse(&answer).ok_or(SandboxError::PortTaken { port: self.port })?;
        if status != 200 {
            return Err(SandboxError::Refused { call, said: body.trim().to_owned() });
        }
        serde_json::from_str(body).map_err(|_| SandboxError::PortTaken { port: self.port })
    }

    fn exchange(&self, call: &str, body: &str) -> std::io::Result<String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let port = self.port;
        let length = body.len();
        let request = format!(
            "{call} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Type: application/json\r\n\
             Content-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(request.as_bytes())?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer)?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }
}

/// The status and the body of an answer that ends with the connection.
fn parse(answer: &str) -> Option<(u16, &str)> {
    let (head, body) = answer.split_once("\r\n\r\n")?;
    let mut words = head.split_ascii_whitespace();
    words.next().filter(|version| version.starts_with("HTTP/1."))?;
    Some((words.next()?.parse().ok()?, body))
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// Takes one connection and gives this answer.
    fn answering(answer: &'static str) -> Control {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut request = [0; 1024];
            assert!(stream.read(&mut request).unwrap() > 0);
            stream.write_all(answer.as_bytes()).unwrap();
        });
        Control::new(port)
    }

    #[test]
    fn a_port_where_nothing_listens_has_no_status() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let control = Control::new(listener.local_addr().unwrap().port());
        drop(listener);
        assert!(control.status().unwrap().is_none());
        assert!(matches!(control.reset(), Err(SandboxError::NotRunning { .. })));
    }

    #[test]
    fn what_is_not_the_sandbox_is_told_from_it() {
        for answer in [
            "HTTP/1.1 404 Not Found\r\n\r\n<html>",
            "HTTP/1.1 200 OK\r\n\r\n<html>",
            "HTTP/1.1 200 OK\r\n\r\n{\"status\": \"fine\"}",
            "220 mail.example.com ESMTP\r\n",
        ] {
            let control = answering(answer);
            assert!(matches!(control.status(), Err(SandboxError::PortTaken { .. })), "{answer}");
        }
    }

    #[test]
    fn a_status_is_read_and_a_refusal_is_quoted() {
        let control = answering(
            "HTTP/1.1 200 OK\r\nServer: x\r\n\r\n{\"ready\": true, \"version\": \"1\", \"port\": 4566, \"front_door_port\": 4567, \
             \"time_scale\": 0, \"moto_version\": \"5\", \"calls\": 7, \"pid\": 12, \"data_dir\": \"/d\", \"bundle\": null}",
        );
        let status = control.status().unwrap().unwrap();
        assert_eq!((status.ready, status.calls, status.bundle), (true, 7, None));

        let control = answering("HTTP/1.1 400 Bad Request\r\n\r\n{\"error\": \"scale must not be negative\"}");
        let refused = control.set_time_scale(-1.0).unwrap_err().to_string();
        assert!(refused.contains("PUT /_sandbox/time-scale") && refused.contains("must not be negative"), "{refused}");
    }
}
