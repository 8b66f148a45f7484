//! States in S3: every write is conditional on what was read, so that nobody's write is lost; versions of the objects are the
//! earlier generations.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>

use std::time::Duration;

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier, ServerSideEncryption};
use futures::future::try_join_all;
use jiff::Timestamp;

use super::file::StateError;
use super::journal::{self, Entry};
use super::lease::Lease;
use super::location::Location;
use super::store::{AppendLog, Backend, Generation, Guard, Journal, Result, S3Object, Version};

/// States under a prefix of a bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    client: Client,
    location: Location,
}

/// A condition of a write.
#[derive(Clone, Copy, Debug)]
pub(super) enum If<'a> {
    /// There is no such object yet.
    New,
    /// The object is still this one.
    Is(&'a str),
}

/// What became of a conditional write.
#[derive(Clone, Debug)]
pub(super) enum Written {
    /// It was made, and is this version.
    Yes(String),
    /// The condition doesn't hold.
    No,
}

impl Bucket {
    /// The states at a location. `client` gives a client of a region, of the usual one if none is named. Asks AWS where the
    /// bucket is.
    ///
    /// # Errors
    /// There is no such bucket, or it can't be read.
    pub async fn open(location: Location, client: impl Fn(Option<&str>) -> Client) -> Result<Self> {
        let usual = client(location.region.as_deref());
        let bucket = Bucket { client: usual, location };
        if bucket.location.region.is_some() {
            return Ok(bucket);
        }
        let asked = bucket.client.head_bucket().bucket(&bucket.location.bucket).send().await;
        let region = match &asked {
            Ok(answer) => answer.bucket_region().map(str::to_owned),
            // S3 says where it is although it doesn't answer for it there.
            Err(error) => {
                error.raw_response().and_then(|raw| raw.headers().get("x-amz-bucket-region").map(str::to_owned))
            }
        };
        match (asked, region) {
            (_, Some(region)) => Ok(Bucket { client: client(Some(&region)), ..bucket }),
            (Ok(_), None) => Ok(bucket),
            (Err(error), None) => Err(bucket.failed("can't find the bucket of", "", &error)),
        }
    }

    /// The key of an object.
    pub(super) fn key(&self, name: &str) -> String {
        self.location.key(name)
    }

    /// How people find an object.
    pub(super) fn url(&self, name: &str) -> String {
        format!("s3://{}/{}", self.location.bucket, self.key(name))
    }

