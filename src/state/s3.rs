//! Objects of an S3 bucket, with conditional writes.
//!
//! <https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html>

use std::time::Duration;

use aws_sdk_s3::Client;
use aws_sdk_s3::error::{DisplayErrorContext, ProvideErrorMetadata, SdkError};
use aws_sdk_s3::operation::RequestId;
use aws_sdk_s3::primitives::ByteStream;
use aws_sdk_s3::types::{Delete, ObjectIdentifier, ServerSideEncryption};

use super::error::{RemoteCause, Result, StateError};
use super::location::Location;

/// The objects under a prefix of a bucket.
#[derive(Clone, Debug)]
pub struct Bucket {
    client: Client,
    location: Location,
}

/// The condition of a write.
#[derive(Clone, Copy, Debug)]
pub(super) enum If<'a> {
    /// The object doesn't exist.
    New,
    /// The object has this version.
    Is(&'a str),
}

/// The result of a conditional write.
#[derive(Clone, Debug)]
pub(super) enum Written {
    /// The object was written and has this version.
    Yes(String),
    /// The condition wasn't met.
    No,
}

impl Bucket {
    /// The objects at a location. `client` creates a client for a region, or for the default one. Looks up the bucket's region.
    ///
    /// # Errors
    /// There is no such bucket, or it can't be read.
    pub async fn open(location: Location, client: impl Fn(Option<&str>) -> Client) -> Result<Self> {
        let bucket = Bucket { client: client(location.region.as_deref()), location };
        if bucket.location.region.is_some() {
            return Ok(bucket);
        }
        let found = bucket.client.head_bucket().bucket(&bucket.location.bucket).send().await;
        let region = match &found {
            Ok(answer) => answer.bucket_region().map(str::to_owned),
            // S3 names the region even if it rejects the request.
            Err(error) => {
                error.raw_response().and_then(|raw| raw.headers().get("x-amz-bucket-region").map(str::to_owned))
            }
        };
        match (found, region) {
            (_, Some(region)) => Ok(Bucket { client: client(Some(&region)), ..bucket }),
            (Ok(_), None) => Ok(bucket),
            (Err(error), None) => Err(bucket.failed("can't find the bucket of", "", &error)),
        }
    }

    /// The key of an object.
    pub(super) fn key(&self, name: &str) -> String {
        self.location.key(name)
    }

    /// The URL of an object.
    pub(super) fn url(&self, name: &str) -> String {
        format!("s3://{}/{}", self.location.bucket, self.key(name))
    }

    /// How long a lease lasts without renewal.
    pub(super) fn lease(&self) -> Duration {
        self.location.lease
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    pub(super) fn bucket(&self) -> &str {
        &self.location.bucket
    }

    /// The text and version of an object.
    pub(super) async fn get(&self, name: &str) -> Result<Option<(String, String)>> {
        let Some((bytes, version)) = self.get_bytes(name).await? else { return Ok(None) };
        let damaged = |_| StateError::Damaged { path: self.url(name), what: "it is not UTF-8 text".to_owned() };
        Ok(Some((String::from_utf8(bytes).map_err(damaged)?, version)))
    }

    /// The bytes and version of an object.
    pub(super) async fn get_bytes(&self, name: &str) -> Result<Option<(Vec<u8>, String)>> {
        let answer = match self.client.get_object().bucket(self.bucket()).key(self.key(name)).send().await {
            Ok(answer) => answer,
            Err(error) if error.as_service_error().is_some_and(|error| error.is_no_such_key()) => return Ok(None),
            Err(error) => return Err(self.failed("can't read", name, &error)),
        };
        let version = answer.e_tag().unwrap_or_default().to_owned();
        Ok(Some((self.bytes(name, answer.body).await?, version)))
    }

    /// The body of a response.
    pub(super) async fn bytes(&self, name: &str, body: ByteStream) -> Result<Vec<u8>> {
        let bytes = body.collect().await.map_err(|error| StateError::Remote {
            what: "can't read",
            name: self.url(name),
            message: error.to_string(),
            cause: RemoteCause::NoAnswer,
        })?;
        Ok(bytes.to_vec())
    }

    /// Writes an object if the condition is met. After a lost response, S3 reports a failed condition for the retry: so the object
    /// is read to find out whether the first attempt succeeded.
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
        let is_unmet = matches!(error.code(), Some("PreconditionFailed" | "ConditionalRequestConflict" | "NoSuchKey"));
        if !is_unmet {
            return Err(self.failed("can't write", name, &error));
        }
        match self.get_bytes(name).await? {
            Some((current, version)) if current == text => Ok(Written::Yes(version)),
            _ => Ok(Written::No),
        }
    }

