use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use super::say::say;
use super::{Globals, Outcome, progress};
use crate::cloudformation::{self, MAX_RESOURCES, RequiredParameter, Template};
use crate::report::words;

/// `provisioner export`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  provisioner export --format cloudformation > template.json && cfn-lint --non-zero-exit-code error template.json\n  provisioner \
                  export --format cloudformation --region us-east-2 --out recovery.json"
)]
pub struct Export {
    /// The format
    #[arg(long, value_enum)]
    format: Format,
    /// The region of the template: one template covers one region [default: the primary region]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// The file to write [default: stdout]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A CloudFormation template, as JSON
    Cloudformation,
}

impl Export {
    pub async fn run(self, globals: &Globals) -> Outcome {
        let context = Context::load(globals).await?;
        let connection = context.connect(context.observer()).await?;
        let desired = context.compose(&connection).await?;
        let title = format!("{} {}", context.system.name(), context.suffix);
        let export = cloudformation::Export {
            title: &title,
            account: &connection.shared.account,
            partition: &connection.shared.partition,
            graph: &desired.graph,
            outputs: &desired.outputs,
            types: globals.systems.types(),
        };
        let region = self.region.as_deref().unwrap_or(context.system.region());
        let regions = export.regions();
        if !regions.contains(region) {
            let there = Vec::from_iter(regions).join(", ");
            return Err(Failure::new(
                format!("--region {region}: the system has no resources there"),
                format!("its regions are {there}; nothing was written"),
            ));
        }
        let Format::Cloudformation = self.format;
        let template = export.template(region)?;
        let text = format!("{:#}\n", template.body);
        match &self.out {
            Some(path) => std::fs::write(path, &text).map_err(|error| {
                Failure::new(format!("can't write {}: {error}", path.display()), "choose another file with --out")
            })?,
            None if context.json() => {}
            None => say!("{}", text.trim_end()),
        }
        self.summarize(
            context.json(),
            region,
            &template,
            regions.into_iter().filter(|other| *other != region).collect(),
        );
        Ok(ExitCode::SUCCESS)
    }

    /// Summarizes the template: for people on stderr, as stdout may be the template.
    fn summarize(&self, json: bool, region: &str, template: &Template, elsewhere: Vec<&str>) {
        let gaps = &template.gaps;
        if json {
            let listed = gaps.iter().map(|gap| json!({"step": gap.step, "kind": gap.kind, "what": gap.what}));
            let to_give = template.required_parameters.iter();
            let to_give = to_give.map(|it| json!({"parameter": it.parameter, "step": it.step, "what": it.what}));
            progress::print_json(&json!({
                "type": "summary", "region": region, "elsewhere": elsewhere, "out": self.out,
                "template": self.out.is_none().then_some(&template.body),
                "resources": template.resources(), "not_expressed": listed.collect::<Vec<_>>(),
                "to_give": to_give.collect::<Vec<_>>(),
            }));
            return;
        }
        let mut steps_of: BTreeMap<(&str, &str), Vec<&str>> = BTreeMap::new();
        for gap in gaps {
            steps_of.entry((gap.kind, &gap.what)).or_default().push(&gap.step.0);
        }
        for ((kind, what), steps) in steps_of {
            eprintln!("not supported by CloudFormation ({kind}): {what}: {}", steps.join(", "));
        }
        for RequiredParameter { parameter, step, what } in &template.required_parameters {
            eprintln!("parameter {parameter}: {what} of {step}");
        }
        let mut summary = vec![format!("{} in {region}", words::count(template.resources(), "resource"))];
        if !template.required_parameters.is_empty() {
            summary.push(format!("{} without a value", words::count(template.required_parameters.len(), "parameter")));
        }
        if !gaps.is_empty() {
            let missing = words::count(gaps.len(), "setting");
            summary.push(format!("{missing} that CloudFormation doesn't support, listed in the template's metadata"));
        }
        eprintln!("{}", summary.join("; "));
        if template.resources() > MAX_RESOURCES {
            eprintln!("A stack can have at most {MAX_RESOURCES} resources: split the template to deploy it");
        }
        for region in elsewhere {
            eprintln!("The system also has resources in {region}: --region {region}");
        }
    }
}
