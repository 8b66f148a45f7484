//! The lock of a state in S3: a lease that its run renews while it works, and that ends by itself when it doesn't.
//!
//! How old a lease is is told by S3's clock alone (`Last-Modified` against `Date`), so no machine's clock has to be right. The
//! run itself counts from before it asked for its last renewal, so it takes the lease for lost before anybody else does.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_s3::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_s3::error::BoxError;
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use super::bucket::{Bucket, If, Written};
use super::file::{StateError, random_hex};
use super::store::{Guard, Result};

/// What the lock's object says.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Held {
    /// For people: what holds it, where, since when.
    holder: String,
    /// Tells runs apart.
    owner: String,
    /// Counts the writes, so that no two are the same text.
    renewed: u64,
    /// How long it lasts after a write.
    seconds: u64,
    /// Nobody holds it.
    #[serde(default)]
    free: bool,
}

/// A held lease. It is renewed until it is dropped.
#[derive(Debug)]
pub struct Lease {
    shared: Arc<Shared>,
    renewing: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    bucket: Bucket,
    name: String,
    now: tokio::sync::Mutex<Now>,
    /// By [`boot_time`].
    ends: Mutex<Duration>,
}

#[derive(Debug)]
struct Now {
    held: Held,
    version: String,
    lost: Option<String>,
}

fn lock_of(suffix: &str) -> String {
    format!("{suffix}.lock")
}

impl Lease {
    /// Takes the lease, or says who holds it.
    pub(super) async fn take(bucket: &Bucket, suffix: &str, purpose: &str) -> Result<Self> {
        let name = lock_of(suffix);
        let seconds = bucket.lease().as_secs();
        let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let since = Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC");
        let holder = format!("`{purpose}`, process {} on {machine}, since {since}", std::process::id());
        let held = Held { holder, owner: random_hex(), renewed: 0, seconds, free: false };
        let text = text(&held);
        let asked = boot_time();
        let there = read(bucket, &name).await?;
        let condition = match &there {
            None => If::New,
            Some(there) if there.is_over() => If::Is(&there.version),
            Some(there) => return Err(there.locked(bucket.url(&name))),
        };
        let version = match bucket.put(&name, &text, condition).await? {
            Written::Yes(version) => version,
            Written::No => {
                let holder = read(bucket, &name).await?.map(|there| there.held.holder);
                let holder = holder.unwrap_or_else(|| "a run that began at the same moment".to_owned());
                return Err(StateError::Locked { path: bucket.url(&name), holder });
            }
        };
        let shared = Arc::new(Shared {
            bucket: bucket.clone(),
            name,
            now: tokio::sync::Mutex::new(Now { held, version, lost: None }),
            ends: Mutex::new(asked + bucket.lease()),
        });
        let renewing = tokio::spawn(renew_forever(shared.clone()));
        Ok(Lease { shared, renewing })
    }

    /// Takes the lease away from whoever holds it: a run that has renewed it a moment ago may live, and go on for as long as it
    /// doesn't know, so that takes `force`. Gives the holder; `None` if there is none.
    pub(super) async fn take_away(bucket: &Bucket, suffix: &str, force: bool) -> Result<Option<String>> {
        let name = lock_of(suffix);
        let Some(there) = read(bucket, &name).await?.filter(|there| !there.held.free) else { return Ok(None) };
        if !force && !there.is_over() {
            return Err(there.locked(bucket.url(&name)));
        }
        let held = Held { free: true, owner: random_hex(), ..there.held.clone() };
        match bucket.put(&name, &text(&held), If::Is(&there.version)).await? {
            Written::Yes(_) => Ok(Some(there.held.holder)),
            Written::No => Err(StateError::Moved { name: bucket.url(&name) }),
        }
    }
}

#[async_trait]
impl Guard for Lease {
    async fn check(&self) -> Result<()> {
        if self.shared.is_safe() {
            return Ok(());
        }
        // This machine may have slept: whether somebody else has taken it S3 knows.
        self.shared.renew().await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewing.abort();
        let shared = self.shared.clone();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        // Somebody may be waiting for it; if it can't be freed here, it ends by itself.
        if runtime.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread {
            tokio::task::block_in_place(|| runtime.block_on(shared.free()));
        }
    }
}

