use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, ValueEnum};
use serde_json::json;

use super::context::Context;
use super::failure::Failure;
use super::say::say;
use super::{Globals, Outcome, progress};
use crate::cloudformation::{self, MOST_RESOURCES, Template};
use crate::report::words;
use crate::resources::registry::Registry;

/// `provisioner export`
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  provisioner export --format cloudformation > template.json && cfn-lint --non-zero-exit-code error template.json\n  provisioner \
                  export --format cloudformation --region us-east-2 --out recovery.json"
)]
pub struct Export {
    /// In whose words
    #[arg(long, value_enum)]
    format: Format,
    /// Of which region: a template is for one [default: the primary region]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Where to write it [default: stdout]
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
        let connection = context.connect(progress::observer(globals.json)).await?;
        let wanted = context.compose(&connection).await?;
        let title = format!("{} {}", context.system.name(), context.suffix);
        let export = cloudformation::Export {
            title: &title,
            graph: &wanted.graph,
            outputs: &wanted.outputs,
            describe: Registry::cloudformation,
        };
        let region = self.region.as_deref().unwrap_or(context.system.region());
        let regions = export.regions();
        if !regions.contains(region) {
            let there = Vec::from_iter(regions).join(", ");
            return Err(Failure::new(
                format!("--region {region}: the system has nothing there"),
                format!("it is in {there}; nothing was written"),
            ));
        }
        let Format::Cloudformation = self.format;
        let template = export.template(region)?;
        let text = format!("{:#}\n", template.body);
        match &self.out {
            Some(path) => std::fs::write(path, &text).map_err(|error| {
                Failure::new(format!("{} can't be written: {error}", path.display()), "name another file: --out")
            })?,
            None if globals.json => {}
            None => say!("{}", text.trim_end()),
        }
        self.tell(globals, region, &template, regions.into_iter().filter(|other| *other != region).collect());
        Ok(ExitCode::SUCCESS)
    }

    /// What people should know of it: on stderr, as stdout may be the template.
    fn tell(&self, globals: &Globals, region: &str, template: &Template, elsewhere: Vec<&str>) {
        let gaps = &template.gaps;
        if globals.json {
            let listed = gaps.iter().map(|gap| json!({"step": gap.step, "kind": gap.kind, "what": gap.what}));
            progress::print_json(&json!({
                "type": "summary", "region": region, "elsewhere": elsewhere, "out": self.out,
                "template": self.out.is_none().then_some(&template.body),
                "resources": template.resources(), "not_expressed": listed.collect::<Vec<_>>(),
            }));
            return;
        }
        for gap in gaps {
            eprintln!("not expressed: {} ({}): {}", gap.step, gap.kind, gap.what);
        }
        let count = words::count(template.resources(), "resource");
        let missing = words::count(gaps.len(), "thing");
        eprintln!("{count} of {region}; {missing} CloudFormation can't express, listed in its metadata");
        if template.resources() > MOST_RESOURCES {
            eprintln!("A stack takes {MOST_RESOURCES} resources at most: to build it by this template, divide it");
        }
        for region in elsewhere {
            eprintln!("There is more in {region}: --region {region}");
        }
    }
}
