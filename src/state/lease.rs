//! The lock of a state in S3: a lease that expires unless its run renews it.
//!
//! The age of a lease is measured by S3's clock alone (`Last-Modified` against `Date`), so no machine's clock has to be right. The
//! holder measures from before it sent the last renewal, so it considers the lease lost before anybody else does.

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

use super::backend::Guard;
use super::digest::random_hex;
use super::error::{Result, StateError};
use super::s3::{Bucket, If, Written};

/// The content of the lock object.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Content {
    /// The holder for people: command, process, machine, time.
    holder: String,
    /// A random id of the run.
    owner: String,
    /// The number of writes: no two have the same text.
    renewed: u64,
    /// How long the lease lasts after a write.
    seconds: u64,
    /// The lease was released.
    #[serde(default)]
    free: bool,
}

/// A lease that is renewed until it is dropped.
#[derive(Debug)]
pub struct Lease {
    shared: Arc<Shared>,
    renewing: tokio::task::JoinHandle<()>,
}

#[derive(Debug)]
struct Shared {
    bucket: Bucket,
    name: String,
    current: tokio::sync::Mutex<Current>,
    /// The time of expiry, by [`boot_time`].
    expires: Mutex<Duration>,
}

#[derive(Debug)]
struct Current {
    content: Content,
    version: String,
    lost: Option<String>,
}

fn lock_of(suffix: &str) -> String {
    format!("{suffix}.lock")
}

impl Lease {
    /// Takes the lease, or fails with its holder.
    pub(super) async fn take(bucket: &Bucket, suffix: &str, purpose: &str) -> Result<Self> {
        let name = lock_of(suffix);
        let seconds = bucket.lease().as_secs();
        let machine = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let since = Timestamp::now().strftime("%Y-%m-%d %H:%M:%S UTC");
        let holder = format!("`{purpose}`, process {} on {machine}, since {since}", std::process::id());
        let content = Content { holder, owner: random_hex(), renewed: 0, seconds, free: false };
        let text = text(&content);
        let sent = boot_time();
        let found = read(bucket, &name).await?;
        let condition = match &found {
            None => If::New,
            Some(found) if found.is_expired() => If::Is(&found.version),
            Some(found) => return Err(found.locked(bucket.url(&name))),
        };
        let version = match bucket.put(&name, &text, condition).await? {
            Written::Yes(version) => version,
            Written::No => {
                let holder = read(bucket, &name).await?.map(|found| found.content.holder);
                let holder = holder.unwrap_or_else(|| "a run that started at the same time".to_owned());
                return Err(StateError::Locked { path: bucket.url(&name), holder });
            }
        };
        let shared = Arc::new(Shared {
            bucket: bucket.clone(),
            name,
            current: tokio::sync::Mutex::new(Current { content, version, lost: None }),
            expires: Mutex::new(sent + bucket.lease()),
        });
        let renewing = tokio::spawn(renew_forever(shared.clone()));
        Ok(Lease { shared, renewing })
    }

    /// Revokes the lease. A lease that isn't expired takes `force`: its run may be alive, and continues until it notices.
    /// Returns the holder; `None` if there was none.
    pub(super) async fn revoke(bucket: &Bucket, suffix: &str, force: bool) -> Result<Option<String>> {
        let name = lock_of(suffix);
        let Some(found) = read(bucket, &name).await?.filter(|found| !found.content.free) else { return Ok(None) };
        if !force && !found.is_expired() {
            return Err(found.locked(bucket.url(&name)));
        }
        let content = Content { free: true, owner: random_hex(), ..found.content.clone() };
        match bucket.put(&name, &text(&content), If::Is(&found.version)).await? {
            Written::Yes(_) => Ok(Some(found.content.holder)),
            Written::No => Err(StateError::Conflict { name: bucket.url(&name) }),
        }
    }
}

#[async_trait]
impl Guard for Lease {
    async fn check(&self) -> Result<()> {
        if self.shared.is_safe() {
            return Ok(());
        }
        // The machine may have been suspended: only S3 knows whether another run has taken the lease.
        self.shared.renew().await
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.renewing.abort();
        let shared = self.shared.clone();
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        // Others may be waiting. A lease that isn't released here expires.
        if runtime.runtime_flavor() == tokio::runtime::RuntimeFlavor::MultiThread {
            tokio::task::block_in_place(|| runtime.block_on(shared.release()));
        }
    }
}

impl Shared {
    /// True while nobody else can have taken the lease, with time left for one more call.
    fn is_safe(&self) -> bool {
        let expires = *self.expires.lock().expect("no panic holds this lock");
        boot_time() + self.bucket.lease() / 4 < expires
    }

    async fn renew(&self) -> Result<()> {
        let mut current = self.current.lock().await;
        if let Some(why) = &current.lost {
            return Err(self.lost(why.clone()));
        }
        let content = Content { renewed: current.content.renewed + 1, ..current.content.clone() };
        let sent = boot_time();
        match self.bucket.put(&self.name, &text(&content), If::Is(&current.version)).await {
            Ok(Written::Yes(version)) => {
                (current.content, current.version) = (content, version);
                *self.expires.lock().expect("no panic holds this lock") = sent + self.bucket.lease();
                Ok(())
            }
            Ok(Written::No) => {
                let found = read(&self.bucket, &self.name).await.ok().flatten();
                let why = match found {
                    Some(found) if !found.content.free => {
                        format!("it expired, and {} holds it now", found.content.holder)
                    }
                    _ => "it was revoked".to_owned(),
                };
                current.lost = Some(why.clone());
                Err(self.lost(why))
            }
            // The lease may still be held: whoever has to be sure checks again.
            Err(error) => Err(error),
        }
    }

    fn lost(&self, why: String) -> StateError {
        StateError::LockLost { name: self.bucket.url(&self.name), why }
    }

    async fn release(&self) {
        let current = self.current.lock().await;
        if current.lost.is_none() {
            let content = Content { free: true, ..current.content.clone() };
            let _ = self.bucket.put(&self.name, &text(&content), If::Is(&current.version)).await;
        }
    }
}

async fn renew_forever(shared: Arc<Shared>) {
    loop {
        tokio::time::sleep(shared.bucket.lease() / 3).await;
        // Those who need the lease check it themselves.
        if let Err(StateError::LockLost { .. }) = shared.renew().await {
            return;
        }
    }
}

/// A lock that was read.
struct Found {
    content: Content,
    version: String,
    /// The time since the last write, by S3's clock.
    age: Duration,
}

impl Found {
    fn is_expired(&self) -> bool {
        self.content.free || self.age.as_secs() > self.content.seconds
    }

    fn locked(&self, path: String) -> StateError {
        let left = self.content.seconds.saturating_sub(self.age.as_secs());
        let holder = format!("{}; if that run is dead, the lock expires in {left} s", self.content.holder);
        StateError::Locked { path, holder }
    }
}

async fn read(bucket: &Bucket, name: &str) -> Result<Option<Found>> {
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
    let content = serde_json::from_slice(&bytes).map_err(|error| StateError::Damaged {
        path: bucket.url(name),
        what: format!("it isn't a lock of provisioner: {error}; if no run is active, delete the object"),
    })?;
    Ok(Some(Found { content, version, age }))
}

fn text(content: &Content) -> String {
    serde_json::to_string(content).expect("plain data")
}

/// The time since the machine was started, suspension included.
fn boot_time() -> Duration {
    let time = clock_gettime(ClockId::Boottime);
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Captures the `Date` header of a response: S3's clock.
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
