use provisioner::modules::Scope;
use provisioner::resources::ids::KeyArn;
use provisioner::resources::ssm::Parameter;

use super::key;
use crate::types::{Sample, Samples};

impl Sample for Parameter {
    fn samples(scope: &Scope<'_>) -> Samples<Self> {
        let (one, other) = (key(scope, "one"), key(scope, "other"));
        let name = format!("/shop/{}", scope.name("level"));
        let generated = |key: &KeyArn, length| Parameter::generated(&name, "The log level", key, length);
        Samples::of(Parameter::plain(&name, "The log level", "info"))
            .changing(|parameter| parameter.description = "How much is logged".to_owned())
            .changing(|parameter| parameter.value = Some("debug".to_owned()))
            .changing(|parameter| *parameter = generated(&one, 20))
            .changing(|parameter| *parameter = generated(&other, 20))
            .changing(|parameter| *parameter = generated(&other, 40))
            .changing(|parameter| *parameter = generated(&one, 30))
            .changing(|parameter| parameter.name = format!("/shop/{}", scope.name("depth")))
    }
}
