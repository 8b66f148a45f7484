//! Eventual consistency: reads don't see new resources for a while.

use std::time::{Duration, Instant};

use hyper::body::Bytes;
use serde_json::Value;

use super::answers::{self, Answer};
use super::call::{Asked, Call};
use super::parameters;
use super::xml;

/// The resources that reads don't see yet.
#[derive(Default)]
pub struct Hiding {
    delay: Duration,
    hidden: Vec<Hidden>,
}

struct Hidden {
    until: Instant,
    /// An id or an ARN.
    handle: String,
    /// The name at the end of an ARN, which its own service accepts too.
    name: Option<String>,
    service: String,
}

impl Hidden {
    fn is_in(&self, text: &str) -> bool {
        text.contains(&self.handle)
    }

    fn is_named_by(&self, call: &Call, value: &str) -> bool {
        let by_name = || self.service == call.service && self.name.as_deref() == value.rsplit('/').next();
        self.is_in(value) || by_name()
    }
}

impl Hiding {
    /// Hides resources created from now on for this long.
    pub fn set(&mut self, delay: Duration) {
        self.delay = delay;
    }

    /// A create has given these ids and ARNs, never seen before.
    pub fn made(&mut self, call: &Call, handles: &[String]) {
        let makes = ["Create", "Allocate", "Replicate", "Import", "Request", "Subscribe", "Register"];
        if self.delay.is_zero() || !makes.iter().any(|verb| call.operation.starts_with(verb)) {
            return;
        }
        let until = Instant::now() + self.delay;
        for handle in handles {
            let (name, service) = (name_of(handle), call.service.clone());
            self.hidden.push(Hidden { until, handle: handle.clone(), name, service });
        }
    }

    /// The response to a read of a hidden resource by its id. A filter with its id is no such read.
    pub fn denial(&mut self, asked: &Asked, call: &Call) -> Option<Answer> {
        self.hidden.retain(|hidden| hidden.until > Instant::now());
        if call.is_change || self.hidden.is_empty() {
            return None;
        }
        let said = parameters::of(asked, call.protocol);
        let mut values = said.iter().filter(|(name, _)| !name.contains("Filter")).map(|(_, value)| value);
        let named = values.find(|value| self.hidden.iter().any(|hidden| hidden.is_named_by(call, value)))?;
        Some(answers::not_found(call, named))
    }

    /// A read's response without the list entries of hidden resources.
    pub fn prune(&mut self, call: &Call, mut answer: Answer) -> Answer {
        self.hidden.retain(|hidden| hidden.until > Instant::now());
        let is_hidden = |text: &str| self.hidden.iter().any(|hidden| hidden.is_in(text));
        let Ok(text) = std::str::from_utf8(&answer.body) else { return answer };
        if call.is_change || !is_hidden(text) {
            return answer;
        }
        // The sandbox calls some of its JSON text/html.
        let pruned = if text.starts_with('<') {
            xml::without_entries(text, &is_hidden)
        } else {
            let Ok(mut body) = serde_json::from_str(text) else { return answer };
            prune_json(&mut body, &is_hidden);
            body.to_string()
        };
        answer.body = Bytes::from(pruned);
        answer
    }
}

/// `orders` of `arn:aws:sns:us-east-1:123456789012:orders`, without a secret's six random letters.
fn name_of(handle: &str) -> Option<String> {
    let name = handle.strip_prefix("arn:")?.rsplit([':', '/']).next()?;
    match name.len().checked_sub(7).and_then(|length| name.split_at_checked(length)) {
        Some((name, random)) if handle.contains(":secret:") && random.starts_with('-') => Some(name.to_owned()),
        _ => Some(name.to_owned()),
    }
}

/// Takes out the entries that say something hidden of themselves. What only a list inside an entry says is taken out
/// there.
fn prune_json(value: &mut Value, is_hidden: &dyn Fn(&str) -> bool) {
    match value {
        Value::Array(entries) => {
            entries.retain(|entry| !is_hidden(&own_text(entry)));
            entries.iter_mut().for_each(|entry| prune_json(entry, is_hidden));
        }
        Value::Object(fields) => fields.values_mut().for_each(|value| prune_json(value, is_hidden)),
        _ => {}
    }
}

fn own_text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Object(fields) => fields.values().map(|value| own_text(value) + "\n").collect(),
        _ => String::new(),
    }
}
