use aws_sdk_elasticloadbalancingv2::types::{self, Certificate, ProtocolEnum as Protocol};

use super::action::{Action, Roles, traffic};
use super::{tags_of, to_sdk};
use crate::resources::prelude::*;

/// A listener: a port of a load balancer, and what happens to its requests.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateListener.html>
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Listener {
    /// The load balancer.
    pub load_balancer: LoadBalancerArn,
    /// The port.
    pub port: u16,
    /// The TLS settings of an HTTPS listener; `None` for HTTP.
    pub tls: Option<Tls>,
    /// The action for requests that no rule matches.
    pub action: Action,
}

/// The TLS settings of a listener.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tls {
    /// The certificate.
    pub certificate: CertificateArn,
    /// The security policy: protocols and ciphers.
    /// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html>
    pub policy: String,
}

/// The outputs of a listener.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ListenerOutputs {
    /// Its ARN.
    pub arn: ListenerArn,
    /// The target group of blue, if the action is [`Action::WeightedForward`].
    pub blue: Option<TargetGroupArn>,
    /// The target group of green, if the action is [`Action::WeightedForward`].
    pub green: Option<TargetGroupArn>,
}

/// TLS 1.2 and 1.3 with forward secrecy.
/// <https://docs.aws.amazon.com/elasticloadbalancing/latest/application/describe-ssl-policies.html>
const RECOMMENDED_TLS: &str = "ELBSecurityPolicy-TLS13-1-2-2021-06";

impl Tls {
    /// TLS 1.2 or later, by the security policy that AWS recommends.
    pub fn recommended(certificate: &CertificateArn) -> Self {
        Tls { certificate: certificate.clone(), policy: RECOMMENDED_TLS.to_owned() }
    }
}

impl Listener {
    /// An HTTP listener.
    pub fn http(load_balancer: &LoadBalancerArn, port: u16, action: Action) -> Self {
        Listener { load_balancer: load_balancer.clone(), port, tls: None, action }
    }

    /// An HTTPS listener.
    pub fn https(load_balancer: &LoadBalancerArn, port: u16, tls: Tls, action: Action) -> Self {
        Listener { load_balancer: load_balancer.clone(), port, tls: Some(tls), action }
    }
}

impl Resource for Listener {
    const TYPE: TypeInfo = TypeInfo {
        force_new: &["load_balancer"],
        no_forced_replace: Some("it has live weights, which would be lost"),
        serves_traffic: true,
        blocks_deletion_of: &["acm.imported_certificate"],
        ..TypeInfo::new(
            "elb.listener",
            seconds(3),
            &[
                "elasticloadbalancing:DescribeListeners",
                "elasticloadbalancing:DescribeTags",
                "elasticloadbalancing:CreateListener",
                "elasticloadbalancing:ModifyListener",
                "elasticloadbalancing:AddTags",
                "elasticloadbalancing:RemoveTags",
                "elasticloadbalancing:DeleteListener",
            ],
        )
    };

    type Outputs = ListenerOutputs;

    async fn observe(&self, cx: &Cx, known: Option<&ListenerOutputs>) -> Result<Option<Found<Self>>> {
        // A known listener may be one of another load balancer, if that changes.
        let load_balancer = known.and_then(|known| load_balancer_of(&known.arn));
        let load_balancer = load_balancer.unwrap_or_else(|| self.load_balancer.clone());
        if !load_balancer.is_known() {
            return Ok(None);
        }
        let all = all(cx, &load_balancer).await?;
        let is_this = |listener: &&types::Listener| match known {
            Some(known) => listener.listener_arn() == Some(&known.arn),
            None => listener.port() == Some(self.port.into()),
        };
        let Some(listener) = all.iter().find(is_this) else { return Ok(None) };
        let arn = listener.listener_arn().unwrap_or_default();
        let siblings: Vec<_> = all.iter().filter_map(|listener| listener.listener_arn.clone()).collect();
        let tags = tags_of(cx, arn, &siblings).await?;
        let roles = Roles::known_or(known.map(ListenerOutputs::roles), &self.action);
        let certificate = listener.certificates().first().and_then(|certificate| certificate.certificate_arn());
        let tls = (listener.protocol() == Some(&Protocol::Https)).then(|| Tls {
            certificate: certificate.unwrap_or_default().into(),
            policy: listener.ssl_policy().unwrap_or_default().to_owned(),
        });
        let spec = Listener {
            load_balancer: listener.load_balancer_arn().unwrap_or_default().into(),
            port: u16::try_from(listener.port().unwrap_or_default()).unwrap_or_default(),
            tls,
            action: self.action.observed(listener.default_actions(), &roles),
        };
        let live = traffic(listener.default_actions(), &roles);
        Ok(Some(Found { live, ..Found::tagged(spec, outputs(arn, roles), tags) }))
    }