    /// The names of all objects with this prefix, sorted.
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

    /// Deletes objects.
    pub(super) async fn delete(&self, names: &[String]) -> Result<()> {
        for names in names.chunks(1000) {
            let object = |name: &String| ObjectIdentifier::builder().key(self.key(name)).build();
            let objects = names.iter().map(object).collect::<std::result::Result<Vec<_>, _>>();
            let delete = objects.and_then(|objects| Delete::builder().set_objects(Some(objects)).quiet(true).build());
            let delete = delete.expect("every object has its key");
            let deleted = self.client.delete_objects().bucket(self.bucket()).delete(delete).send().await;
            let deleted = deleted.map_err(|error| self.failed("can't delete", &names[0], &error))?;
            if let Some(error) = deleted.errors().first() {
                let (code, message) = (error.code().unwrap_or("?"), error.message().unwrap_or(NO_REASON));
                return Err(StateError::Remote {
                    what: "can't delete",
                    name: format!("s3://{}/{}", self.bucket(), error.key().unwrap_or_default()),
                    message: format!("{message} (code {code})"),
                    cause: RemoteCause::DeleteDenied,
                });
            }
        }
        Ok(())
    }

    /// The error of a failed request.
    pub(super) fn failed<E>(&self, what: &'static str, name: &str, error: &SdkError<E>) -> StateError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let id = error.request_id().map(|id| format!(", request id {id}")).unwrap_or_default();
        let (message, cause) = match error.code() {
            Some("NoSuchBucket" | "NotFound") => ("there is no such bucket".to_owned(), RemoteCause::NoBucket),
            Some(code @ ("AccessDenied" | "Forbidden")) => {
                let message = error.message().unwrap_or("access denied");
                (format!("{message} (code {code}{id})"), RemoteCause::Denied)
            }
            Some(code) => {
                let message = error.message().unwrap_or(NO_REASON);
                (format!("{message} (code {code}{id})"), RemoteCause::Rejected)
            }
            None => (DisplayErrorContext(error).to_string(), RemoteCause::NoAnswer),
        };
        StateError::Remote { what, name: self.url(name), message, cause }
    }
}

const NO_REASON: &str = "S3 gives no reason";

/// A text object of a bucket, which is replaced as a whole.
#[derive(Clone, Debug)]
pub struct S3Object {
    bucket: Bucket,
    name: String,
}

impl S3Object {
    pub(super) fn new(bucket: Bucket, name: String) -> Self {
        S3Object { bucket, name }
    }

    /// The URL of the object.
    pub fn url(&self) -> String {
        self.bucket.url(&self.name)
    }

    /// The text and its version; `None` if the object doesn't exist.
    pub async fn read(&self) -> Result<Option<(String, String)>> {
        self.bucket.get(&self.name).await
    }

    /// Replaces the text if it still has the version `over`. Returns the new version; `None` if somebody else wrote it first.
    pub async fn write(&self, text: &str, over: Option<&str>) -> Result<Option<String>> {
        match self.bucket.put(&self.name, text, over.map_or(If::New, If::Is)).await? {
            Written::Yes(version) => Ok(Some(version)),
            Written::No => Ok(None),
        }
    }
}
