//! Empties a bucket: objects, noncurrent versions and delete markers.

use aws_sdk_s3::types::{Delete, ObjectIdentifier};

use crate::resources::prelude::*;
use crate::resources::tags::Built;

/// Deletes all versions, up to 1,000 a call, until none is left.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>
pub(super) async fn empty(cx: &Cx, bucket: &str) -> Result<()> {
    loop {
        // Each page is deleted before the next one is read, so every page is the first one.
        let page = cx.s3.list_object_versions().bucket(bucket).max_keys(1000).send().await?;
        let versions = page.versions().iter().map(|version| (version.key(), version.version_id()));
        let markers = page.delete_markers().iter().map(|marker| (marker.key(), marker.version_id()));
        let objects: Vec<ObjectIdentifier> = versions
            .chain(markers)
            .map(|(key, version)| {
                let object = ObjectIdentifier::builder().key(key.unwrap_or_default());
                object.set_version_id(version.map(str::to_owned)).build().built()
            })
            .collect();
        if objects.is_empty() {
            return Ok(());
        }
        cx.waiting("the bucket to be emptied");
        let delete: Delete = Delete::builder().set_objects(Some(objects)).quiet(true).build().built();
        let answer = cx.s3.delete_objects().bucket(bucket).delete(delete).send().await?;
        if let Some(error) = answer.errors().first() {
            let (key, code) = (error.key().unwrap_or_default(), error.code().unwrap_or_default());
            let message = format!("can't delete {key} from the bucket {bucket}: {code}");
            let class = crate::aws::error::classify(code, 0);
            return Err(Error { class, code: Some(code.to_owned()), ..Error::local(message) });
        }
    }
}