    async fn create(&self, cx: &Cx) -> Result<ListenerOutputs> {
        let create = || async {
            let request = cx.elb.create_listener().load_balancer_arn(&*self.load_balancer).port(self.port.into());
            let request = request.protocol(self.protocol()).set_ssl_policy(self.policy());
            let request = request.set_certificates(self.certificates()).set_tags(Some(to_sdk(&cx.tags)));
            Ok(request.default_actions(self.action.initial()).send().await?)
        };
        let answer = while_certificate_is_new(cx, create).await?;
        let missing = Error::incomplete("elasticloadbalancing:CreateListener", "ListenerArn");
        let arn = answer.listeners().first().and_then(|listener| listener.listener_arn()).ok_or(missing)?;
        Ok(outputs(arn, self.action.roles()))
    }

    async fn update(&self, cx: &Cx, found: &Found<Self>, changes: &Changes<'_>) -> Result<ListenerOutputs> {
        let arn = &found.outputs.arn;
        // Parameters that a call omits stay as they are: only a change of the action writes the weights.
        if changes.any(&["port", "tls"]) {
            let modify = || async {
                let request = cx.elb.modify_listener().listener_arn(&**arn).port(self.port.into());
                let request = request.protocol(self.protocol()).set_ssl_policy(self.policy());
                Ok(request.set_certificates(self.certificates()).send().await?)
            };
            while_certificate_is_new(cx, modify).await?;
        }
        if changes.has("action") {
            let now = cx.elb.describe_listeners().listener_arns(&**arn).send().await?;
            let now = now.listeners().first().map(types::Listener::default_actions).unwrap_or_default();
            let action = self.action.replacing(now, &found.outputs.roles());
            cx.elb.modify_listener().listener_arn(&**arn).default_actions(action).send().await?;
        }
        Ok(outputs(arn, self.action.roles()))
    }

    async fn tag(cx: &Cx, outputs: &ListenerOutputs, set: &Tags, remove: &[String]) -> Result<()> {
        super::tag(cx, &outputs.arn, set, remove).await
    }

    async fn delete(cx: &Cx, outputs: &ListenerOutputs) -> Result<()> {
        let delete = async { Ok(cx.elb.delete_listener().listener_arn(&*outputs.arn).send().await?) };
        ignore_not_found(delete.await)?;
        Ok(())
    }

    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-elasticloadbalancingv2-listener.html>
    fn cloudformation(&self) -> Form {
        let certificate = |Tls { certificate, policy: _ }: &Tls| json!([{"CertificateArn": certificate}]);
        let listener = properties!(self, Listener {
            load_balancer => "LoadBalancerArn",
            port => "Port",
            "Protocol": self.protocol().as_str(),
            "SslPolicy": self.policy(),
            tls => "Certificates": tls.as_ref().map(certificate),
            action => "DefaultActions": json!([action.to_json()]),
        });
        let form = Form::resource("AWS::ElasticLoadBalancingV2::Listener", listener);
        self.action.complete(form.output("arn", Form::reference()))
    }
}

impl Listener {
    fn protocol(&self) -> Protocol {
        if self.tls.is_some() { Protocol::Https } else { Protocol::Http }
    }

    fn policy(&self) -> Option<String> {
        self.tls.as_ref().map(|tls| tls.policy.clone())
    }

    fn certificates(&self) -> Option<Vec<Certificate>> {
        let tls = self.tls.as_ref()?;
        Some(vec![Certificate::builder().certificate_arn(&*tls.certificate).build()])
    }
}

impl ListenerOutputs {
    fn roles(&self) -> Roles {
        Roles { blue: self.blue.clone(), green: self.green.clone() }
    }
}

/// The load balancer of a listener, according to its ARN:
/// `arn:aws:elasticloadbalancing:…:listener/app/name/id/listener-id`.
fn load_balancer_of(listener: &str) -> Option<LoadBalancerArn> {
    let (arn, _id) = listener.rsplit_once('/')?;
    arn.contains(":listener/").then(|| arn.replacen(":listener/", ":loadbalancer/", 1).into())
}

fn outputs(arn: &str, Roles { blue, green }: Roles) -> ListenerOutputs {
    ListenerOutputs { arn: arn.into(), blue, green }
}

/// Repeats a call while Elastic Load Balancing doesn't know a new certificate: that can take seconds.
async fn while_certificate_is_new<T, F>(cx: &Cx, call: impl FnMut() -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let unseen = |error: &Error| {
        error.class == Class::Retryable
            || error.is_code("CertificateNotFound")
            || error.is_code("UnsupportedCertificate")
    };
    cx.retry_while("the new certificate to be visible to Elastic Load Balancing", Patience::FRESH, unseen, call).await
}

async fn all(cx: &Cx, load_balancer: &str) -> Result<Arc<Vec<types::Listener>>> {
    let load = async {
        let pages = cx.elb.describe_listeners().load_balancer_arn(load_balancer).into_paginator();
        let read = async { Ok(pages.items().send().try_collect().await?) };
        Ok(ignore_not_found(read.await)?.unwrap_or_default())
    };
    cx.inventory.once(format!("elb.listeners.{load_balancer}"), load).await
}