impl Shared {
    /// True while nobody else can have taken it, with room for one more call.
    fn is_safe(&self) -> bool {
        let ends = *self.ends.lock().expect("no panic holds this lock");
        boot_time() + self.bucket.lease() / 4 < ends
    }

    async fn renew(&self) -> Result<()> {
        let mut now = self.now.lock().await;
        if let Some(why) = &now.lost {
            return Err(self.lost(why.clone()));
        }
        let held = Held { renewed: now.held.renewed + 1, ..now.held.clone() };
        let asked = boot_time();
        match self.bucket.put(&self.name, &text(&held), If::Is(&now.version)).await {
            Ok(Written::Yes(version)) => {
                (now.held, now.version) = (held, version);
                *self.ends.lock().expect("no panic holds this lock") = asked + self.bucket.lease();
                Ok(())
            }
            Ok(Written::No) => {
                let who = read(&self.bucket, &self.name).await.ok().flatten();
                let why = match who {
                    Some(there) if !there.held.free => format!("it ran out, and {} has it now", there.held.holder),
                    _ => "it was taken away".to_owned(),
                };
                now.lost = Some(why.clone());
                Err(self.lost(why))
            }
            // It may be held still; what has to be sure of it asks again.
            Err(error) => Err(error),
        }
    }

    fn lost(&self, why: String) -> StateError {
        StateError::Lost { name: self.bucket.url(&self.name), why }
    }

    async fn free(&self) {
        let now = self.now.lock().await;
        if now.lost.is_none() {
            let held = Held { free: true, ..now.held.clone() };
            let _ = self.bucket.put(&self.name, &text(&held), If::Is(&now.version)).await;
        }
    }
}

async fn renew_forever(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(shared.bucket.lease() / 3).await;
        // Whoever needs the lease finds out by itself.
        if let Err(StateError::Lost { .. }) = shared.renew().await {
            return;
        }
    }
}

/// A lock as it was read.
struct There {
    held: Held,
    version: String,
    /// Since it was written, by S3's clock.
    age: Duration,
}

impl There {
    fn is_over(&self) -> bool {
        self.held.free || self.age.as_secs() > self.held.seconds
    }

    fn locked(&self, path: String) -> StateError {
        let left = self.held.seconds.saturating_sub(self.age.as_secs());
        let holder = format!("{}; if that run is dead, the lock is free in {left} s", self.held.holder);
        StateError::Locked { path, holder }
    }
}

async fn read(bucket: &Bucket, name: &str) -> Result<Option<There>> {
    let date = Arc::new(Mutex::new(None));
    let request = bucket.client().get_object().bucket(bucket.bucket()).key(bucket.key(name));
    let request = request.customize().interceptor(DateOfAnswer(date.clone()));
    let answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => return Ok(None),
        Err(error) => return Err(bucket.failed("can't read the lock", name, &error)),
    };
    let version = answer.e_tag().unwrap_or_default().to_owned();
    let written = answer.last_modified().map_or(0, |time| time.secs());
    let now = date.lock().expect("no panic holds this lock").unwrap_or_else(|| Timestamp::now().as_second());
    let age = Duration::from_secs(u64::try_from(now - written).unwrap_or_default());
    let bytes = answer.body.collect().await.map(|body| body.to_vec()).unwrap_or_default();
    let held = serde_json::from_slice(&bytes).map_err(|error| StateError::Damaged {
        path: bucket.url(name),
        what: format!("it is no lock of ours: {error}; if nobody is at work, delete the object"),
    })?;
    Ok(Some(There { held, version, age }))
}

fn text(held: &Held) -> String {
    serde_json::to_string(held).expect("plain data")
}

/// Since the machine was started, sleep included.
fn boot_time() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Remembers when S3 gave its answer, by its own clock.
#[derive(Debug)]
struct DateOfAnswer(Arc<Mutex<Option<i64>>>);

impl Intercept for DateOfAnswer {
    fn name(&self) -> &'static str {
        "date of answer"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        _config: &mut ConfigBag,
    ) -> std::result::Result<(), BoxError> {
        let date = context.response().headers().get("date");
        let date = date.and_then(|date| rfc2822::DateTimeParser::new().parse_timestamp(date).ok());
        *self.0.lock().expect("no panic holds this lock") = date.map(Timestamp::as_second);
        Ok(())
    }
}
