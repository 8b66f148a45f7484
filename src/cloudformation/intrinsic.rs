//! Texts with references as CloudFormation's intrinsic functions.

use serde_json::{Value, json};

/// A piece of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Plain text.
    Text(String),
    /// A reference to a resource or a parameter.
    Reference {
        /// Its logical id.
        id: String,
        /// The attribute (`Fn::GetAtt`); empty for `Ref`.
        attribute: String,
        /// The separator of an attribute that is a list (`Fn::Join`).
        list_separator: Option<String>,
    },
}

impl Piece {
    /// `Ref` of a resource or a parameter.
    pub fn reference(id: String) -> Self {
        Piece::Reference { id, attribute: String::new(), list_separator: None }
    }

    fn plain(&self) -> Option<&str> {
        if let Piece::Text(text) = self { Some(text) } else { None }
    }

    fn value(&self) -> Value {
        match self {
            Piece::Text(text) => json!(text),
            Piece::Reference { id, attribute, .. } if attribute.is_empty() => json!({"Ref": id}),
            Piece::Reference { id, attribute, list_separator: None } => json!({"Fn::GetAtt": [id, attribute]}),
            Piece::Reference { id, attribute, list_separator: Some(separator) } => {
                json!({"Fn::Join": [separator, {"Fn::GetAtt": [id, attribute]}]})
            }
        }
    }

    /// The piece within `Fn::Sub`, which can't contain a list.
    fn substituted(&self) -> Option<String> {
        match self {
            Piece::Text(text) => Some(text.replace("${", "${!")),
            Piece::Reference { list_separator: Some(_), .. } => None,
            Piece::Reference { id, attribute, .. } if attribute.is_empty() => Some(format!("${{{id}}}")),
            Piece::Reference { id, attribute, .. } => Some(format!("${{{id}.{attribute}}}")),
        }
    }
}

/// The account, partition and region that pseudo parameters stand for.
#[derive(Clone, Copy, Debug)]
pub struct Environment<'a> {
    pub account: &'a str,
    pub partition: &'a str,
    pub region: &'a str,
}

impl Environment<'_> {
    /// Replaces the account, the region, and the partition of an ARN by pseudo parameters.
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/pseudo-parameter-reference.html>
    pub fn pieces(&self, text: &str) -> Vec<Piece> {
        let partition = format!(":{}:", self.partition);
        let names =
            [(self.account, "AWS::AccountId"), (self.region, "AWS::Region"), (partition.as_str(), "AWS::Partition")];
        let mut pieces = Vec::new();
        let (mut from, mut at) = (0, 0);
        while let Some(letter) = text[at..].chars().next() {
            let (before, rest) = text.split_at(at);
            let is_boundary = |next: Option<char>| !next.is_some_and(char::is_alphanumeric);
            let matches = |name: &str| match rest.strip_prefix(name) {
                None => false,
                Some(_) if name == partition => before.ends_with("arn"),
                Some(after) => is_boundary(before.chars().next_back()) && is_boundary(after.chars().next()),
            };
            let Some((name, pseudo)) = names.iter().find(|(name, _)| !name.is_empty() && matches(name)) else {
                at += letter.len_utf8();
                continue;
            };
            let name = name.trim_matches(':');
            at += rest.find(name).expect("the rest starts with it");
            pieces.extend([Piece::Text(text[from..at].to_owned()), Piece::reference((*pseudo).to_owned())]);
            at += name.len();
            from = at;
        }
        pieces.push(Piece::Text(text[from..].to_owned()));
        pieces
    }
}

/// The pieces as one value: text, `Ref` or `Fn::GetAtt`; `Fn::Sub` for several pieces, or `Fn::Join` if one is a list.
pub fn value(pieces: &[Piece]) -> Value {
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
