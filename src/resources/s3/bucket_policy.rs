use crate::resources::ids::is_known;
use crate::resources::prelude::*;

/// The policy of a bucket.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutBucketPolicy.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BucketPolicy {
    /// The name of the bucket.
    pub bucket: String,
    /// The policy, up to 20 KB.
    pub policy: Document,
}

/// The outputs of a bucket policy.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BucketPolicyOutputs {
    /// The name of the bucket, for steps that can use the bucket only with the policy.
    pub bucket: String,
}

impl Resource for BucketPolicy {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["bucket"],
        ..TypeInfo::new(
            "s3.bucket_policy",
            seconds(2),
            &["s3:GetBucketPolicy", "s3:PutBucketPolicy", "s3:DeleteBucketPolicy"],
        )
    };

    type Outputs = BucketPolicyOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&BucketPolicyOutputs>) -> Result<Option<Found<Self>>> {
        let bucket = known.map_or(&self.bucket, |known| &known.bucket);
        if !is_known(bucket) {
            return Ok(None);
        }
        let request = cx.s3.get_bucket_policy().bucket(bucket).expected_bucket_owner(cx.account());
        let read = async { Ok(request.send().await?) };
        let Some(policy) = ignore_not_found(read.await)?.and_then(|answer| answer.policy) else { return Ok(None) };
        let spec = BucketPolicy { bucket: bucket.clone(), policy: Document::parse(&policy)? };
        Ok(Some(Found::child(spec, BucketPolicyOutputs { bucket: bucket.clone() })))
    }

    async fn create(&self, cx: &Cx) -> Result<BucketPolicyOutputs> {
        // S3 calls a new role an invalid principal for a while.
        let has_roles = self.policy.text().is_some_and(|policy| policy.contains(":role/"));
        let transient =
            |error: &Error| error.class == Class::Retryable || (has_roles && error.is_code("MalformedPolicy"));
        let put = || async {
            let request = cx.s3.put_bucket_policy().bucket(&self.bucket).expected_bucket_owner(cx.account());
            Ok(request.set_policy(self.policy.text()).send().await?)
        };
        cx.retry_while("the roles in the policy to be visible to S3", Patience::FRESH, transient, put).await?;
        Ok(BucketPolicyOutputs { bucket: self.bucket.clone() })
    }

    async fn update(&self, cx: &Cx, _: &Found<Self>, _: &Changes<'_>) -> Result<BucketPolicyOutputs> {
        self.create(cx).await
    }

    async fn delete(cx: &Cx, outputs: &BucketPolicyOutputs) -> Result<()> {
        let delete = || async {
            let request = cx.s3.delete_bucket_policy().bucket(&outputs.bucket);
            Ok(request.expected_bucket_owner(cx.account()).send().await.map(|_| ())?)
        };
        ignore_not_found(cx.retry_while_retryable("S3 to finish another change of the bucket", delete).await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucketpolicy.html>
    fn cloudformation(&self) -> Form {
        let policy = properties!(self, BucketPolicy { bucket => "Bucket", policy => "PolicyDocument" });
        let form = Form::resource("AWS::S3::BucketPolicy", policy).tagged(Tagging::None);
        form.output("bucket", &self.bucket)
    }
}
