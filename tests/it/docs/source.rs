//! Reads the documented structs, enums and constructors of a Rust source file, as `rustfmt` formats it.

use std::collections::BTreeMap;

/// A public struct or enum.
#[derive(Clone)]
pub struct Item {
    pub name: String,
    pub docs: Docs,
    pub is_enum: bool,
    pub derives_default: bool,
    /// The public fields of a struct, the variants of an enum.
    pub members: Vec<Member>,
}

/// A field, or a variant with its fields.
#[derive(Clone)]
pub struct Member {
    pub name: String,
    /// The type of a field; the fields of a variant.
    pub of: String,
    pub docs: Docs,
}

/// A doc comment: its text in one line, and the addresses below it.
#[derive(Clone, Default)]
pub struct Docs {
    pub text: String,
    pub links: Vec<String>,
}

/// An associated function that returns `Self`.
pub struct Constructor {
    /// `new(name)`.
    pub call: String,
    pub docs: Docs,
    /// The values of the fields that don't depend on the arguments.
    pub defaults: BTreeMap<String, String>,
}

impl Docs {
    fn of(lines: &[&str]) -> Docs {
        let mut docs = Docs::default();
        for line in lines {
            match line.strip_prefix('<').and_then(|line| line.strip_suffix('>')) {
                Some(link) => docs.links.push(link.to_owned()),
                None if line.is_empty() => {}
                None if docs.text.is_empty() => docs.text.push_str(line),
                None => docs.text = format!("{} {line}", docs.text),
            }
        }
        docs.text = without_links(docs.text.trim());
        docs
    }
}

/// The text of links to other items: ``[`a`](b)`` and ``[`super::a`]`` become `` `a` ``, `[a](b)` becomes `a`.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('[') {
        let Some((link, after)) = after.split_once(']') else { break };
        let target = after.strip_prefix('(').and_then(|after| after.split_once(')'));
        plain += before;
        rest = match target {
            Some((target, after)) if !target.starts_with("https:") => {
                plain += link;
                after
            }
            None if link.starts_with('`') => {
                plain += &link.replace("super::", "").replace("crate::", "");
                after
            }
            _ => {
                plain += &format!("[{link}]");
                after
            }
        };
    }
    plain + rest
}

/// The public structs and enums of a file, those that a macro defines (`$name`) too.
pub fn items(text: &str) -> Vec<Item> {
    let lines: Vec<&str> = text.lines().collect();
    let mut items = Vec::new();
    let (mut docs, mut derives_default) = (Vec::new(), false);
    for (at, line) in lines.iter().enumerate() {
        let code = line.trim_start();
        let head = ["pub struct ", "pub enum "].iter().find_map(|kind| code.strip_prefix(kind));
        let head = head.and_then(|head| head.strip_suffix(" {").or_else(|| head.strip_suffix(" {}")));
        if let Some(doc) = code.strip_prefix("///") {
            docs.push(doc.trim());
        } else if code.starts_with("#[") || code.starts_with("$(#[") {
            derives_default |= code.starts_with("#[derive(") && code.contains("Default");
        } else {
            if let Some(name) = head {
                let end = format!("{}}}", &line[..line.len() - code.len()]);
                let body = lines[at + 1..].iter().take_while(|line| !code.ends_with("{}") && **line != end);
                let body: Vec<&str> = body.copied().collect();
                let is_enum = code.starts_with("pub enum");
                let members = members(&body, is_enum);
                items.push(Item { name: name.to_owned(), docs: Docs::of(&docs), is_enum, derives_default, members });
            }
            (docs, derives_default) = (Vec::new(), false);
        }
    }
    items
}

fn members(body: &[&str], is_enum: bool) -> Vec<Member> {
    let indent = body.first().map_or(0, |line| line.len() - line.trim_start().len());
    let mut members: Vec<Member> = Vec::new();
    let mut docs = Vec::new();
    for line in body {
        let code = line.trim();
        let is_nested = line.len() - line.trim_start().len() > indent;
        match code.strip_prefix("///") {
            Some(doc) if !is_nested => docs.push(doc.trim()),
            Some(_) => {}
            None if code.starts_with("#[") || code.starts_with('}') => {}
            None if is_nested => {
                let variant = members.last_mut().expect("a variant");
                let separator = if variant.of.is_empty() { "" } else { ", " };
                variant.of += &format!("{separator}{}", code.trim_end_matches(','));
            }
            None if is_enum => {
                let code = code.trim_end_matches(',').trim_end_matches(" {");
                let (name, of) = code.split_once('(').unwrap_or((code, ""));
                let of = of.trim_end_matches(')').to_owned();
                members.push(Member { name: name.to_owned(), of, docs: Docs::of(&docs) });
                docs.clear();
            }
            None => {
                let field = code.strip_prefix("pub ").and_then(|code| code.strip_suffix(',')?.split_once(": "));
                if let Some((name, of)) = field {
                    members.push(Member { name: name.to_owned(), of: of.to_owned(), docs: Docs::of(&docs) });
                }
                docs.clear();
            }
        }
    }
    members
}