    /// How long a lease lasts that isn't renewed.
    pub(super) fn lease(&self) -> Duration {
        self.location.lease
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn bucket(&self) -> &str {
        &self.location.bucket
    }

    /// An object's text and version.
    pub(super) async fn get(&self, name: &str) -> Result<Option<(String, String)>> {
        let Some((bytes, version)) = self.get_bytes(name).await? else { return Ok(None) };
        let damaged = |_| StateError::Damaged { path: self.url(name), what: "it is not UTF-8 text".to_owned() };
        Ok(Some((String::from_utf8(bytes).map_err(damaged)?, version)))
    }

    async fn get_bytes(&self, name: &str) -> Result<Option<(Vec<u8>, String)>> {
        let answer = match self.client.get_object().bucket(self.bucket()).key(self.key(name)).send().await {
            Ok(answer) => answer,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => return Ok(None),
            Err(error) => return Err(self.failed("can't read", name, &error)),
        };
        let version = answer.e_tag().unwrap_or_default().to_owned();
        Ok(Some((self.bytes(name, answer.body).await?, version)))
    }

    /// What an answer brings.
    async fn bytes(&self, name: &str, body: ByteStream) -> Result<Vec<u8>> {
        let bytes = body.collect().await.map_err(|error| StateError::Remote {
            what: "can't read",
            name: self.url(name),
            message: error.to_string(),
            help: "nothing was changed; run the same command again",
        })?;
        Ok(bytes.to_vec())
    }

    /// Writes an object if the condition holds. A lost answer is told from a lost race: by what stands there then.
    pub(super) async fn put(&self, name: &str, text: impl AsRef<[u8]>, condition: If<'_>) -> Result<Written> {
        let text = text.as_ref();
        let request =
            self.client.put_object().bucket(self.bucket()).key(self.key(name)).content_type("application/json");
        let request = request.server_side_encryption(ServerSideEncryption::AwsKms);
        let request = request.set_ssekms_key_id(self.location.kms_key.clone());
        let request = match condition {
            If::New => request.if_none_match("*"),
            If::Is(version) => request.if_match(version),
        };
        let error = match request.body(ByteStream::from(text.to_vec())).send().await {
            Ok(answer) => return Ok(Written::Yes(answer.e_tag().unwrap_or_default().to_owned())),
            Err(error) => error,
        };
        let is_lost = matches!(error.code(), Some("PreconditionFailed" | "ConditionalRequestConflict" | "NoSuchKey"));
        if !is_lost {
            return Err(self.failed("can't write", name, &error));
        }
        // A try before may have been taken although its answer was lost.
        match self.get_bytes(name).await? {
            Some((there, version)) if there == text => Ok(Written::Yes(version)),
            _ => Ok(Written::No),
        }
    }

    /// The names of all objects that begin like that, in order.
    pub(super) async fn list(&self, start: &str) -> Result<Vec<String>> {
        let prefix = self.key("");
        let request = self.client.list_objects_v2().bucket(self.bucket()).prefix(self.key(start));
        let mut pages = request.into_paginator().send();
        let mut names = Vec::new();
        while let Some(page) = pages.next().await {
            let page = page.map_err(|error| self.failed("can't list", start, &error))?;
            let keys = page.contents().iter().filter_map(|object| object.key());
            names.extend(keys.filter_map(|key| key.strip_prefix(&prefix)).map(str::to_owned));
        }
        Ok(names)
    }

    async fn delete(&self, names: &[String]) -> Result<()> {
        for names in names.chunks(1000) {
            let object = |name: &String| ObjectIdentifier::builder().key(self.key(name)).build();
            let objects = names.iter().map(object).collect::<std::result::Result<Vec<_>, _>>();
            let delete = objects.and_then(|objects| Delete::builder().set_objects(Some(objects)).quiet(true).build());
            let delete = delete.expect("every object has its key");
            let deleted = self.client.delete_objects().bucket(self.bucket()).delete(delete).send().await;
            let deleted = deleted.map_err(|error| self.failed("can't delete", &names[0], &error))?;
            if let Some(error) = deleted.errors().first() {
                let (code, message) = (error.code().unwrap_or("?"), error.message().unwrap_or("no reason is given"));
                return Err(StateError::Remote {
                    what: "can't delete",
                    name: format!("s3://{}/{}", self.bucket(), error.key().unwrap_or_default()),
                    message: format!("{message} (code {code})"),
                    help: "check that AWS_PROFILE allows s3:DeleteObject there, then run the same command again",
                });
            }
        }
        Ok(())
    }

    pub(super) fn failed<E>(&self, what: &'static str, name: &str, error: &SdkError<E>) -> StateError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let id = error.request_id().map(|id| format!(", request id {id}")).unwrap_or_default();
        let (message, help) = match error.code() {
            Some("NoSuchBucket" | "NotFound") => (
                "there is no such bucket".to_owned(),
                "make it first, with versioning and encryption; or check --state",
            ),
            Some(code @ ("AccessDenied" | "Forbidden")) => (
                format!("{} (code {code}{id})", error.message().unwrap_or("access denied")),
                "check AWS_PROFILE, and that it allows s3:GetObject, s3:PutObject, s3:DeleteObject, s3:ListBucket there, and \
                 the use of the bucket's KMS key",
            ),
            Some(code) => (
                format!("{} (code {code}{id})", error.message().unwrap_or("no reason is given")),
                "run the same command again; it goes on from what stands",
            ),
            None => (
                DisplayErrorContext(error).to_string(),
                "S3 can't be reached or gave no answer: check the network; then run the same command again",
            ),
        };
        StateError::Remote { what, name: self.url(name), message, help }
    }
}

fn state(suffix: &str) -> String {
    format!("{suffix}.json")
}

fn journal_of(suffix: &str) -> String {
    format!("{suffix}.journal/")
}

#[async_trait]
impl Backend for Bucket {
    fn name(&self, suffix: &str) -> String {
        self.url(&state(suffix))
    }

    fn history(&self, suffix: &str) -> AppendLog {
        AppendLog::Object(S3Object::new(self.clone(), format!("{suffix}.history")))
    }

    async fn suffixes(&self) -> Result<Vec<String>> {
        let names = self.list("").await?;
        let of = |name: &String| match name.split_once('/') {
            None => name.strip_suffix(".json").map(str::to_owned),
            Some((folder, _)) => folder.strip_suffix(".journal").map(str::to_owned),
        };
        let mut found: Vec<_> = names.iter().filter_map(of).collect();
        found.sort();
        found.dedup();
        Ok(found)
    }

    async fn read(&self, suffix: &str) -> Result<Option<(Vec<u8>, Version)>> {
        Ok(self.get_bytes(&state(suffix)).await?.map(|(text, version)| (text, Some(version))))
    }

