//! docs/resource-types.md: all resource types, from their sources and their [`TypeInfo`].

use std::collections::BTreeSet;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use provisioner::engine::TypeInfo;
use provisioner::resources::*;

use super::source::{self, Constructor, Docs, Item, Member, words};
use super::{read, root};

const INTRODUCTION: &str = "# Resource types

The types in `provisioner::resources`, with the fields of their specs. [adding-a-resource.md](adding-a-resource.md) explains how to
add one, [your-own-system.md](your-own-system.md) how to use them. `just resource-types` generates this page from the sources.

- The name of a type is the one in plans, state files and `--json` output. The struct has the same name in the module of its service.
- *Default* is the value that the first constructor sets. An empty cell means that the constructor takes the value, or that the type
  has none.
- *Change* says what a changed value does: empty for an update in place; `replaces` for a new resource; `refused` if AWS can't change
  it and a replacement would do harm. Some types refuse more, depending on the actual value.
- Ids and ARNs have their own types (`KeyArn`), which contain the value, or a reference to the step that creates it.
- *Stateful*: deleting it loses data. *Serves traffic*: customers' requests pass through it. *Global*: the same in all regions.
";

/// A type with the path of its struct in `resources`, `sqs::Queue`.
struct ResourceType {
    path: String,
    info: TypeInfo,
}

macro_rules! list {
    ($($resource:ty,)*) => {
        vec![$(ResourceType { path: stringify!($resource).replace(' ', ""), info: <$resource>::TYPE },)*]
    };
}

fn types() -> Vec<ResourceType> {
    provisioner::resource_types!(list)
}

/// The sources of a service.
struct Service {
    files: Vec<String>,
    items: Vec<Item>,
}

impl Service {
    fn read(name: &str) -> Service {
        let mut paths = Vec::new();
        add_sources(&root().join("src/resources").join(name), &mut paths);
        paths.sort();
        let files: Vec<String> = paths.iter().map(|path| read(path)).collect();
        let items = files.iter().flat_map(|file| source::items(file)).collect();
        Service { files, items }
    }

    fn item(&self, name: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.name == name)
    }

    /// The struct of a type, also of one that a macro defines.
    fn spec(&self, name: &str) -> Item {
        if let Some(item) = self.item(name) {
            return item.clone();
        }
        let docs = self.files.iter().find_map(|file| source::docs_of_invocation(file, name));
        let template = self.items.iter().find(|item| item.name.starts_with('$')).expect("a macro with the struct");
        let links = docs.iter().flat_map(|docs| docs.links.clone()).chain(template.docs.links.clone()).collect();
        let text = docs.expect("documentation of the invocation").text;
        Item { name: name.to_owned(), docs: Docs { text, links }, ..template.clone() }
    }

    /// The struct of the outputs of a type.
    fn outputs(&self, name: &str) -> &Item {
        let head = format!("impl Resource for {name} {{");
        let file = self.files.iter().find(|file| file.contains(&head));
        let file = file.or_else(|| self.files.iter().find(|file| file.contains("impl Resource for $")));
        let line = file.expect("an implementation").split("type Outputs = ").nth(1).expect("the outputs");
        self.item(line.split(';').next().expect("a type")).expect("a struct")
    }

    fn constructors(&self, name: &str) -> Vec<Constructor> {
        self.files.iter().flat_map(|file| source::constructors(file, name)).collect()
    }

    fn constant(&self, name: &str) -> Option<String> {
        self.files.iter().find_map(|file| source::constant(file, name))
    }

    /// The structs and enums in the fields of an item, and in theirs.
    fn parts<'a>(&'a self, item: &Item, found: &mut Vec<&'a Item>) {
        for member in &item.members {
            for part in words(&member.of).filter_map(|word| self.item(word)) {
                if part.name != item.name && !found.iter().any(|known| known.name == part.name) {
                    found.push(part);
                    self.parts(part, found);
                }
            }
        }
    }
}

fn add_sources(folder: &Path, paths: &mut Vec<std::path::PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            add_sources(&path, paths);
        } else if path.extension().is_some_and(|suffix| suffix == "rs") && !path.ends_with("tests.rs") {
            paths.push(path);
        }
    }
}

fn page() -> String {
    let types = types();
    let mut page = INTRODUCTION.to_owned();
    let services: BTreeSet<&str> = types.iter().map(|it| service_of(&it.path)).collect();
    for name in services {
        let service = Service::read(name);
        write!(page, "\n## {name}\n").expect("a string");
        for it in types.iter().filter(|it| service_of(&it.path) == name) {
            page += &section(&service, it);
        }
    }
    page
}

fn service_of(path: &str) -> &str {
    path.split("::").next().unwrap_or_default()
}

