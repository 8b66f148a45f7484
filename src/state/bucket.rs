//! States in an S3 bucket. Writes are conditional on the version that was read, and object versions are the generations.

use async_trait::async_trait;
use aws_sdk_s3::error::ProvideErrorMetadata;
use futures::future::try_join_all;
use jiff::Timestamp;

use super::backend::{AppendLog, Backend, Generation, Guard, Journal, Version};
use super::error::{Result, StateError};
use super::journal::{self, Entry};
use super::lease::Lease;
use super::s3::{Bucket, If, S3Object, Written};

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
            Written::No => Err(StateError::Conflict { name: self.name(suffix) }),
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
            // An object that is gone by now was merged by the run that removed it.
            entries.extend(journal::parse(&self.url(name), text.map(|(text, _)| text).unwrap_or_default())?);
        }
        Ok(entries)
    }

    async fn journal(&self, suffix: &str, serial: u64) -> Result<Box<dyn Journal>> {
        Ok(Box::new(ObjectJournal {
            bucket: self.clone(),
            start: format!("{}{serial:010}-", journal_of(suffix)),
            next: 1,
        }))
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
        Lease::revoke(self, suffix, force).await
    }

    async fn generations(&self, suffix: &str) -> Result<Vec<Generation>> {
        let key = self.key(&state(suffix));
        let mut found = Vec::new();
        let (mut marker, mut version_marker) = (None, None);
        loop {
            let request = self.client().list_object_versions().bucket(self.bucket()).prefix(&key);
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
        let request = self.client().get_object().bucket(self.bucket()).key(self.key(&name)).version_id(id);
        match request.send().await {
            Ok(answer) => self.bytes(&name, answer.body).await.map(Some),
            Err(error) if matches!(error.code(), Some("NoSuchVersion" | "NoSuchKey" | "InvalidArgument")) => Ok(None),
            Err(error) => Err(self.failed("can't read a version of", &name, &error)),
        }
    }
}

/// A journal of objects, one for each append.
#[derive(Debug)]
struct ObjectJournal {
    bucket: Bucket,
    start: String,
    next: u64,
}

#[async_trait]
impl Journal for ObjectJournal {
    async fn append(&mut self, lines: &str) -> Result<()> {
        let name = format!("{}{:06}", self.start, self.next);
        self.next += 1;
        match self.bucket.put(&name, lines, If::New).await? {
            Written::Yes(_) => Ok(()),
            Written::No => Err(StateError::Conflict { name: self.bucket.url(&name) }),
        }
    }
}