    async fn write(&self, suffix: &str, text: &str, over: &Version) -> Result<Version> {
        let condition = over.as_deref().map_or(If::New, If::Is);
        match self.put(&state(suffix), text, condition).await? {
            Written::Yes(version) => Ok(Some(version)),
            Written::No => Err(StateError::Moved { name: self.name(suffix) }),
        }
    }

    async fn remove(&self, suffix: &str) -> Result<()> {
        self.delete(&[state(suffix)]).await
    }

    async fn journalled(&self, suffix: &str) -> Result<Vec<Entry>> {
        let names = self.list(&journal_of(suffix)).await?;
        let texts = try_join_all(names.iter().map(|name| self.get_bytes(name))).await?;
        let mut entries = Vec::new();
        for (name, text) in names.iter().zip(texts) {
            // One that is gone by now was folded in by whoever removed it.
            entries.extend(journal::parse(&self.url(name), text.map(|(text, _)| text).unwrap_or_default())?);
        }
        Ok(entries)
    }

    async fn journal(&self, suffix: &str, serial: u64) -> Result<Box<dyn Journal>> {
        Ok(Box::new(Objects { bucket: self.clone(), start: format!("{}{serial:010}-", journal_of(suffix)), next: 1 }))
    }

    async fn set_journal_aside(&self, suffix: &str) -> Result<String> {
        let start = journal_of(suffix);
        let aside = format!("{suffix}.journal.{}/", Timestamp::now().strftime("%Y%m%dT%H%M%S.%6fZ"));
        let names = self.list(&start).await?;
        let copied = names.iter().map(|name| async {
            if let Some((bytes, _)) = self.get_bytes(name).await? {
                self.put(&name.replacen(&start, &aside, 1), bytes, If::New).await?;
            }
            Ok::<_, StateError>(())
        });
        try_join_all(copied).await?;
        self.delete(&names).await?;
        Ok(self.url(&aside))
    }

    async fn clear_journal(&self, suffix: &str) -> Result<()> {
        self.delete(&self.list(&journal_of(suffix)).await?).await
    }

    async fn lock(&self, suffix: &str, purpose: &str) -> Result<Box<dyn Guard>> {
        Ok(Box::new(Lease::take(self, suffix, purpose).await?))
    }

    async fn unlock(&self, suffix: &str, force: bool) -> Result<Option<String>> {
        Lease::take_away(self, suffix, force).await
    }

    async fn generations(&self, suffix: &str) -> Result<Vec<Generation>> {
        let key = self.key(&state(suffix));
        let mut found = Vec::new();
        let (mut marker, mut version_marker) = (None, None);
        loop {
            let request = self.client.list_object_versions().bucket(self.bucket()).prefix(&key);
            let request = request.set_key_marker(marker).set_version_id_marker(version_marker);
            let page =
                request.send().await.map_err(|error| self.failed("can't list the versions of", suffix, &error))?;
            for version in page.versions().iter().filter(|version| version.key() == Some(&*key)) {
                let seconds = version.last_modified().map_or(0, |time| time.secs());
                found.push(Generation {
                    id: version.version_id().unwrap_or("null").to_owned(),
                    written: Timestamp::from_second(seconds).unwrap_or_default(),
                    current: version.is_latest().unwrap_or_default(),
                });
            }
            if page.is_truncated() != Some(true) {
                return Ok(found);
            }
            (marker, version_marker) = (page.next_key_marker, page.next_version_id_marker);
        }
    }

    async fn generation(&self, suffix: &str, id: &str) -> Result<Option<Vec<u8>>> {
        let name = state(suffix);
        let request = self.client.get_object().bucket(self.bucket()).key(self.key(&name)).version_id(id);
        match request.send().await {
            Ok(answer) => self.bytes(&name, answer.body).await.map(Some),
            Err(error) if matches!(error.code(), Some("NoSuchVersion" | "NoSuchKey" | "InvalidArgument")) => Ok(None),
            Err(error) => Err(self.failed("can't read a version of", &name, &error)),
        }
    }
}

/// A journal of objects, one for what was added at once.
#[derive(Debug)]
struct Objects {
    bucket: Bucket,
    start: String,
    next: u64,
}

#[async_trait]
impl Journal for Objects {
    async fn append(&mut self, lines: &str) -> Result<()> {
        let name = format!("{}{:06}", self.start, self.next);
        self.next += 1;
        match self.bucket.put(&name, lines, If::New).await? {
            Written::Yes(_) => Ok(()),
            Written::No => Err(StateError::Moved { name: self.bucket.url(&name) }),
        }
    }
}
