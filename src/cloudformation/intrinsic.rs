//! Texts with references in CloudFormation's words.

use serde_json::{Value, json};

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Plain text.
    Text(String),
    /// A resource or parameter.
    Logical {
        /// Its logical id.
        id: String,
        /// The attribute; empty for what `Ref` gives.
        attribute: String,
        /// What stands between the entries of an attribute that is a list.
        between: Option<String>,
    },
}

impl Piece {
    /// What `Ref` gives.
    pub fn reference(id: String) -> Self {
        Piece::Logical { id, attribute: String::new(), between: None }
    }

    fn plain(&self) -> Option<&str> {
        if let Piece::Text(text) = self { Some(text) } else { None }
    }

    fn value(&self) -> Value {
        match self {
            Piece::Text(text) => json!(text),
            Piece::Logical { id, attribute, .. } if attribute.is_empty() => json!({"Ref": id}),
            Piece::Logical { id, attribute, between: None } => json!({"Fn::GetAtt": [id, attribute]}),
            Piece::Logical { id, attribute, between: Some(between) } => {
                json!({"Fn::Join": [between, {"Fn::GetAtt": [id, attribute]}]})
            }
        }
    }

    /// The piece in `Fn::Sub`, which takes no list.
    fn substituted(&self) -> Option<String> {
        match self {
            Piece::Text(text) => Some(text.replace("${", "${!")),
            Piece::Logical { between: Some(_), .. } => None,
            Piece::Logical { id, attribute, .. } if attribute.is_empty() => Some(format!("${{{id}}}")),
            Piece::Logical { id, attribute, .. } => Some(format!("${{{id}.{attribute}}}")),
        }
    }
}

/// Where a template is read: CloudFormation knows that by itself.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    pub account: &'a str,
    pub partition: &'a str,
    pub region: &'a str,
}

impl Place<'_> {
    /// A text with pseudo parameters where it names this account, this region, or this partition in an ARN.
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html>
    pub fn pieces(&self, text: &str) -> Vec<Piece> {
        let partition = format!(":{}:", self.partition);
        let names =
            [(self.account, "AWS::AccountId"), (self.region, "AWS::Region"), (partition.as_str(), "AWS::Partition")];
        let mut pieces = Vec::new();
        let (mut from, mut at) = (0, 0);
        while let Some(letter) = text[at..].chars().next() {
            let (before, rest) = text.split_at(at);
            let is_whole = |next: Option<char>| !next.is_some_and(char::is_alphanumeric);
            let is_it = |name: &str| match rest.strip_prefix(name) {
                None => false,
                Some(_) if name == partition => before.ends_with("arn"),
                Some(after) => is_whole(before.chars().next_back()) && is_whole(after.chars().next()),
            };
            let Some((name, pseudo)) = names.iter().find(|(name, _)| !name.is_empty() && is_it(name)) else {
                at += letter.len_utf8();
                continue;
            };
            let name = name.trim_matches(':');
            at += rest.find(name).expect("it begins with it");
            pieces.extend([Piece::Text(text[from..at].to_owned()), Piece::reference((*pseudo).to_owned())]);
            at += name.len();
            from = at;
        }
        pieces.push(Piece::Text(text[from..].to_owned()));
        pieces
    }
}

/// The pieces as one value: text, `Ref`, `Fn::GetAtt`; `Fn::Sub` where they are mixed, or `Fn::Join` if there is a list among
/// them.
pub fn of(pieces: &[Piece]) -> Value {
    let is_empty = |piece: &&Piece| matches!(piece, Piece::Text(text) if text.is_empty());
    let pieces: Vec<&Piece> = pieces.iter().filter(|piece| !is_empty(piece)).collect();
    if let Some(texts) = pieces.iter().map(|piece| piece.plain()).collect::<Option<Vec<_>>>() {
        return texts.concat().into();
    }
    match pieces.as_slice() {
        [piece] => piece.value(),
        pieces => match pieces.iter().map(|piece| piece.substituted()).collect::<Option<Vec<_>>>() {
            Some(parts) => json!({"Fn::Sub": parts.concat()}),
            None => json!({"Fn::Join": ["", pieces.iter().map(|piece| piece.value()).collect::<Vec<_>>()]}),
        },
    }
}
