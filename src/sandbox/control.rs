//! The control API of the sandbox, `/_sandbox/...`: plain HTTP to loopback. A command makes a few calls, so it needs no client
//! library.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use super::error::{Result, SandboxError};

/// The timeout of a control call: they take milliseconds, even under load.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The status of a sandbox.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Status {
    /// It accepts AWS calls.
    pub ready: bool,
    /// The port of the AWS API.
    pub port: u16,
    /// The port on which load balancers answer.
    pub front_door_port: u16,
    /// How much faster than on AWS resources become ready; 0 is immediate.
    pub time_scale: f64,
    /// The version of moto, the emulator that it uses.
    pub moto_version: String,
    /// The number of AWS calls since the last reset.
    pub calls: u64,
    /// Its process id.
    pub pid: u32,
    /// The folder with its log and process id.
    pub data_dir: PathBuf,
    /// The version of the package in the provisioner that started it; `None` if it was started manually.
    pub bundle: Option<String>,
}

/// A client for the control API of the sandbox on one port.
#[derive(Clone, Copy, Debug)]
pub struct Control {
    port: u16,
}

impl Control {
    /// A client for this port. Sends nothing.
    pub fn new(port: u16) -> Self {
        Control { port }
    }

    /// The status; `None` if nothing listens on the port.
    pub fn status(&self) -> Result<Option<Status>> {
        let answer = match self.call("GET", "status", None) {
            Err(SandboxError::NotRunning { .. }) => return Ok(None),
            // Another server, which doesn't know this path.
            Err(SandboxError::Rejected { .. }) => return Err(SandboxError::PortTaken { port: self.port }),
            other => other?,
        };
        let status = serde_json::from_value(answer).map_err(|_| SandboxError::PortTaken { port: self.port })?;
        Ok(Some(status))
    }

    /// Deletes all resources, faults and recorded calls.
    pub fn reset(&self) -> Result<()> {
        self.call("POST", "reset", None).map(drop)
    }

    /// Sets how much faster than on AWS resources become ready; 0 is immediate.
    pub fn set_time_scale(&self, scale: f64) -> Result<()> {
        self.call("PUT", "time-scale", Some(&json!({ "scale": scale }))).map(drop)
    }

    /// Makes a control call: `GET`, `calls` is `GET /_sandbox/calls`.
    pub fn call(&self, method: &str, what: &str, body: Option<&Value>) -> Result<Value> {
        let call = format!("{method} /_sandbox/{what}");
        let body = body.map(Value::to_string).unwrap_or_default();
        let answer = self.exchange(&call, &body).map_err(|source| match source.kind() {
            ErrorKind::ConnectionRefused => SandboxError::NotRunning { port: self.port },
            _ => SandboxError::NoAnswer { port: self.port, source },
        })?;
        let (status, body) = parse(&answer).ok_or(SandboxError::PortTaken { port: self.port })?;
        if status != 200 {
            return Err(SandboxError::Rejected { call, answer: body.trim().to_owned() });
        }
        serde_json::from_str(body).map_err(|_| SandboxError::PortTaken { port: self.port })
    }

    fn exchange(&self, call: &str, body: &str) -> std::io::Result<String> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, self.port));
        let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_write_timeout(Some(TIMEOUT))?;
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

/// The status code and the body of a response that ends with the connection.
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

    /// A server that sends this response to one request.
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
    fn unused_port_has_no_status() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let control = Control::new(listener.local_addr().unwrap().port());
        drop(listener);
        assert!(control.status().unwrap().is_none());
        assert!(matches!(control.reset(), Err(SandboxError::NotRunning { .. })));
    }

    #[test]
    fn other_servers_are_recognized() {
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
    fn status_is_parsed_and_rejection_quoted() {
        let control = answering(
            "HTTP/1.1 200 OK\r\nServer: x\r\n\r\n{\"ready\": true, \"version\": \"1\", \"port\": 4566, \"front_door_port\": 4567, \
             \"time_scale\": 0, \"moto_version\": \"5\", \"calls\": 7, \"pid\": 12, \"data_dir\": \"/d\", \"bundle\": null}",
        );
        let status = control.status().unwrap().unwrap();
        assert_eq!((status.ready, status.calls, status.bundle), (true, 7, None));

        let control = answering("HTTP/1.1 400 Bad Request\r\n\r\n{\"error\": \"scale must not be negative\"}");
        let error = control.set_time_scale(-1.0).unwrap_err().to_string();
        assert!(error.contains("PUT /_sandbox/time-scale") && error.contains("must not be negative"), "{error}");
    }
}
