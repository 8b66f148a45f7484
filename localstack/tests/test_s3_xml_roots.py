"""The root elements of S3's results, which boto3 ignores and other SDKs require."""

import pytest

BUCKET = "a-bucket"
RULE = {"ID": "x", "Status": "Enabled", "Filter": {"Prefix": ""}, "Expiration": {"Days": 3}}
ROOTS = [
    ("get_bucket_accelerate_configuration", "AccelerateConfiguration"),
    ("get_bucket_encryption", "ServerSideEncryptionConfiguration"),
    ("get_bucket_lifecycle_configuration", "LifecycleConfiguration"),
    ("get_bucket_location", "LocationConstraint"),
    ("get_bucket_logging", "BucketLoggingStatus"),
    ("get_bucket_notification_configuration", "NotificationConfiguration"),
    ("get_bucket_ownership_controls", "OwnershipControls"),
    ("get_bucket_tagging", "Tagging"),
    ("get_bucket_versioning", "VersioningConfiguration"),
    ("get_public_access_block", "PublicAccessBlockConfiguration"),
    ("list_object_versions", "ListVersionsResult"),
]


@pytest.fixture
def s3(aws):
    s3 = aws("s3")
    s3.create_bucket(Bucket=BUCKET)
    s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    s3.put_bucket_tagging(Bucket=BUCKET, Tagging={"TagSet": [{"Key": "a", "Value": "b"}]})
    s3.put_bucket_ownership_controls(
        Bucket=BUCKET, OwnershipControls={"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    )
    s3.put_public_access_block(Bucket=BUCKET, PublicAccessBlockConfiguration={"BlockPublicAcls": True})
    s3.put_bucket_lifecycle_configuration(Bucket=BUCKET, LifecycleConfiguration={"Rules": [RULE]})
    encryption = {"Rules": [{"ApplyServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]}
    s3.put_bucket_encryption(Bucket=BUCKET, ServerSideEncryptionConfiguration=encryption)
    s3.put_object(Bucket=BUCKET, Key="k", Body=b"x")
    return s3


@pytest.mark.parametrize(("operation", "root"), ROOTS)
def test_root(s3, operation, root):
    assert f"<{root} " in _body_of(s3, operation)


def test_root_of_deletions(s3):
    assert "<DeleteResult " in _body_of(s3, "delete_objects", Delete={"Objects": [{"Key": "k"}]})


def test_root_of_parts(s3):
    upload = s3.create_multipart_upload(Bucket=BUCKET, Key="k")["UploadId"]
    assert "<ListPartsResult " in _body_of(s3, "list_parts", Key="k", UploadId=upload)


def _body_of(s3, operation, **params):
    bodies = []
    s3.meta.events.register("before-parse.s3", lambda response_dict, **_: bodies.append(response_dict["body"]))
    getattr(s3, operation)(Bucket=BUCKET, **params)
    return bodies[-1].decode()
