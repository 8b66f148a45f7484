//! A proxy between the tool and a sandbox, which parses each AWS call, logs it, and can make it fail.
//!
//! By default it forwards everything. [`Proxy::on_call`] chooses the faults, [`Proxy::hide_new_for`] delays the visibility of
//! new resources. The sandbox's control calls are always forwarded.

mod answers;
mod call;
mod connection;
mod fault;
mod hiding;
mod names;
mod parameters;
mod rest;
mod tests;
mod xml;

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustix::process::{Pid, Signal, kill_process};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{oneshot, watch};

use super::Sandbox;
use answers::Answer;
use call::Asked;
use connection::{Breaker, Line};
use fault::Judge;
use hiding::Hiding;
use names::Names;

pub use answers::Refusal;
pub use call::Call;
pub use fault::{Fault, Moment, Reach, at_change, by_chance};

/// A received call and its result.
#[derive(Clone, Debug)]
pub struct Logged {
    /// The call.
    pub call: Call,
    /// Its fault.
    pub fault: Option<Fault>,
    /// The status of AWS's answer; `None` if AWS hasn't heard of it or hasn't answered yet.
    pub status: Option<u16>,
}

/// A proxy before one sandbox, on its own port; ends when dropped.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// Starts one before this sandbox.
    pub fn before(sandbox: &Sandbox) -> Self {
        let upstream = sandbox.port().expect("the proxy stands before a sandbox of ours, not before another endpoint");
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a listener that doesn't block");
        let port = listener.local_addr().expect("its port").port();
        let shared = Arc::new(Shared {
            upstream: SocketAddr::from((Ipv4Addr::LOCALHOST, upstream)),
            client: Client::builder(TokioExecutor::new()).build_http(),
            book: Mutex::new(Book::default()),
            tool: watch::Sender::new(None),
            busy: watch::Sender::new(0),
        });
        let (stop, stopped) = oneshot::channel();
        let for_thread = shared.clone();
        // Its own thread: tests may block theirs.
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
            runtime.block_on(async {
                let listener = TcpListener::from_std(listener).expect("the listener is handed over");
                tokio::select! {
                    () = accept(listener, for_thread) => {}
                    _ = stopped => {}
                }
            });
        });
        Proxy { port, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// Where it listens: for `--sandbox-port`.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Chooses the fault of each call from now on. It isn't called for calls of a tool that is being killed.
    pub fn on_call(&self, judge: impl FnMut(&Call) -> Option<Fault> + Send + 'static) {
        self.shared.book().judge = Some(Box::new(judge));
    }

    /// From now on nothing happens to any call.
    pub fn pass_all(&self) {
        self.shared.book().judge = None;
    }

    /// Hides resources created from now on from reads for this long.
    pub fn hide_new_for(&self, delay: Duration) {
        self.shared.book().hiding.set(delay);
    }

    /// Ends the hiding of all resources.
    pub fn show_all(&self) {
        self.shared.book().hiding = Hiding::default();
    }

    /// The process that a [`Fault::Kill`] kills, once. Until it is known a call that is to kill it waits.
    pub fn may_kill(&self, pid: u32) {
        self.shared.book().is_doomed = false;
        self.shared.tool.send_replace(Some(pid));
    }

    /// Waits until all requests of a killed tool are processed: AWS completes them.
    pub async fn settle(&self) {
        let mut busy = self.shared.busy.subscribe();
        busy.wait_for(|busy| *busy == 0).await.expect("the counter lives as long as this");
    }

    /// All AWS calls since the start, or since [`forget_calls`](Self::forget_calls), in the order of their coming.
    pub fn calls(&self) -> Vec<Logged> {
        self.shared.book().log.clone()
    }

    /// Clears the list of calls.
    pub fn forget_calls(&self) {
        let mut book = self.shared.book();
        book.forgotten += book.log.len();
        book.log.clear();
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

struct Shared {
    upstream: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    book: Mutex<Book>,
    /// The process to kill.
    tool: watch::Sender<Option<u32>>,
    /// How many connections are open and calls on their way.
    busy: watch::Sender<usize>,
}

#[derive(Default)]
struct Book {
    judge: Option<Judge>,
    names: Names,
    hiding: Hiding,
    times: HashMap<String, usize>,
    log: Vec<Logged>,
    /// How many entries were taken from the start of `log`.
    forgotten: usize,
    /// The tool is being killed: nothing else happens to its calls.
    is_doomed: bool,
}

impl Book {
    /// Receives a call: parses it, chooses its fault, adds it to the log.
    fn take(&mut self, asked: &Asked) -> (Call, Option<Fault>, usize) {
        let mut call = Call::of(asked);
        let subject = self.names.subject(asked, &call);
        call.key = format!("{} {}:{} {subject}", call.region, call.service, call.operation);
        let times = self.times.entry(call.key.clone()).or_default();
        call.before = *times;
        *times += 1;
        let fault = match &mut self.judge {
            Some(judge) if !self.is_doomed => judge(&call),
            _ => None,
        };
        self.is_doomed |= matches!(fault, Some(Fault::Kill(_)));
        self.log.push(Logged { call: call.clone(), fault, status: None });
        (call, fault, self.forgotten + self.log.len() - 1)
    }

    /// Receives AWS's response; returns the one for the tool.
    fn answered(&mut self, call: &Call, place: usize, answer: Answer) -> Answer {
        if let Some(logged) = place.checked_sub(self.forgotten).and_then(|place| self.log.get_mut(place)) {
            logged.status = Some(answer.status.as_u16());
        }
        if call.is_change && answer.status.is_success() {
            let new = self.names.learn(call, &parameters::printable(&answer.body));
            self.hiding.made(call, &new);
        } else if call.service == "ec2"
            && let Ok(text) = std::str::from_utf8(&answer.body)
        {
            self.names.read(text);
        }
        self.hiding.prune(call, answer)
    }
}

/// Counts while it lives.
struct Busy(Arc<Shared>);

impl Busy {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.busy.send_modify(|busy| *busy += 1);
        Busy(shared.clone())
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.busy.send_modify(|busy| *busy -= 1);
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        tokio::spawn(serve(stream, shared.clone(), Busy::new(&shared)));
    }
}

async fn serve(stream: TcpStream, shared: Arc<Shared>, _busy: Busy) {
    let (line, breaker) = Line::new(stream);
    let answer = service_fn(move |request| {
        let (shared, breaker) = (shared.clone(), breaker.clone());
        async move { shared.take(request, &breaker).await.map(response) }
    });
    // Connections may end in any way: that is the purpose of the proxy.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(line), answer).await;
}

fn response(answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    response
}

impl Shared {
    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().expect("no panic holds this lock")
    }

    /// One request. An error ends the connection without an answer.
    async fn take(self: Arc<Self>, request: Request<Incoming>, breaker: &Breaker) -> io::Result<Answer> {
        let (head, body) = request.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        let asked = Asked { method: head.method, uri: head.uri, headers: head.headers, body };
        if asked.uri.path().starts_with("/_sandbox/") {
            return self.send(asked).await;
        }
        let (call, fault, place) = self.book().take(&asked);
        let denial = self.book().hiding.denial(&asked, &call);
        let for_call = call.clone();
        let pass = async {
            match denial {
                Some(denial) => Ok(denial),
                None => self.clone().pass(asked, for_call, place).await,
            }
        };
        match fault {
            None => pass.await,
            Some(Fault::Delay(delay)) => {
                tokio::time::sleep(delay).await;
                pass.await
            }
            Some(Fault::Kill(Moment::BeforeSend)) => {
                self.kill().await;
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Some(Fault::Kill(Moment::BeforeAnswer)) => {
                pass.await?;
                self.kill().await;
                Err(io::ErrorKind::ConnectionAborted.into())
            }
            Some(Fault::Kill(Moment::AfterAnswer)) => {
                let answer = pass.await?;
                // On this one thread it has its turn once the answer is written.
                tokio::spawn(async move { self.kill().await });
                Ok(answer)
            }
            Some(Fault::Refuse(refusal, reach)) => {
                if reach == Reach::Processed {
                    pass.await?;
                }
                Ok(refusal.answer(&call))
            }
            Some(Fault::Reset(reach)) => {
                if reach == Reach::Processed {
                    pass.await?;
                }
                breaker.reset();
                Ok(Answer { status: StatusCode::OK, headers: Default::default(), body: Bytes::new() })
            }
            Some(Fault::Cut) => {
                let answer = pass.await?;
                breaker.cut();
                Ok(answer)
            }
        }
    }

    /// Asks AWS, to the end even if the tool dies meanwhile.
    async fn pass(self: Arc<Self>, asked: Asked, call: Call, place: usize) -> io::Result<Answer> {
        let busy = Busy::new(&self);
        let asking = tokio::spawn(async move {
            let _busy = busy;
            let answer = self.send(asked).await?;
            Ok(self.book().answered(&call, place, answer))
        });
        asking.await.expect("passing a call on doesn't panic")
    }

    async fn send(&self, asked: Asked) -> io::Result<Answer> {
        let path = asked.uri.path_and_query().map_or("/", |path| path.as_str());
        let uri: Uri = format!("http://{}{path}", self.upstream).parse().map_err(io::Error::other)?;
        let is_head = asked.method == Method::HEAD;
        let mut request = Request::new(Full::new(asked.body));
        *request.method_mut() = asked.method;
        *request.uri_mut() = uri;
        *request.headers_mut() = asked.headers;
        // How the bytes travel is each connection's own business.
        for name in [HOST, CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING] {
            request.headers_mut().remove(name);
        }
        let (mut head, body) = self.client.request(request).await.map_err(io::Error::other)?.into_parts();
        let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
        head.headers.remove(CONNECTION);
        head.headers.remove(TRANSFER_ENCODING);
        if !is_head {
            head.headers.remove(CONTENT_LENGTH);
        }
        Ok(Answer { status: head.status, headers: head.headers, body })
    }

    /// Kills the tool, once it is known which process that is.
    async fn kill(&self) {
        let mut tool = self.tool.subscribe();
        let Ok(pid) = tool.wait_for(Option::is_some).await.map(|pid| *pid) else { return };
        if let Some(pid) = pid.and_then(|pid| Pid::from_raw(pid.cast_signed())) {
            // It may have ended meanwhile.
            let _ = kill_process(pid, Signal::KILL);
        }
        self.tool.send_replace(None);
    }
}