fn section(service: &Service, resource: &ResourceType) -> String {
    let name = resource.path.rsplit("::").next().unwrap_or_default();
    let spec = service.spec(name);
    let info = &resource.info;
    let mut text = format!("\n### {}\n\n`{}`: {}", info.kind, resource.path, spec.docs.text);
    for link in &spec.docs.links {
        text += &format!(" [AWS]({link})");
    }
    let flags = [(info.stateful, "Stateful."), (info.serves_traffic, "Serves traffic."), (info.global, "Global.")];
    let flags: Vec<_> = flags.into_iter().filter_map(|(is_set, flag)| is_set.then_some(flag)).collect();
    if !flags.is_empty() {
        text += &format!(" *{}*", flags.join(" "));
    }
    text += "\n\n";
    let constructors = service.constructors(name);
    for constructor in &constructors {
        text += &format!("- `{name}::{}`: {}\n", constructor.call, constructor.docs.text);
    }
    let is_default = constructors.is_empty() && spec.derives_default;
    if is_default {
        text += &format!("- `{name}::default()`\n");
    }
    if is_default || !constructors.is_empty() {
        text.push('\n');
    }
    text += &table(service, &spec, info, constructors.first());
    let mut parts = Vec::new();
    service.parts(&spec, &mut parts);
    if !parts.is_empty() {
        text.push('\n');
    }
    for part in parts {
        text += &format!("- `{}`{}\n", part.name, described(&part.docs));
        for constructor in service.constructors(&part.name) {
            text += &format!("  - `{}::{}`{}\n", part.name, constructor.call, described(&constructor.docs));
        }
        for member in &part.members {
            let of = match (part.is_enum, member.of.is_empty()) {
                (_, true) => String::new(),
                (true, false) => format!(" ({})", member.of),
                (false, false) => format!(": {}", member.of),
            };
            text += &format!("  - `{}{of}`{}\n", member.name, described(&member.docs));
        }
    }
    let outputs: Vec<_> = service.outputs(name).members.iter().map(|field| format!("`{}`", field.name)).collect();
    text + &format!("\nOutputs: {}\n", outputs.join(", "))
}

/// The fields of a spec, without columns that are empty.
fn table(service: &Service, spec: &Item, info: &TypeInfo, constructor: Option<&Constructor>) -> String {
    let default = |field: &Member| match constructor {
        Some(constructor) => {
            let value = constructor.defaults.get(&field.name);
            value.map(|value| shown(&service.constant(value).unwrap_or_else(|| value.clone()))).unwrap_or_default()
        }
        None if spec.derives_default => default_of(&field.of).to_owned(),
        None => String::new(),
    };
    let row = |field: &Member| {
        let (name, of) = (format!("`{}`", field.name), format!("`{}`", field.of));
        [name, of, default(field), change(info, &field.name).to_owned(), field.docs.text.replace('|', "\\|")]
    };
    let heads = ["Field", "Type", "Default", "Change", "Meaning"].map(str::to_owned);
    let rows: Vec<[String; 5]> = spec.members.iter().map(row).collect();
    if rows.is_empty() {
        return "It has no fields.\n".to_owned();
    }
    let columns: Vec<usize> = (0..heads.len()).filter(|at| rows.iter().any(|row| !row[*at].is_empty())).collect();
    let line = |row: &[String; 5]| {
        let cells: Vec<&str> = columns.iter().map(|at| row[*at].as_str()).collect();
        format!("| {} |\n", cells.join(" | "))
    };
    let rule = format!("|{}\n", "---|".repeat(columns.len()));
    line(&heads) + &rule + &rows.iter().map(line).collect::<String>()
}

fn described(docs: &Docs) -> String {
    if docs.text.is_empty() { String::new() } else { format!(": {}", docs.text) }
}

fn change(info: &TypeInfo, field: &str) -> &'static str {
    match (info.forces_replacement(field), info.immutable(field)) {
        (true, _) => "replaces",
        (false, Some(_)) => "refused",
        (false, None) => "",
    }
}

/// A value of a constructor for people.
fn shown(value: &str) -> String {
    let is_empty = value.ends_with("::new()") || value == "[].into()" || value == "vec![]";
    match value {
        "None" | "Document::default()" => "none".to_owned(),
        _ if is_empty => "empty".to_owned(),
        value if value.chars().all(|char| char.is_ascii_digit() || char == '_') => value.replace('_', ""),
        value => format!("`{}`", value.trim_end_matches(".to_owned()").trim_end_matches(".into()")),
    }
}

/// The value of `Default` for a type.
fn default_of(of: &str) -> &'static str {
    match of {
        "bool" => "`false`",
        "Document" => "none",
        _ if of.starts_with("Option<") => "none",
        _ if of.starts_with(['i', 'u', 'f']) => "0",
        _ => "empty",
    }
}

fn path() -> std::path::PathBuf {
    root().join("docs/resource-types.md")
}

#[test]
fn resource_types_page_matches_the_sources() {
    let (page, generated) = (read(&path()), page());
    let differing = page.lines().zip(generated.lines()).find(|(line, generated)| line != generated);
    assert!(page == generated, "docs/resource-types.md: run `just resource-types`; first difference: {differing:?}");
}

#[test]
fn every_type_and_field_is_documented() {
    let mut problems = Vec::new();
    for resource in types() {
        let spec =
            Service::read(service_of(&resource.path)).spec(resource.path.rsplit("::").next().unwrap_or_default());
        if spec.docs.links.is_empty() {
            problems.push(format!("{}: no page of AWS", resource.path));
        }
        let undocumented = spec.members.iter().filter(|field| field.docs.text.is_empty());
        problems.extend(undocumented.map(|field| format!("{}: no documentation of {}", resource.path, field.name)));
    }
    assert!(problems.is_empty(), "\n{}\n", problems.join("\n"));
}

#[test]
#[ignore = "rewrites docs/resource-types.md: run `just resource-types`"]
fn write() {
    fs::write(path(), page()).expect("docs/ can be written");
}