/// The doc comment of the invocation of a macro that defines `name`.
pub fn docs_of_invocation(text: &str, name: &str) -> Option<Docs> {
    let mut docs = Vec::new();
    for line in text.lines().map(str::trim) {
        match line.strip_prefix("///") {
            Some(doc) => docs.push(doc.trim()),
            None if line.strip_prefix(name).is_some_and(|rest| rest.starts_with([',', ' '])) && !docs.is_empty() => {
                return Some(Docs::of(&docs));
            }
            None => docs.clear(),
        }
    }
    None
}

/// The public constructors of a type.
pub fn constructors(text: &str, name: &str) -> Vec<Constructor> {
    let mut found = Vec::new();
    let head = format!("impl {name} {{");
    let mut lines = text.lines();
    while lines.by_ref().any(|line| line == head) {
        let body: Vec<&str> = lines.by_ref().take_while(|line| *line != "}").collect();
        let mut docs = Vec::new();
        for (at, line) in body.iter().enumerate() {
            if let Some(doc) = line.strip_prefix("    ///") {
                docs.push(doc.trim());
            } else if let Some(start) = line.strip_prefix("    pub fn ") {
                let rest: Vec<&str> = body[at + 1..].iter().take_while(|line| **line != "    }").copied().collect();
                found.extend(constructor(name, &format!("{start}\n{}", rest.join("\n")), &docs));
            } else if !line.trim_start().starts_with("#[") {
                docs.clear();
            }
        }
    }
    found
}

fn constructor(name: &str, function: &str, docs: &[&str]) -> Option<Constructor> {
    let (head, body) = function.split_once(") -> Self {\n")?;
    let (function, arguments) = head.split_once('(')?;
    let arguments = split(arguments);
    if arguments.iter().any(|argument| argument.trim_start_matches(['&', ' ']).starts_with("self")) {
        return None;
    }
    let names: Vec<&str> = arguments.iter().filter_map(|argument| Some(argument.split_once(':')?.0.trim())).collect();
    let docs = Docs::of(docs);
    Some(Constructor {
        call: format!("{function}({})", names.join(", ")),
        docs,
        defaults: defaults(name, body, &names),
    })
}

fn defaults(name: &str, body: &str, arguments: &[&str]) -> BTreeMap<String, String> {
    let Some((lets, literal)) = body.rsplit_once(&format!("{name} {{")) else { return BTreeMap::new() };
    let literal = literal.trim_end().trim_end_matches('}');
    let mut variables = BTreeMap::new();
    for line in lets.lines().filter_map(|line| line.trim().strip_prefix("let ")?.strip_suffix(';')) {
        let Some((pattern, value)) = line.split_once(" = ") else { continue };
        match (pattern.strip_prefix('('), value.strip_prefix('(').and_then(|value| value.strip_suffix(')'))) {
            (Some(names), Some(values)) => {
                variables.extend(split(names.trim_end_matches(')')).into_iter().zip(split(values)));
            }
            _ => {
                variables.insert(pattern.to_owned(), value.to_owned());
            }
        }
    }
    let mut defaults = BTreeMap::new();
    for field in split(literal) {
        let (field, value) = field
            .split_once(": ")
            .map_or((field.clone(), field.clone()), |(field, value)| (field.to_owned(), value.to_owned()));
        let value = variables.get(&value).cloned().unwrap_or(value);
        let depends = arguments.iter().any(|argument| words(&value).any(|word| word == *argument));
        if !depends && !field.starts_with("..") {
            defaults.insert(field, value);
        }
    }
    defaults
}

/// The identifiers in a piece of code.
pub fn words(code: &str) -> impl Iterator<Item = &str> {
    code.split(|char: char| !char.is_alphanumeric() && char != '_').filter(|word| !word.is_empty())
}

/// The parts of a list, without the commas between them.
fn split(list: &str) -> Vec<String> {
    let (mut parts, mut part, mut depth, mut quoted) = (Vec::new(), String::new(), 0, false);
    for char in list.chars() {
        match char {
            '"' => quoted = !quoted,
            '(' | '[' | '{' | '<' if !quoted => depth += 1,
            ')' | ']' | '}' | '>' if !quoted => depth -= 1,
            ',' if depth == 0 && !quoted => {
                parts.push(std::mem::take(&mut part));
                continue;
            }
            _ => {}
        }
        part.push(char);
    }
    parts.push(part);
    parts.iter().map(|part| part.split_whitespace().collect::<Vec<_>>().join(" ")).filter(|it| !it.is_empty()).collect()
}

/// The value of a constant.
pub fn constant(text: &str, name: &str) -> Option<String> {
    let head = format!("const {name}: ");
    let line = text.lines().find_map(|line| line.trim().trim_start_matches("pub ").strip_prefix(&head))?;
    Some(line.split_once(" = ")?.1.trim_end_matches(';').to_owned())
}
