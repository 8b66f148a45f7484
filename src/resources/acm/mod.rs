//! Certificate Manager.

mod certificate;
mod certificate_validation;
mod imported_certificate;

pub use certificate::{Certificate, CertificateOutputs};
pub use certificate_validation::{CertificateValidation, CertificateValidationOutputs};
pub use imported_certificate::{ImportedCertificate, ImportedCertificateOutputs};

use std::sync::Arc;

use aws_sdk_acm::types::{CertificateDetail, CertificateSummary, Filters, KeyAlgorithm, Tag};

use crate::aws::clients;
use crate::aws::wait::ignore_not_found;
use crate::aws::{Cx, Result};
use crate::engine::Tags;
use crate::resources::tags::{self, Built};

crate::resources::tags::tag_type!(Tag);

/// A certificate with its tags: by its known ARN, or by its first domain and the tag of the step.
async fn find(cx: &Cx, known: Option<&str>, domain: &str) -> Result<Option<(CertificateDetail, Tags)>> {
    if let Some(arn) = known {
        let Some(detail) = detail(cx, arn).await? else { return Ok(None) };
        return Ok(Some((detail, tags(cx, arn).await?)));
    }
    let all = all(cx).await?;
    for summary in all.iter().filter(|summary| summary.domain_name() == Some(domain)) {
        let arn = summary.certificate_arn().unwrap_or_default();
        if cx.is_predecessor(arn) {
            continue;
        }
        let Some(tags) = ignore_not_found(tags(cx, arn).await)? else { continue };
        if tags::are_of_step(cx, &tags)
            && let Some(detail) = detail(cx, arn).await?
        {
            return Ok(Some((detail, tags)));
        }
    }
    Ok(None)
}

/// The certificate, read once a run.
async fn detail(cx: &Cx, arn: &str) -> Result<Option<CertificateDetail>> {
    let read = cx.inventory.once(format!("acm.certificate.{arn}"), describe(cx, arn)).await?;
    Ok((*read).clone())
}

/// The certificate, read now.
async fn describe(cx: &Cx, arn: &str) -> Result<Option<CertificateDetail>> {
    let read = async { Ok(cx.acm.describe_certificate().certificate_arn(arn).send().await?) };
    Ok(ignore_not_found(read.await)?.and_then(|answer| answer.certificate))
}

async fn tags(cx: &Cx, arn: &str) -> Result<Tags> {
    let native = || async {
        let answer = cx.acm.list_tags_for_certificate().certificate_arn(arn).send().await?;
        Ok(from_sdk(answer.tags()))
    };
    tags::of_arn(cx, arn, native).await
}

async fn all(cx: &Cx) -> Result<Arc<Vec<CertificateSummary>>> {
    let load = async {
        // Without a filter AWS lists RSA certificates only.
        let types = [KeyAlgorithm::Rsa2048, KeyAlgorithm::EcPrime256v1];
        let filter = Filters::builder().set_key_types(Some(types.to_vec())).build();
        let pages = cx.acm.list_certificates().includes(filter).into_paginator();
        Ok(pages.items().send().try_collect().await?)
    };
    cx.inventory.once("acm.certificates", load).await
}

fn without_retries() -> aws_sdk_acm::config::Builder {
    aws_sdk_acm::config::Builder::default().retry_config(clients::without_retries())
}

async fn tag(cx: &Cx, arn: &str, set: &Tags, remove: &[String]) -> Result<()> {
    // Given a value, AWS removes a tag only if it has that value.
    let without_value = |key: String| Tag::builder().key(key).build().built();
    let without_values = |keys: Vec<String>| Some(keys.into_iter().map(without_value).collect());
    tags::change(
        set,
        remove,
        |set| cx.acm.add_tags_to_certificate().certificate_arn(arn).set_tags(Some(to_sdk(set))).send(),
        |keys| cx.acm.remove_tags_from_certificate().certificate_arn(arn).set_tags(without_values(keys)).send(),
    )
    .await
}

async fn delete(cx: &Cx, arn: &str) -> Result<()> {
    let delete = || async { Ok(cx.acm.delete_certificate().certificate_arn(arn).send().await.map(|_| ())?) };
    ignore_not_found(cx.retry_while_retryable("the load balancers to stop using the certificate", delete).await)?;
    Ok(())
}
