"""Buckets and their settings."""

import json

from support import TAGS, assert_contains, refused


def test_bucket(aws):
    s3 = aws("s3")
    s3.create_bucket(Bucket="target")
    s3.create_bucket(Bucket="bucket", ObjectOwnership="BucketOwnerEnforced")
    s3.put_bucket_versioning(Bucket="bucket", VersioningConfiguration={"Status": "Enabled"})
    deny = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": "arn:aws:s3:::target/*",
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ],
    }
    deny["Statement"].append(
        {
            "Effect": "Allow",
            "Principal": {"Service": "logging.s3.amazonaws.com"},
            "Action": ["s3:PutObject"],
            "Resource": "arn:aws:s3:::target/*",
        }
    )
    s3.put_bucket_policy(Bucket="target", Policy=json.dumps(deny))
    assert json.loads(s3.get_bucket_policy(Bucket="target")["Policy"]) == deny
    encryption = {
        "Rules": [
            {
                "ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": "key"},
                "BucketKeyEnabled": True,
            }
        ]
    }
    s3.put_bucket_encryption(Bucket="bucket", ServerSideEncryptionConfiguration=encryption)
    block = {
        "BlockPublicAcls": True,
        "IgnorePublicAcls": True,
        "BlockPublicPolicy": True,
        "RestrictPublicBuckets": True,
    }
    s3.put_public_access_block(Bucket="bucket", PublicAccessBlockConfiguration=block)
    lifecycle = {
        "Rules": [
            {
                "ID": "old",
                "Status": "Enabled",
                "Filter": {"Prefix": ""},
                "Transitions": [{"Days": 90, "StorageClass": "GLACIER"}],
                "NoncurrentVersionExpiration": {"NoncurrentDays": 30},
                "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7},
            }
        ]
    }
    s3.put_bucket_lifecycle_configuration(Bucket="bucket", LifecycleConfiguration=lifecycle)
    s3.put_bucket_logging(
        Bucket="bucket", BucketLoggingStatus={"LoggingEnabled": {"TargetBucket": "target", "TargetPrefix": "x/"}}
    )
    s3.put_bucket_notification_configuration(
        Bucket="bucket", NotificationConfiguration={"EventBridgeConfiguration": {}}
    )
    s3.put_bucket_tagging(Bucket="bucket", Tagging={"TagSet": TAGS})
    assert s3.get_bucket_versioning(Bucket="bucket")["Status"] == "Enabled"
    assert_contains(s3.get_bucket_encryption(Bucket="bucket")["ServerSideEncryptionConfiguration"], encryption)
    assert s3.get_public_access_block(Bucket="bucket")["PublicAccessBlockConfiguration"] == block
    assert_contains(s3.get_bucket_lifecycle_configuration(Bucket="bucket"), lifecycle)
    assert_contains(
        s3.get_bucket_logging(Bucket="bucket"), {"LoggingEnabled": {"TargetBucket": "target", "TargetPrefix": "x/"}}
    )
    assert s3.get_bucket_ownership_controls(Bucket="bucket")["OwnershipControls"]["Rules"] == [
        {"ObjectOwnership": "BucketOwnerEnforced"}
    ]
    assert "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(Bucket="bucket")
    assert s3.get_bucket_tagging(Bucket="bucket")["TagSet"] == TAGS
    s3.put_object(Bucket="bucket", Key="k", Body=b"1")
    with refused("BucketNotEmpty"):
        s3.delete_bucket(Bucket="bucket")
    s3.delete_object(Bucket="bucket", Key="k")
    with refused("BucketNotEmpty"):
        s3.delete_bucket(Bucket="bucket")
    with refused("PreconditionFailed"):
        s3.put_object(Bucket="target", Key="lock", Body=b"1")
        s3.put_object(Bucket="target", Key="lock", Body=b"2", IfNoneMatch="*")
    with refused("NoSuchTagSet"):
        s3.get_bucket_tagging(Bucket="target")
